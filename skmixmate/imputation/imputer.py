"""Missing entries filled in by Gaussians about local means, for a Pipeline too."""

import copy
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base.samples import like_input
from ..training import Samples
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_bool, check_integer
from ..utils.progress import in_batches
from ..utils.random import RandomState, private_random_state
from ..utils.validation import (
    Array,
    ArrayLike,
    Input,
    missing_entries,
    shared_tensor,
    validate_samples,
    with_nan,
)
from .fit import fit_local_gaussians
from .local_gaussians import LocalGaussians

__all__ = ["LocalGaussianImputer"]

# Samples that are filled in at once.
_BATCH_SIZE = 4000


class LocalGaussianImputer(OneToOneFeatureMixin, TransformerMixin, VersionedEstimator):
    """Fill in missing entries with their expectation; pass on complete samples.

    A sample is taken to be normal about the weighted mean of its nearest training
    samples, with the covariance of such deviations in its cluster. No training sample
    has to be complete. It is fitted only if there is something missing, so that in a
    Pipeline this step costs next to nothing where it is not needed.

    Missing are NaN and what a NumPy masked array masks. There is no ``mask``, which
    nothing in a Pipeline would pass on; ``np.ma.array(X, mask=~observed)`` does.
    Features should be of one kind and unit, as pixels and channels are; scale others
    first (`sklearn.preprocessing.StandardScaler` leaves NaN as it is).

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters with covariances of their own, fewer of few samples. It
        matters little.
    n_components : int, default=500
        Largest number of components that samples are explained by; the rest is noise.
    n_neighbors : int, default=20
        Number of nearest samples that a local mean is of.
    always : bool, default=False
        Fit to complete samples too, so that `transform` can fill in others later.
    subsample : int, default=6000
        Largest number of samples, drawn at random, that it is fitted to.
    n_references : int, default=20000
        Largest number of samples that neighbours are found among: those it is fitted
        to, all of them, and others that it completes up to this number. They are kept:
        20,000 take 40 MB.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, the entries that are hidden to learn from, and k-means.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.

    Attributes
    ----------
    model_ : dict of str to ndarray, float or int, or None
        The fitted model; None if nothing was missing. "mean", "noise" (a variance, in
        units), "unit" (what deviations from the mean are divided by), "references" (the
        completed training samples in the coordinates of "basis") and "covariances" (of
        each cluster) may be of interest.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    ``x = m(x) + Q s + e`` with a normal s, whose covariance is that of the cluster,
    shrunk towards that of all, and noise e. This is a kernel density estimate with a
    full covariance as its kernel; since conditional means are linear, the weighted mean
    of the neighbours is all of them that matters. Neighbours are found among completed
    samples, so completing and fitting take turns; it begins with one Gaussian, whose
    noise falls. The noise, and the size of errors, come from entries of some samples
    that are hidden where other samples miss theirs.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM
    algorithm" (1977), for the turns. Vincent and Bengio, "Manifold Parzen windows"
    (2002), for densities by local Gaussians.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import LocalGaussianImputer
    >>> X, _ = load_digits(return_X_y=True)
    >>> X[::2, 20:24] = np.nan
    >>> imputer = LocalGaussianImputer(random_state=0).fit(X)
    >>> filled, deviations = imputer.impute(X, return_std=True)
    >>> bool(np.isnan(filled).any())
    False
    """

    def __init__(
        self,
        n_clusters: int = 10,
        *,
        n_components: int = 500,
        n_neighbors: int = 20,
        always: bool = False,
        subsample: int = 6000,
        n_references: int = 20000,
        random_state: RandomState = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.always = always
        self.subsample = subsample
        self.n_references = n_references
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit to X if anything is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN, or a mask of its own, marks a missing entry.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        LocalGaussianImputer
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range.
        """
        self._check_parameters()
        return self._fit(validate_samples(self, with_nan(X), reset=True))

    def _check_parameters(self) -> None:
        for name in (
            "n_clusters",
            "n_components",
            "n_neighbors",
            "subsample",
            "n_references",
        ):
            check_integer(getattr(self, name), name, min_val=1)
        check_bool(self.always, "always")
        resolve_device(self.device)

    @plain_arithmetic
    def _fit(self, data: Input) -> Self:
        """Fit to validated samples, with a mask perhaps."""
        self.n_features_in_ = data.X.shape[1]
        random_state = private_random_state(self.random_state)
        missing = missing_entries(data.X, data.mask)
        self.model_ = None
        if missing is None and not self.always:
            return self
        rows, others = _subsample(
            data, missing, self.subsample, self.n_references, random_state
        )
        device = resolve_device(self.device)

        def part(rows: Tensor) -> tuple[Tensor, Tensor]:
            X = data.X[rows]
            observed = torch.ones_like(X, dtype=torch.bool)
            if missing is not None:
                observed = ~missing[rows]
            return X.to(device), observed.to(device)

        model = fit_local_gaussians(
            *part(rows),
            n_clusters=self.n_clusters,
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            random_state=random_state,
        )
        if len(others):
            for batch in in_batches("more neighbours", len(others), _BATCH_SIZE):
                model = model.with_more_references(*part(others[batch]))
        self.model_ = {
            name: value.cpu().numpy() if isinstance(value, Tensor) else value
            for name, value in vars(model).items()
        }
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Fill in what is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN, or a mask of its own, marks a missing entry.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            A copy. Integers with masked entries become floating point numbers. Samples
            of which nothing is observed get the mean, features that ``fit`` never
            observed zero.

        Raises
        ------
        ValueError
            If entries are missing and none were in ``fit``.
        """
        check_is_fitted(self)
        data = validate_samples(self, with_nan(X), reset=False)
        return like_input(data, self._filled(data)[0])

    def impute(
        self, X: ArrayLike, *, return_std: bool = False
    ) -> Array | tuple[Array, Array]:
        """Fill in what is missing, and tell how far off that may be.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN, or a mask of its own, marks a missing entry.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        filled : ndarray or Tensor of shape (n_samples, n_features)
            As `transform` has it.
        std : ndarray or Tensor of shape (n_samples, n_features)
            With ``return_std``: standard deviations of what was filled in, zero
            elsewhere, and for features of which `fit` saw one number twenty times or
            more and no other. Intervals of 1.645 of them to each side hold nine in ten
            of the true numbers, on the whole, of samples that miss about as much as
            those of ``fit``; of features that `fit` saw less than a hundred times they
            hold fewer.

        Raises
        ------
        ValueError
            If entries are missing and none were in ``fit``.
        """
        check_is_fitted(self)
        check_bool(return_std, "return_std")
        data = validate_samples(self, with_nan(X), reset=False)
        filled, std = self._filled(data, return_std=return_std)
        if std is None:
            return like_input(data, filled)
        return like_input(data, filled), like_input(data, std)

    @plain_arithmetic
    def _filled(
        self, data: Input, *, return_std: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """A copy of validated samples filled in, and standard deviations if asked."""
        missing = missing_entries(data.X, data.mask)
        dtype = data.X.dtype
        if missing is not None and not data.X.is_floating_point():
            dtype = data.dtype
        filled = data.X.to(dtype, copy=True)
        std = torch.zeros_like(filled) if return_std else None
        if missing is not None:
            model = self._model()
            incomplete = missing.any(dim=1).nonzero().flatten()
            for batch in in_batches("filling in", len(incomplete), _BATCH_SIZE):
                rows = incomplete[batch]
                X, observed = (
                    part.to(model.mean.device)
                    for part in (filled[rows], ~missing[rows])
                )
                found, found_std = model.complete(X, observed, return_std=return_std)
                filled[rows] = found.to(filled.device)
                if std is not None and found_std is not None:
                    std[rows] = found_std.to(std.device)
        return filled, std

    @plain_arithmetic
    def _completed(self, data: Input) -> Input:
        """Validated samples filled in, but for those of which nothing is observed.

        They stay missing, as do features that were never observed stay left out.
        """
        missing = missing_entries(data.X, data.mask)
        if missing is None:
            return data
        model = self._require_model()
        shares = self._observed_shares(missing)
        if data.empty_rows is not None:
            shares[data.empty_rows] = 1.0  # Left missing: weights are all there is.
        X, _ = self._filled(data)
        if data.empty_rows is not None:
            X[data.empty_rows] = torch.nan
        never = data.empty_columns
        if never is not None:
            never = never & (shared_tensor(model["n_observed"]) == 0).to(never.device)
            never = never if never.any() else None
        return Input(X, None, data.is_tensor, data.empty_rows, never, shares)

    def _observed_shares(self, missing: Tensor) -> Tensor:
        """Share of the features' variance that is observed of each sample."""
        variances = self._require_model()["feature_variances"]
        variances = shared_tensor(variances).to(missing.device)
        total = variances.sum().clamp(min=torch.finfo(variances.dtype).tiny)
        return torch.cat(
            [
                1.0 - rows.to(variances.dtype) @ (variances / total)
                for rows in missing.split(_BATCH_SIZE)
            ]
        )

    def _on(self, device) -> Self:
        """The same, sharing what was fitted, with another device."""
        other = copy.copy(self)
        other.device = str(device)
        return other

    def _require_model(self) -> dict:
        if self.model_ is None:
            raise ValueError(
                "X has missing entries, and there were none in fit; fit with some, or "
                "with always=True, so that there is a model to fill them in."
            )
        return self.model_

    def _model(self) -> LocalGaussians:
        device = resolve_device(self.device)
        values: dict[str, Any] = {
            name: torch.tensor(value, device=device)
            if isinstance(value, np.ndarray)
            else value
            for name, value in self._require_model().items()
        }
        return LocalGaussians(**values)

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _subsample(
    data: Input, missing: Tensor | None, size: int, total: int, random_state
) -> tuple[Tensor, Tensor]:
    """Indices of at most ``size`` samples, and of others up to ``total`` of both.

    Of the former few more if a feature needs them; none of which nothing is observed,
    or that are far beyond all others.
    """
    wanted = torch.ones(len(data.X), dtype=torch.bool)
    ordinary = Samples(data.X, data.mask).ordinary_rows()
    if ordinary is not None:
        wanted &= ordinary.cpu()
    if data.empty_rows is not None:
        wanted &= ~data.empty_rows.cpu()
    order = torch.from_numpy(random_state.permutation(len(data.X)))
    order = order[wanted[order]]
    chosen, others = order[:size], order[size:total]
    if missing is not None:
        missing = missing.cpu()
        unseen = missing[chosen].all(dim=0)
        # One sample each, or the model would know nothing of these features.
        seen = ~missing[:, unseen] & wanted[:, None]
        witnesses = seen.int().argmax(dim=0)[seen.any(dim=0)]
        chosen = torch.cat([chosen, witnesses])
        others = others[~torch.isin(others, witnesses)]
    return tuple(rows.unique().to(data.X.device) for rows in (chosen, others))
