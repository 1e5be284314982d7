"""What the files of one MD stage mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from ase import Atoms

from aiida_superionic.calculations import deviation
from aiida_superionic.calculations.lammps_script import FINAL_FILE, START_FILE, trajectory_file
from aiida_superionic.constraints import lammps as constraints
from aiida_superionic.parsers.dynamics import DynamicsParser
from aiida_superionic.parsers.lammps_output import LammpsOutput, read_lammps_output, read_last_frame
from aiida_superionic.potentials.deepmd import DEVIATION_FILE


class LammpsParser(DynamicsParser):
    """Reads thermodynamic output, checkpoint and trajectory of a LAMMPS job, and names what went wrong."""

    def part(self) -> tuple[str, ...]:
        """Return the file of the part of the trajectory that this job writes."""
        return (trajectory_file(self.start),)

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        if not self.has(self.node.get_option("output_filename")):
            return self.exit_codes.ERROR_OUTFILE_MISSING
        output = read_lammps_output(self.printed())
        if output.version is None:
            return self.did_not_start()
        self.deviation = deviation.read_deviation(self.text(DEVIATION_FILE))
        self._store(output)
        failure = self._failure(output) or self._store_structure()
        if failure is not None:
            return failure
        if self.settings.sampling_interval is not None:
            trajectory = self.trajectory()
            if trajectory is None:
                return self.exit_codes.ERROR_TRAJECTORY_MISSING
            self.out("trajectory", trajectory)
        return None

    def _failure(self, output: LammpsOutput) -> ExitCode | None:
        codes = self.exit_codes
        total = self.settings.steps("duration")
        if (passed := self._first_disagreement()) is not None:
            step, value = passed
            return codes.ERROR_DEVIATION.format(value=f"{value:.3g}", step=step, limit=self.settings.deviation_limit)
        broken = output.first_non_numeric_step
        if broken is not None or (output.error is not None and "Non-numeric" in output.error):
            return codes.ERROR_NON_NUMERIC.format(when=f"step {broken}" if broken is not None else "an unknown step")
        if hot := self.explosion(output.thermo):
            return codes.ERROR_UNSTABLE.format(error=hot)
        if output.molten:
            return codes.ERROR_HOST_LATTICE_MOLTEN.format(error=output.error)
        if output.constraint_violated:
            return codes.ERROR_CONSTRAINT_VIOLATED.format(error=output.error)
        if output.lost_atoms:
            return codes.ERROR_UNSTABLE.format(error=output.error)
        if output.error is not None:
            if self.start is not None and "Cannot open" in output.error and START_FILE in output.error:
                return codes.ERROR_CHECKPOINT_MISSING.format(error=output.error)
            return codes.ERROR_LAMMPS.format(error=output.error)
        if not output.complete:
            return codes.ERROR_INTERRUPTED
        reached = output.checkpoint[1] if output.checkpoint else 0
        if reached < total:
            last = int(output.thermo["step"][-1]) if output.thermo else 0
            return codes.ERROR_OUT_OF_WALLTIME.format(step=last, total=total)
        return None

    def _store(self, output: LammpsOutput) -> None:
        self.out("results", orm.Dict({"lammps_version": output.version, "complete": output.complete}))
        if output.thermo:
            thermo = orm.ArrayData(output.thermo)
            thermo.base.attributes.set(
                "units",
                {"temperature": "K", "pressure": "bar", "volume": "Å^3", "host_displacement": "nearest neighbours"}
                | {name: "eV" for name in output.thermo if name.endswith("energy")}
                | {name: unit for name, unit in constraints.UNITS.items() if name in output.thermo},
            )
            self.out("thermo", thermo)
        if output.checkpoint is not None:
            self.store_checkpoint(*output.checkpoint)
        self._store_deviation()

    def _store_deviation(self) -> None:
        if self.deviation:
            node = orm.ArrayData(self.deviation)
            node.base.attributes.set("units", deviation.UNITS)
            self.out("deviation", node)
            self.out("observables", orm.Dict(deviation.observables(self.deviation)))

    def _first_disagreement(self) -> tuple[int, float] | None:
        """Return the first step at which the committee disagrees by more than it may, and by how much."""
        limit = self.settings.deviation_limit
        if limit is None or not self.deviation:
            return None
        largest = self.deviation[deviation.LARGEST]
        above = np.flatnonzero(~(largest <= limit))
        return (int(self.deviation["step"][above[0]]), float(largest[above[0]])) if len(above) else None

    def _store_structure(self) -> ExitCode | None:
        symbols = self.node.inputs.structure.get_ase().get_chemical_symbols()
        frame = read_last_frame(self.text(FINAL_FILE), self.settings.steps("duration"), symbols)
        if frame is None:
            return self.exit_codes.ERROR_LAST_FRAME_MISSING
        self.store_structure(Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=True))
        return None
