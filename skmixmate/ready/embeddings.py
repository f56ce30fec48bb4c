"""The clusterer for embeddings and other vectors of many features of one kind."""

import os
from typing import Literal

import torch
from sklearn.pipeline import Pipeline

from ..features.whitening import half_whitened
from ..utils.random import RandomState
from .base import ReadyMadeClusterer

__all__ = ["EmbeddingClustering"]


class EmbeddingClustering(ReadyMadeClusterer):
    """Cluster embeddings, or other vectors whose features are of one kind.

    Their principal components are half whitened, which takes from the few that all
    samples share, and each sample is brought to unit norm, as cosines do; a mixture of
    sparse dictionaries finds the clusters, and neighbours vote on the labels.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters; "auto" takes that of
        `skmixmate.model_selection.choose_n_clusters`, from 2 to 16, or one, with a
        warning, where none are found.
    n_init : int, default=1
        Number of runs on all samples, of which the one with the lowest ``criterion_``
        is kept.
    always_impute : bool, default=False
        Whether to learn to fill in missing entries where `fit` has none, so that other
        samples may miss some later.
    random_state : int, RandomState instance or None, default=None
        Seeds every step. The same seed gives the same result.
    n_jobs : int, default=None
        Number of runs of ``n_init``, graphs of ``n_clusters="auto"``, or parts of new
        samples that go on at once; see `MixMateClustering`.
    checkpoint_dir : str or path-like, default=None
        Folder in which `fit` writes down how far the mixture is; see
        `MixMateClustering`. What comes before it, as features, is computed again.
    checkpoint_every : int, default=1
        Number of epochs from one writing to the next.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 tells each step, how far it is if it takes long, and the loss of each epoch:
        in lines, or with a bar in a terminal if rich or tqdm is installed.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training sample, as `predict` gives it, but for ties between
        distances, which rounding decides.
    features_ : Pipeline
        Fitted steps from complete samples to what the mixture takes: "components" and
        "normalizer".
    mixmate_ : MixMateClustering
        The fitted mixture of features, with dictionaries, history and labels of its
        own.
    voting_ : NeighborVoting
        The same with the training samples that vote.
    imputer_ : LocalGaussianImputer or None
        What fills in missing entries; None if none were missing in `fit`.
    n_clusters_ : int
        Number of clusters.
    n_clusters_choice_ : NumberOfClusters or None
        Why there are so many, with ``n_clusters="auto"``.
    temperature_ : float
        What energies are divided by before the vote, so that probabilities mean what
        they say; see `NeighborVoting`.
    outlier_scores_ : ndarray of shape (n_samples,)
        Of the training samples, see `outlier_scores`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    Half precision is computed in single precision. Features of different kinds and
    units, as columns of a table are, want `sklearn.preprocessing.StandardScaler` first.

    References
    ----------
    Bullinaria and Levy, "Extracting semantic representations from word co-occurrence
    statistics: stop-lists, stemming, and SVD" (Behavior Research Methods 44, 2012), for
    half whitening. Lin, Song and Ba, "Mixture model auto-encoders" (2022), for the
    model.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmixmate import EmbeddingClustering
    >>> from skmixmate.metrics import clustering_accuracy
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clusterer = EmbeddingClustering(3, random_state=0)
    >>> bool(clustering_accuracy(y, clusterer.fit_predict(X)) > 0.9)
    True
    """

    def __init__(
        self,
        n_clusters: int | Literal["auto"] = 8,
        *,
        n_init: int = 1,
        always_impute: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.always_impute = always_impute
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.verbose = verbose

    def _new_features(self, n_features, shape, seed: int) -> Pipeline:
        return Pipeline(half_whitened(seed, self.device))
