"""Tetrahedral rotor functions: how fast four bonds lose their orientation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import autocorrelation, lag_times
from aiida_superionic.analysis.harmonics import solid_harmonics
from aiida_superionic.analysis.polyanions import find_tetrahedra
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Curve, NotConverged, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.analysis.wannier_centres import anion_of, centre_bonds
from aiida_superionic.units import TIME_IN_FS


def tetrahedral_rotor_functions(bonds: Array) -> Array:
    """Return the seven rotor functions M of order l = 3 of four bonds.

    With unit vectors (x, y, z) along the bonds and sums over the four: (3√5/40) Σ (5x³ − 3x) and the same for y and z;
    (3√3/4) Σ xyz; (3√3/8) Σ x(y² − z²) and its two cyclic permutations. The squares of the seven sum to 1 for a
    regular tetrahedron, however it is turned.

    Parameters
    ----------
    bonds
        Vectors of any length, shape (..., 4, 3).

    Returns
    -------
    numpy.ndarray
        Shape (..., 7); the first is the one of the source.
    """
    unit = bonds / np.linalg.norm(bonds, axis=-1, keepdims=True)
    # The squares of the seven sums over the bonds of a regular tetrahedron sum to 80/9.
    return np.asarray(3.0 * np.sqrt(5.0) / 20.0 * solid_harmonics(unit, 3).sum(axis=-2))


def rotor_functions_of_frames(bonds: Array) -> Array:
    """Return :func:`tetrahedral_rotor_functions` of shape (T, n, 7), of bonds of shape (T, n, 4, 3).

    A few frames at a time, as intermediate results of all would be several times as large as the bonds.
    """
    functions = np.empty((*bonds.shape[:2], 7))
    for part in frame_batches(len(bonds), 4 * bonds.shape[1]):
        functions[part] = tetrahedral_rotor_functions(bonds[part])
    return functions


def _tetrahedra(trajectory: Trajectory, anion: str | None, per_anion: int, per_cation: int | None) -> dict[str, Array]:
    if len(trajectory.centres):
        kind = anion_of(trajectory, anion)
        return {kind: centre_bonds(trajectory, kind, per_anion, per_cation)}
    found = {}
    for formula, polyanions in find_tetrahedra(trajectory).items():
        positions = polyanions.positions(trajectory)
        found[formula] = positions[:, :, polyanions.outer] - positions[:, :, polyanions.centre, None]
    if not found:
        raise NotConverged("the trajectory holds neither Wannier centres nor polyanions AX4")
    return found


@observable(
    needs=("positions", "centres or tetrahedra"),
    equation="C_2(t) = ⟨M(0) M(t)⟩ / ⟨M²⟩, M = (3√5/40) Σ (5x³ − 3x) over four bonds;  τ_2 = ∫ C_2 dt",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 15-16",
    lags=("longest_lag",),
)
def tetrahedral_rotor(
    trajectory: Trajectory,
    *,
    longest_lag: float = 10.0,
    anion: str | None = None,
    centres_per_anion: int = 4,
    centres_per_cation: int | None = None,
) -> Result:
    """Correlation of the tetrahedral rotor functions of an anion's four bonds, and its time.

    The bonds are those to the anion's Wannier centres where the trajectory holds any, else those of polyanions AX4. The
    source's one function depends on how the crystal lies in the frame. The sum of all seven of its order,
    ⟨Σ M(0) M(t)⟩ / ⟨Σ M²⟩, does not, and is less noisy. Times are integrals from 0 to longest_lag by the trapezoidal
    rule.

    Parameters
    ----------
    trajectory
        With Wannier centres as species ``X``, or polyanions AX4.
    longest_lag
        In ps.
    anion
        Species whose centres are meant; need not be given where there is one host species only.
    centres_per_anion, centres_per_cation
        Number of centres that must be nearest to each ion; for cations it need not be given.

    Returns
    -------
    Result
        For each anion X the scalars ``rotor_time_X`` (all seven) and ``rotor_time_single_X`` in fs, and the curves
        ``rotor_correlation_X`` and ``rotor_correlation_single_X``.

    Raises
    ------
    NotConverged
        If there are no four bonds to speak of.
    ParameterError
        If an ion has another number of centres than it must have.
    """
    from scipy.integrate import trapezoid  # noqa: PLC0415 - lists and help need no SciPy

    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    lags = lag_times(n_lags, trajectory.timestep)
    scalars, curves = {}, {}
    for kind, bonds in _tetrahedra(trajectory, anion, centres_per_anion, centres_per_cation).items():
        functions = rotor_functions_of_frames(bonds)
        for suffix, part in (("", functions), ("_single", functions[..., :1])):

            def estimate(start: int, stop: int, part: Array = part) -> Mapping[str, ArrayLike]:
                correlation = autocorrelation(part[start:stop], n_lags)
                correlation /= correlation[0]
                return {"correlation": correlation, "time": trapezoid(correlation, lags)}

            result = block_statistics(estimate, trajectory.n_frames)
            scalars[f"rotor_time{suffix}_{kind}"] = Scalar(*result.scalar("time", TIME_IN_FS), "fs")
            curves[f"rotor_correlation{suffix}_{kind}"] = Curve(
                lags,
                result.value["correlation"],
                "time",
                "ps",
                f"tetrahedral rotor correlation of {kind}",
                "1",
                result.error["correlation"],
            )
    return Result(scalars, curves)
