"""The page of a benchmark: errors of forces, numbers and curves of learned potentials beside a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.table import Column, Table

from aiida_superionic.analysis.fidelity import BY_CHANCE, DISTANCE, REFERENCE, SPREADING
from aiida_superionic.analysis.mode_comparison import kelvin
from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report import figures
from aiida_superionic.report.curves import curve_plots, surface_plots
from aiida_superionic.report.figures import Plot, strokes
from aiida_superionic.report.formatting import heading, measurement, plain, split_species, unit_label
from aiida_superionic.report.looks import families, in_page_order
from aiida_superionic.report.page import page, write_whole

if TYPE_CHECKING:
    from aiida import orm

_FORCES, _APART = "force_error", 0.18
_SHOWN = ("temperature", "tetrahedral_angle", "tetrahedral_angle_spread", "angular_velocity_spread")
_CHANCE = "by chance"


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark came to.

    Parameters
    ----------
    title
        Of the page.
    setup
        What was run, in words.
    sides
        The names of the learned potentials.
    temperatures
        In K.
    observables, curves, warnings
        As :func:`aiida_superionic.analysis.fidelity.compare_with_reference` returns them, and errors of forces.
    provenance
        Identifiers of the nodes behind the numbers, by what they are.
    """

    title: str
    setup: tuple[tuple[str, str], ...]
    sides: tuple[str, ...]
    temperatures: tuple[float, ...]
    observables: Mapping[str, Scalar]
    curves: Mapping[str, Curve | Surface]
    warnings: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """One table: its title, the headings of its columns, and by quantity a cell for each."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Scalar | None, ...]], ...]


def read_benchmark(node: orm.WorkChainNode) -> Benchmark:
    """Return what a ``superionic.benchmark`` that ended with results came to."""
    inputs, outputs = node.inputs, node.outputs
    sides = tuple(sorted(inputs.learned))
    times, report = inputs.times.get_dict(), outputs.report.get_dict()
    reference = inputs.teacher.potential.description if "teacher" in inputs else "trajectories that have been run"
    frames = ", ".join(
        f"{report['frames'][kelvin(t)]} at {t:g} K"
        for t in inputs.temperatures.get_list()
        if kelvin(t) in report["frames"]
    )
    setup = (
        ("Structure", inputs.structure.label or inputs.structure.get_formula()),
        ("Reference", reference),
        ("Learned potentials", ", ".join(f"{side} ({inputs.learned[side].potential.family})" for side in sides)),
        ("Temperatures", ", ".join(f"{t:g} K" for t in inputs.temperatures.get_list())),
        ("Runs of each potential", f"{inputs.n_seeds.value}, {inputs.ensemble.value.upper()}"),
        ("Dynamics (times in ps)", plain(times)),
        ("Frames with forces", frames or "none"),
    )
    nodes = {"workchain": node, "structure": inputs.structure, **{side: inputs.learned[side] for side in sides}}
    if "teacher" in inputs:
        nodes[REFERENCE] = inputs.teacher
    nodes |= {name: outputs[name] for name in ("observables", "curves")}
    missing = (node.exit_message,) if node.exit_message else ()
    return Benchmark(
        title=node.label or f"Benchmark {node.pk}",
        setup=setup,
        sides=sides,
        temperatures=tuple(inputs.temperatures.get_list()),
        observables={name: Scalar(**told) for name, told in outputs.observables.get_dict().items()},
        curves={**curves_of(outputs.curves), **surfaces_of(outputs.curves)},
        warnings=(*missing, *report["warnings"]),
        provenance=tuple((what, one.uuid) for what, one in nodes.items()),
    )


def sections(benchmark: Benchmark) -> list[Section]:
    """Return the tables of a benchmark, one temperature after the other; one without numbers is left out."""
    found = []
    for temperature in benchmark.temperatures:
        at = kelvin(temperature)
        sides = (REFERENCE, *benchmark.sides)
        forces = {kind: [f"{_FORCES}{kind}_{side}_{at}" for side in benchmark.sides] for kind in _kinds(benchmark, at)}
        numbers = {name: [f"{name}_{side}_{at}" for side in sides] for name in _numbers(benchmark, at)}
        distances = {
            name: [f"{BY_CHANCE}_{name}_{at}", *(f"{DISTANCE}_{name}_{side}_{at}" for side in benchmark.sides)]
            for name in compared_names(benchmark, at)
        }
        kelvins = f" at {temperature:g} K"
        found += [
            _section(benchmark, f"Root mean square errors of forces{kelvins}", benchmark.sides, forces, _force_title),
            _section(benchmark, f"Numbers{kelvins}", sides, numbers, heading),
            _section(benchmark, f"Distances of curves{kelvins}", (_CHANCE, *benchmark.sides), distances, heading),
        ]
    return [section for section in found if section.rows]


def _section(
    benchmark: Benchmark, title: str, columns: tuple[str, ...], names: Mapping[str, list[str]], titled: Any
) -> Section:
    rows = []
    for name, keys in names.items():
        cells = tuple(benchmark.observables.get(key) for key in keys)
        unit = next((unit_label(cell.unit) for cell in cells if cell is not None), "")
        rows.append((f"{titled(name)}, {unit}" if unit else titled(name), cells))
    return Section(title, columns, tuple(rows))


def _force_title(kind: str) -> str:
    return kind.removeprefix("_") or "all"


def _kinds(benchmark: Benchmark, at: str) -> list[str]:
    """Return the species of which there are errors of forces, and of all: ``["", "_Ag", "_I"]``."""
    kinds = (name.removeprefix(_FORCES) for name in _begun(benchmark, benchmark.sides, at) if name.startswith(_FORCES))
    return sorted(kind for kind in kinds if not kind or _ends_in_species(kind))


def _numbers(benchmark: Benchmark, at: str) -> list[str]:
    """Return the quantities that are told of each side: diffusion and band centres with their spread, and others."""
    quantities = (*(f"{name}{spread}" for name in SPREADING for spread in ("", "_spread")), *_SHOWN)
    found = _begun(benchmark, (REFERENCE, *benchmark.sides), at)
    return [
        name
        for quantity in quantities
        for name in found
        if name == quantity or (split_species(name)[0] == quantity and _ends_in_species(name))
    ]


def compared_names(benchmark: Benchmark, at: str) -> list[str]:
    """Return the names of the curves that have distances at a temperature, in the order of the page."""
    begin = f"{DISTANCE}_"
    found = [name.removeprefix(begin) for name in _begun(benchmark, benchmark.sides, at) if name.startswith(begin)]
    names = (name for name in found if _ends_in_species(name))
    return [name for of_family in families(names).values() for name in of_family]


def _begun(benchmark: Benchmark, sides: Sequence[str], at: str) -> list[str]:
    """Return what stands before a side and a temperature in the names of the observables, each once."""
    ends = [f"_{side}_{at}" for side in sides]
    return list(dict.fromkeys(n.removesuffix(end) for n in benchmark.observables for end in ends if n.endswith(end)))


def _ends_in_species(name: str) -> bool:
    """Return whether no part of a side is left in a name, which has words in lower case: ``hot_student``."""
    return bool(split_species(name)[1])


def benchmark_tables(benchmark: Benchmark) -> list[Table]:
    """Return the tables for the terminal."""
    tables = []
    for section in sections(benchmark):
        heads = [Column(column, justify="right") for column in section.columns]
        table = Table("", *heads, title=section.title, box=SIMPLE)
        for name, cells in section.rows:
            table.add_row(name, *(measurement(cell) for cell in cells))
        tables.append(table)
    return tables


def distance_plot(benchmark: Benchmark) -> Plot | None:
    """Draw the distance of every curve, and the one by chance beside it, a panel for each temperature."""
    names = {t: compared_names(benchmark, kelvin(t)) for t in benchmark.temperatures}
    names = {temperature: of for temperature, of in names.items() if of}
    if not names:
        return None
    title = "Distances from the reference"
    with figures.style():
        height = 1.4 + 0.34 * max(map(len, names.values()))
        figure = Figure(figsize=(figures.PAGE_WIDTH, height), layout="constrained")
        axes: Any = figure.subplots(1, len(names), squeeze=False)
        for axis, (temperature, of) in zip(axes[0], names.items(), strict=True):
            _draw_distances(axis, benchmark, kelvin(temperature), of)
            axis.set_title(f"{temperature:g} K", loc="left")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        description = (
            f"{title}: of runs with a learned potential from runs with the reference (dots), and of two runs with the"
            " reference from one another (bars): what is no further right than its bar is no difference."
        )
        return figures.plot(figure, "distances", title, description, wide=True)


def _draw_distances(axis: Any, benchmark: Benchmark, at: str, names: list[str]) -> None:
    chance = [benchmark.observables.get(f"{BY_CHANCE}_{name}_{at}") for name in names]
    widths = [cell.value if cell is not None and cell.value is not None else 0.0 for cell in chance]
    axis.barh(range(len(names)), widths, height=0.7, color=figures.PAGE_COLOUR, alpha=0.18, label=_CHANCE)
    n = len(benchmark.sides)
    for number, (side, stroke) in enumerate(zip(benchmark.sides, strokes(n), strict=True)):
        found = [(y, benchmark.observables.get(f"{DISTANCE}_{name}_{side}_{at}")) for y, name in enumerate(names)]
        there = [(y, cell) for y, cell in found if cell is not None and cell.value is not None]
        axis.errorbar(
            [cell.value for _, cell in there],
            [y + _APART * (number - (n - 1) / 2.0) for y, _ in there],
            xerr=[cell.error or 0.0 for _, cell in there],
            fmt="o",
            color=stroke.colour,
            capsize=3,
            markersize=5,
            label=side,
        )
    axis.set_yticks(range(len(names)), [heading(name) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(left=0.0)
    axis.set_xlabel("distance")


def benchmark_plots(benchmark: Benchmark) -> list[Plot]:
    """Return the figures: the distances, then the curves of all sides."""
    several = len(benchmark.temperatures) > 1
    conditions = []
    for temperature in benchmark.temperatures:
        for side in (REFERENCE, *benchmark.sides):
            begin = f"{side}_{kelvin(temperature)}_"
            own = {n.removeprefix(begin): c for n, c in benchmark.curves.items() if n.startswith(begin)}
            conditions.append(
                Condition(
                    label=f"{side} · {temperature:g} K" if several else side,
                    specification={},
                    replicas=(),
                    observables={},
                    curves={name: curve for name, curve in own.items() if isinstance(curve, Curve)},
                    surfaces={name: surface for name, surface in own.items() if isinstance(surface, Surface)},
                )
            )
    first = distance_plot(benchmark)
    drawn = in_page_order([*curve_plots(conditions), *surface_plots(conditions)])
    return drawn if first is None else [first, *drawn]


def write_benchmark_report(path: Path, benchmark: Benchmark, *, written: datetime | None = None) -> None:
    """Write the page; a reader of the file sees the old one or the new one, never a part.

    Parameters
    ----------
    path
        The HTML file.
    benchmark
        What the page is of.
    written
        The date on the page; now where not given.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    text = page(
        "benchmark.html",
        benchmark.title,
        written,
        setup=benchmark.setup,
        warnings=benchmark.warnings,
        sections=sections(benchmark),
        plots=benchmark_plots(benchmark),
        provenance=benchmark.provenance,
    )
    write_whole(path, text)
