"""What all estimators here are: those of scikit-learn, with versions in pickles."""

import sys
from typing import Any

from sklearn.base import BaseEstimator

from .callers import warn_user

__all__ = ["VersionedEstimator", "package_version"]

_STAMP = "_skmixmate_version"


def package_version() -> str:
    """Version of this package."""
    # Not imported: it imports what asks for it.
    return sys.modules[__name__.partition(".")[0]].__version__


class VersionedEstimator(BaseEstimator):
    """A `BaseEstimator` whose state tells of the version that it is of."""

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters, fitted attributes and version."""
        return {**super().__getstate__(), _STAMP: package_version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take parameters and fitted attributes of a pickle, or a file, over.

        Raises
        ------
        ValueError
            If they are of a version without a parameter that there is now.

        Warns
        -----
        UserWarning
            If they are of another version.
        """
        state = dict(state)
        saved_by, here = state.pop(_STAMP, "unknown"), package_version()
        if saved_by != here:
            missing = sorted(set(self._get_param_names()) - set(state))
            if missing:
                raise ValueError(
                    f"This {type(self).__name__} is of skmixmate {saved_by}, when it "
                    f"did not have the parameters {missing}; this is {here}. Fit "
                    "again, or load it with the version that saved it."
                )
            # The same words for all that are one in another, which show once.
            warn_user(
                f"What is loaded is of skmixmate {saved_by}, and this is {here}: "
                "results may differ, or fail. Fit again, or load it with that version.",
                UserWarning,
            )
        super().__setstate__(state)
