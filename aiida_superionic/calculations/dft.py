"""Levels of theory: what a protocol means in CP2K's words, and what else to try where a field does not converge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from aiida_superionic.species import ChemicalSymbol

_OWN_OF_PBE = ("basis", "basis_of", "cutoff", "relative_cutoff", "dispersion")
_DISPERSION = {"D3": "DFTD3", "D3(BJ)": "DFTD3(BJ)"}
_OUTER_STEPS = 20
_DIAGONALISATION_STEPS = 300
# Ha; below the gap of every insulator. CP2K's own 0.08 is above that of most that conduct ions by PBE, and doubles the
# steps or never gets there; 0.001 diverges from distorted crystals.
_GAP = 0.02

_BasisName = Annotated[str, Field(pattern=r"^[A-Za-z0-9+-]+$")]


class LevelOfTheory(BaseModel):
    """How energies, forces and stress are computed, as a protocol says it.

    Energies and cutoffs are those of CP2K: cutoffs in Ry, tolerances in atomic units. What GFN1-xTB has of its own, the
    basis, the cutoffs and the dispersion, is None there. ``basis_of`` names, by the symbols, the basis sets of elements
    that take another one than ``basis``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["PBE", "GFN1-xTB"]
    basis: _BasisName | None
    basis_of: dict[ChemicalSymbol, _BasisName] | None
    cutoff: PositiveFloat | None
    relative_cutoff: PositiveFloat | None
    dispersion: Literal["none", "D3", "D3(BJ)"] | None
    k_points: tuple[PositiveInt, PositiveInt, PositiveInt]
    charge: int
    multiplicity: PositiveInt
    scf_tolerance: PositiveFloat
    overlap_tolerance: PositiveFloat

    @model_validator(mode="after")
    def _fitting(self) -> LevelOfTheory:
        for name in _OWN_OF_PBE:
            if (getattr(self, name) is None) != (self.method != "PBE"):
                raise ValueError(f"{name} is {'missing' if self.method == 'PBE' else 'no setting of GFN1-xTB'}")
        return self

    def name_for(self, species: Iterable[str]) -> str:
        """Return words that are the same only where the energies of frames of some species can be compared."""
        words: list[str] = [self.method]
        if self.method == "PBE":
            words[0] += "" if self.dispersion == "none" else f"-{self.dispersion}"
            words.append(f"{self.basis}")
            others = self.basis_of or {}
            words += [f"({kind} {others[kind]})" for kind in sorted(set(species) & set(others))]
            words.append(f"{self.cutoff:g}/{self.relative_cutoff:g} Ry")
        if self.k_points != (1, 1, 1):
            words.append(f"k-points {'x'.join(map(str, self.k_points))}")
        if self.charge:
            words.append(f"charge {self.charge:+d}")
        if self.multiplicity > 1:
            words.append(f"multiplicity {self.multiplicity}")
        return " ".join([*words, "CP2K"])

    @property
    def parameters(self) -> dict[str, Any]:
        """CP2K's parameters but for the run; basis sets and pseudopotentials are nodes of their own."""
        dft: dict[str, Any] = {"CHARGE": self.charge, "SCF": self._scf()}
        if self.method == "PBE":
            exchange: dict[str, Any] = {"XC_FUNCTIONAL": {"_": "PBE"}}
            if self.dispersion in _DISPERSION:
                pairs = {
                    "TYPE": _DISPERSION[self.dispersion],
                    "PARAMETER_FILE_NAME": "dftd3.dat",
                    "REFERENCE_FUNCTIONAL": "PBE",
                }
                exchange["VDW_POTENTIAL"] = {"POTENTIAL_TYPE": "PAIR_POTENTIAL", "PAIR_POTENTIAL": pairs}
            dft["XC"] = exchange
            dft["MGRID"] = {"CUTOFF": self.cutoff, "REL_CUTOFF": self.relative_cutoff, "NGRIDS": 5}
            dft["QS"] = {"EPS_DEFAULT": self.overlap_tolerance}
        else:
            dft["QS"] = {
                "METHOD": "XTB",
                "EPS_DEFAULT": self.overlap_tolerance,
                # Charges of ions lie outside of what it takes for usual.
                "XTB": {"CHECK_ATOMIC_CHARGES": False, "DO_EWALD": True},
            }
        if self.multiplicity > 1:
            dft |= {"LSD": True, "MULTIPLICITY": self.multiplicity}
        if self.k_points != (1, 1, 1):
            dft["KPOINTS"] = {"SCHEME": "MONKHORST-PACK " + " ".join(map(str, self.k_points))}
        return {"FORCE_EVAL": {"METHOD": "QUICKSTEP", "STRESS_TENSOR": "ANALYTICAL", "DFT": dft}}

    def _scf(self) -> dict[str, Any]:
        xtb = self.method == "GFN1-xTB"
        scf: dict[str, Any] = {
            "EPS_SCF": self.scf_tolerance,
            "MAX_SCF": 30,
            "SCF_GUESS": "MOPAC" if xtb else "ATOMIC",
            "OUTER_SCF": {"EPS_SCF": self.scf_tolerance, "MAX_SCF": 10},
            "OT": {"MINIMIZER": "DIIS", **_preconditioner(xtb)},
            "PRINT": {"RESTART": {"_": "OFF"}},
        }
        # The orbital transformation knows Γ alone.
        return scf if self.k_points == (1, 1, 1) else _diagonalised(scf, mixing=0.4)


