"""The points of a campaign, and what has to be there before they can run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import PydanticCustomError

from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.document import CampaignFileError, Document, Location, Problem
from aiida_superionic.campaigns.dynamics_spec import Campaign
from aiida_superionic.campaigns.forces import Forces, forces_of
from aiida_superionic.campaigns.graph_structures import crystals_of
from aiida_superionic.campaigns.keys import MOST_POINTS, PADDLEWHEEL, UNCONSTRAINED, too_many
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.paddlewheel_spec import PaddlewheelCampaign
from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.campaigns.preparation_spec import PreparationSpecification
from aiida_superionic.campaigns.spec import CampaignFile, Part
from aiida_superionic.campaigns.structure_spec import OwnStructure
from aiida_superionic.data.potential import PotentialData

__all__ = ["Expansion", "PointSpecification", "expand", "expansion"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Expansion:
    """Everything that a campaign asks for.

    Parameters
    ----------
    points
        Each once, in the order of the file.
    crystals
        The structures that are known by their content, by that.
    potentials
        The potentials that are, by that.
    preparations
        What has to be done before points that name them can run, by its hash.
    """

    points: list[PointSpecification]
    crystals: dict[str, Crystal]
    potentials: dict[str, PotentialData]
    preparations: dict[str, PreparationSpecification]


def expand(campaign: CampaignFile | Campaign | LatticeCampaign) -> list[PointSpecification]:
    """Return every point of a campaign; see :func:`expansion`."""
    return expansion(campaign).points


def expansion(campaign: CampaignFile | Campaign | LatticeCampaign) -> Expansion:
    """Return what a campaign asks for, reading the files and nodes that it names. Nothing is stored.

    Parameters
    ----------
    campaign
        The campaign.

    Returns
    -------
    Expansion
        Of each part of the file the product of structures, what gives the forces, temperatures, constraint modes and
        replicas, in the order of the file; the replica varies fastest. The replicas' seeds follow each other from the
        campaign's seed.

    Raises
    ------
    CampaignFileError
        If a file or a node that it names is not there, or cannot be what it is meant for.
    """
    if not isinstance(campaign, CampaignFile):
        campaign = CampaignFile(Document(Path(campaign.campaign), {}, {(): 1}), (Part(campaign),))
    found = _Found(campaign)
    points: dict[str, PointSpecification] = {}
    for part in campaign.parts:
        for point in found.points(part):
            points.setdefault(point.hash, point)
        if len(points) > MOST_POINTS:
            raise CampaignFileError(campaign.path, [Problem(1, too_many(len(points)))])
    if found.faults:
        raise campaign.refusal(found.faults)
    return Expansion(list(points.values()), found.crystals, found.potentials, found.preparations)


class _Found:
    """What the files and nodes of a campaign turned out to be, each looked at once."""

    def __init__(self, campaign: CampaignFile) -> None:
        self.campaign = campaign
        self.faults: list[tuple[Part, Location, str]] = []
        self.crystals: dict[str, Crystal] = {}
        self.potentials: dict[str, PotentialData] = {}
        self.preparations: dict[str, PreparationSpecification] = {}
        self._read: dict[str, list[Crystal]] = {}

    def points(self, part: Part) -> Iterator[PointSpecification]:
        """Yield the points of a part; none where there is a fault."""
        study = part.study
        if isinstance(study, LatticeCampaign):
            structures = [entry.model_dump() for entry in study.entries]
            yield from _product(
                study, structures, [{"potential": name} for name in study.potentials], _of_lattice(study)
            )
            return
        before = len(self.faults)
        crystals = list(self._crystals(part, study))
        forces = list(self._forces(part, study, crystals))
        if len(self.faults) > before:
            return
        said: list[Mapping[str, Any]] = [force.said for force in forces]
        if isinstance(study, PaddlewheelCampaign):
            said = [{"potential": "several", "models": said, **_of_models(study)}]
        for crystal in crystals:
            yield from _product(study, [crystal.said], said, _of_dynamics(study, crystal))

    def _crystals(self, part: Part, study: Campaign) -> Iterator[Crystal]:
        for place, entry in study.entries.items():
            if entry.name not in self._read:
                self._read[entry.name] = (
                    self._tried(part, place, partial(crystals_of, entry, self.campaign.path.parent)) or []
                )
            for crystal in self._read[entry.name]:
                if isinstance(entry, OwnStructure):
                    self._tried(part, (), partial(study.check, crystal))
                    self.crystals[crystal.said["structure"]] = crystal
                yield crystal

    def _forces(self, part: Part, study: Campaign, crystals: list[Crystal]) -> Iterator[Forces]:
        if study.md.level is not None:
            yield Forces({"potential": study.md.level})
            return
        for index, entry in enumerate(study.potentials):
            forces = self._tried(part, ("potentials", index), partial(forces_of, entry, crystals))
            if forces is None:
                continue
            if forces.preparation is not None:
                self.preparations[forces.preparation.hash] = forces.preparation
            if forces.node is not None:
                self.potentials[forces.said["potential_content"]] = forces.node
            yield forces

    def _tried(self, part: Part, place: Location, look: Callable[[], _T]) -> _T | None:
        """Return what there is, or None after noting why it cannot be used."""
        try:
            return look()
        except PydanticCustomError as error:
            below = (error.context or {}).get("below", ())
            self.faults.append((part, (*place, *below), error.message()))
            return None


def _product(
    study: Campaign | LatticeCampaign,
    structures: Sequence[Mapping[str, Any]],
    forces: Sequence[Mapping[str, Any]],
    said: dict[str, Any],
) -> Iterator[PointSpecification]:
    rotors = said.pop("rotors", ())
    for structure, force, temperature, constraint, replica in itertools.product(
        structures, forces, study.temperatures, study.constraints, range(study.replicas)
    ):
        yield PointSpecification(
            **structure,
            **force,
            temperature=temperature,
            constraint=constraint,
            rotors=() if constraint == UNCONSTRAINED else rotors,
            seed=study.seed + replica,
            **said,
        )


def _of_dynamics(study: Campaign, crystal: Crystal) -> dict[str, Any]:
    """Return what all points of molecular dynamics of one crystal share."""
    requests = sorted(study.observables_of(crystal), key=lambda request: request.name)
    return {
        "engine": PADDLEWHEEL if isinstance(study, PaddlewheelCampaign) else study.md.engine,
        "rotors": tuple(sorted(study.rotors)),
        "ensemble": study.md.ensemble,
        "md": study.md_settings(crystal),
        "observables": {request.name: request.parameters for request in requests},
    }


def _of_models(study: PaddlewheelCampaign) -> dict[str, Any]:
    """Return what a point of models side by side says beside that."""
    said: dict[str, Any] = {"electrons": study.electrons and study.electrons.settings}
    if study.ab_initio is not None:
        said |= {"ab_initio": study.ab_initio.level, "ab_initio_md": study.ab_initio.times}
    if study.larger is not None:
        said |= {"larger": study.larger.supercells, "larger_md": study.larger.times}
    return said


def _of_lattice(study: LatticeCampaign) -> dict[str, Any]:
    """Return what all points of a model of a lattice share."""
    return {
        "engine": study.model,
        "ensemble": study.ensemble,
        "statistics": study.statistics,
        "md": study.numbers,
        "observables": {},
    }
