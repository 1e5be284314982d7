"""What the files of a relaxation with CP2K mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from ase import Atoms

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k_input import CELL_FILE, POSITIONS_FILE, STRESS_FILE
from aiida_superionic.calculations.relaxation import outcome
from aiida_superionic.parsers.cp2k_output import (
    Cp2kFrame,
    Cp2kOutput,
    read_cells,
    read_cp2k_output,
    read_stress,
    read_xyz,
)
from aiida_superionic.parsers.files import FilesParser
from aiida_superionic.units import ENERGY_UNITS

_RELAXED = "OPTIMIZATION COMPLETED"
_SAME_ENERGY = 1e-10 * ENERGY_UNITS["Hartree"]
"""One in the last decimal of the energy that comes with the positions."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """The last geometry that is whole in the files.

    Parameters
    ----------
    positions, cell
        In Å, shapes (N, 3) and (3, 3).
    steps
        Of the optimiser until there.
    frame
        What CP2K's output says of it; None where it does not say it.
    stress
        In eV/Å³, shape (3, 3); None where it is not known.
    """

    positions: Array
    cell: Array
    steps: int
    frame: Cp2kFrame | None
    stress: Array | None


def last_geometry(positions: str, cells: str, stress: str, output: Cp2kOutput, n_atoms: int) -> Geometry | None:
    """Return the last whole geometry, with the forces that CP2K computed there.

    A line search tries geometries that it does not keep. Those that it keeps stand in the file of positions with their
    energy, by which their forces are found.

    Parameters
    ----------
    positions, cells, stress
        The text of the files.
    output
        What CP2K printed.
    n_atoms
        Of the structure.
    """
    # The positions of a finished optimisation are written once more, without a cell.
    kept = list(zip(read_xyz(positions), read_cells(cells), strict=False))
    if not kept:
        return None
    (comment, names, vectors), cell = kept[-1]
    if len(names) != n_atoms or not (np.isfinite(vectors).all() and np.isfinite(cell).all()):
        return None
    try:
        energy = float(comment.rpartition("E = ")[2]) * ENERGY_UNITS["Hartree"]
    except ValueError:
        energy = np.nan
    evaluated = [frame for frame in output.frames if frame.forces is not None]
    tensors = read_stress(stress)
    found = [k for k, frame in enumerate(evaluated) if abs(frame.energy - energy) < _SAME_ENERGY]
    frame = evaluated[found[-1]] if found else None
    # The stress does not say whose it is.
    aligned = bool(found) and len(tensors) == len(evaluated)
    return Geometry(vectors, cell, len(kept), frame, tensors[found[-1]] if aligned else None)


class Cp2kRelaxParser(FilesParser):
    """Takes the last geometry home, and names what kept CP2K from relaxing it."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        name = self.node.get_option("output_filename")
        if not self.has(name):
            return self.exit_codes.ERROR_OUTPUT_MISSING
        text = self.text(name)
        output = read_cp2k_output(text)
        given = self.node.inputs.structure.get_ase()
        files = (self.text(POSITIONS_FILE), self.text(CELL_FILE), self.text(STRESS_FILE) or text)
        geometry = last_geometry(*files, output, len(given))
        whole = geometry is not None and self._store(geometry, given, output)
        steps = geometry.steps if geometry is not None else 0
        failure = self._failure(output, text, steps)
        if failure is None and not whole:
            return self.exit_codes.ERROR_MISSING_FRAMES.format(frames="the last geometry, its forces or its stress")
        return failure

    def _store(self, geometry: Geometry, given: Atoms, output: Cp2kOutput) -> bool:
        """Store the geometry, and return whether there are forces and a stress that can be trusted."""
        structure = orm.StructureData(ase=Atoms(given.symbols, geometry.positions, cell=geometry.cell, pbc=True))
        structure.label = f"{self.node.inputs.structure.label}, relaxed".removeprefix(", ")
        self.out("structure", structure)
        frame, stress = geometry.frame, geometry.stress
        if frame is None or frame.forces is None or stress is None or not frame.scf_converged:
            return False
        if not (len(frame.forces) == len(given) and np.isfinite(frame.forces).all() and np.isfinite(stress).all()):
            return False
        result = outcome(frame.energy, frame.forces, stress, geometry.steps, cp2k_version=output.version)
        self.out("output_parameters", orm.Dict(result))
        return True

    def _failure(self, output: Cp2kOutput, text: str, steps: int) -> ExitCode | None:
        codes = self.exit_codes
        if self.has(full_disk.FILE):
            return codes.ERROR_OUT_OF_DISK.format(good=0, total=1)
        last = output.frames[-1] if output.frames else None
        if output.stopped_unconverged:
            return codes.ERROR_SCF_NOT_CONVERGED.format(frames=f"step {steps + 1} ({output.error})")
        if last is not None and not np.isfinite(last.energy):
            return codes.ERROR_NON_NUMERIC
        if output.error is not None:
            return codes.ERROR_OUTPUT_CONTAINS_ABORT.format(error=output.error)
        if output.version is None:
            return self.did_not_start()
        if output.out_of_walltime:
            return codes.ERROR_OUT_OF_WALLTIME.format(steps=steps)
        if not output.complete:
            return codes.ERROR_INTERRUPTED
        if last is not None and not last.scf_converged:
            return codes.ERROR_SCF_NOT_CONVERGED.format(frames=f"step {steps} ({last.scf_steps} steps of the field)")
        if _RELAXED not in text:
            reason = "CP2K's own thresholds are not met"
            return codes.ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED.format(steps=steps, reason=reason)
        return None
