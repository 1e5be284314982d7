"""The LAMMPS input script of one MD stage, as a pure function of validated data.

Nothing that a user wrote reaches the script as text: only numbers, chemical symbols and file names that match a
pattern, and the commands that a family of potentials builds from its own validated numbers.

The run is cut into segments of one checkpoint interval. Each is a LAMMPS ``run`` of its own, begins with fresh
neighbour lists and forces, and ends in a restart file, so that a run continued from a checkpoint is bit for bit the
unbroken one. Two restart files take turns: a job killed while it writes one leaves the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_superionic.analysis.host_ions import HostIons
from aiida_superionic.calculations import deviation
from aiida_superionic.calculations.relaxation import RelaxSettings
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.constraints.lammps import TEMPERATURE, LammpsConstraint, atom_section
from aiida_superionic.potentials import LammpsPotential

DATA_FILE = "structure.data"
FINAL_FILE = "final.lammpstrj"
START_FILE = "start.restart"
HOST_FIX = "host_ions"
CHECKPOINT_LINE = "superionic: checkpoint {file} at step {step}"
GEOMETRY_LINE = "superionic: geometry at step {step} energy {energy} pressure {pressure}"
LABEL_LINE = "superionic: frame {number} energy {energy} pressure {pressure}"
FORCES_FILE = "forces.lammpstrj"
MOLTEN_FIX = "host_lattice_intact"
THERMO_COLUMNS = {
    "Step": "step",
    "Temp": "temperature",
    "PotEng": "potential_energy",
    "KinEng": "kinetic_energy",
    "TotEng": "total_energy",
    "Press": "pressure",
    "Volume": "volume",
    "v_host_displacement": "host_displacement",
}
"""Our names of the thermo columns, by the heading that LAMMPS prints."""

TRAJECTORY_COLUMNS = "id type xu yu zu vx vy vz fx fy fz"
_FIRST_SEED, _LAST_SEED = 1, 900_000_000
_LEAD_TIME = 0.95
_RELAXATION_FORCE_ERROR = 1e-6
"""eV/Å. What the Coulomb sum leaves out jumps where the cell changes, and a line search stumbles over it."""
_RELAXATION_ROUNDS = 5
_LARGEST_VOLUME_CHANGE = 0.01
"""In one step, as a fraction."""
_HOST_ION = "i_host_ion"
_ENERGY = "$(pe:%.17g)"
_PRESSURE = " ".join(f"$(p{axes}:%.17g)" for axes in ("xx", "yy", "zz", "xy", "xz", "yz"))
_END = "end_of_stage"


def trajectory_file(start: Start | None) -> str:
    """Return the name of the part of the trajectory that a job writes."""
    return f"trajectory.{len(start.trajectory) if start else 0}.bin"


def lammps_script(
    settings: MdSettings,
    potential: LammpsPotential,
    species: Sequence[str],
    *,
    seed: int,
    host: HostIons,
    constraint: LammpsConstraint | None = None,
    start: Start | None = None,
    walltime: int | None = None,
) -> str:
    """Return the input script of one stage.

    Parameters
    ----------
    settings
        What the stage does.
    potential
        How LAMMPS evaluates the potential for these species.
    species
        Chemical symbol of each LAMMPS type.
    seed
        Of the starting velocities, 1 to 900 000 000.
    host
        The ions that tell whether the host has molten, numbered in the structure (:func:`host_section`). A polyanion is
        where its centre of mass is, so that turning is no melting.
    constraint
        What is held fixed; None where nothing is.
    start
        The checkpoint to start from; None to start from the structure with random velocities.
    walltime
        Seconds that the job may take; LAMMPS stops in time to leave a closing line.

    Raises
    ------
    ValueError
        If the seed is out of range.
    """
    if not _FIRST_SEED <= seed <= _LAST_SEED:
        raise ValueError(f"the seed is {seed}; LAMMPS takes {_FIRST_SEED} to {_LAST_SEED}")
    thermo = settings.steps("thermo_interval")
    columns = ["step temp pe ke etotal press vol v_host_displacement", *(constraint.columns if constraint else [])]
    lines = [
        *_system(potential, _read(constraint, start)),
        f"timestep {settings.timestep!r}",
        *_host_displacement(host),
        *(constraint.definitions() if constraint else []),
        *_integrator(settings, constraint, start),
        *(constraint.forces() if constraint else []),
        f"thermo_style custom {' '.join(columns)}",
        f"thermo {thermo}",
        "thermo_modify lost error flush yes format float %.12g" + (f" temp {TEMPERATURE}" if constraint else ""),
        *_start(settings, constraint, start, seed),
        f"fix {MOLTEN_FIX} all halt {thermo} v_host_displacement >"
        f" {settings.host_displacement_limit!r} error hard message yes",
        *(constraint.halts(thermo) if constraint else []),
    ]
    if walltime is not None:
        lines.append(f"timer timeout {_clock(int(_LEAD_TIME * walltime))} every 100")
    if settings.sampling_interval is not None:
        lines += [
            f"dump trajectory all custom {settings.steps('sampling_interval')} {trajectory_file(start)}"
            f" {TRAJECTORY_COLUMNS}",
            "dump_modify trajectory sort id flush yes",
        ]
    lines += _segments(settings, potential, constraint, start, seed)
    lines.append(f"write_dump all custom {FINAL_FILE} id type xu yu zu modify sort id format float %.17g")
    return "\n".join([*lines, f"label {_END}"]) + "\n"


def rerun_script(potential: LammpsPotential, frames: str) -> str:
    """Return the input script that computes the forces on frames that are there already.

    Parameters
    ----------
    potential
        How LAMMPS evaluates the potential.
    frames
        Name of the text dump of the frames, with unwrapped positions and velocities.
    """
    lines = [
        *_system(potential, [f"read_data {DATA_FILE}"]),
        "thermo_style custom step pe",
        "thermo 1000000000",
        "thermo_modify lost error",
        f"dump trajectory all custom 1 {trajectory_file(None)} {TRAJECTORY_COLUMNS}",
        "dump_modify trajectory sort id",
        f"rerun {frames} dump x y z vx vy vz box yes wrapped no",
    ]
    return "\n".join(lines) + "\n"


def evaluation_script(systems: Sequence[tuple[LammpsPotential, Sequence[int]]]) -> str:
    """Return the input script that computes energy, forces and pressure of single frames.

    What it says of a frame depends on that frame alone: each is a run of its own, which chooses its neighbours and its
    Coulomb sum anew, with the atoms in the order of the file.

    Parameters
    ----------
    systems
        How LAMMPS evaluates the potential for some frames of one composition, and their numbers; in the files that
        :func:`system_files` names, the first is the system to begin with.
    """
    lines = []
    for system, (potential, numbers) in enumerate(systems):
        data, frames = system_files(system)
        lines += [
            *(["clear"] if system else []),
            *_system(potential, ["box tilt large", "atom_modify sort 0 0.0", f"read_data {data}"]),
            "thermo_style custom step pe pxx pyy pzz pxy pxz pyz",
            "thermo_modify lost error",
        ]
        for number in numbers:
            lines += [
                f"read_dump {frames} {number} x y z box yes replace yes wrapped no timestep no",
                "run 0 post no",
                f"write_dump all custom {FORCES_FILE} id fx fy fz modify sort id append yes format float %.17g",
                f'print "{LABEL_LINE.format(number=number, energy=_ENERGY, pressure=_PRESSURE)}"',
            ]
    return "\n".join(lines) + "\n"


def system_files(system: int) -> tuple[str, str]:
    """Return the names of the files of a system of :func:`evaluation_script`: for ``read_data``, for ``read_dump``."""
    return f"system.{system}.data", f"system.{system}.lammpstrj"


def relax_script(
    settings: RelaxSettings, potential: LammpsPotential, optimiser: str, walltime: int | None = None
) -> str:
    """Return the input script of a relaxation.

    Its rounds each write the geometry that they reach. In each the optimiser moves the cell, where it may, and the
    positions by the energy, until a line search finds nothing lower; and a damped motion then takes the positions by
    the forces to where they vanish.

    Parameters
    ----------
    settings
        What is relaxed, and how far.
    potential
        How LAMMPS evaluates the potential.
    optimiser
        LAMMPS' ``min_style``.
    walltime
        Seconds that the job may take; LAMMPS stops in time to leave a closing line.
    """
    triclinic = settings.cell == "full"
    lines = _system(potential, [f"read_data {DATA_FILE}", *(["change_box all triclinic"] if triclinic else [])])
    if any(command.startswith("kspace_style") for command in potential.commands):
        lines.append(f"kspace_modify force {_RELAXATION_FORCE_ERROR!r}")
    lines += [
        "thermo_style custom step pe fmax pxx pyy pzz pxy pxz pyz",
        "thermo 100",
        "thermo_modify lost error flush yes",
        "min_modify norm max",
    ]
    if walltime is not None:
        lines.append(f"timer timeout {_clock(int(_LEAD_TIME * walltime))} every 10")
    # Half of the threshold, or what is left of the forces when the cell rests is above it again.
    minimise = f"minimize 0.0 {0.5 * settings.force_threshold!r} {settings.max_steps} {10 * settings.max_steps}"
    cell = f"fix cell all box/relax {'tri' if triclinic else 'iso'} 0.0 vmax {_LARGEST_VOLUME_CHANGE!r}"
    moving_cell = [cell, minimise, "unfix cell"]
    line = GEOMETRY_LINE.format(step="$(step)", energy=_ENERGY, pressure=_PRESSURE)
    lines += _RELAXATION_ROUNDS * [
        f"min_style {optimiser}",
        *(moving_cell if settings.cell != "fixed" else [minimise]),
        "min_style fire",
        minimise,
        f"write_dump all custom {FINAL_FILE} id type xu yu zu fx fy fz modify sort id format float %.17g",
        f'print "{line}"',
    ]
    return "\n".join(lines) + "\n"


def _system(potential: LammpsPotential, begin: Sequence[str]) -> list[str]:
    return [
        "units metal",
        "boundary p p p",
        f"atom_style {potential.atom_style}",
        *begin,
        *potential.commands,
        "neighbor 1.0 bin",
    ]


def _read(constraint: LammpsConstraint | None, start: Start | None) -> list[str]:
    fixes = {HOST_FIX: [_HOST_ION], **(constraint.atom_columns if constraint else {})}
    declarations = [f"fix {fix} all property/atom {' '.join(columns)}" for fix, columns in fixes.items()]
    if start:
        return [f"read_restart {START_FILE}", *declarations]
    return [*declarations, " ".join([f"read_data {DATA_FILE}", *(f"fix {fix} NULL {fix}" for fix in fixes)])]


def host_section(ions: HostIons, n_atoms: int) -> str:
    """Return the section of the data file with the number of each atom's host ion, from 1; 0 where it is in none."""
    numbers = np.zeros((n_atoms, 1), dtype=int)
    numbers[ions.atoms] = np.arange(1, len(ions.atoms) + 1)[:, None, None]
    return atom_section(HOST_FIX, numbers.tolist())


