"""Flow of the triplet scatter between two epochs: mean displacement of dots by bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets

BINS = 16
MINIMUM = 5
LEFT_OUT = 0.005
_SMALL = 0.1  # side of a square below which half the bins are taken
_FEWEST, _DOTS_A_BIN = 4, 15  # bins of each axis at least; mean number of dots per bin at least


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Flow(Result):
    """Mean displacement of the dots in each bin of the triplet scatter; one entry for each bin kept.

    Attributes
    ----------
    s_ap, s_an
        float64 [m]: mean position of the bin's dots at the start, cosine similarities.
    d_ap, d_an
        float64 [m]: mean change of S_ap and S_an.
    count
        int64 [m]: number of dots in the bin.
    mean_d_ap, mean_d_an
        Mean change over all dots, those of bins left out included.
    n
        Number of dots that both states have.
    n_thin
        Number of these that lie in bins of fewer than `minimum` dots, or outside `limits`.
    bins, limits
        Number of bins of each axis, and the range that they divide; the same for both axes.
    minimum
        Smallest number of dots of a bin that is kept.
    """

    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    d_ap: NDArray[np.float64]
    d_an: NDArray[np.float64]
    count: NDArray[np.int64]
    mean_d_ap: float
    mean_d_an: float
    n: int
    n_thin: int
    bins: int
    limits: tuple[float, float]
    minimum: int

    def columns(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Return the data that a figure of the flow shows, by column."""
        return {name: getattr(self, name) for name in ("s_ap", "s_an", "d_ap", "d_an", "count")}


def flow(
    start: Triplets,
    end: Triplets,
    *,
    bins: int | None = None,
    limits: tuple[float, float] | None = None,
    minimum: int = MINIMUM,
) -> Flow:
    """Return the mean displacement of the dots between two states, by their bin at the start.

    An anchor is one dot: (S_ap, S_an) of its triplet at the start and of its triplet at the end, either the
    nearest items in each state or the same items in both. The square `limits` x `limits` is cut into
    `bins` x `bins`; a dot belongs to the bin in which it starts. By default the square is the one that the
    dots occupy (`occupied`), since the dots of an untrained network lie in one corner of the diagram.

    Parameters
    ----------
    start, end
        Triplets of embeddings [N, D] and [N, D'] of the same items; anchors that only one of them has are
        left out.
    bins
        Number of bins of each axis; by default 16, or 8 in a square smaller than 0.1, whose arrows would
        overlap; fewer, down to 4, where there are fewer than 15 dots per bin.
    limits
        Lower and upper end of both sides of the square; by default those that hold 99.5 % of the starting
        similarities.
    minimum
        Bins with fewer dots are left out.

    Raises
    ------
    InputError
        No bins, limits in the wrong order, a minimum below 1, or no anchor that both states have.
    """
    low, high = occupied([start]) if limits is None else limits
    if bins is None:
        most = BINS if high - low >= _SMALL else BINS // 2
        bins = min(most, max(_FEWEST, int(np.sqrt(len(start.anchor) / _DOTS_A_BIN))))
    if bins < 1 or minimum < 1 or not low < high:
        message = (
            f"a flow in {bins} bins from {low} to {high} of at least {minimum} dots; bins and dots are 1 or "
            "more, and the limits ascend"
        )
        raise InputError(message)
    _, first, last = np.intersect1d(start.anchor, end.anchor, assume_unique=True, return_indices=True)
    if first.size == 0:
        message = "the two states share no anchor; a flow needs the same items at both epochs"
        raise InputError(message)
    before = np.stack([start.s_ap[first], start.s_an[first]])
    change = np.stack([end.s_ap[last], end.s_an[last]]) - before
    inside = ((before >= low) & (before <= high)).all(axis=0)
    cells = np.minimum(((before[:, inside] - low) * (bins / (high - low))).astype(np.int64), bins - 1)
    cell = cells[0] * bins + cells[1]
    count = np.bincount(cell, minlength=bins**2)
    kept = np.flatnonzero(count >= minimum)
    s_ap, s_an, d_ap, d_an = (
        np.bincount(cell, values[inside], bins**2)[kept] / count[kept] for values in (*before, *change)
    )
    return Flow(
        s_ap=s_ap,
        s_an=s_an,
        d_ap=d_ap,
        d_an=d_an,
        count=count[kept],
        mean_d_ap=float(change[0].mean()),
        mean_d_an=float(change[1].mean()),
        n=first.size,
        n_thin=first.size - int(count[kept].sum()),
        bins=bins,
        limits=(low, high),
        minimum=minimum,
    )


def occupied(states: Iterable[Triplets]) -> tuple[float, float]:
    """Return the limits (low, high) of the square that contains the dots, but for the lowest 0.5 %.

    Of all S_ap and S_an together: from their 0.5 % quantile to the largest.
    """
    values = np.concatenate([part for state in states for part in (state.s_ap, state.s_an)])
    low, high = float(np.quantile(values, LEFT_OUT)), float(values.max())
    return (low, high) if low < high else (low - 0.01, high + 0.01)
