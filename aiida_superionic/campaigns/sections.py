"""A mapping of a campaign file, and what is said where one of several forms can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from aiida_superionic.campaigns.values import fault


class Section(BaseModel):
    """A mapping of a campaign file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def one_of(given: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return which one of some keys a mapping holds; None where it holds none.

    Raises
    ------
    pydantic_core.PydanticCustomError
        If it holds several.
    """
    said = [key for key in given if key in keys]
    if len(said) > 1:
        raise fault(f"{' and '.join(said)} are given where one is enough; keep one of them", said[-1])
    return said[0] if said else None
