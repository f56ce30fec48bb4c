"""The MixMate estimator."""

import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base.estimator import NetworkEstimatorMixin
from ..base.parts import in_parts
from ..base.samples import like_input
from ..modules import DictionaryMixture, MixtureOutput
from ..penalties import Penalty
from ..utils.device import plain_arithmetic
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_bool, check_choice, check_integer
from ..utils.random import RandomState, private_random_state
from ..utils.validation import Array, ArrayLike, Input
from .fit import MixtureFit
from .network import (
    FittedMixture,
    MixtureParameters,
    assigned_codes,
    decode,
    decode_by_label,
)

__all__ = ["MixMateClustering"]

# Of the parameter ``clusters``.
_CLUSTERS = ("assigned", "all")


class MixMateClustering(NetworkEstimatorMixin, ClusterMixin, VersionedEstimator):
    """Cluster samples with a mixture of sparse dictionaries (MixMate).

    Each cluster has a dictionary of its own. A sample is coded sparsely against every
    dictionary by an unfolded FISTA encoder; it belongs to the cluster that explains it
    best, reconstruction and sparsity counted together. Training lowers the expected
    energy by gradient descent through the encoder.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    n_atoms : int or "auto", default="auto"
        Mean number of atoms of a dictionary. "auto" takes a third of the mean cluster
        size, at most 50; or, with the "spectral" start, one, or one group, if few
        epochs on the samples of the start leave clusters that cut the neighbour graph
        less by a tenth. So it is with noise about a centre, which has no directions to
        learn. Of a stream, each start decides.
    adapt_n_atoms : bool, float or "auto", default=True
        Whether the number of atoms of a cluster grows with the root of its size, from
        the start, and after each epoch of `fit` in which a cluster has outgrown its
        dictionary; see `skmixmate.functional.dictionary_sizes`. A number, at most 1, is
        another exponent than 0.5: with a smaller one, fewer small clusters are lost to
        large dictionaries in training, and more large clusters cut in two. "auto" is a
        third if, of a start with a neighbour graph, few epochs on its samples leave
        clusters that cut the graph less by a tenth than with a half. Then runs and
        starts are ranked by ``criterion_``, which is fair to clusters of unequal
        size. With False, as in the papers, all dictionaries have ``n_atoms`` and the
        lowest energy ranks: right where clusters are known to be of about one size. A
        warm start keeps the sizes that there are.
    alpha : float, default=0.75
        Strength of the sparsity penalty, in units of ``scale_``.
    penalty : str or Penalty, default="l1"
        Sparsity penalty; "l1", "group-l2", "elastic-net" or one of your own, see
        `skmixmate.penalties`.
    fit_intercept : bool, default=True
        Append a constant feature to the samples, so that each cluster is an affine set
        rather than a cone through the origin. Blobs and centred data need it; images
        do not mind. The papers do without (False).
    scale : float or "auto", default="auto"
        What X is divided by. "auto" makes the mean squared norm of a sample 100, so
        that ``alpha`` and the sharpness of the probabilities do not depend on the unit
        of X; or, with an intercept, more where clusters lie so far apart that they
        would be points: the mean squared distance of samples to the nearest centre of
        k-means is one then.
        The paper's model is ``scale=1.0`` on pixels in [0, 1].
    init : str, clusterer, callable or array-like, default="spectral"
        Where the first dictionaries come from: members of first clusters, found on
        ``init_size`` samples.

        - "spectral": spectral clustering of the nearest-neighbour graph in several
          ways, for clusters of about one size and of very unequal ones; a few epochs of
          training on these samples tell which partition to begin with, or, where
          ``n_atoms`` is as large as the number of features, so that any dictionary
          explains all samples, the graph itself;
        - "ssc": `SparseSubspaceClustering`;
        - "k-means";
        - "data", or "random": samples, whatever cluster they may be of;
        - "noise": Gaussian noise as large as the samples;
        - any object with ``fit_predict``, a Pipeline too;
        - a callable ``(X, n_clusters, random_state)`` that gives labels, or first atoms
          as an array; with a parameter ``device`` it gets the torch device as well;
        - first atoms, (n_clusters, n_atoms, n_features) or those of the clusters one
          after another in rows; zeros at the end of a cluster are idle places, so that
          dictionaries may differ in size from the start. They are points in the space
          of X, as samples are; to go on from a fitted estimator, use ``warm_start``.
    init_size : int, default=5000
        Largest number of samples that the first clusters are found on, and that
        `partial_fit` keeps. Of a stream it can be lowered, and raised until samples
        were let go. With three times as many samples or more, ``init="spectral"`` looks
        at up to twenty times as many, by the centres of small groups of them.
    n_init : int, default=1
        Number of runs from different starts; the one with the lowest ``criterion_`` is
        kept.
    n_fista_iter : int, default=15
        Number of layers of the encoder, FISTA iterations.
    step_size : float or "auto", default="auto"
        Step of FISTA. "auto" computes it from each dictionary so that the encoder
        cannot diverge; the paper has 0.04.
    fit_weights : bool, default=False
        Whether the mixture weights are learned, as the mean probabilities of an epoch,
        with one sample more for each cluster so that none dies of it; otherwise they
        are equal.
    missing : {"impute", "mask"}, default="impute"
        What becomes of missing entries. "impute" fills them in with their expectation
        by a `LocalGaussianImputer`, which is fitted first if ``fit`` has missing
        entries; `partial_fit` keeps that of its first incomplete batch until it starts
        anew, or features are observed for the first time. "mask", as in the paper,
        leaves them out of sums and takes many times as long. So it is also with entries
        that are missing in `predict` alone.
    learning_rate : float, default=0.01
        Step size of Adam.
    learning_rate_schedule : {"constant", "linear"}, default="constant"
        "linear" lowers it evenly, to zero at the end of ``max_iter`` epochs, whatever
        ``tol`` is; with it, few epochs at a larger rate may do as well as many. A warm
        start begins at the full rate again. `partial_fit` knows no end and keeps the
        rate throughout.
    epsilon : float, default=0.03
        Adam's epsilon, added to the root of the mean squared gradient. Scaled data have
        gradients of about one; a much smaller epsilon (1e-8 is common) moves entries
        whose gradient is noise, such as pixels that are always black, at the full
        learning rate, and ends at a higher loss.
    batch_size : int or "auto", default=256
        Number of samples of a gradient step. "auto" is 256 if a call has 35,840 samples
        or more, and down to 64 if it has fewer, for about 140 steps an epoch.
    max_iter : int, default=50
        Largest number of epochs. 0 keeps the start as it is.
    tol : float, default=2e-3
        An epoch that does not lower the loss by this fraction is one without change.
    n_iter_no_change : int, default=3
        Number of consecutive epochs without change that ends training.
    warm_start : bool, default=False
        Continue from the last fit instead of starting anew.
    random_state : int, RandomState instance or None, default=None
        Seeds the start and the batches. The same seed gives the same result.
    n_jobs : int, default=None
        Number of runs of ``n_init`` that go on at once, in processes of joblib; None is
        one, or what `joblib.parallel_config` says, and -1 as many as there are cores.
        Each has its share of PyTorch's threads. On a GPU, and with callbacks, runs
        follow one another. Of an array of 20,000 new samples or more that misses
        nothing, `predict` and what else takes ``out`` does as many parts at once.
    checkpoint_dir : str or path-like, default=None
        Folder in which `fit` writes down how far it is, a file for each run of
        ``n_init``. A fit with the same parameters and samples goes on from there, with
        the same bits as if nothing had been in between; one that has ended gives its
        result again. One folder is for one fit. None writes nothing; nor does
        `partial_fit`.
    checkpoint_every : int, default=1
        Number of epochs from one writing to the next; the first one comes after the
        start.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 tells each step, how far it is if it takes long, and the loss of each epoch:
        in lines, or with a bar in a terminal if rich or tqdm is installed.

    Attributes
    ----------
    dictionaries_ : ndarray of shape (n_clusters, largest size, n_features)
        Atoms of each cluster; with their intercepts they have unit norm. The places
        that a smaller dictionary leaves idle, the last ones, are zero, here and in all
        that follows; ``dictionaries_[k, :dictionary_sizes_[k]]`` are the atoms.
    dictionary_sizes_ : ndarray of shape (n_clusters,), int
        Number of atoms of each cluster.
    n_atoms_ : int
        The mean that they were shared out from.
    intercepts_ : ndarray of shape (n_clusters, largest size) or None
        Entry of each atom for the constant feature.
    weights_ : ndarray of shape (n_clusters,)
        Mixture weights; they sum to one.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training sample, the same as ``predict`` gives.
    loss_ : float
        Mean expected energy of the training samples (eq. 8).
    criterion_ : float
        What runs are ranked by, the lower, the better: the mean lowest energy of the
        training samples, squared and divided by that under the second best cluster,
        see `skmixmate.functional.separation_criterion`; with dictionaries of one size,
        as ``adapt_n_atoms=False`` makes them, the former alone. Comparable between fits
        to the same samples whose parameters differ in ``init`` and ``random_state``
        alone.
    history_ : dict of str to ndarray
        One entry an epoch: "loss", "seconds" and "n_reseeded_atoms". After
        `partial_fit`, all epochs since the start that the model is from.
    runs_ : list of tuple (history, criterion)
        The runs of the fit, as named tuples: ``run.history`` is as ``history_`` and
        ``run.criterion`` as ``criterion_``, infinite if the run was interrupted. The
        first with the lowest criterion is kept. After a warm start or ``partial_fit``
        it is one, the one that went on, with its whole history.
    n_iter_ : int
        Number of epochs of the last fit; after ``partial_fit``, of ``history_``.
    converged_ : bool
        Whether training ended because the loss no longer fell, and not at ``max_iter``.
    n_parameters_ : int
        Number of learned numbers.
    center_ : ndarray of shape (n_features,) or None
        What is subtracted from X: with an intercept, its mean, if that is more than
        three times as far from the origin as the samples are from it. Images are not
        centred, so that their atoms look like them.
    scale_ : float
        What X is divided by then.
    largest_norm_ : float or None
        Samples with a larger norm, after centring, count as if they had this one, but
        are reconstructed in their own size. None, for no bound, unless a few training
        samples were far beyond all others, a saturated sensor perhaps, which a warning
        names; then it is twice the largest norm of the others.
    observed_features_ : ndarray of shape (n_features,), bool, or None
        Which features had an observed entry; None if all. The others are left out of
        the model, until a later batch or a warm start has entries.
    start_agreement_ : float or None
        Share of the samples that two draws of a partition like the first one have in
        common, where ``init`` tells it; how many labels are right can hardly be more.
        `ImageClustering` knows it where clusters blend into each other.
    imputer_ : LocalGaussianImputer or None
        What fills missing entries in; None if none were missing in ``fit``, or with
        ``missing="mask"``.
    intercept_scaling_ : float or None
        The constant feature, the root mean squared norm of the scaled samples.
    cluster_sizes_ : ndarray of shape (n_clusters,)
        Number of training samples of each cluster; with ``partial_fit``, of all
        batches: those before the last start in the proportions of the reservoir, later
        ones by the labels they had then. So with the next three.
    atom_usage_ : ndarray of shape (n_clusters, largest size)
        Mean absolute code of each atom over the training samples of its cluster.
    code_means_ : ndarray of shape (n_clusters, largest size)
        Mean code of the training samples of each cluster.
    code_covariances_ : ndarray of shape (n_clusters, largest size, largest size)
        Their covariance.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    The encoder minimises ``0.5 * ||x - z D||^2 + alpha * Omega(z)`` while the energy is
    ``||x - z D||^2 + alpha * Omega(z) - log pi``: so it was published, and so it is
    kept.

    Missing entries are NaN in X, or False in ``mask``, or both. Where they are filled
    in, energies are those of the filled in sample, lower than those of the whole one
    would be, and probabilities are ``softmax(-s E)`` with the share s of the features'
    variance that was observed: guesses repeat what is known and are no evidence. Of a
    sample of which nothing is observed, the weights decide.

    Interrupting ``fit`` from the keyboard ends it and keeps what was learned until
    then. Interrupting ``partial_fit``, or a fit within a grid search, a Pipeline or
    another estimator's, keeps it as well and raises KeyboardInterrupt.

    References
    ----------
    Lin, Song and Ba, "Mixture model auto-encoders: deep clustering through dictionary
    learning" (ICASSP 2022).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.metrics import clustering_accuracy
    >>> X, y = load_digits(return_X_y=True)
    >>> mixmate = MixMateClustering(n_clusters=10, random_state=0, max_iter=5).fit(X)
    >>> bool(clustering_accuracy(y, mixmate.labels_) > 0.85)
    True
    >>> mixmate.predict_proba(X[:3]).shape
    (3, 10)
    """

    _fitted_name = "dictionaries_"
    _parameters_type = MixtureParameters
    _attributes_type = FittedMixture
    _fit_type = MixtureFit

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_atoms: int | Literal["auto"] = "auto",
        adapt_n_atoms: bool | float | Literal["auto"] = True,
        alpha: float = 0.75,
        penalty: str | Penalty = "l1",
        fit_intercept: bool = True,
        scale: float | Literal["auto"] = "auto",
        init: Any = "spectral",
        init_size: int = 5000,
        n_init: int = 1,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        fit_weights: bool = False,
        missing: Literal["impute", "mask"] = "impute",
        learning_rate: float = 0.01,
        learning_rate_schedule: Literal["constant", "linear"] = "constant",
        epsilon: float = 0.03,
        batch_size: int | Literal["auto"] = 256,
        max_iter: int = 50,
        tol: float = 2e-3,
        n_iter_no_change: int = 3,
        warm_start: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_atoms = n_atoms
        self.adapt_n_atoms = adapt_n_atoms
        self.alpha = alpha
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.scale = scale
        self.init = init
        self.init_size = init_size
        self.n_init = n_init
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.fit_weights = fit_weights
        self.missing = missing
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epsilon = epsilon
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.verbose = verbose

    @in_parts
    def predict(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Assign each sample to the cluster of lowest energy.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            integer dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            Labels 0 to ``n_clusters - 1``.
        """
        return self._from_energies(X, mask, lambda E: E.argmin(dim=1), out)

    @in_parts
    def predict_proba(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Probability of each cluster, ``softmax(-E)`` (eq. 7).

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_clusters), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            Rows sum to one.
        """
        data = self._validate(X, mask)
        return like_input(data, self._probabilities(data, out))

    @in_parts
    def transform(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Energy of each sample under each cluster (eq. 5): the lower, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_clusters), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            In units of ``scale_`` squared.
        """
        return self._from_energies(X, mask, lambda E: E, out)

    @plain_arithmetic
    def _probabilities(self, data: Input, out: np.ndarray | None) -> Any:
        shares = data.observed_shares

        def probabilities(output: MixtureOutput, index: slice) -> Tensor:
            energies = output.energies
            if shares is not None:
                # Guesses repeat what is known and are no evidence.
                energies = energies * shares[index].to(energies)[:, None]
            return torch.softmax(-energies, dim=1)

        return self._compute(data, probabilities, out, with_codes=False)

    @in_parts
    def score_samples(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """How well each sample is explained, ``log sum_k exp(-E_k)``.

        A log-likelihood without its normalising constants, which depend on ``alpha``,
        ``scale_``, ``penalty``, the number of atoms and the number of observed entries:
        compare only models, and samples, that share these and ``missing``.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            The higher, the better explained.
        """
        return self._from_energies(X, mask, lambda E: torch.logsumexp(-E, dim=1), out)

    def encode(
        self,
        X: ArrayLike,
        clusters: Literal["assigned", "all"] = "assigned",
        mask: ArrayLike | None = None,
    ) -> Array:
        """Sparse codes of the samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        clusters : {"assigned", "all"}, default="assigned"
            Codes for the cluster that each sample is assigned to, or for all.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_atoms) or, for "all", \
