"""The estimator among scikit-learn's tools."""

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skmixmate import MixMateClustering
from skmixmate.penalties import GroupL2

from .conftest import small_model


def test_pipeline(X, X_nan, mixture):
    pipeline = make_pipeline(StandardScaler(), small_model())
    labels = pipeline.fit_predict(X_nan)
    assert_array_equal(labels, pipeline.predict(X_nan))
    assert pipeline.predict_proba(X).shape == (160, 3)
    assert np.isfinite(pipeline.score(X_nan))
    assert list(pipeline.get_feature_names_out()) == [
        f"mixmateclustering{k}" for k in range(3)
    ]
    classifier = make_pipeline(StandardScaler(), small_model(), LogisticRegression())
    assert classifier.fit(X, mixture.target).score(X, mixture.target) > 0.5


def test_mask_in_a_pipeline_without_routing(X, X_nan):
    observed = ~np.isnan(X_nan)
    pipeline = make_pipeline(small_model())
    pipeline.fit(X, mixmateclustering__mask=observed)
    expected = small_model().fit(X_nan)
    assert_array_equal(pipeline[-1].labels_, expected.labels_)


def test_grid_search_with_nan(X_nan):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small_model()),
        {"mixmateclustering__learning_rate": [1e-9, 0.01]},
        cv=3,
        error_score="raise",
    ).fit(X_nan)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["mixmateclustering__learning_rate"] == 0.01
    assert_array_equal(
        search.predict(X_nan), search.best_estimator_[-1].labels_.astype(int)
    )


def test_grid_search_with_a_routed_mask(X, X_nan):
    observed = ~np.isnan(X_nan)
    spoiled = np.where(observed, X, 1e3)  # A mask that got lost would show.
    with sklearn.config_context(enable_metadata_routing=True):
        model = small_model().set_fit_request(mask=True).set_score_request(mask=True)
        results = []
        for data, routed in ((spoiled, {"mask": observed}), (X_nan, {})):
            search = GridSearchCV(
                make_pipeline(clone(model)),
                {"mixmateclustering__alpha": [0.3, 0.75]},
                cv=3,
                error_score="raise",
            ).fit(data, **routed)
            results.append(search.cv_results_["mean_test_score"])
    assert np.isfinite(results).all()
    assert_allclose(results[0], results[1], rtol=1e-12)


def test_cross_val_score(X):
    scores = cross_val_score(small_model(), X, cv=4, error_score="raise")
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()


def test_clone_and_set_params(fitted):
    model = small_model(alpha=0.3, penalty=GroupL2(2), init=np.ones((3, 4, 12)))
    cloned = clone(model)
    assert cloned.get_params().keys() == model.get_params().keys()
    assert cloned.alpha == 0.3
    assert cloned.penalty == GroupL2(2)
    assert_array_equal(cloned.init, model.init)
    assert not hasattr(clone(fitted), "dictionaries_")
    assert cloned.set_params(alpha=0.5).alpha == 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'lam'"):
        cloned.set_params(lam=1.0)


def test_repr_shows_what_was_changed():
    assert repr(MixMateClustering()) == "MixMateClustering()"
    text = repr(MixMateClustering(10, penalty=GroupL2(group_size=5)))
    assert "n_clusters=10" in text
    assert "GroupL2(group_size=5" in text
    assert "MixMateClustering" in MixMateClustering()._repr_html_()


def test_pandas(X, X_nan, fitted):
    pd = pytest.importorskip("pandas")
    names = [f"pixel {i}" for i in range(12)]
    frame = pd.DataFrame(X_nan, columns=names, index=np.arange(160) + 1000)
    model = small_model().fit(frame)
    assert_array_equal(model.feature_names_in_, names)
    assert_array_equal(model.labels_, small_model().fit(X_nan).labels_)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[names[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X_nan)
    mask = frame.notna()
    full = pd.DataFrame(X, columns=names)
    assert_array_equal(model.predict(full, mask=mask), model.predict(frame))
    model.set_output(transform="pandas")
    energies = model.transform(frame)
    assert list(energies.columns) == list(model.get_feature_names_out())
    assert list(energies.columns) == [f"mixmateclustering{k}" for k in range(3)]
    assert_array_equal(energies.index, frame.index)
    assert isinstance(clone(model).fit_transform(frame), pd.DataFrame)
    # Refitting on an array forgets the names.
    assert not hasattr(model.fit(X), "feature_names_in_")


def test_pandas_with_nullable_and_mixed_types(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0], "b": np.arange(160), "c": X[:, 1] > 0})
    frame["d"] = pd.array([None, 2] * 80, dtype="Int64")
    model = small_model().fit(frame)
    assert_array_equal(np.isnan(model.impute(frame)), False)
    assert_array_equal(model.predict(frame), model.labels_)


def test_feature_union_and_column_transformer(X_nan):
    union = make_union(small_model(), small_model(n_clusters=2))
    assert isinstance(union, FeatureUnion)
    assert union.fit_transform(X_nan).shape == (160, 5)
    columns = ColumnTransformer(
        [("left", small_model(), slice(0, 6)), ("right", "passthrough", slice(6, 12))]
    )
    energies = columns.fit_transform(X_nan)
    assert energies.shape == (160, 9)
    assert_allclose(energies[:, :3], small_model().fit_transform(X_nan[:, :6]))
    assert columns.get_feature_names_out()[0] == "left__mixmateclustering0"


def test_lists_are_welcome(X, fitted):
    assert_array_equal(fitted.predict(X.tolist()), fitted.predict(X))
    mask = np.ones(X.shape, dtype=bool)
    assert_array_equal(fitted.predict(X, mask=mask.tolist()), fitted.predict(X))


def test_fits_in_other_processes(X):
    # A bound of one byte: the workers get read-only memory maps.
    with Parallel(n_jobs=2, backend="loky", max_nbytes=1) as parallel:
        models = parallel(
            delayed(small_model(random_state=seed).fit)(X) for seed in (0, 1)
        )
    for seed, model in enumerate(models):
        expected = small_model(random_state=seed).fit(X)
        assert_array_equal(model.labels_, expected.labels_)


def test_y_is_ignored(X, mixture, fitted):
    model = small_model().fit(X, mixture.target)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)
    assert_array_equal(small_model().fit_predict(X, mixture.target), model.labels_)
    assert fitted.score(X, mixture.target) == fitted.score(X)


def test_a_routed_mask_reaches_fit_predict_of_a_pipeline(X, X_nan):
    observed = ~np.isnan(X_nan)
    spoiled = np.where(observed, X, 1e3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = small_model().set_fit_request(mask=True).set_predict_request(mask=True)
        labels = make_pipeline(model).fit_predict(spoiled, mask=observed)
    assert_array_equal(labels, small_model().fit_predict(X_nan))
