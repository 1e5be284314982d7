"""Settings of the console scripts: read from a file, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml.error import YAMLError

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.datafiles import load_yaml

_Settings = TypeVar("_Settings", bound=BaseModel)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a file, YAML or JSON, by name.

    Raises
    ------
    ParameterError
        If the file cannot be read or holds no settings by name.
    """
    try:
        return dict(load_yaml(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}") from error
    except (YAMLError, TypeError, ValueError) as error:
        raise ParameterError(f"{path} holds no settings by name: {' '.join(str(error).split())}") from error


def checked(model: type[_Settings], settings: Mapping[str, Any], where: str) -> _Settings:
    """Return settings as a model has them.

    Raises
    ------
    ParameterError
        If one is unknown or wrong; the sentence begins with ``where``.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        told = (": ".join([*map(str, one["loc"]), one["msg"].removeprefix("Value error, ")]) for one in error.errors())
        wrong = "; ".join(told)
        raise ParameterError(f"{where}: {wrong}") from error
