"""scikit-learn's own checks of an estimator, none of them excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    ImageClustering,
    LocalGaussianImputer,
    MagnitudeSpectrum,
    MixMateClustering,
    NeighborVoting,
    PartialWhitening,
    ScatteringTransform,
    ScatteringTransform1D,
    SignalClustering,
    SparseAutoencoder,
    SparseSubspaceClustering,
)


# Several checks ask for eight clusters in one round blob; that some stay empty is true.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:n_features=.* is no square number:UserWarning")
@pytest.mark.filterwarnings("ignore:n_features=.* is taken as a square:UserWarning")
@pytest.mark.filterwarnings("ignore:Signals of .* are too short:UserWarning")
@pytest.mark.filterwarnings("ignore:Images of .* pixels are too small:UserWarning")
@pytest.mark.filterwarnings("ignore:With J=.*do not reach:UserWarning")
@parametrize_with_checks(
    [
        EmbeddingClustering(),
        GroupSparseAutoencoder(),
        ImageClustering(),
        MagnitudeSpectrum(),
        MixMateClustering(),
        LocalGaussianImputer(),
        NeighborVoting(),
        PartialWhitening(),
        ScatteringTransform(),
        ScatteringTransform1D(),
        SignalClustering(),
        SparseAutoencoder(),
        SparseSubspaceClustering(),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)
