"""What the files of one stage of ab initio molecular dynamics mean."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k_md import CHECKPOINT_FILES, COUNTS_FILE, ENERGIES_FILE, START_FILE, part_files
from aiida_superionic.calculations.lammps import host_of
from aiida_superionic.parsers.cp2k_output import UNCONVERGED, Cp2kOutput, number, read_cp2k_output
from aiida_superionic.parsers.dynamics import DynamicsParser
from aiida_superionic.units import ENERGY_UNITS, VELOCITY_FROM_ATOMIC

_CUT_OFF = "SCF run terminated - exceeded requested execution time"
_COLUMNS = ("step", "kinetic_energy", "temperature", "potential_energy", "conserved_energy")
_UNITS = {"temperature": "K"} | {name: "eV" for name in (*_COLUMNS, "total_energy") if name.endswith("energy")}
_SECTION = r"^ +&{name}\n(?P<rows>(?: *\S+.*\n)+?) +&END {name}\n"
_STEP = re.compile(r"^ +STEP_START_VAL +(?P<step>\d+)\n", re.MULTILINE)
_POSITIONS = re.compile(_SECTION.format(name="COORD"), re.MULTILINE)
_VELOCITIES = re.compile(_SECTION.format(name="VELOCITY"), re.MULTILINE)
_RESTART_END = re.compile(r"^ &END FORCE_EVAL\n", re.MULTILINE)
_COUNT = re.compile(r"^(?P<file>\S+) (?P<count>\d+) (?P<first>\d+) (?P<last>\d+)\n", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Cp2kRestart:
    """The state of the ions in a restart file of CP2K.

    Parameters
    ----------
    step
        MD step.
    positions
        In Å, shape (N, 3).
    velocities
        In Å/ps, shape (N, 3).
    """

    step: int
    positions: Array
    velocities: Array


def read_restart(text: str) -> Cp2kRestart | None:
    """Return what a restart file of molecular dynamics holds, None if it is not whole."""
    # A thermostat has coordinates and velocities of its own, before those of the ions.
    ions = text[max(text.find("&SUBSYS"), 0) :]
    step, positions, velocities = _STEP.search(text), _POSITIONS.search(ions), _VELOCITIES.search(ions)
    if step is None or positions is None or velocities is None or _RESTART_END.search(text) is None:
        return None
    try:
        at, moving = (_vectors(match["rows"]) for match in (positions, velocities))
    except ValueError:
        return None
    if at.shape != moving.shape or at.shape[1:] != (3,) or not np.isfinite([at, moving]).all():
        return None
    return Cp2kRestart(int(step["step"]), at, VELOCITY_FROM_ATOMIC * moving)


def _vectors(rows: str) -> Array:
    # Of an atom its name comes first.
    words = [[word for word in line.split() if not word[0].isalpha()][:3] for line in rows.splitlines()]
    return np.array(words, dtype=np.float64)


def read_energies(text: str) -> dict[str, Array]:
    """Return the columns of ``PROJECT-1.ener`` by our names, energies in eV; what is no number is NaN.

    The total energy is that of the ions' motion and of the surface on which they move; the conserved one has that of
    the thermostat too.
    """
    rows = []
    for line in io.StringIO(text):
        words = line.split()
        if line.endswith("\n") and len(words) == 7 and words[0].isdigit():
            rows.append([int(words[0]), *map(number, words[2:6])])
    if not rows:
        return {}
    columns = {
        name: column * (ENERGY_UNITS["Hartree"] if name.endswith("energy") else 1.0)
        for name, column in zip(_COLUMNS, np.array(rows, dtype=np.float64).T, strict=True)
    }
    return {**columns, "total_energy": columns["kinetic_energy"] + columns["potential_energy"]}


class Cp2kMdParser(DynamicsParser):
    """Reads energies, checkpoint and trajectory of ab initio dynamics, and names what went wrong."""

    def part(self) -> tuple[str, ...]:
        """Return the files of the part of the trajectory that this job writes."""
        return part_files(self.start)

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        text = self.printed()
        output = read_cp2k_output(text)
        if output.version is None:
            return self.did_not_start()
        self.out("results", orm.Dict({"cp2k_version": output.version, "complete": output.complete}))
        # A field that the walltime cut off is told as one that did not converge.
        before, cut_off, _after = text.partition(_CUT_OFF)
        unconverged = before.count(UNCONVERGED)
        if unconverged:
            # What follows a wrong force is another trajectory: none of it is given out.
            return self.exit_codes.ERROR_SCF_NOT_CONVERGED.format(error=f"{unconverged} times")
        thermo = read_energies(self.text(ENERGIES_FILE))
        self._store_thermo(thermo)
        restart = self._store_restart(cut_off=bool(cut_off))
        failure = self._failure(output, thermo, restart)
        if failure is not None or self.settings.sampling_interval is None:
            return failure
        return self._store_trajectory()

    def _failure(self, output: Cp2kOutput, thermo: dict[str, Array], restart: Cp2kRestart | None) -> ExitCode | None:
        codes, total = self.exit_codes, self.settings.steps("duration")
        if self.has(full_disk.FILE):
            return codes.ERROR_OUT_OF_DISK
        if thermo:
            broken = ~np.all(np.isfinite(list(thermo.values())), axis=0)
            if broken.any():
                return codes.ERROR_NON_NUMERIC.format(when=f"step {thermo['step'][broken][0]:.0f}")
            if hot := self.explosion(thermo):
                return codes.ERROR_UNSTABLE.format(error=hot)
        if output.error is not None:
            if self.start is not None and START_FILE in output.error:
                return codes.ERROR_CHECKPOINT_MISSING.format(error=output.error)
            return codes.ERROR_CP2K.format(error=output.error)
        reached = restart.step if restart is not None else 0
        if output.out_of_walltime and reached < total:
            return codes.ERROR_OUT_OF_WALLTIME.format(step=int(thermo["step"][-1]) if thermo else reached, total=total)
        if not output.complete or restart is None or reached < total:
            return codes.ERROR_INTERRUPTED
        displaced = self._host_displacement(restart.positions)
        if displaced > self.settings.host_displacement_limit:
            return codes.ERROR_HOST_LATTICE_MOLTEN.format(
                error=f"it moved by {displaced:.2f} of its nearest-neighbour distance"
            )
        return None

    def _store_thermo(self, thermo: dict[str, Array]) -> None:
        if thermo:
            node = orm.ArrayData(thermo)
            node.base.attributes.set("units", _UNITS)
            self.out("thermo", node)

    def _store_restart(self, *, cut_off: bool) -> Cp2kRestart | None:
        """Store the last state that can be trusted: that of a step whose field was cut off cannot."""
        for file in CHECKPOINT_FILES[cut_off:]:
            restart = read_restart(self.text(file))
            if restart is None:
                continue
            self.store_checkpoint(file, restart.step)
            if restart.step == self.settings.steps("duration"):
                atoms = self.node.inputs.structure.get_ase()
                atoms.set_positions(restart.positions)
                self.store_structure(atoms)
                velocities = orm.ArrayData({"velocities": restart.velocities})
                velocities.base.attributes.set("units", {"velocities": "Å/ps"})
                self.out("velocities", velocities)
            return restart
        return None

    def _host_displacement(self, positions: Array) -> float:
        """Return how far the host came from where the stage began, in its nearest-neighbour distance."""
        atoms = self.node.inputs.structure.get_ase()
        host = host_of(atoms, self.settings.mobile)
        moved = np.einsum("n,inx->ix", host.weights, (positions - atoms.positions)[host.atoms])
        moved -= moved.mean(axis=0)
        return float(np.sqrt(np.mean(np.sum(moved**2, axis=1))) / host.spacing)

    def _store_trajectory(self) -> ExitCode | None:
        trajectory = self.trajectory(format="cp2k-xyz")
        missing = self._missing_frames() if trajectory is not None else "its files are not all there"
        if missing:
            return self.exit_codes.ERROR_MISSING_FRAMES.format(error=missing)
        self.out("trajectory", trajectory)
        return None

    def _missing_frames(self) -> str:
        """Return which frames are missing from the parts of the trajectory, in words; nothing if none is."""
        interval = self.settings.steps("sampling_interval")
        last_of_all = self.settings.steps("duration") // interval * interval
        found = {match["file"]: match for match in _COUNT.finditer(self.text(COUNTS_FILE))}
        reached: dict[str, int] = {}
        for file in self.parts():
            if file.endswith(".cell"):
                continue
            what = file.split("-")[1]
            if file not in found:
                return f"{file} is not there"
            count, first, last = (int(found[file][key]) for key in ("count", "first", "last"))
            if count == 0:
                continue
            if first > reached.get(what, -interval) + interval or count != (last - first) // interval + 1:
                return f"{file} holds {count} frames from step {first} to {last}, one every {interval} steps"
            reached[what] = last
        short = [what for what in ("pos", "vel", "frc") if reached.get(what) != last_of_all]
        return f"the last step of {', '.join(short)} is not {last_of_all}" if short else ""
