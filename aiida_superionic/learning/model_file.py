"""What a regression learned, as a file: enough to predict the error of forces on frames that come later."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from aiida_superionic.errors import SuperionicError
from aiida_superionic.learning.fit import LinearModel
from aiida_superionic.learning.force_error import ForceError
from aiida_superionic.learning.regression import Posterior
from aiida_superionic.potentials.pod import PodBasis


class ModelFileError(SuperionicError, ValueError):
    """A file that holds no model, or a damaged one."""


def write_model(path: Path, model: LinearModel, error: ForceError) -> None:
    """Write a model and the error of its forces as a NumPy archive of plain arrays: the same is the same file."""
    posterior = model.posterior
    with path.open("wb") as file:
        np.savez(
            file,
            basis=np.array(model.basis.model_dump_json()),
            level_of_theory=np.array(model.level_of_theory),
            mean=posterior.mean,
            root=posterior.root,
            noises=np.array(posterior.noises),
            log_evidence=np.array(posterior.log_evidence),
            own_energies=model.own_energies,
            typical_deviation=np.array(model.typical_deviation),
            force_error=np.array([error.floor, error.factor]),
        )


def read_model(path: Path) -> tuple[LinearModel, ForceError]:
    """Return what :func:`write_model` wrote.

    Raises
    ------
    ModelFileError
        If the file cannot be read, holds something else, or its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        basis = PodBasis.model_validate_json(str(arrays["basis"]))
        floor, factor = arrays["force_error"].tolist()
        posterior = Posterior(
            mean=arrays["mean"],
            root=arrays["root"],
            noises=tuple(arrays["noises"].tolist()),
            log_evidence=float(arrays["log_evidence"]),
        )
        own_energies, level = arrays["own_energies"], str(arrays["level_of_theory"])
        typical = float(arrays["typical_deviation"])
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, ValidationError) as error:
        raise ModelFileError(f"{path} holds no model that superionic-fit wrote, or a damaged one") from error
    n_species = len(basis.species)
    n_weights = basis.n_coefficients - n_species
    shapes = {"mean": (n_weights,), "root": (n_weights, n_weights), "own_energies": (n_species, 1 + n_weights)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.all(np.isfinite(arrays[name])):
            raise ModelFileError(f"{path} holds {name} that do not fit its basis")
    return LinearModel(basis, posterior, own_energies, level, typical), ForceError(floor=floor, factor=factor)
