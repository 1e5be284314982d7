"""An ion that moves through silicon: force constants from LAMMPS, motion in time-local form and in full.

``python examples/real_crystal.py FOLDER`` writes LAMMPS' files and the crystal into a new folder; it takes a minute or
two. The crystal is that of Stillinger and Weber's potential. The ion is not a real one: it has the mass of
potassium and repels silicon by a screened Coulomb energy, from which a barrier of a tenth of an eV follows.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import bulk

from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.datasets.frame import Frame
from aiida_superionic.datasets.lammps_files import data_text, turned
from aiida_superionic.engines.catalogue import engines
from aiida_superionic.engines.installation import default_prefix, find
from aiida_superionic.lattice.barrier import static_barrier
from aiida_superionic.lattice.crystal_file import write_crystal
from aiida_superionic.lattice.force_constants import crystal_of
from aiida_superionic.lattice.interactions import Yukawa
from aiida_superionic.lattice.lammps import read_lammps
from aiida_superionic.lattice.request import DiffusionRequest
from aiida_superionic.lattice.run import run_diffusion
from aiida_superionic.units import BOLTZMANN

SUPERCELL = (4, 4, 4)
STRENGTH, SCREENING, MASS = 15.0, 0.5, 39.1
TETRAHEDRAL, HEXAGONAL = (0.5, 0.5, 0.5), (0.625, 0.625, 0.625)
TEMPERATURES = 600.0, 1000.0

# F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), as LAMMPS reads it.
POTENTIAL = "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"
SCRIPT = """\
units metal
atom_style atomic
atom_modify map array sort 0 0
read_data silicon.data
pair_style sw
pair_coeff * * Si.sw Si
dynamical_matrix all eskm 1e-5 file dynamical.dat
"""


def dynamical_matrix(folder):
    """Let LAMMPS differentiate the forces in a supercell of silicon's primitive cell."""
    atoms = bulk("Si", "diamond", a=5.431).repeat(SUPERCELL)
    frame, _ = turned(Frame(tuple(atoms.get_chemical_symbols()), atoms.positions, np.array(atoms.cell)))
    (folder / "silicon.data").write_text(data_text(frame, ["Si"]), encoding="utf-8")
    (folder / "Si.sw").write_text(POTENTIAL, encoding="utf-8")
    (folder / "input.in").write_text(SCRIPT, encoding="utf-8")
    lammps = find(engines()["lammps"], default_prefix())[0].executable
    command = [str(lammps), "-in", "input.in", "-log", "none"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def diffusion(file, temperature, **changes):
    """Return D in cm²/s with its error, and the ion's kinetic temperature in K."""
    request = {
        "crystal": {"file": file},
        "interaction": {"yukawa": {"strength": STRENGTH, "screening": SCREENING}},
        "ion_mass": MASS,
        "species": "K",
        "site": TETRAHEDRAL,
        "cells": (20, 20, 20),
        "temperature": temperature,
        "statistics": "classical",
        "ions": 32,
        "timestep": 0.005,
        "equilibration": 10.0,
        "production": 100.0,
        "segment": 10.0,
        "fit_start": 2.0,
        **changes,
    }
    result = run_diffusion(DiffusionRequest.model_validate(request)).scalars
    found = result["diffusion_coefficient_K"]
    if found.value is None:
        raise NotConverged(f"the run gives D < {found.upper_bound:.2g} cm²/s only")
    return found.value, found.error, result["temperature"].value


def in_words(value, error, kinetic):
    """Return a diffusion coefficient and a kinetic temperature as text."""
    return f"D = ({value * 1e5:.2f} ± {error * 1e5:.2f})e-5 cm²/s, ion at {kinetic:.0f} K"


def main(folder):
    """Print what is found."""
    folder.mkdir(parents=True)
    dynamical_matrix(folder)
    crystal, restored = crystal_of(read_lammps(folder / "dynamical.dat", folder / "silicon.data", SUPERCELL))
    write_crystal(folder / "silicon.npz", crystal)
    momenta = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    for name, frequencies in zip("ΓX", crystal.frequencies(momenta) / (2.0 * np.pi), strict=True):
        print(f"{name}: {' '.join(f'{x:.2f}' for x in frequencies)} THz")
    print(f"couplings to {len(crystal.cells)} cells; acoustic sum rule missed by {restored.sum_rule:.1g}")
    barrier = static_barrier(crystal, Yukawa(STRENGTH, SCREENING), 1, TETRAHEDRAL, HEXAGONAL)
    print(
        f"barrier: {barrier['unrelaxed']:.3f} eV in a stiff crystal, {barrier['relaxed']:.3f} eV in one that gives way"
    )
    values = []
    for temperature in TEMPERATURES:
        value, error, kinetic = diffusion(folder / "silicon.npz", temperature)
        values.append((value, error))
        print(f"time-local, {temperature:g} K: {in_words(value, error, kinetic)}")
    inverse = [1.0 / (BOLTZMANN * t) for t in TEMPERATURES]
    slope = np.log(values[1][0] / values[0][0]) / (inverse[0] - inverse[1])
    error = np.hypot(values[0][1] / values[0][0], values[1][1] / values[1][0]) / (inverse[0] - inverse[1])
    print(f"activation energy: {slope:.3f} ± {error:.3f} eV")
    hot = TEMPERATURES[1]
    value, error, kinetic = diffusion(
        folder / "silicon.npz", hot, equations="full", cells=(10, 10, 10), ions=24, equilibration=5.0, production=60.0
    )
    print(f"in full, {hot:g} K: {in_words(value, error, kinetic)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
