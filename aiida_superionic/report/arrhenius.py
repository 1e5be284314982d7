"""Activation energies of a campaign that has several temperatures: the fits, and their tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from rich.text import Text

from aiida_superionic.analysis.arrhenius import ArrheniusFit, MeyerNeldelFit, fit_arrhenius, fit_meyer_neldel
from aiida_superionic.analysis.results import NotConverged, Scalar
from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report.formatting import heading, measurement, split_species, unit_label

LEAST_TEMPERATURES = 3

# What goes as exp(−E_a/k_B T), and whether its product with the temperature does instead.
_ACTIVATED = {
    "diffusion_coefficient": False,
    "conductivity": True,
    "conductivity_nernst_einstein": True,
    "jump_frequency": False,
    "hop_frequency": False,
    "reorientation_frequency": False,
}


@dataclass(frozen=True, eq=False)
class Scan:
    """One quantity at several temperatures, all else equal, and its Arrhenius fit.

    Parameters
    ----------
    quantity
        The name of the scalar.
    label
        What tells the scan from the others of the campaign; empty for a single one.
    times_temperature
        Whether the values are those of the scalar times the temperature, as for a conductivity.
    unit
        Of the values and of the prefactor.
    temperatures, values, errors
        The averages over replicas with their standard errors, shape (n,), at temperatures in K; no errors where any
        of them is unknown.
    bounds
        Temperatures in K and upper bounds, shape (m, 2); they are in no fit.
    fit
        To the values.
    """

    quantity: str
    label: str
    times_temperature: bool
    unit: str
    temperatures: Array
    values: Array
    errors: Array | None
    bounds: Array
    fit: ArrheniusFit

    @property
    def title(self) -> str:
        """The quantity for people: ``Conductivity × T``."""
        return f"{heading(self.quantity)} × T" if self.times_temperature else heading(self.quantity)

    @property
    def activation_energy(self) -> Scalar:
        """E_a in eV."""
        return Scalar(self.fit.activation_energy, self.fit.activation_energy_error, "eV")

    @property
    def prefactor(self) -> tuple[Scalar, Scalar, Scalar]:
        """The prefactor to three digits, and the two limits of one standard error of its logarithm."""
        numbers = (self.fit.prefactor, *self.fit.prefactor_interval)
        value, low, high = (Scalar(float(f"{number:.2e}"), None, self.unit) for number in numbers)
        return value, low, high

    @property
    def misfit(self) -> str:
        """The squared residuals over their errors, for each degree of freedom: near 1 where the line fits."""
        freedom = len(self.values) - 2
        return "—" if self.errors is None else f"{self.fit.chi_square / freedom:.2g}"


@dataclass(frozen=True, eq=False)
class Compensation:
    """The Meyer–Neldel rule over the scans of one kind of quantity; a sentence in place of the fit where it fails."""

    quantity: str
    unit: str
    scans: tuple[Scan, ...]
    fit: MeyerNeldelFit | None
    reason: str

    @property
    def energy(self) -> Scalar | None:
        """Δ in eV; None without a fit, or where the prefactors do not depend on the barriers."""
        if self.fit is None or not np.isfinite(self.fit.energy):
            return None
        return Scalar(self.fit.energy, self.fit.energy_error, "eV")


def scans(conditions: Sequence[Condition]) -> list[Scan]:
    """Fit each activated quantity that has numbers at three temperatures at least, all else equal.

    Parameters
    ----------
    conditions
        The averages over replicas.

    Returns
    -------
    list of Scan
        By quantity, then in the order of the conditions.
    """
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        rest = {key: value for key, value in condition.specification.items() if key != "temperature"}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(condition)
    labels = _labels([group[0] for group in groups.values()])
    names = dict.fromkeys(name for condition in conditions for name in condition.observables)
    found = (
        _scan(name, label, group)
        for family in _ACTIVATED
        for name in names
        if split_species(name)[0] == family
        for label, group in zip(labels, groups.values(), strict=True)
    )
    return [scan for scan in found if scan is not None]


def _labels(firsts: Sequence[Condition]) -> list[str]:
    """Return the labels without their temperatures, and without what all of them share."""
    words = [condition.label.split(" · ") for condition in firsts]
    own = [
        [word for word in entry if word != f"{condition.specification['temperature']:.12g} K"]
        for condition, entry in zip(firsts, words, strict=True)
    ]
    shared = set.intersection(*map(set, own)) if own else set()
    return [" · ".join(word for word in entry if word not in shared) for entry in own]


def _scan(name: str, label: str, group: Sequence[Condition]) -> Scan | None:
    times_temperature = _ACTIVATED[split_species(name)[0]]
    rows, bounds, unit = [], [], ""
    for condition in sorted(group, key=lambda condition: float(condition.specification["temperature"])):
        scalar, temperature = condition.observables.get(name), float(condition.specification["temperature"])
        if scalar is None:
            continue
        unit = f"K {scalar.unit}" if times_temperature else scalar.unit
        factor = temperature if times_temperature else 1.0
        if scalar.value is not None and scalar.value > 0.0:
            rows.append((temperature, scalar.value * factor, (scalar.error or 0.0) * factor))
        elif scalar.upper_bound is not None:
            bounds.append((temperature, scalar.upper_bound * factor))
    if len({row[0] for row in rows}) < LEAST_TEMPERATURES:
        return None
    temperatures, values, errors = np.array(rows).T
    known = errors if np.all(errors > 0.0) else None
    fit = fit_arrhenius(temperatures, values, known)
    return Scan(name, label, times_temperature, unit, temperatures, values, known, np.array(bounds).reshape(-1, 2), fit)


def compensations(found: Iterable[Scan]) -> list[Compensation]:
    """Fit the Meyer–Neldel rule to the quantities that have three scans at least."""
    kinds: dict[tuple[str, str], list[Scan]] = {}
    for scan in found:
        kinds.setdefault((split_species(scan.quantity)[0], scan.unit), []).append(scan)
    compensated = []
    for (quantity, unit), group in kinds.items():
        if len(group) < 3:
            continue
        try:
            fit, reason = fit_meyer_neldel([scan.fit for scan in group]), ""
        except NotConverged as error:
            fit, reason = None, str(error)
        compensated.append(Compensation(quantity, unit, tuple(group), fit, reason))
    return compensated


def arrhenius_table(found: Sequence[Scan]) -> Table:
    """Return the activation energies for the terminal."""
    terminal = Table(title="Activation energies")
    terminal.caption = "fits of the means over replicas; in brackets: one standard error of ln D₀"
    labelled = any(scan.label for scan in found)
    for title in (*(("condition",) if labelled else ()), "quantity"):
        terminal.add_column(title, overflow="fold")
    for title in ("temperatures", "Eₐ, eV", "prefactor", "χ²/freedom"):
        terminal.add_column(title, justify="right", overflow="fold")
    for scan in found:
        value, low, high = map(measurement, scan.prefactor)
        terminal.add_row(
            *((Text(scan.label),) if labelled else ()),
            scan.title,
            str(len(scan.values)),
            measurement(scan.activation_energy),
            f"{value} {unit_label(scan.unit)} ({low} to {high})",
            scan.misfit,
        )
    return terminal
