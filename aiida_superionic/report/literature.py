"""Published numbers and figures to set beside ours."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.datafiles import load_yaml

_TEMPERATURE_TOLERANCE = 1.0


class Reference(BaseModel):
    """One published number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    quantity: str = Field(description="The name of our scalar, such as friction_coefficient_Ag")
    value: float
    error: float | None = Field(ge=0.0)
    unit: str
    material: str
    temperature: float = Field(gt=0.0, description="K")
    method: str = Field(
        description="What gave the forces: classical FF (force field), DFT or MLP (machine-learned potential)"
    )
    potential: str | None = Field(description="The potential by the name that campaigns use, where it is one of ours")
    title: str = Field(description="The title of the paper")
    where: str = Field(description="The place in the paper")

    @property
    def scalar(self) -> Scalar:
        """The number with its error and unit."""
        return Scalar(self.value, self.error, self.unit)

    def deviation(self, scalar: Scalar) -> float | None:
        """Return by how many per cent a value of ours differs from this one; None where they cannot be compared."""
        if scalar.value is None or scalar.unit != self.unit or self.value == 0.0:
            return None
        return 100.0 * (scalar.value / self.value - 1.0)


class Figures(BaseModel):
    """Where a paper draws what we do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="The title of the paper")
    material: str
    temperature: float = Field(gt=0.0, description="K")
    figures: dict[str, str] = Field(description="The numbers of the figures by our family of curves or surfaces")


@cache
def literature() -> tuple[Reference, ...]:
    """Return every published number that the package knows, in the order of its file."""
    return tuple(Reference.model_validate(entry) for entry in _entries("references"))


@cache
def literature_figures() -> tuple[Figures, ...]:
    """Return every paper whose figures the package knows, in the order of its file."""
    return tuple(Figures.model_validate(entry) for entry in _entries("figures"))


def _entries(what: str) -> list[dict[str, Any]]:
    data = load_yaml(files("aiida_superionic.report").joinpath("literature.yaml").read_text(encoding="utf-8"))
    return [entry | {"title": data["titles"][entry["title"]]} for entry in data[what]]


def references(specification: dict[str, Any]) -> tuple[Reference, ...]:
    """Return the published numbers for the material and the temperature (within 1 K) of a condition.

    Parameters
    ----------
    specification
        Of a point or a condition; the keys material, temperature (K) and potential are read.

    Returns
    -------
    tuple of Reference
        Of each quantity, those made with the same potential first.
    """
    matching = [reference for reference in literature() if _is_of(specification, reference)]
    return tuple(sorted(matching, key=lambda reference: reference.potential != specification["potential"]))


def figures_like(family: str, specifications: Iterable[dict[str, Any]]) -> list[str]:
    """Return which published figures show a family of curves or surfaces for one of some conditions, in words.

    Parameters
    ----------
    family
        As :func:`aiida_superionic.report.looks.split_name` gives it.
    specifications
        Of the conditions; the keys material and temperature (K) are read.
    """
    specifications = list(specifications)
    return [
        f"Fig. {paper.figures[family]} of “{paper.title}”"
        for paper in literature_figures()
        if family in paper.figures and any(_is_of(specification, paper) for specification in specifications)
    ]


def _is_of(specification: dict[str, Any], published: Reference | Figures) -> bool:
    is_near = abs(published.temperature - float(specification["temperature"])) <= _TEMPERATURE_TOLERANCE
    return is_near and published.material == str(specification["material"])
