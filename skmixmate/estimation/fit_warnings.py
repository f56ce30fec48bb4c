"""What a fit warns of; each warning points at the user's call of ``fit``."""

import torch
from sklearn.exceptions import ConvergenceWarning

from ..modules import UnfoldedEncoder
from ..utils.user_warnings import warn_user

__all__ = ["warn_of_empty_clusters", "warn_of_interrupt", "warn_of_unstable_encoder"]


def warn_of_unstable_encoder(module: UnfoldedEncoder) -> None:
    """Warn of a fixed step with which FISTA would diverge in the end."""
    # One iteration cannot diverge.
    if module.step_size == "auto" or module.n_fista_iter == 1:
        return
    gram, _ = module.gram_and_steps()
    curvature = torch.linalg.eigvalsh(gram)[:, -1]
    # With momentum near one, an iteration on a quadratic of curvature L is stable for
    # steps up to 4 / (3 L).
    unstable = module.step_size * curvature > 4.0 / 3.0
    if unstable.any():
        warn_user(
            f"step_size={module.step_size} is too large for the first atoms of "
            f"{int(unstable.sum())} of {len(unstable)} dictionaries, which are too "
            "much alike: codes diverge, and clusters may lose all samples. Use "
            f"step_size='auto', or at most {1.0 / float(curvature.max()):.2g}.",
            ConvergenceWarning,
        )


def warn_of_interrupt(best, run: int, n_runs: int) -> None:
    """Say what is kept of an interrupted fit, whose last pass may be None."""
    where = f" in run {run + 1} of {n_runs}" if n_runs > 1 else ""
    message = (
        f"Fitting was interrupted{where}; the estimator keeps the best that it had "
        f"learned, after {best.n_iter_} epochs."
    )
    if best.last is None:
        message += " There are no labels_ of the training samples; use predict."
    warn_user(message, RuntimeWarning)


def warn_of_empty_clusters(fitted) -> None:
    """Warn if a `FittedMixture` has clusters without samples."""
    if fitted.last is None:
        return
    n_clusters = len(fitted.weights_)
    n_empty = int((fitted.last.cluster_sizes_ == 0).sum())
    if n_empty:
        warn_user(
            f"{n_empty} of {n_clusters} clusters are empty; the data may have fewer "
            "clusters than n_clusters, or many duplicates.",
            ConvergenceWarning,
        )
