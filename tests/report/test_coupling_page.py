"""The motions of polyanions on the page and on the terminal."""

import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from aiida_superionic.analysis.mode_comparison import CONDUCTIVITY
from aiida_superionic.analysis.results import Curve
from aiida_superionic.campaigns.coupling import couplings
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.coupling import coupling_plots, coupling_rows, coupling_table
from aiida_superionic.report.page import render_report


@pytest.fixture
def study():
    def point(mode, temperature, sigma):
        entries = {
            CONDUCTIVITY: (sigma, 1.0, "mS/cm", None if sigma else 0.01),
            "jump_frequency_Na": (300.0, 5.0, "1/ns", None),
            "reorientation_frequency_PO4": (None, None, "1/ns", 0.5) if mode != "UC" else (20.0, 1.0, "1/ns", None),
        }
        keys = ("value", "error", "unit", "upper_bound")
        return PointResult(
            label=f"gamma-Na3PO4 2x2x2 · pedone · {temperature:g} K · {mode} · seed 1",
            specification={"temperature": temperature, "constraint": mode, "potential": "pedone", "seed": 1}
            | {"material": "gamma-Na3PO4"},
            uuid=None,
            pk=None,
            state="finished",
            message="",
            observables={name: dict(zip(keys, values, strict=True)) for name, values in entries.items()},
            curves={},
            provenance={},
        )

    sigmas = {"UC": 1000.0, "RC": 100.0, "RTC": 50.0, "RTVC": 10.0}
    points = [point(mode, 1100.0, sigma) for mode, sigma in sigmas.items()]
    return [*points, point("UC", 900.0, 10.0), point("RC", 900.0, None)]


def test_the_terminal_shows_conductivities_decreases_shares_and_bounds(study):
    console = Console(width=160, record=True)
    console.print(coupling_table(couplings(conditions(study))))
    text = console.export_text()
    lines = {line.split("│")[1].strip(): line for line in text.splitlines() if line.count("│") > 2}
    assert "100.0 ± 1.0" in lines["σ RC, mS/cm"]
    assert "1.0000 ± 0.0044" in lines["Δ rotation"]
    assert "> 3" in lines["Δ rotation"]
    assert "0.5" in lines["r rotation"]


def test_the_page_has_table_and_figures(study):
    page = render_report("coupling", conditions(study), study)
    assert "What each motion contributes" in page
    assert "r vibration" in page
    names = {plot.name for plot in coupling_plots(couplings(conditions(study)))}
    assert names == {"coupling", "coupling_frequencies"}
    numbers = [int(number) for number in re.findall(r"<b>Figure (\d+)\.", page)]
    assert numbers == [1, 2]


def test_conditions_are_told_by_what_differs(study):
    assert [label for label, _ in coupling_rows(couplings(conditions(study)))] == ["1100 K", "900 K"]
    [(label, _)] = coupling_rows(couplings(conditions(study[:4])))
    assert label == "gamma-Na3PO4 2x2x2 · pedone · 1100 K"


def test_figures_are_numbered_through(study):
    """The modes' own, Arrhenius plots of three temperatures, then curves."""
    hot = [replace(p, **_at(p, 1300.0)) for p in study[:4]]
    cold = [replace(p, **_at(p, 1000.0)) for p in study[:4]]
    line = Curve(np.arange(3.0), np.arange(3.0), "time", "ps", "mean squared displacement of Na", "Å^2")
    points = [replace(p, curves={"mean_squared_displacement_Na": line}) for p in [*hot, *cold, *study]]
    numbers = [int(n) for n in re.findall(r"<b>Figure (\d+)\.", render_report("all", conditions(points), points))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4


def _at(point, temperature):
    label = point.label.replace("1100 K", f"{temperature:g} K")
    return {"label": label, "specification": {**point.specification, "temperature": temperature}}


def test_a_study_of_one_mode_has_neither(study):
    page = render_report("one mode", conditions(study[:1]), study[:1])
    assert "What each motion contributes" not in page
    assert coupling_plots([]) == []
