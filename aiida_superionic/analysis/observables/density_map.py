"""Density of the mobile ions in space."""

from __future__ import annotations

from aiida_superionic.analysis.density import density_cube
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Result
from aiida_superionic.analysis.trajectory import Trajectory


@observable(
    needs=("positions",),
    routine=False,
    equation="ρ(r) = ⟨number of ions in the volume around a grid point⟩ / (that volume)",
    source="Disentangling cation-polyanion coupling in solid electrolytes, Fig 6",
)
def density_map(trajectory: Trajectory, *, spacing: float = 0.3, lattice: tuple[float, ...] = ()) -> Result:
    """Density of the ions on a grid of the cell, as a cube file that programs for structures draw.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice.
    spacing
        Largest distance in Å between neighbouring grid points along a cell vector.
    lattice
        Where the host atoms, in their order, are in the crystal, as three fractional coordinates each: the host lattice
        drifts before the first frame, in each run elsewhere. Without them it stays where that has it.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the file ``density_X.cube``: ions per Å^3,
        in the mean cell, with the host ions of the first frame.
    """
    kinds = trajectory.mobile or trajectory.kinds
    return Result(files={f"density_{kind}.cube": density_cube(trajectory, kind, spacing, lattice) for kind in kinds})
