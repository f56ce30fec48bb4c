"""Fitted models in files that are safe to load."""

from .files import load, save

__all__ = ["load", "save"]
