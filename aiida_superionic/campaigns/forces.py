"""What gives the forces of a campaign, looked up where the file names nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_superionic.calculations.evaluate import level_of_theory_of
from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.potential_spec import (
    Learning,
    NamedPotential,
    NodePotential,
    PotentialEntry,
    TrainedPotential,
    Training,
)
from aiida_superionic.campaigns.preparation_spec import PreparationSpecification
from aiida_superionic.campaigns.values import fault
from aiida_superionic.data.contents import NodeError, node_of
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import PotentialError, parse_potential, potentials
from aiida_superionic.workchains.dft import level_of_theory


@dataclass(frozen=True)
class Forces:
    """What gives the forces.

    Parameters
    ----------
    said
        What the points say of it, in their words.
    preparation
        What makes it; None where it is there.
    node
        The node of a potential that is known by its content; None where it is known otherwise.
    """

    said: Mapping[str, Any]
    preparation: PreparationSpecification | None = None
    node: PotentialData | None = None


def forces_of(entry: PotentialEntry, crystals: Sequence[Crystal]) -> Forces:
    """Return what an entry of a campaign file names.

    Parameters
    ----------
    entry
        What the file says.
    crystals
        The structures of the campaign, whose species it has to describe.

    Raises
    ------
    pydantic_core.PydanticCustomError
        The fault, if it names a node that is not there or describes other species.
    """
    if isinstance(entry, NamedPotential):
        return Forces({"potential": entry.name})
    if isinstance(entry, NodePotential):
        try:
            node = node_of(PotentialData, entry.node)
        except NodeError as error:
            raise fault(f"{error}; bring it in with: aiida-superionic potential import", "node") from None
        potential = node.potential
        for crystal in crystals:
            try:
                potential.require(sorted(crystal.species))
            except PotentialError as error:
                raise fault(f"{error}; name a potential of {crystal.name}", "node") from None
        return Forces({"potential": potential.family, "potential_content": potential.content}, node=node)
    training = isinstance(entry, TrainedPotential)
    asked: Training | Learning = entry.train if isinstance(entry, TrainedPotential) else entry.learn
    key = "train" if training else "learn"
    dataset = _dataset(asked, key)
    known = set(dataset.base.attributes.get("species"))
    for crystal in crystals:
        if strange := sorted(crystal.species - known):
            raise fault(
                f"the dataset has no frame with {', '.join(strange)}, which {crystal.name} holds; name another",
                *(key, "dataset"),
            )
    if isinstance(asked, Learning):
        _check_labels(asked, dataset)
    made = _preparation(asked, dataset, crystals)
    return Forces({"potential": asked.family, "preparation": made.hash}, made)


def _dataset(asked: Training | Learning, key: str) -> DatasetData:
    try:
        node: DatasetData = node_of(DatasetData, asked.dataset)
    except NodeError as error:
        raise fault(f"{error}; bring it in with: aiida-superionic dataset import", key, "dataset") from None
    if not all(node.base.attributes.get("split")[subset] for subset in ("train", "validation")):
        raise fault(
            f"the dataset {asked.dataset} is not divided; do so with: aiida-superionic dataset split", key, "dataset"
        )
    return node


def _check_labels(asked: Learning, dataset: DatasetData) -> None:
    """Check that what is labelled will have labels that can be learned together with those of the dataset."""
    if asked.teacher is not None:
        labels, key = level_of_theory_of(parse_potential(potentials()[asked.teacher])), "teacher"
    else:
        species = dataset.base.attributes.get("species")
        labels, key = level_of_theory(asked.level or "").name_for(species), "level"
    known = dataset.base.attributes.get("level_of_theory")
    if labels != known:
        raise fault(f"new labels would be of {labels}; those of the dataset are of {known}", "learn", key)


def _preparation(
    asked: Training | Learning, dataset: DatasetData, crystals: Sequence[Crystal]
) -> PreparationSpecification:
    shared = {
        "dataset": dataset.base.attributes.get("sha256"),
        "family": asked.family,
        "settings": asked.training_settings,
        "seed": asked.seed,
    }
    if isinstance(asked, Training):
        return PreparationSpecification(kind="train", committee=asked.committee, **shared)
    labels = {"teacher": asked.teacher, "level": asked.level}
    return PreparationSpecification(
        kind="learn",
        exploration=asked.exploration,
        temperatures=asked.temperatures,
        mobile=tuple(sorted({species for crystal in crystals for species in crystal.mobile})),
        structures=tuple(dict(crystal.said) for crystal in crystals),
        labels={key: name for key, name in labels.items() if name is not None},
        **shared,
    )
