import sys
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    ImageClustering,
    MixMateClustering,
    NeighborVoting,
)
from skmixmate.plotting import EmbeddingDisplay

X, Y = make_blobs(90, 6, centers=3, random_state=0)
PLANE = np.random.RandomState(0).uniform(size=(90, 2))
OPTIONS = {"init": "k-means", "max_iter": 1, "random_state": 0}


@pytest.fixture(scope="module")
def mixmate():
    return MixMateClustering(3, **OPTIONS).fit(X)


def draw(estimator, samples=X, **options):
    return EmbeddingDisplay.from_estimator(estimator, samples, **options)


def drawn(display):
    """Places and colours of the points, in the order of the samples."""
    collections = display.ax_.collections
    places = np.concatenate([points.get_offsets() for points in collections])
    colors = np.concatenate([points.get_edgecolors() for points in collections])
    order = np.lexsort(places.T)
    back = np.argsort(np.lexsort(display.embedding.T))
    return places[order][back], colors[order][back]


def test_energies_less_their_means(mixmate):
    display = draw(mixmate)
    energies = mixmate.transform(X)
    energies -= energies.mean(axis=1, keepdims=True)
    pca = PCA(2).fit(energies)
    assert_allclose(display.embedding, pca.transform(energies), atol=1e-4)
    share = 100 * pca.explained_variance_ratio_[0]
    expected = f"component 1 of energies ({share:.0f} % of the variance)"
    assert display.axis_names[0] == display.ax_.get_xlabel() == expected
    assert_array_equal(display.labels, mixmate.labels_)
    assert_array_equal(display.clusters, [0, 1, 2])
    assert_allclose(display.proba, mixmate.predict_proba(X).max(axis=1))
    assert_array_equal(display.indices, np.arange(90))


@pytest.mark.parametrize("n_clusters", [1, 2])
def test_one_or_two_energies(n_clusters):
    model = MixMateClustering(n_clusters, **OPTIONS).fit(X)
    display = draw(model)
    energies = model.transform(X)
    expected = PCA(n_clusters).fit_transform(energies)
    assert_allclose(display.embedding[:, :n_clusters], expected, atol=1e-4)
    assert (display.embedding[:, n_clusters:] == 0).all()


def test_features_and_codes(mixmate):
    display = draw(mixmate, embedding="features")
    assert_allclose(display.embedding, PCA(2).fit_transform(X))
    codes = mixmate.encode(X, clusters="all").reshape(90, -1)
    display = draw(mixmate, embedding="codes")
    assert_allclose(display.embedding, PCA(2).fit_transform(codes), atol=1e-4)


def test_features_of_what_is_around_the_mixture(mixmate):
    voting = NeighborVoting(MixMateClustering(3, **OPTIONS), random_state=0)
    ready = EmbeddingClustering(3, random_state=0).fit(X)
    pipeline = make_pipeline(StandardScaler(), voting).fit(X)
    search = GridSearchCV(MixMateClustering(3, **OPTIONS), {}, cv=2).fit(X)
    for estimator, features in (
        (ready, ready.compute_features(X)),
        (pipeline, pipeline[:-1].transform(X)),
        (search, X),
    ):
        display = draw(estimator, embedding="features")
        expected = PCA(2).fit_transform(features)
        assert_allclose(display.embedding, expected, atol=1e-5)
        assert_array_equal(display.labels, estimator.predict(X))
        assert_allclose(display.proba, estimator.predict_proba(X).max(axis=1))
        assert draw(estimator).axis_names[1].startswith("component 2 of energies")


def test_images_tensors_and_data_frames(mixmate):
    digits = load_digits().images[:60]
    images = ImageClustering(3, n_init=1, random_state=0).fit(digits)
    expected = draw(images, digits, embedding="features")
    tensors = draw(images, torch.tensor(digits), embedding="features")
    assert_allclose(tensors.embedding, expected.embedding, atol=1e-5)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X).add_prefix("feature")
    named = MixMateClustering(3, **OPTIONS).fit(frame)
    for embedding in ("energies", "features", "codes"):
        display = draw(named, frame, embedding=embedding, max_samples=50)
        assert display.embedding.shape == (50, 2)


