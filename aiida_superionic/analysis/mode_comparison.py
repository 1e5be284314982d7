"""The observables of runs in several constraint modes and at several temperatures, as one flat set of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.analysis.motion_contributions import CONSTRAINT_MODES, motion_contributions
from aiida_superionic.analysis.replicas import mean_over_replicas
from aiida_superionic.analysis.results import NotConverged, Scalar

CONDUCTIVITY = "conductivity_nernst_einstein"
"""That of independent ions: the study compares it, and one run determines it many times better than the other."""

Run = tuple[float, str, int, Mapping[str, Scalar]]
"""Temperature in K, constraint mode, number of the orientations that it began from, and the scalars of one run."""


def usable(scalar: Scalar | None) -> bool:
    """Return whether a scalar has a number or an upper bound, above zero, to take the logarithm of."""
    number = None if scalar is None else scalar.upper_bound if scalar.value is None else scalar.value
    return number is not None and number > 0.0


def paired(modes: Mapping[str, Mapping[int, Scalar | None]]) -> dict[str, list[float]]:
    """Return the conductivities of replicas by mode, in one order, where every mode has those of the same beginnings.

    Parameters
    ----------
    modes
        By constraint mode, and then by what a replica began from, its conductivity. Of one that is bounded only, its
        estimate is taken.

    Returns
    -------
    dict
        Empty where the beginnings of the modes differ, are fewer than two, or a replica has no number.
    """
    begun = [set(replicas) for replicas in modes.values()]
    if not begun or len(begun[0]) < 2 or any(other != begun[0] for other in begun):
        return {}
    numbers = {
        mode: [_number(replicas[beginning]) for beginning in sorted(replicas)] for mode, replicas in modes.items()
    }
    return {} if any(None in of_mode for of_mode in numbers.values()) else numbers  # type: ignore[return-value]


def _number(scalar: Scalar | None) -> float | None:
    return None if scalar is None else scalar.estimate if scalar.value is None else scalar.value


def compare_modes(runs: Iterable[Run]) -> dict[str, Scalar]:
    """Return every observable by mode and temperature, what each motion contributes, and Arrhenius fits by mode.

    Parameters
    ----------
    runs
        Every run of the study; those of one temperature and mode are replicas.

    Returns
    -------
    dict
        ``NAME_MODE_600K`` for every observable, averaged over replicas; ``log_conductivity_decrease_MOTION_600K`` and
        ``share_of_MOTION_600K`` (see :func:`motion_contributions`); ``band_centre_shift_X_600K``, that of no constraint
        less that of all, in THz; with two temperatures or more ``activation_energy_MODE`` in eV, from σT.
    """
    groups: dict[tuple[float, str], dict[int, Mapping[str, Scalar]]] = {}
    for temperature, mode, orientation, scalars in runs:
        groups.setdefault((temperature, mode), {})[orientation] = scalars
    means = {key: _means(list(replicas.values())) for key, replicas in groups.items()}
    results = {
        f"{name}_{mode}_{kelvin(temperature)}": scalar
        for (temperature, mode), scalars in means.items()
        for name, scalar in scalars.items()
    }
    for temperature in dict.fromkeys(temperature for temperature, _ in means):
        by_mode = {mode: means[temperature, mode] for mode in CONSTRAINT_MODES if (temperature, mode) in means}
        sigmas = {mode: scalars[CONDUCTIVITY] for mode, scalars in by_mode.items() if usable(scalars.get(CONDUCTIVITY))}
        replicas = {
            mode: {number: scalars.get(CONDUCTIVITY) for number, scalars in groups[temperature, mode].items()}
            for mode in sigmas
        }
        found = {**motion_contributions(sigmas, paired(replicas)), **_band_shifts(by_mode)}
        results |= {f"{name}_{kelvin(temperature)}": scalar for name, scalar in found.items()}
    for mode in CONSTRAINT_MODES:
        scan = [
            (t, scalars[CONDUCTIVITY]) for (t, m), scalars in means.items() if m == mode and CONDUCTIVITY in scalars
        ]
        results |= {f"{name}_{mode}": scalar for name, scalar in _arrhenius(scan).items()}
    return results


def _means(replicas: Sequence[Mapping[str, Scalar]]) -> dict[str, Scalar]:
    names = dict.fromkeys(name for replica in replicas for name in replica)
    return {name: mean_over_replicas(name, [one[name] for one in replicas if name in one]) for name in names}


def kelvin(temperature: float) -> str:
    """Return a temperature as the end of a name: ``600K``."""
    return f"{temperature:.12g}K".replace(".", "_")  # no key of the graph contains a dot


def _band_shifts(by_mode: Mapping[str, Mapping[str, Scalar]]) -> dict[str, Scalar]:
    free, held = by_mode.get("UC", {}), by_mode.get("RTVC", {})
    shifts = {}
    for name in free:
        first, second = free[name], held.get(name)
        if name.startswith("band_centre_") and first.unit == "THz" and "sensitivity" not in name and second is not None:
            if first.value is None or second.value is None:
                continue
            error = ((first.error or 0.0) ** 2 + (second.error or 0.0) ** 2) ** 0.5
            shifts[name.replace("band_centre", "band_centre_shift")] = Scalar(first.value - second.value, error, "THz")
    return shifts


def _arrhenius(scan: Sequence[tuple[float, Scalar]]) -> dict[str, Scalar]:
    points = [(t, s.value * t, (s.error or 0.0) * t) for t, s in scan if s.value is not None]
    if any(not value > 0.0 or not error > 0.0 for _, value, error in points):
        return {}
    try:
        return fit_arrhenius(*zip(*points, strict=True)).scalars if points else {}
    except NotConverged:
        return {}