def _host_displacement(host: HostIons) -> list[str]:
    square = "ave(c_host_msd[4])-c_host_drift[1][4]"
    return [
        f"variable host atom {_HOST_ION}>0",
        "group host variable host",
        f"compute host_ion host property/atom {_HOST_ION}",
        "compute host_ions host chunk/atom c_host_ion nchunk once ids once",
        "compute host_whole host chunk/atom v_host nchunk once ids once",
        "compute host_msd host msd/chunk host_ions",
        "compute host_drift host msd/chunk host_whole",
        # Rounding may leave less than nothing. What is lost is not molten: LAMMPS counts its atoms later in a step.
        f"variable host_displacement equal (count(host)=={host.atoms.size})*sqrt(abs({square}))/{host.spacing!r}",
    ]


def _integrator(settings: MdSettings, constraint: LammpsConstraint | None, start: Start | None) -> list[str]:
    """Return the lines that integrate the stage from where it starts."""
    if (start.step if start else 0) >= settings.langevin_steps:
        return _ensemble(settings, constraint)
    # Before the constraint: what a thermostat adds to the forces is constrained with them.
    return [_langevin(settings, constraint, 1), f"fix integrate {_moving(constraint)} nve"]


def _moving(constraint: LammpsConstraint | None) -> str:
    return constraint.moving if constraint else "all"


