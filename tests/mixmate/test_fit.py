"""What fitting finds, and that the same seed finds the same."""

import random

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skmixmate import GroupSparseAutoencoder, MixMateClustering
from skmixmate.base import parameters
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.initializers import INITIALIZERS
from skmixmate.metrics import clustering_accuracy
from skmixmate.mixmate.network import MixtureParameters
from skmixmate.penalties import L1, GroupL2

from .conftest import small_model, with_missing


def test_digits_with_default_parameters(digits):
    X, y = digits
    accuracies = [
        clustering_accuracy(y, MixMateClustering(10, random_state=seed).fit(X).labels_)
        for seed in range(3)
    ]
    assert np.mean(accuracies) >= 0.85


def blobs(centers, seed=1):
    return make_blobs(210, centers=centers, n_features=2, random_state=seed)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: blobs(3), id="plain"),
        pytest.param(lambda: [blobs(3)[0] - blobs(3)[0].mean(0), blobs(3)[1]], id="0"),
        pytest.param(lambda: blobs([[6.0, 2.0], [-6.0, -2.0]]), id="antipodal"),
        pytest.param(lambda: blobs([[0, 0], [8, 4], [16, 8]]), id="collinear"),
        pytest.param(lambda: blobs([[100, 0], [108, 0], [100, 8]]), id="far"),
    ],
)
def test_blobs(data):
    X, y = data()
    model = MixMateClustering(len(np.unique(y)), random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.9


def test_antipodal_blobs_need_the_intercept():
    X, y = blobs([[6.0, 2.0], [-6.0, -2.0]])
    model = MixMateClustering(2, fit_intercept=False, random_state=0).fit(X)
    assert model.intercepts_ is None
    assert model.intercept_scaling_ is None
    assert adjusted_rand_score(y, model.labels_) < 0.9


@pytest.mark.parametrize("init", ["spectral", "ssc"])
def test_data_of_the_model_are_recovered(init):
    data = make_dictionary_mixture(400, n_atoms=5, n_features=30, random_state=0)
    model = MixMateClustering(3, init=init, random_state=0).fit(data.data)
    assert adjusted_rand_score(data.target, model.labels_) > 0.9


@pytest.mark.parametrize("init", INITIALIZERS)
def test_training_lowers_the_loss_from_every_start(init, X):
    model = small_model(init=init, max_iter=10).fit(X)
    assert model.history_["loss"][-1] < 0.98 * model.history_["loss"][0]


def some_nan(X):
    return with_missing(X, 0.2)


@pytest.mark.parametrize(
    "convert",
    [
        pytest.param(lambda X: X, id="float64"),
        pytest.param(lambda X: X.astype(np.float32), id="float32"),
        pytest.param(lambda X: X.astype(np.float16), id="float16"),
        pytest.param(lambda X: (40 * (X + 3)).astype(np.uint8), id="uint8"),
        pytest.param(lambda X: np.asfortranarray(X)[::-1], id="strided"),
        pytest.param(lambda X: X.astype(">f8"), id="big-endian"),
        pytest.param(some_nan, id="nan"),
        pytest.param(lambda X: some_nan(X).astype(np.float32), id="nan32"),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_labels_are_what_predict_gives(convert, masked, X):
    X = convert(X)
    mask = np.random.RandomState(3).uniform(size=X.shape) < 0.9 if masked else None
    model = small_model().fit(X, mask=mask)
    assert_array_equal(model.labels_, model.predict(X, mask=mask))
    assert_array_equal(model.labels_, small_model().fit_predict(X, mask=mask))
    energies = small_model().fit_transform(X, mask=mask)
    assert_array_equal(energies, model.transform(X, mask=mask))


@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.parametrize("seed", [7, np.random.RandomState])
def test_same_seed_same_bits(init, seed, X_nan):
    def fit(seed):
        seed = seed if isinstance(seed, int) else seed(7)
        return small_model(init=init, random_state=seed).fit(X_nan)

    first, again = fit(seed), fit(seed)
    assert_array_equal(first.dictionaries_, again.dictionaries_)
    assert_array_equal(first.intercepts_, again.intercepts_)
    assert_array_equal(first.labels_, again.labels_)
    assert_array_equal(first.history_["loss"], again.history_["loss"])
    assert first.loss_ == again.loss_
    assert not np.array_equal(first.dictionaries_, fit(8).dictionaries_)


@pytest.mark.parametrize("init", [*INITIALIZERS, KMeans(3, n_init=1)])
@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generators_are_left_alone(init, random_state, X_nan):
    def states():
        name, keys, *rest = np.random.get_state()  # noqa: NPY002 (only read)
        return name, keys.tolist(), rest, random.getstate()

    before, torch_before = states(), torch.get_rng_state()
    model = small_model(init=init, random_state=random_state).fit(X_nan)
    model.partial_fit(X_nan).sample(3)
    assert states() == before
    assert torch.equal(torch.get_rng_state(), torch_before)


def test_random_state_none_differs_from_fit_to_fit(X):
    model = small_model(random_state=None)
    first = model.fit(X).dictionaries_
    assert not np.array_equal(first, model.fit(X).dictionaries_)


# Powers of two, which change no rounding: digits, as integers, are as far from many
# a neighbour, and rounding would choose among them.
@pytest.mark.parametrize("factor", [2.0**10, 2.0**-10])
@pytest.mark.parametrize("data", ["mixture", "digits"])
def test_the_unit_of_X_does_not_matter(factor, data, X, digits):
    if data == "digits":
        X, model = digits[0][:500], MixMateClustering(10, max_iter=4, random_state=0)
    else:
        model = small_model()
    labels, scale = model.fit(X).labels_, model.scale_
    proba = model.predict_proba(X)
    model.fit(factor * X)
    assert_array_equal(model.labels_, labels)
    assert model.scale_ == factor * scale
    assert_array_equal(model.predict_proba(factor * X), proba)


def test_scale_one_is_the_model_of_the_paper(X):
    model = small_model(scale=1.0, fit_intercept=False).fit(X)
    assert model.scale_ == 1.0
    codes = model.encode(X, "all")
    residuals = X[:, None] - np.einsum("nkp,kpm->nkm", codes, model.dictionaries_)
    energies = (residuals**2).sum(-1) + 0.75 * np.abs(codes).sum(-1) + np.log(3)
    assert_allclose(model.transform(X), energies, rtol=1e-6)


def test_mean_squared_norm_of_scaled_samples_is_100(X, fitted):
    squared_norms = ((X / fitted.scale_) ** 2).sum(1)
    assert squared_norms.mean() == pytest.approx(100.0)
    assert fitted.intercept_scaling_ == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("penalty", "sign"),
    [
        (L1(nonnegative=True), 1),
        (GroupL2(group_size=2), 0),
        (GroupL2(group_size=2, nonnegative=True), 1),
    ],
)
def test_penalties(penalty, sign, mixture):
    X = mixture.data
    model = small_model(penalty=penalty, max_iter=10, alpha=2.0).fit(X)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    assert adjusted_rand_score(model.labels_, model.predict(X)) == 1.0
    codes = model.encode(X, "all")
    assert (codes != 0).any()
    assert sign == 0 or (codes >= 0).all()
    if penalty.group_size == 2:
        off = codes.reshape(len(X), 3, 2, 2) == 0
        assert off.all(-1).any()
        if not penalty.nonnegative:
            assert_array_equal(off.all(-1), off.any(-1))


def test_group_size_rounds_auto_n_atoms_up(X):
    model = small_model(n_atoms="auto", penalty=GroupL2(group_size=5)).fit(X)
    assert model.n_atoms_ == 20  # 160 // 9 = 17, in groups of 5
    assert (model.dictionary_sizes_ % 5 == 0).all()


def test_auto_n_atoms_is_a_third_of_a_cluster_and_at_most_50(X):
    assert small_model(n_atoms="auto").fit(X).n_atoms_ == 160 // 9
    many = np.random.RandomState(0).normal(size=(620, 3))
    model = small_model(n_clusters=4, n_atoms="auto", max_iter=1).fit(many)
    assert model.n_atoms_ == 50


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [(10, 64), (9000, 64), (20_000, 142), (35_840, 256), (70_000, 256)],
)
def test_auto_batch_size_makes_140_steps_an_epoch_within_limits(n_samples, expected):
    for batch_size, wanted in (("auto", expected), (3, 3)):
        checked = MixtureParameters.from_estimator(small_model(batch_size=batch_size))
        assert checked.resolve_batch_size(n_samples) == wanted


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "model", [small_model(), GroupSparseAutoencoder(3, 2, max_iter=2, random_state=0)]
)
def test_auto_batch_size_is_that_of_the_samples_of_the_call(
    method, model, X, monkeypatch
):
    monkeypatch.setattr(parameters, "_LEAST_BATCH_SIZE", 5)
    monkeypatch.setattr(parameters, "_N_STEPS", 10)
    auto, explicit = (
        getattr(clone(model).set_params(batch_size=batch_size), method)(X[:150])
        for batch_size in ("auto", 15)
    )
    assert_array_equal(auto.transform(X), explicit.transform(X))


