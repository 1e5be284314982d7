"""Free energies along a coordinate, from how often each value of it is seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.observables.radial_distribution import (
    MAX_FRAMES,
    evenly_spaced,
    midpoints,
    radial_bins,
    shell_volumes,
    volumes,
)
from aiida_superionic.analysis.observables.rotors import angle_densities
from aiida_superionic.analysis.observables.temperature import given_or_kinetic
from aiida_superionic.analysis.pairs import pair_histogram
from aiida_superionic.analysis.polyanions import Polyanions, find_polyanions
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Curve, NotConverged, Result
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import BOLTZMANN


def _curve(
    x: Array, density: Array, error: Array, temperature: float, x_label: str, x_unit: str, y_label: str
) -> Curve:
    """Return F = −k_B T ln p in eV, its least value 0, where the density p is not."""
    seen = density > 0.0
    if not seen.any():
        raise NotConverged(f"no {x_label} up to {x[-1]:g} {x_unit} was seen")
    x, p = x[seen], density[seen]
    thermal_energy = BOLTZMANN * temperature
    energy, energy_error = thermal_energy * np.log(p.max() / p), thermal_energy * error[seen] / p
    return Curve(x, energy, x_label, x_unit, y_label, "eV", energy_error)


@observable(
    needs=("positions", "polyanions"),
    routine=False,
    equation="F(θ) = −k_B T ln (p(θ) / sin θ), its least value 0",
    source="Disentangling cation-polyanion coupling in solid electrolytes, Fig S5",
)
def rotational_free_energy(
    trajectory: Trajectory, *, temperature: float | None = None, bin_width: float = 5.0, max_frames: int = 2000
) -> Result:
    """Free energy of the polyanions against the angle of their vector with each cell vector.

    Divided by sin θ, the density of directions is flat for a free rotor, and so is F. Angles that were never seen have
    no point.

    Parameters
    ----------
    trajectory
        As for ``rotor_angles``.
    temperature
        In K; the kinetic temperature of the run, which then needs velocities, where it is not given.
    bin_width
        In degrees.
    max_frames
        Evenly spaced frames to use.

    Returns
    -------
    Result
        For each formula X the curves ``rotational_free_energy_a_X``, ``_b_X`` and ``_c_X`` in eV against degrees.

    Raises
    ------
    NotConverged
        If there are no polyanions.
    ParameterError
        If there is no temperature.
    """
    found = find_polyanions(trajectory)
    kelvin = given_or_kinetic(trajectory, temperature)
    curves = {}
    for formula, polyanions in found.items():
        result = angle_densities(trajectory, polyanions, bin_width, max_frames)
        angles = midpoints(result.value["edges"])
        for axis, name in enumerate("abc"):
            density, error = result.value["density"][axis], result.error["density"][axis]
            curves[f"rotational_free_energy_{name}_{formula}"] = _curve(
                angles, density, error, kelvin, f"angle with {name}", "degree", f"free energy of {formula}"
            )
    return Result(curves=curves)


def centre_distribution(part: Trajectory, kind: str, polyanions: Polyanions, edges: Array) -> Estimate:
    """Return g(d) of ions and the centres of mass of polyanions as ``g``, 1 for an ideal gas.

    Parameters
    ----------
    part
        The frames to average over.
    kind
        Species of the ions.
    polyanions
        Of one formula.
    edges
        Of the bins in Å, shape (n + 1,).
    """
    atoms = part.atoms_of(kind)
    ions, centres = np.arange(len(atoms)), len(atoms) + np.arange(len(polyanions.atoms))
    pairs_per_shell = len(ions) * len(centres) * shell_volumes(edges)
    weights = volumes(part)

    def count(start: int, stop: int) -> Array:
        counts = np.zeros(len(edges) - 1)
        for batch in frame_batches(stop - start, len(part.species)):
            frames = part.frames(start + batch.start, start + batch.stop)
            places = np.concatenate((frames.positions[:, atoms], polyanions.centres_of_mass(frames)), axis=1)
            counts += pair_histogram(
                places, frames.cell, ions, centres, edges, weights=weights[start + batch.start : start + batch.stop]
            )
        return counts

    counted = counted_once(count, part.n_frames)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        return {"g": counted(start, stop) / ((stop - start) * pairs_per_shell)}

    return block_statistics(estimate, part.n_frames)


@observable(
    needs=("positions", "mobile", "polyanions"),
    routine=False,
    equation="F(d) = −k_B T ln g(d), its least value 0, g(d) ∝ p(d) / d²",
    source="Disentangling cation-polyanion coupling in solid electrolytes, Fig 4b",
)
def distance_free_energy(
    trajectory: Trajectory,
    *,
    temperature: float | None = None,
    r_max: float | None = None,
    bin_width: float = 0.1,
    max_frames: int = MAX_FRAMES,
) -> Result:
    """Free energy of the mobile ions against their distance from the centre of mass of a polyanion.

    The volume of the shell, 4πd², is divided out: where a polyanion neither binds nor repels, F is flat. Distances
    that were never seen have no point.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile species; polyanions are found in the first frame.
    temperature
        In K; the kinetic temperature of the run, which then needs velocities, where it is not given.
    r_max
        In Å; half the smallest perpendicular width of the cell, but not more than 12 Å, where it is not given.
    bin_width
        In Å.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Result
        For each mobile species X and formula Y the curve ``distance_free_energy_X_Y`` in eV against Å.

    Raises
    ------
    NotConverged
        If there are no polyanions, or no mobile ion is within r_max of one.
    ParameterError
        If there is no temperature, or r_max is further than the cell allows.
    """
    found = find_polyanions(trajectory)
    kelvin = given_or_kinetic(trajectory, temperature)
    edges = radial_bins(trajectory, r_max, bin_width)
    part = evenly_spaced(trajectory, max_frames)
    curves = {}
    for formula, polyanions in found.items():
        for kind in trajectory.mobile:
            result = centre_distribution(part, kind, polyanions, edges)
            label = f"distance of {kind} from the centre of {formula}"
            curves[f"distance_free_energy_{kind}_{formula}"] = _curve(
                midpoints(edges), result.value["g"], result.error["g"], kelvin, label, "Å", f"free energy of {kind}"
            )
    return Result(curves=curves)
