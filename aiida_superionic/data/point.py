"""A point of a campaign on the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data


class PointData(Data):
    """What was asked for: one combination of structure, potential, conditions and seed, immutable.

    The workchains that take this node are the attempts at the point. ``specification`` and its ``hash`` are
    attributes, so that a query finds points by any of their conditions.

    Parameters
    ----------
    specification
        Plain data that says everything that decides the result.
    digest
        SHA-256 of the specification's canonical JSON, by which a point is recognised.
    """

    def __init__(
        self, specification: Mapping[str, Any] | None = None, digest: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if specification is not None:
            self.base.attributes.set_many({"specification": dict(specification), "hash": digest})

    def _validate(self) -> None:
        super()._validate()
        if not self.base.attributes.get("specification", None) or not self.base.attributes.get("hash", None):
            raise ValidationError("a point needs a specification and its hash")

    @property
    def specification(self) -> dict[str, Any]:
        """What was asked for."""
        return dict(self.base.attributes.get("specification"))

    @property
    def hash(self) -> str:
        """SHA-256 of the specification's canonical JSON."""
        return str(self.base.attributes.get("hash"))
