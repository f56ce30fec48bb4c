"""What users pass becomes tensors: dtypes, shared memory, clear errors."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator

from skmixmate.utils.validation import missing_entries, validate_samples, with_nan

NAN = float("nan")


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(6, 4))


def validate(X, mask=None, estimator=None):
    """Validate as `fit` does, or as `predict` does where an estimator is given."""
    reset = estimator is None
    return validate_samples(estimator or BaseEstimator(), X, mask, reset=reset)


@pytest.mark.parametrize(
    ("dtype", "stored", "computed"),
    [
        ("bool", torch.bool, torch.float32),
        ("uint8", torch.uint8, torch.float32),
        ("int8", torch.int8, torch.float32),
        ("int16", torch.int16, torch.float32),
        ("uint16", torch.float32, torch.float32),
        ("int32", torch.int32, torch.float64),
        ("uint32", torch.float64, torch.float64),
        ("int64", torch.int64, torch.float64),
        ("uint64", torch.float64, torch.float64),
        ("float16", torch.float16, torch.float32),
        ("float32", torch.float32, torch.float32),
        ("float64", torch.float64, torch.float64),
        ("longdouble", torch.float64, torch.float64),
        (">u2", torch.float32, torch.float32),
        (">i2", torch.int16, torch.float32),
        (">f4", torch.float32, torch.float32),
        ("object", torch.float64, torch.float64),
    ],
)
def test_dtypes(dtype, stored, computed):
    values = np.array([[0, 1], [1, 0], [1, 1]])
    if dtype not in ("bool", "int8"):
        values = values * 200
    data = validate(values.astype(dtype))
    assert data.X.dtype == stored
    assert data.dtype == computed
    assert not data.is_tensor
    np.testing.assert_array_equal(data.X, values)


def test_large_unsigned_integers_keep_their_values():
    assert validate(np.array([[65535], [0]], dtype=np.uint16)).X[0, 0] == 65535.0
    assert validate(np.array([[2**32 - 1]], dtype=np.uint32)).X[0, 0] == 2.0**32 - 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.uint8])
def test_tensors_are_taken_as_they_are(dtype):
    X = torch.ones(3, 2, dtype=dtype)
    data = validate(X)
    assert data.is_tensor
    assert data.X.data_ptr() == X.data_ptr()
    assert data.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_tensors_are_detached():
    assert not validate(torch.ones(3, 2, requires_grad=True)).X.requires_grad


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float32", "float64"])
def test_contiguous_arrays_are_shared(dtype):
    X = np.ones((5, 3), dtype=dtype)
    assert validate(X).X.data_ptr() == X.ctypes.data


def test_other_layouts_are_copied(X):
    for other in (np.asfortranarray(X), X[::2], X[:, ::-1], X.tolist()):
        data = validate(other)
        assert data.X.is_contiguous()
        np.testing.assert_array_equal(data.X, np.asarray(other))


def test_read_only_memory_maps_are_shared_without_a_warning(tmp_path, X):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # Otherwise torch warns once in a process.
    try:
        with pytest.warns(UserWarning, match="not writ"):
            torch.from_numpy(mapped)
        data = validate(mapped)
    finally:
        torch.set_warn_always(always)
    assert data.X.data_ptr() == mapped.ctypes.data
    np.testing.assert_array_equal(data.X, X)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[1.0, np.inf], [0.0, 1.0]], "Input X contains infinity"),
        ([[1.0, -np.inf], [0.0, 1.0]], "Input X contains infinity"),
        ([[NAN, NAN], [NAN, NAN]], r"X has no observed entry"),
        (np.array([[1.0, 2.0j]]), "Complex data not supported"),
        ([["a", "b"], ["c", "d"]], r"could not convert string to float|numeric"),
        (sparse.csr_array(np.eye(3)), "[Ss]parse"),
        (np.ones(3), "1D array instead"),
        (np.ones((2, 2, 2)), r"\(2, 2, 2\); flatten images"),
        (np.float64(3.0), "scalar array"),
        (np.ones((0, 3)), r"0 sample\(s\)"),
        (np.ones((3, 0)), r"0 feature\(s\)"),
    ],
)
def test_wrong_arrays(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.ones(3), r"Expected 2D tensor X, got 1D tensor of shape \(3,\)"),
        (torch.ones(2, 2, 2), "must be two-dimensional"),
        (torch.tensor(1.0), "Expected 2D tensor X, got 0D"),
        (torch.eye(3).to_sparse(), "X must be a dense tensor, got layout"),
        (torch.ones(2, 2, dtype=torch.complex64), "Complex data not supported"),
        (torch.tensor([[1.0, torch.inf]]), "Input X contains infinity"),
        (torch.tensor([[NAN, NAN], [NAN, NAN]]), r"X has no observed entry"),
        (torch.ones(0, 3), r"X has shape \(0, 3\); BaseEstimator needs at least one"),
        (torch.ones(3, 0), r"X has shape \(3, 0\); BaseEstimator needs at least one"),
    ],
)
def test_wrong_tensors(wrong, message):
    with pytest.raises(ValueError, match=message):
        validate(wrong)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_masks(X, convert):
    mask = np.random.RandomState(0).uniform(size=X.shape) < 0.7
    kept = mask.copy()
    data = validate(X, convert(mask))
    assert data.mask.dtype == torch.bool
    np.testing.assert_array_equal(data.mask, mask)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(mask, kept)
    assert validate(X).mask is None


@pytest.mark.parametrize("to", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((6, 3), dtype=bool), r"shape of X, \(6, 4\), got \(6, 3\)"),
        (np.ones((4, 6), dtype=bool), r"shape of X, \(6, 4\), got \(4, 6\)"),
        (np.ones(6, dtype=bool), r"shape of X, \(6, 4\), got \(6,\)"),
        (np.ones((6, 4)), r"mask must be boolean, True where .*float64"),
        (np.ones((6, 4), dtype=int), r"mask must be boolean, True where .*int64"),
    ],
)
def test_wrong_masks(X, mask, message, to):
    with pytest.raises(ValueError, match=message):
        validate(X, to(mask))


def test_nan_and_mask_together_may_leave_nothing(X):
    mask = np.ones(X.shape, dtype=bool)
    X[2, :2] = NAN
    mask[2, 2:] = False
    with pytest.warns(UserWarning, match=r"1 row\(s\) of X have .* is row 2;"):
        data = validate(X, mask)
    assert data.empty_rows.nonzero().tolist() == [[2]]
    assert data.empty_columns is None
    mask[2, 3] = True
    assert validate(X, mask).empty_rows is None
    X[:3, 1] = NAN
    mask[3:, 1] = False
    data = validate(X, mask)
    assert data.empty_columns.tolist() == [False, True, False, False]
    assert data.empty_rows is None


@pytest.mark.parametrize("allow_missing", [True, False])
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("n_negative", [0, 20])
@pytest.mark.parametrize(
    ("dtype", "huge"), [("float16", 6e4), ("float32", 3e38), ("float64", 1.7e308)]
)
def test_sums_that_overflow_are_neither_nan_nor_infinity(
    dtype, huge, n_negative, convert, allow_missing
):
    X = np.full((64, 40), huge, dtype=dtype)
    X[:, :n_negative] *= -1
    data = validate_samples(
        BaseEstimator(), convert(X), reset=True, allow_missing=allow_missing
    )
    np.testing.assert_array_equal(data.X, X)
    assert missing_entries(data.X) is None


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_nan_and_infinity_among_huge_numbers_are_found(convert):
    X = np.full((4, 4), 3e38, dtype=np.float32)
    X[::2] *= -1
    X[1, 2] = NAN
    for mask in (None, np.ones(X.shape, dtype=bool)):
        missing = missing_entries(*validate(convert(X), mask)[:2])
        assert missing.nonzero().tolist() == [[1, 2]]
    X[3, 3] = np.inf
    with pytest.raises(ValueError, match="infinity, or a number too large for float32"):
        validate(convert(X))


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no long double"
)
def test_numbers_beyond_double_precision_are_infinity():
    with pytest.raises(ValueError, match="infinity, or a number too large for float64"):
        validate(np.array([[1.0, np.finfo(np.longdouble).max]]))


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_number_of_features(X, convert):
    estimator = BaseEstimator()
    validate_samples(estimator, convert(X), reset=True)
    assert estimator.n_features_in_ == 4
    validate(X[:2], estimator=estimator)
    for wrong in (X[:, :3], torch.ones(2, 5)):
        n_features = wrong.shape[1]
        with pytest.raises(
            ValueError,
            match=f"X has {n_features} features, but BaseEstimator is expecting 4",
        ):
            validate(wrong, estimator=estimator)
    assert estimator.n_features_in_ == 4


def test_feature_names(X):
    estimator = BaseEstimator()
    frame = pd.DataFrame(X, columns=list("abcd"))
    data = validate_samples(estimator, frame, reset=True)
    np.testing.assert_array_equal(data.X, X)
    assert list(estimator.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        validate(frame[list("dcba")], estimator=estimator)
    # A tensor has no names: those of an earlier fit are forgotten, in fit only.
    validate(torch.from_numpy(X), estimator=estimator)
    assert hasattr(estimator, "feature_names_in_")
    validate_samples(estimator, torch.from_numpy(X), reset=True)
    assert not hasattr(estimator, "feature_names_in_")


MASKED = np.array([[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]] * 2, dtype=bool)


def masked_forms(X):
    """The same samples with the same entries masked, in all forms of NumPy's."""
    junk = np.where(MASKED, -9999.0, X)
    yield np.ma.array(junk, mask=MASKED)
    yield np.ma.array(junk, mask=MASKED, hard_mask=True, fill_value=3.0)
    yield np.ma.array(junk[::-1], mask=MASKED[::-1])[::-1]
    yield np.ma.array(np.asfortranarray(junk), mask=np.asfortranarray(MASKED))
    yield np.ma.masked_invalid(np.where(MASKED, np.inf, X))
    yield np.ma.masked_invalid(np.where(MASKED, NAN, X))
    yield np.ma.array(np.where(MASKED, "?", X.astype(object)), mask=MASKED)
    yield list(np.ma.array(junk, mask=MASKED))
    yield [list(junk[0]), *np.ma.array(junk, mask=MASKED)[1:]]


