"""Where progress is shown: lines, or a bar in a terminal."""

import importlib
import os
import sys
from typing import Any, Protocol, TextIO

__all__ = ["Display", "Lines", "RichBar", "TqdmBar", "new_display"]

# Characters of a bar, which stands before the text, whose length changes.
_WIDTH = 16


class Display(Protocol):
    """What shows progress.

    ``patience`` is how many seconds it waits before it shows how far something is.
    """

    patience: float

    def write(self, line: str) -> None:
        """Write a line that stays."""

    def show(self, text: str, done: int, total: int | None) -> None:
        """Show how far something is."""

    def close(self) -> None:
        """Show nothing any more."""


class Lines:
    """Lines for logs and pipes, and for terminals without libraries of bars."""

    patience = 4.0

    def write(self, line: str) -> None:
        """See `Display.write`."""
        print(line, flush=True)

    def show(self, text: str, done: int, total: int | None) -> None:
        """See `Display.show`."""
        self.write(text)

    def close(self) -> None:
        """See `Display.close`."""


class TqdmBar:
    """A bar of tqdm below the lines that stay.

    Parameters
    ----------
    stream : text stream
        A terminal.
    """

    patience = 0.2

    def __init__(self, stream: TextIO):
        self._tqdm: Any = importlib.import_module("tqdm").tqdm
        self._stream = stream
        self._bar: Any = None

    def write(self, line: str) -> None:
        """See `Display.write`."""
        self._tqdm.write(line, file=self._stream)

    def show(self, text: str, done: int, total: int | None) -> None:
        """See `Display.show`."""
        if self._bar is None:
            self._bar = self._tqdm(
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
                bar_format=f"|{{bar:{_WIDTH}}}| {{desc}}",
            )
        self._bar.n, self._bar.total = done, total
        self._bar.set_description_str(text)
        _begin_line(self._stream)

    def close(self) -> None:
        """See `Display.close`."""
        if self._bar is not None:
            self._bar.close()


class RichBar:
    """A bar of rich below the lines that stay.

    Parameters
    ----------
    stream : text stream
        A terminal.
    """

    patience = 0.2

    def __init__(self, stream: TextIO):
        console = importlib.import_module("rich.console")
        progress = importlib.import_module("rich.progress")
        self._stream = stream
        self._bar: Any = progress.Progress(
            progress.BarColumn(_WIDTH),
            progress.TextColumn("{task.description}", markup=False),
            console=console.Console(file=stream, force_terminal=True),
            auto_refresh=False,
            transient=True,
            # A thread starts it, perhaps while the user's has other streams for a
            # while, which rich would put back in the end.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: Any = None

    def write(self, line: str) -> None:
        """See `Display.write`."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, text: str, done: int, total: int | None) -> None:
        """See `Display.show`."""
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("")
        self._bar.update(self._task, description=text, completed=done, total=total)
        self._bar.refresh()
        _begin_line(self._stream)

    def close(self) -> None:
        """See `Display.close`."""
        self._bar.stop()


def _begin_line(stream: TextIO) -> None:
    """Let what others write, such as warnings, overwrite the bar."""
    stream.write("\r")
    stream.flush()


def new_display() -> Display:
    """A bar where standard output can draw one and there is rich or tqdm, else lines.

    Returns
    -------
    Display
    """
    stream = sys.stdout
    if _can_draw(stream):
        for bar in (RichBar, TqdmBar):
            try:
                return bar(stream)
            except ImportError:
                pass
    return Lines()


def _can_draw(stream: TextIO | None) -> bool:
    """Whether it is a terminal that moves its cursor."""
    # There is none where a program has no console, and what stands in for one may do
    # no more than write.
    is_terminal = getattr(stream, "isatty", None)
    if is_terminal is None or not is_terminal():
        return False
    # IDLE calls itself a terminal, but shows escape codes as text.
    return not (
        os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        or os.environ.get("TTY_COMPATIBLE") == "0"
        or type(stream).__module__.startswith("idlelib")
    )
