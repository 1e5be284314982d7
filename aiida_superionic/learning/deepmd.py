"""What DeePMD-kit is told and given to train a deep potential.

A smooth embedding of the neighbours (``se_e2_a``), and a network for the energy of an atom of each species. See
"End-to-end Symmetry Preserving Inter-atomic Potential Energy Model for Finite and Extended Systems".
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.learning.training import TrainingSettings

LEARNING_CURVE_FILE = "lcurve.out"
CHECKPOINT = "model.ckpt"
_DECAYS = 60
_SET = "set.000"


class DeepmdSettings(TrainingSettings):
    """The network and its training."""

    learning_rate: float = Field(default=3e-3, gt=0.0, description="At the beginning")
    learning_rate_decay: float = Field(
        default=3e-3, gt=0.0, lt=1.0, description="The learning rate at the end, over that at the beginning"
    )
    smooth_from: float = Field(default=1.0, gt=0.0, description="Å from which on neighbours begin to fade")
    embedding: tuple[PositiveInt, ...] = Field(default=(16, 32, 64), min_length=1, description="Neurons of its layers")
    axes: PositiveInt = Field(default=8, description="Columns of the embedding that make the descriptor")
    fitting: tuple[PositiveInt, ...] = Field(default=(64, 64, 64), min_length=1, description="Neurons of its layers")
    precision: Literal["float32", "float64"] = Field(default="float32", description="Of the network")
    neighbour_margin: float = Field(
        default=1.2, ge=1.0, description="Most neighbours that the model counts, over the most in the frames"
    )
    steps: PositiveInt = Field(default=20_000, description="Batches that are learned from")
    batch: PositiveInt = Field(default=1, description="Frames in a batch")
    energy_weights: tuple[float, float] = Field(default=(0.02, 1.0), description="In the loss, at first and at last")
    force_weights: tuple[float, float] = Field(default=(1000.0, 10.0), description="In the loss, at first and at last")
    stress_weights: tuple[float, float] = Field(default=(0.02, 1.0), description="Of the virial, at first and at last")
    report_every: PositiveInt = Field(default=200, description="Steps between two points of the learning curves")
    checkpoint_every: PositiveInt = Field(default=1000, description="Steps between two checkpoints")

    @model_validator(mode="after")
    def _consistent(self) -> DeepmdSettings:
        if self.smooth_from >= self.cutoff:
            raise ValueError(f"smooth_from is {self.smooth_from} Å, not below the cutoff of {self.cutoff} Å")
        if self.axes > self.embedding[-1]:
            raise ValueError(f"axes is {self.axes} where the embedding has {self.embedding[-1]} columns")
        # DeePMD-kit writes checkpoints only where it reports, and none at the end if there should be one already.
        if self.checkpoint_every % self.report_every:
            raise ValueError(
                f"checkpoint_every is {self.checkpoint_every}, not a multiple of report_every, {self.report_every}"
            )
        return self


def training_input(settings: DeepmdSettings, dataset: Dataset, seed: int) -> str:
    """Return the input file of ``dp train``.

    Parameters
    ----------
    settings
        The network and its training.
    dataset
        Whose files are those of :func:`training_files`.
    seed
        Of the networks, and of the order of the batches.
    """
    networks = {"precision": settings.precision, "seed": seed}
    energy, force, virial = settings.energy_weights, settings.force_weights, settings.stress_weights
    if not settings.learn_stress:
        virial = (0.0, 0.0)
    validation = len(dataset.subset("validation").frames)
    told: dict[str, Any] = {
        "model": {
            "type_map": list(dataset.species),
            "descriptor": {
                "type": "se_e2_a",
                "sel": f"auto:{settings.neighbour_margin!r}",
                "rcut": settings.cutoff,
                "rcut_smth": settings.smooth_from,
                "neuron": list(settings.embedding),
                "axis_neuron": settings.axes,
                "type_one_side": True,
                **networks,
            },
            "fitting_net": {"neuron": list(settings.fitting), "resnet_dt": True, **networks},
        },
        "learning_rate": {
            "type": "exp",
            "decay_steps": max(1, settings.steps // _DECAYS),
            "start_lr": settings.learning_rate,
            "stop_lr": settings.learning_rate * settings.learning_rate_decay,
        },
        "loss": {
            "type": "ener",
            "start_pref_e": energy[0],
            "limit_pref_e": energy[1],
            "start_pref_f": force[0],
            "limit_pref_f": force[1],
            "start_pref_v": virial[0],
            "limit_pref_v": virial[1],
        },
        "training": {
            "training_data": {"systems": system_folders(dataset, "train"), "batch_size": settings.batch},
            "validation_data": {
                "systems": system_folders(dataset, "validation"),
                "batch_size": settings.batch,
                "numb_btch": -(-validation // settings.batch),
            },
            "numb_steps": settings.steps,
            "seed": seed,
            "disp_file": LEARNING_CURVE_FILE,
            "disp_freq": settings.report_every,
            "save_ckpt": CHECKPOINT,
            "save_freq": settings.checkpoint_every,
        },
    }
    return json.dumps(told, indent=1) + "\n"


def system_folders(dataset: Dataset, subset: str) -> list[str]:
    """Return the folders of the frames of a subset, one for each composition."""
    return [f"{subset}/{formula}" for formula in dataset.subset(subset).formulas]


def training_files(dataset: Dataset, learn_stress: bool) -> dict[str, bytes]:
    """Return the frames of ``train`` and ``validation`` as DeePMD-kit reads them, by the name of each file.

    Energies in eV, forces in eV/Å, and the virial −V σ in eV, which is positive under pressure.

    Raises
    ------
    DatasetError
        If a frame has no labels, or no stress where it is to be learned.
    """
    files: dict[str, bytes] = {}
    for name in ("train", "validation"):
        frames = dataset.subset(name).frames
        for folder in system_folders(dataset, name):
            of_system = [frame for frame in frames if f"{name}/{frame.formula}" == folder]
            written = _system(of_system, dataset.species, learn_stress)
            files |= {f"{folder}/{file}": content for file, content in written}
    return files


def _system(frames: Sequence[Frame], species: Sequence[str], learn_stress: bool) -> list[tuple[str, bytes]]:
    kinds = [species.index(symbol) for symbol in frames[0].species]
    arrays = {
        "coord": [frame.positions for frame in frames],
        "box": [frame.cell for frame in frames],
        "energy": [np.array(frame.labels[0]) for frame in frames],
        "force": [frame.labels[1] for frame in frames],
    }
    if learn_stress:
        arrays["virial"] = [_virial(frame) for frame in frames]
    return [
        ("type.raw", "".join(f"{kind}\n" for kind in kinds).encode()),
        ("type_map.raw", "".join(f"{symbol}\n" for symbol in species).encode()),
        *((f"{_SET}/{name}.npy", _npy(np.array([one.ravel() for one in rows]))) for name, rows in arrays.items()),
    ]


def _virial(frame: Frame) -> NDArray[np.float64]:
    if frame.stress is None:
        raise DatasetError(f"a frame of {frame.formula} has no stress{f' ({frame.origin})' if frame.origin else ''}")
    return -abs(float(np.linalg.det(frame.cell))) * frame.stress


def _npy(array: NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
