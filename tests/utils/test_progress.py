"""Reports of progress, by a clock that tests set."""

import contextlib
import io
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from skmixmate.utils import progress, progress_displays
from skmixmate.utils.progress import Report, advance, each, in_batches, reporting, step
from skmixmate.utils.progress_displays import Lines, RichBar, TqdmBar, new_display


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


class Recorder(Lines):
    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)


@pytest.fixture
def told():
    """A report that is open, its clock and its lines."""
    clock, recorder = Clock(), Recorder()
    report = Report("Name", recorder, clock)
    token = progress._current.set(report)
    yield report, clock, recorder.lines
    progress._current.reset(token)


def test_nothing_is_shown_before_a_while(told):
    report, clock, lines = told
    with step("features", total=100):
        advance(30)
        clock.seconds = Lines.patience - 0.1
        report.show()
        assert lines == []
        clock.seconds = Lines.patience
        report.show()
        report.show()
    assert lines == ["Name: features, 30/100, 4.0 s"]


def test_a_step_says_that_it_begins_and_if_it_was_long_how_long_it_took(told):
    _, clock, lines = told
    with step("short", begins="short of 3 samples"):
        clock.seconds = 1.0
    with step("long", begins="long of 3 samples"):
        clock.seconds = 6.25
    assert lines == [
        "Name: short of 3 samples",
        "Name: long of 3 samples",
        "Name: long took 5.2 s",
    ]


def test_a_line_postpones_the_next_look(told):
    report, clock, lines = told
    with step("outer"):
        clock.seconds = 3.0
        progress.say("something")
        clock.seconds = 6.0
        report.show()
        assert lines == ["Name: outer, something"]
        clock.seconds = 7.0
        report.show()
    assert len(lines) == 2


def test_steps_within_steps_are_named_from_the_outside(told):
    report, clock, lines = told
    with step("run 1/2"), step(""), step("start", begins="start from 9 samples"):
        clock.seconds = 5.0
        for number in each("partition", [7, 8]):
            progress.say(f"criterion {number}")
            for batch in in_batches("encoding", 9, 4):
                clock.seconds += 2.0
                if batch.stop == 9:
                    report.show()
    assert lines == [
        "Name: run 1/2, start from 9 samples",
        "Name: run 1/2, start, partition 1/2, criterion 7",
        "Name: run 1/2, start, partition 1/2, encoding, 8/9, 6.0 s",
        "Name: run 1/2, start, partition 2/2, criterion 8",
        "Name: run 1/2, start, partition 2/2, encoding, 8/9, 6.0 s",
        "Name: run 1/2, start took 17.0 s",
    ]


def test_batches_are_all_the_items():
    assert list(in_batches("name", 9, 4)) == [slice(0, 4), slice(4, 8), slice(8, 9)]
    assert list(in_batches("name", 0, 4)) == []


def test_a_step_that_lets_no_thread_run_is_shown_first(told):
    _, clock, lines = told
    for seconds in (0.9, 1.0):
        clock.seconds += seconds
        with step("eigenvectors", blocks=True):
            assert len(lines) == (clock.seconds > 1.0)
    assert lines == ["Name: eigenvectors, 1.9 s"]


def test_what_an_interrupt_leaves_ends_with_the_step_around_it(told):
    report, clock, lines = told
    with step("outer"):
        batches = in_batches("inner", 9, 4)
        with contextlib.suppress(KeyboardInterrupt), step("middle"):
            next(batches)
            raise KeyboardInterrupt
        with step("next", total=2):
            # Ends late, as a generator does of which a traceback holds the frame.
            batches.close()
            advance()
            clock.seconds = 9.0
            report.show()
    assert lines == ["Name: outer, next, 1/2, 9.0 s"]


def test_without_a_report_nothing_is_said(capsys):
    with reporting("Name", verbose=0), step("step", begins="begins"):
        advance()
        progress.say("something")
    assert capsys.readouterr() == ("", "")


def test_the_outermost_report_is_the_one(capsys):
    with reporting("Outer", verbose=1, ends="done"):
        with reporting("Inner", verbose=1, ends="done"), step("step", begins="begins"):
            pass
        with reporting("Inner", verbose=0):
            progress.say("said")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Outer: begins", "Outer: said"]
    assert lines[2].startswith("Outer: done in ")
    assert len(lines) == 3


def test_a_report_ends_with_an_error(capsys):
    n_threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), reporting("Name", verbose=1, ends="done"):
        raise ZeroDivisionError
    progress.say("nobody listens")
    assert capsys.readouterr().out == ""
    assert threading.active_count() == n_threads