(n_samples, n_clusters, n_atoms)
            In units of ``scale_``.
        """
        check_choice(clusters, "clusters", _CLUSTERS)

        def codes(output: MixtureOutput):
            if clusters == "all":
                return output.codes.transpose(0, 1)
            return assigned_codes(output)

        return self._map(X, mask, codes)

    def reconstruct(
        self,
        X: ArrayLike,
        clusters: Literal["assigned", "all"] = "assigned",
        mask: ArrayLike | None = None,
    ) -> Array:
        """Samples as the model sees them: their codes times the dictionary.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        clusters : {"assigned", "all"}, default="assigned"
            Reconstruct by the cluster that each sample is assigned to, or by all.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features) or, for "all", \
(n_samples, n_clusters, n_features)
            In the unit of X, missing entries filled in.
        """
        check_choice(clusters, "clusters", _CLUSTERS)
        module = self._network()

        def reconstructions(output: MixtureOutput, _):
            if clusters == "all":
                return self._uncentered(decode(module, output.codes)).transpose(0, 1)
            codes = assigned_codes(output)
            labels = output.energies.argmin(dim=1)
            return self._uncentered(decode_by_label(module, codes, labels))

        data = self._validate(X, mask)
        return like_input(data, self._grown(self._compute(data, reconstructions), data))

    def impute(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        return_std: bool = False,
    ) -> Array | tuple[Array, Array]:
        """Fill in missing entries with their expected value.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        return_std : bool, default=False
            Whether to return standard deviations too, see
            `LocalGaussianImputer.impute`; for a mixture with an ``imputer_`` alone.

        Returns
        -------
        filled : ndarray or Tensor of shape (n_samples, n_features)
            X where observed, elsewhere what ``imputer_`` expects. Without one, the mean
            of the K reconstructions weighted by the cluster probabilities; for samples
            of which nothing is observed, the mean of the training samples'
            reconstructions. Features that ``fit`` never observed are zero.
        std : ndarray or Tensor of shape (n_samples, n_features)
            With ``return_std``; zero where observed.

        Raises
        ------
        ValueError
            If ``return_std`` is asked of a mixture without an ``imputer_``.
        """
        check_bool(return_std, "return_std")
        data = self._validate_incomplete(X, mask)
        if not self._fills_in:
            if return_std:
                raise ValueError(
                    "return_std=True needs a mixture that was fitted with missing "
                    "entries and missing='impute'; use LocalGaussianImputer(always="
                    "True) on complete samples."
                )
            return like_input(data, self._reconstructed_where_missing(data))
        imputer = self.imputer_._on(self.device)
        filled, std = imputer._filled(data, return_std=return_std)
        if std is None:
            return like_input(data, filled)
        return like_input(data, filled), like_input(data, std)

    def _reconstructed_where_missing(self, data: Input) -> Tensor:
        module = self._network()

        def expected(output: MixtureOutput, _):
            # The responsibilities go into the codes: one decoding, not K.
            weights = torch.softmax(-output.energies, dim=1).T.unsqueeze(-1)
            return self._uncentered(decode(module, output.codes * weights).sum(0))

        filled = self._grown(self._compute(data, expected), data)
        if data.empty_rows is not None:
            filled[data.empty_rows] = self._mean_reconstruction(module).to(filled)
        observed = ~torch.isnan(data.X)
        if data.mask is not None:
            observed &= data.mask
        # Where the model is single precision, observed doubles stay as they are.
        dtype = torch.promote_types(data.dtype, filled.dtype)
        return torch.where(observed, data.X.to(dtype), filled.to(dtype))

    @property
    def _fills_in(self) -> bool:
        return self.imputer_ is not None and self.missing == "impute"

    def _validate_incomplete(self, X, mask) -> Input:
        return super()._validate(X, mask)

    def _validate(self, X, mask) -> Input:
        data = self._validate_incomplete(X, mask)
        if not self._fills_in:
            return data
        return self.imputer_._on(self.device)._completed(data)

    @plain_arithmetic
    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw new samples that look like the clusters.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the unit of the training data, without noise.
        y : ndarray of shape (n_samples,)
            Cluster of each sample.

        Notes
        -----
        The cluster is drawn by the number of its training samples, the code from a
        normal distribution with the mean and the covariance of their codes. (Codes from
        the model's own prior, independent and of one scale, would look like no sample:
        the prior says that codes are sparse, not which atoms go together.)
        """
        check_is_fitted(self)
        check_is_fitted(
            self,
            "code_means_",
            msg="Fitting was interrupted before the codes of the training samples were "
            "known; `sample` needs them. Fit again, or with warm_start=True.",
        )
        n_samples = check_integer(n_samples, "n_samples", min_val=1)
        random_state = private_random_state(self.random_state)
        # Whatever the weights are: those that are not learned say nothing of sizes.
        shares = self.cluster_sizes_ / self.cluster_sizes_.sum()
        y = random_state.choice(len(shares), n_samples, p=shares)
        drawn = np.empty((n_samples, self.dictionaries_.shape[1]))
        for cluster in np.unique(y):
            members = y == cluster
            drawn[members] = _normal(
                random_state,
                int(members.sum()),
                self.code_means_[cluster],
                self.code_covariances_[cluster],
            )
        module = self._network().cpu()
        codes = torch.from_numpy(drawn).to(module.dictionaries.dtype)
        codes = module.penalty.project(codes.unsqueeze(0))[0]
        with torch.no_grad():
            X = decode_by_label(module, codes, torch.from_numpy(y))
            X = self._uncentered(X)
        return X.numpy(), y

    def _from_energies(self, X, mask, function: Callable, out: np.ndarray | None):
        """`_map` of a function of the energies, which needs no codes."""
        return self._map(
            X, mask, lambda output: function(output.energies), out, with_codes=False
        )

    @plain_arithmetic
    def _network(self) -> DictionaryMixture:
        fitted, parameters = self._fitted_state()
        return fitted.network(parameters)

    def _mean_reconstruction(self, module: DictionaryMixture) -> Tensor:
        """Mean of the reconstructions of the training samples, (M,)."""
        means = np.zeros(self.dictionaries_.shape[:2], self.dictionaries_.dtype)
        if hasattr(self, "code_means_"):  # An interrupt may have come before.
            shares = self.cluster_sizes_ / self.cluster_sizes_.sum()
            means = shares[:, None] * self.code_means_
        codes = torch.from_numpy(means).to(module.dictionaries)
        return self._uncentered(decode(module, codes.unsqueeze(1)).sum(0))[0]

    def _grown(self, X: Tensor, data: Input) -> Tensor:
        """Reconstructions (B, ..., M) of samples as large as they were given."""
        if self.largest_norm_ is None:
            return X
        fitted, parameters = self._fitted_state()
        samples = fitted.samples(data, parameters.device, fitted.left_out(data))
        growth = samples.growth().to(X).reshape(-1, *(1,) * (X.ndim - 1))
        center = 0.0 if self.center_ is None else torch.as_tensor(self.center_).to(X)
        return center + (X - center) * growth

    def _uncentered(self, X: Tensor) -> Tensor:
        """Scaled samples (..., M), with an intercept or without, in the unit of X."""
        X = X[..., : self.n_features_in_] * self.scale_
        if self.center_ is None:
            return X
        return X + torch.as_tensor(self.center_, dtype=X.dtype, device=X.device)

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.weights_)


def _normal(random_state, n_samples: int, mean, covariance) -> np.ndarray:
    """Normal draws by the symmetric root, which takes singular covariances."""
    eigenvalues, eigenvectors = np.linalg.eigh(covariance.astype(np.float64))
    root = eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    return mean + random_state.standard_normal((n_samples, len(mean))) @ root.T
