"""Angles within tetrahedral units of the host lattice, and how fast they change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.correlation import lag_times
from aiida_superionic.analysis.orientation import angle_between
from aiida_superionic.analysis.polyanions import find_tetrahedra
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, NotConverged, Result, Scalar
from aiida_superionic.analysis.sites import cage_species, host_interstices, mean_places
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import TIME_IN_FS, WAVENUMBER_PER_THZ

_APEX_TOLERANCE = 5.0
"""Degrees by which the mean angles of one face may differ and yet be alike."""


_STILL = 1e-6
"""degrees/fs below which a unit does not move."""


def apex_angles(corners: Array) -> NDArray[np.intp]:
    """Return which angles of a tetrahedron are meant: the largest of each face, and those that equal it.

    All twelve angles of 60° of a regular tetrahedron are; of an interstice of a body-centred cubic lattice, whose faces
    have angles of 70.5°, 54.7° and 54.7°, the four of 70.5°.

    Parameters
    ----------
    corners
        Mean places, shape (4, 3).

    Returns
    -------
    numpy.ndarray
        The corner where the angle is, and the two others, shape (n, 3).
    """
    chosen = []
    for left_out in range(4):
        face = np.delete(np.arange(4), left_out)
        turns = np.array([np.roll(face, -k) for k in range(3)])
        angles = corner_angles(corners, turns)
        chosen.append(turns[angles > angles.max() - _APEX_TOLERANCE])
    return np.concatenate(chosen)


def corner_angles(corners: Array, triples: NDArray[np.intp]) -> Array:
    """Return the angles in degrees at the first of three corners, shape (..., n), of corners of shape (..., 4, 3)."""
    arms = corners[..., triples[:, 1:], :] - corners[..., triples[:, :1], :]
    arms /= np.linalg.norm(arms, axis=-1, keepdims=True)
    return angle_between(arms[..., 0, :], arms[..., 1, :])


def low_pass(series: Array, timestep: float, cutoff: float) -> Array:
    """Return series without what is faster than a cutoff.

    A sharp cut in the cosine series of the signal and its mirror image, which, unlike a Fourier series, has no step
    where the end meets the beginning.

    Parameters
    ----------
    series
        Shape (T, n).
    timestep
        In ps.
    cutoff
        In THz.
    """
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    coefficients = fft.dct(series, axis=0)
    coefficients[np.arange(len(series)) / (2.0 * len(series) * timestep) > cutoff] = 0.0
    return np.asarray(fft.idct(coefficients, axis=0))


def angular_velocity(angles: Array, timestep: float) -> Array:
    """Return ω = (θ(t + dt) − θ(t − dt)) / (2 dt) in degrees/fs, shape (T − 2, n), with dt in ps."""
    return np.asarray((angles[2:] - angles[:-2]) / (2.0 * timestep * TIME_IN_FS))


def _angles(trajectory: Trajectory, neighbour: str | None, max_angles: int) -> dict[str, Array]:
    """Return the angles within the tetrahedral units, shape (T, n), by the formula of these."""
    angles = {}
    for formula, units in find_tetrahedra(trajectory).items():
        triples = apex_angles(units.reference(trajectory)[units.outer])
        some = units.part(_spread(len(units.atoms), max_angles // len(triples)))
        angles[formula] = np.concatenate(
            [
                corner_angles(some.positions(trajectory.frames(frames.start, frames.stop))[:, :, units.outer], triples)
                for frames in frame_batches(trajectory.n_frames, some.atoms.size)
            ]
        ).reshape(trajectory.n_frames, -1)
    if not angles:
        kind = cage_species(trajectory, neighbour)
        angles[f"{kind}4"] = _interstice_angles(trajectory, kind, max_angles)
    return angles


def _interstice_angles(trajectory: Trajectory, kind: str, max_angles: int) -> Array:
    interstices, _ = host_interstices(trajectory, kind)
    ions = trajectory.atoms_of(kind)
    places, cell = mean_places(trajectory, ions)
    triples = [apex_angles(corners) for corners in interstices.corners(places[None], cell, slice(None))[0]]
    part = _spread(len(triples), max_angles // max(map(len, triples)))
    angles = []
    for frames in frame_batches(trajectory.n_frames, len(ions)):
        frame_cells = cell if trajectory.cell.ndim == 2 else trajectory.cell[frames]
        corners = interstices.corners(trajectory.positions[frames, ions], frame_cells, part)
        of_each = [corner_angles(corners[:, column], triples[number]) for column, number in enumerate(part)]
        angles.append(np.concatenate(of_each, axis=1))
    return np.concatenate(angles)


def _spread(n_units: int, wanted: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n_units - 1, max(1, min(n_units, wanted))).round().astype(np.intp))


@observable(
    needs=("positions",),
    routine=False,
    equation="θ = angle X–X–X in a unit AX4;  ω = (θ(t + dt) − θ(t − dt)) / (2 dt)",
    source="Accurate description of ion migration in solid-state ion conductors from machine-learning molecular "
    "dynamics, eqs 4-5",
)
def tetrahedral_geometry(
    trajectory: Trajectory,
    *,
    cutoff: float = 5.0,
    bin_width: float = 1.0,
    max_angles: int = 192,
    neighbour: str | None = None,
) -> Result:
    """Distributions of the angles X–X–X within tetrahedral units and of their angular velocities.

    The units are the polyanions AX4, and where there are none the tetrahedral interstices of the host lattice. The
    angles are the largest of each face (70.5° in a body-centred cubic lattice, all of 60° in a regular
    tetrahedron). dt is the time between frames. The curves called filtered are of the same angles through a low-pass.

    Parameters
    ----------
    trajectory
        Positions and cell.
    cutoff
        Of the low-pass, in cm^-1.
    bin_width
        Of the angles, in degrees; angular velocities have bins of a tenth of their standard deviation.
    max_angles
        Angles to follow, of units evenly chosen.
    neighbour
        The host species that makes the interstices; need not be given where there is one only.

    Returns
    -------
    Result
        For each unit X (``PS4``, ``I4``) the scalars ``tetrahedral_angle_X`` and ``tetrahedral_angle_spread_X`` (mean
        and standard deviation) in degrees and ``angular_velocity_spread_X`` in degrees/fs; the curves
        ``tetrahedral_angle_distribution_X`` and ``angular_velocity_distribution_X``, each also with ``_filtered``, of
        unit area; and one angle against time, ``tetrahedral_angle_X`` and ``tetrahedral_angle_filtered_X``.

    Raises
    ------
    NotConverged
        If there are no tetrahedral units, or the trajectory is shorter than a period of the low-pass.
    ParameterError
        If a parameter is not positive.
    """
    if min(cutoff, bin_width) <= 0.0 or max_angles < 1:
        raise ParameterError("cutoff, bin_width and max_angles must be positive")
    period = WAVENUMBER_PER_THZ / cutoff
    if trajectory.duration < period:
        raise NotConverged(
            f"the trajectory is {trajectory.duration:g} ps long where the low-pass of {cutoff:g} cm^-1 needs "
            f"{period:.3g} ps"
        )
    scalars, curves = {}, {}
    for formula, angles in _angles(trajectory, neighbour, max_angles).items():
        smooth = low_pass(angles, trajectory.timestep, 1.0 / period)
        for suffix, series in (("", angles), ("_filtered", smooth)):
            velocities = angular_velocity(series, trajectory.timestep)
            curves[f"tetrahedral_angle{suffix}_{formula}"] = Curve(
                lag_times(len(series), trajectory.timestep),
                series[:, 0],
                "time",
                "ps",
                f"one angle in {formula}",
                "degree",
            )
            scalars_of, curves[f"tetrahedral_angle_distribution{suffix}_{formula}"] = _distribution(
                series, bin_width, f"angle in {formula}", "degree"
            )
            velocity, curves[f"angular_velocity_distribution{suffix}_{formula}"] = _distribution(
                velocities, 0.1 * max(float(velocities.std()), _STILL), f"angular velocity in {formula}", "degree/fs"
            )
            if not suffix:
                scalars[f"tetrahedral_angle_{formula}"] = scalars_of["mean"]
                scalars[f"tetrahedral_angle_spread_{formula}"] = scalars_of["spread"]
                scalars[f"angular_velocity_spread_{formula}"] = velocity["spread"]
    return Result(scalars, curves)


def _distribution(series: Array, bin_width: float, label: str, unit: str) -> tuple[dict[str, Scalar], Curve]:
    """Return mean and standard deviation, and the density over bins of which one has its middle at 0."""
    bins = np.floor(series / bin_width + 0.5).astype(np.intp)
    first, n_bins = bins.min(), np.ptp(bins) + 1
    bins -= first

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        part = series[start:stop]
        density = np.bincount(bins[start:stop].ravel(), minlength=n_bins) / (part.size * bin_width)
        return {"mean": part.mean(), "spread": part.std(), "density": density}

    result = block_statistics(estimate, len(series))
    scalars = {name: Scalar(*result.scalar(name), unit) for name in ("mean", "spread")}
    curve = Curve(
        (first + np.arange(n_bins)) * bin_width,
        result.value["density"],
        label,
        unit,
        "probability density",
        f"1/({unit})" if "/" in unit else f"1/{unit}",
        result.error["density"],
    )
    return scalars, curve
