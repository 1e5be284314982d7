"""Figures of nodes: what is in them, and what their lines are called."""

import json

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.analysis.results import Curve
from aiida_superionic.calculations.curves import curves_node
from aiida_superionic.data.contents import NodeError
from aiida_superionic.data.point import PointData
from aiida_superionic.nodes.asked import labels_of
from aiida_superionic.nodes.plot import figure_of, list_of_curves, write_figure
from aiida_superionic.nodes.show import rows_of


@pytest.fixture
def attempt(aiida_profile):
    """Return a maker of workchains that are attempts at points which differ in what is said."""

    def make(curves=None, **changes):
        said = {"material": "alpha-AgI", "potential": "vashishta-rahman", "temperature": 600.0, "seed": 1, **changes}
        node = orm.WorkChainNode(process_type="aiida.workflows:superionic.transport")
        node.set_process_label("TransportWorkChain")
        node.base.links.add_incoming(PointData(said, json.dumps(said)).store(), LinkType.INPUT_WORK, "point")
        node.store()
        node.set_process_state("finished")
        node.set_exit_status(0)
        if curves:
            job = orm.CalcJobNode()
            job.base.links.add_incoming(node, LinkType.CALL_CALC, "analyse")
            job.store()
            given = curves_node(curves)
            given.base.links.add_incoming(job, LinkType.CREATE, "curves")
            given.store()
            given.base.links.add_incoming(node, LinkType.RETURN, "curves")
        return node

    return make


@pytest.fixture
def curve():
    x = np.linspace(0.0, 5.0, 51)

    def make(height=1.0, error=True):
        return Curve(x, height * x, "time", "ps", "MSD", "Å^2", 0.1 * x if error else None)

    return make


def test_labels_are_what_sets_nodes_apart(attempt):
    assert labels_of([attempt(), attempt(temperature=750.0)]) == ["600 K", "750 K"]
    assert labels_of([attempt(seed=1, temperature=750.0), attempt(seed=2)]) == ["750 K · seed 1", "600 K · seed 2"]
    assert labels_of([attempt(), attempt(potential="pod")]) == ["vashishta-rahman", "pod"]
    twins = [attempt(), attempt()]
    assert labels_of(twins) == [f"TransportWorkChain {node.pk}" for node in twins]


def test_real_runs_are_told_apart_by_their_potentials(classical, learned):
    labels = labels_of([classical, learned])
    assert labels == ["vashishta-rahman · 20 ps", f"pod {learned.inputs.md.potential.pk} · 2 ps"]


def test_each_node_is_a_line_with_its_band(attempt, curve):
    nodes = [attempt({"mean_squared_displacement_Ag": curve(k)}, temperature=500.0 + k) for k in (1.0, 2.0, 3.0)]
    (axes,) = figure_of(nodes, "mean_squared_displacement").axes
    lines = [line for line in axes.get_lines() if line.get_label() in ("501 K", "502 K", "503 K")]
    assert [line.get_label() for line in lines] == ["501 K", "502 K", "503 K"]
    heights = [line.get_ydata()[-1] / line.get_xdata()[-1] for line in lines]
    assert heights == pytest.approx([1.0, 2.0, 3.0])
    assert len(axes.collections) == 3
    highest = axes.collections[0].get_paths()[0].vertices[:, 1].max()
    assert highest == pytest.approx(1.1 * 5.0)


def test_a_point_stands_for_the_attempt_that_counts(attempt, curve):
    node = attempt({"mean_squared_displacement_Ag": curve()})
    point = node.inputs.point
    (axes,) = figure_of([point], "mean_squared_displacement").axes
    assert axes.get_lines()
    assert rows_of(point)["state"] == f"finished (TransportWorkChain {node.pk})"
    untried = PointData({"material": "alpha-AgI"}, "none").store()
    with pytest.raises(NodeError, match=f"PointData {untried.pk} was not run yet; submit it with: aiida-superionic"):
        figure_of([untried], "diffusion")


def test_a_curve_without_an_error_has_no_band(attempt, curve):
    (axes,) = figure_of(
        [attempt({"mean_squared_displacement_Ag": curve(error=False)})], "mean_squared_displacement"
    ).axes
    assert not axes.collections


def test_a_curve_its_kind_and_its_observable_can_be_named(classical):
    assert len(figure_of([classical], "radial_distribution_Ag_I").axes[0].get_lines()) < len(
        figure_of([classical], "radial_distribution").axes[0].get_lines()
    )
    (axes,) = figure_of([classical], "diffusion").axes
    assert {text.get_text() for text in figure_of([classical], "radial_distribution").legends[0].get_texts()} == {
        "Ag–Ag",
        "Ag–I",
        "I–I",
    }
    assert "ps" in axes.get_xlabel()


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_a_figure_is_of_the_kind_that_its_suffix_says(classical, learned, tmp_path, suffix, begins):
    path = tmp_path / f"figure{suffix}"
    write_figure(path, [classical, learned], "mean_squared_displacement_Ag")
    assert path.read_bytes().startswith(begins)


def test_curves_are_listed_with_what_gave_them(classical, learned):
    table = list_of_curves([classical, learned])
    rows = list(zip(*(column._cells for column in table.columns), strict=True))
    found = {row[0]: row[1:] for row in rows}
    assert found["mean_squared_displacement_Ag"][0] == "diffusion"
    assert found["radial_distribution_Ag_I"][-1] == f"{classical.pk}, {learned.pk}"


def test_what_cannot_be_drawn_is_told(classical, training, attempt, tmp_path):
    for nodes, observable, message in (
        (
            [classical],
            "mean_square_displacement",
            "unknown observable 'mean_square_displacement'; did you mean mean_sq",
        ),
        ([attempt()], "diffusion", "has no curves; name a workchain, an analysis or a training that has ended"),
        (
            [training],
            "parity_train_energy",
            f"are pairs of numbers and no curve; aiida-superionic learn report {training.pk}",
        ),
    ):
        with pytest.raises(NodeError, match=message):
            figure_of(nodes, observable)
    with pytest.raises(NodeError, match=r"figure.gif does not say what to draw; let it end in .png, .pdf or .svg"):
        write_figure(tmp_path / "figure.gif", [classical], "diffusion")
    with pytest.raises(NodeError, match="cannot be written: No such file or directory"):
        write_figure(tmp_path / "none" / "figure.png", [classical], "diffusion")
