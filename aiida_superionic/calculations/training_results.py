"""What a training came to: errors by subset and species over a committee, and the curves that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.calculations.curves import curves_node
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset
from aiida_superionic.learning import reliability
from aiida_superionic.learning.errors import UNITS, label_errors, label_pairs, numbers_by_subset

POTENTIAL, MEMBER = "potential", "member_{number}"
"""Names of the potential that a training puts out, and of the members of its committee."""

_MOST_TEMPERATURES = 8
"""Of a subset, that are told from one another."""

Array = reliability.Array


@calcfunction
def summarise_training(
    dataset: DatasetData,
    potential: PotentialData,
    force_errors: orm.ArrayData | None = None,
    **outcomes: DatasetData | orm.ArrayData,
) -> dict[str, orm.Data]:
    """Return the errors of a committee on each subset of the dataset that it was trained on.

    Parameters
    ----------
    dataset
        The frames with the labels that were learned.
    potential
        What is put out: the mean of the committee, or its first member.
    force_errors
        Predicted errors of its forces, ``force_errors`` of ``superionic.fit``; None where it predicts none.
    outcomes
        By the name NAME of a potential, ``labels_NAME``: the frames with its labels; and ``curves_NAME``, its learning
        curves, where its training had steps.

    Returns
    -------
    dict
        ``report``: by subset the number of ``frames`` and for ``energy``, ``forces`` by species and ``stress`` the root
        mean square error of the ``potential``, and ``mean`` and ``spread``, the standard deviation, over the committee,
        null where there is none; ``observables``; ``curves``: learning curves, pairs of true and predicted labels, and
        how mistakes compare with predicted errors.
    """
    labelled = {
        name.removeprefix("labels_"): node.dataset for name, node in outcomes.items() if name.startswith("labels_")
    }
    curves = {
        f"{name.removeprefix('curves_')}_{curve}": _curve(node, curve)
        for name, node in outcomes.items()
        if name.startswith("curves_")
        for curve in node.base.attributes.get("axes")
    }
    true = dataset.dataset
    members = [one for name, one in labelled.items() if name != POTENTIAL]
    ours = labelled.get(POTENTIAL) or labelled[MEMBER.format(number=0)]
    errors: dict[str, dict[str, Any]] = {}
    for subset, numbers in numbers_by_subset(true).items():
        frames = [true.frames[k] for k in numbers]
        own, *others = (label_errors(frames, [one.frames[k] for k in numbers]) for one in (ours, *members))
        errors[subset] = {"frames": len(numbers), **_combined(own, others)}
        pairs = label_pairs(frames, [ours.frames[k] for k in numbers])
        curves |= {f"parity_{subset}_{name}": pair for name, pair in pairs.items()}
    scalars = _scalars(errors)
    if force_errors is not None:
        told, shown = _calibration(true, ours, force_errors.get_array("force_errors"))
        scalars |= told
        curves |= shown
    report = {"family": potential.potential.family, "committee": len(members), "errors": errors, "units": UNITS}
    return {
        "report": orm.Dict(report),
        "observables": orm.Dict({name: asdict(scalar) for name, scalar in scalars.items()}),
        "curves": curves_node(curves),
    }


def _curve(node: orm.ArrayData, name: str) -> Curve:
    return Curve(node.get_array(f"{name}__x"), node.get_array(f"{name}__y"), **node.base.attributes.get("axes")[name])


def _combined(own: Any, others: Sequence[Any]) -> Any:
    """Return each number of the potential beside mean and standard deviation of the same number of the members."""
    if isinstance(own, Mapping):
        return {key: _combined(value, [other[key] for other in others]) for key, value in own.items()}
    return {
        "potential": own,
        "mean": float(np.mean(others)) if others else None,
        "spread": float(np.std(others, ddof=1)) if len(others) > 1 else None,
    }


def _scalars(errors: Mapping[str, Mapping[str, Any]]) -> dict[str, Scalar]:
    """Return the errors under flat names: those of the potential, and those of the committee with their spread."""
    scalars = {}
    for subset, of_subset in errors.items():
        entries = {f"energy_error_{subset}": (of_subset["energy"], UNITS["energy"])}
        for species, entry in of_subset["forces"].items():
            kind = "" if species == "all" else f"_{species}"
            entries[f"force_error_{subset}{kind}"] = (entry, UNITS["forces"])
        if "stress" in of_subset:
            entries[f"stress_error_{subset}"] = (of_subset["stress"], UNITS["stress"])
        for name, (entry, unit) in entries.items():
            scalars[name] = Scalar(entry["potential"], None, unit)
            if entry["mean"] is not None:
                scalars[f"committee_{name}"] = Scalar(entry["mean"], entry["spread"], unit)
    return scalars


def _calibration(true: Dataset, ours: Dataset, flat: Array) -> tuple[dict[str, Scalar], dict[str, Curve]]:
    """Return how the mistakes of frames that were not learned from compare with their predicted errors."""
    ends = np.cumsum([len(frame.species) for frame in true.frames])
    errors = np.split(flat, ends[:-1])
    mistakes = [theirs.labels[1] - frame.labels[1] for frame, theirs in zip(true.frames, ours.frames, strict=True)]
    scalars, curves = {}, {}
    for name, numbers in _held_out(true).items():
        group = [mistakes[k] for k in numbers], [errors[k] for k in numbers]
        scalars[f"within_one_error_{name}"] = reliability.share_within(*group, 1.0)
        scalars[f"within_two_errors_{name}"] = reliability.share_within(*group, 2.0)
        curves[f"calibration_{name}"] = reliability.coverage(*group)
        curves[f"actual_error_{name}"] = reliability.actual_errors(*group)
    # The median over the atoms: one rare close pair says nothing of the frame.
    medians = np.array([np.median(error) for error in errors])
    learned = {frame.temperature for frame in true.frames if frame.subset == "train"}
    tested = [k for k, frame in enumerate(true.frames) if frame.subset == "test"]
    strange = np.array([true.frames[k].temperature not in learned for k in tested])
    if learned and None not in learned and np.any(strange) and not np.all(strange):
        values = medians[tested]
        scalars["unseen_temperatures_told_apart"] = reliability.told_apart(values[~strange], values[strange])
    return scalars, curves


def _held_out(dataset: Dataset) -> dict[str, list[int]]:
    """Return the numbers of the frames of each subset that was not learned from, and of each of its temperatures."""
    groups: dict[str, list[int]] = {}
    for subset, numbers in numbers_by_subset(dataset).items():
        if subset == "train":
            continue
        groups[subset] = numbers
        of_temperature: dict[str, list[int]] = {}
        for number in numbers:
            temperature = dataset.frames[number].temperature
            # A name holds no dot.
            name = "" if temperature is None else f"{subset}_{temperature:.0f}K"
            of_temperature.setdefault(name, []).append(number)
        if "" not in of_temperature and 1 < len(of_temperature) <= _MOST_TEMPERATURES:
            groups |= of_temperature
    return groups
