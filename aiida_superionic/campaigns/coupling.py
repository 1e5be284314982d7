"""What the motions of polyanions contribute, from the conditions of a campaign that differ in what is held."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from aiida_superionic.analysis.mode_comparison import CONDUCTIVITY, paired, usable
from aiida_superionic.analysis.motion_contributions import CONSTRAINT_MODES, motion_contributions
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.campaigns.results import Condition

_HELD = ("constraint", "rotors")


@dataclass(frozen=True)
class Coupling:
    """The conditions that differ only in the motions that are held, and what follows from their conductivities.

    Parameters
    ----------
    label
        Of the conditions, without what is held.
    temperature
        In K.
    modes
        The condition of each constraint mode.
    conductivities
        Of each mode that has one, averaged over the replicas.
    contributions
        See :func:`aiida_superionic.analysis.motion_contributions.motion_contributions`.
    """

    label: str
    temperature: float
    modes: dict[str, Condition]
    conductivities: dict[str, Scalar]
    contributions: dict[str, Scalar]


def couplings(conditions: Iterable[Condition]) -> list[Coupling]:
    """Return what the motions contribute wherever two modes of otherwise equal conditions have a conductivity.

    Parameters
    ----------
    conditions
        Of a campaign.

    Returns
    -------
    list of Coupling
        In the order in which the conditions first name them; modes in the order in which they hold more.
    """
    groups: dict[str, dict[str, Condition]] = {}
    for condition in conditions:
        shared = {key: value for key, value in condition.specification.items() if key not in _HELD}
        mode = condition.specification["constraint"]
        groups.setdefault(json.dumps(shared, sort_keys=True), {})[mode] = condition
    found = []
    for modes in groups.values():
        ordered = {mode: modes[mode] for mode in CONSTRAINT_MODES if mode in modes}
        conductivities = {
            mode: condition.observables[CONDUCTIVITY]
            for mode, condition in ordered.items()
            if usable(condition.observables.get(CONDUCTIVITY))
        }
        if len(conductivities) > 1:
            first = next(iter(ordered.values()))
            replicas = {
                mode: {point.specification["seed"]: point.scalar(CONDUCTIVITY) for point in ordered[mode].finished}
                for mode in conductivities
            }
            found.append(
                Coupling(
                    label=" · ".join(first.label.split(" · ")[:-1]),
                    temperature=float(first.specification["temperature"]),
                    modes=ordered,
                    conductivities=conductivities,
                    contributions=motion_contributions(conductivities, paired(replicas)),
                )
            )
    return found
