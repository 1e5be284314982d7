"""A trajectory that stays on the computer that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import RemoteData


class TrajectoryData(RemoteData):
    """The parts of an MD trajectory in a folder of a remote computer, known by their content.

    Parameters
    ----------
    files
        SHA-256 of each part, by file name; the parts in order.
    kinds
        Chemical symbol of each LAMMPS type.
    mobile
        The species meant to diffuse.
    md_timestep
        Time per MD step in ps.
    n_frames, sampling_interval
        Number of frames, and the time between two of them in ps.
    fields
        What the frames hold: positions, velocities, forces.
    formal_charges
        Formal charge of each species in elementary charges; empty where they are not known.

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
        md_timestep: float | None = None,
        n_frames: int | None = None,
        sampling_interval: float | None = None,
        fields: Sequence[str] = ("positions", "velocities", "forces"),
        formal_charges: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(remote_path, **kwargs)
        self.base.attributes.set_many(
            {
                # A list of pairs: JSON in a database does not keep the order of keys.
                "files": [list(item) for item in (files or {}).items()],
                "kinds": list(kinds),
                "mobile": list(mobile),
                "md_timestep": md_timestep,
                "n_frames": n_frames,
                "sampling_interval": sampling_interval,
                "fields": list(fields),
                "formal_charges": dict(formal_charges or {}),
            }
        )

    def _validate(self) -> None:
        super()._validate()
        for key in ("files", "kinds", "md_timestep", "n_frames"):
            if not self.base.attributes.get(key):
                raise ValidationError(f"a trajectory needs {key}")

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of each part by its file name, in order."""
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
    def md_timestep(self) -> float:
        """Time per MD step in ps."""
        return float(self.base.attributes.get("md_timestep"))

    @property
    def formal_charges(self) -> dict[str, float]:
        """Formal charge of each species in elementary charges."""
        return dict(self.base.attributes.get("formal_charges", {}))
