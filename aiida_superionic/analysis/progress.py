"""How far a pass over a trajectory has come, told to whom it concerns.

What goes through frames in batches reports them; nobody listens unless asked to.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_INTERVAL = 0.1
"""Seconds between two changes of the line."""

_listener: ContextVar[Callable[[int, int], None] | None] = ContextVar("progress", default=None)


def report(done: int, total: int) -> None:
    """Tell that so many frames of a pass are done."""
    listener = _listener.get()
    if listener is not None:
        listener(done, total)


@contextmanager
def shown(title: str, unit: str = "frame") -> Iterator[None]:
    """Show a title while something runs, and on a terminal how many of its units are done.

    An observable may make several passes. In a batch job the title alone is printed, as a line.
    """
    if not sys.stderr.isatty():
        print(title, flush=True)
        yield
        return
    last = -_INTERVAL

    def show(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _INTERVAL:
            last = time.monotonic()
            print(f"\r{title}, {unit} {done} of {total}\033[K", end="", file=sys.stderr, flush=True)

    print(title, end="", file=sys.stderr, flush=True)
    token = _listener.set(show)
    try:
        yield
    finally:
        _listener.reset(token)
        print(f"\r{title}\033[K", file=sys.stderr, flush=True)
