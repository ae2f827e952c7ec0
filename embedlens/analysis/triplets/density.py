"""Density of the triplet scatter: two-dimensional histogram, and levels that enclose given fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_numbers
from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.triplets.nearest import Triplets


def counts_by_place(
    triplets: Triplets, limits: tuple[float, float], *, bins: int = 150
) -> NDArray[np.float64]:
    """Return the number of dots in each bin, float64 [bins of S_ap, bins of S_an].

    As `numpy.histogram2d`, which takes ten times as long, since it searches for the bin of each dot.

    Parameters
    ----------
    triplets
        Triplets of embeddings [N, D].
    limits
        Lower and upper end of both axes; dots outside are not counted, those at the upper end are.
    bins
        Number of bins of each axis.
    """
    low, high = limits
    dots = np.stack([triplets.s_ap, triplets.s_an])
    inside = ((dots >= low) & (dots <= high)).all(axis=0)
    places = ((dots if inside.all() else dots[:, inside]) - low) * (bins / (high - low))
    cells = np.minimum(places.astype(np.int64), bins - 1)
    counts = np.bincount(cells[0] * bins + cells[1], minlength=bins**2)
    return counts.reshape(bins, bins).astype(np.float64)


def smoothed(counts: ArrayLike, width: float) -> NDArray[np.float64]:
    """Return counts smoothed by a Gaussian, mirrored at the borders, of the same size.

    As `scipy.ndimage.gaussian_filter`, whose package takes 0.15 s to load; equal bins stay exactly equal.

    Parameters
    ----------
    counts
        Counts, [bins, bins], such as those of the triplets of embeddings [N, D].
    width
        Standard deviation of the Gaussian, bins; it is cut off at four of them.
    """
    result = check_numbers(counts, "counts", shape=(None, None))
    reach = int(4 * width + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights /= weights.sum()
    for _ in range(2 if result.size else 0):  # along the first axis, which becomes the second
        wide = np.pad(result, ((reach, reach), (0, 0)), mode="symmetric")
        rows = len(result)
        result = np.zeros_like(result)
        for at, weight in enumerate(weights.tolist()):
            result += weight * wide[at : at + rows]
        result = result.T
    return result


def enclosing_levels(density: ArrayLike, fractions: Sequence[float]) -> list[float]:
    """Return the density levels that enclose given fractions of the total, ascending, without repeats.

    Parameters
    ----------
    density
        Numbers from 0, of any shape, such as counts of the triplets of embeddings [N, D] by bin.
    fractions
        Fractions of the sum of all densities, in [0, 1].

    Raises
    ------
    InputError
        Fractions outside [0, 1], negative densities, or densities that are all 0.
    """
    numbers = check_numbers(density, "densities", shape=None, least=0)
    wanted = check_numbers(fractions, "fractions", least=0)
    if not numbers.any() or (wanted > 1).any():
        message = "levels enclose fractions from 0 to 1 of densities that are not all 0; got others"
        raise InputError(message)
    falling = np.sort(numbers, axis=None)[::-1]
    mass = np.cumsum(falling) / falling.sum()
    at = np.minimum(np.searchsorted(mass, wanted), falling.size - 1)
    return sorted(set(falling[at].tolist()))
