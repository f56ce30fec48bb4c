"""What long computations say of themselves while they go on.

Whoever has ``verbose`` opens a report; what it calls, however deep, tells its steps and
how far they are, which does nothing where no report is open.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from .progress_displays import Display, new_display

__all__ = ["Report", "advance", "each", "in_batches", "reporting", "say", "step"]

T = TypeVar("T")

# Seconds between two looks of the thread that shows how far steps are.
_PERIOD = 0.5
# Seconds without a line after which a step that lets no thread run is shown first.
_PATIENCE_BEFORE_BLOCK = 1.0


class _Step:
    """A part of a computation; ``told`` if a line said that it begins."""

    def __init__(self, name: str, total: int | None, told: bool, now: float):
        self.name, self.total, self.told = name, total, told
        self.began = now
        self.done = 0

    def __str__(self):
        return (
            self.name
            if self.total is None
            else f"{self.name}, {self.done}/{self.total}"
        )


class Report:
    """The steps that a computation is in, one within another, and what is shown of it.

    Parameters
    ----------
    name : str
        What each line begins with.
    display : Display
        Where lines go, and how far a step is.
    clock : callable, default=time.monotonic
        Gives seconds.
    """

    def __init__(
        self,
        name: str,
        display: Display,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.name = name
        self.display = display
        self.clock = clock
        self.process = os.getpid()
        self._steps: list[_Step] = []
        self._lock = threading.RLock()
        self._began = self._showed = clock()

    def say(self, text: str) -> None:
        """Write a line, after the names of the steps that it is said in."""
        with self._lock:
            names = [step.name for step in self._steps if step.name]
            self.display.write(f"{self.name}: {', '.join([*names, text])}")
            self._showed = self.clock()

    def begin(
        self, name: str, total: int | None, begins: str | None, blocks: bool
    ) -> _Step:
        """Begin a step within the one that goes on, see `step`."""
        with self._lock:
            if begins is not None:
                self.say(begins)
            step = _Step(name, total, begins is not None, self.clock())
            self._steps.append(step)
            if blocks:
                self.show(min(_PATIENCE_BEFORE_BLOCK, self.display.patience))
            return step

    def end(self, step: _Step) -> None:
        """End a step and all within it, and say how long it took if that was long."""
        with self._lock:
            # An interrupt may have ended it already, with the one that it was in.
            if step not in self._steps:
                return
            del self._steps[self._steps.index(step) :]
            seconds = self.clock() - step.began
            if step.told and seconds >= self.display.patience:
                self.say(f"{step.name} took {seconds:.1f} s")

    def advance(self, n: int) -> None:
        """Count ``n`` more as done in the innermost step."""
        with self._lock:
            if self._steps:
                self._steps[-1].done += n

    def seconds(self) -> float:
        """Seconds since it was opened."""
        return self.clock() - self._began

    def show(self, patience: float | None = None) -> None:
        """Show how far the steps are, if nothing was shown for a while."""
        if patience is None:
            patience = self.display.patience
        with self._lock:
            now = self.clock()
            if not self._steps or now - self._showed < patience:
                return
            # Of what is counted, or else of what was said to begin.
            known = [s.began for s in self._steps if s.told or s.total is not None]
            seconds = now - (known[-1] if known else self._began)
            steps = ", ".join(str(step) for step in self._steps if step.name)
            inner = self._steps[-1]
            self.display.show(
                f"{self.name}: {steps}, {seconds:.1f} s", inner.done, inner.total
            )
            self._showed = now

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show how far it is now and then, by a thread, and close the display."""
        ended = threading.Event()

        def go_on_showing():
            # Where nobody listens any more, what is said next tells.
            with contextlib.suppress(OSError, ValueError):
                while not ended.wait(min(_PERIOD, self.display.patience)):
                    self.show()

        # The main thread may be within a single call for long.
        thread = threading.Thread(target=go_on_showing, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.display.close()


# That of the computation that goes on in this thread.
_current: ContextVar[Report | None] = ContextVar("skmixmate_report", default=None)


def _report() -> Report | None:
    report = _current.get()
    # A fork has the report but not the thread, and perhaps a lock that never opens.
    return None if report is None or report.process != os.getpid() else report


@contextmanager
def reporting(
    name: str, verbose: bool | int, ends: str | None = None
) -> Iterator[None]:
    """Report the steps within, unless something further out does so already.

    Parameters
    ----------
    name : str
        What each line begins with: the class of the estimator.
    verbose : bool or int
        Whether to report at all.
    ends : str, default=None
        What is said in the end, before the seconds that it took; None says nothing.
    """
    if not verbose or _report() is not None:
        yield
        return
    report = Report(name, new_display())
    token = _current.set(report)
    try:
        with report.shown():
            yield
            if ends is not None:
                report.say(f"{ends} in {report.seconds():.1f} s")
    finally:
        _current.reset(token)


@contextmanager
def step(
    name: str,
    total: int | None = None,
    begins: str | None = None,
    *,
    blocks: bool = False,
) -> Iterator[None]:
    """A step of what goes on, within the one that it is in.

    Parameters
    ----------
    name : str
        Short; empty for a step that has no name for the user.
    total : int, default=None
        What `advance` leads to.
    begins : str, default=None
        A line to say that it begins, for a step that a user should know of; how long it
        took is said too then, if that was long. None shows it only if it goes on for a
        while.
    blocks : bool, default=False
        Whether it is a call that lets no other thread run, so that it has to be shown
        before.
    """
    report = _report()
    if report is None:
        yield
        return
    begun = report.begin(name, total, begins, blocks)
    try:
        yield
    finally:
        report.end(begun)


def each(name: str, items: Collection[T]) -> Iterator[T]:
    """Yield items, each in a step of its own: "name 1/n", "name 2/n" and so on."""
    for i, item in enumerate(items, start=1):
        with step(f"{name} {i}/{len(items)}"):
            yield item


def in_batches(name: str, n_items: int, size: int) -> Iterator[slice]:
    """Yield slices of at most ``size`` of the items, in order, in a step of its own."""
    with step(name, total=n_items):
        for start in range(0, n_items, size):
            stop = min(start + size, n_items)
            yield slice(start, stop)
            advance(stop - start)


def advance(n: int = 1) -> None:
    """Count ``n`` more as done in the innermost step."""
    report = _report()
    if report is not None:
        report.advance(n)


def say(text: str) -> None:
    """Write a line, after the names of the steps that it is said in."""
    report = _report()
    if report is not None:
        report.say(text)
