"""Fitted attributes, gathered before any of them is set."""

from dataclasses import dataclass, fields
from typing import ClassVar

__all__ = ["FittedAttributes"]


@dataclass(frozen=True)
class FittedAttributes:
    """Fitted attributes of an estimator; subclasses add them as fields.

    The field ``last``, what the last pass over the samples found, is a dataclass of
    type ``last_pass_type``, or None if that pass was interrupted. It has ``loss_``.
    """

    last_pass_type: ClassVar[type]

    @property
    def loss(self) -> float:
        """Loss of the training samples, infinite if it is not known."""
        return float("inf") if self.last is None else self.last.loss_

    def attributes(self) -> dict:
        """Return name and value of every fitted attribute."""
        attributes = dict(vars(self))
        del attributes["last"]
        return attributes | ({} if self.last is None else vars(self.last))

    def store(self, estimator) -> None:
        """Set every attribute on the estimator, in place of those of earlier fits."""
        for field in fields(self.last_pass_type):
            vars(estimator).pop(field.name, None)
        for name, value in self.attributes().items():
            setattr(estimator, name, value)
