"""What a node is, as facts by name: plain data, for people to read in a line or a table and for programs as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiida import orm
from aiida.orm.nodes.process.calculation.calculation import CalculationNode
from aiida.plugins.entry_point import is_valid_entry_point_string

from aiida_superionic.calculations.dft import method_in
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.preparation import PreparationData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.datafiles import load_yaml
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials

Facts = dict[str, Any]

UNITS = {
    "temperature": "K",
    "temperatures": "K",
    "pressure": "bar",
    **dict.fromkeys(("duration", "timestep", "equilibration", "production", "langevin_duration"), "ps"),
    **dict.fromkeys(("thermostat_damping", "barostat_damping"), "ps"),
    **{f"{what}_interval": "ps" for what in ("sampling", "thermo", "checkpoint", "deviation")},
    **dict.fromkeys(("cutoff", "inner_cutoff"), "Å"),
    "cell": "Å",
}
"""Of facts that are numbers, by their name."""
FRAMES, DIGEST, CODE, LABELLER = "frames", "SHA-256", "code", "labelled by"
SETTINGS = (orm.BaseType, orm.Dict, orm.List)
"""What only sets a process, where no other process made it."""
_VERSIONS = ("version", "lammps_version", "cp2k_version")
_TELLING = ("results", "report", "output_parameters")
"""Outputs that tell the version of what ran."""
_OPENED = ("parameters", "settings", "step", "declared")
_DYNAMICS = ("ensemble", "temperature", "duration", "timestep", "constraint", "seed")


@dataclass(frozen=True)
class Kind:
    """What a job does, in words, and which of its settings a person wants to read; all if None."""

    words: str
    told: tuple[str, ...] | None = ()


KINDS = {
    "superionic.analyse": Kind("analysis of a trajectory"),
    "superionic.assess": Kind("assessment of frames", ("keep", "above", "committee", "seed")),
    "superionic.chargemol": Kind("bond orders and charges by Chargemol", None),
    "superionic.convert": Kind("frames of a trajectory brought home", ("every",)),
    "superionic.cp2k": Kind("labelling by CP2K", ("method",)),
    "superionic.cp2k_md": Kind("molecular dynamics with CP2K", (*_DYNAMICS, "method")),
    "superionic.cp2k_relax": Kind("relaxation with CP2K", ("method",)),
    "superionic.deepmd": Kind("training of a deep potential", None),
    "superionic.electrons": Kind("Wannier centres predicted along a trajectory"),
    "superionic.electrons_fit": Kind("training on Wannier centres", None),
    "superionic.evaluate": Kind("labelling by a potential"),
    "superionic.fit": Kind("training of a linear potential", None),
    "superionic.lammps": Kind("molecular dynamics", _DYNAMICS),
    "superionic.lammps_relax": Kind("relaxation", None),
    "superionic.lammps_rerun": Kind("forces of another potential along a trajectory"),
    "superionic.lattice": Kind("ions in a vibrating crystal", None),
    "superionic.nequip": Kind("training of an equivariant network", None),
}
"""Our jobs by their entry points."""
_FUNCTIONS = {
    "choose_frames": ("iteration", "structure"),
    "compare": (),
    "fit_activation": ("quantity",),
    "label_dataset": ("level_of_theory",),
    "take_batch": (),
}
"""Those of our small steps of which not all is worth reading."""
_CP2K = ("superionic.cp2k", "superionic.cp2k_md", "superionic.cp2k_relax")
_LABELLING = ("superionic.cp2k", "superionic.evaluate")


def kind_of(node: orm.Node) -> Kind:
    """Return what a process does, or what data are, in words."""
    if not isinstance(node, orm.ProcessNode):
        return Kind(_WORDS.get(type(node), type(node).__name__.removesuffix("Data")), None)
    if isinstance(node, orm.CalcJobNode):
        return KINDS.get(entry_point(node), Kind(str(node.process_label)))
    name = str(node.process_label)
    return Kind(name.replace("_", " "), _FUNCTIONS.get(name))


def entry_point(node: orm.ProcessNode) -> str:
    """Return the name of the entry point of a process; the path of its module where it has none."""
    told = str(node.process_type or "")
    return told.partition(":")[2] if is_valid_entry_point_string(told) else told


def name_of(node: orm.Node) -> str:
    """Return what people call data, a potential by the name that it ships by; nothing where they have no name."""
    if isinstance(node, orm.ProcessNode):
        return ""
    if node.label:
        return str(node.label)
    if isinstance(node, PotentialData):
        return _shipped().get(node.text, "")
    return str(getattr(node, "filename", ""))


def data_facts(node: orm.Data) -> Facts:
    """Return what data are; nothing of data that are not known."""
    describe = next((one for kind, one in _DESCRIBED.items() if isinstance(node, kind)), None)
    return {} if describe is None else {key: value for key, value in describe(node).items() if _says(value)}


def process_facts(
    node: orm.ProcessNode,
    inputs: Mapping[str, orm.Data],
    outputs: Mapping[str, orm.Data],
    version: str = "",
    made: Collection[str] = (),
) -> Facts:
    """Return what a process was set to do and what did it.

    Parameters
    ----------
    node
        The process.
    inputs, outputs
        Its data by the labels of their links; of the outputs those that matter.
    version
        Of what ran, where the process told it.
    made
        The labels of the inputs that another process made: these set nothing, they were computed.
    """
    name, code, facts = entry_point(node), inputs.get("code"), Facts()
    if isinstance(code, orm.AbstractCode):
        given = inputs.get("version")
        facts[CODE] = code.full_label
        facts["version"] = version or (given.value if isinstance(given, orm.Str) else code_version(code))
    for label, other in inputs.items():
        if isinstance(other, orm.AbstractCode) and other is not code:
            facts[label] = other.full_label
    facts |= settings_of({label: one for label, one in inputs.items() if label not in made})
    if name in _CP2K:
        facts["method"] = _method(facts, inputs)
    if name in _LABELLING:
        facts |= _labelling(inputs, outputs)
    if node.process_label == make_structure.__name__ and facts.get("material") in materials():
        facts["source"] = materials()[facts["material"]].source
    if node.base.caching.is_created_from_cache:
        facts["taken from the cache"] = node.base.caching.get_cache_source()
    return {key: value for key, value in facts.items() if _says(value)}


def settings_of(inputs: Mapping[str, orm.Data]) -> Facts:
    """Return the inputs that only set a process, by name; in place of its parameters their entries."""
    facts: Facts = {}
    for label, node in sorted(inputs.items()):
        if isinstance(node, orm.Dict):
            facts |= node.get_dict() if label in _OPENED else {label: node.get_dict()}
        elif isinstance(node, orm.List):
            facts[label] = node.get_list()
        elif isinstance(node, SETTINGS) and label != "version":
            facts[label] = node.value
    return facts


def version_told(outputs: Mapping[str, orm.Data]) -> str:
    """Return the version of what ran that the outputs of a process tell; empty where they tell none."""
    for label in _TELLING:
        told = outputs[label].get_dict() if isinstance(outputs.get(label), orm.Dict) else {}
        for key in _VERSIONS:
            if isinstance(told.get(key), str):
                return str(told[key])
    return ""


def versions_told(pks: list[int]) -> dict[int, str]:
    """Return the versions that processes told, by their pk, from the database at once."""
    if not pks:
        return {}
    query = orm.QueryBuilder().append(CalculationNode, filters={"id": {"in": pks}}, project="id", tag="job")
    query.append(
        orm.Dict,
        with_incoming="job",
        edge_filters={"label": {"in": list(_TELLING)}},
        project=[f"attributes.{key}" for key in _VERSIONS],
    )
    return {pk: next(filter(None, versions), "") for pk, *versions in query.all() if any(versions)}


def _method(facts: Facts, inputs: Mapping[str, orm.Data]) -> str:
    """Return the method of a job of CP2K in words, with its basis sets."""
    basis = sorted({one.name for one in inputs.values() if "gaussian.basisset" in one.node_type})
    return " ".join([method_in(facts.get("level", facts)), *basis]).strip()


def _labelling(inputs: Mapping[str, orm.Data], outputs: Mapping[str, orm.Data]) -> Facts:
    """Return how many frames a job labelled and what gave the labels; nothing of one that gave something else."""
    labelled, teacher = outputs.get("dataset", outputs.get("labels")), inputs.get("potential")
    if isinstance(labelled, DatasetData):
        frames = labelled.base.attributes.get("n_frames")
    elif isinstance(labelled, orm.ArrayData):
        frames = labelled.get_shape("index")[0]
    else:
        return {}
    return {FRAMES: frames, LABELLER: "CP2K" if teacher is None else name_of(teacher) or f"potential {teacher.pk}"}


@cache
def _shipped() -> dict[str, str]:
    return {text: name for name, text in potentials().items()}


def _potential(node: PotentialData) -> Facts:
    said = load_yaml(node.text)
    about = node.base.attributes
    return {
        "family": about.get("family"),
        "species": about.get("species"),
        # Files may be large; their digests were checked when the node was stored.
        DIGEST: dict(said["files"]) if "files" in said else node.potential.content,
        "source": about.get("source"),
    }


def _dataset(node: DatasetData) -> Facts:
    about = node.base.attributes.all
    return {
        FRAMES: about["n_frames"],
        "of": about["formulas"],
        "labels": about["fields"],
        "level of theory": about["level_of_theory"],
        "temperatures": list(dict.fromkeys((about["temperatures"] or {}).values())),
        "split": {subset: count for subset, count in about["split"].items() if count},
        DIGEST: about["sha256"],
        "sources": [
            f"{source} ({licence or 'no licence said'})"
            for source, licence in zip(about["sources"], about["licences"], strict=True)
        ],
    }


def _trajectory(node: TrajectoryData) -> Facts:
    about = node.base.attributes
    return {
        FRAMES: about.get("n_frames"),
        "sampling_interval": about.get("sampling_interval"),
        "timestep": node.md_timestep,
        "fields": about.get("fields"),
        "mobile": node.mobile,
        "format": about.get("format"),
        "computer": node.computer.label,
        "folder": f"{node.get_remote_path()}{' (cleaned)' if node.is_cleaned else ''}",
        DIGEST: node.files,
    }


def _frames(node: orm.TrajectoryData) -> Facts:
    return {FRAMES: node.numsteps, "atoms": node.numsites}


def _structure(node: orm.StructureData) -> Facts:
    return {
        "formula": node.get_formula("count"),
        "atoms": len(node.sites),
        "cell": [round(float(length), 4) for length in node.cell_lengths],
    }


def _file(node: orm.SinglefileData) -> Facts:
    return {"file": node.filename, DIGEST: hashlib.sha256(node.get_content(mode="rb")).hexdigest()}


def _point(node: PointData) -> Facts:
    return {**node.specification, "hash": node.hash}


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


_WORDS: dict[type[orm.Node], str] = {
    DatasetData: "dataset",
    PointData: "point",
    PotentialData: "potential",
    PreparationData: "preparation",
    TrajectoryData: "trajectory",
    orm.TrajectoryData: "frames",
    orm.StructureData: "structure",
    orm.SinglefileData: "file",
    orm.Dict: "results",
}
_DESCRIBED: dict[type[orm.Node], Callable[[Any], Facts]] = {
    DatasetData: _dataset,
    PointData: _point,
    PotentialData: _potential,
    TrajectoryData: _trajectory,
    orm.TrajectoryData: _frames,
    orm.StructureData: _structure,
    orm.SinglefileData: _file,
}
