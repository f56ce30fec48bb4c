"""Small data and small models, made once."""

import pytest
from sklearn.datasets import load_digits

from skmixmate import GroupSparseAutoencoder
from skmixmate.datasets import make_group_sparse


def small_model(**parameters):
    """An estimator that fits the small data in a few hundredths of a second."""
    defaults = {
        "n_groups": 5,
        "group_size": 2,
        "init": "data",
        "learning_rate": 0.01,
        "max_iter": 4,
        "batch_size": 64,
        "random_state": 0,
    }
    return GroupSparseAutoencoder(**(defaults | parameters))


@pytest.fixture(scope="session")
def groups():
    """200 samples, each of one of 5 groups of 2 atoms in 12 dimensions."""
    data = make_group_sparse(
        200,
        n_groups=5,
        group_size=2,
        n_features=12,
        n_active_groups=1,
        snr_db=30.0,
        random_state=0,
    )
    data.data.flags.writeable = False
    return data


@pytest.fixture(scope="session")
def X(groups):
    return groups.data


@pytest.fixture(scope="session")
def fitted(X):
    """Fitted to X; tests do not change it."""
    return small_model().fit(X)


@pytest.fixture(scope="session")
def fitted_digits():
    """Ten groups on images of digits, their images and their classes."""
    X, y = load_digits(return_X_y=True)
    return GroupSparseAutoencoder(max_iter=8, random_state=0).fit(X), X, y