def _langevin(settings: MdSettings, constraint: LammpsConstraint | None, seed: int) -> str:
    bath = f"{settings.temperature!r} {settings.temperature!r} {settings.thermostat_damping!r}"
    return f"fix langevin {_moving(constraint)} langevin {bath} {seed}"


def _ensemble(settings: MdSettings, constraint: LammpsConstraint | None) -> list[str]:
    if settings.ensemble == "nve":
        return [f"fix integrate {_moving(constraint)} nve"]
    return [
        f"fix integrate {_moving(constraint)} {settings.ensemble} {_bath(settings)}",
        *([f"fix_modify integrate temp {TEMPERATURE}"] if constraint else []),
    ]


def _bath(settings: MdSettings) -> str:
    thermostat = f"temp {settings.temperature!r} {settings.temperature!r} {settings.thermostat_damping!r}"
    if settings.ensemble == "npt":
        return f"{thermostat} iso {settings.pressure!r} {settings.pressure!r} {settings.barostat_damping!r}"
    return thermostat


def _start(settings: MdSettings, constraint: LammpsConstraint | None, start: Start | None, seed: int) -> list[str]:
    if start is None:
        lines = [f"velocity all create {settings.temperature!r} {seed} mom yes rot no dist gaussian"]
        return [*lines, *(constraint.project_velocities(settings.temperature) if constraint else [])]
    if start.step > 0:
        return []
    lines = ["reset_timestep 0"]
    if start.energy is not None:
        # The ratio of two thermo quantities keeps LAMMPS' own constants and its count of degrees of freedom.
        scaled = f"{constraint.moving} scale $(v_start_temperature) temp {TEMPERATURE}" if constraint else None
        lines += [
            "run 0 post no",
            f"variable start_temperature equal temp*({start.energy!r}-pe)/ke",
            f"velocity {scaled or 'all scale $(v_start_temperature)'}",
        ]
    return lines


