"""Potentials by name, and potentials from their own text."""

from __future__ import annotations

from functools import cache
from typing import Any

from ruamel.yaml.error import YAMLError

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.potentials.family import Potential, PotentialError
from aiida_superionic.potentials.pair_functions import PairFunctions
from aiida_superionic.potentials.pod import Pod

FAMILIES: dict[str, type[Potential]] = {"pair-functions": PairFunctions, "pod": Pod}


@cache
def potentials() -> dict[str, str]:
    """Return the text of every potential that ships with the package, by the name that campaigns use."""
    return read_folder("aiida_superionic.potentials", "parameters")


def parse_potential(text: str) -> Potential:
    """Return the potential that a parameter file describes.

    Raises
    ------
    PotentialError
        If the text is not YAML, names no known family, or its parameters are not valid.
    """
    try:
        data: Any = load_yaml(text)
    except YAMLError as error:
        raise PotentialError(f"the potential is not readable YAML: {error}") from error
    family = data.get("family") if isinstance(data, dict) else None
    if family not in FAMILIES:
        raise PotentialError(f"the potential's family is {family!r}; known are {', '.join(FAMILIES)}")
    try:
        return FAMILIES[family].model_validate(data)
    except ValueError as error:
        raise PotentialError(f"the potential's parameters are not valid: {error}") from error
