"""Frames of datasets on their way to the jobs that label them, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset
from aiida_superionic.datasets.dataset import ordered
from aiida_superionic.datasets.frame import Frame


def batches_of(dataset: Dataset, batch_size: int) -> list[list[int]]:
    """Return the numbers of the frames of each batch: of one composition, and near to each other in the dataset."""
    batches: list[list[int]] = []
    for formula in dataset.formulas:
        numbers = [number for number, frame in enumerate(dataset.frames) if frame.formula == formula]
        # No batch is much shorter than another: 21 frames in batches of at most 20 are 11 and 10.
        parts = np.array_split(numbers, -(-len(numbers) // batch_size))
        batches += [part.tolist() for part in parts]
    return batches


@calcfunction
def frames_of_trajectory(trajectory: orm.TrajectoryData, temperature: orm.Float | None = None) -> DatasetData:
    """Make a dataset without labels of AiiDA's trajectory; the temperature of its run in K is not known if absent."""
    species, origin = tuple(trajectory.symbols), f"trajectory {trajectory.uuid}"
    at = None if temperature is None else temperature.value
    frames = [
        Frame(species, positions, cell, temperature=at, origin=f"{origin} frame {number}")
        for number, (positions, cell) in enumerate(zip(trajectory.get_positions(), trajectory.get_cells(), strict=True))
    ]
    return DatasetData(Dataset(ordered(frames)))


@calcfunction
def frames_of_structures(**structures: orm.StructureData) -> DatasetData:
    """Make a dataset without labels of structures, in the order of their names."""
    frames = []
    for name in sorted(structures):
        atoms = structures[name].get_ase()
        origin = f"structure {structures[name].uuid}"
        frames.append(Frame(tuple(atoms.get_chemical_symbols()), atoms.positions, atoms.cell.array, origin=origin))
    return DatasetData(Dataset(ordered(frames)))


@calcfunction
def take_batch(dataset: DatasetData, numbers: orm.List) -> dict[str, orm.Data]:
    """Return some frames of a dataset as a job takes them: ``trajectory``, and its first ``structure``."""
    frames = dataset.dataset.take(numbers.get_list()).frames
    trajectory = make_trajectory(
        list(frames[0].species), np.array([f.positions for f in frames]), np.array([f.cell for f in frames])
    )
    return {"trajectory": trajectory, "structure": trajectory.get_step_structure(0)}


@calcfunction
def label_dataset(
    dataset: DatasetData, level_of_theory: orm.Str, batches: orm.Dict, **labels: orm.ArrayData
) -> DatasetData:
    """Return the frames of a dataset that were labelled, in their order, with labels in place of those they had.

    ``batches`` holds by the name of each batch the numbers that its frames have in the dataset. The origin of a frame
    names the node of its labels, from which the graph leads to the job.
    """
    frames = dataset.dataset.frames
    labelled = {}
    for name, node in labels.items():
        numbers = batches[name]
        for k, index in enumerate(node.get_array("index")):
            frame = frames[numbers[index]]
            labelled[numbers[index]] = replace(
                frame,
                energy=float(node.get_array("energies")[k]),
                forces=node.get_array("forces")[k],
                stress=node.get_array("stress")[k] if "stress" in node.get_arraynames() else None,
                origin="; ".join(filter(None, [frame.origin, f"labels {node.uuid} frame {index}"])),
            )
    return DatasetData(Dataset(ordered(labelled[number] for number in sorted(labelled)), level_of_theory.value))
