"""What each motion of the polyanions contributes to conduction, from runs with and without it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.analysis.trajectory import Array

CONSTRAINT_MODES = ("UC", "RC", "RTC", "RTVC")
"""No constraint, then rotation, translation and vibration of the polyanions removed one after the other."""

MOTIONS = ("rotation", "translation", "vibration")
"""What each mode after the first removes beyond the one before it."""


def motion_contributions(
    conductivities: Mapping[str, Scalar], replicas: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Scalar]:
    """Return by how many orders of magnitude the conductivity falls with each motion removed, and the shares in it.

    Δ = log10 σ(with the motion) − log10 σ(without it), for rotation between UC and RC, translation between RC and RTC
    and vibration between RTC and RTVC; r = Δ / (Δ of rotation + translation + vibration). The conductivity of a mode is
    to be averaged over starting orientations first: the logarithm is taken here.

    Errors are propagated linearly from those of the conductivities; neighbouring Δ share one of them, and r knows it.
    Conductivities are taken as independent, or with the covariance of the replicas where these are given: runs that
    begin from the same orientations have much of their scatter in common, which cancels in Δ. A conductivity that is
    only bounded from above bounds Δ from below, and the shares: that of the motion that is lost in it from below, those
    of the others from above.

    Parameters
    ----------
    conductivities
        By constraint mode; modes that are missing leave out what depends on them.
    replicas
        By constraint mode the conductivities of single runs, the same number of each; those of one place began from the
        same orientations.

    Returns
    -------
    dict
        ``log_conductivity_decrease_<motion>`` and, where all four modes are there, ``share_of_<motion>``, both without
        unit. A share has no value where the whole decrease is not resolved at two standard errors.

    Raises
    ------
    ValueError
        If a conductivity or a bound is not above zero, or a mode is unknown; if the modes differ in their number of
        replicas.

    Notes
    -----
    Equations 3 to 6 of the supporting information of "Disentangling Cation-Polyanion Coupling in Solid Electrolytes:
    Which Anion Motion Dominates Cation Transport?".
    """
    unknown = sorted(set(conductivities) - set(CONSTRAINT_MODES))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no constraint mode; there are {', '.join(CONSTRAINT_MODES)}")
    logs = {mode: _log10(mode, scalar) for mode, scalar in conductivities.items()}
    covariance = _covariance(logs, replicas or {})
    pairs = zip(MOTIONS, CONSTRAINT_MODES[:-1], CONSTRAINT_MODES[1:], strict=True)
    decreases = {
        motion: _difference(logs[free], logs[held], _gradient({free: 1.0, held: -1.0}), covariance)
        for motion, free, held in pairs
        if free in logs and held in logs
    }
    results = {f"log_conductivity_decrease_{motion}": decrease for motion, decrease in decreases.items()}
    if len(logs) == len(CONSTRAINT_MODES):
        shares = _shares([logs[mode] for mode in CONSTRAINT_MODES], decreases, covariance)
        results |= {f"share_of_{motion}": share for motion, share in shares.items()}
    return results


def _covariance(logs: Mapping[str, Scalar], replicas: Mapping[str, Sequence[float]]) -> Array:
    """Return the covariance of the logarithms of the mean conductivities, in the order of the modes."""
    covariance = np.diag([(logs[mode].error or 0.0) ** 2 if mode in logs else 0.0 for mode in CONSTRAINT_MODES])
    places = [
        index
        for index, mode in enumerate(CONSTRAINT_MODES)
        if mode in replicas and mode in logs and logs[mode].value is not None
    ]
    if places:
        values = np.array([replicas[CONSTRAINT_MODES[index]] for index in places], dtype=np.float64)
        scale = values.mean(axis=1) * math.log(10.0)
        covariance[np.ix_(places, places)] = np.cov(values) / (values.shape[1] * np.outer(scale, scale))
    return covariance


def _gradient(slopes: Mapping[str, float]) -> Array:
    return np.array([slopes.get(mode, 0.0) for mode in CONSTRAINT_MODES])


def _error(gradient: Array, covariance: Array) -> float:
    return math.sqrt(max(0.0, float(np.dot(gradient, np.dot(covariance, gradient)))))


def _log10(mode: str, conductivity: Scalar) -> Scalar:
    number = conductivity.upper_bound if conductivity.value is None else conductivity.value
    if number is None or not number > 0.0:
        raise ValueError(f"the conductivity of {mode} is {number}; its logarithm needs a number or a bound above zero")
    if conductivity.value is None:
        return Scalar(None, None, "1", upper_bound=math.log10(number))
    error = (conductivity.error or 0.0) / (number * math.log(10.0))
    return Scalar(math.log10(number), error, "1")


def _difference(free: Scalar, held: Scalar, gradient: Array, covariance: Array) -> Scalar:
    if free.value is not None and held.value is not None:
        return Scalar(free.value - held.value, _error(gradient, covariance), "1")
    if free.value is not None and held.upper_bound is not None:
        return Scalar(None, None, "1", lower_bound=free.value - held.upper_bound)
    if held.value is not None and free.upper_bound is not None:
        return Scalar(None, None, "1", upper_bound=free.upper_bound - held.value)
    return Scalar(None, None, "1")


def _shares(logs: list[Scalar], decreases: Mapping[str, Scalar], covariance: Array) -> dict[str, Scalar]:
    ends = _gradient({CONSTRAINT_MODES[0]: 1.0, CONSTRAINT_MODES[-1]: -1.0})
    whole = _difference(logs[0], logs[-1], ends, covariance)
    if whole.value is None and whole.lower_bound is not None and whole.lower_bound > 0.0:
        return _bounded_shares(decreases, whole.lower_bound)
    if whole.value is None or whole.value < 2.0 * (whole.error or 0.0) or None in [log.value for log in logs]:
        return {motion: Scalar(None, None, "1") for motion in decreases}
    shares = {}
    for index, (motion, decrease) in enumerate(decreases.items()):
        share = (decrease.value or 0.0) / whole.value
        own = _gradient({CONSTRAINT_MODES[index]: 1.0, CONSTRAINT_MODES[index + 1]: -1.0})
        shares[motion] = Scalar(share, _error(own - share * ends, covariance) / whole.value, "1")
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
