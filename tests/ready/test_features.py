"""Features of many samples: in batches, and in a file if need be."""

import errno

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skmixmate import EmbeddingClustering
from skmixmate.imputation import LocalGaussianImputer
from skmixmate.ready import features as features_module
from skmixmate.ready import make_image_features
from skmixmate.ready.features import fitted_features
from skmixmate.utils.validation import Input


@pytest.fixture(scope="module")
def X():
    X, _ = load_digits(return_X_y=True)
    return X[:300].astype(np.float32)


def new_features(subsample=200):
    features = make_image_features((8, 8), random_state=0)
    return features.set_params(components__subsample=subsample)


def data_of(X):
    return Input(torch.from_numpy(X), None, False)


@pytest.mark.parametrize("subsample", [200, 1000])
def test_they_are_those_of_the_pipeline(X, subsample, monkeypatch):
    expected = new_features(subsample).fit_transform(X)
    monkeypatch.setattr(features_module, "_BATCH_SIZE", 33)
    pipeline = new_features(subsample)
    found = fitted_features(pipeline, None, data_of(X))
    assert found.Z.dtype == np.float32
    assert_allclose(found.Z, expected, atol=1e-5)
    norms = np.linalg.norm(pipeline[:-1].transform(X), axis=1)
    assert_allclose(found.norms, norms, rtol=1e-4)
    assert found.trust is None
    assert_allclose(pipeline.transform(X), expected, atol=1e-5)


def test_no_more_coefficients_than_components_need(X, monkeypatch):
    monkeypatch.setattr(features_module, "_BATCH_SIZE", 25)
    pipeline = new_features(subsample=60)
    sizes = []
    transform = type(pipeline["scattering"]).transform
    monkeypatch.setattr(
        type(pipeline["scattering"]),
        "transform",
        lambda self, X: sizes.append(len(X)) or transform(self, X),
    )
    fitted_features(pipeline, None, data_of(X))
    # None is computed twice.
    assert sum(sizes) == len(X)
    assert max(sizes) == 60


def test_very_many_are_in_a_file_in_half_precision(X, monkeypatch):
    expected = fitted_features(new_features(), None, data_of(X))
    monkeypatch.setattr(features_module, "_LARGEST_BYTES", 0)
    found = fitted_features(new_features(), None, data_of(X))
    assert isinstance(found.Z, np.memmap)
    assert found.Z.dtype == np.float16
    assert_allclose(found.Z, expected.Z, atol=1e-3)
    assert_array_equal(found.norms, expected.norms)


def test_a_disk_without_room_for_features_is_told(X, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(features_module, "_LARGEST_BYTES", 0)
    monkeypatch.setattr(features_module.os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(OSError, match=r"features of X need .* TMPDIR") as caught:
        EmbeddingClustering(10, random_state=0).fit(X)
    assert caught.value.errno == errno.ENOSPC


def test_a_fit_to_features_in_a_file(X, monkeypatch):
    expected = EmbeddingClustering(10, random_state=0).fit_predict(X)
    monkeypatch.setattr(features_module, "_LARGEST_BYTES", 0)
    clusterer = EmbeddingClustering(10, random_state=0).fit(X)
    assert (clusterer.labels_ == expected).mean() > 0.95
    assert_array_equal(clusterer.predict(X), clusterer.labels_)
    assert EmbeddingClustering("auto", random_state=0).fit(X).n_clusters_ > 1


def test_incomplete_ones_are_filled_in_batch_by_batch(X, monkeypatch):
    X = X.copy()
    # The first batches have nothing to fill in.
    X[200::2, 20:40] = np.nan
    data = data_of(X)
    imputer = LocalGaussianImputer(3, random_state=0).fit(X)
    whole = fitted_features(new_features(1000), imputer, data)
    monkeypatch.setattr(features_module, "_BATCH_SIZE", 25)
    found = fitted_features(new_features(150), imputer, data)
    assert_allclose(found.trust, whole.trust, rtol=1e-5)
    assert (whole.trust[:200] == 1.0).all()
    assert (whole.trust[200::2] < 1.0).all()


@pytest.mark.parametrize(
    "method",
    [
        *("predict", "predict_proba", "transform", "score_samples"),
        *("outlier_scores", "compute_features"),
    ],
)
def test_answers_fill_a_memory_map(X, method, tmp_path):
    clusterer = EmbeddingClustering(3, random_state=0).fit(X[:100])
    expected = getattr(clusterer, method)(X)
    dtype = "int32" if method == "predict" else "float32"
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", dtype, expected.shape)
    assert getattr(clusterer, method)(X, out=out) is out
    assert_array_equal(np.load(tmp_path / "out.npy"), expected.astype(dtype))
    with pytest.raises(ValueError, match="shape"):
        getattr(clusterer, method)(X, out=out[:-1])


@pytest.mark.filterwarnings("ignore:.*row.* of X have no observed entry:UserWarning")
def test_of_samples_of_which_nothing_is_observed_the_sizes_of_clusters_decide():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], [40, 200, 60])
    X = 10.0 * np.eye(3, 8)[y] + 0.1 * rng.standard_normal((300, 8))
    empty = [3, 150, 299]
    X[empty] = np.nan
    X[::7, 5] = np.nan
    clusterer = EmbeddingClustering(3, random_state=0).fit(X)
    seen = np.delete(clusterer.labels_, empty)
    shares = np.bincount(seen) / len(seen)
    assert_array_equal(np.sort(np.bincount(seen)), [39, 59, 199])
    assert_array_equal(clusterer.labels_[empty], shares.argmax())
    assert_array_equal(clusterer.predict(X), clusterer.labels_)
    assert_allclose(clusterer.predict_proba(X)[empty], [shares] * 3, rtol=1e-6)
