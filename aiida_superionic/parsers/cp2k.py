"""What the files of a CP2K job mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from numpy.typing import NDArray

from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k import Cp2kCalculation
from aiida_superionic.calculations.cp2k_input import FILES, Cp2kRequest
from aiida_superionic.calculations.frames import named
from aiida_superionic.parsers.cp2k_frames import Cp2kFrames, Failure, read_frames
from aiida_superionic.parsers.files import FilesParser

_UNITS = {
    "energies": "eV",
    "forces": "eV/Å",
    "stress": "eV/Å^3",
    "positions": "Å",
    "cells": "Å",
    "charges_mulliken": "e",
    "charges_hirshfeld": "e",
    "centres": "Å",
    "spreads": "Å^2",
}


class Cp2kParser(FilesParser):
    """Turns the frames that can be trusted into nodes, and names those that cannot with the exit code."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        name = self.node.get_option("output_filename")
        if not self.has(name):
            return self.exit_codes.ERROR_OUTPUT_MISSING
        request = Cp2kCalculation.request(self.node.inputs)
        files = {file: self.text(file) for file in FILES}
        frames = read_frames(files, self.text(name), request)
        self._store(frames, request)
        return self._failure(frames, request)

    def _failure(self, frames: Cp2kFrames, request: Cp2kRequest) -> ExitCode | None:
        codes, output = self.exit_codes, frames.output
        progress = {"good": len(frames.good), "total": len(request.positions)}
        reasons = {
            kind: named({k: why for k, (other, why) in frames.failures.items() if other is kind}) for kind in Failure
        }
        if self.has(full_disk.FILE):
            return codes.ERROR_OUT_OF_DISK.format(**progress)
        if output.stopped_unconverged:
            return codes.ERROR_SCF_NOT_CONVERGED.format(frames=f"frame {len(output.frames)} ({output.error})")
        if output.error is not None and reasons[Failure.NON_NUMERIC]:
            return codes.ERROR_NON_NUMERIC.format(frames=reasons[Failure.NON_NUMERIC])
        if output.error is not None:
            return codes.ERROR_OUTPUT_CONTAINS_ABORT.format(error=output.error)
        if output.version is None:
            return self.did_not_start()
        if output.out_of_walltime:
            return codes.ERROR_OUT_OF_WALLTIME.format(**progress)
        if not output.complete:
            return codes.ERROR_INTERRUPTED.format(**progress)
        return next((codes[kind.value].format(frames=told) for kind, told in reasons.items() if told), None)

    def _store(self, frames: Cp2kFrames, request: Cp2kRequest) -> None:
        output = frames.output
        self.out(
            "output_parameters",
            orm.Dict(
                {
                    "cp2k_version": output.version,
                    "complete": output.complete,
                    "n_frames": len(request.positions),
                    "n_good": len(frames.good),
                    "scf_steps": [frame.scf_steps for frame in output.frames],
                    "failures": {
                        str(k): {"failure": kind.name.lower(), "reason": why}
                        for k, (kind, why) in frames.failures.items()
                    },
                }
            ),
        )
        if not len(frames.good):
            return
        positions, cells = request.positions[frames.good], request.cells[frames.good]
        self.out(
            "labels",
            _arrays({"index": frames.good, "positions": positions, "cells": cells, **frames.labels}, request),
        )
        if frames.wannier:
            self.out("wannier", _arrays({"index": frames.good, **frames.wannier}, request))


def _arrays(arrays: Mapping[str, NDArray[Any]], request: Cp2kRequest) -> orm.ArrayData:
    node = orm.ArrayData(dict(arrays))
    node.base.attributes.set("units", {name: _UNITS[name] for name in arrays if name in _UNITS})
    node.base.attributes.set("symbols", list(request.species))
    return node
