"""Seconds of each step of a fit, on the device to its end."""

import re
from collections.abc import Callable

from skmixmate.utils import progress

from .steps import synchronize

# Parts of a fit of `ImageClustering`, and the steps of its report that they are.
PARTS = {
    "components": (
        "features > second moments",
        "features > eigenvectors",
        "features > projection",
        "features > samples > projection",
    ),
    "features": ("features",),
    "starts": ("start",),
    "training": ("epoch",),
    "last pass": ("last pass",),
    "vote": ("vote",),
}


class _Silent:
    """A display of nothing."""

    patience = 1e9

    def write(self, line: str) -> None:
        pass

    def show(self, text: str, done: int, total: int | None) -> None:
        pass

    def close(self) -> None:
        pass


class Timeline(progress.Report):
    """A report that keeps the seconds of each step, all of one name together.

    Attributes
    ----------
    seconds_of : dict of str to float
        By the names of steps within each other, as "start > eigenvectors".
    """

    def __init__(self):
        super().__init__("", _Silent())
        self.seconds_of: dict[str, float] = {}

    def begin(self, *arguments):
        # What was started before is none of its time.
        synchronize()
        return super().begin(*arguments)

    def end(self, step):
        synchronize()
        names = [re.sub(r" \d+/\d+$", "", one.name) for one in self._steps if one.name]
        path = " > ".join(names)
        seconds = self.clock() - step.began
        if names:
            self.seconds_of[path] = self.seconds_of.get(path, 0.0) + seconds
        super().end(step)


def seconds_of_steps(function: Callable[[], object]) -> dict:
    """Seconds of a call, of the parts of it and of every step that it reports."""
    timeline = Timeline()
    token = progress._current.set(timeline)
    try:
        function()
        synchronize()
    finally:
        progress._current.reset(token)
    total = timeline.seconds()
    parts = _parts(timeline.seconds_of)
    return {
        "total_s": round(total, 3),
        "parts_s": parts | {"rest": round(total - sum(parts.values()), 3)},
        "steps_s": {path: round(s, 3) for path, s in timeline.seconds_of.items()},
    }


def _parts(seconds_of: dict[str, float]) -> dict[str, float]:
    """Seconds of `PARTS`, none counted twice."""
    found = {
        part: sum(seconds_of.get(path, 0.0) for path in paths)
        for part, paths in PARTS.items()
    }
    found["features"] -= found["components"]
    return {part: round(seconds, 3) for part, seconds in found.items()}
