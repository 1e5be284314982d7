"""From a request to results."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from aiida_superionic.analysis.results import Curve, NotConverged, Result, Scalar
from aiida_superionic.lattice import Array
from aiida_superionic.lattice.diffusion import diffusion_of
from aiida_superionic.lattice.experiments import (
    conservation,
    crystal_properties,
    dissipation,
    reflection,
    spread_over_cells,
)
from aiida_superionic.lattice.full_motion import simulate_full
from aiida_superionic.lattice.ion_trajectory import IonTrajectory, Progress
from aiida_superionic.lattice.modes import modes_of
from aiida_superionic.lattice.request import (
    ConservationRequest,
    CrystalRequest,
    DiffusionRequest,
    DissipationRequest,
    ReflectionRequest,
    ScanRequest,
)
from aiida_superionic.lattice.thermal_motion import ThermalMotion
from aiida_superionic.lattice.time_local_motion import simulate_time_local
from aiida_superionic.units import BOLTZMANN


def run(request: BaseModel, progress: Progress | None = None) -> Result:
    """Return the results of a request of any experiment.

    Raises
    ------
    LatticeError
        If there is no such crystal or motion, or it breaks off.
    NotConverged
        If a run is too short for what is drawn from it.
    TypeError
        If the request is of no experiment.
    """
    match request:
        case ScanRequest():
            return run_scan(request, progress)
        case DiffusionRequest():
            return run_diffusion(request, progress)
        case ReflectionRequest():
            return reflection(request.model(), request.cells, request.speed, request.start, request.timestep, progress)
        case DissipationRequest():
            return dissipation(
                request.model(),
                request.cells,
                request.atoms_ahead,
                request.speed,
                request.timestep,
                request.duration,
                progress,
            )
        case ConservationRequest():
            velocity = np.array(request.velocity)
            return conservation(
                request.model(),
                request.cells,
                velocity,
                request.timesteps,
                request.duration,
                request.temperature,
                request.seed,
            )
        case CrystalRequest():
            return crystal_properties(
                request.crystal.crystal(),
                request.cells,
                list(request.temperatures),
                request.seed,
                request.statistics,
            )
    raise TypeError(f"{type(request).__name__} is no experiment")


def run_diffusion(request: DiffusionRequest, progress: Progress | None = None) -> Result:
    """Return the diffusion of the ions of a request.

    The first stream of the seed is that of thermal motion, the second that of the ions' cells. Ions start at rest at
    the site of their cells.

    Raises
    ------
    LatticeError
        If there is no such motion, or it breaks off.
    NotConverged
        If the run is too short.
    """
    trajectory = simulate(request, progress)
    skipped = round(request.equilibration / request.sampling_interval)
    kept = IonTrajectory(
        trajectory.times[: len(trajectory.times) - skipped],
        trajectory.positions[skipped:],
        trajectory.velocities[skipped:],
    )
    return diffusion_of(kept, request.species, request.ion_mass, request.segment, request.fit_start)


def run_scan(request: ScanRequest, progress: Progress | None = None) -> Result:
    """Return the diffusion of ions over the stiffness of the crystal, for each of its densities.

    A curve holds those stiffnesses at which D is resolved. Where D has a highest value within the scan - a parabola
    through ln D over ln stiffness opens downwards by more than two standard errors, with its vertex between the ends -
    that is ``best_stiffness``.

    Raises
    ------
    LatticeError
        If there is no such motion, or it breaks off.
    NotConverged
        If a run is too short.
    """
    scalars, curves = {}, {}
    every = len(request.stiffnesses) * len(request.densities)
    for row, density in enumerate(request.densities):
        points = []
        for column, stiffness in enumerate(request.stiffnesses):
            found = run_diffusion(request.scaled(stiffness, density)).scalars
            scalar = found[f"diffusion_coefficient_{request.species}"]
            if scalar.value is not None and scalar.error:
                points.append((stiffness, scalar.value, scalar.error))
            if progress is not None:
                progress(row * len(request.stiffnesses) + column + 1, every)
        name = f"{request.species}_density_{density:g}".replace(".", "p")
        if not points:
            raise NotConverged(f"at {density:g} of the density no diffusion was seen at any stiffness")
        x, y, error = np.array(points).T
        curves[f"diffusion_by_stiffness_{name}"] = Curve(x, y, "stiffness", "1", "D", "cm^2/s", error)
        if (best := _vertex(np.log(x), np.log(y), error / y)) is not None:
            middle, spread = best
            scalars[f"best_stiffness_{name}"] = Scalar(float(np.exp(middle)), float(np.exp(middle) * spread), "1")
    return Result(scalars, curves)


def _vertex(x: Array, y: Array, error: Array) -> tuple[float, float] | None:
    """Return where a weighted parabola is highest, with its standard error; None where not within the points."""
    if len(x) < 3:
        return None
    design = np.stack([np.ones_like(x), x, x**2], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    _, slope, curvature = covariance @ design.T @ (y / error)
    if curvature > -2.0 * np.sqrt(covariance[2, 2]) or not x.min() < -slope / (2.0 * curvature) < x.max():
        return None
    gradient = np.array([0.0, -1.0 / (2.0 * curvature), slope / (2.0 * curvature**2)])
    return float(-slope / (2.0 * curvature)), float(np.sqrt(gradient @ covariance @ gradient))


def simulate(request: DiffusionRequest, progress: Progress | None = None) -> IonTrajectory:
    """Return the trajectory of the ions of a request, equilibration included.

    Raises
    ------
    LatticeError
        If there is no such motion, or it breaks off.
    """
    model = request.model()
    vibration, places = (int(s) for s in np.random.SeedSequence(request.seed).generate_state(2, np.uint64))
    modes = modes_of(model.crystal, request.cells)
    thermal = ThermalMotion(modes, BOLTZMANN * request.temperature, vibration, request.statistics)
    start = spread_over_cells(model.crystal, request.cells, request.ions, places, request.site)
    steps = round((request.equilibration + request.production) / request.sampling_interval) * request.stride
    if request.equations == "full":
        trajectory, _ = simulate_full(
            model, request.cells, start, 0.0, request.timestep, steps,
            thermal=thermal, stride=request.stride, progress=progress,
        )  # fmt: skip
        return trajectory
    return simulate_time_local(
        model,
        start,
        0.0,
        request.timestep,
        steps,
        thermal=thermal,
        stride=request.stride,
        memory=request.memory,
        progress=progress,
    )