def test_masked_arrays(X):
    for form in list(masked_forms(X))[:-1]:
        data = validate(form)
        np.testing.assert_array_equal(data.mask, ~MASKED)
        np.testing.assert_array_equal(data.X[data.mask], X[~MASKED])
        assert not data.is_tensor
    assert (
        validate(list(masked_forms(X))[-1])
        .mask[1:]
        .equal(torch.from_numpy(~MASKED[1:]))
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float16", ">i2"])
def test_masked_arrays_keep_their_dtype_and_memory(dtype):
    values = np.arange(24).reshape(6, 4).astype(dtype)
    data, plain = validate(np.ma.array(values, mask=MASKED)), validate(values)
    assert data.X.dtype == plain.X.dtype
    np.testing.assert_array_equal(data.X, values)
    np.testing.assert_array_equal(data.mask, ~MASKED)
    if values.dtype.isnative:
        assert data.X.data_ptr() == values.ctypes.data


@pytest.mark.parametrize("mask", [np.ma.nomask, False, np.zeros((6, 4), dtype=bool)])
def test_a_masked_array_that_masks_nothing_is_an_array(X, mask):
    data = validate_samples(
        BaseEstimator(), np.ma.array(X, mask=mask), reset=True, allow_missing=False
    )
    assert data.mask is None
    np.testing.assert_array_equal(data.X, X)


def test_all_masks_count_together(X):
    mask = np.ones(X.shape, dtype=bool)
    mask[0, 0] = mask[1, 1] = False
    X[5, 3] = NAN
    for convert in (np.asarray, torch.from_numpy, pd.DataFrame):
        data = validate(np.ma.array(X, mask=MASKED), convert(mask))
        np.testing.assert_array_equal(data.mask, mask & ~MASKED)
        missing = missing_entries(data.X, data.mask)
        np.testing.assert_array_equal(missing, ~mask | MASKED | np.isnan(X))


@pytest.mark.parametrize("as_tensor", [False, True])
def test_what_a_mask_itself_does_not_know_is_not_observed(X, as_tensor):
    X = torch.from_numpy(X) if as_tensor else X
    nullable = pd.DataFrame(np.ones(X.shape, dtype=bool)).astype("boolean")
    masks = [
        np.ma.array(np.ones(X.shape, dtype=bool), mask=MASKED),
        list(np.ma.array(np.ones(X.shape, dtype=bool), mask=MASKED)),
        np.ma.array(np.ones(X.shape, dtype=object) == 1, mask=MASKED).astype(object),
        nullable.mask(MASKED),
        nullable.mask(MASKED).to_numpy(dtype=object),
    ]
    for mask in masks:
        np.testing.assert_array_equal(validate(X, mask).mask, ~MASKED)
    with pytest.raises(ValueError, match=r"mask must be boolean, .*float64"):
        validate(X, np.ma.array(np.ones(X.shape), mask=MASKED))


def test_what_a_mask_hides_may_be_anything(X):
    X[MASKED] = np.inf
    for convert in (np.asarray, torch.from_numpy):
        np.testing.assert_array_equal(validate(convert(X), ~MASKED).mask, ~MASKED)
        with pytest.raises(ValueError, match="infinity"):
            validate(convert(X), np.roll(~MASKED, 1))


def test_masked_rows_and_columns_are_told_like_missing_ones(X):
    mask = np.zeros(X.shape, dtype=bool)
    mask[2] = True
    with pytest.warns(UserWarning, match=r"1 row\(s\) of X have .* is row 2"):
        validate(np.ma.array(X, mask=mask))
    mask[2, 1:] = False
    observed = np.ones(X.shape, dtype=bool)
    observed[:, 0] = mask[:, 0]
    data = validate(np.ma.array(X, mask=mask), observed)
    assert data.empty_columns.nonzero().tolist() == [[0]]


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        (lambda X: np.ma.array(X, mask=MASKED), "masked entries"),
        (lambda X: list(np.ma.array(X, mask=MASKED)), "masked entries"),
        (lambda X: np.where(MASKED, NAN, X), "NaN"),
        (lambda X: torch.from_numpy(np.where(MASKED, NAN, X)), "NaN"),
        (lambda X: pd.DataFrame(X).astype("Float64").mask(MASKED), "NaN"),
    ],
)
def test_missing_entries_may_be_refused(X, missing, what):
    with pytest.raises(
        ValueError,
        match=f"X contains {what}; BaseEstimator does not accept missing .*Imputer",
    ):
        validate_samples(BaseEstimator(), missing(X), reset=True, allow_missing=False)


