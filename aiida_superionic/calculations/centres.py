"""Ions and their Wannier centres, joined from the jobs that computed them."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_superionic.analysis.trajectory import CENTRE
from aiida_superionic.calculations.frames import described, make_trajectory

_ELECTRONS = 2
"""In the orbital of each centre."""


@calcfunction
def first_structure(frames: orm.TrajectoryData) -> orm.StructureData:
    """Return the first frame."""
    return frames.get_step_structure(0)


@calcfunction
def join_centres(frames: orm.TrajectoryData, numbers: orm.Dict, **batches: orm.ArrayData) -> dict[str, orm.Data]:
    """Return ``trajectory``, the ions and then their centres as species ``X``, and ``dipoles`` of electrons.

    ``numbers`` holds by the name of each batch the numbers that its frames have in all. Frames that no batch holds the
    centres of are left out; the others keep their times.
    """
    names = sorted(batches)
    parts = [batches[name] for name in names]
    ions = parts[0].get_array("ions")
    if any(not np.array_equal(part.get_array("ions"), ions) for part in parts):
        raise ValueError("the centres of one batch belong to other ions than those of another")
    kept = np.concatenate([np.array(numbers[name])[batches[name].get_array("index")] for name in names])
    order = np.argsort(kept)
    kept, centres = kept[order], np.concatenate([part.get_array("centres") for part in parts])[order]
    positions, times = frames.get_positions()[kept], frames.get_times()
    known = described(frames)
    joined = make_trajectory(
        [*frames.symbols, *[CENTRE] * len(ions)],
        np.concatenate((positions, centres), axis=1),
        frames.get_cells()[kept],
        times=kept * known["sampling_interval"] if times is None else times[kept],
    )
    joined.base.attributes.set_many(known)
    owned = np.equal.outer(np.arange(positions.shape[1]), ions).astype(np.float64)
    moments = -_ELECTRONS * np.einsum("nm,tmx->tnx", owned, centres - positions[:, ions])
    dipoles = orm.ArrayData({"index": kept, "dipoles": moments})
    dipoles.base.attributes.set("units", {"dipoles": "e Å"})
    dipoles.base.attributes.set("symbols", list(frames.symbols))
    return {"trajectory": joined, "dipoles": dipoles}
