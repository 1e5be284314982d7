"""Two campaigns beside each other: what sets them apart, and which results differ by more than their errors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData

SIGNIFICANT = 3.0
"""Standard errors by which two results differ that are said to: of a thousand equal ones some three do."""


@dataclass(frozen=True)
class Difference:
    """One quantity under two conditions that correspond, and by how many standard errors it differs."""

    quantity: str
    labels: tuple[str, str]
    scalars: tuple[Scalar, Scalar]
    sigmas: float


def set_apart(first: Sequence[Condition], second: Sequence[Condition]) -> dict[str, tuple[Any, Any]]:
    """Return what is one thing in all of the one campaign and another in all of the other, by key."""
    keys = dict.fromkeys(key for condition in (*first, *second) for key in condition.specification)
    found = {}
    for key in keys:
        values = [{_text(condition.specification.get(key)) for condition in side} for side in (first, second)]
        if all(len(side) == 1 for side in values) and values[0] != values[1]:
            found[key] = (json.loads(*values[0]), json.loads(*values[1]))
    return found


def differences(first: Sequence[Condition], second: Sequence[Condition]) -> tuple[int, list[Difference]]:
    """Return how many numbers could be compared, and those that differ by more than their errors, the most first.

    Conditions correspond where they are equal but for what sets the campaigns apart. Where they share an attempt
    nothing is compared: its number is the same.

    Parameters
    ----------
    first, second
        The conditions of two campaigns.
    """
    ignored = set_apart(first, second)
    others = {_identity(condition, ignored): condition for condition in second}
    compared = 0
    found = []
    for mine in first:
        theirs = others.get(_identity(mine, ignored))
        if theirs is None or {point.uuid for point in mine.finished} & {point.uuid for point in theirs.finished}:
            continue
        for name in mine.observables.keys() & theirs.observables.keys():
            scalars = (mine.observables[name], theirs.observables[name])
            sigmas = _sigmas(*scalars)
            if sigmas is not None:
                compared += 1
                if sigmas > SIGNIFICANT:
                    found.append(Difference(name, (mine.label, theirs.label), scalars, sigmas))
    return compared, sorted(found, key=lambda one: -one.sigmas)


def no_longer_asked_for(name: str, specifications: Sequence[PointSpecification]) -> list[str]:
    """Return the labels of the points that a campaign's group holds and its file does not ask for."""
    query = orm.QueryBuilder().append(CampaignGroup, filters={"label": name}, tag="group")
    query.append(PointData, with_group="group", project=["attributes.hash", "label"])
    asked = {specification.hash for specification in specifications}
    return sorted(label for digest, label in query.all() if digest not in asked)


def _sigmas(first: Scalar, second: Scalar) -> float | None:
    """Return by how many standard errors two numbers differ; None where one has no value, or neither an error."""
    if first.value is None or second.value is None or first.unit != second.unit:
        return None
    error = math.hypot(first.error or 0.0, second.error or 0.0)
    return abs(first.value - second.value) / error if error > 0.0 else None


def _identity(condition: Condition, ignored: dict[str, Any]) -> str:
    return _text({key: value for key, value in condition.specification.items() if key not in ignored})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