def test_missing_entries(mixmate):
    mask = np.random.RandomState(0).uniform(size=X.shape) < 0.8
    mask[:, 0] = True
    model = MixMateClustering(3, **OPTIONS).fit(X, mask=mask)
    with_nan = np.where(mask, X, np.nan)
    for embedding in ("energies", "features", "codes"):
        one = draw(
            model, mask=mask, embedding=embedding, max_samples=80, random_state=0
        )
        other = draw(
            model, with_nan, embedding=embedding, max_samples=80, random_state=0
        )
        assert_allclose(one.embedding, other.embedding, atol=1e-5)
        assert_array_equal(one.labels, model.predict(with_nan)[one.indices])
    ready = EmbeddingClustering(3, random_state=0).fit(with_nan)
    one = draw(ready, mask=mask, embedding="features")
    assert_allclose(
        one.embedding, draw(ready, with_nan, embedding="features").embedding
    )
    pipeline = make_pipeline(StandardScaler(), MixMateClustering(3, **OPTIONS))
    pipeline.fit(with_nan)
    with pytest.raises(ValueError, match="Pipeline takes no mask for features"):
        draw(pipeline, mask=mask, embedding="features")


def test_places_that_are_given():
    labels = KMeans(3, n_init=1, random_state=0).fit(X)
    display = draw(labels, embedding=PLANE)
    assert_array_equal(display.embedding, PLANE)
    assert display.proba is None
    assert display.ax_.get_xlabel() == ""
    display = draw(labels, embedding=torch.tensor(PLANE), max_samples=20)
    assert_array_equal(display.embedding, PLANE[display.indices])
    with pytest.raises(ValueError, match=r"embedding must be .*\(90, 2\).*\(90, 3\)"):
        draw(labels, embedding=X[:, :3])
    with pytest.raises(ValueError, match="embedding must be 'energies' or 'features'"):
        draw(labels, embedding="pca")


