"""What users pass becomes tensors: dtypes, shared memory, clear errors."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator

from skmixmate.utils.validation import check_integer, check_number, validate_samples

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
        ([[1.0, 2.0], [NAN, NAN]], r"1 row\(s\) of X have no observed .* is row 1"),
        ([[1.0, NAN], [2.0, NAN]], r"1 column\(s\) of X have no .* is column 1"),
        ([[NAN, NAN], [NAN, NAN]], r"2 row\(s\) of X have no .* is row 0"),
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
        (torch.tensor([[1.0, NAN], [2.0, NAN]]), r"is column 1"),
        (torch.tensor([[1.0, 2.0], [NAN, NAN]]), r"is row 1"),
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
    with pytest.raises(ValueError, match="is row 2; every row needs at least one"):
        validate(X, mask)
    mask[2, 3] = True
    validate(X, mask)
    X[:3, 1] = NAN
    mask[3:, 1] = False
    with pytest.raises(ValueError, match="is column 1; every column"):
        validate(X, mask)


def test_empty_columns_matter_in_fit_only(X):
    estimator = BaseEstimator()
    validate_samples(estimator, X, reset=True)
    X[:, 1] = NAN
    assert torch.isnan(validate(X, estimator=estimator).X[:, 1]).all()
    X[4] = NAN
    with pytest.raises(ValueError, match="is row 4"):
        validate(X, estimator=estimator)


def test_numbers_whose_sum_overflows_are_no_missing_entries():
    validate(np.full((2, 2), 3e38, dtype=np.float32))
    validate(np.array([[1.7e308, -1.7e308], [1.7e308, -1.7e308]]))


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


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(7)])
def test_integers(value):
    checked = check_integer(value, "n_atoms", min_val=1)
    assert type(checked) is int
    assert checked == value


@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, "1", None, True, np.True_, NAN])
def test_wrong_integers_are_named(value):
    with pytest.raises((TypeError, ValueError), match="n_atoms") as error:
        check_integer(value, "n_atoms", min_val=1)
    assert str(value) in str(error.value) or "instance" in str(error.value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int8(3)])
def test_numbers(value):
    checked = check_number(value, "alpha")
    assert type(checked) is float
    assert checked == value
    assert check_number(0, "tol", include_boundaries="left") == 0.0


@pytest.mark.parametrize("value", [0, -1.0, "1", None, True, 1j, np.inf, -np.inf, NAN])
def test_wrong_numbers_are_named(value):
    with pytest.raises((TypeError, ValueError), match="alpha"):
        check_number(value, "alpha")
