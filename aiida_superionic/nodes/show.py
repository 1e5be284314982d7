"""What a node of ours is, in a short table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiida import orm
from rich.table import Column, Table
from rich.text import Text

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.training_results import summarise_training
from aiida_superionic.data.contents import NodeError
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.datasets import SUBSETS
from aiida_superionic.datasets.duplicates import duplicates
from aiida_superionic.learning.errors import UNITS as ERROR_UNITS
from aiida_superionic.nodes.asked import asked_of, inputs_of, named
from aiida_superionic.nodes.facts import SETTINGS, Facts, data_facts, entry_point, kind_of, process_facts, version_told
from aiida_superionic.nodes.lookup import attempt_at
from aiida_superionic.nodes.numbers import numbers_of, title_of
from aiida_superionic.nodes.tree import fact_text
from aiida_superionic.potentials import Potential
from aiida_superionic.report.formatting import measurement
from aiida_superionic.report.table import column_title

_DATA = (DatasetData, PointData, PotentialData, TrajectoryData, orm.StructureData)
_OURS = "superionic."
_TECHNICAL = ("clean_workdir", "max_iterations", "version", "remote_folder", "remote_stash", "retrieved", "usage")
"""Inputs and outputs that are no part of the science."""
_STAGE = re.compile(r"(\.(lammps|cp2k))?\.(parameters|settings)$")
"""The end of the names of parameters that are known by the stage or the job which they are of."""
_LONGEST = 400
"""Letters of a fact; a list of some hundred numbers says nothing to a person."""


def tables_of(node: orm.Node) -> Iterator[Table]:
    """Yield what a node is, and its numbers where it has any.

    Raises
    ------
    NodeError
        If the node is none of ours.
    """
    yield _table(rows_of(node))
    if numbers := _numbers(node):
        table = Table(Column("quantity", overflow="fold"), Column("value", justify="right", overflow="fold"))
        for name, scalar in numbers.items():
            table.add_row(column_title(name, scalar.unit), measurement(scalar))
        yield table


def rows_of(node: orm.Node) -> dict[str, str]:
    """Return what a node is, in words by what is said."""
    rows = {"node": " ".join(filter(None, [str(node.pk), node.uuid, node.label]))}
    if isinstance(node, orm.ProcessNode) and _is_ours(node):
        return rows | _process(node)
    if isinstance(node, DatasetData):
        return rows | _dataset(node)
    if not isinstance(node, _DATA):
        raise NodeError(f"{title_of(node)} is none of ours; look at it with: verdi node show {node.pk}")
    rows["what"] = kind_of(node).words
    if isinstance(node, PointData):
        rows |= _point(node)
    facts = data_facts(node)
    if isinstance(node, PotentialData):
        potential = node.potential
        facts = {"description": potential.description, **facts, **_hyperparameters(potential)}
    rows |= {name.replace("_", " "): _short(name, value) for name, value in facts.items()}
    if node.creator is not None:
        rows["made by"] = f"{kind_of(node.creator).words} {node.creator.pk}"
    return rows


def _process(node: orm.ProcessNode) -> dict[str, str]:
    summary = inspect.getdoc(node.process_class) if isinstance(node, orm.WorkChainNode) else kind_of(node).words
    rows = {"what": f"{node.process_label}: {(summary or '').partition(chr(10))[0]}", "state": _state(node)}
    given = inputs_of(node)
    told = {name: one for name, one in given.items() if not isinstance(one, (*SETTINGS, orm.AbstractCode, PointData))}
    facts: Facts = asked_of(node)
    if isinstance(node, orm.CalcJobNode):
        put_out = {link.link_label: link.node for link in node.base.links.get_outgoing(node_class=orm.Data).all()}
        facts = process_facts(node, given, put_out, version_told(put_out))
    else:
        codes = dict.fromkeys(one.full_label for one in given.values() if isinstance(one, orm.AbstractCode))
        facts = {**facts, "codes": list(codes)}
    rows |= {name: named(one) for name, one in told.items()}
    for name, value in facts.items():
        if value not in (None, "", [], {}) and (name == "version" or name.rpartition(".")[2] not in _TECHNICAL):
            rows.setdefault(_STAGE.sub("", name).replace("_", " "), _short(name, value))
    rows["gave"] = ", ".join(
        f"{link.link_label.replace('__', '.')} {link.node.pk}"
        for link in node.base.links.get_outgoing(node_class=orm.Data).all()
        if link.link_label not in _TECHNICAL
    )
    return {name: text for name, text in rows.items() if text}


def _state(node: orm.ProcessNode) -> str:
    state = node.process_state.value if node.process_state else "never begun"
    if not node.is_finished:
        raised = (node.exception or "").strip().rpartition("\n")[2]
        return f"{state}: {raised}" if raised else str(state)
    ended = "" if node.is_finished_ok else f", exit code {node.exit_status}: {node.exit_message}"
    return f"finished{ended}"


def _point(node: PointData) -> dict[str, str]:
    try:
        attempt = attempt_at(node)
    except NodeError:
        return {"state": "was not run yet"}
    return {"state": f"{_state(attempt)} ({title_of(attempt)})"}


def _dataset(node: DatasetData) -> dict[str, str]:
    facts = data_facts(node)
    return {
        "frames": str(facts["frames"]),
        "compositions": ", ".join(facts["of"]),
        "labels": ", ".join(facts.get("labels", [])) or "none",
        "level of theory": facts.get("level of theory", "-"),
        "temperatures": " to ".join(f"{one:g}" for one in facts["temperatures"]) + " K"
        if "temperatures" in facts
        else "not known",
        "split": ", ".join(f"{facts['split'].get(name, 0)} {name}" for name in SUBSETS) if "split" in facts else "none",
        "repeated": str(len(duplicates(node.dataset.frames))),
        "sources": "; ".join(facts.get("sources", [])) or "-",
        "SHA-256": facts["SHA-256"],
        **({"made by": f"{kind_of(node.creator).words} {node.creator.pk}"} if node.creator else {}),
    }


def _hyperparameters(potential: Potential) -> Facts:
    """Return what sets a potential apart within its family, but for its many numbers."""
    said = potential.model_dump(mode="json", exclude={"family", "description", "source", "files", "coefficients"})
    said |= said.pop("basis", {})
    return {name: value for name, value in said.items() if value is not None and name != "species"}


def _numbers(node: orm.Node) -> dict[str, Scalar]:
    """Return the numbers of a node: of a point those of its attempt, of a potential its errors."""
    if isinstance(node, PotentialData):
        return _errors(node)
    try:
        return {name: number.scalar for name, number in numbers_of(attempt_at(node)).items()}
    except NodeError:
        return {}


def _errors(node: PotentialData) -> dict[str, Scalar]:
    links = node.base.links.get_outgoing(node_class=orm.CalcFunctionNode, link_label_filter="potential").all_nodes()
    for one in links:
        if one.process_label == summarise_training.__name__:
            return {name: number.scalar for name, number in numbers_of(one).items()}
    report = node.creator.outputs.report.get_dict() if node.creator and "report" in node.creator.outputs else {}
    errors: Mapping[str, Any] = report.get("errors", {})
    scalars = {}
    for subset, of_subset in errors.items():
        scalars[f"energy_error_{subset}"] = Scalar(of_subset["energy"], None, ERROR_UNITS["energy"])
        scalars[f"force_error_{subset}"] = Scalar(of_subset["forces"]["all"], None, ERROR_UNITS["forces"])
    return scalars


def _is_ours(node: orm.ProcessNode) -> bool:
    return entry_point(node).startswith((_OURS, "aiida_superionic."))


def _short(name: str, value: Any) -> str:
    text = fact_text(name, value, whole=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _table(rows: Mapping[str, str]) -> Table:
    table = Table(Column(style="bold"), Column(overflow="fold"), show_header=False)
    for name, text in rows.items():
        table.add_row(Text(name), Text(text))
    return table