def test_umap(mixmate, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install skmixmate\[umap\]"):
        draw(mixmate, embedding="umap")
    seen = {}

    class UMAP:
        def __init__(self, **options):
            seen.update(options)

        def fit_transform(self, features):
            seen["features"] = features
            return PLANE.astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    display = draw(mixmate, embedding="umap", random_state=0)
    assert_allclose(display.embedding, PLANE, atol=1e-6)
    assert_array_equal(seen["features"], X)
    assert isinstance(seen["random_state"], int)
    assert display.ax_.get_xlabel() == "UMAP 1"


def test_a_part_of_many_samples(mixmate):
    one = draw(mixmate, max_samples=30, random_state=0)
    assert one.embedding.shape == (30, 2)
    assert (np.diff(one.indices) > 0).all()
    assert_array_equal(one.labels, mixmate.labels_[one.indices])
    again = draw(mixmate, max_samples=30, random_state=0)
    assert_array_equal(again.indices, one.indices)
    other = draw(mixmate, max_samples=30, random_state=1)
    assert not np.array_equal(other.indices, one.indices)
    with pytest.raises(ValueError, match="max_samples"):
        draw(mixmate, max_samples=0)


def test_points_have_the_colour_of_their_cluster_and_doubtful_ones_are_faint():
    labels = np.array([0, 0, 2, 2, -1])
    proba = np.array([1.0, 0.2, 0.9, 0.5, 0.0])
    places = np.arange(10.0).reshape(5, 2)
    display = EmbeddingDisplay.from_predictions(places, labels, proba=proba)
    found, colors = drawn(display)
    assert_array_equal(found, places)
    assert_allclose(colors[:2, :3], [to_rgba("tab:blue")[:3]] * 2)
    assert_allclose(colors[2:4, :3], [to_rgba("tab:orange")[:3]] * 2)
    assert_allclose(colors[4, :3], [0.6] * 3)
    assert_array_equal(np.argsort(colors[:, 3]), np.argsort(proba))
    assert colors[0, 3] == 1
    assert colors[4, 3] > 0.1
    # The surest are on top.
    noise, points = display.ax_.collections
    assert (np.diff(points.get_facecolors()[:, 3]) >= 0).all()
    # What is in no cluster is below all, and of another form.
    assert_array_equal(noise.get_offsets(), places[4:])
    forms = [len(group.get_paths()[0].vertices) for group in (noise, points)]
    assert forms[0] < forms[1]
    assert_allclose(
        drawn(EmbeddingDisplay.from_predictions(places, labels))[1][:, 3], 1
    )


@pytest.mark.parametrize("n_clusters", [10, 20, 35])
def test_every_cluster_has_its_own_colour(n_clusters):
    labels = np.arange(n_clusters)
    display = EmbeddingDisplay.from_predictions(PLANE[:n_clusters], labels)
    colors = np.unique(drawn(display)[1][:, :3], axis=0)
    assert len(colors) == n_clusters
    # None is grey as noise is, or a paler shade of another, as doubt is.
    assert (np.ptp(colors, axis=1) > 0.1).all()
    ink = 1.0 - colors
    lengths = np.linalg.norm(ink, axis=1)
    angles = np.degrees(
        np.arccos((ink @ ink.T / np.outer(lengths, lengths)).clip(-1, 1))
    )
    fainter = (lengths / lengths[:, None] < 0.8) & (angles < 5.0)
    assert not fainter.any()


def test_numbers_or_names_at_the_medians():
    labels = np.array(["b"] * 40 + ["a"] * 50)
    display = EmbeddingDisplay.from_predictions(PLANE + 9 * (Y[:, None] > 0), labels)
    assert [text.get_text() for text in display.ax_.texts] == ["a", "b"]
    far = np.where(labels == "a", 100.0, 0.0)[:, None]
    display = EmbeddingDisplay.from_predictions(
        PLANE + far, labels, names=["cells", "dirt"]
    )
    assert [text.get_text() for text in display.ax_.texts] == ["cells", "dirt"]
    median = np.median(PLANE[40:] + 100, axis=0)
    assert_allclose(display.ax_.texts[0].get_position(), median)
    with pytest.raises(ValueError, match=r"names must be 2.*\['a', 'b'\]"):
        EmbeddingDisplay.from_predictions(PLANE, labels, names=["cells"])


def test_no_text_is_on_another():
    labels = np.arange(90) % 12
    display = EmbeddingDisplay.from_predictions(
        PLANE, labels, names=[f"a kind {k}" for k in range(12)]
    )
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_labels_of_others():
    display = EmbeddingDisplay.from_predictions(
        torch.tensor(X), torch.tensor(Y), max_samples=40, random_state=0
    )
    assert_allclose(display.embedding, PCA(2).fit_transform(X[display.indices]))
    assert display.ax_.get_xlabel().startswith("component 1 (")
    assert_array_equal(display.labels, Y[display.indices])
    one = EmbeddingDisplay.from_predictions(X[:, :1], Y)
    assert (one.embedding[:, 1] == 0).all()
    # Nothing varies.
    same = EmbeddingDisplay.from_predictions(np.ones((90, 3)), Y)
    same.figure_.canvas.draw()
    assert (same.embedding == 0).all()
    with pytest.raises(ValueError, match=r"labels must have shape \(90,\)"):
        EmbeddingDisplay.from_predictions(X, Y[:5])


def test_labels_and_samples_that_cannot_be(mixmate):
    with pytest.raises(ValueError, match="labels must not be NaN, got 1 of 90"):
        EmbeddingDisplay.from_predictions(X, np.where(np.arange(90) == 5, np.nan, Y))
    with pytest.raises(ValueError, match="X has no samples"):
        EmbeddingDisplay.from_predictions(X[:0], [])
    with pytest.raises(TypeError, match=r"X is sparse.*X\.toarray\(\)"):
        EmbeddingDisplay.from_predictions(csr_array(X), Y)
    # Where places are given, samples are looked at by the clusterer alone.
    kmeans = KMeans(3, n_init=1, random_state=0).fit(X)
    assert draw(kmeans, csr_array(X), embedding=PLANE).embedding is not None


def test_probabilities_a_little_above_one_are_drawn():
    proba = np.full(90, 1.0000001, dtype=np.float32)
    display = EmbeddingDisplay.from_predictions(PLANE, Y, proba=proba)
    assert drawn(display)[1].max() == 1.0
    # Of part of the samples, one cluster has none.
    mixed = np.eye(3)[Y[Y != 1]]
    display = EmbeddingDisplay.from_predictions(PLANE[Y != 1], Y[Y != 1], proba=mixed)
    assert_array_equal(display.clusters, [0, 1, 2])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(NotFittedError):
        draw(MixMateClustering(3))
    with pytest.raises(TypeError, match="estimator must be a clusterer of this pack"):
        draw(KMeans(3, n_init=1).fit(X))
    with pytest.raises(TypeError, match="estimator must be a clusterer of this pack"):
        draw(GroupSparseAutoencoder(2, 2, max_iter=1, init="data").fit(X))
    with pytest.raises(TypeError, match=r"EmbeddingDisplay\.from_predictions"):
        draw(StandardScaler())


def test_a_map_can_be_drawn_again(mixmate):
    display = draw(mixmate)
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    figure, ax = plt.subplots()
    again = EmbeddingDisplay(**stored).plot(ax=ax)
    assert again.ax_ is ax
    assert again.figure_ is figure


def test_missing_matplotlib(mixmate, monkeypatch):
    display = draw(mixmate)
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"EmbeddingDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw(mixmate)
    with pytest.raises(ImportError, match=message):
        EmbeddingDisplay.from_predictions(X, Y)
    with pytest.raises(ImportError, match=message):
        display.plot()
