"""What has to be done before points of a campaign can run, on the graph."""

from __future__ import annotations

from aiida_superionic.data.point import PointData


class PreparationData(PointData):
    """A training, or learning, that points need, immutable; the workchains that take this node are the attempts at it.

    It is recognised as a point is, and is none: no query for points finds it.
    """
