"""What NequIP is given to train a network: settings, the input file, and the frames by subset.

Defaults are those of "Electronic paddlewheels impact the dynamics of superionic conduction in AgI" where it names them:
the cutoff, the learning rate and when it is halved, the batch, and when the training ends. It does not name the size of
the network. See "E(3)-equivariant graph neural networks for data-efficient and accurate interatomic potentials".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from aiida_superionic.datafiles import dump_yaml
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.datasets.extxyz import write_extxyz
from aiida_superionic.learning.training import TrainingSettings
from aiida_superionic.potentials.nequip import Target

INPUT_FILE = "train.yaml"
FOLDER = "training"
"""Of what the training writes: metrics, and in a folder below it the checkpoints."""

METRICS_FILE = "metrics.csv"
CHECKPOINTS_FOLDER = "checkpoints"
BEST_CHECKPOINT = "best.ckpt"
LAST_CHECKPOINT = "last.ckpt"
FRAMES_FILES = {"train": "train.xyz", "validation": "validation.xyz"}

_JUDGED_BY = "val0_epoch/forces_rmse"
_BATCH_WITHOUT_TRAINING = 10
_NEVER = 1_000_000_000


class NequipSettings(TrainingSettings):
    """One network and its training."""

    learning_rate: float = Field(default=0.005, gt=0.0, description="At the beginning")
    layers: int = Field(default=4, ge=1, description="Interaction blocks")
    features: int = Field(default=32, ge=1, description="Of each degree and parity")
    max_degree: int = Field(default=2, ge=0, le=4, description="Highest degree of the features, l_max")
    parity: bool = Field(default=True, description="Features of odd parity too")
    radial_width: int = Field(default=64, ge=1, description="Neurons of the radial network")
    precision: Literal["float32", "float64"] = Field(default="float32", description="Of the network")
    batch: int = Field(default=5, ge=1, description="Frames in a step of the optimiser")
    plateau_factor: float = Field(default=0.5, gt=0.0, lt=1.0, description="Of the learning rate on a plateau")
    plateau_epochs: int = Field(
        default=100, ge=1, description="Without a smaller error of the forces on validation, after which it is lowered"
    )
    averaging: float = Field(
        default=0.99, gt=0.0, lt=1.0, description="Share of the former mean of the weights that a step keeps"
    )
    epochs: int = Field(default=2100, ge=1, description="At most")
    force_target: float | None = Field(
        default=0.009,
        gt=0.0,
        description="Error of the forces on validation at which training ends, eV/Å; none if null",
    )
    energy_weight: float = Field(default=1.0, ge=0.0, description="Of the squared error in eV/atom")
    force_weight: float = Field(default=1.0, gt=0.0, description="Of the squared error in eV/Å")
    virial_weight: float = Field(default=1.0, ge=0.0, description="Of the squared error in eV/atom")
    target: Target = Field(
        default="ase", description="What the model is compiled for: our driver, or a LAMMPS' own style"
    )


def training_input(settings: NequipSettings, dataset: Dataset, seed: int) -> str:
    """Return the input file of ``nequip-train``.

    Parameters
    ----------
    settings
        Of the network and of its training.
    dataset
        Divided into subsets; what the network is scaled by is that of ``train``.
    seed
        Of the weights and of the order of the frames.

    Raises
    ------
    aiida_superionic.datasets.DatasetError
        If no frame is in ``train``.
    """
    frames = dataset.subset("train").frames
    species = list(dataset.species)
    weights = {"total_energy": settings.energy_weight, "forces": settings.force_weight}
    if settings.learn_stress:
        # The stress times the volume is the virial: its error weighs as that of the energy, whatever the density.
        volume = np.mean([abs(np.linalg.det(frame.cell)) / len(frame.species) for frame in frames])
        weights["stress"] = settings.virial_weight * float(volume) ** 2
    kind = "EnergyForceStress" if settings.learn_stress else "EnergyForce"
    metrics = {
        "_target_": f"nequip.train.{kind}Metrics",
        "coeffs": {"per_atom_energy_rmse": 1.0, "forces_rmse": 1.0},
    }
    return dump_yaml(
        {
            "hydra": {"run": {"dir": "."}, "output_subdir": None},
            "run": ["train"],
            "data": _data(settings, species, seed),
            "trainer": _trainer(settings),
            "training_module": {
                "_target_": "nequip.train.EMALightningModule",
                "ema_decay": settings.averaging,
                "loss": {"_target_": f"nequip.train.{kind}Loss", "per_atom_energy": True, "coeffs": weights},
                "train_metrics": metrics,
                "val_metrics": metrics,
                "optimizer": {"_target_": "torch.optim.Adam", "lr": settings.learning_rate},
                "lr_scheduler": {
                    "scheduler": {
                        "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
                        "factor": settings.plateau_factor,
                        "patience": settings.plateau_epochs,
                    },
                    "monitor": _JUDGED_BY,
                    "interval": "epoch",
                    "frequency": 1,
                },
                "model": {
                    "_target_": "nequip.model.NequIPGNNModel",
                    "seed": seed,
                    "model_dtype": settings.precision,
                    "type_names": species,
                    "r_max": settings.cutoff,
                    "num_layers": settings.layers,
                    "l_max": settings.max_degree,
                    "parity": settings.parity,
                    "num_features": settings.features,
                    "radial_mlp_depth": 1,
                    "radial_mlp_width": settings.radial_width,
                    "avg_num_neighbors": "${training_data_stats:num_neighbors_mean}",
                    "per_type_energy_scales": "${training_data_stats:per_type_forces_rms}",
                    "per_type_energy_shifts": _own_energies(frames, species),
                },
            },
        }
    )


def frames_text(dataset: Dataset, subset: str, *, with_stress: bool) -> str:
    """Return the frames of a subset as extended XYZ: NequIP takes Å, eV, and a stress that is positive under tension.

    Parameters
    ----------
    dataset
        The frames.
    subset
        One of :data:`FRAMES_FILES`.
    with_stress
        Whether stresses are written; a file where only some frames have one cannot be read.
    """
    chosen = dataset.subset(subset)
    if with_stress:
        return write_extxyz(chosen)
    return write_extxyz(replace(chosen, frames=tuple(replace(frame, stress=None) for frame in chosen.frames)))


def _data(settings: NequipSettings, species: list[str], seed: int) -> dict[str, Any]:
    loader = {"_target_": "torch.utils.data.DataLoader", "num_workers": 0}
    return {
        "_target_": "nequip.data.datamodule.ASEDataModule",
        "seed": seed,
        "train_file_path": FRAMES_FILES["train"],
        "val_file_path": FRAMES_FILES["validation"],
        "transforms": [
            {
                "_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper",
                "model_type_names": species,
                "chemical_species_to_atom_type_map": {symbol: symbol for symbol in species},
            },
            {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": settings.cutoff},
        ],
        "train_dataloader": {**loader, "batch_size": settings.batch, "shuffle": True},
        "val_dataloader": {**loader, "batch_size": _BATCH_WITHOUT_TRAINING},
        "stats_manager": {
            "_target_": "nequip.data.CommonDataStatisticsManager",
            "dataloader_kwargs": {"batch_size": _BATCH_WITHOUT_TRAINING},
            "type_names": species,
        },
    }


def _trainer(settings: NequipSettings) -> dict[str, Any]:
    checkpoint = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "enable_version_counter": False}
    stop = {"stopping_threshold": settings.force_target} if settings.force_target is not None else {}
    return {
        "_target_": "lightning.Trainer",
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": settings.epochs,
        "enable_progress_bar": False,
        # Errors are written by the epoch; those of single batches say little.
        "log_every_n_steps": _NEVER,
        "logger": {
            "_target_": "lightning.pytorch.loggers.csv_logs.CSVLogger",
            "save_dir": FOLDER,
            "name": "",
            "version": "",
            # A job that is cut off leaves what it had reached.
            "flush_logs_every_n_steps": 1,
        },
        "callbacks": [
            # Their folder is the logger's, by a relative path: what is told of the best checkpoint is forgotten where a
            # training goes on in a folder of another name.
            {
                **checkpoint,
                "filename": BEST_CHECKPOINT.removesuffix(".ckpt"),
                "monitor": _JUDGED_BY,
            },
            {
                **checkpoint,
                "filename": LAST_CHECKPOINT.removesuffix(".ckpt"),
                "save_on_train_epoch_end": True,
            },
            {
                "_target_": "lightning.pytorch.callbacks.EarlyStopping",
                "monitor": _JUDGED_BY,
                "patience": settings.epochs,
                "check_finite": True,
                **stop,
            },
        ],
    }


def _own_energies(frames: Sequence[Frame], species: Sequence[str]) -> dict[str, float]:
    """Return the energy of an atom of each species by which those of the frames differ least from their sums, in eV."""
    counts = np.array([[frame.species.count(symbol) for symbol in species] for frame in frames], dtype=np.float64)
    energies = np.array([frame.labels[0] for frame in frames])
    return dict(zip(species, (np.linalg.pinv(counts) @ energies).tolist(), strict=True))
