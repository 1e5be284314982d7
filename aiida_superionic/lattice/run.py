"""From a request to results."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from aiida_superionic.analysis.results import Result
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
    the centres of cells, a single one in the first.

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
    start = spread_over_cells(model.crystal, request.cells, request.ions, places)
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
