"""Wrong parameters and wrong data: the message names what and what it got."""

import re

import numpy as np
import pytest
from scipy import sparse

from skmixmate import MixMateClustering
from skmixmate.penalties import L1, GroupL2

from .conftest import small_model

NAN, INF = float("nan"), float("inf")
COUNT = [0, -1, 2.0, "3", None, True, NAN, [1]]
POSITIVE = [0.0, -1, "a", None, True, NAN, INF, [1.0]]
NONNEGATIVE = [-1e-3, "a", None, True, NAN, INF, [1.0]]
FLAG = [None, 1, 0.0, "yes", NAN]

WRONG = {
    "n_clusters": COUNT,
    "n_atoms": [0, -2, 2.5, "many", None, True, NAN],
    "alpha": NONNEGATIVE,
    "penalty": ["l2", None, 1.0, True, NAN, L1],
    "fit_intercept": FLAG,
    "scale": POSITIVE,
    "init": ["kmeans", None, 3, True, NAN, {"k-means"}],
    "init_size": COUNT,
    "n_init": [*COUNT, "auto"],
    "n_fista_iter": COUNT,
    "step_size": POSITIVE,
    "fit_weights": FLAG,
    "missing": ["drop", None, True],
    "learning_rate": POSITIVE,
    "learning_rate_schedule": ["cosine", None, 1, True, NAN, ["linear"]],
    "epsilon": POSITIVE,
    "batch_size": [*COUNT, "all"],
    "max_iter": COUNT[1:],  # Zero keeps the start.
    "tol": NONNEGATIVE,
    "n_iter_no_change": COUNT,
    "adapt_n_atoms": [None, 2, 0.0, -0.5, "yes", NAN, ["auto"]],
    "warm_start": FLAG,
    "random_state": [-1, 2**32, 1.5, "a", NAN, [1]],
    "n_jobs": [0, 1.5, "all", True, NAN],
    "checkpoint_dir": [0, True, "", ["a"]],
    "checkpoint_every": COUNT,
    "device": ["gpu", "cuda:77", "meta", None, 1.5, True, NAN, -1],
    "verbose": [-1, 1.5, "loud", None, NAN],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]


def test_every_parameter_is_tested():
    assert set(WRONG) == set(MixMateClustering().get_params())


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("name", "value"), CASES)
def test_wrong_parameter(name, value, method, X):
    model = small_model(**{name: value})
    with pytest.raises((TypeError, ValueError)) as raised:
        getattr(model, method)(X)
    message = str(raised.value)
    assert name in message
    assert repr(value) in message
    assert not hasattr(model, "dictionaries_")


RIGHT = [
    ("n_clusters", np.int64(3)),
    ("alpha", 0),
    ("alpha", np.float32(0.5)),
    ("penalty", GroupL2(2)),
    ("fit_intercept", np.True_),
    ("adapt_n_atoms", np.float32(0.25)),
    ("adapt_n_atoms", 1),
    ("scale", 3),
    ("step_size", 0.01),
    ("tol", 0),
    ("warm_start", np.False_),
    ("random_state", np.random.RandomState(0)),
    ("random_state", 2**32 - 1),
    ("device", "cpu"),
    ("init_size", 3),
    ("batch_size", 10**6),
    ("batch_size", np.str_("auto")),
    ("n_atoms", 1),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
@pytest.mark.filterwarnings("ignore:.*fewer distinct members")
def test_unusual_but_right_parameter(name, value, X):
    model = small_model(**{"max_iter": 1, name: value}).fit(X)
    assert np.isfinite(model.transform(X)).all()


def test_constructor_checks_nothing():
    assert MixMateClustering("nonsense", alpha=-1).alpha == -1


def test_init_size_below_n_clusters(X):
    with pytest.raises(ValueError, match=r"each of 3 clusters.* n_samples=2"):
        small_model(init_size=2).fit(X)


def test_n_atoms_not_in_whole_groups(X):
    with pytest.raises(ValueError, match=r"n_atoms .* group_size=3, got 4"):
        small_model(penalty=GroupL2(3)).fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_fewer_samples_than_clusters(method, X):
    with pytest.raises(ValueError, match=r"n_samples=5 .* n_clusters=6"):
        getattr(small_model(n_clusters=6), method)(X[:5])


@pytest.mark.parametrize(
    "shape", [(3, 4), (2, 4, 12), (3, 5, 12), (3, 4, 11), (3, 0, 12), ()]
)
def test_init_array_of_wrong_shape(shape, X):
    with pytest.raises(ValueError, match=f"init .*{re.escape(str(shape))}"):
        small_model(init=np.zeros(shape)).fit(X)


def test_init_array_with_nan(X):
    init = np.ones((3, 4, 12))
    init[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="init must be a finite array"):
        small_model(init=init).fit(X)


def replaced(X, value):
    X = X.copy()
    X[3, 2] = value
    return X


WRONG_X = [
    pytest.param(sparse.csr_array, "[Ss]parse", id="sparse"),
    pytest.param(lambda X: X + 1j, "Complex", id="complex"),
    pytest.param(lambda X: X.astype(str).astype("U3"), "numeric", id="strings"),
    pytest.param(lambda X: [["a"] * 12] * 20, "numeric", id="list of strings"),
    pytest.param(lambda X: replaced(X, np.inf), "infinity", id="inf"),
    pytest.param(lambda X: X[0], "2D", id="1-D"),
    pytest.param(lambda X: X[None], "two-dimensional", id="3-D"),
    pytest.param(lambda X: X[:0], "0 sample", id="empty"),
    pytest.param(lambda X: X[:, :0], "0 feature", id="no feature"),
    pytest.param(lambda X: None, "2D array, got scalar", id="None"),
]


@pytest.mark.parametrize(("spoil", "message"), WRONG_X)
def test_wrong_data(spoil, message, X, fitted):
    # scikit-learn's checks raise these; its messages vary a little with the version.
    spoiled = spoil(X)
    with pytest.raises((TypeError, ValueError), match=message):
        small_model().fit(spoiled)
    with pytest.raises((TypeError, ValueError), match=message):
        fitted.predict(spoiled)


@pytest.mark.parametrize("method", ["predict", "transform", "impute", "partial_fit"])
def test_wrong_number_of_features(method, X):
    model = small_model(max_iter=1).fit(X)
    with pytest.raises(ValueError, match=r"11 features.* 12 features"):
        getattr(model, method)(X[:, :11])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((160, 12)), "mask must be boolean.*float64"),
        (np.ones((160, 12), dtype=int), "mask must be boolean.*int64"),
        (np.ones((12, 160), dtype=bool), r"mask .*\(160, 12\), got \(12, 160\)"),
        (np.ones(160, dtype=bool), r"mask .*\(160, 12\), got \(160,\)"),
        (True, r"mask .*\(160, 12\), got \(\)"),
        ("observed", "mask must be boolean"),
    ],
)
def test_wrong_mask(mask, message, X, fitted):
    with pytest.raises(ValueError, match=message):
        small_model().fit(X, mask=mask)
    for method in (fitted.predict, fitted.impute, fitted.encode, fitted.score):
        with pytest.raises(ValueError, match=message):
            method(X, mask=mask)
