"""``node.tools`` of our jobs and workchains."""

from __future__ import annotations

from pathlib import Path

from aiida.tools.calculations import CalculationTools
from aiida.tools.workflows import WorkflowTools
from matplotlib.figure import Figure
from rich.console import Console

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.data.contents import NodeError
from aiida_superionic.nodes.numbers import curves_and_surfaces, numbers_of, title_of
from aiida_superionic.nodes.plot import figure_of, write_figure
from aiida_superionic.nodes.show import tables_of
from aiida_superionic.nodes.trace import Trace, trace


class NodeTools(CalculationTools, WorkflowTools):
    """What a node can tell of itself: ``load_node(59).tools.observables()``."""

    def show(self) -> None:
        """Print what the node is, as ``aiida-superionic show`` does."""
        for table in tables_of(self._node):
            Console(markup=False).print(table)

    def observables(self) -> dict[str, Scalar]:
        """Return its numbers by name: value, standard error, unit and bounds. There are none before it has ended."""
        return {name: number.scalar for name, number in numbers_of(self._node).items()}

    def curves(self) -> dict[str, Curve]:
        """Return its curves by name."""
        return curves_and_surfaces(self._node)[0]

    def curve(self, name: str) -> Curve:
        """Return one of its curves.

        Raises
        ------
        NodeError
            If it has none of that name.
        """
        curves = self.curves()
        if name not in curves:
            raise NodeError(f"{title_of(self._node)}: {unknown('curve', name, curves)}")
        return curves[name]

    def plot(self, observable: str, path: Path | str | None = None) -> Figure:
        """Draw an observable, into a file if a path is given, as ``aiida-superionic plot`` does.

        Raises
        ------
        NodeError
            If it has no such observable, or the file cannot be written.
        """
        if path is not None:
            return write_figure(Path(path), [self._node], observable)
        return figure_of([self._node], observable)

    def trace(self, quantity: str | None = None) -> Trace:
        """Return the path of one of its numbers, or of all that it gave, back to what made it.

        Raises
        ------
        NodeError
            If it has no such number.
        """
        return trace(self._node, quantity)
