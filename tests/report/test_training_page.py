"""The page of a training, of made-up numbers that can be looked up in it."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.report.training import (
    Training,
    error_headings,
    error_rows,
    training_tables,
    write_training_report,
)
from aiida_superionic.report.training_plots import training_plots

_ENTRY = {"potential": 20.04, "mean": 21.3, "spread": 0.52}


def pairs(rng, unit="eV/Å"):
    x = rng.normal(size=800)
    return Curve(x, x + 0.1 * rng.normal(size=800), "true force", unit, "predicted force", unit)


@pytest.fixture
def curves(rng):
    made = {}
    for subset in ("train", "test"):
        made |= {f"parity_{subset}_{kind}": pairs(rng) for kind in ("energy", "forces_Ag", "forces_I", "stress")}
    for name in ("test", "test_300K", "test_1200K"):
        x = np.linspace(0, 3, 31)
        made[f"calibration_{name}"] = Curve(x, 1 - np.exp(-x), "r", "1", "share", "1", np.full(31, 0.01))
        made[f"actual_error_{name}"] = Curve(10.0 * x[1:11], 11.0 * x[1:11], "p", "meV/Å", "a", "meV/Å", x[1:11])
    return made


@pytest.fixture
def training(curves):
    forces = dict.fromkeys(("all", "Ag", "I"), _ENTRY)
    errors = {
        "train": {"frames": 24, "energy": _ENTRY, "forces": forces, "stress": _ENTRY},
        "test": {"frames": 136, "energy": {"potential": 1.0, "mean": None, "spread": None}, "forces": forces},
    }
    return Training(
        title="Training <5>",
        setup=(("Family", "pod"), ("Frames", "24 train, 136 test")),
        report={"units": {"energy": "meV/atom", "forces": "meV/Å", "stress": "GPa"}, "errors": errors},
        observables={
            "within_one_error_test_300K": Scalar(0.694, 0.012, "1"),
            "within_two_errors_test_300K": Scalar(0.961, 0.004, "1"),
            "unseen_temperatures_told_apart": Scalar(0.947, 0.013, "1"),
        },
        curves=curves,
        provenance=(("dataset", "6f1b2c56-3c8e-4a53-9f0e-0a5b0d7c1e11"),),
    )


def test_the_table_has_each_number_once(training):
    assert error_headings(training) == [
        "frames",
        "energy, meV/atom",
        "forces, meV/Å",
        "forces Ag, meV/Å",
        "forces I, meV/Å",
        "stress, GPa",
    ]
    (train, first), (test, second) = error_rows(training)
    assert (train, test) == ("train", "test")
    assert first[1] == ("20.04", "21.30 ± 0.52")
    assert second == [("136", ""), ("1", ""), *3 * [("20.04", "21.30 ± 0.52")], ("—", "")]


def test_the_page_holds_numbers_figures_and_nodes(training, tmp_path):
    path = tmp_path / "page.html"
    write_training_report(path, training, written=datetime(2026, 11, 21, tzinfo=UTC))
    text = path.read_text()
    words = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    for told in (
        "Training &lt;5&gt;",
        "<b>20.04</b>",
        "committee 21.30 ± 0.52",
        "0.694 ± 0.012",
        "0.947 ± 0.013",
        "verdi node show 6f1b2c56-3c8e-4a53-9f0e-0a5b0d7c1e11",
        "2026-11-21",
    ):
        assert told in words
    assert text.count("<svg") == 2
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    # The same numbers are the same page.
    write_training_report(path, training, written=datetime(2026, 11, 21, tzinfo=UTC))
    assert path.read_text() == text


def test_figures_are_drawn_where_there_are_curves(curves, figures):
    assert training_plots({}) == []
    steps = np.array([100.0, 1000.0, 10000.0])
    learning = {
        f"member_{member}_learning_curve_{what}_{subset}": Curve(
            steps, (member + 1) * 1e3 / np.sqrt(steps), "step", "1", f"error of {what}", unit
        )
        for member in range(2)
        for what, unit in (("energy", "meV/atom"), ("forces", "meV/Å"))
        for subset in ("train", "validation")
    }
    plots = training_plots({**curves, **learning})
    assert [plot.name for plot in plots] == ["parity", "learning-curves", "calibration"]
    parity, steps_figure, calibration = (figures[plot.name] for plot in plots)
    assert [axis.get_title(loc="left") for axis in parity.axes] == ["energy", "forces on Ag", "forces on I", "stress"]
    # Of 800 pairs 500 are drawn, evenly spread.
    marks = [line for line in parity.axes[1].lines if line.get_label() == "test"]
    assert [len(line.get_xdata()) for line in marks] == [500]
    assert [axis.get_title(loc="left") for axis in steps_figure.axes] == ["energy", "forces"]
    assert len(steps_figure.axes[1].lines) == 4
    assert all(axis.get_xscale() == "log" for axis in steps_figure.axes)
    left, right = calibration.axes
    labels = [line.get_label() for line in left.lines]
    assert labels == ["test, 300 K", "test, 1200 K", "normal"]
    normal = left.lines[-1]
    assert np.interp(1.0, normal.get_xdata(), normal.get_ydata()) == pytest.approx(0.6827, abs=1e-4)
    assert right.get_xscale() == right.get_yscale() == "log"
    for plot in plots:
        assert plot.description.startswith(plot.title)


def test_the_terminal_shows_the_same(training):
    console = Console(width=200)
    with console.capture() as captured:
        for table in training_tables(training):
            console.print(table)
    text = " ".join(captured.get().split())
    for told in ("21.30 ± 0.52", "69.4 ± 1.2 %", "AUROC 0.947 ± 0.013", "GPa"):
        assert told in text