def test_verbose_prints_a_line_for_the_start_and_for_each_epoch(X, capsys):
    small_model().fit(X)
    assert capsys.readouterr().out == ""
    model = small_model(verbose=1).fit(X)
    first, *lines, last = capsys.readouterr().out.splitlines()
    name = "MixMateClustering"
    assert first == f"{name}: start from {len(X)} samples"
    epochs = [line for line in lines if "epoch" in line]
    assert len(epochs) == model.n_iter_
    assert epochs[0].startswith(f"{name}: epoch 1/4, loss ")
    assert last.startswith(f"{name}: fitted in ")
    small_model(verbose=True, n_init=2, max_iter=1).fit(X)
    *lines, _ = capsys.readouterr().out.splitlines()
    runs = [line.split(",")[0] for line in lines if "start from" in line]
    assert runs == [f"{name}: run 1/2", f"{name}: run 2/2"]


def test_diverging_encoder_is_an_error(X):
    with (
        pytest.warns(ConvergenceWarning, match="step_size=50.0 is too large"),
        pytest.warns(RuntimeWarning, match="no longer finite"),
        pytest.raises(ValueError, match="step_size=50"),
    ):
        small_model(step_size=50.0, n_fista_iter=60).fit(X)


def atoms_alike(n_features=12):
    """Atoms of two clusters: orthonormal ones, and nearly equal ones."""
    alike = 1.0 + 0.01 * np.random.RandomState(0).standard_normal((6, n_features))
    return np.stack([np.eye(6, n_features), alike])


