"""What points that have not run will take, from past runs alike."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiida import orm

from aiida_superionic.campaigns.attempts import FINISHED_STATUSES
from aiida_superionic.campaigns.cost import usage_of
from aiida_superionic.campaigns.keys import LATTICE_MODELS
from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.data.point import PointData
from aiida_superionic.structures import materials, molecules

_NEWEST = 100
"""Runs that an estimate stands on at most."""
_LIKE_SIZE = 4.0
"""Factor within which the number of atoms of a past run says most."""


@dataclass(frozen=True)
class Estimate:
    """What points will take.

    Parameters
    ----------
    core_hours
        By the median of past runs; those of the points whose like has run.
    lowest, highest
        The same by the least and the most that a past run took.
    runs
        How many past runs this stands on.
    points, unknown
        How many points this is about, and how many there are whose like has not run.
    """

    core_hours: float
    lowest: float
    highest: float
    runs: int
    points: int
    unknown: int


@dataclass(frozen=True)
class _Kind:
    """What runs that take the same for each atom and step have in common."""

    engine: str
    potential: str
    constraint: str
    rotors: tuple[str, ...]
    crystal: str
    """Of a structure that is no reference crystal, whose atoms are not known here: cells of it are counted."""


def estimate(specifications: Iterable[PointSpecification]) -> Estimate:
    """Return what points will take, by the CPU time that past runs took for each atom and step.

    Past runs are those with the same engine, potential and constraint; where there are some whose number of atoms is
    within a factor of four, only these. CPU time is that of all jobs of a run, the analysis included.
    """
    wanted: dict[_Kind, Counter[tuple[float, float]]] = {}
    for one in specifications:
        wanted.setdefault(_kind(one), Counter())[_size(one), _steps(one)] += 1
    totals = [0.0, 0.0, 0.0]
    runs: set[int] = set()
    points = unknown = 0
    for kind, sizes in wanted.items():
        past = _past_rates(kind)
        for (size, steps), number in sizes.items():
            alike = {pk: rate for pk, (rate, of) in past.items() if abs(math.log(of / size)) <= math.log(_LIKE_SIZE)}
            rates = list((alike or {pk: rate for pk, (rate, _) in past.items()}).values())
            if not rates:
                unknown += number
                continue
            runs |= set(alike or past)
            points += number
            work = number * size * steps / 3600.0
            for index, rate in enumerate((statistics.median(rates), min(rates), max(rates))):
                totals[index] += work * rate
    median, least, most = totals
    return Estimate(median, least, most, runs=len(runs), points=points, unknown=unknown)


def _past_rates(kind: _Kind) -> dict[int, tuple[float, float]]:
    """Return CPU seconds for each atom and step of the newest finished runs of a kind, and their size, by their pk."""
    said = "attributes.specification"
    query = orm.QueryBuilder().append(
        PointData,
        subclassing=False,
        filters={f"{said}.potential": kind.potential, f"{said}.constraint": kind.constraint, **_engine_filter(kind)},
        project=said,
        tag="point",
    )
    query.append(
        orm.WorkChainNode,
        with_incoming="point",
        edge_filters={"label": "point"},
        filters={"attributes.exit_status": {"in": list(FINISHED_STATUSES)}},
        project="id",
        tag="attempt",
    )
    query.order_by({"attempt": {"id": "desc"}}).limit(_NEWEST)
    found = {pk: PointSpecification.model_validate(specification) for specification, pk in query.all()}
    alike = {pk: one for pk, one in found.items() if _kind(one) == kind}
    used = usage_of(list(alike))
    return {
        pk: (sum(job.cpu_seconds for job in used[pk]) / (_size(one) * _steps(one)), _size(one))
        for pk, one in alike.items()
        if pk in used
    }


def _engine_filter(kind: _Kind) -> Mapping[str, object]:
    said = "attributes.specification"
    if kind.engine == PointSpecification.model_fields["engine"].default:
        return {said: {"!has_key": "engine"}}
    return {f"{said}.engine": kind.engine}


def _kind(one: PointSpecification) -> _Kind:
    known = one.engine in LATTICE_MODELS or one.material in materials()
    return _Kind(one.engine, one.potential, one.constraint, one.rotors, "" if known else one.structure or one.material)


def _size(one: PointSpecification) -> float:
    """Return the number of what moves: atoms, the ions of a model of a lattice, or cells of an unknown crystal."""
    if one.engine in LATTICE_MODELS:
        return one.md["ions"]
    return math.prod(one.supercell) * (_atoms(one.material) if one.material in materials() else 1.0)


def _atoms(material: str) -> float:
    crystal = materials()[material]
    return sum(
        (site.per_cell or len(crystal.positions(site)))
        * (len(molecules()[site.species].species) if site.species in molecules() else 1)
        for site in crystal.sites
    )


def _steps(one: PointSpecification) -> float:
    return (one.md["equilibration"] + one.md["production"]) / one.md["timestep"]