def _segments(
    settings: MdSettings,
    potential: LammpsPotential,
    constraint: LammpsConstraint | None,
    start: Start | None,
    seed: int,
) -> list[str]:
    total, length = settings.steps("duration"), settings.steps("checkpoint_interval")
    langevin = settings.langevin_steps
    begin = start.step if start else 0
    checkpoints = [*range((begin // length + 1) * length, total, length), total]
    lines = []
    watched = potential.deviation_file if settings.deviation_limit is not None else None
    looks = range(0, total, deviation.CHECK_STEPS) if watched else ()
    for end in sorted({*checkpoints, *looks, langevin} - set(range(begin + 1))):
        if begin < langevin:
            # A seed of its own for each run: what a continued run draws is what the unbroken one does.
            lines.append(_langevin(settings, constraint, (seed + end) % _LAST_SEED + 1))
        lines += [
            f"run {end} upto",
            # A run that the timer stopped ends between two checkpoints; what it reached is no checkpoint.
            # LAMMPS' quit leaves no closing line.
            f'if "$(step) < {end}" then "jump SELF {_END}"',
        ]
        if watched:
            lines += deviation.check_lines(watched, _END)
        if end == langevin:
            lines += ["unfix langevin", "unfix integrate", *_ensemble(settings, constraint)]
            if constraint is None or constraint.keeps_momentum:
                lines.append("velocity all zero linear")
        if end in checkpoints:
            file = f"checkpoint.{-(-end // length) % 2}.restart"
            lines += [f"write_restart {file}", f'print "{CHECKPOINT_LINE.format(file=file, step=end)}"']
        begin = end
    return lines


def _clock(seconds: int) -> str:
    minutes, rest = divmod(max(seconds, 1), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"
