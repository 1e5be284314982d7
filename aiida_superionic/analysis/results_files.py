"""results.json and curves.npz: the results of several observables, as files.

Surfaces lie among the curves, with a z beside x and y. Files that an observable made lie in a folder beside them.
"""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import aiida_superionic
from aiida_superionic.analysis.results import Curve, Result, Scalar, Surface

RESULTS_FILE = "results.json"
CURVES_FILE = "curves.npz"
FILES_FOLDER = "files"

_T = TypeVar("_T", str, NDArray[Any])


def write_results(
    folder: Path,
    run: Mapping[str, object],
    results: Mapping[str, Result],
    parameters: Mapping[str, Mapping[str, object]],
    failures: Mapping[str, str],
    refusals: Mapping[str, str],
) -> None:
    """Write all files into a folder, each whole or not at all.

    Parameters
    ----------
    folder
        Made where it does not exist.
    run
        What is known of the run as a whole, by names of their own.
    results
        By name of the observable. Every number in them is finite or None.
    parameters
        All parameters of each observable with the values that were used.
    failures
        By name of the observable, one sentence for each that the trajectory does not determine.
    refusals
        By name of the observable, one sentence for each that cannot be computed as it was asked for.
    """
    scalars = {name: scalar for result in results.values() for name, scalar in result.scalars.items()}
    curves = {name: curve for result in results.values() for name, curve in _curves_and_surfaces(result).items()}
    files = {name: text for result in results.values() for name, text in result.files.items()}
    summary = {
        "version": aiida_superionic.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **run,
        "observables": {name: asdict(scalar) for name, scalar in scalars.items()},
        "curves": {name: _of_type(curve, str) for name, curve in curves.items()},
        "files": sorted(files),
        "parameters": parameters,
        "names": {name: [*result.scalars, *_curves_and_surfaces(result)] for name, result in results.items()},
        "failures": failures,
        "refusals": refusals,
    }
    arrays = {
        f"{name}__{key}": array for name, curve in curves.items() for key, array in _of_type(curve, np.ndarray).items()
    }
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    if files:
        (folder / FILES_FOLDER).mkdir(exist_ok=True)
    for name, content in files.items():
        _write_text(folder / FILES_FOLDER / name, content)
    _write_whole(folder / CURVES_FILE, lambda file: np.savez_compressed(file, **dict[str, Any](arrays)))
    _write_text(folder / RESULTS_FILE, text)


def read_results(folder: Path) -> tuple[Result, dict[str, Any]]:
    """Return the scalars and curves of a folder that :func:`write_results` wrote, and the rest of what it says.

    Surfaces and files are left where they are.

    Raises
    ------
    OSError, ValueError, KeyError
        If the files cannot be read or are not of this kind.
    """
    summary = json.loads((folder / RESULTS_FILE).read_text(encoding="utf-8"))
    scalars = {name: Scalar(**scalar) for name, scalar in summary.pop("observables").items()}
    curves = {}
    with np.load(folder / CURVES_FILE, allow_pickle=False) as arrays:
        for name, labels in summary.pop("curves").items():
            if "z_label" not in labels:
                parts = {key: arrays[f"{name}__{key}"] for key in ("x", "y", "error") if f"{name}__{key}" in arrays}
                curves[name] = Curve(**parts, **labels)
    return Result(scalars, curves), summary


def without_undefined_numbers(result: Result) -> tuple[Result, list[str]]:
    """Return a result with None in place of NaN and infinity, and the names of the scalars that this took.

    A curve or surface that holds such a number is left out, and named too.
    """
    undefined = []
    scalars = {}
    for name, scalar in result.scalars.items():
        numbers = (scalar.value, scalar.error, scalar.upper_bound, scalar.lower_bound, scalar.estimate)
        value, error, *bounds = (None if x is None or not math.isfinite(x) else float(x) for x in numbers)
        scalars[name] = Scalar(value, error, scalar.unit, *bounds)
        if (value, error, *bounds) != numbers:
            undefined.append(name)
    undefined += [name for name, curve in _curves_and_surfaces(result).items() if not _is_finite(curve)]
    return Result(
        scalars,
        {name: curve for name, curve in result.curves.items() if _is_finite(curve)},
        {name: surface for name, surface in result.surfaces.items() if _is_finite(surface)},
        result.files,
    ), undefined


def _curves_and_surfaces(result: Result) -> dict[str, Curve | Surface]:
    return {**result.curves, **result.surfaces}


def _is_finite(curve: Curve | Surface) -> bool:
    return all(np.isfinite(array).all() for array in _of_type(curve, np.ndarray).values())


def _of_type(curve: Curve | Surface, kind: type[_T]) -> dict[str, _T]:
    """Return the arrays, or the labels and units, of a curve or a surface by field."""
    values = {field.name: getattr(curve, field.name) for field in fields(curve)}
    return {name: value for name, value in values.items() if isinstance(value, kind)}


def _write_text(path: Path, text: str) -> None:
    _write_whole(path, lambda file: file.write(text.encode()))


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
