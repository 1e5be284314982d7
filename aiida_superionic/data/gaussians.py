"""Basis sets and pseudopotentials as nodes, those that are not there yet taken from CP2K's own data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.plugins import DataFactory

from aiida_superionic.errors import SuperionicError

# The later files hold what the earlier ones do not.
_BASIS_SETS = ("BASIS_MOLOPT", "BASIS_MOLOPT_UZH")
_PSEUDOPOTENTIALS = ("GTH_POTENTIALS", "POTENTIAL_UZH")
_PSEUDOPOTENTIAL = "GTH-PBE"


class GaussianError(SuperionicError, ValueError):
    """A basis set or a pseudopotential that is neither stored nor in CP2K's data."""


def basis_sets_and_pseudopotentials(
    species: Iterable[str], basis: str, basis_of: Mapping[str, str], data_folder: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the nodes of a basis set and of the PBE pseudopotential that goes with it, by chemical symbol.

    Parameters
    ----------
    species
        Chemical symbols.
    basis
        Name of the family, as DZVP-MOLOPT-SR-GTH.
    basis_of
        Names of the basis sets of those that take another one, by chemical symbol.
    data_folder
        CP2K's, from which what is not stored is read; None where it is not on this machine.

    Raises
    ------
    GaussianError
        If a species has none.
    """
    basis_sets, pseudopotentials = {}, {}
    for kind in sorted(set(species)):
        name = basis_of.get(kind, basis)
        basis_sets[kind] = _stored_or_read("gaussian.basisset", kind, name, data_folder, _BASIS_SETS)
        name = f"{_PSEUDOPOTENTIAL}-q{basis_sets[kind].n_el}"
        pseudopotentials[kind] = _stored_or_read("gaussian.pseudo", kind, name, data_folder, _PSEUDOPOTENTIALS)
    return basis_sets, pseudopotentials


def _stored_or_read(entry_point: str, kind: str, name: str, data_folder: Path | None, files: tuple[str, ...]) -> Any:
    family = DataFactory(entry_point)
    try:
        return family.get(kind, name)
    except NotExistent:
        pass
    if data_folder is None:
        group = entry_point.removeprefix("gaussian.")
        raise GaussianError(
            f"{name} of {kind} is not stored and CP2K's data are not on this machine; import it with"
            f" `verdi data gaussian.{group} import`"
        )
    wanted = {"element": lambda element: element == kind, "aliases": lambda aliases: name in aliases}
    # Old releases of CP2K have the first file alone.
    files = tuple(file for file in files if (data_folder / file).is_file()) or files[:1]
    for file in files:
        path = data_folder / file
        try:
            with path.open(encoding="utf-8") as handle:
                found = family.from_cp2k(_entries(kind, handle), filters=wanted)
        except OSError as error:
            raise GaussianError(f"{path} cannot be read: {error.strerror}") from error
        if found:
            return found[0].store()
    raise GaussianError(f"{kind} has no {name} in {' or '.join(files)} of {data_folder}")


def _entries(kind: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of an element: a file of CP2K holds entries of others without a content, which cannot be read."""
    ours = False
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0].isalpha():
            ours = words[0] == kind
        if ours:
            yield line
