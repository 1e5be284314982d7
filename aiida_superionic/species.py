"""Chemical symbols as a validated type."""

from __future__ import annotations

from typing import Annotated

from ase.data import chemical_symbols
from pydantic import AfterValidator


def _chemical_symbol(symbol: str) -> str:
    if symbol not in chemical_symbols[1:]:
        raise ValueError(f"{symbol!r} is not a chemical symbol")
    return symbol


ChemicalSymbol = Annotated[str, AfterValidator(_chemical_symbol)]
