"""Density of the mobile ions along the cell vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.density import fractional_in_host_frame
from aiida_superionic.analysis.periodic import mean_cell
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Trajectory


@observable(
    needs=("positions",),
    routine=False,
    equation="ρ(x) = ⟨number of ions between x and x + dx⟩ / (volume of the slab)",
    source="Disentangling cation-polyanion coupling in solid electrolytes, Fig 6",
)
def density_profile(trajectory: Trajectory, *, bin_width: float = 0.1, lattice: tuple[float, ...] = ()) -> Result:
    """Density of the ions along each of the cell vectors, averaged over the two others.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice.
    bin_width
        Largest width in Å of a bin along a cell vector.
    lattice
        Where the host atoms, in their order, are in the crystal, as three fractional coordinates each: the host lattice
        drifts before the first frame, in each run elsewhere. Without them it stays where that has it.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the curves ``density_profile_a_X``, ``_b_X``
        and ``_c_X`` in ions per Å^3 against the distance along the mean cell vector in Å.
    """
    if not bin_width > 0.0:
        raise ParameterError(f"bin_width is {bin_width:g} Å and must be positive")
    cell = mean_cell(trajectory)
    lengths = np.linalg.norm(cell, axis=1)
    n_bins_of = np.ceil(lengths / bin_width).astype(int)
    middles = [(np.arange(n) + 0.5) * length / n for n, length in zip(n_bins_of, lengths, strict=True)]
    volume = float(abs(np.linalg.det(cell)))
    curves = {}
    for kind in trajectory.mobile or trajectory.kinds:
        # One count per frame and bin: blocks and the whole are sums of these.
        counts = [np.zeros((trajectory.n_frames, len(x)), dtype=np.int32) for x in middles]
        for part, fractional in fractional_in_host_frame(trajectory, kind, lattice):
            for axis, count in enumerate(counts):
                n_bins = count.shape[1]
                bins = np.minimum((fractional[..., axis] * n_bins).astype(np.intp), n_bins - 1)
                rows = np.arange(len(bins))[:, None] * n_bins
                count[part] = np.bincount((rows + bins).ravel(), minlength=count[part].size).reshape(-1, n_bins)
        for name, x, count in zip("abc", middles, counts, strict=True):

            def estimate(start: int, stop: int, count: NDArray[np.int32] = count) -> Mapping[str, ArrayLike]:
                return {"density": count[start:stop].mean(axis=0) * (count.shape[1] / volume)}

            result = block_statistics(estimate, trajectory.n_frames)
            curves[f"density_profile_{name}_{kind}"] = Curve(
                x,
                result.value["density"],
                f"distance along {name}",
                "Å",
                f"density of {kind}",
                "1/Å^3",
                result.error["density"],
            )
    return Result(curves=curves)
