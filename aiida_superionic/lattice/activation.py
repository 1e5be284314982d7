"""Activation energies from runs at several temperatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.analysis.replicas import mean_over_replicas
from aiida_superionic.analysis.results import NotConverged, Scalar


@dataclass(frozen=True)
class Activation:
    """A quantity at several temperatures, and the Arrhenius equation through it.

    Parameters
    ----------
    scalars
        ``activation_energy`` in eV and ``log_prefactor``, with ``prefactor`` and, one standard error of its logarithm
        below and above, ``prefactor_low`` and ``prefactor_high``; ``chi_square_per_freedom`` where there are more than
        two temperatures. Empty where no line goes through the values.
    values
        Means over replicas by temperature in K.
    left_out
        Temperatures in K of which there is only a bound, or nothing.
    reason
        Why there is no activation energy; empty where there is one.
    """

    scalars: dict[str, Scalar]
    values: dict[float, Scalar]
    left_out: tuple[float, ...]
    reason: str


def activation(quantity: str, runs: Iterable[tuple[float, Mapping[str, Scalar]]]) -> Activation:
    """Return the Arrhenius fit to a quantity.

    Parameters
    ----------
    quantity
        Name of its scalar.
    runs
        Temperature in K and scalars of each run; those of one temperature are replicas.
    """
    replicas: dict[float, list[Scalar]] = {}
    for temperature, scalars in runs:
        found = replicas.setdefault(float(temperature), [])
        if quantity in scalars:
            found.append(scalars[quantity])
    values = {t: mean_over_replicas(quantity, found) for t, found in sorted(replicas.items()) if found}
    points = [
        (t, s.value, s.error)
        for t, s in values.items()
        if s.value is not None and s.error and min(s.value, s.error) > 0.0
    ]
    known = {t for t, _, _ in points}
    left_out = tuple(t for t in sorted(replicas) if t not in known)
    try:
        fit = fit_arrhenius(*zip(*points, strict=True)) if points else None
    except NotConverged as error:
        return Activation({}, values, left_out, str(error))
    if fit is None:
        return Activation({}, values, left_out, f"no temperature has a {quantity.replace('_', ' ')}")
    unit = next(iter(values.values())).unit
    low, high = fit.prefactor_interval
    # The error of a prefactor is a factor: its limits say it, and no difference does.
    limits = {"prefactor": fit.prefactor, "prefactor_low": low, "prefactor_high": high}
    scalars = {**fit.scalars, **{name: Scalar(number, None, unit) for name, number in limits.items()}}
    if len(points) > 2:
        scalars["chi_square_per_freedom"] = Scalar(fit.chi_square / (len(points) - 2), None, "1")
    return Activation(scalars, values, left_out, "")
