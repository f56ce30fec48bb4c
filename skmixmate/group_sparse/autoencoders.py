"""The sparse autoencoders: their parameters."""

import os
from typing import Any, Literal

import torch

from ..penalties import Penalty
from ..utils.random import RandomState
from .estimator import BaseSparseAutoencoder

__all__ = ["GroupSparseAutoencoder", "SparseAutoencoder"]


class GroupSparseAutoencoder(BaseSparseAutoencoder):
    """Learn a dictionary whose atoms are used in groups, and group samples by them.

    A sample is coded by an unfolded FISTA encoder with the group ReLU, which uses whole
    groups of atoms or leaves them unused, and decoded by the same dictionary. Codes
    feed k-means or spectral clustering; the strongest group is a cluster by itself.

    Parameters
    ----------
    n_groups : int, default=10
        Number of groups of atoms.
    group_size : int, default=16
        Number of atoms of each group.
    alpha : float, default=0.2
        Strength of the penalty ``sum_g ||z_g||``, the threshold of the group ReLU, in
        units of ``scale_``: with "auto" scaling, most of what a unit-norm atom can
        explain of a sample is between 0 and 1.
    penalty : str or Penalty, default="group-l2"
        Sparsity penalty; "l1", "group-l2", "elastic-net" or one of your own, see
        `skmixmate.penalties`. By name, it has groups of ``group_size``.
    nonnegative : bool, default=False
        Restrict codes to nonnegative values, for a penalty by name.
    n_fista_iter : int, default=15
        Number of layers of the encoder, FISTA iterations. 1 is the paper's shallow
        network; its eq. 11 has ``step_size=1.0``, which scales codes alone.
    step_size : float or "auto", default="auto"
        Step of FISTA. "auto" computes it from the dictionary so that the encoder cannot
        diverge.
    loss : {"penalized", "reconstruction"}, default="penalized"
        What training lowers: half the squared residual plus the penalty (eq. 8), which
        is also what the encoder minimises, or half the squared residual alone (eq. 13,
        the paper's choice).
    normalize_atoms : bool, default=True
        Keep atoms at unit norm. Without, the penalised loss has no minimum: atoms grow
        while codes shrink.
    scale : float or "auto", default="auto"
        What X is divided by. "auto" makes the mean squared norm of a sample 1, so that
        ``alpha`` does not depend on the unit of X.
    init : str, clusterer, callable or array-like, default="spectral"
        The first atoms, the same names as in `MixMateClustering`.

        - "spectral", "ssc", "k-means": members of clusters, a group a cluster;
        - any object with ``fit_predict``, a Pipeline too: members of its clusters;
        - "data", or "random": samples; "noise": Gaussian noise;
        - a callable ``(X, n_groups, random_state)`` that gives labels, or atoms as an
          array; with a parameter ``device`` it gets the torch device as well;
        - atoms in the unit of X, (n_groups * group_size, n_features) or (n_groups,
          group_size, n_features).
    init_size : int, default=5000
        Largest number of samples that the first atoms are drawn from, and that
        `partial_fit` keeps. Of a stream it can be lowered, and raised until samples
        were let go.
    n_init : int, default=1
        Number of runs from different starts; the one with the lowest ``loss_`` is kept.
    learning_rate : float, default=0.003
        Step size of Adam.
    learning_rate_schedule : {"constant", "linear"}, default="constant"
        "linear" lowers it evenly, to zero at the end of ``max_iter`` epochs, whatever
        ``tol`` is; with it, few epochs at a larger rate may do as well as many. A warm
        start begins at the full rate again. `partial_fit` knows no end and keeps the
        rate.
    epsilon : float, default=1e-4
        Adam's epsilon, added to the root of the mean squared gradient. A much smaller
        one ends at a higher loss, see `MixMateClustering`.
    batch_size : int or "auto", default=256
        Number of samples of a gradient step. "auto" is 256 if a call has 35,840 samples
        or more, and down to 64 if it has fewer, for about 140 steps an epoch.
    max_iter : int, default=50
        Largest number of epochs. 0 keeps the start as it is.
    tol : float, default=1e-3
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
    dictionary_ : ndarray of shape (n_groups * group_size, n_features)
        The atoms, those of a group side by side.
    group_size_ : int
        Number of atoms of each group.
    labels_ : ndarray of shape (n_samples,)
        Strongest group of each training sample, the same as ``predict`` gives.
    group_usage_ : ndarray of shape (n_groups,)
        Share of the training samples whose code uses the group.
    loss_ : float
        Mean loss of the training samples.
    history_ : dict of str to ndarray
        One entry an epoch: "loss", "seconds" and "n_reseeded_atoms", the number of
        atoms that no sample used and that became badly explained samples. After
        `partial_fit`, all epochs since the start that the model is from.
    runs_ : list of tuple (history, criterion)
        The runs of the fit, as named tuples: ``run.history`` is as ``history_`` and
        ``run.criterion`` as ``loss_``, infinite if the run was interrupted. The first
        with the lowest criterion is kept. After a warm start or ``partial_fit`` it is
        one, the one that went on, with its whole history.
    n_iter_ : int
        Number of epochs of the last fit; after ``partial_fit``, of ``history_``.
    converged_ : bool
        Whether training ended because the loss no longer fell, and not at ``max_iter``.
    n_parameters_ : int
        Number of learned numbers.
    scale_ : float
        What X is divided by.
    largest_norm_ : float or None
        Samples with a larger norm count as if they had this one; see
        `MixMateClustering`.
    observed_features_ : ndarray of shape (n_features,), bool, or None
        Which features had an observed entry; None if all. The others are left out.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    See Also
    --------
    SparseAutoencoder : Groups of one atom.
    MixMateClustering : A dictionary for each cluster; better clusters.
    skmixmate.recovery.support_recovery_range : For which alpha codes are recovered.

    Notes
    -----
    Missing entries are NaN in X, or False in ``mask``, or both; they are left out of
    the model, not filled in.

    Interrupting ``fit`` from the keyboard ends it and keeps what was learned until
    then; interrupting ``partial_fit`` keeps it as well and raises KeyboardInterrupt.

    References
    ----------
    Theodosis, Tolooshams, Tankala, Tasissa and Ba, "On the convergence of group-sparse
    autoencoders", arXiv:2102.07003, 2021.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmixmate import GroupSparseAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = GroupSparseAutoencoder(group_size=8, max_iter=5, random_state=0)
    >>> autoencoder.fit_transform(X).shape
    (1797, 80)
    >>> clusterer = make_pipeline(autoencoder, KMeans(10, random_state=0))
    >>> clusterer.fit_predict(X).shape
    (1797,)
    """

    _size_names = ("n_groups", "group_size")

    def __init__(
        self,
        n_groups: int = 10,
        group_size: int = 16,
        *,
        alpha: float = 0.2,
        penalty: str | Penalty = "group-l2",
        nonnegative: bool = False,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        loss: Literal["penalized", "reconstruction"] = "penalized",
        normalize_atoms: bool = True,
        scale: float | Literal["auto"] = "auto",
        init: Any = "spectral",
        init_size: int = 5000,
        n_init: int = 1,
        learning_rate: float = 3e-3,
        learning_rate_schedule: Literal["constant", "linear"] = "constant",
        epsilon: float = 1e-4,
        batch_size: int | Literal["auto"] = 256,
        max_iter: int = 50,
        tol: float = 1e-3,
        n_iter_no_change: int = 3,
        warm_start: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_groups = n_groups
        self.group_size = group_size
        self.alpha = alpha
        self.penalty = penalty
        self.nonnegative = nonnegative
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.loss = loss
        self.normalize_atoms = normalize_atoms
        self.scale = scale
        self.init = init
        self.init_size = init_size
        self.n_init = n_init
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


class SparseAutoencoder(BaseSparseAutoencoder):
    """Learn a dictionary of which each sample uses few atoms.

    A `GroupSparseAutoencoder` with groups of one atom, the baseline of its paper: the
    penalty is the l1 norm and the activation is soft thresholding.

    Parameters
    ----------
    n_atoms : int, default=160
        Number of atoms.
    alpha : float, default=0.03
        Strength of the penalty ``sum |z|``; see `GroupSparseAutoencoder`.
    penalty : str or Penalty, default="l1"
        See `GroupSparseAutoencoder`.
    nonnegative : bool, default=False
        Restrict codes to nonnegative values, for a penalty by name.
    n_fista_iter : int, default=15
        Number of layers of the encoder, FISTA iterations.
    step_size : float or "auto", default="auto"
        Step of FISTA. "auto" computes it from the dictionary so that the encoder cannot
        diverge.
    loss : {"penalized", "reconstruction"}, default="penalized"
        What training lowers; see `GroupSparseAutoencoder`.
    normalize_atoms : bool, default=True
        Keep atoms at unit norm.
    scale : float or "auto", default="auto"
        What X is divided by. "auto" makes the mean squared norm of a sample 1.
    init : str, clusterer, callable or array-like, default="data"
        The first atoms; see `GroupSparseAutoencoder`. Each atom is a group here.
    init_size : int, default=5000
        Largest number of samples that the first atoms are drawn from, and that
        `partial_fit` keeps. Of a stream it can be lowered, and raised until samples
        were let go.
    n_init : int, default=1
        Number of runs from different starts; the one with the lowest ``loss_`` is kept.
    learning_rate : float, default=0.003
        Step size of Adam.
    learning_rate_schedule : {"constant", "linear"}, default="constant"
        "linear" lowers it evenly, to zero at the end of ``max_iter`` epochs, whatever
        ``tol`` is; with it, few epochs at a larger rate may do as well as many. A warm
        start begins at the full rate again. `partial_fit` knows no end and keeps the
        rate.
    epsilon : float, default=1e-4
        Adam's epsilon, added to the root of the mean squared gradient. A much smaller
        one ends at a higher loss, see `MixMateClustering`.
    batch_size : int or "auto", default=256
        Number of samples of a gradient step. "auto" is 256 if a call has 35,840 samples
        or more, and down to 64 if it has fewer, for about 140 steps an epoch.
    max_iter : int, default=50
        Largest number of epochs. 0 keeps the start as it is.
    tol : float, default=1e-3
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
    dictionary_ : ndarray of shape (n_atoms, n_features)
        The atoms.
    group_size_ : int
        1.
    labels_ : ndarray of shape (n_samples,)
        Strongest atom of each training sample, the same as ``predict`` gives.
    group_usage_ : ndarray of shape (n_atoms,)
        Share of the training samples whose code uses the atom.
    loss_ : float
        Mean loss of the training samples.
    history_ : dict of str to ndarray
        One entry an epoch: "loss", "seconds" and "n_reseeded_atoms", the number of
        atoms that no sample used and that became badly explained samples. After
        `partial_fit`, all epochs since the start that the model is from.
    runs_ : list of tuple (history, criterion)
        The runs of the fit, as named tuples: ``run.history`` is as ``history_`` and
        ``run.criterion`` as ``loss_``, infinite if the run was interrupted. The first
        with the lowest criterion is kept. After a warm start or ``partial_fit`` it is
        one, the one that went on, with its whole history.
    n_iter_ : int
        Number of epochs of the last fit; after ``partial_fit``, of ``history_``.
    converged_ : bool
        Whether training ended because the loss no longer fell, and not at ``max_iter``.
    n_parameters_ : int
        Number of learned numbers.
    scale_ : float
        What X is divided by.
    largest_norm_ : float or None
        Samples with a larger norm count as if they had this one; see
        `MixMateClustering`.
    observed_features_ : ndarray of shape (n_features,), bool, or None
        Which features had an observed entry; None if all. The others are left out.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    See Also
    --------
    GroupSparseAutoencoder : Atoms that are used in groups.
    sklearn.decomposition.MiniBatchDictionaryLearning : Dictionary learning without
        backpropagation.

    References
    ----------
    Theodosis, Tolooshams, Tankala, Tasissa and Ba, "On the convergence of group-sparse
    autoencoders", arXiv:2102.07003, 2021, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import SparseAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = SparseAutoencoder(n_atoms=40, max_iter=5, random_state=0).fit(X)
    >>> codes = autoencoder.transform(X)
    >>> autoencoder.inverse_transform(codes).shape
    (1797, 64)
    """

    _size_names = ("n_atoms", None)

    def __init__(
        self,
        n_atoms: int = 160,
        *,
        alpha: float = 0.03,
        penalty: str | Penalty = "l1",
        nonnegative: bool = False,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        loss: Literal["penalized", "reconstruction"] = "penalized",
        normalize_atoms: bool = True,
        scale: float | Literal["auto"] = "auto",
        init: Any = "data",
        init_size: int = 5000,
        n_init: int = 1,
        learning_rate: float = 3e-3,
        learning_rate_schedule: Literal["constant", "linear"] = "constant",
        epsilon: float = 1e-4,
        batch_size: int | Literal["auto"] = 256,
        max_iter: int = 50,
        tol: float = 1e-3,
        n_iter_no_change: int = 3,
        warm_start: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_atoms = n_atoms
        self.alpha = alpha
        self.penalty = penalty
        self.nonnegative = nonnegative
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.loss = loss
        self.normalize_atoms = normalize_atoms
        self.scale = scale
        self.init = init
        self.init_size = init_size
        self.n_init = n_init
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
