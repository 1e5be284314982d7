"""``node.tools``: what AiiDA finds by the entry points of our processes."""

from importlib.metadata import entry_points

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.curves import curves_of
from aiida_superionic.data.contents import NodeError
from aiida_superionic.nodes.facts import KINDS
from aiida_superionic.nodes.tools import NodeTools


def ours(group):
    return {entry.name for entry in entry_points(group=group) if entry.value.startswith("aiida_superionic.")}


def test_each_of_our_processes_has_them_and_words_of_its_own():
    assert ours("aiida.tools.calculations") == ours("aiida.calculations") == set(KINDS)
    assert ours("aiida.tools.workflows") == ours("aiida.workflows")
    words = [kind.words for kind in KINDS.values()]
    assert len(words) == len(set(words))


def test_numbers_curves_and_trace_of_a_real_run(classical):
    tools = orm.load_node(classical.pk).tools
    assert isinstance(tools, NodeTools)
    found = tools.observables()["diffusion_coefficient_Ag"]
    told = classical.outputs.observables["diffusion_coefficient_Ag"]
    assert (found.value, found.error, found.unit) == (told["value"], told["error"], told["unit"])
    curve = tools.curve("mean_squared_displacement_Ag")
    expected = curves_of(classical.outputs.curves)["mean_squared_displacement_Ag"]
    np.testing.assert_array_equal(curve.y, expected.y)
    assert set(tools.curves()) == set(curves_of(classical.outputs.curves))
    assert tools.trace("D").scalar == found
    assert "pk" in str(tools.trace("D"))


def test_jobs_have_them_as_workchains_do(classical):
    analysis = next(job for job in classical.called if isinstance(job, orm.CalcJobNode))
    assert isinstance(analysis.tools, NodeTools)
    assert analysis.tools.observables() == classical.tools.observables()


def test_a_figure_and_a_table(classical, tmp_path, capsys):
    figure = classical.tools.plot("diffusion", tmp_path / "d.png")
    assert figure.axes
    assert (tmp_path / "d.png").exists()
    classical.tools.show()
    assert "TransportWorkChain: Run molecular dynamics" in " ".join(capsys.readouterr().out.split())


def test_a_curve_that_is_not_there_is_told_with_the_nearest(classical):
    with pytest.raises(
        NodeError, match="unknown curve 'mean_squared_displacement_ag'; did you mean mean_squared_displ"
    ):
        classical.tools.curve("mean_squared_displacement_ag")
