"""A trajectory that stays on the computer that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import RemoteData

from aiida_superionic.analysis.readers import FORMATS


class TrajectoryData(RemoteData):
    """The parts of an MD trajectory in a folder of a remote computer, known by their content.

    Parameters
    ----------
    files
        SHA-256 of each part, by file name; the parts in order, each followed by the files that belong to it.
    kinds
        Chemical symbol of each LAMMPS type.
    mobile
        The species meant to diffuse.
    formal_charges
        Formal charge of each species in elementary charges; empty where they are not known.
    md_timestep
        Time per MD step in ps.
    n_frames, sampling_interval
        Number of frames, and the time between two of them in ps.
    fields
        What the frames hold: positions, velocities, forces.
    format
        One of the formats that the analysis reads.

    Notes
    -----
    The hash that AiiDA's caching compares is that of the content, not of the place: two runs that wrote the same
    bytes are the same trajectory.
    """

    _hash_ignored_attributes = (*RemoteData._hash_ignored_attributes, "remote_path")

    def __init__(
        self,
        remote_path: str | None = None,
        *,
        files: Mapping[str, str] | None = None,
        kinds: Sequence[str] = (),
        mobile: Sequence[str] = (),
        formal_charges: Mapping[str, float] | None = None,
        md_timestep: float | None = None,
        n_frames: int | None = None,
        sampling_interval: float | None = None,
        fields: Sequence[str] = ("positions", "velocities", "forces"),
        format: str = "lammps-binary",  # noqa: A002 - the word that users know
        **kwargs: Any,
    ) -> None:
        super().__init__(remote_path, **kwargs)
        self.base.attributes.set_many(
            {
                # A list of pairs: JSON in a database does not keep the order of keys.
                "files": [list(item) for item in (files or {}).items()],
                "kinds": list(kinds),
                "mobile": list(mobile),
                "formal_charges": dict(formal_charges or {}),
                "md_timestep": md_timestep,
                "n_frames": n_frames,
                "sampling_interval": sampling_interval,
                "fields": list(fields),
                "format": format,
            }
        )

    def _validate(self) -> None:
        super()._validate()
        for key in ("files", "kinds", "md_timestep", "n_frames"):
            if not self.base.attributes.get(key):
                raise ValidationError(f"a trajectory needs {key}")

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file by its name: the parts in order, and what belongs to them."""
        return dict(self.base.attributes.get("files"))

    @property
    def kinds(self) -> list[str]:
        """Chemical symbol of each LAMMPS type."""
        return list(self.base.attributes.get("kinds"))

    @property
    def mobile(self) -> list[str]:
        """The species meant to diffuse."""
        return list(self.base.attributes.get("mobile"))

    @property
    def formal_charges(self) -> dict[str, float]:
        """Formal charge of each species in elementary charges."""
        return dict(self.base.attributes.get("formal_charges", {}))

    @property
    def md_timestep(self) -> float:
        """Time per MD step in ps."""
        return float(self.base.attributes.get("md_timestep"))

    def request(self, links: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return how the frames are read: the entry ``trajectory`` of a job file of our console scripts.

        Parameters
        ----------
        links
            The name under which each file lies in the folder of the job; its own if absent.
        """
        kind = self.base.attributes.get("format", "lammps-binary")
        # What belongs to a part is found by the part's name, and only checked.
        parts = [name for name in self.files if name.endswith(FORMATS[kind])] if kind == "cp2k-xyz" else self.files
        here = {name: (links or {}).get(name, name) for name in self.files}
        beside = {here[name]: digest for name, digest in self.files.items() if name not in parts}
        return {
            "files": {here[name]: self.files[name] for name in parts},
            **({"beside": beside} if beside else {}),
            "format": kind,
            "kinds": self.kinds,
            "mobile": self.mobile,
            "charges": self.formal_charges,
            "md_timestep": self.md_timestep,
        }
