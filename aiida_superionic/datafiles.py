"""The YAML files that ship with the package: reference crystals, potentials, protocols."""

import io
from copy import deepcopy
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def load_yaml(text: str) -> Any:
    """Return plain data from YAML text; no Python object is ever constructed."""
    # Every point of a campaign reads the same protocol and potential, and to copy is far faster than to parse.
    return deepcopy(_parsed(text))


def dump_yaml(data: Any) -> str:
    """Return plain data as YAML text; numbers are read back bit for bit."""
    stream = io.StringIO()
    YAML().dump(data, stream)
    return stream.getvalue()


@cache
def read_folder(package: str, folder: str) -> dict[str, str]:
    """Return the text of each YAML file in a folder of a package, by the file's name without its suffix."""
    return {
        path.name.removesuffix(".yaml"): path.read_text(encoding="utf-8")
        for path in sorted(files(package).joinpath(folder).iterdir(), key=lambda path: path.name)
        if path.name.endswith(".yaml")
    }
