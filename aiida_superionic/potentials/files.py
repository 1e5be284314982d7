"""Potentials from the files that programs write, reviewed: which family, which species in which order, which units."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from pydantic import ValidationError

from aiida_superionic.potentials.deepmd import Deepmd
from aiida_superionic.potentials.family import Potential, PotentialError
from aiida_superionic.potentials.nequip import Nequip, Target
from aiida_superionic.potentials.pod import Pod, PodBasis
from aiida_superionic.potentials.registry import parse_potential

UNITS = "metal"
"""LAMMPS' name for eV, Å and ps, in which all potentials are."""

_LARGEST_FILE = 2_000_000_000
# What TensorFlow writes of DeePMD-kit's list of species: a constant of that name whose value is one text.
_TYPE_MAP = re.compile(rb"model_attr/tmap\x12\x05Const.{0,40}?\x42(.)([A-Z][A-Za-z ]*)", re.DOTALL)
_BASIS_KEYS = {
    "rin": "inner_cutoff",
    "rcut": "cutoff",
    "bessel_polynomial_degree": "bessel_degree",
    "inverse_polynomial_degree": "inverse_degree",
    "twobody_number_radial_basis_functions": "two_body_functions",
    "threebody_number_radial_basis_functions": "three_body_functions",
    "threebody_angular_degree": "three_body_angular_degree",
}
_FIXED_KEYS = {
    "pbc": "1 1 1",
    "onebody": "1",
    "fourbody_number_radial_basis_functions": "0",
    "fourbody_angular_degree": "0",
}
_COEFFICIENTS = re.compile(r"\A(?:#.*\n)*\s*(?:model_coefficients|num_coeffs):?\s+(\d+)[ \d]*\n", re.IGNORECASE)


def read_potential(
    paths: Sequence[Path],
    *,
    species: Sequence[str] = (),
    units: str | None = None,
    source: str = "",
    description: str = "",
    target: str = "ase",
) -> Potential:
    """Return the potential in some files.

    Parameters
    ----------
    paths
        A parameter file of this package and the files that it names; a model that DeePMD-kit froze (.pb); one that
        NequIP compiled (.pt2); or the basis and the coefficients of LAMMPS' ``pair_style pod``.
    species
        Chemical symbols in the order of the potential, checked against those in the files.
    units
        Of the files, ``metal``; a parameter file of this package has its own.
    source
        Where the parameters come from: a DOI or another reference.
    description
        For people.
    target
        What a model of NequIP was compiled for.

    Raises
    ------
    PotentialError
        If the files are not those of one potential, or what was said of it is not what they hold.
    """
    contents = {path.name: _content(path) for path in paths}
    if len(contents) != len(paths) or not contents:
        raise PotentialError("the files of a potential have different names; give each once")
    told = _ours(contents)
    if told is None:
        if units != UNITS:
            said = "are not said" if units is None else f"are {units}"
            raise PotentialError(f"the units {said}; potentials are in eV and Å, which LAMMPS calls {UNITS}")
        if not source:
            raise PotentialError("it is not said where the parameters come from; give a DOI or another reference")
        told = _of_programs(contents, source, description, target)
    if species and list(species) != list(told.species):
        raise PotentialError(
            f"the species in the files are {', '.join(told.species)}, in this order; {', '.join(species)} were given"
        )
    return told


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise PotentialError(f"{path} is larger than 2 GB")
        return path.read_bytes()
    except OSError as error:
        raise PotentialError(f"{path} cannot be read: {error.strerror}") from None


def _ours(contents: Mapping[str, bytes]) -> Potential | None:
    """Return the potential of a parameter file of this package; None where there is none among the files."""
    for name, content in contents.items():
        if name.endswith((".yaml", ".yml")):
            try:
                text = content.decode()
            except UnicodeDecodeError:
                raise PotentialError(f"{name} is no text") from None
            return parse_potential(text, {other: held for other, held in contents.items() if other != name})
    return None


