"""Energies U(r, R) that are no sum over pairs - a learned one, for example - in the place of pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

Compilable = Callable[..., Any]


@dataclass(frozen=True)
class ManyBody:
    """An energy of an ion among atoms, by functions that Numba compiles.

    Parameters
    ----------
    energy, gradients, slope
        What :mod:`aiida_superionic.lattice.pair_kernels` has under these names, with the same arguments: the energy,
        its derivatives by the atoms with the rate of its slope, and its slope by the ion. ``parameters`` are those of
        the model's pair interaction.
    """

    energy: Compilable
    gradients: Compilable
    slope: Compilable


@dataclass(frozen=True)
class Kernels:
    """The compiled loops of one kind of interaction."""

    energy: Compilable
    slope: Compilable
    time_local_steps: Compilable
    full_steps: Compilable


@cache
def kernels_of(many_body: ManyBody | None) -> Kernels:
    """Return the loops of pairs, or the same loops compiled anew around another energy."""
    from numba import njit  # noqa: PLC0415 - importing it takes a second that a wrong request must not wait for

    from aiida_superionic.lattice import full_kernels, pair_kernels, time_local_kernels  # noqa: PLC0415

    if many_body is None:
        return Kernels(
            pair_kernels.energy, pair_kernels.slope, time_local_kernels.time_local_steps, full_kernels.full_steps
        )
    energy, gradients, slope = (njit(f) for f in (many_body.energy, many_body.gradients, many_body.slope))
    names: dict[str, Any] = {**vars(full_kernels), **vars(time_local_kernels), "gradients": gradients, "slope": slope}
    for name in ("time_local_slope", "time_local_steps", "full_steps"):
        source = names[name].py_func
        names[name] = njit(error_model="numpy")(FunctionType(source.__code__, names, name))
    return Kernels(energy, slope, names["time_local_steps"], names["full_steps"])
