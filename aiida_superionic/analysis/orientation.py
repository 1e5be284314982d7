"""Orientations of rigid or nearly rigid bodies, and their changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array


def best_rotation(reference: Array, points: Array, weights: Array) -> Array:
    """Return the proper rotation R of least Σ w |x − R a|² (Kabsch).

    Parameters
    ----------
    reference
        Places a relative to their weighted mean, shape (n, 3).
    points
        Places x relative to their weighted mean, shape (..., n, 3).
    weights
        Shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (..., 3, 3).
    """
    return nearest_rotation(np.einsum("...ni,n,nj->...ij", points, weights, reference, optimize=True))


def nearest_rotation(matrices: Array) -> Array:
    """Return the proper rotations nearest to matrices, shape (..., 3, 3)."""
    left, _, right = np.linalg.svd(matrices)
    left[..., :, 2] *= np.sign(np.linalg.det(left @ right))[..., None]
    return np.asarray(left @ right)


def kabsch_deviation(reference: Array, points: Array, weights: Array) -> Array:
    """Return the weighted root mean square of x − R a at the best rotation, in Å, shape (...)."""
    rotated = np.einsum("...ij,nj->...ni", best_rotation(reference, points, weights), reference)
    return np.asarray(np.sqrt(np.einsum("n,...ni->...", weights / weights.sum(), (points - rotated) ** 2)))


def angle_between(first: Array, second: Array) -> Array:
    """Return the angle in degrees between unit vectors, shape (..., k), broadcasting."""
    return np.asarray(np.degrees(np.arccos(np.clip(np.sum(first * second, axis=-1), -1.0, 1.0))))


def rotation_angle(first: Array, second: Array) -> Array:
    """Return the angle in degrees of the rotation that leads from one orientation to another.

    Parameters
    ----------
    first, second
        Proper rotations, shape (..., 3, 3), broadcasting.
    """
    trace = np.sum(first * second, axis=(-2, -1))
    return np.asarray(np.degrees(np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0))))


def basin_changes(
    orientations: Array, threshold: float, n_dwell: int, n_smooth: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the reorientations: changes by more than a threshold between basins that each last.

    Orientations are averaged over ``n_smooth`` frames. A body leaves its basin when it is more than the threshold away
    from it, and is in a new one when it then stays, for ``n_dwell`` frames, within half the threshold of where it was
    at the first of them. The new basin's orientation is the mean over these frames.

    Parameters
    ----------
    orientations
        Proper rotations, shape (T, n, 3, 3), or unit vectors of any dimension, shape (T, n, k).
    threshold
        In degrees.
    n_dwell, n_smooth
        In frames, at least 1.

    Returns
    -------
    tuple of numpy.ndarray
        Frame at which the new basin is reached, and body, of each reorientation, in order of time.
    """
    rigid = orientations.ndim == 4
    angle = rotation_angle if rigid else angle_between
    smooth = _project(_running_mean(orientations, n_smooth), rigid)
    basin = _project(smooth[:n_dwell].mean(axis=0), rigid)
    candidate, total = smooth[0].copy(), np.zeros_like(smooth[0])
    stay = np.zeros(smooth.shape[1], dtype=np.intp)
    frames, bodies = [], []
    for t, now in enumerate(smooth):
        away = angle(basin, now) > threshold
        if not away.any():
            stay[:] = 0
            continue
        begins = away & ~((stay > 0) & (angle(candidate, now) <= 0.5 * threshold))
        candidate[begins] = now[begins]
        total[begins] = 0.0
        stay = np.where(begins, 1, np.where(away, stay + 1, 0))
        total[away] += now[away]
        arrived = np.flatnonzero(stay >= n_dwell)
        if len(arrived):
            reached = _project(total[arrived], rigid)
            changed = arrived[angle(basin[arrived], reached) > threshold]
            basin[changed] = reached[np.isin(arrived, changed)]
            stay[arrived] = 0
            frames += [t - n_dwell + 1] * len(changed)
            bodies += changed.tolist()
    return np.array(frames, dtype=np.intp), np.array(bodies, dtype=np.intp)


def coincidences(
    first: tuple[NDArray[np.intp], NDArray[np.intp]], second: tuple[NDArray[np.intp], NDArray[np.intp]], n_frames: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the events of one kind that have one of the other kind, of the same body, beside them in time.

    Parameters
    ----------
    first, second
        Frame and body of each event, in order of time.
    n_frames
        Frames by which two events may be apart. No event belongs to two others.

    Returns
    -------
    tuple of numpy.ndarray
        Frame of the later one and body of every two that belong together, in order of time.
    """
    found = []
    for body in np.intersect1d(first[1], second[1]).tolist():
        ones, others = (frames[bodies == body].tolist() for frames, bodies in (first, second))
        while ones and others:
            if abs(ones[0] - others[0]) <= n_frames:
                found.append((max(ones.pop(0), others.pop(0)), body))
            else:
                (ones if ones[0] < others[0] else others).pop(0)
    frames, bodies = np.array(sorted(found), dtype=np.intp).reshape(-1, 2).T
    return frames, bodies


def _project(matrices: Array, rigid: bool) -> Array:
    if rigid:
        return nearest_rotation(matrices)
    return np.asarray(matrices / np.linalg.norm(matrices, axis=-1, keepdims=True))


def _running_mean(values: Array, n_frames: int) -> Array:
    if n_frames == 1:
        return values
    from scipy.ndimage import uniform_filter1d  # noqa: PLC0415 - lists and help need no SciPy

    return np.asarray(uniform_filter1d(values, n_frames, axis=0, mode="nearest"))
