"""A dataset on the graph."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data

from aiida_superionic.datasets import Dataset
from aiida_superionic.datasets.extxyz import read_extxyz, write_extxyz


class DatasetData(Data):
    """Frames as extended XYZ, and what people filter on as attributes.

    Parameters
    ----------
    dataset
        The frames and their level of theory.

    Raises
    ------
    aiida_superionic.datasets.DatasetError
        If a text of it cannot be written into the file.

    Notes
    -----
    Attributes: ``n_frames``; ``species`` and ``formulas``; ``fields``, those of energy, forces and stress that every
    frame has; ``level_of_theory``, null where the frames are not labelled; ``sources`` and, in the same order,
    ``licences``; ``units``; ``temperatures`` with ``lowest`` and ``highest`` in K, null where that of a frame is not
    known; ``split``, the number of frames by subset; ``sha256`` of the file.
    """

    FILE = "frames.xyz"

    def __init__(self, dataset: Dataset | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if dataset is not None:
            content = write_extxyz(dataset).encode()
            self.base.repository.put_object_from_filelike(io.BytesIO(content), self.FILE)
            self.base.attributes.set_many({**_described(dataset), "sha256": hashlib.sha256(content).hexdigest()})

    def _validate(self) -> None:
        super()._validate()
        if self.FILE not in self.base.repository.list_object_names():
            raise ValidationError("a dataset needs frames")
        if hashlib.sha256(self.text.encode()).hexdigest() != self.base.attributes.get("sha256", None):
            raise ValidationError("the frames are not those that the attributes describe")

    @property
    def text(self) -> str:
        """The frames as extended XYZ."""
        return str(self.base.repository.get_object_content(self.FILE))

    @property
    def dataset(self) -> Dataset:
        """The frames and their level of theory."""
        return read_extxyz(self.text, self.FILE)


def _described(dataset: Dataset) -> dict[str, Any]:
    frames = dataset.frames
    temperatures = [frame.temperature for frame in frames]
    known = [temperature for temperature in temperatures if temperature is not None]
    fields = ("energy", "forces", "stress")
    return {
        "n_frames": len(frames),
        "species": list(dataset.species),
        "formulas": list(dataset.formulas),
        "fields": [name for name in fields if all(getattr(frame, name) is not None for frame in frames)],
        "level_of_theory": dataset.level_of_theory,
        "sources": [source for source, _ in dataset.sources],
        "licences": [licence for _, licence in dataset.sources],
        "units": {"length": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "temperature": "K"},
        "temperatures": {"lowest": min(known), "highest": max(known)} if len(known) == len(frames) else None,
        "split": dataset.sizes,
    }