def test_a_thread_shows_what_goes_on_within_a_single_call(monkeypatch, capsys):
    monkeypatch.setattr(Lines, "patience", 0.0)
    with reporting("Name", verbose=1), step("single call"):
        shown = threading.Event()
        monkeypatch.setattr(Lines, "show", lambda *_: shown.set())
        assert shown.wait(timeout=60)


def test_other_threads_report_nothing_here(told):
    _, _, lines = told
    thread = threading.Thread(target=progress.say, args=("something",))
    thread.start()
    thread.join()
    assert lines == []


def test_a_fork_reports_nothing(told, monkeypatch):
    _, _, lines = told
    monkeypatch.setattr(os, "getpid", lambda: -1)
    progress.say("something")
    assert lines == []


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch):
    # Not in a fixture: pytest sets its own stream before each test.
    stream = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    return stream


BARS = {"rich": RichBar, "tqdm": TqdmBar}
MODULES = {"rich": ("rich", "rich.console", "rich.progress"), "tqdm": ("tqdm",)}


def uninstall(libraries, monkeypatch):
    for library in libraries:
        for name in MODULES[library]:
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("library", BARS)
def test_a_terminal_gets_a_bar(library, monkeypatch):
    pytest.importorskip(library)
    terminal = on_terminal(monkeypatch)
    uninstall(BARS.keys() - {library}, monkeypatch)
    display = new_display()
    assert isinstance(display, BARS[library])
    display.write("Name: [a line]")
    display.show("Name: features, 3/10, 1.0 s", 3, 10)
    display.write("Name: another line")
    display.show("Name: something, 2.0 s", 0, None)
    display.close()
    shown = terminal.getvalue()
    for text in ("[a line]\n", "features, 3/10", "another line\n", "something, 2.0 s"):
        assert text in shown
    # The bar is taken away: what stays are lines.
    assert "\x1b[2K" in shown or shown.endswith("\r")


@pytest.mark.parametrize("library", BARS)
def test_a_bar_leaves_streams_as_they_are(library, monkeypatch):
    pytest.importorskip(library)
    terminal, errors = on_terminal(monkeypatch), sys.stderr
    uninstall(BARS.keys() - {library}, monkeypatch)
    display = new_display()
    # As the thread of a report does while a user's callback catches output.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        display.show("Name: features, 3/10, 1.0 s", 3, 10)
    display.close()
    assert sys.stdout is terminal
    assert sys.stderr is errors


@pytest.mark.parametrize("library", BARS)
def test_what_others_write_begins_a_line(library, monkeypatch):
    pytest.importorskip(library)
    terminal = on_terminal(monkeypatch)
    uninstall(BARS.keys() - {library}, monkeypatch)
    display = new_display()
    display.show("Name: features, 3/10, 1.0 s", 3, 10)
    assert terminal.getvalue().endswith("\r")
    display.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TERM", "dumb"), ("TERM", "unknown"), ("TTY_COMPATIBLE", "0")],
)
def test_a_terminal_that_draws_nothing_gets_lines(variable, value, monkeypatch):
    on_terminal(monkeypatch)
    monkeypatch.setenv(variable, value)
    assert isinstance(new_display(), Lines)


def test_idle_gets_lines(monkeypatch):
    on_terminal(monkeypatch)
    monkeypatch.setattr(FakeTerminal, "__module__", "idlelib.run")
    assert isinstance(new_display(), Lines)


def test_all_that_has_a_public_name_is_listed():
    public = {
        name
        for name, value in vars(progress).items()
        if not name.startswith("_")
        and callable(value)
        and value.__module__ == progress.__name__
    }
    assert set(progress.__all__) == public


def test_a_terminal_without_libraries_gets_lines(monkeypatch):
    on_terminal(monkeypatch)
    uninstall(BARS, monkeypatch)
    assert isinstance(new_display(), Lines)


@pytest.mark.parametrize("has_bars", [False, True])
@pytest.mark.parametrize(
    "stream",
    [io.StringIO(), None, SimpleNamespace(write=print)],
    ids=["pipe", "no console", "something that writes"],
)
def test_no_terminal_gets_lines(has_bars, stream, monkeypatch):
    uninstall(() if has_bars else BARS, monkeypatch)
    monkeypatch.setattr(sys, "stdout", stream)
    assert isinstance(new_display(), Lines)


def test_a_bar_is_closed_with_its_report(monkeypatch):
    on_terminal(monkeypatch)
    closed = []

    class Bar(Recorder):
        def close(self):
            closed.append(self.lines)

    monkeypatch.setattr(progress_displays, "RichBar", lambda stream: Bar())
    with reporting("Name", verbose=1):
        progress.say("something")
    assert closed == [["Name: something"]]