def _preconditioner(xtb: bool) -> dict[str, Any]:
    return {"PRECONDITIONER": "FULL_SINGLE_INVERSE"} if xtb else {"PRECONDITIONER": "FULL_ALL", "ENERGY_GAP": _GAP}


def method_in(parameters: Mapping[str, Any]) -> str:
    """Return in words which method CP2K's parameters mean, without its basis sets; nothing where they mean none."""
    dft = parameters.get("FORCE_EVAL", {}).get("DFT", {})
    if dft.get("QS", {}).get("METHOD") == "XTB":
        return "GFN1-xTB"
    functional, grid = dft.get("XC", {}).get("XC_FUNCTIONAL"), dft.get("MGRID", {})
    words = [functional.get("_", "") if isinstance(functional, Mapping) else str(functional or "")]
    pairs = dft.get("XC", {}).get("VDW_POTENTIAL", {}).get("PAIR_POTENTIAL", {})
    words[0] += next((f"-{name}" for name, kind in _DISPERSION.items() if kind == pairs.get("TYPE")), "")
    words += [f"{grid['CUTOFF']:g}/{grid['REL_CUTOFF']:g} Ry"] if {"CUTOFF", "REL_CUTOFF"} <= grid.keys() else []
    return " ".join(filter(None, words))


def scf_remedies(parameters: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what to try, one after the other, where the self-consistent field does not converge.

    Each is a name and CP2K's parameters. None of them changes the level of theory: the field that they converge to, and
    how tightly, is the same.
    """
    given = parameters.get("FORCE_EVAL", {}).get("DFT", {}).get("SCF", {})
    tried: dict[str, dict[str, Any]] = {}
    if "OT" in given:
        outer = {**given.get("OUTER_SCF", {}), "MAX_SCF": _OUTER_STEPS}
        outer.setdefault("EPS_SCF", given.get("EPS_SCF", 1e-5))
        patient = {**given, "MAX_SCF": max(30, int(given.get("MAX_SCF", 0))), "OUTER_SCF": outer}
        gradients = {**given["OT"], "MINIMIZER": "CG", "LINESEARCH": "3PNT"}
        tried["conjugate gradients"] = {**patient, "OT": gradients}
        tried["conjugate gradients with smaller steps"] = {**patient, "OT": {**gradients, "STEPSIZE": 0.02}}
        tried["diagonalisation"] = _diagonalised(given, mixing=0.2)
    else:
        tried["diagonalisation that mixes less"] = _diagonalised(given, mixing=0.05)
    made = []
    for name, scf in tried.items():
        changed = deepcopy(parameters)
        changed.setdefault("FORCE_EVAL", {}).setdefault("DFT", {})["SCF"] = scf
        made.append((name, changed))
    return made


def _diagonalised(scf: dict[str, Any], mixing: float) -> dict[str, Any]:
    kept = {key: value for key, value in scf.items() if key not in {"OT", "OUTER_SCF"}}
    return {
        **kept,
        "MAX_SCF": _DIAGONALISATION_STEPS,
        "DIAGONALIZATION": {"_": "ON", "ALGORITHM": "STANDARD"},
        "MIXING": {"_": "ON", "METHOD": "BROYDEN_MIXING", "ALPHA": mixing, "NBROYDEN": 8},
    }
