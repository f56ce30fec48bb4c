"""Missing entries filled in."""

from .imputer import LocalGaussianImputer

__all__ = ["LocalGaussianImputer"]
