"""What the files of a relaxation with LAMMPS mean."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from ase import Atoms

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations.lammps_script import FINAL_FILE, GEOMETRY_LINE
from aiida_superionic.calculations.relaxation import RelaxSettings, outcome
from aiida_superionic.parsers.files import FilesParser
from aiida_superionic.parsers.lammps_output import LammpsOutput, read_lammps_output, read_last_frame
from aiida_superionic.units import PRESSURE_UNITS

# Its newline belongs to the line: an output that breaks off inside it would tell a wrong number.
_GEOMETRY = re.compile(
    "^" + GEOMETRY_LINE.format(step=r"(\d+)", energy=r"(\S+)", pressure=" ".join(6 * [r"(\S+)"])) + r"\r?\n",
    re.MULTILINE,
)
_OUT_OF_WALLTIME = "Stopping criterion = walltime limit reached"


class LammpsRelaxParser(FilesParser):
    """Takes the last geometry home, and names what kept LAMMPS from relaxing it."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        text = self.printed()
        output = read_lammps_output(text)
        if output.version is None:
            return self.did_not_start()
        geometries = _GEOMETRY.findall(text)
        step, energy, *pressure = (float(word) for word in geometries[-1]) if geometries else (0.0, 0.0)
        symbols = self.node.inputs.structure.get_ase().get_chemical_symbols()
        atoms = read_last_frame(self.text(FINAL_FILE), int(step), symbols) if geometries else None
        reason: str | None = "there is no geometry"
        if atoms is not None:
            xx, yy, zz, xy, xz, yz = pressure
            stress = -PRESSURE_UNITS["bar"] * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            if not np.isfinite([energy, *stress.flat, *atoms.positions.flat, *atoms.get_forces().flat]).all():
                return self.exit_codes.ERROR_NON_NUMERIC
            reason = self._store(atoms, energy, stress, int(step), output)
        if output.error is not None:
            return self.exit_codes.ERROR_LAMMPS.format(error=output.error)
        if not output.complete:
            return self.exit_codes.ERROR_INTERRUPTED
        if reason is None:
            return None
        if _OUT_OF_WALLTIME in text:
            return self.exit_codes.ERROR_OUT_OF_WALLTIME.format(steps=int(step))
        if atoms is None:
            return self.exit_codes.ERROR_GEOMETRY_MISSING
        return self.exit_codes.ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED.format(steps=int(step), reason=reason)

    def _store(self, atoms: Atoms, energy: float, stress: Array, steps: int, output: LammpsOutput) -> str | None:
        """Return which of the thresholds is not met, or None."""
        structure = orm.StructureData(ase=Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True))
        structure.label = f"{self.node.inputs.structure.label}, relaxed".removeprefix(", ")
        self.out("structure", structure)
        result = outcome(energy, atoms.get_forces(), stress, steps, lammps_version=output.version)
        self.out("output_parameters", orm.Dict(result))
        settings = RelaxSettings.model_validate(self.node.inputs.parameters.get_dict())
        return settings.unmet(result["largest_force"], stress)