@pytest.mark.parametrize("dtype", ["Float64", "Float32", "Int64", "UInt8"])
def test_missing_values_of_pandas(dtype):
    values = np.arange(24.0).reshape(6, 4)
    frame = pd.DataFrame(values, columns=list("abcd")).astype(dtype).mask(MASKED)
    some = frame.astype({"a": "Float64", "b": "Int64"})
    for X in (frame, some, frame.to_numpy(dtype=object), some.to_numpy(dtype=object)):
        data = validate(X)
        assert data.X.dtype == torch.float64
        np.testing.assert_array_equal(data.X, np.where(MASKED, NAN, values))


@pytest.mark.parametrize(
    ("dtype", "filled"),
    [("uint8", "float32"), ("int64", "float64"), ("float32", "float32")],
)
def test_masked_entries_as_nan(dtype, filled):
    values = np.arange(24).reshape(6, 4).astype(dtype)
    X = with_nan(np.ma.array(values, mask=MASKED))
    assert type(X) is np.ndarray
    assert X.dtype == filled
    np.testing.assert_array_equal(X, np.where(MASKED, NAN, values))
    assert with_nan(values) is values
    assert with_nan(np.ma.array(values)).dtype == dtype


def mask_frame(columns):
    return pd.DataFrame(~MASKED, columns=columns)


