"""Loops that Numba compiles. Importing this module imports Numba: importers do so at their first use and not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(kernel: _Kernel) -> _Kernel:
    """Return a function that is compiled at its first call, and kept on disk where a folder can be written."""
    try:
        result: _Kernel = njit(cache=True, error_model="numpy")(kernel)
    except RuntimeError:  # no folder for the cache can be written: compiling takes seconds in each run
        result = njit(error_model="numpy")(kernel)
    return result
