"""scikit-learn's own checks of an estimator, none of them excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    ImageClustering,
    LocalGaussianImputer,
    MixMateClustering,
    NeighborVoting,
    PartialWhitening,
    ScatteringTransform,
    SparseAutoencoder,
    SparseSubspaceClustering,
)


# Several checks ask for eight clusters in one round blob; that some stay empty is true.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:n_features=.* is no square number:UserWarning")
@pytest.mark.filterwarnings("ignore:n_features=.* is taken as a square:UserWarning")
@pytest.mark.filterwarnings("ignore:Images of .* pixels are too small:UserWarning")
@parametrize_with_checks(
    [
        EmbeddingClustering(),
        GroupSparseAutoencoder(),
        ImageClustering(),
        MixMateClustering(),
        LocalGaussianImputer(),
        NeighborVoting(),
        PartialWhitening(),
        ScatteringTransform(),
        SparseAutoencoder(),
        SparseSubspaceClustering(),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)
