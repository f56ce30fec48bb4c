"""Where training starts, whatever ``init`` is."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from skmixmate.initializers import InitializationWarning

from .conftest import small_model


def start(X, init, **parameters):
    """The first atoms as they are, in the unit of X."""
    model = small_model(
        init=init, max_iter=0, normalize_atoms=False, scale=1.0, **parameters
    )
    return model.fit(X).dictionary_


def is_row(atoms, X):
    return (np.abs(atoms[:, None] - X).max(axis=2) < 1e-6).any(axis=1)


def test_data_are_distinct_samples(X):
    atoms = start(X, "data")
    assert is_row(atoms, X).all()
    assert len(np.unique(atoms, axis=0)) == len(atoms)


def test_no_two_atoms_are_equal_where_there_are_few_samples(X):
    # Equal atoms would get equal gradients and stay equal for ever.
    atoms = start(X[:6], "data")
    assert is_row(atoms, X[:6]).sum() == 6
    assert len(np.unique(atoms.round(6), axis=0)) == 10


def test_random_atoms_have_unit_norm_on_average(X):
    model = small_model(
        init="noise", n_groups=100, alpha=1e-3, max_iter=0, normalize_atoms=False
    )
    atoms = model.fit(X).dictionary_
    assert np.linalg.norm(atoms, axis=1).mean() == pytest.approx(1.0, rel=0.05)


def fifths_of_the_first_feature(X, n_groups, random_state):
    return X[:, 0].argsort().argsort() * n_groups // len(X)


@pytest.mark.parametrize(
    "init",
    ["spectral", "k-means", "ssc", KMeans(5, n_init=3), fifths_of_the_first_feature],
)
def test_atoms_of_a_group_are_members_of_a_cluster(X, init):
    atoms = start(X, init)
    assert is_row(atoms, X).all()
    if callable(init):
        rows = np.abs(atoms[:, None] - X).max(axis=2).argmin(axis=1)
        labels = fifths_of_the_first_feature(X, 5, None)[rows]
        assert (labels == np.repeat(np.arange(5), 2)).all()


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_an_array_is_taken_as_it_is(X, kind):
    atoms = np.random.RandomState(0).standard_normal((10, 12))
    np.testing.assert_allclose(start(X, kind(atoms)), atoms, rtol=1e-6)


def test_a_callable_may_give_atoms(X):
    lowest = X[X[:, 0].argsort()][:10]
    atoms = start(X, lambda X, *_: 2.0 * X[X[:, 0].argsort()][:10])
    np.testing.assert_allclose(atoms, 2.0 * lowest, rtol=1e-6)


def test_zero_atoms_start_as_random_ones(X):
    atoms = X[:10].copy()
    atoms[3] = 0.0
    with pytest.warns(InitializationWarning, match="1 initial atoms are zero"):
        D = start(X, atoms)
    assert np.linalg.norm(D[3]) > 0.1


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("cluster", "'k-means', 'data', .* an object .* got 'cluster'"),
        (KMeans, "init must be one of 'spectral'"),
        (np.zeros((9, 12)), r"n_features\) = \(5, 2, 12\), .* Got shape \(9, 12"),
        (np.full((10, 12), np.nan), "with NaN or infinity"),
        (lambda *_: np.zeros((2, 2)), r"Got shape \(2, 2\)"),
        (lambda *_: np.zeros(3, int), r"labels of shape \(3,\) for 200 samples"),
    ],
)
def test_a_bad_init_is_named(X, init, message):
    with pytest.raises(ValueError, match=message):
        start(X, init)


def test_clusters_need_a_sample_each(X):
    with pytest.raises(ValueError, match="clusters or groups, got n_samples=4"):
        small_model(init="spectral").fit(X[:4])
    with pytest.raises(ValueError, match="n_samples=3; use more samples"):
        small_model(init="spectral", init_size=3).fit(X)
    assert small_model(init="data", alpha=0.01).fit(X[:4]).labels_.shape == (4,)
