"""Levels of theory from protocols, and the inputs of CP2K jobs at one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm
from pydantic import ValidationError

from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.data.gaussians import basis_sets_and_pseudopotentials
from aiida_superionic.engines.registration import code_data_folder
from aiida_superionic.workchains.protocol import ProtocolError, first_fault, protocol_settings


def level_of_theory(protocol: str = "balanced", overrides: dict[str, Any] | None = None) -> LevelOfTheory:
    """Return the level of theory of a protocol, with some of its settings replaced.

    Raises
    ------
    aiida_superionic.workchains.protocol.ProtocolError
        If the protocol or an override is unknown, or the settings do not fit together.
    """
    try:
        return LevelOfTheory.model_validate(protocol_settings("dft", protocol, overrides))
    except ValidationError as error:
        raise ProtocolError(first_fault("dft", error)) from None


def cp2k_inputs(code: orm.AbstractCode, species: Iterable[str], level: LevelOfTheory) -> dict[str, Any]:
    """Return the inputs of CP2K jobs at a level of theory, but for the frames and the run that the parameters lack.

    Parameters
    ----------
    code
        CP2K.
    species
        Chemical symbols of the frames.
    level
        The level of theory.

    Raises
    ------
    aiida_superionic.data.gaussians.GaussianError
        If a species has no basis set or pseudopotential.
    """
    inputs: dict[str, Any] = {"code": code, "parameters": orm.Dict(level.parameters)}
    if level.basis is not None:
        folder = code_data_folder(code)
        inputs["basissets"], inputs["pseudos"] = basis_sets_and_pseudopotentials(
            species, level.basis, level.basis_of or {}, folder
        )
    return inputs
