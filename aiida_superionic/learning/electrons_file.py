"""A model of electrons as a file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from aiida_superionic.learning.centre_moments import degrees_of
from aiida_superionic.learning.electrons import ElectronModel, MomentModel
from aiida_superionic.learning.environments import EnvironmentBasis
from aiida_superionic.learning.force_error import ForceError
from aiida_superionic.learning.model_file import ModelFileError
from aiida_superionic.learning.regression import Posterior

_PARTS = ("mean", "root", "noises", "log_evidence", "means", "error", "reach")


def write_electrons(path: Path, model: ElectronModel) -> None:
    """Write a model as a NumPy archive of plain arrays; the same is the same file, byte for byte."""
    about = {
        "basis": model.basis.model_dump(mode="json"),
        "kinds": model.kinds,
        "centres_per_ion": dict(model.centres_per_ion),
    }
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for kind, of_kind in model.moments.items():
        for degree, one in of_kind.items():
            parts = (
                one.posterior.mean,
                one.posterior.root,
                np.array(one.posterior.noises),
                np.array(one.posterior.log_evidence),
                one.means,
                np.array([one.error.floor, one.error.factor]),
                np.array(one.reach),
            )
            arrays |= {f"{kind}_{degree}_{name}": part for name, part in zip(_PARTS, parts, strict=True)}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_electrons(path: Path) -> ElectronModel:
    """Return what :func:`write_electrons` wrote.

    Raises
    ------
    ModelFileError
        If the file cannot be read, holds something else, or its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(str(arrays["about"]))
        counts = {str(kind): int(count) for kind, count in about["centres_per_ion"].items()}
        return ElectronModel(
            basis=EnvironmentBasis.model_validate(about["basis"]),
            kinds=tuple(about["kinds"]),
            centres_per_ion=counts,
            moments={
                kind: {degree: _moment(arrays, f"{kind}_{degree}_") for degree in degrees_of(count)}
                for kind, count in counts.items()
            },
        )
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, ValidationError) as error:
        raise ModelFileError(
            f"{path} holds no model of electrons that superionic-electrons wrote, or a damaged one"
        ) from error


def _moment(arrays: dict[str, Any], prefix: str) -> MomentModel:
    mean, root, noises, log_evidence, means, error, reach = (arrays[prefix + name] for name in _PARTS)
    if root.shape != (len(mean), len(mean)) or means.shape != (len(mean) + 1,):
        raise ValueError("arrays of different models")
    posterior = Posterior(mean, root, tuple(noises.tolist()), float(log_evidence))
    floor, factor = error.tolist()
    return MomentModel(posterior, means, ForceError(floor=floor, factor=factor), float(reach))
