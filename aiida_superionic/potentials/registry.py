"""Potentials by name, and potentials from their own text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ruamel.yaml.error import YAMLError

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.potentials.deepmd import Deepmd
from aiida_superionic.potentials.family import FilePotential, Potential, PotentialError
from aiida_superionic.potentials.nequip import Nequip
from aiida_superionic.potentials.pair_functions import PairFunctions
from aiida_superionic.potentials.pod import Pod

_NO_FILES: Mapping[str, bytes] = MappingProxyType({})

FAMILIES: dict[str, type[Potential]] = {"pair-functions": PairFunctions, "pod": Pod, "deepmd": Deepmd, "nequip": Nequip}


@cache
def potentials() -> dict[str, str]:
    """Return the text of every potential that ships with the package, by the name that campaigns use."""
    return read_folder("aiida_superionic.potentials", "parameters")


def parse_potential(text: str, files: Mapping[str, bytes] = _NO_FILES) -> Potential:
    """Return the potential that a parameter file describes.

    Parameters
    ----------
    text
        The parameter file.
    files
        Content of each file that it names, by its name.

    Raises
    ------
    PotentialError
        If the text is not YAML, names no known family, its parameters are not valid, or the files are not those that
        it names.
    """
    try:
        data: Any = load_yaml(text)
    except YAMLError as error:
        raise PotentialError(f"the potential is not readable YAML: {error}") from error
    family = data.get("family") if isinstance(data, dict) else None
    if family not in FAMILIES:
        raise PotentialError(f"the potential's family is {family!r}; known are {', '.join(FAMILIES)}")
    has_files = issubclass(FAMILIES[family], FilePotential)
    if files and not has_files:
        raise PotentialError(
            f"a potential of the family {family} has no files beside it, and {', '.join(files)} is given"
        )
    try:
        return FAMILIES[family].model_validate({**data, "contents": dict(files)} if has_files else data)
    except ValueError as error:
        raise PotentialError(f"the potential's parameters are not valid: {error}") from error
