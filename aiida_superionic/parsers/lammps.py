"""What the files of one MD stage mean."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from ase import Atoms
from ase.io.lammpsrun import read_lammps_dump_text

from aiida_superionic.calculations import deviation, usage
from aiida_superionic.calculations.lammps import DIGEST_FILE, kinds_of
from aiida_superionic.calculations.lammps_script import FINAL_FILE, START_FILE, trajectory_file
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.constraints import lammps as constraints
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.parsers.files import FilesParser, read_digests
from aiida_superionic.parsers.lammps_output import LammpsOutput, read_lammps_output
from aiida_superionic.potentials.deepmd import DEVIATION_FILE


class LammpsParser(FilesParser):
    """Reads thermodynamic output, checkpoint and trajectory of a LAMMPS job, and names what went wrong."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.settings = MdSettings.model_validate(self.node.inputs.parameters.get_dict())
        self.start = Start.model_validate(self.node.inputs.start.get_dict()) if "start" in self.node.inputs else None
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))
        if not self.has(self.node.get_option("output_filename")):
            return self.exit_codes.ERROR_OUTFILE_MISSING
        text = self.text(self.node.get_option("output_filename"))
        output = read_lammps_output(text)
        if output.version is None:
            told = text + self.text(self.node.get_option("scheduler_stderr"))
            first = next((line.strip() for line in told.splitlines() if line.strip()), "its output is empty")
            return self.exit_codes.ERROR_ENGINE_DID_NOT_START.format(error=first[:200])
        self.deviation = deviation.read_deviation(self.text(DEVIATION_FILE))
        self._store(output)
        if output.complete and self.text(FINAL_FILE):
            self._store_structure()
        failure = self._failure(output)
        if failure is not None:
            return failure
        if self.settings.sampling_interval is not None:
            trajectory = self._trajectory()
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
            thermo = orm.ArrayData()
            for name, column in output.thermo.items():
                thermo.set_array(name, column)
            thermo.base.attributes.set(
                "units",
                {"temperature": "K", "pressure": "bar", "volume": "Å^3", "host_displacement": "nearest neighbours"}
                | {name: "eV" for name in output.thermo if name.endswith("energy")}
                | {name: unit for name, unit in constraints.UNITS.items() if name in output.thermo},
            )
            self.out("thermo", thermo)
        if output.checkpoint is not None:
            file, step = output.checkpoint
            checkpoint = Start(file=file, step=step, trajectory=tuple(self._parts()))
            self.out("checkpoint", orm.Dict(checkpoint.model_dump(mode="json")))

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

    def _store_structure(self) -> None:
        given = self.node.inputs.structure
        text = io.StringIO(self.text(FINAL_FILE))
        frame = read_lammps_dump_text(text, index=-1, specorder=kinds_of(given), units="metal")
        structure = orm.StructureData(ase=Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=True))
        structure.label = f"{given.label}, last frame" if given.label else "last frame"
        self.out("structure", structure)

    def _parts(self) -> list[str]:
        if self.settings.sampling_interval is None:
            return []
        return [*(self.start.trajectory if self.start else ()), trajectory_file(self.start)]

    def _trajectory(self) -> TrajectoryData | None:
        digests = read_digests(self.text(DIGEST_FILE))
        if list(digests) != self._parts():
            return None
        folder = self.node.outputs.remote_folder
        return TrajectoryData(
            folder.get_remote_path(),
            computer=folder.computer,
            files=digests,
            kinds=kinds_of(self.node.inputs.structure),
            mobile=self.settings.mobile,
            formal_charges=self.settings.formal_charges,
            md_timestep=self.settings.timestep,
            n_frames=self.settings.steps("duration") // self.settings.steps("sampling_interval") + 1,
            sampling_interval=self.settings.sampling_interval,
        )
