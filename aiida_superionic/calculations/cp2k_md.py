"""Ab initio molecular dynamics with CP2K: one stage per job, the ions on the Born–Oppenheimer surface."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_cp2k.calculations import Cp2kCalculation as BaseCp2kCalculation
from aiida_cp2k.utils import Cp2kInput
from aiida_cp2k.utils.datatype_helpers import (
    validate_basissets,
    validate_basissets_namespace,
    validate_pseudos,
    validate_pseudos_namespace,
    write_basissets,
    write_pseudos,
)
from aiida_cp2k.utils.workchains import merge_dict

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k import own_walltime
from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.lammps import DIGEST_FILE, check_formal_charges, kinds_of
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.units import TIME_IN_FS, VELOCITY_FROM_ATOMIC

ENERGIES_FILE = "aiida-1.ener"
CHECKPOINT_FILES = ("checkpoint.restart", "checkpoint.restart.bak-1")
"""The last one, and the one before it."""
COUNTS_FILE = "frames.txt"
START_FILE = "start.restart"
_STRUCTURE_FILE = "aiida.coords.xyz"
_COUNT = "awk -v f={file} '$1 == \"i\" {{ l = $3 + 0; if (!n++) a = l }} END {{ print f, n + 0, a + 0, l + 0 }}' {file}"


def part_files(start: Start | None) -> tuple[str, ...]:
    """Return the files of the part of the trajectory that a job writes: positions, velocities, forces and cells."""
    part = f"trajectory_{len(start.trajectory) // 4 if start else 0}"
    return (*(f"{part}-{what}-1.xyz" for what in ("pos", "vel", "frc")), f"{part}-1.cell")


def dynamics(
    level: Mapping[str, Any],
    settings: MdSettings,
    *,
    seed: int,
    start: Start | None = None,
    velocities: Array | None = None,
    walltime: int | None = None,
) -> dict[str, Any]:
    """Return the parameters of a level of theory as those of one stage of molecular dynamics.

    The guess of each step's orbitals is that of the always stable predictor, CP2K's own choice. The canonical ensemble
    is that of stochastic velocity rescaling: ab initio runs are too short, and their cells too small and too harmonic,
    for a Nosé–Hoover chain to bring all motions to one temperature.

    Parameters
    ----------
    level
        How forces are computed: CP2K's parameters but for the run.
    settings
        What the stage does.
    seed
        Of the starting velocities and of the thermostat.
    start
        The checkpoint to go on from; None to start from the structure.
    velocities
        In Å/ps, shape (N, 3), where the structure starts with them; drawn at the temperature if None.
    walltime
        Seconds that the job may take; CP2K stops in time to leave a checkpoint.

    Raises
    ------
    ValueError
        If the settings ask for a barostat or a constraint, or the seed is no positive number.
    """
    if settings.ensemble == "npt":
        raise ValueError("npt: dynamics with CP2K keep the volume; take nve or nvt")
    if settings.constraint is not None or settings.langevin_duration is not None:
        raise ValueError("motions are held, and Langevin dynamics is run, in LAMMPS only")
    if seed < 1:
        raise ValueError(f"the seed is {seed}; CP2K takes positive numbers")
    off = {"_": "OFF"}
    motion: dict[str, Any] = {
        "ENSEMBLE": settings.ensemble.upper(),
        "STEPS": settings.steps("duration") - (start.step if start else 0),
        "TIMESTEP": settings.timestep * TIME_IN_FS,
        "TEMPERATURE": settings.temperature,
        "PRINT": {
            "ENERGY": {"_": "ON", "EACH": {"MD": settings.steps("thermo_interval")}},
            "FORCE_LAST": True,
            "PROGRAM_RUN_INFO": off,
        },
    }
    if settings.ensemble == "nvt":
        motion["THERMOSTAT"] = {"TYPE": "CSVR", "CSVR": {"TIMECON": settings.thermostat_damping * TIME_IN_FS}}
    printing: dict[str, Any] = {
        "RESTART": {
            "_": "ON",
            "FILENAME": f"={CHECKPOINT_FILES[0]}",
            "BACKUP_COPIES": 1,
            "EACH": {"MD": settings.steps("checkpoint_interval")},
        },
        "RESTART_HISTORY": off,
    }
    sections = ("TRAJECTORY", "VELOCITIES", "FORCES", "CELL")
    for section, file in zip(sections, part_files(start), strict=True):
        frames = {"_": "ON", "FILENAME": f"={file}"}
        if settings.sampling_interval is not None:
            printing[section] = {**frames, "EACH": {"MD": settings.steps("sampling_interval")}}
        else:
            printing[section] = off
    run: dict[str, Any] = {
        # Anything louder prints kilobytes for each step.
        "GLOBAL": {"RUN_TYPE": "MD", "PRINT_LEVEL": "SILENT", "SEED": seed},
        "MOTION": {"MD": motion, "PRINT": printing},
    }
    if walltime is not None:
        run["GLOBAL"]["WALLTIME"] = own_walltime(walltime)
    if start is not None:
        kept = ("POS", "VEL", "COUNTERS", "AVERAGES", "THERMOSTAT")
        run["EXT_RESTART"] = {"RESTART_FILE_NAME": START_FILE, "RESTART_DEFAULT": False}
        run["EXT_RESTART"] |= {f"RESTART_{name}": True for name in kept}
    elif velocities is not None:
        rows = [" ".join(f"{component:.16e}" for component in row) for row in velocities / VELOCITY_FROM_ATOMIC]
        run["FORCE_EVAL"] = {"SUBSYS": {"VELOCITY": {" ": rows}}}
    joined = deepcopy(dict(level))
    # The stress takes time, and nothing moves the cell.
    joined.get("FORCE_EVAL", {}).pop("STRESS_TENSOR", None)
    merge_dict(joined, run)
    return joined


class Cp2kMdCalculation(DynamicsCalcJob):
    """One stage of ab initio molecular dynamics: typed inputs, a generated input file, a trajectory that stays."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1
    THERMO_WORDS, TEMPERATURE_WORD = 7, 3

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.cp2k_md"
        options["input_filename"].default = "aiida.inp"
        options["output_filename"].default = "aiida.out"
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs
        spec.input(
            "level", valid_type=orm.Dict, help="How forces are computed: CP2K's parameters but for the run and ions."
        )
        for port, validator in (("basissets", validate_basissets_namespace), ("pseudos", validate_pseudos_namespace)):
            spec.input_namespace(
                port, dynamic=True, required=False, validator=validator, help="By species, where the level needs them."
            )
        spec.input(
            "velocities",
            valid_type=orm.ArrayData,
            required=False,
            help="With which the structure starts, an array velocities in Å/ps; drawn with the seed if absent.",
        )
        spec.output("velocities", valid_type=orm.ArrayData, required=False, help="Of the last frame, in Å/ps.")
        spec.exit_code(301, "ERROR_CP2K", message="CP2K stopped: {error}")
        spec.exit_code(303, "ERROR_OUT_OF_DISK", message="A disk was full.")
        spec.exit_code(320, "ERROR_MISSING_FRAMES", message="Frames are missing from the trajectory: {error}")
        spec.exit_code(450, "ERROR_SCF_NOT_CONVERGED", message="The self-consistent field did not converge: {error}")

    @classmethod
    def thermo_file(cls, node: orm.CalcJobNode) -> str:
        """Return the name of the file to which a job writes its thermodynamic output."""
        return ENERGIES_FILE

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that structure, level, parameters and start fit together."""
        if not {"structure", "level", "parameters", "seed"} <= set(value):
            return None  # a missing input has its own message
        if ("start" in value) != ("parent_folder" in value):
            return "start and parent_folder are given together or not at all"
        if "start" in value and Start.model_validate(value["start"].get_dict()).step == 0:
            return "start is no checkpoint of this stage; a new stage starts from a structure and velocities"
        n_atoms, symbols = len(value["structure"].sites), kinds_of(value["structure"])
        if "velocities" in value and value["velocities"].get_array("velocities").shape != (n_atoms, 3):
            return f"velocities are not those of {n_atoms} atoms"
        settings = MdSettings.model_validate(value["parameters"].get_dict())
        if not set(settings.mobile) < set(symbols):
            return (
                f"mobile is {', '.join(settings.mobile)} in a structure of {', '.join(symbols)}:"
                " species of it must move and one must stay as the host lattice"
            )
        try:
            check_formal_charges(settings.formal_charges, value["structure"].get_ase().get_chemical_symbols())
            dynamics(value["level"].get_dict(), settings, seed=value["seed"].value)
        except ValueError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input file, the structure, basis sets and pseudopotentials."""
        options, structure = self.inputs.metadata.options, self.inputs.structure
        start = Start.model_validate(self.inputs.start.get_dict()) if "start" in self.inputs else None
        settings = MdSettings.model_validate(self.inputs.parameters.get_dict())
        velocities = self.inputs.velocities.get_array("velocities") if "velocities" in self.inputs else None
        parameters = dynamics(
            self.inputs.level.get_dict(),
            settings,
            seed=self.inputs.seed.value,
            start=start,
            velocities=velocities,
            walltime=options.get("max_wallclock_seconds"),
        )
        vectors = zip("ABC", structure.cell, strict=True)
        subsystem = {
            "CELL": {axis: " ".join(map(repr, vector)) for axis, vector in vectors},
            "TOPOLOGY": {"COORD_FILE_NAME": _STRUCTURE_FILE, "COORD_FILE_FORMAT": "XYZ"},
        }
        merge_dict(parameters, {"GLOBAL": {"PROJECT": "aiida"}, "FORCE_EVAL": {"SUBSYS": subsystem}})
        text = Cp2kInput(parameters)
        BaseCp2kCalculation._write_structure(structure, folder, _STRUCTURE_FILE)
        if "basissets" in self.inputs:
            validate_basissets(text, self.inputs.basissets, structure)
            write_basissets(text, self.inputs.basissets, folder)
        if "pseudos" in self.inputs:
            validate_pseudos(text, self.inputs.pseudos, structure)
            write_pseudos(text, self.inputs.pseudos, folder)
        with folder.open(options.input_filename, "w", encoding="utf-8") as handle:
            handle.write(text.render())

        info = full_disk.watched(self.measured_run(["-i", options.input_filename]))
        # A job that is cut off lacks some; AiiDA warns of a missing file unless it is a pattern.
        info.retrieve_list += [(f"{file}*", ".", 0) for file in (ENERGIES_FILE, CHECKPOINT_FILES[0], full_disk.FILE)]
        if start is not None:
            info.remote_symlink_list = [self.from_parent(start.file, START_FILE)]
            info.remote_copy_list = [self.from_parent(name, name) for name in start.trajectory]
        if settings.sampling_interval is not None:
            parts = [*(start.trajectory if start else ()), *part_files(start)]
            # A job may end before its first frame.
            info.prepend_text += f"\ntouch {' '.join(part_files(start))}"
            counts = "\n".join(_COUNT.format(file=name) for name in parts if not name.endswith(".cell"))
            described = f"sha256sum {' '.join(parts)} > {DIGEST_FILE}\n{{\n{counts}\n}} > {COUNTS_FILE}"
            info.append_text = f"{described}\n{info.append_text}"
            info.retrieve_list += [DIGEST_FILE, COUNTS_FILE]
        return info
