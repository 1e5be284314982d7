"""Molecular dynamics with LAMMPS: one stage per job."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation
from ase import Atoms
from ase.calculators.lammps import Prism
from ase.io.lammpsdata import write_lammps_data

from aiida_superionic.analysis.host_ions import HostIons, find_host_ions, framework
from aiida_superionic.analysis.trajectory import one_frame
from aiida_superionic.calculations import deviation
from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.lammps_script import (
    DATA_FILE,
    FINAL_FILE,
    START_FILE,
    THERMO_COLUMNS,
    host_section,
    lammps_script,
    trajectory_file,
)
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.constraints.eckart import eckart_frames
from aiida_superionic.constraints.lammps import LammpsConstraint
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import LammpsPotential, PotentialError

DIGEST_FILE = "trajectory.sha256"

_NEUTRAL = 1e-6
"""Charge per atom in e that is a rounding error, of thirds for instance."""


def kinds_of(structure: orm.StructureData) -> list[str]:
    """Return the chemical symbols of a structure in the order in which LAMMPS numbers its types."""
    return list(dict.fromkeys(structure.get_ase().get_chemical_symbols()))


def check_formal_charges(charges: Mapping[str, float], symbols: Sequence[str]) -> None:
    """Check that formal charges are those of a structure whose atoms have these chemical symbols.

    Raises
    ------
    ValueError
        If a species is not in the structure, or every species has a charge and the structure is not neutral.
    """
    absent = sorted(set(charges) - set(symbols))
    if absent:
        raise ValueError(
            f"formal charges of {', '.join(absent)} where the structure holds {', '.join(dict.fromkeys(symbols))}"
        )
    if set(charges) == set(symbols):
        total = sum(charges[symbol] for symbol in symbols)
        if abs(total) > _NEUTRAL * len(symbols):
            raise ValueError(f"the formal charges of the structure add up to {total:g} e where it must be neutral")


def oriented_atoms(structure: orm.StructureData) -> Atoms:
    """Return the atoms of a structure, the cell turned as LAMMPS wants it: a along x, b in the xy plane."""
    atoms = structure.get_ase()
    turned = Prism(atoms.cell).lammps_tilt
    if not np.array_equal(turned, atoms.cell):
        atoms.set_cell(turned, scale_atoms=True)
    return atoms


def constraint_on(atoms: Atoms, settings: MdSettings, crystal: Atoms | None = None) -> LammpsConstraint | None:
    """Return the constraint of a stage on the atoms, as they are turned for LAMMPS; None where there is none.

    Polyanions are found in the crystal, where one is given.

    Raises
    ------
    aiida_superionic.constraints.constraint.ConstraintError
        If the atoms lack what the constraint names, or a polyanion of the crystal came apart in them.
    """
    if settings.constraint is None:
        return None
    frames = eckart_frames(atoms, settings.mobile, settings.constraint, crystal)
    return LammpsConstraint(settings.constraint, frames, settings.timestep)


def host_of(atoms: Atoms, mobile: Sequence[str], crystal: Atoms | None = None) -> HostIons:
    """Return the ions whose displacement tells whether the host lattice is intact.

    Polyanions are found in the crystal, where one is given.

    Raises
    ------
    ValueError
        If no species or every species is mobile.
    """
    crystal = atoms if crystal is None else crystal
    kinds = list(dict.fromkeys(crystal.get_chemical_symbols()))
    moving = [kind for kind in kinds if kind in mobile]
    if len(moving) in {0, len(kinds)}:
        raise ValueError(
            f"mobile is {', '.join(mobile)} in a structure of {', '.join(kinds)}:"
            " one species at least must move and one must stay as the host lattice"
        )
    ions = find_host_ions(one_frame(crystal, moving))
    return ions[framework(ions)]


def lammps_potential(
    structure: orm.StructureData,
    potential: PotentialData,
    code: orm.AbstractCode | None = None,
    committee: Mapping[str, PotentialData] = MappingProxyType({}),
    interval: int = 1,
) -> LammpsPotential:
    """Return how LAMMPS evaluates a potential for a structure.

    Parameters
    ----------
    structure
        Whose kinds are the types, in the order of :func:`kinds_of`.
    potential
        What gives the forces.
    code
        That is to run it, to be checked; None where it is not known yet.
    committee
        Others of its family by name, whose deviations are written.
    interval
        Timesteps between two of these.

    Raises
    ------
    aiida_superionic.potentials.PotentialError
        If the potential does not describe a species of the structure, needs another program than the code's, or has no
        such committee.
    """
    kinds, n_atoms = kinds_of(structure), len(structure.sites)
    if committee:
        others = [committee[name].potential for name in sorted(committee)]
        evaluated = potential.potential.lammps_committee(others, kinds, n_atoms, interval)
    else:
        evaluated = potential.potential.lammps(kinds, n_atoms)
    if code is not None:
        check_program(evaluated, code)
    return evaluated


def check_program(potential: LammpsPotential, code: orm.AbstractCode) -> None:
    """Check that a code can run a potential.

    Raises
    ------
    aiida_superionic.potentials.PotentialError
        If the potential needs another program than the code's.
    """
    if potential.program is not None and not code.get_executable().name.startswith(potential.program):
        raise PotentialError(f"the potential is run by {potential.program}, which the code {code.full_label} is not")


def write_files(folder: Folder, files: Mapping[str, str | bytes]) -> None:
    """Write the files of a job, by their names."""
    for name, content in files.items():
        with folder.open(name, "wb") as handle:
            handle.write(content.encode() if isinstance(content, str) else content)


class LammpsCalculation(DynamicsCalcJob, LammpsRawCalculation):
    """One stage of molecular dynamics: typed inputs, a generated script, a trajectory that stays."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 4
    THERMO_WORDS, TEMPERATURE_WORD = len(THERMO_COLUMNS), 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        for port in ("script", "files", "filenames"):
            del spec.inputs[port]
        spec.inputs.validator = cls.validate_inputs
        spec.inputs["metadata"]["options"]["parser_name"].default = "superionic.lammps"

        spec.input("potential", valid_type=PotentialData, help="What gives the forces.")
        spec.input(
            "crystal",
            valid_type=orm.StructureData,
            required=False,
            help="The same atoms in their crystal, in which polyanions to constrain are found; structure if absent.",
        )
        spec.input_namespace(
            "committee",
            valid_type=PotentialData,
            required=False,
            help="Others of the potential's family: how far they all are from one another is written along the run.",
        )
        spec.output(
            "deviation", valid_type=orm.ArrayData, required=False, help="Of the committee, an array a column, by step."
        )
        spec.output(
            "observables", valid_type=orm.Dict, required=False, help="Of the deviation: value, error, unit by name."
        )
        spec.exit_code(301, "ERROR_LAMMPS", message="LAMMPS stopped: {error}")
        spec.exit_code(
            312,
            "ERROR_DEVIATION",
            message="The committee disagrees by {value} eV/Å at step {step}, more than {limit} eV/Å.",
        )
        spec.exit_code(311, "ERROR_CONSTRAINT_VIOLATED", message="The constraint did not hold: {error}")
        spec.exit_code(320, "ERROR_TRAJECTORY_MISSING", message="LAMMPS ended well but left no readable trajectory.")
        spec.exit_code(321, "ERROR_LAST_FRAME_MISSING", message="LAMMPS ended well but left no whole last frame.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that structure, potential, parameters and start fit together."""
        if not {"structure", "potential", "parameters", "seed"} <= set(value):
            return None  # a missing input has its own message
        if ("start" in value) != ("parent_folder" in value):
            return "start and parent_folder are given together or not at all"
        try:
            ports = ("structure", "potential", "parameters", "seed", "start", "crystal", "committee")
            cls.script(**{port: value.get(port) for port in ports})
            lammps_potential(value["structure"], value["potential"], value.get("code"))
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def thermo_file(cls, node: orm.CalcJobNode) -> str:
        """Return the name of the file to which a job writes its thermodynamic output."""
        return str(node.get_option("output_filename"))

    @staticmethod
    def script(
        structure: orm.StructureData,
        potential: PotentialData,
        parameters: orm.Dict,
        seed: orm.Int,
        start: orm.Dict | None = None,
        crystal: orm.StructureData | None = None,
        committee: Mapping[str, PotentialData] | None = None,
        walltime: int | None = None,
    ) -> str:
        """Return the input script that these inputs make."""
        settings = MdSettings.model_validate(parameters.get_dict())
        if settings.deviation_limit is not None and not committee:
            raise ValueError("deviation_limit is that of a committee, and none is given")
        check_formal_charges(settings.formal_charges, structure.get_ase().get_chemical_symbols())
        atoms = oriented_atoms(structure)
        whole = crystal.get_ase() if crystal else None
        kinds = kinds_of(structure)
        constraint = constraint_on(atoms, settings, whole)
        return lammps_script(
            settings,
            lammps_potential(structure, potential, None, committee or {}, settings.deviation_steps),
            kinds,
            seed=seed.value,
            host=host_of(atoms, settings.mobile, whole),
            constraint=constraint,
            start=Start.model_validate(start.get_dict()) if start is not None else None,
            walltime=walltime,
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, the structure and the files of the potential."""
        options = self.inputs.metadata.options
        atoms = oriented_atoms(self.inputs.structure)
        kinds = kinds_of(self.inputs.structure)
        start = Start.model_validate(self.inputs.start.get_dict()) if "start" in self.inputs else None
        settings = MdSettings.model_validate(self.inputs.parameters.get_dict())
        committee = self.inputs.get("committee", {})
        potential = lammps_potential(
            self.inputs.structure, self.inputs.potential, None, committee, settings.deviation_steps
        )
        script = self.script(
            self.inputs.structure,
            self.inputs.potential,
            self.inputs.parameters,
            self.inputs.seed,
            self.inputs.get("start"),
            self.inputs.get("crystal"),
            committee,
            options.get("max_wallclock_seconds"),
        )
        write_files(folder, {options.input_filename: script, **potential.files})
        if settings.deviation_limit is not None:
            write_files(folder, {deviation.CHECK_FILE: deviation.check_file(settings.deviation_limit)})

        info = self.measured_run(potential.arguments(options.input_filename), join_files=False)
        # A job that is cut off has no last frame; AiiDA warns of a missing file unless it is a pattern.
        info.retrieve_list.append((f"{FINAL_FILE}*", ".", 0))
        if potential.deviation_file is not None:
            info.retrieve_list.append((f"{potential.deviation_file}*", ".", 0))
        # The files of a potential follow from its node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = list(potential.files)
        if start is None:
            crystal = self.inputs.crystal.get_ase() if "crystal" in self.inputs else None
            host, constraint = host_of(atoms, settings.mobile, crystal), constraint_on(atoms, settings, crystal)
            with folder.open(DATA_FILE, "w") as handle:
                handle.write(data_file(atoms, kinds, potential.charges, potential.atom_style, host, constraint))
        else:
            # The checkpoint is read once, so a link will do; under a name of its own, for LAMMPS would write its own
            # checkpoints through a link that bears their name. The parts of the trajectory are copied: the last folder
            # of a run holds all of it, and those before it can be cleaned.
            info.remote_symlink_list = [self.from_parent(start.file, START_FILE)]
            copied = list(start.trajectory)
            if potential.deviation_file is not None and start.step > 0:
                copied.append(potential.deviation_file)  # LAMMPS writes on below what is there
            info.remote_copy_list = [self.from_parent(name, name) for name in copied]
        if self.inputs.parameters.get_dict().get("sampling_interval") is not None:
            parts = " ".join([*(start.trajectory if start else ()), trajectory_file(start)])
            info.append_text = f"sha256sum {parts} > {DIGEST_FILE}\n{info.append_text}"
            info.retrieve_list.append(DIGEST_FILE)
        if "settings" in self.inputs:
            info.retrieve_list += self.inputs.settings.get_dict().get("additional_retrieve_list", [])
        return info


def data_file(
    atoms: Atoms,
    kinds: list[str],
    charges: tuple[float, ...],
    atom_style: str,
    host: HostIons | None = None,
    constraint: LammpsConstraint | None = None,
) -> str:
    """Return the structure as LAMMPS reads it, atoms in their order.

    Parameters
    ----------
    atoms
        The structure.
    kinds
        Chemical symbol of each LAMMPS type.
    charges, atom_style
        Of a :class:`LammpsPotential` for these kinds.
    host, constraint
        What comes with the atoms for :func:`lammps_script`; None where a script does without.
    """
    atoms = atoms.copy()
    charge = dict(zip(kinds, charges, strict=True))
    atoms.set_initial_charges([charge[symbol] for symbol in atoms.get_chemical_symbols()])
    # A body is written whole, so that LAMMPS' count of images joins it across the boundaries.
    for frame in constraint.frames if constraint else ():
        atoms.positions[frame.atoms] = frame.start
    text = io.StringIO()
    write_lammps_data(text, atoms, specorder=kinds, units="metal", atom_style=atom_style, masses=True)
    sections = [host_section(host, len(atoms))] if host else []
    return "".join([text.getvalue(), *sections, constraint.data_sections(len(atoms)) if constraint else ""])