def _of_programs(contents: Mapping[str, bytes], source: str, description: str, target: str) -> Potential:
    names = ", ".join(contents)
    about = {"source": source, "description": description or f"from {names}"}
    try:
        if len(contents) == 1:
            ((name, content),) = contents.items()
            if name.endswith(".pb"):
                return Deepmd.of(content, _species_of_deepmd(name, content), **about)
            if name.endswith(".pt2"):
                if target not in get_args(Target):
                    raise PotentialError(f"{target} is not what NequIP compiles for: {' or '.join(get_args(Target))}")
                return Nequip.of(content, _species_of_nequip(name, content), target=cast(Target, target), **about)
        if len(contents) == 2:
            return _pod(contents, about)
    except ValidationError as error:
        problem = error.errors()[0]
        raise PotentialError(f"{names}: {problem['msg'].removeprefix('Value error, ')}") from None
    raise PotentialError(
        f"{names} is no potential that is known; give a parameter file (.yaml) and those that it names, a model of"
        " DeePMD-kit (.pb) or NequIP (.pt2), or the basis and the coefficients of pair_style pod"
    )


def _species_of_deepmd(name: str, model: bytes) -> list[str]:
    found = _TYPE_MAP.search(model)
    species = found[2][: found[1][0]].decode().split() if found else []
    if not species:
        raise PotentialError(f"{name} does not say its species; it is no model that DeePMD-kit froze")
    return species


def _species_of_nequip(name: str, model: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            for member in archive.namelist():
                if member.endswith("metadata.json"):
                    said = json.loads(archive.read(member))
                    if isinstance(said, dict) and isinstance(said.get("type_names"), str):
                        return said["type_names"].split()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise PotentialError(f"{name} cannot be read as a compiled model: {error}") from None
    raise PotentialError(f"{name} does not say its species; it is no model that NequIP compiled")


def _pod(contents: Mapping[str, bytes], about: Mapping[str, str]) -> Pod:
    try:
        texts = {name: content.decode() for name, content in contents.items()}
    except UnicodeDecodeError:
        raise PotentialError(f"{' and '.join(contents)} are not the texts of a basis and its coefficients") from None
    bases = [name for name, text in texts.items() if not _COEFFICIENTS.match(text)]
    if len(bases) != 1:
        raise PotentialError(f"one of {' and '.join(texts)} must hold the coefficients, and the other the basis")
    (coefficients,) = set(texts) - set(bases)
    header = _COEFFICIENTS.match(texts[coefficients])
    assert header is not None  # noqa: S101 - that is how it was found
    try:
        values = [float(word) for word in texts[coefficients][header.end() :].split()]
    except ValueError as error:
        raise PotentialError(f"{coefficients}: {error}") from None
    if len(values) != int(header[1]):
        raise PotentialError(f"{coefficients} holds {len(values)} numbers and says {header[1]}")
    return Pod(basis=_basis(bases[0], texts[bases[0]]), coefficients=tuple(values), **about)


def _basis(name: str, text: str) -> PodBasis:
    said: dict[str, object] = {}
    for line in text.splitlines():
        key, _, value = line.partition("#")[0].strip().partition(" ")
        value = " ".join(value.split())
        if key == "species":
            said["species"] = value.split()
        elif key in _BASIS_KEYS:
            said[_BASIS_KEYS[key]] = value
        elif key in _FIXED_KEYS:
            if value != _FIXED_KEYS[key]:
                raise PotentialError(f"{name} has {key} {value}; only {_FIXED_KEYS[key]} is run")
        elif key:
            raise PotentialError(f"{name} has the key {key}, which is none of {', '.join(_BASIS_KEYS)}")
    needed = {**_BASIS_KEYS, "species": "species"}
    if lacking := [key for key, field in needed.items() if field not in said]:
        raise PotentialError(f"{name} does not say {', '.join(lacking)}")
    return PodBasis.model_validate(said)
