"""The MixMate estimator."""

from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin

from ..estimation.estimator import NetworkEstimatorMixin
from ..estimation.restarts import count_runs
from ..utils.callbacks import with_callbacks
from ..utils.validation import validate_samples
from .fitting import fit_mixture, partial_fit_mixture
from .inference import MixtureInferenceMixin
from .parameters import MixtureParameters

__all__ = ["MixMateClustering"]


class MixMateClustering(
    MixtureInferenceMixin,
    NetworkEstimatorMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
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
        Number of atoms of each dictionary. "auto" takes a third of the mean cluster
        size, at most 50.
    alpha : float, default=0.75
        Strength of the sparsity penalty, in units of ``scale_``.
    penalty : "l1" or Penalty, default="l1"
        Sparsity penalty; see `skmixmate.penalties`.
    fit_intercept : bool, default=True
        Append a constant feature to the samples, so that each cluster is an affine set
        rather than a cone through the origin. Blobs and centred data need it; images
        do not mind. The papers do without (False).
    scale : float or "auto", default="auto"
        What X is divided by. "auto" makes the mean squared norm of a sample 100, so
        that ``alpha`` and the sharpness of the probabilities do not depend on the unit
        of X. The paper's model is ``scale=1.0`` on pixels in [0, 1].
    init : str, clusterer, callable or array, default="spectral"
        Where the first dictionaries come from: members of first clusters, found on
        ``init_size`` samples without missing entries.

        - "spectral": spectral clustering of the nearest-neighbour graph;
        - "ssc": `SparseSubspaceClustering`;
        - "k-means", "random";
        - any object with ``fit_predict``, a Pipeline too;
        - a callable ``(X, n_clusters, random_state)`` that gives labels, or first atoms
          as an array;
        - an array (n_clusters, n_atoms, n_features) of first atoms. They are points
          in the space of X, as samples are; to go on from a fitted estimator, use
          ``warm_start``.
    init_size : int, default=5000
        Largest number of samples that the first clusters are found on.
    n_init : int, default=1
        Number of runs from different starts; the one with the lowest ``loss_`` is kept.
    n_fista_iter : int, default=15
        Number of layers of the encoder, FISTA iterations.
    step_size : float or "auto", default="auto"
        Step of FISTA. "auto" computes it from each dictionary so that the encoder
        cannot diverge; the paper has 0.04.
    fit_weights : bool, default=False
        Whether the mixture weights are learned; otherwise they are equal.
    learning_rate : float, default=0.01
        Step size of Adam.
    learning_rate_schedule : {"constant", "linear"}, default="constant"
        "linear" lowers it evenly, to zero at the end of ``max_iter`` epochs, whatever
        ``tol`` is; with it, few epochs at a larger rate may do as well as many. A warm
        start begins at the full rate again. `partial_fit` knows no end and keeps the
        rate.
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
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    dictionaries_ : ndarray of shape (n_clusters, n_atoms, n_features)
        Atoms of each cluster; with their intercepts they have unit norm.
    intercepts_ : ndarray of shape (n_clusters, n_atoms) or None
        Entry of each atom for the constant feature.
    weights_ : ndarray of shape (n_clusters,)
        Mixture weights; they sum to one.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training sample, the same as ``predict`` gives.
    loss_ : float
        Mean expected energy of the training samples (eq. 8).
    history_ : dict of str to ndarray
        One entry an epoch: "loss", "seconds", "n_reseeded_atoms".
    n_iter_ : int
        Number of epochs of the last fit.
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
    intercept_scaling_ : float or None
        The constant feature, the root mean squared norm of the scaled samples.
    cluster_sizes_ : ndarray of shape (n_clusters,)
        Number of training samples of each cluster; with ``partial_fit``, of all
        batches, each by the labels it had then. So with the next three.
    atom_usage_ : ndarray of shape (n_clusters, n_atoms)
        Mean absolute code of each atom over the training samples of its cluster.
    code_means_ : ndarray of shape (n_clusters, n_atoms)
        Mean code of the training samples of each cluster.
    code_covariances_ : ndarray of shape (n_clusters, n_atoms, n_atoms)
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

    Missing entries are NaN in X, or False in ``mask``, or both; they are left out of
    the model, not filled in.

    Interrupting ``fit`` from the keyboard ends it and keeps what was learned until
    then; interrupting ``partial_fit`` keeps it as well and raises KeyboardInterrupt.

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

    def __init__(
        self,
        n_clusters=8,
        *,
        n_atoms="auto",
        alpha=0.75,
        penalty="l1",
        fit_intercept=True,
        scale="auto",
        init="spectral",
        init_size=5000,
        n_init=1,
        n_fista_iter=15,
        step_size="auto",
        fit_weights=False,
        learning_rate=0.01,
        learning_rate_schedule="constant",
        epsilon=0.03,
        batch_size=256,
        max_iter=50,
        tol=2e-3,
        n_iter_no_change=3,
        warm_start=False,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.n_clusters = n_clusters
        self.n_atoms = n_atoms
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
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epsilon = epsilon
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @with_callbacks
    def fit(self, X, y=None, mask=None):
        """Learn the dictionaries and cluster X.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry. 8-bit integers stay 8-bit in memory.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        MixMateClustering
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X or mask is out of range; the message names it, what it
            got and what it accepts.

        Warns
        -----
        InitializationWarning
            If the first clusters had to be mended.
        ConvergenceWarning
            If clusters are empty in the end.
        RuntimeWarning
            If fitting was interrupted, or ended because the loss was not finite.
        """
        parameters = MixtureParameters.from_estimator(self)
        continued = bool(self.warm_start) and hasattr(self, "dictionaries_")
        data = validate_samples(self, X, mask, reset=not continued)
        context = self._init_callback_context(max_subtasks=count_runs(self, continued))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fitted = fit_mixture(
            self, parameters, data, continued=continued, context=context
        )
        fitted.store(self)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def partial_fit(self, X, y=None, mask=None):
        """Go on training with one epoch over a batch of samples.

        The first call draws the first dictionaries from its batch, which should be
        like the data as a whole and hold a few thousand samples if it can.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry. At least ``n_clusters`` samples in the first
            call.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        MixMateClustering
            Itself; ``labels_`` and ``loss_`` are those of the batch.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        parameters = MixtureParameters.from_estimator(self)
        first = not hasattr(self, "dictionaries_")
        data = validate_samples(self, X, mask, reset=first)
        fitted, interrupted = partial_fit_mixture(self, parameters, data)
        fitted.store(self)
        if interrupted:
            # What was learned is kept, but a loop over batches must end.
            raise KeyboardInterrupt
        return self

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.weights_)
