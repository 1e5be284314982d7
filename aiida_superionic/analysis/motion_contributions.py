"""What each motion of the polyanions contributes to conduction, from runs with and without it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from aiida_superionic.analysis.results import Scalar

CONSTRAINT_MODES = ("UC", "RC", "RTC", "RTVC")
"""No constraint, then rotation, translation and vibration of the polyanions removed one after the other."""

MOTIONS = ("rotation", "translation", "vibration")
"""What each mode after the first removes beyond the one before it."""


def motion_contributions(conductivities: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return by how many orders of magnitude the conductivity falls with each motion removed, and the shares in it.

    Δ = log10 σ(with the motion) − log10 σ(without it), for rotation between UC and RC, translation between RC and RTC
    and vibration between RTC and RTVC; r = Δ / (Δ of rotation + translation + vibration). The conductivity of a mode is
    to be averaged over starting orientations first: the logarithm is taken here.

    Errors are propagated linearly from those of the conductivities, which are taken as independent; neighbouring Δ
    share one of them, and r knows it. A conductivity that is only bounded from above bounds Δ from below, and the
    shares: that of the motion that is lost in it from below, those of the others from above.

    Parameters
    ----------
    conductivities
        By constraint mode; modes that are missing leave out what depends on them.

    Returns
    -------
    dict
        ``log_conductivity_decrease_<motion>`` and, where all four modes are there, ``share_of_<motion>``, both without
        unit. A share has no value where the whole decrease is not resolved at two standard errors.

    Raises
    ------
    ValueError
        If a conductivity or a bound is not above zero, or a mode is unknown.

    Notes
    -----
    Equations 3 to 6 of the supporting information of "Disentangling Cation-Polyanion Coupling in Solid Electrolytes:
    Which Anion Motion Dominates Cation Transport?".
    """
    unknown = sorted(set(conductivities) - set(CONSTRAINT_MODES))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no constraint mode; there are {', '.join(CONSTRAINT_MODES)}")
    logs = {mode: _log10(mode, scalar) for mode, scalar in conductivities.items()}
    pairs = zip(MOTIONS, CONSTRAINT_MODES[:-1], CONSTRAINT_MODES[1:], strict=True)
    decreases = {
        motion: _difference(logs[free], logs[held]) for motion, free, held in pairs if free in logs and held in logs
    }
    results = {f"log_conductivity_decrease_{motion}": decrease for motion, decrease in decreases.items()}
    if len(logs) == len(CONSTRAINT_MODES):
        shares = _shares([logs[mode] for mode in CONSTRAINT_MODES], decreases)
        results |= {f"share_of_{motion}": share for motion, share in shares.items()}
    return results


def _log10(mode: str, conductivity: Scalar) -> Scalar:
    number = conductivity.upper_bound if conductivity.value is None else conductivity.value
    if number is None or not number > 0.0:
        raise ValueError(f"the conductivity of {mode} is {number}; its logarithm needs a number or a bound above zero")
    if conductivity.value is None:
        return Scalar(None, None, "1", upper_bound=math.log10(number))
    error = (conductivity.error or 0.0) / (number * math.log(10.0))
    return Scalar(math.log10(number), error, "1")


def _difference(free: Scalar, held: Scalar) -> Scalar:
    if free.value is not None and held.value is not None:
        return Scalar(free.value - held.value, math.hypot(free.error or 0.0, held.error or 0.0), "1")
    if free.value is not None and held.upper_bound is not None:
        return Scalar(None, None, "1", lower_bound=free.value - held.upper_bound)
    if held.value is not None and free.upper_bound is not None:
        return Scalar(None, None, "1", upper_bound=free.upper_bound - held.value)
    return Scalar(None, None, "1")


def _shares(logs: list[Scalar], decreases: Mapping[str, Scalar]) -> dict[str, Scalar]:
    free, held = logs[0], logs[-1]
    whole = _difference(free, held)
    if whole.value is None and whole.lower_bound is not None and whole.lower_bound > 0.0:
        return _bounded_shares(decreases, whole.lower_bound)
    values = [log.value for log in logs]
    if whole.value is None or whole.value < 2.0 * (whole.error or 0.0) or None in values:
        return {motion: Scalar(None, None, "1") for motion in decreases}
    variances = np.array([(log.error or 0.0) ** 2 for log in logs])
    shares = {}
    for index, (motion, decrease) in enumerate(decreases.items()):
        share = (decrease.value or 0.0) / whole.value
        gradient = np.zeros(len(logs))
        gradient[[index, index + 1]] += [1.0, -1.0]
        gradient[[0, -1]] -= [share, -share]
        shares[motion] = Scalar(share, float(np.sqrt(gradient**2 @ variances)) / whole.value, "1")
    return shares


def _bounded_shares(decreases: Mapping[str, Scalar], whole: float) -> dict[str, Scalar]:
    """Return the shares in a decrease that is at least ``whole``."""
    known = {
        motion: max(decrease.value, 0.0) / whole for motion, decrease in decreases.items() if decrease.value is not None
    }
    lost = [motion for motion in decreases if motion not in known]
    rest = 1.0 - sum(known.values())
    return {
        motion: Scalar(None, None, "1", upper_bound=known[motion])
        if motion in known
        else Scalar(None, None, "1", lower_bound=rest if len(lost) == 1 and rest > 0.0 else None)
        for motion in decreases
    }