@pytest.mark.parametrize(
    ("columns", "other"),
    [
        (list("abcd"), list("dcba")),
        (list("abcd"), list("abce")),
        ([0, 1, 2, 3], [3, 2, 1, 0]),
        (
            pd.MultiIndex.from_product([[0, 1], [2, 3]]),
            [(1, 2), (1, 3), (0, 2), (0, 3)],
        ),
    ],
)
def test_columns_of_a_mask_are_those_of_X(X, columns, other):
    frame = pd.DataFrame(X, columns=columns)
    np.testing.assert_array_equal(validate(frame, mask_frame(columns)).mask, ~MASKED)
    with pytest.raises(
        ValueError, match=r"mask must have the columns of X .*mask\[X\.columns\]"
    ):
        validate(frame, mask_frame(other))
    # By their place, whatever the index is, and where there are no names.
    reordered = mask_frame(columns).set_axis([5, 4, 3, 2, 1, 0])
    for mask in (reordered, mask_frame(other).to_numpy()):
        np.testing.assert_array_equal(validate(frame, mask).mask, ~MASKED)
    np.testing.assert_array_equal(validate(X, mask_frame(other)).mask, ~MASKED)


def test_numbered_columns_of_a_mask_go_by_place(X):
    frame = pd.DataFrame(X, columns=list("abcd"))
    for columns in ([0, 1, 2, 3], [7, 8, 9, 10]):
        validate(frame, mask_frame(columns))
        validate(pd.DataFrame(X), mask_frame(columns))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, np.ma.array])
def test_columns_of_a_mask_are_those_of_fit(X, convert):
    estimator = BaseEstimator()
    validate_samples(estimator, pd.DataFrame(X, columns=list("abcd")), reset=True)
    validate(convert(X), mask_frame(list("abcd")), estimator)
    validate(convert(X), mask_frame([0, 1, 2, 3]), estimator)
    with pytest.raises(ValueError, match="its column 0 is 'd', that of X 'a'"):
        validate(convert(X), mask_frame(list("dbca")), estimator)
