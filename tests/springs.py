"""Frames of which any network learns something at once, and the smallest network of NequIP."""

from dataclasses import replace

import numpy as np

from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

TINY_NETWORK = {
    "cutoff": 3.5,
    "layers": 1,
    "features": 2,
    "max_degree": 1,
    "parity": False,
    "radial_width": 4,
    "batch": 2,
    "force_target": None,
}


def springs():
    """Return 8 frames to learn from and 4 to validate with, of 4 ions of α-AgI, each pulled back to its place."""
    atoms = make_supercell(materials()["alpha-AgI"], (1, 1, 1), 1)
    rng = np.random.default_rng(1)
    frames = []
    for number in range(12):
        away = rng.normal(scale=0.2, size=(len(atoms), 3))
        frame = Frame(
            tuple(atoms.get_chemical_symbols()),
            atoms.positions + away,
            np.array(atoms.cell),
            float(np.sum(away**2)),
            -2.0 * away,
            np.zeros((3, 3)),
        )
        frames.append(replace(frame, subset="train" if number < 8 else "validation"))
    return Dataset(tuple(frames), "springs")
