"""VASP's XDATCAR and vasprun.xml."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import errors

import numpy as np

from aiida_superionic.analysis.readers.part import CutOffError, Part, batched
from aiida_superionic.analysis.readers.unwrapping import Unwrapping
from aiida_superionic.analysis.trajectory import Array, TrajectoryError

_ENDS = {errors.codes[errors.XML_ERROR_NO_ELEMENTS], errors.codes[errors.XML_ERROR_UNCLOSED_TOKEN]}
"""What the parser says of a text that ends before its outermost element does."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """Cell vectors in Å, places in fractions of the cell, and forces in eV/Å where they are there."""

    species: tuple[str, ...]
    cell: Array
    fractional: Array
    forces: Array | None = None


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read one XDATCAR or, where the name ends in ``.xml``, one vasprun.xml: an MD step for each frame.

    Both hold positions and cell, vasprun.xml forces too. VASP wraps positions; an atom is taken to move by less than
    half the cell between two frames.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged.
    CutOffError
        After the last complete frame, if the file ends inside the next.
    """
    unwrapped = Unwrapping()
    n_frames = 0
    for batch in batched(_frames(path), lambda frame: len(frame.species)):
        cells = np.array([frame.cell for frame in batch])
        positions = np.einsum("tnk,tkx->tnx", np.array([frame.fractional for frame in batch]), cells)
        forces = [frame.forces for frame in batch if frame.forces is not None]
        yield Part(
            path,
            batch[0].species,
            np.arange(n_frames, n_frames + len(batch)),
            cells,
            unwrapped(positions, cells),
            None,
            np.array(forces) if "forces" in fields and len(forces) == len(batch) else None,
        )
        n_frames += len(batch)


def _frames(path: Path) -> Iterator[_Frame]:
    words, frames = ("vasprun.xml", _vasprun) if path.suffix == ".xml" else ("XDATCAR", _xdatcar)
    first: _Frame | None = None
    n_frames = 0
    try:
        for frame in frames(path):
            first = first or frame
            n_atoms = len(frame.species)
            if frame.species != first.species:
                raise ValueError("the atoms are not those of the first frame")
            if frame.fractional.shape != (n_atoms, 3) or frame.cell.shape != (3, 3):
                raise ValueError(f"there are not three numbers for each of {n_atoms} atoms and three cell vectors")
            if frame.forces is not None and frame.forces.shape != (n_atoms, 3):
                raise ValueError(f"there are not three forces for each of {n_atoms} atoms")
            if not np.isfinite(frame.fractional).all():
                raise ValueError("a number is not finite")
            yield frame
            n_frames += 1
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    except CutOffError as error:
        if n_frames:
            raise
        raise TrajectoryError(f"{path} is no {words} or damaged: it ends before its first frame does") from error
    except (ElementTree.ParseError, ValueError) as error:
        raise TrajectoryError(f"{path} is no {words} or damaged: frame {n_frames}: {error}") from error


def _xdatcar(path: Path) -> Iterator[_Frame]:
    with path.open(encoding="ascii") as lines:

        def following() -> str:
            line = next(lines, "")
            if not line.endswith("\n"):
                raise CutOffError
            return line

        cell = np.zeros((3, 3))
        species: tuple[str, ...] = ()
        for line in lines:
            # Where the cell changes, the head of the file is there again before each frame.
            if "Direct configuration=" not in line:
                scale = next(lines, "")
                if not line.strip() and not scale.strip():
                    return
                if not float(scale) > 0.0:
                    raise ValueError(f"the scale of the cell is {scale.strip()} where a positive number is expected")
                cell = float(scale) * np.array([following().split() for _ in range(3)], np.float64)
                kinds, numbers = following().split(), following().split()
                species = tuple(kind for kind, n in zip(kinds, numbers, strict=True) for _ in range(int(n)))
                if "Direct" not in following():
                    raise ValueError("the places of the atoms are not in fractions of the cell")
            yield _Frame(species, cell, np.array([following().split() for _ in species], np.float64))


def _vasprun(path: Path) -> Iterator[_Frame]:
    species: tuple[str, ...] = ()
    inside = False
    root = None
    try:
        # Expat bounds what entities expand to.
        for event, element in ElementTree.iterparse(path, events=("start", "end")):  # noqa: S314
            root = element if root is None else root
            if element.tag == "calculation":
                inside = event == "start"
            if event == "end" and element.tag == "atominfo":
                species = tuple(
                    str(row.findtext("c")).strip() for row in element.iterfind("array[@name='atoms']/set/rc")
                )
            if event == "end" and element.tag == "calculation":
                forces = element.find("varray[@name='forces']")
                yield _Frame(
                    species,
                    _vectors(element.find("structure/crystal/varray[@name='basis']")),
                    _vectors(element.find("structure/varray[@name='positions']")),
                    None if forces is None else _vectors(forces),
                )
                # What is done would stay in memory otherwise.
                root.clear()
    except ElementTree.ParseError as error:
        # The text of a run that was stopped just ends.
        if error.code not in _ENDS:
            raise
        if inside or not species:
            raise CutOffError from error


def _vectors(element: ElementTree.Element | None) -> Array:
    if element is None:
        raise ValueError("the cell or the places of the atoms are missing")
    return np.array([str(row.text).split() for row in element], np.float64)
