"""Runs and fits side by side: the same bits as one after another."""

import os
import warnings

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    MixMateClustering,
    SparseAutoencoder,
)
from skmixmate.base import parts
from skmixmate.base.fit import NetworkFit
from skmixmate.model_selection import choose_n_clusters, cluster_stability
from skmixmate.utils.parallel import side_by_side

X, _ = make_blobs(160, 6, centers=3, cluster_std=3.0, random_state=0)
X_WITH_GAPS = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
MODELS = [
    # The first start decides how many atoms all runs have.
    MixMateClustering(3, init_size=80, max_iter=2),
    MixMateClustering(3, n_atoms=2, init="data", max_iter=2),
    GroupSparseAutoencoder(4, 2, max_iter=2),
    SparseAutoencoder(6, max_iter=2),
]


def fitted(model, data=X, **parameters):
    return clone(model).set_params(n_init=3, random_state=1, **parameters).fit(data)


def assert_same_bits(one, other):
    assert one.loss_ == other.loss_
    assert_array_equal(one.labels_, other.labels_)
    atoms = one._fitted_name
    assert_array_equal(getattr(one, atoms), getattr(other, atoms))
    for run, expected in zip(one.runs_, other.runs_, strict=True):
        assert run.criterion == expected.criterion
        assert_array_equal(run.history["loss"], expected.history["loss"])


@pytest.fixture
def dask():
    distributed = pytest.importorskip("distributed")
    # Any free port, should another cluster have the usual one.
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    with cluster, distributed.Client(cluster):
        yield


@pytest.mark.parametrize("model", MODELS[1:], ids=repr)
def test_runs_in_threads(model):
    n_threads = torch.get_num_threads()
    expected = fitted(model)
    with joblib.parallel_config("threading"):
        assert_same_bits(fitted(model, n_jobs=3), expected)
    assert torch.get_num_threads() == n_threads


@pytest.mark.parametrize("model", MODELS[::2], ids=repr)
def test_runs_in_processes(model):
    assert_same_bits(fitted(model, n_jobs=2), fitted(model))


@pytest.mark.parametrize("model", MODELS[::2], ids=repr)
def test_runs_on_a_dask_cluster(dask, model):
    expected = fitted(model)
    with joblib.parallel_config(backend="dask"):
        assert_same_bits(fitted(model), expected)


