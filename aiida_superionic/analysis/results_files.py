"""results.json and curves.npz: the results of several observables, as files."""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np

import aiida_superionic
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.trajectory import Trajectory

RESULTS_FILE = "results.json"
CURVES_FILE = "curves.npz"


def write_results(
    folder: Path,
    trajectory: Trajectory,
    results: Mapping[str, Result],
    parameters: Mapping[str, Mapping[str, object]],
    failures: Mapping[str, str],
) -> None:
    """Write both files into a folder, each whole or not at all.

    Parameters
    ----------
    folder
        Made where it does not exist.
    trajectory
        What the results are of.
    results
        By name of the observable. Every number in them is finite or None.
    parameters
        All parameters of each observable with the values that were used.
    failures
        By name of the observable, one sentence for each that gave no number.
    """
    scalars = {name: scalar for result in results.values() for name, scalar in result.scalars.items()}
    curves = {name: curve for result in results.values() for name, curve in result.curves.items()}
    summary = {
        "version": aiida_superionic.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "n_frames": trajectory.n_frames,
        "timestep": trajectory.timestep,
        "observables": {name: asdict(scalar) for name, scalar in scalars.items()},
        "curves": {
            name: {key: getattr(curve, key) for key in ("x_label", "x_unit", "y_label", "y_unit")}
            for name, curve in curves.items()
        },
        "parameters": parameters,
        "failures": failures,
    }
    arrays = {f"{name}__{key}": array for name, curve in curves.items() for key, array in _arrays(curve).items()}
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / CURVES_FILE, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
    _write_whole(folder / RESULTS_FILE, lambda file: file.write(text.encode()))


def without_undefined_numbers(result: Result) -> tuple[Result, list[str]]:
    """Return a result with None in place of NaN and infinity, and the names of the scalars that this took.

    A curve that holds such a number is left out, and named too.
    """
    undefined = []
    scalars = {}
    for name, scalar in result.scalars.items():
        numbers = (scalar.value, scalar.error, scalar.upper_bound)
        value, error, upper_bound = (None if x is None or not math.isfinite(x) else float(x) for x in numbers)
        scalars[name] = Scalar(value, error, scalar.unit, upper_bound)
        if (value, error, upper_bound) != numbers:
            undefined.append(name)
    curves = {}
    for name, curve in result.curves.items():
        if all(np.isfinite(array).all() for array in _arrays(curve).values()):
            curves[name] = curve
        else:
            undefined.append(name)
    return Result(scalars, curves), undefined


def _arrays(curve: Curve) -> dict[str, np.ndarray]:
    arrays = {"x": curve.x, "y": curve.y}
    return arrays if curve.error is None else {**arrays, "error": curve.error}


def _write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    path.chmod(0o644)
