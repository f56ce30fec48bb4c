"""Averages by cluster and by atom."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmixmate import LocalGaussianImputer, MixMateClustering, NeighborVoting
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.inspection import atom_averages, merge_tree


@pytest.fixture(scope="module")
def mixture():
    """A mixture of two dictionaries and its samples."""
    X = make_dictionary_mixture(
        300, n_clusters=2, n_atoms=4, n_features=12, random_state=0
    ).data
    mixmate = MixMateClustering(2, n_atoms=6, init="k-means", max_iter=3)
    return mixmate.set_params(random_state=0).fit(X), X


def test_atoms_are_averages_of_the_samples_that_use_them_most(mixture):
    mixmate, X = mixture
    averages = atom_averages(mixmate, X, n_samples=5)
    codes = mixmate.encode(X)
    for cluster in range(2):
        members = mixmate.labels_ == cluster
        assert_allclose(averages.cluster_means[cluster], X[members].mean(axis=0))
        for atom in range(6):
            code = np.where(members, codes[:, atom], -np.inf)
            users = [i for i in np.argsort(-code)[:5] if code[i] > 0.0]
            expected = X[users].mean(axis=0) if users else np.zeros(12)
            assert_allclose(averages.atom_means[cluster, atom], expected)


def test_batches_do_not_matter(mixture, monkeypatch):
    mixmate, X = mixture
    whole = atom_averages(mixmate, X)
    monkeypatch.setattr("skmixmate.inspection._BATCH_SIZE", 37)
    for batched, expected in zip(atom_averages(mixmate, X), whole, strict=True):
        assert_allclose(batched, expected)


def test_a_pipeline_of_one_step_is_its_step(mixture):
    mixmate, X = mixture
    for piped, expected in zip(
        atom_averages(make_pipeline(mixmate), X), atom_averages(mixmate, X), strict=True
    ):
        assert_array_equal(piped, expected)


def test_data_frames_keep_their_names(mixture):
    pandas = pytest.importorskip("pandas")
    mixmate, X = mixture
    frame = pandas.DataFrame(X, columns=[f"feature {i}" for i in range(12)])
    named = MixMateClustering(2, n_atoms=6, init="k-means", max_iter=3, random_state=0)
    averages = atom_averages(named.fit(frame), frame)  # Warnings are errors.
    assert_array_equal(averages.cluster_means, atom_averages(mixmate, X).cluster_means)


@pytest.mark.parametrize("library", ["default", "pandas", "polars"])
def test_data_frames_between_steps_bring_no_warnings(mixture, library):
    pandas = pytest.importorskip("pandas")
    if library != "default":
        pytest.importorskip(library)
    mixmate, X = mixture
    frame = pandas.DataFrame(X).add_prefix("feature")
    pipeline = make_pipeline(StandardScaler(), NeighborVoting(mixmate, random_state=0))
    expected = atom_averages(pipeline.fit(X), X)
    pipeline.set_output(transform=library).fit(frame)  # Warnings are errors.
    pipeline.predict(frame), pipeline.predict_proba(frame), pipeline.score(frame)
    for averages, array in zip(atom_averages(pipeline, frame), expected, strict=True):
        assert_allclose(averages, array, rtol=1e-6, atol=1e-6)


def test_searches_and_nested_pipelines_are_unwrapped(mixture):
    mixmate, X = mixture
    inner = make_pipeline(StandardScaler(), mixmate)
    search = GridSearchCV(make_pipeline(StandardScaler(), inner), {}, cv=2).fit(X)
    scaled = StandardScaler().fit_transform(StandardScaler().fit_transform(X))
    expected = clone(mixmate).fit(scaled).predict(scaled)
    averages = atom_averages(search, X, n_samples=np.int64(3))
    for cluster in range(2):
        mean = X[expected == cluster].mean(axis=0)
        assert_allclose(averages.cluster_means[cluster], mean, rtol=1e-6)


def test_missing_entries_are_left_out(mixture):
    mixmate, X = mixture
    incomplete = X.copy()
    incomplete[::3, 2] = np.nan
    averages = atom_averages(mixmate, incomplete)
    labels = mixmate.predict(incomplete)
    expected = [np.nanmean(incomplete[labels == k], axis=0) for k in range(2)]
    assert_allclose(averages.cluster_means, expected)
    assert np.isfinite(averages.atom_means).all()


def test_a_cluster_without_samples_is_zero(mixture):
    mixmate, X = mixture
    averages = atom_averages(mixmate, X[mixmate.labels_ == 1])
    assert_array_equal(averages.cluster_means[0], 0.0)
    assert_array_equal(averages.atom_means[0], 0.0)


def test_other_clusterers_are_refused(mixture):
    _, X = mixture
    with pytest.raises(
        TypeError, match="clusterer must be a clusterer of this package"
    ):
        atom_averages(KMeans(2).fit(X), X)
    with pytest.raises(
        TypeError, match="clusterer must be a clusterer of this package"
    ):
        atom_averages(LocalGaussianImputer(always=True).fit(X), X)
    with pytest.raises(NotFittedError):
        atom_averages(GridSearchCV(MixMateClustering(2), {}), X)
    with pytest.raises(NotFittedError):
        atom_averages(MixMateClustering(2), X)
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        atom_averages(MixMateClustering(2), X, n_samples=0)
    with pytest.raises(TypeError, match="n_samples must be an integer"):
        atom_averages(MixMateClustering(2), X, n_samples=2.0)


def three_and_one():
    """Blobs of which the first two are near each other, and the last far away."""
    random_state = np.random.RandomState(0)
    centers = 10.0 * np.eye(4, 8)
    centers[1] = centers[0] + 5.0 * np.eye(8)[4]
    centers[3] *= 2.0
    y = np.repeat(np.arange(4), 50)
    return centers[y] + 0.2 * random_state.normal(size=(200, 8)), y


def four_clusters(X):
    return MixMateClustering(4, init="k-means", max_iter=1, random_state=0).fit(X)


def test_near_clusters_merge_first():
    X, y = three_and_one()
    mixmate = four_clusters(X)
    names = mixmate.labels_[::50]
    assert_array_equal(mixmate.labels_, names[y])
    tree = merge_tree(mixmate, X)
    assert is_valid_linkage(tree)
    assert set(tree[0, :2]) == set(names[:2])
    E = mixmate.transform(X)[:, names]
    there, back = ((E[y == i, j] - E[y == i, i]).mean() for i, j in ((0, 1), (1, 0)))
    assert tree[0, 2] == pytest.approx((there + back) / 2)
    assert len(dendrogram(tree, no_plot=True)["leaves"]) == 4
    piped = make_pipeline(FunctionTransformer(), mixmate)
    assert_array_equal(merge_tree(piped, X), tree)


def test_trees_of_clusters_without_samples():
    X, y = three_and_one()
    mixmate = four_clusters(X)
    for kept in ([0, 1, 3], [2]):
        tree = merge_tree(mixmate, X[np.isin(y, kept)])
        assert is_valid_linkage(tree)
        assert np.isfinite(tree).all()


def test_trees_need_clusters_with_energies():
    X, _ = three_and_one()
    with pytest.raises(TypeError, match="clusterer must be a clusterer of this"):
        merge_tree(KMeans(3).fit(X), X)
    with pytest.raises(NotFittedError):
        merge_tree(MixMateClustering(3), X)
    one = MixMateClustering(1, max_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="at least two clusters"):
        merge_tree(one, X)
