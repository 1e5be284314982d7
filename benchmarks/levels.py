"""Tell what CP2K's GFN1-xTB and PBE are worth in ionic crystals.

Runs ``python benchmarks/levels.py CP2K PYTHON``, with CP2K's executable and a Python that has tblite, which is another
program for GFN1-xTB: charges and forces by either stand side by side. Forces on sodium by PBE are computed on finer and
finer grids, with nine valence electrons and with one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from aiida_cp2k.utils import Cp2kInput
from ase import Atoms
from ase.io import write

from aiida_superionic.calculations.cp2k_input import make_request, single_point, with_printing
from aiida_superionic.parsers.cp2k_frames import read_frames
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.workchains.dft import level_of_theory

CRYSTALS = {
    "alpha-AgI": (2, 2, 2),
    "Li10GeP2S12": (1, 1, 1),
    "hexagonal-LiBH4": (2, 2, 2),
    "tetragonal-Na3SbS4": (1, 1, 1),
}
GRIDS = (200.0, 300.0, 400.0, 600.0, 800.0)
"""Ry."""
ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}
VALENCE = {"S": 6, "Sb": 5}
SODIUM = {"nine electrons": ("SZV-MOLOPT-SR-GTH-q9", "GTH-PBE-q9"), "one": ("TZVP-MOLOPT-PBE-GTH-q1", "GTH-PBE-q1")}


def displaced(material: str, supercell: tuple[int, int, int], distance: float) -> Atoms:
    """Return a supercell whose atoms are displaced, with a standard deviation in Å."""
    atoms = make_supercell(materials()[material], supercell, 1)
    atoms.rattle(distance, seed=1)
    return atoms


def by_cp2k(executable: str, atoms: Atoms, parameters: dict) -> dict[str, np.ndarray]:
    """Return energy, forces and charges of a frame."""
    species = atoms.get_chemical_symbols()
    asked = single_point(parameters)
    rendered = Cp2kInput(with_printing(asked))
    rendered.add_keyword("GLOBAL/PROJECT", "aiida")
    for letter, vector in zip("ABC", atoms.cell, strict=True):
        rendered.add_keyword(f"FORCE_EVAL/SUBSYS/CELL/{letter}", " ".join(f"{x:.16f}" for x in vector))
    rendered.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_NAME", "frame.xyz")
    rendered.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_FORMAT", "XYZ")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.inp").write_text(rendered.render())
        write(folder / "frame.xyz", atoms, format="xyz", fmt="%.16f")
        command = [executable, "-i", "job.inp"]
        printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=ALONE).stdout
        files = {path.name: path.read_text(errors="replace") for path in folder.iterdir()}
    request = make_request(asked, species, atoms.positions[None], atoms.cell.array[None])
    frames = read_frames(files, printed, request)
    if frames.failures:
        raise SystemExit(f"CP2K: {frames.failures[0]}")
    return {key: array[0] for key, array in frames.labels.items()}


def by_tblite(python: str, atoms: Atoms) -> dict[str, np.ndarray]:
    """Return charges and forces of a frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.extxyz")
        write(path, atoms, format="extxyz")
        script = Path(__file__).with_name("tblite_labels.py")
        command = [python, str(script), str(path)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, env=ALONE).stdout
    return {key: np.array(values) for key, values in json.loads(printed.splitlines()[-1]).items()}


def rms(array: np.ndarray) -> float:
    """Return the root mean square in meV/Å of forces in eV/Å."""
    return 1e3 * float(np.sqrt(np.mean(array**2)))


def compare_xtb(executable: str, python: str) -> None:
    """Print charges and forces of either program."""
    print("GFN1-xTB, ions displaced by 0.05 Å: charge by CP2K and tblite; forces, and by how much they differ, meV/Å")
    for material, supercell in CRYSTALS.items():
        atoms = displaced(material, supercell, 0.05)
        ours, theirs = by_cp2k(executable, atoms, level_of_theory("xtb").parameters), by_tblite(python, atoms)
        symbols = np.array(atoms.get_chemical_symbols())
        for kind in sorted(set(symbols)):
            of = symbols == kind
            charges = [one[of].mean() for one in (ours["charges_mulliken"], theirs["charges"])]
            print(
                f"  {material:20} {kind:2}  {charges[0]:6.2f} {charges[1]:6.2f}"
                f"  {rms(theirs['forces'][of]):7.0f} {rms(ours['forces'][of] - theirs['forces'][of]):7.0f}",
                flush=True,
            )


def compare_grids(executable: str) -> None:
    """Print how forces on sodium change with the grid."""
    atoms = displaced("tetragonal-Na3SbS4", (1, 1, 1), 0.1)
    sodium = np.array(atoms.get_chemical_symbols()) == "Na"
    print("PBE, SZV-MOLOPT-SR-GTH, Na3SbS4, ions displaced by 0.1 Å: forces on Na, meV/Å")
    for name, (basis, pseudopotential) in SODIUM.items():
        before = None
        for cutoff in GRIDS:
            parameters = level_of_theory("fast", {"cutoff": cutoff, "relative_cutoff": 60.0}).parameters
            dft = parameters["FORCE_EVAL"]["DFT"]
            dft["BASIS_SET_FILE_NAME"] = ["BASIS_MOLOPT", "BASIS_MOLOPT_UZH"]
            dft["POTENTIAL_FILE_NAME"] = "POTENTIAL_UZH" if pseudopotential.endswith("q1") else "GTH_POTENTIALS"
            kinds = [{"_": "Na", "BASIS_SET": basis, "POTENTIAL": pseudopotential}]
            kinds += [
                {"_": kind, "BASIS_SET": f"SZV-MOLOPT-SR-GTH-q{n}", "POTENTIAL": f"GTH-PBE-q{n}"}
                for kind, n in VALENCE.items()
            ]
            parameters["FORCE_EVAL"]["SUBSYS"] = {"KIND": kinds}
            forces = by_cp2k(executable, atoms, parameters)["forces"]
            change = "" if before is None else f", {rms((forces - before)[sodium]):7.1f} from the grid before"
            print(
                f"  {name:15} {cutoff:4.0f} Ry: sum {1e3 * np.abs(forces.sum(axis=0)).max():7.1f}{change}", flush=True
            )
            before = forces


if __name__ == "__main__":
    compare_xtb(*sys.argv[1:3])
    compare_grids(sys.argv[1])
