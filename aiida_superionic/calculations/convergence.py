"""How far forces are from those of the finest setting."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

UNITS = {
    "largest_force_change": "eV/Å",
    "rms_force_change": "eV/Å",
    "energy_per_atom": "eV",
    "stress": "eV/Å^3",
    "cpu_seconds": "s",
}


@calcfunction
def compare_settings(setting: orm.Str, values: orm.List, **jobs: orm.Data) -> orm.Dict:
    """Compare labels of one structure at several values of one setting, from the coarsest to the finest.

    Parameters
    ----------
    setting
        Its name.
    values
        From the coarsest to the finest.
    jobs
        ``labels_000``, ``labels_001``, ... in the order of the values, and ``usage_000``, ... where a job told it.

    Returns
    -------
    table
        ``setting``, ``units``, the ``largest_force`` of the finest value, and ``rows``: of each value the largest
        change of the force on an atom against the finest value and its root mean square over atoms, the energy per
        atom, the stress and the CPU seconds.
    """
    labels = [jobs[f"labels_{k:03d}"] for k in range(len(values))]
    forces = [node.get_array("forces")[0] for node in labels]
    rows: list[dict[str, Any]] = []
    for k, (value, node) in enumerate(zip(values, labels, strict=True)):
        change = np.linalg.norm(forces[k] - forces[-1], axis=1)
        stress = node.get_array("stress")[0].tolist() if "stress" in node.get_arraynames() else None
        cost = jobs.get(f"usage_{k:03d}")
        rows.append(
            {
                "value": value,
                "largest_force_change": float(change.max()),
                "rms_force_change": float(np.sqrt(np.mean(change**2))),
                "energy_per_atom": float(node.get_array("energies")[0]) / len(change),
                "stress": stress,
                "cpu_seconds": cost["cpu_seconds"] if cost is not None else None,
            }
        )
    largest = float(np.linalg.norm(forces[-1], axis=1).max())
    return orm.Dict({"setting": setting.value, "largest_force": largest, "rows": rows, "units": UNITS})


def first_converged(changes: list[float], tolerance: float) -> int | None:
    """Return the first of the values from which on none changes the forces by more than a tolerance.

    Parameters
    ----------
    changes
        Against the finest value, from the coarsest to the finest, whose own is zero.
    tolerance
        In the unit of the changes.

    Returns
    -------
    index
        None where it would be the finest, of which nothing is known.
    """
    above = [k for k, change in enumerate(changes) if change > tolerance]
    first = above[-1] + 1 if above else 0
    return first if first < len(changes) - 1 else None
