"""Changes of the cage of one mobile ion: when, from which neighbours to which, and the frames around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.pairs import neighbour_sets, neighbours_within
from aiida_superionic.analysis.periodic import minimum_image, to_cartesian, to_fractional
from aiida_superionic.analysis.sites import changes, lasting_states
from aiida_superionic.analysis.trajectory import Array, Trajectory


@dataclass(frozen=True)
class Hop:
    """One change of the cage of one mobile ion.

    Parameters
    ----------
    ion
        Its index.
    frames
        Before, during and after.
    leaving, entering
        Indices of the host ions that are its neighbours before and not after, and after and not before.
    """

    ion: int
    frames: tuple[int, int, int]
    leaving: tuple[int, ...]
    entering: tuple[int, ...]


def find_hops(trajectory: Trajectory, kind: str, host: str, cutoff: float, n_dwell: int, n_half: int) -> list[Hop]:
    """Return the lasting changes of the set of host ions around each mobile ion, in order of time.

    Parameters
    ----------
    trajectory
        Positions and cell.
    kind, host
        The mobile species, and the species of the cage.
    cutoff
        Radius of the cage in Å.
    n_dwell
        A set of neighbours that does not last for this number of frames is taken as the one before it. So what an ion
        has lost and won is told from lasting sets, not from the noise of single frames.
    n_half
        Frames from before to during, and from during to after. Hops nearer than that to either end of the trajectory
        are left out, and so are those that have neither lost nor won a neighbour after that time.
    """
    ions, hosts = trajectory.atoms_of(kind), trajectory.atoms_of(host)
    sets = neighbour_sets(trajectory.positions, trajectory.cell, ions, hosts, [cutoff])[..., 0]
    lasting = lasting_states(sets, n_dwell)
    frames, columns = changes(lasting)
    hops = []
    for frame, column in zip(frames.tolist(), columns.tolist(), strict=True):
        ends = frame - n_half, frame + n_half
        if ends[0] < 0 or ends[1] >= trajectory.n_frames or lasting[ends[0], column] == lasting[ends[1], column]:
            continue
        # The members of a set are found where it was seen last or is seen next.
        seen = (np.flatnonzero(sets[:, column] == lasting[end, column]) for end in ends)
        shown = [times[np.argmin(np.abs(times - end))] for times, end in zip(seen, ends, strict=True)]
        before, after = (_neighbours(trajectory, t, ions[column], hosts, cutoff) for t in shown)
        hops.append(
            Hop(
                int(ions[column]),
                (ends[0], frame, ends[1]),
                tuple(sorted(before - after)),
                tuple(sorted(after - before)),
            )
        )
    return hops


def _neighbours(trajectory: Trajectory, t: int, ion: np.intp, hosts: NDArray[np.intp], cutoff: float) -> set[int]:
    frame = trajectory.positions[t : t + 1, np.append(hosts, ion)][0]
    cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[t]
    found = neighbours_within(frame[-1:], frame[:-1], cell, cutoff)[1]
    return set(hosts[found].tolist())


def distances_during(trajectory: Trajectory, hop: Hop, others: tuple[int, ...]) -> Array:
    """Return the distances of the ion from some others in the frames from before to after, in Å, shape (t, n).

    Of each of the others one image is followed, that which comes nearest in this time: further away another may be
    nearer, and which one depends on the choice of the cell.
    """
    part = trajectory.frames(hop.frames[0], hop.frames[2] + 1)
    places = part.positions[:, np.array([hop.ion, *others])]
    vectors = places[:, 1:] - places[:, :1]
    images = np.rint(to_fractional(vectors, part.cell))
    nearest = np.linalg.norm(vectors - to_cartesian(images, part.cell), axis=-1).argmin(axis=0)
    followed = np.broadcast_to(images[nearest, np.arange(len(others))], vectors.shape)
    return np.asarray(np.linalg.norm(vectors - to_cartesian(followed, part.cell), axis=-1))


def snapshots(trajectory: Trajectory, hops: Sequence[Hop], radius: float) -> str:
    """Return extended XYZ of three frames for each hop: the ion and all that is near it, Wannier centres included.

    The ion is at the origin. Each atom has its ``index`` in the trajectory, each frame the number of its ``hop`` from 0
    and its ``time`` in ps.

    Parameters
    ----------
    trajectory
        Positions and cell.
    hops
        The hops.
    radius
        In Å.
    """
    lines = []
    for number, hop in enumerate(hops):
        for t in hop.frames:
            frame = trajectory.frames(t, t + 1)
            places = frame.positions[:, :]
            relative = minimum_image(places - places[:, hop.ion, None], frame.cell)[0]
            near = np.flatnonzero(np.linalg.norm(relative, axis=1) <= radius)
            time = t * trajectory.timestep
            lines += [
                str(len(near)),
                f'Properties=species:S:1:pos:R:3:index:I:1 pbc="F F F" hop={number} time={time:g}',
            ]
            for i in near:
                x, y, z = relative[i]
                lines.append(f"{trajectory.species[i]} {x:.8f} {y:.8f} {z:.8f} {i}")
    return "".join(f"{line}\n" for line in lines)
