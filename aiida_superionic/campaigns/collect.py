"""The results of a campaign's points, read from the graph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiida import orm

from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.campaigns.attempts import PointStatus, State
from aiida_superionic.campaigns.keys import PADDLEWHEEL
from aiida_superionic.campaigns.results import PointResult
from aiida_superionic.campaigns.sides import sides_of

_ENGINES = {"LAMMPS": "lammps_version", "CP2K": "cp2k_version"}


def collect_results(statuses: Sequence[PointStatus], *, with_curves: bool = True) -> list[PointResult]:
    """Return the results of points, in the given order; of models side by side, those of each side.

    Parameters
    ----------
    statuses
        The points and the attempt that counts for each.
    with_curves
        Whether to read the curves and surfaces too, which takes a file per point.
    """
    finished = [status.attempt.pk for status in statuses if status.attempt and status.state is State.FINISHED]
    # As text: AiiDA would look at every number in it for something to convert.
    texts = _outputs(finished, "observables", orm.Dict, {"attributes": {"cast": "t"}})
    observables = {pk: json.loads(text) for pk, text in texts.items()}
    curves = _outputs(finished, "curves", orm.ArrayData, "*") if with_curves else {}
    results = [
        PointResult(
            label=status.specification.label,
            specification=status.specification.model_dump(mode="json"),
            uuid=status.attempt.uuid if status.attempt else None,
            pk=status.attempt.pk if status.attempt else None,
            state=str(status.state),
            message=status.attempt.message if status.attempt else "",
            observables=observables.get(status.attempt.pk, {}) if status.attempt else {},
            curves=curves_of(curves[status.attempt.pk]) if status.attempt and status.attempt.pk in curves else {},
            surfaces=surfaces_of(curves[status.attempt.pk]) if status.attempt and status.attempt.pk in curves else {},
            provenance=_provenance(status.attempt.pk) if with_curves and status.attempt else {},
        )
        for status in statuses
    ]
    return [side for result in results for side in _sides(result, with_curves)]


def _sides(result: PointResult, with_curves: bool) -> list[PointResult]:
    if result.specification["engine"] != PADDLEWHEEL or result.state != State.FINISHED:
        return [result]
    return list(sides_of(result, with_curves=with_curves))


def _outputs(pks: Sequence[int], label: str, kind: type[orm.Data], projection: Any) -> dict[int, Any]:
    if not pks:
        return {}
    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(pks)}}, project="id", tag="attempt")
    query.append(kind, with_incoming="attempt", edge_filters={"label": label}, project=[projection])
    return dict(query.all())


def _provenance(pk: int) -> dict[str, str]:
    """Return the versions and the nodes behind the numbers of one attempt."""
    workchain = orm.load_node(pk)
    outputs, inputs = workchain.outputs, workchain.inputs
    found = {"point": inputs.point.uuid}
    if "lattice" in inputs:
        found["parameters"] = inputs.lattice.parameters.uuid
    elif "potentials" in inputs:
        found |= {"structure": inputs.structure.uuid, **{name: node.uuid for name, node in inputs.potentials.items()}}
    else:
        found["structure"] = inputs.md.structure.uuid
        if "potential" in inputs.md:
            found["potential"] = inputs.md.potential.uuid
        else:
            found["level of theory"] = inputs.md.production.cp2k.level.uuid
    for name in ("trajectory", "thermo", "observables", "curves"):
        if name in outputs:
            found[name] = outputs[name].uuid
    if "results" in outputs:
        told = outputs.results.get_dict()
        found |= {name: told[key] for name, key in _ENGINES.items() if key in told}
    if "report" in outputs:
        report = outputs.report.get_dict()
        found.update({"aiida-superionic": report["version"], "Python": report["python"], "NumPy": report["numpy"]})
    return found