@pytest.mark.slow
def test_runs_and_parts_in_processes_of_a_dask_cluster(parts_of_40):
    distributed = pytest.importorskip("distributed")
    expected = fitted(MODELS[0])
    with joblib.parallel_config("threading"):
        probabilities = expected.set_params(n_jobs=2).predict_proba(X)
    # Any free port, should another cluster have the usual one.
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    )
    with (
        cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        model = fitted(MODELS[0])
        assert_same_bits(model, expected)
        assert_array_equal(model.set_params(n_jobs=2).predict_proba(X), probabilities)


def test_none_is_what_joblib_is_told(monkeypatch):
    asked = []

    def train_at_once(fit, found, n_jobs):
        asked.append(n_jobs)
        raise KeyboardInterrupt

    monkeypatch.setattr(NetworkFit, "_train_at_once", train_at_once)
    fitted(MODELS[3])
    for n_jobs in (2, 8):
        with (
            joblib.parallel_config("threading", n_jobs=n_jobs),
            pytest.raises(KeyboardInterrupt),
        ):
            fitted(MODELS[3])
    assert asked == [2, 3]


def test_runs_of_incomplete_samples_in_threads():
    expected = fitted(MODELS[1], X_WITH_GAPS)
    with joblib.parallel_config("threading"):
        found = fitted(MODELS[1], X_WITH_GAPS, n_jobs=3)
    assert_same_bits(found, expected)
    assert_array_equal(found.impute(X_WITH_GAPS), expected.impute(X_WITH_GAPS))


def test_masked_tensors_in_processes():
    model = MixMateClustering(3, missing="mask", init="data", max_iter=2)
    tensor = torch.from_numpy(X_WITH_GAPS).to(torch.bfloat16)
    assert_same_bits(fitted(model, tensor, n_jobs=2), fitted(model, tensor))


def test_a_clusterer_hands_n_jobs_on():
    def mixture(n_jobs):
        model = EmbeddingClustering(3, n_init=2, random_state=0, n_jobs=n_jobs)
        return model.fit(X).mixmate_

    assert mixture(2).n_jobs == 2
    assert_same_bits(mixture(2), mixture(None))


def test_lines_tell_which_run_has_ended(capsys):
    fitted(MODELS[3], n_jobs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "SparseAutoencoder: 3 runs, 2 at once"
    assert sorted(line[:42] for line in lines[1:4]) == [
        f"SparseAutoencoder: run {i}/3, 2 epochs, crite"[:42] for i in (1, 2, 3)
    ]


def test_an_interrupt_keeps_the_runs_that_have_ended(monkeypatch):
    received = NetworkFit.received
    n_received = []

    def interrupted(self, result):
        n_received.append(None)
        if len(n_received) == 3:
            raise KeyboardInterrupt
        return received(self, result)

    monkeypatch.setattr(NetworkFit, "received", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted in run 3 of 3"):
        model = fitted(MODELS[3], n_jobs=2)
    assert len(model.runs_) == 2
    assert model.loss_ == min(run.criterion for run in model.runs_)


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "2"])
def test_n_jobs_out_of_range(n_jobs):
    for fit in (
        lambda: fitted(MODELS[3], n_jobs=n_jobs),
        lambda: EmbeddingClustering(3, n_jobs=n_jobs).fit(X),
        lambda: cluster_stability(KMeans(3), X, n_jobs=n_jobs),
        lambda: choose_n_clusters(None, X, n_jobs=n_jobs),
    ):
        with pytest.raises((TypeError, ValueError), match=r"^n_jobs must be None"):
            fit()


def warn_and_tell(value):
    warnings.warn(f"of {value}", UserWarning, stacklevel=1)
    return value, os.getpid(), torch.get_num_threads()


def test_warnings_and_threads_of_other_processes():
    with pytest.warns(UserWarning, match="of ") as caught:
        found = dict(side_by_side(warn_and_tell, [(i,) for i in range(3)], 2))
    assert sorted(str(w.message) for w in caught) == ["of 0", "of 1", "of 2"]
    assert [found[i][0] for i in range(3)] == [0, 1, 2]
    assert os.getpid() not in {process for _, process, _ in found.values()}
    assert {n for _, _, n in found.values()} == {max(1, torch.get_num_threads() // 2)}
    # Where warnings are errors, one of another process is too.
    with pytest.raises(UserWarning, match="of "):
        list(side_by_side(warn_and_tell, [(0,), (1,)], 2))


class Labels(ClusterMixin, BaseEstimator):
    """Fits that tell how large they were."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.seed_ = self.random_state
        return self

    def predict(self, X):
        return np.random.RandomState(self.seed_).randint(3, size=len(X))


@pytest.mark.parametrize("clusterer", [KMeans(4), Labels()], ids=repr)
def test_stability_in_processes(clusterer):
    expected = cluster_stability(clusterer, X, n_repeats=3, random_state=0)
    found = cluster_stability(clusterer, X, n_repeats=3, random_state=0, n_jobs=2)
    assert_array_equal(found, expected)


def test_the_number_of_clusters_in_processes():
    options = {"candidates": [2, 3, 5], "n_repeats": 3, "random_state": 0}
    expected = choose_n_clusters(None, X, **options)
    found = choose_n_clusters(None, X, **options, n_jobs=2)
    assert found[:2] == expected[:2]
    for one, other in zip(found[2:], expected[2:], strict=True):
        assert_array_equal(one, other)


def test_a_clusterer_finds_its_number_in_processes(monkeypatch):
    def n_at_once(n_jobs, n_tasks):
        raise NotImplementedError(f"{n_jobs} of {n_tasks} at once")

    monkeypatch.setattr("skmixmate.model_selection.found_again.n_at_once", n_at_once)
    clusterer = EmbeddingClustering("auto", random_state=0, n_jobs=2)
    with pytest.raises(NotImplementedError, match="2 of 10 at once"):
        clusterer.fit(X)


METHODS_OF_ALL = ("predict", "transform", "score_samples")
METHODS = {
    MixMateClustering: (*METHODS_OF_ALL, "predict_proba"),
    GroupSparseAutoencoder: METHODS_OF_ALL,
    EmbeddingClustering: (
        *(*METHODS_OF_ALL, "predict_proba"),
        *("outlier_scores", "compute_features"),
    ),
}
MODELS_WITH_PARTS = [MODELS[1], MODELS[2], EmbeddingClustering(3)]


@pytest.fixture
def parts_of_40(monkeypatch):
    monkeypatch.setattr(parts, "_LEAST_ROWS", 40)


def fitted_once(model, **parameters):
    return clone(model).set_params(random_state=0, **parameters).fit(X)


@pytest.mark.parametrize("model", MODELS_WITH_PARTS, ids=lambda m: type(m).__name__)
def test_parts_of_new_samples_in_threads(model, parts_of_40, capsys, tmp_path):
    alone = fitted_once(model)
    at_once = fitted_once(model).set_params(n_jobs=2, verbose=1)
    for name in METHODS[type(model)]:
        expected = getattr(alone, name)(X)
        capsys.readouterr()
        with joblib.parallel_config("threading"):
            found = getattr(at_once, name)(X)
            assert "160 samples in 4 parts, 2 at once" in capsys.readouterr().out
            out = np.lib.format.open_memmap(
                tmp_path / name, "w+", expected.dtype, expected.shape
            )
            assert getattr(at_once, name)(X, out=out) is out
        assert found.dtype == expected.dtype
        assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        assert_array_equal(out, found)
    # Not for all of them.
    assert at_once.verbose == 1


@pytest.mark.parametrize("model", MODELS_WITH_PARTS, ids=lambda m: type(m).__name__)
def test_parts_on_a_dask_cluster(dask, model, parts_of_40, capsys):
    fitted = fitted_once(model).set_params(n_jobs=2, verbose=1)
    for name in METHODS[type(model)]:
        with joblib.parallel_config("threading"):
            expected = getattr(fitted, name)(X)
        capsys.readouterr()
        with joblib.parallel_config(backend="dask"):
            assert_array_equal(getattr(fitted, name)(X), expected)
        assert "160 samples in 4 parts, 2 at once" in capsys.readouterr().out
    with joblib.parallel_config(backend="dask"):
        assert_array_equal(fitted.predict(X), fitted.set_params(n_jobs=1).predict(X))


class Shifted(MixMateClustering):
    """A method that builds on another, in a signature of its own."""

    def __init__(self, n_clusters=3):
        super().__init__(n_clusters, n_atoms=2, init="data", max_iter=2, random_state=0)

    def predict(self, X):
        return super().predict(X) + 1


def test_methods_of_subclasses_and_parts_of_a_file_in_processes(parts_of_40, tmp_path):
    np.save(tmp_path / "X.npy", X)
    samples = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = Shifted().fit(X)
    expected = model.predict(X)
    with joblib.parallel_config(n_jobs=2):
        # Its n_jobs is None.
        assert_array_equal(model.predict(samples), expected)
    assert expected.min() == 1


def test_parts_give_a_frame_where_one_is_asked_for(parts_of_40):
    pytest.importorskip("pandas")
    model = fitted_once(MODELS[1]).set_output(transform="pandas")
    expected = model.transform(X)
    with joblib.parallel_config("threading", n_jobs=2):
        found = model.transform(X)
    assert list(found.columns) == list(expected.columns)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_parts_are_of_bounded_size(parts_of_40, monkeypatch):
    sizes = []
    of_part = parts._of_part

    def counted(estimator, module, name, X):
        sizes.append(len(X))
        return of_part(estimator, module, name, X)

    monkeypatch.setattr(parts, "_MOST_ROWS", 30)
    monkeypatch.setattr(parts, "_of_part", counted)
    model = fitted_once(MODELS[1])
    with joblib.parallel_config("threading", n_jobs=2):
        model.predict(X)
    assert sum(sizes) == len(X)
    assert max(sizes) <= 30


@pytest.mark.parametrize(
    "samples",
    ["few", "missing", "mask", "a tensor", "no array", "a map changed in memory"],
)
def test_what_is_not_taken_in_parts(samples, parts_of_40, monkeypatch, tmp_path):
    monkeypatch.setattr(parts, "side_by_side", None)
    model = fitted_once(MODELS[1])
    mask = None
    if samples == "few":
        new = X[:79]
    elif samples == "missing":
        new = X_WITH_GAPS
    elif samples == "mask":
        new, mask = X, ~np.isnan(X_WITH_GAPS)
    elif samples == "a tensor":
        new = torch.from_numpy(X)
    elif samples == "no array":
        new = X.tolist()
    else:
        np.save(tmp_path / "X.npy", X)
        new = np.load(tmp_path / "X.npy", mmap_mode="c")[:150]
        new[:] = X[::-1][:150]
    expected = model.predict(new, mask)
    assert_array_equal(model.set_params(n_jobs=2).predict(new, mask), expected)


def test_errors_of_parts(parts_of_40):
    model = fitted_once(MODELS[1], n_jobs=2)
    with joblib.parallel_config("threading"):
        with pytest.raises(ValueError, match="6 features"):
            model.predict(X[:, :5])
        with pytest.raises(NotFittedError):
            clone(model).predict(X)
        with pytest.raises(ValueError, match="out must have the shape"):
            model.predict(X, out=np.empty(159, dtype=int))
    with pytest.raises(ValueError, match="n_jobs must"):
        model.set_params(n_jobs=0).predict(X)
