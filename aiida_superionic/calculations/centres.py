"""Ions and their Wannier centres, joined from the jobs that computed them."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_superionic.analysis.trajectory import CENTRE
from aiida_superionic.calculations.frames import make_trajectory

_ELECTRONS = 2
"""In the orbital of each centre."""


@calcfunction
def first_structure(frames: orm.TrajectoryData) -> orm.StructureData:
    """Return the first frame."""
    return frames.get_step_structure(0)


@calcfunction
def join_centres(frames: orm.TrajectoryData, **batches: orm.ArrayData) -> dict[str, orm.Data]:
    """Return ``trajectory``, the ions and then their centres as species ``X``, and ``dipoles`` of electrons.

    The batches hold the frames one after the other in the order of their names, and all of them.
    """
    parts = [batches[name] for name in sorted(batches)]
    ions = parts[0].get_array("ions")
    centres = np.concatenate([part.get_array("centres") for part in parts])
    positions = frames.get_positions()
    if len(centres) != len(positions) or any(not np.array_equal(part.get_array("ions"), ions) for part in parts):
        raise ValueError(f"{len(centres)} frames have centres where there are {len(positions)}")
    joined = make_trajectory(
        [*frames.symbols, *[CENTRE] * len(ions)], np.concatenate((positions, centres), axis=1), frames.get_cells()
    )
    known = frames.base.attributes.all
    joined.base.attributes.set_many(
        {key: known[key] for key in ("mobile", "formal_charges", "sampling_interval") if key in known}
    )
    owned = np.equal.outer(np.arange(positions.shape[1]), ions).astype(np.float64)
    moments = -_ELECTRONS * np.einsum("nm,tmx->tnx", owned, centres - positions[:, ions])
    dipoles = orm.ArrayData({"dipoles": moments})
    dipoles.base.attributes.set("units", {"dipoles": "e Å"})
    dipoles.base.attributes.set("symbols", list(frames.symbols))
    return {"trajectory": joined, "dipoles": dipoles}
