"""What an observable returns: scalars with error and unit, curves and surfaces with labelled axes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


class NotConverged(RuntimeError):  # noqa: N818 - the state is the name
    """The trajectory does not determine the observable; no number is reported."""


@dataclass(frozen=True)
class Scalar:
    """One number with its standard error, in the unit that papers print.

    ``value`` is None where the run only bounds the quantity, from above by ``upper_bound`` or from below by
    ``lower_bound``. What it gives then, too uncertain to be a value, is ``estimate``: without it a mean over runs would
    be that of the large ones.
    """

    value: float | None
    error: float | None
    unit: str
    upper_bound: float | None = None
    lower_bound: float | None = None
    estimate: float | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """y(x) with its standard error; x and y have shape (n,), error the same or None."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    error: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Surface:
    """z(x, y) with its standard error; x has shape (n,), y (m,), z (n, m), error the shape of z or None."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    z_label: str
    z_unit: str
    error: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """The scalars, curves, surfaces and files of one observable, by name. A curve and a surface never share one.

    Names are flat and carry the species: ``diffusion_coefficient_Ag``. They hold no dot, so that a database filter
    reaches them. Files are what other programs draw: their text by their name, some megabytes at most.
    """

    scalars: dict[str, Scalar] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    surfaces: dict[str, Surface] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
