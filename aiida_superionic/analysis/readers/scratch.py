"""Vectors of frames in a file without a name, for trajectories that memory does not hold."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import IO

import numpy as np

from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import Field, TrajectoryError, frame_batches


class ScratchFile:
    """A file in ``TMPDIR``, or the working directory where that is not set, that goes when it is no longer held.

    It has no name from the moment it is made: no error, signal or power cut leaves it behind.

    Raises
    ------
    TrajectoryError
        If the folder takes no file.
    """

    def __init__(self) -> None:
        # The working directory of a batch job is on a large disk, and /tmp often in memory.
        self._folder = os.path.abspath(os.environ.get("TMPDIR") or ".")
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed with its holder
        except OSError as error:
            raise self._unusable(error) from error
        weakref.finalize(self, self._file.close)
        self._size = 0

    def open(self, mode: str, buffering: int) -> IO[bytes]:
        """Return another handle of the file, as ``Path.open`` does of one with a name."""
        return os.fdopen(os.dup(self._file.fileno()), mode, buffering)

    def store(self, field: Field) -> StoredVectors:
        """Append vectors to the file, and return them as they lie there.

        Raises
        ------
        TrajectoryError
            If the disk is full.
        """
        n_frames, n_atoms = field.shape[:2]
        start = self._size
        for part in frame_batches(n_frames, n_atoms):
            content = np.ascontiguousarray(field[part, :], np.float64).data.cast("B")
            while len(content):
                try:
                    n_written = os.pwrite(self._file.fileno(), content, self._size)
                except OSError as error:
                    raise self._unusable(error) from error
                self._size += n_written
                content = content[n_written:]
        return StoredVectors(
            (self,),
            np.zeros(n_frames, np.intp),
            start + 24 * n_atoms * np.arange(n_frames, dtype=np.int64),
            ((0, n_atoms),),
            n_columns=3,
            columns=(0, 1, 2),
            order="=",
        )

    def _unusable(self, error: OSError) -> TrajectoryError:
        return TrajectoryError(
            f"the trajectory is larger than memory is to hold and {self._folder} does not take it: {error.strerror}; "
            "set TMPDIR to a folder with more room"
        )
