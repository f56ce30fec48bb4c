"""NumPy's masked arrays: masks count wherever X is taken, or are refused by name."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skmixmate import (
    GroupSparseAutoencoder,
    LocalGaussianImputer,
    MagnitudeSpectrum,
    MixMateClustering,
    NeighborVoting,
    PartialWhitening,
    ScatteringTransform,
    ScatteringTransform1D,
    SparseAutoencoder,
    SparseSubspaceClustering,
)
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.inspection import atom_averages
from skmixmate.model_selection import cluster_stability
from skmixmate.plotting import ReconstructionDisplay

MIXMATE = MixMateClustering(
    3, n_atoms=4, init="k-means", max_iter=2, batch_size=64, random_state=0
)
WITH_MISSING = [
    MIXMATE,
    GroupSparseAutoencoder(5, 2, init="data", max_iter=2, random_state=0),
    SparseAutoencoder(10, init="data", max_iter=2, random_state=0),
    LocalGaussianImputer(random_state=0),
]
READERS = (
    *("predict", "predict_proba", "transform", "score_samples", "encode"),
    *("reconstruct", "impute", "score"),
)


@pytest.fixture(scope="module")
def samples():
    """Samples, where they are masked, and the same with junk there."""
    X = make_dictionary_mixture(
        160, n_clusters=3, n_atoms=4, n_features=9, n_nonzero_coefs=2, random_state=0
    ).data
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.2
    missing[np.arange(len(X)), np.arange(len(X)) % 9] = False
    missing[::3] = False
    return X, missing, np.ma.array(np.where(missing, -9999.0, X), mask=missing)


def with_name(estimator):
    return type(estimator).__name__


def assert_same_answers(model, other, X, X_other, readers=READERS):
    for name in filter(lambda name: hasattr(model, name), readers):
        assert_array_equal(getattr(model, name)(X), getattr(other, name)(X_other))


@pytest.mark.parametrize("estimator", WITH_MISSING, ids=with_name)
@pytest.mark.parametrize("form", ["array", "rows", "infinite"])
def test_masked_entries_are_missing_ones(estimator, form, samples):
    X, missing, masked = samples
    X_nan = np.where(missing, np.nan, X)
    given = {
        "array": masked,
        "rows": list(masked),
        "infinite": np.ma.masked_invalid(np.where(missing, np.inf, X)),
    }[form]
    expected = clone(estimator).fit(X_nan)
    model = clone(estimator).fit(given)
    readers = [name for name in READERS if name != "impute"]
    assert_same_answers(model, expected, given, X_nan, readers)
    if hasattr(model, "impute"):
        filled = model.impute(given)
        assert type(filled) is np.ndarray
        assert_array_equal(filled, expected.impute(X_nan))
    for method in ("fit_predict", "fit_transform"):
        if hasattr(model, method):
            answers = (getattr(clone(estimator), method)(A) for A in (given, X_nan))
            assert_array_equal(*answers)


@pytest.mark.parametrize("estimator", WITH_MISSING[:3], ids=with_name)
def test_masked_entries_in_batches_and_beside_a_mask(estimator, samples):
    X, missing, masked = samples
    in_batches, expected = clone(estimator), clone(estimator)
    for rows in (slice(80), slice(80, 160)):
        in_batches.partial_fit(masked[rows])
        expected.partial_fit(X[rows], mask=~missing[rows])
    assert_same_answers(in_batches, expected, masked, np.where(missing, np.nan, X))
    half = missing & (np.arange(9) < 5)
    both = clone(estimator).fit(np.ma.array(X, mask=half), mask=~missing | half)
    assert_same_answers(
        both,
        clone(estimator).fit(X, mask=~missing),
        masked,
        np.where(missing, np.nan, X),
    )


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integers_with_a_mask(dtype, samples):
    X, missing, _ = samples
    X = np.rint(20 * (X - X.min())).astype(dtype)
    masked = np.ma.array(np.where(missing, 0, X).astype(dtype), mask=missing)
    expected = clone(MIXMATE).fit(X, mask=~missing)
    model = clone(MIXMATE).fit(masked)
    assert_array_equal(model.dictionaries_, expected.dictionaries_)
    assert_array_equal(model.transform(masked), expected.transform(X, mask=~missing))
    imputer = LocalGaussianImputer(random_state=0)
    filled = imputer.fit_transform(masked)
    assert filled.dtype == np.result_type(dtype, np.float32)
    assert_array_equal(filled[~missing], X[~missing])
    # Not rounded to integers, nor 0 as in the data.
    assert (filled[missing] % 1.0 != 0.0).all()
    assert imputer.transform(np.ma.array(X)).dtype == dtype


@pytest.mark.parametrize(
    "estimator",
    [
        ScatteringTransform(1, 2, (3, 3), max_order=1),
        ScatteringTransform1D(1, 2),
        MagnitudeSpectrum(),
        PartialWhitening(3, random_state=0),
        SparseSubspaceClustering(3, random_state=0),
        NeighborVoting(MIXMATE, random_state=0),
    ],
    ids=with_name,
)
def test_where_nothing_may_be_missing_masks_are_refused(estimator, samples):
    X, _, masked = samples
    message = f"contains masked entries; {with_name(estimator)} does not accept missing"
    unmasked = np.ma.array(X, mask=False)
    expected, model = clone(estimator).fit(X), clone(estimator).fit(unmasked)
    for given in (masked, list(masked)):
        with pytest.raises(ValueError, match=message):
            clone(estimator).fit(given)
        for name in ("predict", "predict_proba", "transform", "score_samples"):
            if hasattr(model, name):
                with pytest.raises(ValueError, match=message):
                    getattr(model, name)(given)
    assert_same_answers(model, expected, unmasked, X)
    if hasattr(model, "labels_"):
        assert_array_equal(model.labels_, expected.labels_)


def test_parts_of_masked_arrays_keep_their_masks(samples):
    X, missing, masked = samples
    X_nan = np.where(missing, np.nan, X)
    for function in (
        lambda A: cluster_stability(MIXMATE, A, n_repeats=1, random_state=0),
        lambda A: cross_val_score(MIXMATE, A, cv=2),
        lambda A: make_pipeline(
            LocalGaussianImputer(random_state=0),
            PartialWhitening(5, random_state=0),
            MIXMATE,
        ).fit_predict(A),
    ):
        assert_array_equal(function(masked), function(X_nan))


def test_averages_and_displays_leave_masked_entries_out(samples):
    X, missing, masked = samples
    X_nan = np.where(missing, np.nan, X)
    model = clone(MIXMATE).fit(masked)
    for averages in zip(
        atom_averages(model, masked), atom_averages(model, X_nan), strict=True
    ):
        assert_array_equal(*averages)
    pytest.importorskip("matplotlib").use("Agg")
    rows = slice(1, 3)
    for given, nan in ((masked[rows], X_nan[rows]), (masked[1], X_nan[1])):
        displays = [
            ReconstructionDisplay.from_estimator(model, A, image_shape=(3, 3))
            for A in (given, nan)
        ]
        for name in ("observed", "codes", "labels", "mse"):
            assert_array_equal(*(getattr(display, name) for display in displays))
