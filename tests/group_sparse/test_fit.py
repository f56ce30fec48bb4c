"""Fitting: what is learned, repeated, continued, kept and refused."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from skmixmate import SparseAutoencoder
from skmixmate.group_sparse import fit
from skmixmate.metrics import clustering_accuracy
from skmixmate.training import Trainer

from .conftest import small_model


def test_groups_are_the_clusters_of_a_union_of_subspaces(groups, X):
    truth = np.abs(groups.codes).reshape(200, 5, 2).max(axis=2).argmax(axis=1)
    model = small_model(init="spectral", max_iter=60, batch_size=32, tol=0.0)
    model.fit(X)
    assert adjusted_rand_score(truth, model.labels_) > 0.95
    # And groups span their planes; the penalty draws the two atoms of a group together,
    # the sparser direction of a plane is therefore learned less well.
    best = np.zeros(5)
    for g, atoms in enumerate(groups.dictionary.reshape(5, 2, 12)):
        basis = np.linalg.qr(atoms.T)[0]
        for learned in model.dictionary_.reshape(5, 2, 12):
            angles = np.linalg.svd(np.linalg.qr(learned.T)[0].T @ basis)[1]
            best[g] = max(best[g], angles.min())
    assert (best > 0.95).all()


@pytest.mark.parametrize("loss", ["penalized", "reconstruction"])
def test_training_lowers_the_loss(X, loss):
    model = small_model(loss=loss, max_iter=15).fit(X)
    start = small_model(loss=loss, max_iter=0).fit(X)
    assert model.loss_ < 0.9 * start.loss_
    assert model.loss_ == pytest.approx(-model.score(X))
    assert model.history_["loss"].shape == (model.n_iter_,)


def test_fitted_attributes(fitted, X):
    assert fitted.dictionary_.shape == (10, 12)
    assert fitted.dictionary_.dtype == X.dtype
    np.testing.assert_allclose(np.linalg.norm(fitted.dictionary_, axis=1), 1.0)
    assert fitted.n_parameters_ == 120
    assert fitted.n_iter_ == 4
    assert fitted.scale_ == pytest.approx(np.sqrt((X**2).sum(1).mean()))
    codes = fitted.transform(X)
    used = np.abs(codes).reshape(200, 5, 2).max(axis=2) > 0
    np.testing.assert_allclose(fitted.group_usage_, used.mean(axis=0))
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(X))


def test_the_same_seed_gives_the_same_bits(fitted, X):
    again = clone(fitted).fit(X)
    np.testing.assert_array_equal(again.dictionary_, fitted.dictionary_)
    other = clone(fitted).set_params(random_state=1).fit(X)
    assert not np.array_equal(other.dictionary_, fitted.dictionary_)


def test_the_unit_of_X_does_not_matter(fitted, X):
    scaled = clone(fitted).fit(1024.0 * X)
    np.testing.assert_array_equal(scaled.labels_, fitted.labels_)
    np.testing.assert_allclose(scaled.transform(1024.0 * X), fitted.transform(X))
    np.testing.assert_allclose(
        scaled.inverse_transform(scaled.transform(1024.0 * X)),
        1024.0 * fitted.inverse_transform(fitted.transform(X)),
    )


def test_a_fixed_scale_is_kept(X):
    model = small_model(scale=2.0, normalize_atoms=False, max_iter=0).fit(X)
    assert model.scale_ == 2.0
    # Atoms start as samples, scaled.
    distances = np.abs(model.dictionary_[:, None] - X / 2.0).max(axis=2).min(axis=1)
    np.testing.assert_allclose(distances, 0.0, atol=1e-6)


def test_warm_start_goes_on(X):
    model = small_model(warm_start=True).fit(X)
    first = model.dictionary_
    model.fit(X)
    assert model.n_iter_ == 4
    assert model.history_["loss"].shape == (8,)
    assert not np.array_equal(model.dictionary_, first)
    with pytest.raises(ValueError, match="n_groups=5 cannot go on with n_groups=4"):
        model.set_params(n_groups=4).fit(X)
    # As many atoms, in other groups.
    with pytest.raises(ValueError, match="group_size=2 cannot go on with group_size=1"):
        model.set_params(n_groups=10, group_size=1).fit(X)
    with pytest.raises(ValueError, match="n_groups=5 cannot go on"):
        model.set_params(n_groups=3, group_size=2).partial_fit(X)


def test_partial_fit_learns_over_batches(X):
    model = small_model()
    for _ in range(6):
        for batch in np.array_split(X, 4):
            model.partial_fit(batch)
    assert model.n_iter_ == len(model.history_["loss"])
    assert model.labels_.shape == (50,)
    assert model.score(X) > small_model(max_iter=0).fit(X).score(X)


def test_an_interrupt_keeps_what_was_learned(X, monkeypatch):
    normal = Trainer._pass_over_samples
    calls = []

    def interrupted(self):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return normal(self)

    monkeypatch.setattr(Trainer, "_pass_over_samples", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted; .* after 2 epochs") as record:
        model = small_model(max_iter=10).fit(X)
    assert record[0].filename == __file__
    assert model.n_iter_ == 2
    monkeypatch.undo()
    expected = small_model(max_iter=2).fit(X)
    np.testing.assert_array_equal(model.dictionary_, expected.dictionary_)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    calls.clear()
    monkeypatch.setattr(Trainer, "_pass_over_samples", interrupted)
    model.partial_fit(X).partial_fit(X)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X)
    assert model.n_iter_ == 4


def test_a_pickle_predicts_the_same(fitted, X):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


@pytest.mark.parametrize("with_nan", [False, True])
def test_groups_that_no_sample_uses_begin_anew(X, with_nan):
    # The data lie in the first six features, two of five groups in the others.
    X = np.concatenate([X[:, :6], np.zeros((200, 6))], axis=1)
    start = np.eye(12)[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
    if with_nan:
        X[::2, 0] = X[1::3, 4] = np.nan
    model = small_model(init=start, max_iter=8).fit(X)
    # Once each, after the first epoch.
    assert model.history_["n_reseeded_atoms"].tolist() == [4, *[0] * 7]
    assert (model.group_usage_ > 0).all()
    assert np.isfinite(model.dictionary_).all()
    with pytest.warns(ConvergenceWarning, match="2 of 5 groups are used by no"):
        small_model(init=start, max_iter=1).fit(X)


def test_an_alpha_that_leaves_groups_unused_warns(X):
    with pytest.warns(ConvergenceWarning, match="5 of 5 groups are used by") as record:
        model = small_model(alpha=10.0).fit(X)
    assert record[0].filename == __file__
    assert (model.labels_ == -1).all()
    assert (model.predict(X) == -1).all()
    assert (model.transform(X) == 0).all()


@pytest.mark.parametrize(
    "method", ["fit", "fit_predict", "fit_transform", "partial_fit"]
)
def test_a_step_that_is_too_large_warns_at_the_users_line(X, method):
    model = small_model(step_size=50.0, n_fista_iter=2, max_iter=0)
    message = "step_size=50.0 is too large"
    with pytest.warns(ConvergenceWarning, match=message) as record:
        getattr(model, method)(X)
    assert [warning.filename for warning in record] == [__file__]


def test_an_encoder_that_diverges_is_an_error(X):
    model = small_model(step_size=50.0, n_fista_iter=300, max_iter=0, alpha=0.0)
    with (
        pytest.warns(ConvergenceWarning, match="too large"),
        pytest.raises(ValueError, match=r"diverges with step_size=50\.0"),
    ):
        model.fit(X)


def test_what_is_not_finite_names_what_to_change(X):
    with (
        pytest.warns(RuntimeWarning, match="no longer finite"),
        pytest.raises(ValueError, match=r"not finite .* scale_=1e-25"),
    ):
        small_model(scale=1e-25).fit(X)


@pytest.mark.parametrize("loss", ["penalized", "reconstruction"])
def test_the_shallow_network_learns(X, loss):
    # One iteration on atoms much alike: with a step of 1, codes would be far too large.
    model = small_model(n_fista_iter=1, loss=loss, max_iter=30).fit(X)
    of_zero_codes = 0.5 * np.mean(np.sum((X / model.scale_) ** 2, axis=1))
    assert model.loss_ < 0.8 * of_zero_codes


def test_an_interrupt_in_the_last_pass_keeps_what_was_learned(X, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    expected = small_model().fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(fit.AutoencoderFit, "last_pass", interrupted)
        model = small_model()
        with pytest.warns(RuntimeWarning, match="There are no labels_"):
            labels = model.fit_predict(X)
        np.testing.assert_array_equal(labels, expected.labels_)
        np.testing.assert_array_equal(model.dictionary_, expected.dictionary_)
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X)
    assert model.n_iter_ == 5


def test_a_grid_search_over_starts(X):
    # NumPy's strings are strings, though they have __array__.
    grid = {"init": np.array(["data", "random"])}
    search = GridSearchCV(small_model(), grid, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_groups_of_one_atom_are_the_sparse_autoencoder(X):
    group = small_model(n_groups=10, group_size=1).fit(X)
    shared = group.get_params()
    del shared["n_groups"], shared["group_size"]
    sparse = SparseAutoencoder(n_atoms=10, **shared).fit(X)
    np.testing.assert_array_equal(sparse.dictionary_, group.dictionary_)
    np.testing.assert_array_equal(sparse.transform(X), group.transform(X))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_groups": 0}, ValueError, "n_groups == 0, must be >= 1"),
        ({"group_size": 2.0}, TypeError, "group_size must be an integer"),
        ({"alpha": -1.0}, ValueError, "alpha == -1.0, must be >= 0"),
        ({"n_init": 0}, ValueError, "n_init == 0, must be >= 1"),
        ({"n_fista_iter": 0}, ValueError, "n_fista_iter == 0, must be >= 1"),
        ({"loss": "l2"}, ValueError, "loss must be 'penalized' or 'reconstruction'"),
        ({"nonnegative": 1}, TypeError, "nonnegative must be True or False"),
        ({"normalize_atoms": "no"}, TypeError, "normalize_atoms must be True or False"),
        ({"scale": "big"}, ValueError, "scale must be 'auto' or a number"),
        ({"step_size": 0.0}, ValueError, "step_size == 0.0, must be > 0"),
        ({"max_iter": -1}, ValueError, "max_iter == -1, must be >= 0"),
        ({"device": "abacus"}, ValueError, "device must be 'auto'"),
    ],
)
def test_bad_parameters_are_named(X, parameters, error, message):
    with pytest.raises(error, match=message):
        small_model(**parameters).fit(X)


def test_bad_sizes_of_the_sparse_autoencoder_are_named(X):
    with pytest.raises(ValueError, match="n_atoms == 0, must be >= 1"):
        SparseAutoencoder(n_atoms=0).fit(X)


def test_samples_too_large_to_square_are_refused(X):
    with pytest.raises(ValueError, match="choose a unit"):
        small_model().fit(1e200 * X)


def test_defaults_on_images_of_digits(fitted_digits):
    model, X, y = fitted_digits
    assert model.group_usage_.min() > 0.1
    assert clustering_accuracy(y, model.labels_) > 0.6
    # Images as 8-bit integers are the same images.
    np.testing.assert_array_equal(model.predict(X.astype(np.uint8)), model.labels_)


def test_the_learning_rate_falls_from_step_to_step(X):
    def fit(max_iter, schedule):
        model = small_model(
            batch_size=200, max_iter=max_iter, learning_rate_schedule=schedule
        )
        return model.fit(X).dictionary_

    # Of one step, all is the first; of two, the second is half as long.
    np.testing.assert_array_equal(fit(1, "linear"), fit(1, "constant"))
    first = fit(1, "constant")
    steps = [np.linalg.norm(fit(2, s) - first) for s in ("linear", "constant")]
    np.testing.assert_allclose(steps[0], 0.5 * steps[1], rtol=0.02)
