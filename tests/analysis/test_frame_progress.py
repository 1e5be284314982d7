"""The line that shows how far it has come."""

import io
from types import SimpleNamespace

import pytest

from aiida_superionic.analysis import progress
from aiida_superionic.analysis.trajectory import frame_batches


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    terminal = Terminal()
    # Not that of the interpreter, which pytest sets anew when a test begins.
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    return terminal


def test_a_terminal_shows_the_frames_of_each_pass(terminal):
    with progress.shown("observable 1 of 2: diffusion"):
        batches = list(frame_batches(1000, 1000))
    frames = [part for part in terminal.getvalue().split("\r") if ", frame " in part]
    assert frames == [f"observable 1 of 2: diffusion, frame {part.stop} of 1000\033[K" for part in batches]
    assert len(batches) > 1
    assert terminal.getvalue().endswith("\robservable 1 of 2: diffusion\033[K\n")


def test_nothing_is_shown_afterwards_even_where_it_failed(terminal):
    with pytest.raises(ZeroDivisionError), progress.shown("one"):
        raise ZeroDivisionError
    before = terminal.getvalue()
    assert before.endswith("\n")
    list(frame_batches(10, 10))
    assert terminal.getvalue() == before


def test_a_batch_job_prints_one_line(capsys):
    with progress.shown("observable 1 of 2: diffusion"):
        list(frame_batches(1000, 1000))
    assert tuple(capsys.readouterr()) == ("observable 1 of 2: diffusion\n", "")
