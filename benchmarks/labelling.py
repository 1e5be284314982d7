"""Twenty frames of eight ions labelled in one job, and in twenty jobs one at a time.

By GFN1-xTB, where starting a job costs more than its frame, and by PBE in a single-zeta basis, where the frame does.

Run by ``verdi run benchmarks/labelling.py`` in a profile with the code ``cp2k@superionic-local``.
"""

import time

import numpy as np
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.workchains.label import LabelWorkChain

_FRAMES = 20
_LEVELS = ("xtb", "fast")
_WANTED = 1 / 3


def _dataset():
    rng = np.random.default_rng(0)
    atoms = bulk("LiI", "rocksalt", a=6.0, cubic=True)
    species = tuple(atoms.get_chemical_symbols())
    return Dataset(
        tuple(
            Frame(species, atoms.positions + rng.normal(0.0, 0.05, atoms.positions.shape), atoms.cell.array)
            for _ in range(_FRAMES)
        )
    )


def _label(dataset, level):
    """Return the wall time of labelling, that of CP2K in it, and the energies."""
    builder = LabelWorkChain.get_builder_from_protocol(
        orm.load_code("cp2k@superionic-local"), DatasetData(dataset), protocol=level, batch_size=_FRAMES
    )
    began = time.monotonic()
    node = run_get_node(builder)[1]
    if not node.is_finished_ok:
        raise SystemExit(node.exit_message)
    seconds = time.monotonic() - began
    (job,) = (job for job in node.called_descendants if isinstance(job, orm.CalcJobNode))
    usage = job.outputs.usage
    return seconds, usage["ended"] - usage["started"], [frame.energy for frame in node.outputs.dataset.dataset.frames]


def main():
    dataset = _dataset()
    for level in _LEVELS:
        batch, batch_cp2k, together = _label(dataset, level)
        singles = [_label(dataset.take([number]), level) for number in range(_FRAMES)]
        alone, alone_cp2k = (sum(single[k] for single in singles) for k in (0, 1))
        difference = np.abs(np.array(together) - [energy for *_, (energy,) in singles]).max()
        print(f"{level}: {_FRAMES} frames in one job {batch:.1f} s, in {_FRAMES} jobs {alone:.1f} s: ", end="")
        print(f"{batch / alone:.2f} of it (wanted at most {_WANTED:.2f}: ", end="")
        print("reached)" if batch <= _WANTED * alone else "missed)")
        print(f"  of these CP2K ran {batch_cp2k:.1f} s and {alone_cp2k:.1f} s: {batch_cp2k / alone_cp2k:.2f} of it")
        print(f"  the energies differ by at most {1e3 * difference:.3f} meV")


if __name__ == "__main__":
    main()
