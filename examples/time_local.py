"""The figures of the time-local model's paper, and a page that sets its numbers beside ours.

Run by ``make demo-lattice``: ``python examples/time_local.py FOLDER [FIGURE ...]`` with figures out of 1 3 4 5 6 7a 7b
and energy, all of them where none is named. Runs are those of ``superionic-lattice``, two at a time; what the folder
holds already is not computed again.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.analysis.results_files import read_results
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.errors import SuperionicError
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.report import lattice_plots
from aiida_superionic.report.lattice import comparison, write_lattice_report
from aiida_superionic.units import BOLTZMANN

MODEL = lattice_models()["simple-cubic"]
MEV = 1e-3 / BOLTZMANN
"""K per meV of k_B T."""
BATH = [0.001, 5.0, 25.0, 50.0]
COLLISIONS = [(0.2, 2.0), (0.5, 2.0), (0.2, 10.0), (0.5, 10.0)]
WALKS = [(25.0, "yukawa-4eV"), (50.0, "yukawa-4eV"), (25.0, "yukawa-8eV"), (50.0, "yukawa-8eV")]
LADDER = [10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0]
IONS = {"time-local": 16, "full": 24}
"""In one crystal: they do not know of each other, in full but through the crystal."""
PRODUCTION = {"time-local": 3000.0, "full": 1000.0}
"""ps, of each ion; the paper has one ion and 3 ns."""
FIT_START = 1.0
FIGURES = ("1", "3", "4", "5", "6", "7a", "7b", "energy")
CONSOLE = Console(markup=False)


def ion(interaction):
    """Return the crystal and an ion in it, as a request says them."""
    return MODEL.request(interaction).model_dump(mode="json", exclude_none=True)


def yukawa(strength, screening):
    """Return the crystal and an ion of another interaction."""
    return {**ion("yukawa-4eV"), "interaction": {"yukawa": {"strength": strength, "screening": screening}}}


def walk(equations, energy, interaction, ions):
    """Return name and request of a diffusion run at a thermal energy in meV."""
    request = {**ion(interaction), "equations": equations, "temperature": energy * MEV, "ions": ions, "species": "Li"}
    return (
        f"{equations}-{interaction}-{energy:g}meV-{ions}",
        "diffusion",
        {**request, "production": PRODUCTION[equations]},
    )


def runs(figure):
    """Return name, experiment and request of the runs of a figure."""
    if figure == "1":
        temperatures = [energy * MEV for energy in BATH]
        crystal = MODEL.crystal.model_dump(mode="json", exclude_none=True)
        return [("crystal", "crystal", {"crystal": crystal, "temperatures": temperatures})]
    if figure == "3":
        return [
            (f"reflection-{screening:g}-{speed:g}", "reflection",
             {**yukawa(14.0, screening), "speed": speed, "start": 24.0 * screening})
            for screening, speed in COLLISIONS
        ]  # fmt: skip
    if figure == "4":
        return [("dissipation", "dissipation", yukawa(0.15, 0.5))]
    if figure == "energy":
        return [("conservation", "conservation", ion("yukawa-4eV"))]
    if figure in {"5", "6"}:
        return [walk("time-local", energy, interaction, 1) for energy, interaction in WALKS]
    equations = "time-local" if figure == "7a" else "full"
    return [walk(equations, energy, "yukawa-4eV", IONS[equations]) for energy in LADDER]


def compute(folder, figures):
    """Compute what the folder lacks, two runs at a time, and return the results by name."""
    wanted = {name: (experiment, request) for figure in figures for name, experiment, request in runs(figure)}
    missing = [name for name, (_, request) in wanted.items() if not is_done(folder / name, request)]
    began = time.monotonic()
    finished = []

    def one(name):
        experiment, request = wanted[name]
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "request.json").write_text(json.dumps(request, indent=1), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "aiida_superionic.lattice.script",
            experiment,
            str(place / "request.json"),
            "--output",
            str(place),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        # 4: a number is only bounded, which the page shows.
        if ended.returncode not in {0, 4}:
            raise SuperionicError(f"{name}: {ended.stderr.strip()}")
        finished.append(name)
        seconds = time.monotonic() - began
        CONSOLE.print(f"{len(finished)} of {len(missing)} runs, {seconds:.0f} s: {name}", soft_wrap=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, missing))
    return {name: read_results(folder / name)[0] for name in wanted}


def is_done(place, request):
    """Return whether a folder holds the results of a request."""
    asked = place / "request.json"
    return (place / "results.json").exists() and json.loads(asked.read_text(encoding="utf-8")) == request


def drawn(figure, results):
    """Return the figure, and the Arrhenius fit where it has one."""
    named = {name: results[name] for name, _, _ in runs(figure)}
    values = list(named.values())
    if figure == "1":
        return lattice_plots.bath_plot(values[0], [energy * MEV for energy in BATH]), None
    if figure == "3":
        labels = [f"λ = {screening:g} Å, {speed:g} Å/ps" for screening, speed in COLLISIONS]
        return lattice_plots.reflection_plot(dict(zip(labels, values, strict=True))), None
    if figure == "4":
        return lattice_plots.dissipation_plot(values[0]), None
    if figure == "energy":
        return lattice_plots.conservation_plot(values[0]), None
    if figure in {"5", "6"}:
        labels = [f"{energy:g} meV, {interaction.removeprefix('yukawa-')}" for energy, interaction in WALKS]
        labelled = dict(zip(labels, values, strict=True))
        if figure == "5":
            return lattice_plots.path_plot(labelled, "Li"), None
        title = "Mean squared displacement"
        return lattice_plots.displacement_plot("displacement", title, labelled, "Li", FIT_START), None
    by_temperature = {energy * MEV: result for energy, result in zip(LADDER, values, strict=True)}
    coefficients = {t: result.scalars["diffusion_coefficient_Li"] for t, result in by_temperature.items()}
    known = [(t, scalar.value, scalar.error) for t, scalar in coefficients.items() if scalar.value is not None]
    fit = fit_arrhenius(*zip(*known, strict=True))
    title = "Diffusion, time-local" if figure == "7a" else "Diffusion, full equations"
    return lattice_plots.arrhenius_plot(f"diffusion-{figure}", title, by_temperature, "Li", FIT_START, fit), fit


@tells_user_errors
def main():
    """Compute, draw, and write the page."""
    if len(sys.argv) < 2:
        raise SuperionicError("give a folder for the results, and figures after it if not all are wanted")
    folder, figures = Path(sys.argv[1]), sys.argv[2:] or list(FIGURES)
    if unknown := [figure for figure in figures if figure not in FIGURES]:
        raise SuperionicError(f"{unknown[0]} is not one of the figures {', '.join(FIGURES)}")
    results = compute(folder, figures)
    plots, fits = [], {}
    for figure in figures:
        plot, fit = drawn(figure, results)
        plots.append((figure, plot))
        if fit is not None:
            fits["time-local" if figure == "7a" else "full"] = fit
    tables = comparison(MODEL, results, fits)
    for table in tables:
        CONSOLE.print(table.rich())
    page = folder / ("time-local.html" if len(figures) == len(FIGURES) else f"figure-{'-'.join(figures)}.html")
    write_lattice_report(page, MODEL.citation, plots, tables)
    CONSOLE.print(f"page: {page.absolute()}", soft_wrap=True)


if __name__ == "__main__":
    main()
