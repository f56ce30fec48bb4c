"""What a fitted autoencoder answers."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skmixmate import GroupSparseAutoencoder
from skmixmate.modules import DictionaryAutoencoder
from skmixmate.penalties import GroupL2

from .conftest import small_model


def test_codes_and_labels_by_the_network(fitted, X):
    network = DictionaryAutoencoder(
        torch.from_numpy(fitted.dictionary_), penalty=GroupL2(2), alpha=fitted.alpha
    )
    output = network(torch.from_numpy(X / fitted.scale_))
    codes = output.codes.detach().numpy()
    np.testing.assert_allclose(fitted.transform(X), codes, atol=1e-12)
    norms = np.linalg.norm(codes.reshape(-1, 5, 2), axis=2)
    expected = np.where(norms.max(axis=1) > 0, norms.argmax(axis=1), -1)
    np.testing.assert_array_equal(fitted.predict(X), expected)
    losses = output.losses(is_penalized=True).detach().numpy()
    np.testing.assert_allclose(fitted.score_samples(X), -losses)
    weights = np.arange(len(X))
    assert fitted.score(X, sample_weight=weights) == pytest.approx(
        -np.average(losses, weights=weights)
    )


def test_inverse_transform_decodes(fitted, X):
    codes = fitted.transform(X)
    decoded = fitted.inverse_transform(codes)
    np.testing.assert_allclose(decoded, codes @ fitted.dictionary_ * fitted.scale_)
    as_tensor = fitted.inverse_transform(torch.from_numpy(codes))
    np.testing.assert_allclose(as_tensor.numpy(), decoded)
    ones = np.ones((1, 10), dtype=int)
    as_integers = fitted.inverse_transform(torch.from_numpy(ones)).numpy()
    np.testing.assert_allclose(as_integers, fitted.inverse_transform(ones), rtol=1e-6)
    for kind in (np.asarray, torch.tensor):
        with pytest.raises(ValueError, match=r"codes of shape \(n_samples, 10\), got"):
            fitted.inverse_transform(kind(X))
        with pytest.raises(ValueError, match="contains NaN"):
            fitted.inverse_transform(kind(np.full((1, 10), np.nan)))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.inverse_transform(np.ma.array(codes, mask=codes > 0))


def test_parameters_changed_after_fit_do_not_regroup_codes(fitted, X):
    changed = pickle.loads(pickle.dumps(fitted)).set_params(group_size=5, n_groups=2)
    np.testing.assert_array_equal(changed.predict(X), fitted.labels_)


def test_weights_of_another_length_are_refused(fitted, X):
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(200,\)"):
        fitted.score(X, sample_weight=np.ones(3))


def test_codes_as_a_data_frame(X):
    codes = small_model().set_output(transform="pandas").fit_transform(X)
    assert list(codes.columns[:2]) == [f"groupsparseautoencoder{i}" for i in range(2)]


def test_nonnegative_codes(X):
    assert (small_model(nonnegative=True).fit_transform(X) >= 0).all()
    assert (small_model().fit_transform(X) < 0).any()


def test_fit_and_transform_and_predict_agree(X):
    model = small_model()
    np.testing.assert_array_equal(model.fit_transform(X), model.transform(X))
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))
    assert model.get_feature_names_out()[-1] == "groupsparseautoencoder9"


def test_tensors_in_tensors_out(fitted, X):
    for method in ("transform", "predict", "score_samples"):
        array = getattr(fitted, method)(X)
        tensor = getattr(fitted, method)(torch.tensor(X))
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_missing_entries_are_left_out(X):
    observed = np.random.RandomState(0).uniform(size=X.shape) < 0.8
    with_nan = np.where(observed, X, np.nan)
    garbage = np.where(observed, X, 1e3)
    model = small_model(max_iter=8).fit(with_nan)
    by_mask = small_model(max_iter=8).fit(garbage, mask=observed)
    np.testing.assert_allclose(by_mask.dictionary_, model.dictionary_, atol=1e-6)
    np.testing.assert_allclose(
        model.transform(garbage, mask=observed), model.transform(with_nan)
    )
    np.testing.assert_array_equal(model.labels_, model.predict(with_nan))
    # The codes of what is observed tell what is not.
    filled = model.inverse_transform(model.transform(with_nan))
    missing = ~observed
    error = np.square(filled - X)[missing].mean()
    assert error < 0.5 * np.square(X)[missing].mean()


def test_at_the_end_of_and_in_a_pipeline(groups, X):
    truth = np.abs(groups.codes).reshape(200, 5, 2).max(axis=2).argmax(axis=1)
    pipeline = make_pipeline(
        small_model(init="spectral", max_iter=40), KMeans(5, n_init=5, random_state=0)
    )
    assert pipeline.fit_predict(X).shape == (200,)
    model = make_pipeline(small_model(init="spectral", max_iter=40))
    assert adjusted_rand_score(truth, model.fit(X).predict(X)) > 0.9


def test_single_precision_stays_single(X):
    model = small_model().fit(X.astype(np.float32))
    assert model.dictionary_.dtype == np.float32
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_what_is_not_fitted_says_so(X):
    for method in ("transform", "predict", "score_samples", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(GroupSparseAutoencoder(), method)(X)


@pytest.mark.parametrize("method", ["transform", "predict", "score_samples"])
def test_one_sample_that_is_too_large_is_an_error(fitted, X, method):
    X = X.copy()
    X[7, 3] = 1e300
    with pytest.raises(ValueError, match="energies are not finite in float64"):
        getattr(fitted, method)(X)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_cuda(X):
    tensor = torch.tensor(X, device="cuda")
    model = small_model(device="cuda").fit(tensor)
    assert isinstance(model.dictionary_, np.ndarray)
    codes = model.transform(tensor)
    assert codes.device.type == "cuda"
    on_cpu = model.set_params(device="cpu").transform(X)
    np.testing.assert_allclose(codes.cpu().numpy(), on_cpu, rtol=1e-6, atol=1e-8)
