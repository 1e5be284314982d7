"""Potentials beside a reference, as nodes."""

from __future__ import annotations

from dataclasses import asdict

from aiida import orm
from aiida.engine import calcfunction

from aiida_superionic.analysis.fidelity import REFERENCE, Run, compare_with_reference
from aiida_superionic.analysis.mode_comparison import kelvin
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.curves import curves_node, curves_of, surfaces_of
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.learning.errors import force_errors

OBSERVABLES, CURVES, LABELS = "observables_{number:04d}", "curves_{number:04d}", "labels_{number:04d}_{side}"
"""Names of the nodes of the runs and of the labelled frames."""


@calcfunction
def compare_runs(
    runs: orm.List, temperatures: orm.List, **nodes: orm.Dict | orm.ArrayData | DatasetData
) -> dict[str, orm.Data]:
    """Compare the observables and the forces of potentials with those of a reference.

    Parameters
    ----------
    runs
        The side and the temperature in K of each run: :data:`~aiida_superionic.analysis.fidelity.REFERENCE`, or the
        name of a potential.
    temperatures
        In K, of the frames on which forces are compared.
    nodes
        Of each run, by its number, its ``observables_0000`` and ``curves_0000``. By the number of the temperature, the
        same frames ``labels_0000_SIDE`` with the labels of each side, where forces are compared.

    Returns
    -------
    dict
        ``observables`` and ``curves`` of :func:`~aiida_superionic.analysis.fidelity.compare_with_reference`, and
        root mean square errors of forces ``force_error_SIDE_600K``, of all atoms, and ``force_error_X_SIDE_600K``;
        ``report``: the ``frames`` of each temperature, and ``warnings``.
    """
    found = compare_with_reference(
        _run(str(side), float(temperature), *(nodes[key.format(number=number)] for key in (OBSERVABLES, CURVES)))
        for number, (side, temperature) in enumerate(runs.get_list())
    )
    frames = {}
    for number, temperature in enumerate(temperatures.get_list()):
        begin = LABELS.format(number=number, side="")
        labelled = {
            key.removeprefix(begin): node.dataset.frames for key, node in nodes.items() if key.startswith(begin)
        }
        if not labelled:
            continue
        true = labelled.pop(REFERENCE)
        frames[kelvin(temperature)] = len(true)
        for side, predicted in labelled.items():
            for kind, error in force_errors(true, predicted).items():
                of = "" if kind == "all" else f"_{kind}"
                found.scalars[f"force_error{of}_{side}_{kelvin(temperature)}"] = error
    return {
        "observables": orm.Dict({name: asdict(scalar) for name, scalar in found.scalars.items()}),
        "curves": curves_node(found.curves),
        "report": orm.Dict({"frames": frames, "warnings": found.warnings}),
    }


def _run(side: str, temperature: float, observables: orm.Dict, curves: orm.ArrayData) -> Run:
    scalars = {name: Scalar(**told) for name, told in observables.get_dict().items()}
    return Run(side, temperature, scalars, {**curves_of(curves), **surfaces_of(curves)})
