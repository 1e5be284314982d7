"""Frames that a teacher labels: the classical force field of α-AgI, in runs of 32 ions at three temperatures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.analysis.trajectory import CENTRE, Trajectory
from aiida_superionic.calculations.lammps import data_file
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning.fit import fit_pod
from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.potentials.pod import PodBasis
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.units import PRESSURE_UNITS

_PRESSURES = ("pxx", "pyy", "pzz", "pxy", "pxz", "pyz")
_SPACING = 100
_FRAMES = 80


@pytest.fixture(scope="session")
def teacher_frames(run_lammps, tmp_path_factory):
    """Return 80 labelled frames, 0.2 ps apart, of 300, 750 and 1200 K, by the temperature."""
    folder = tmp_path_factory.mktemp("teacher")
    atoms = make_supercell(materials()["alpha-AgI"], (2, 2, 2), 1)
    teacher = parse_potential(potentials()["vashishta-rahman"]).lammps(["Ag", "I"], len(atoms))
    script = ["units metal", "atom_style charge", "read_data structure.data", *teacher.commands]
    script += ["timestep 0.002", "velocity all create 600 1 mom yes dist gaussian", "variable energy equal pe"]
    script += ["compute virial all pressure NULL virial"]
    script += [f"variable {name} equal c_virial[{k}]" for k, name in enumerate(_PRESSURES, start=1)]
    printed = " ".join(f"${{{name}}}" for name in ("energy", *_PRESSURES))
    for temperature in (300, 750, 1200):
        script += [
            f"fix ensemble all langevin {temperature} {temperature} 0.1 7",
            "fix move all nve",
            "run 1000",
            "unfix move",
            "unfix ensemble",
            f"fix ensemble all nvt temp {temperature} {temperature} 0.1",
            f"dump frames all custom {_SPACING} {temperature}.dump id xu yu zu fx fy fz",
            'dump_modify frames sort id first no format float "%.17g"',
            f'fix energies all print {_SPACING} "{printed}" file {temperature}.energies title "" screen no',
            f"run {_FRAMES * _SPACING}",
            "undump frames",
            "unfix energies",
            "unfix ensemble",
        ]
    data = data_file(atoms, ["Ag", "I"], teacher.charges, "charge")
    run_lammps("\n".join(script) + "\n", {**teacher.files, "structure.data": data}, folder)
    species = tuple(atoms.get_chemical_symbols())
    return {
        temperature: [
            Frame(species, rows[:, 1:4], np.array(atoms.cell), energy, rows[:, 4:], _stress(*bars), temperature)
            for rows, (energy, *bars) in zip(
                _dumped(folder / f"{temperature}.dump", len(atoms))[-_FRAMES:],
                np.loadtxt(folder / f"{temperature}.energies")[-_FRAMES:],
                strict=True,
            )
        ]
        for temperature in (300, 750, 1200)
    }


def _stress(xx, yy, zz, xy, xz, yz):
    return -PRESSURE_UNITS["bar"] * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _dumped(path, n_atoms):
    lines = path.read_text().splitlines()
    atoms = [line.split() for i, line in enumerate(lines) if i % (n_atoms + 9) >= 9]
    return np.array(atoms, dtype=float).reshape(-1, n_atoms, 7)


@pytest.fixture(scope="session")
def small_basis():
    """Return a basis that is learned in a second, of 122 descriptors."""
    return PodBasis(
        species=("Ag", "I"),
        cutoff=5.5,
        bessel_degree=3,
        inverse_degree=6,
        two_body_functions=6,
        three_body_functions=4,
        three_body_angular_degree=3,
    )


@pytest.fixture(scope="session")
def divided(teacher_frames):
    """Return 24 frames of 300 and 750 K to learn from, 40 to calibrate the error by, and 136 of all to test with."""
    sizes = {300: (12, 20, 48), 750: (12, 20, 48), 1200: (0, 0, 40)}
    rng = np.random.default_rng(5)
    frames = []
    for temperature, of_subset in sizes.items():
        names = np.repeat(["train", "validation", "test"], of_subset)
        drawn = rng.permutation(len(teacher_frames[temperature]))[: len(names)]
        frames += [
            replace(teacher_frames[temperature][number], subset=str(name))
            for number, name in zip(drawn, names, strict=True)
        ]
    return Dataset(tuple(frames), "Vashishta-Rahman")


@pytest.fixture(scope="session")
def fit(divided, small_basis, lammps_executable, tmp_path_factory):
    """Return what is learned from the frames."""
    return fit_pod(divided, small_basis, Path(lammps_executable), tmp_path_factory.mktemp("fit") / "run")


@pytest.fixture
def fit_code(own_code):
    return own_code("fit")


@pytest.fixture(scope="session")
def iodide_centres():
    """Return 100 real frames of α-AgI with the Wannier centres that CP2K gave them, 10 fs apart."""
    with np.load(Path(__file__).parents[1] / "fixtures" / "cp2k" / "agi32_xtb_750K.npz") as arrays:
        positions, cell = arrays["positions"].astype(np.float64), arrays["cell"]
    species = ("Ag",) * 16 + ("I",) * 16 + (CENTRE,) * 144
    return Trajectory(species, positions, cell, 0.01, np.ones(len(species)), mobile=("Ag",))


@pytest.fixture
def changed_lammps(lammps_installation, computer, tmp_path):
    """Return a maker of a LAMMPS whose output, or whose folder, is changed by a command of the shell."""

    def make(name, command):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\n"{lammps_installation.executable}" "$@" {command}\n')
        script.chmod(0o755)
        path = f"export PATH={lammps_installation.executable.parent}:$PATH"
        return orm.InstalledCode(
            label=name, computer=computer, filepath_executable=str(script), prepend_text=path, with_mpi=False
        ).store()

    return make
