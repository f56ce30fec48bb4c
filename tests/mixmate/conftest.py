"""Small data and small models, made once."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering
from skmixmate.datasets import make_dictionary_mixture


def small_model(**parameters):
    """An estimator that fits the small data in a few hundredths of a second."""
    defaults = {
        "n_clusters": 3,
        "n_atoms": 4,
        "init": "k-means",
        "max_iter": 4,
        "batch_size": 64,
        "random_state": 0,
    }
    return MixMateClustering(**(defaults | parameters))


def with_missing(X, fraction, seed=0):
    """A copy with NaN; no row and no column is emptied."""
    X = X.astype(np.float64) if X.dtype.kind != "f" else X.copy()
    drop = np.random.RandomState(seed).uniform(size=X.shape) < fraction
    drop[np.arange(len(X)), np.arange(len(X)) % X.shape[1]] = False
    X[drop] = np.nan
    return X


@pytest.fixture(scope="session")
def mixture():
    """160 samples of 3 dictionaries of 4 atoms in 12 dimensions."""
    data = make_dictionary_mixture(
        160, n_clusters=3, n_atoms=4, n_features=12, n_nonzero_coefs=2, random_state=0
    )
    data.data.flags.writeable = False
    return data


@pytest.fixture(scope="session")
def X(mixture):
    return mixture.data


@pytest.fixture(scope="session")
def X_nan(X):
    return with_missing(X, 0.1)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    X.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def fitted(X):
    """Fitted to X; tests do not change it."""
    return small_model().fit(X)


@pytest.fixture(scope="session")
def fitted_digits(digits):
    """Ten clusters of digits; tests do not change it."""
    return MixMateClustering(10, max_iter=6, random_state=0).fit(digits[0])