def test_a_step_that_is_too_large_for_the_start_warns(X):
    # Six equal atoms have a Gram matrix of largest eigenvalue 6.
    model = MixMateClustering(
        2, init=atoms_alike(), fit_intercept=False, scale=1.0, max_iter=1
    )
    limit = 4.0 / 3.0 / 6.0
    message = r"first atoms of 1 of 2 dictionaries.* at most 0\.17"
    with pytest.warns(ConvergenceWarning, match=message) as record:
        model.set_params(step_size=1.02 * limit).fit(X)
    assert record[0].filename == __file__
    model.set_params(step_size=0.98 * limit).fit(X)


def test_a_cluster_whose_encoder_diverges_is_an_error_without_training_too(X):
    model = MixMateClustering(
        2, init=atoms_alike(), step_size=1.0, n_fista_iter=400, max_iter=0
    )
    with (
        pytest.warns(ConvergenceWarning, match="too large"),
        pytest.raises(ValueError, match="diverges with step_size=1"),
    ):
        model.fit(X.astype(np.float32))


@pytest.mark.parametrize("n_init", [1, 3])
def test_no_epoch_and_then_some(X, n_init):
    model = small_model(max_iter=0, n_init=n_init, warm_start=True).fit(X)
    start = model.dictionaries_
    assert model.n_iter_ == 0
    assert {name: len(values) for name, values in model.history_.items()} == {
        "loss": 0,
        "seconds": 0,
        "n_reseeded_atoms": 0,
    }
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    model.fit(X)
    np.testing.assert_allclose(model.dictionaries_, start, atol=1e-6)
    loss = model.loss_
    model.set_params(max_iter=2).fit(X)
    assert model.loss_ < loss
    assert len(model.history_["loss"]) == 2
    assert model.history_["n_reseeded_atoms"].dtype.kind == "i"


def test_empty_clusters_warn():
    X = np.tile([[1.0, 2.0, 3.0]], (30, 1))
    with (
        pytest.warns(ConvergenceWarning, match="of 4 clusters are empty"),
        pytest.warns(UserWarning, match="split in two"),
    ):
        MixMateClustering(4, init=lambda X, n_clusters, random_state: [0] * 30).fit(X)


def test_a_falling_learning_rate_ends_lower_after_few_epochs(digits):
    X, _ = digits
    losses = [
        small_model(
            n_clusters=10,
            n_atoms=20,
            learning_rate=0.05,
            learning_rate_schedule=schedule,
        )
        .fit(X)
        .loss_
        for schedule in ("constant", "linear")
    ]
    assert losses[1] < 0.99 * losses[0]


def test_a_falling_learning_rate_is_not_stopped_early(X):
    model = small_model(max_iter=9, tol=0.5, n_iter_no_change=1)
    assert model.fit(X).n_iter_ < 9
    assert model.converged_
    model.set_params(learning_rate_schedule="linear").fit(X)
    assert model.n_iter_ == 9
    assert not model.converged_


def test_many_short_warm_starts_converge(X):
    model = small_model(warm_start=True, max_iter=1, tol=0.05, n_iter_no_change=3)
    converged = [model.fit(X).converged_ for _ in range(40)]
    assert not any(converged[:3])
    assert converged[-1]
    whole = small_model(max_iter=40, tol=0.05, n_iter_no_change=3).fit(X)
    assert whole.converged_


def test_closed_form_of_the_weights_on_separate_blobs():
    X, y = make_blobs([630, 190, 180], 5, center_box=(-30, 30), random_state=1)
    start = np.stack([X[y == k][:6] for k in range(3)])
    model = MixMateClustering(
        3, init=start, fit_weights=True, max_iter=4, random_state=0
    ).fit(X)
    np.testing.assert_allclose(model.weights_, [0.63, 0.19, 0.18], atol=0.005)


@pytest.mark.filterwarnings("ignore:1 of 3 clusters are empty")
def test_no_cluster_dies_of_its_weight(X):
    """A cluster that no sample is in has a weight, and may find some."""
    far = np.full((1, 4, 12), 1e3) * np.array([1.0, -1.0, 1.0, -1.0])[:, None]
    start = np.concatenate([X[:8].reshape(2, 4, 12), far])
    model = small_model(init=start, fit_weights=True, max_iter=1).fit(X)
    assert (model.weights_ > 0.5 / (len(X) + 3)).all()
