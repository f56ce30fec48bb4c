"""What lies under a mask is seen by no estimator: it changes no bit of an answer.

That of the imputer, which takes masked arrays alone, is with its tests.
"""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    ImageClustering,
    MixMateClustering,
    SignalClustering,
    SparseAutoencoder,
)

SMALL = {"max_iter": 1, "n_fista_iter": 3, "random_state": 0}
LABELS = ("predict", "predict_proba")
MODEL = ("transform", "encode", "reconstruct", "impute", "score_samples")
CODES = ("transform", "predict", "score_samples")
READY = (*LABELS, "transform", "score_samples", "outlier_scores", "compute_features")
# Each with the methods that take a mask, beside `fit`.
ESTIMATORS = {
    "filled in": (MixMateClustering(3, n_atoms=4, **SMALL), (*LABELS, *MODEL)),
    "left out": (
        MixMateClustering(3, n_atoms=4, missing="mask", **SMALL),
        (*LABELS, *MODEL),
    ),
    "groups": (GroupSparseAutoencoder(3, group_size=4, **SMALL), CODES),
    "sparse": (SparseAutoencoder(12, **SMALL), CODES),
    "embeddings": (EmbeddingClustering(3, random_state=0), READY),
    "images": (ImageClustering(3, random_state=0), READY),
    "signals": (SignalClustering(3, random_state=0), READY),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore")
@given(
    seed=st.integers(0, 2**16),
    share=st.sampled_from([0.02, 0.3, 0.6]),
    whole_rows=st.booleans(),
    scale=st.sampled_from([1.0, 1e30, np.inf, np.nan]),
)
@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
def test_hidden_values_change_no_bit(name, seed, share, whole_rows, scale):
    estimator, methods = ESTIMATORS[name]
    X = load_digits().data[:90]
    rng = np.random.RandomState(seed)
    mask = rng.uniform(size=X.shape) >= share
    if whole_rows:
        mask[rng.permutation(len(X))[:2]] = False
    other = np.where(mask, X, scale * rng.standard_normal(X.shape))
    first, second = (clone(estimator).fit(Z, mask=mask) for Z in (X, other))
    for method in methods:
        found, again = (
            getattr(model, method)(Z, mask=mask)
            for model, Z in ((first, X), (second, other))
        )
        assert_array_equal(found, again, err_msg=method)
