"""What is done to datasets, each step a node of its own on the graph.

A request that cannot be met ends the step with exit code 210 and a sentence; no dataset is made.
"""

from __future__ import annotations

from collections.abc import Callable

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, DatasetError
from aiida_superionic.datasets.displacement import displace
from aiida_superionic.datasets.division import merge, split
from aiida_superionic.datasets.extxyz import Declared, read_extxyz
from aiida_superionic.datasets.selection import select

_ERROR_INVALID_REQUEST = 210


@calcfunction
def import_dataset(file: orm.SinglefileData, declared: orm.Dict) -> DatasetData | ExitCode:
    """Make a dataset of a file of extended XYZ and of what the file does not say itself.

    ``declared`` holds the parameters of :class:`aiida_superionic.datasets.extxyz.Declared` but for the origin, which is
    the name of the file.
    """
    said = Declared(origin=file.filename, **declared.get_dict())
    return _made(lambda: read_extxyz(file.get_content(), file.filename, said))


@calcfunction
def select_frames(dataset: DatasetData, method: orm.Str, n_frames: orm.Int) -> DatasetData | ExitCode:
    """Choose frames by a method of :data:`aiida_superionic.datasets.selection.SELECTIONS`."""

    def make() -> Dataset:
        frames = dataset.dataset
        return frames.take(select(frames.frames, method.value, n_frames.value))

    return _made(make)


@calcfunction
def split_dataset(dataset: DatasetData, sizes: orm.Dict, seed: orm.Int) -> DatasetData | ExitCode:
    """Draw the frames into subsets of some sizes: ``train``, ``validation`` and ``test``."""
    return _made(lambda: split(dataset.dataset, sizes.get_dict(), seed.value))


@calcfunction
def displace_frames(dataset: DatasetData, deviations: orm.Dict, seed: orm.Int) -> DatasetData | ExitCode:
    """Displace atoms at random, by species with the standard deviation of each component in Å."""
    return _made(lambda: displace(dataset.dataset, deviations.get_dict(), seed.value))


@calcfunction
def merge_datasets(**datasets: DatasetData) -> DatasetData | ExitCode:
    """Join datasets of one level of theory in the order of their names, each configuration once."""
    return _made(lambda: merge([datasets[name].dataset for name in sorted(datasets)]))


def _made(make: Callable[[], Dataset]) -> DatasetData | ExitCode:
    try:
        return DatasetData(make())
    except DatasetError as error:
        return ExitCode(_ERROR_INVALID_REQUEST, str(error))
