"""Runs of the crystal of polyanions."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import rotor_crystal

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.calculations.lammps import host_of
from aiida_superionic.calculations.lammps_script import START_FILE, lammps_script, trajectory_file
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.constraints.eckart import EckartFrame
from aiida_superionic.parsers.lammps_output import LammpsOutput, read_lammps_output


@dataclass
class Run:
    output: LammpsOutput
    folder: Path
    frames: list[EckartFrame]
    start: object
    timestep: float

    def trajectory(self, *before) -> Trajectory:
        files = [run.folder / trajectory_file(run.start) for run in (*before, self)]
        return read_trajectory(files, kinds=rotor_crystal.KINDS, md_timestep=self.timestep, mobile=rotor_crystal.MOBILE)


@pytest.fixture
def stage():
    """Return a maker of settings: 1 ps at 400 K, the second half of it microcanonical, unless said otherwise."""

    def make(mode=None, **changes):
        given = {
            "ensemble": "nve",
            "temperature": 400.0,
            "duration": 1.0,
            "langevin_duration": 0.5,
            "timestep": 0.0005,
            "thermo_interval": 0.05,
            "checkpoint_interval": 0.25,
            "mobile": rotor_crystal.MOBILE,
            "host_displacement_limit": 100.0,
            "constraint": mode and {"mode": mode},
            **changes,
        }
        return MdSettings.model_validate(given)

    return make


@pytest.fixture
def run_rotors(run_lammps, tmp_path):
    """Return a function that runs a stage of the crystal and reads what it left."""

    def run(
        name,
        settings,
        *,
        parent=None,
        start=None,
        until=None,
        ranks=None,
        wrap=False,
        failing=False,
        tether=0.0,
        bodies=None,
        **crystal,
    ):
        atoms, units = rotor_crystal.crystal(**crystal)
        field = rotor_crystal.potential(atoms, units, tether)
        if wrap:
            atoms.wrap()
        constraint = rotor_crystal.lammps_constraint(atoms, settings)
        if bodies is not None:
            constraint = replace(constraint, frames=bodies)
        kinds = rotor_crystal.KINDS
        script = lammps_script(
            settings,
            field,
            kinds,
            seed=11,
            host=host_of(atoms, rotor_crystal.MOBILE),
            constraint=constraint,
            start=start,
        )
        if until is not None:
            script = script[: script.index(until) + len(until)] + "\n"
        folder = tmp_path / name
        folder.mkdir()
        if start is not None:
            shutil.copy(parent.folder / start.file, folder / START_FILE)
        data = rotor_crystal.data_file(atoms, field, constraint)
        printed = run_lammps(script, {"structure.data": data}, folder, expect_success=not failing, ranks=ranks)
        frames = list(constraint.frames) if constraint else []
        return Run(read_lammps_output(printed), folder, frames, start, settings.timestep)

    return run
