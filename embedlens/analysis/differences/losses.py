"""The worst losses: anchors that the first side retrieves, and the second ranks farthest from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.analysis.differences.anchors import Difference


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Losses(Result):
    """Anchors lost, with their nearest positive and negative on both sides, the worst first.

    Attributes
    ----------
    names
        Names of the two sides.
    anchor, label
        int64 [m]: row and class of each anchor.
    rank
        float64 [m, 2]: rank of its nearest positive on either side; of groups the mean over the runs.
    positive, negative
        int64 [m, 2]: rows of its nearest positive and negative, in the first run of either side.
    negative_label
        int64 [m, 2]: class of that negative.
    s_ap, s_an
        float64 [m, 2]: similarity of the anchor to either.
    n_lost
        Number of all anchors lost.
    """

    names: tuple[str, str]
    anchor: NDArray[np.int64]
    label: NDArray[np.int64]
    rank: NDArray[np.float64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    negative_label: NDArray[np.int64]
    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    n_lost: int

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return one row per anchor."""
        found: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
            "anchor": self.anchor,
            "label": self.label,
        }
        for at, name in enumerate(("first", "second")):
            for column in ("rank", "positive", "negative", "negative_label", "s_ap", "s_an"):
                found[f"{name}_{column}"] = getattr(self, column)[:, at]
        return found


def worst_losses(difference: Difference, most: int) -> Losses:
    """Return up to `most` anchors lost, the worst first.

    By falling loss (of groups: of the fraction of runs), then by falling rank of the nearest positive on the
    second side, then by falling margin S_an - S_ap there, then by row.

    Parameters
    ----------
    difference
        A comparison of embeddings [N, D].
    most
        The largest number.
    """
    lost = np.flatnonzero(difference.lost)
    first, second = difference.first, difference.second
    margin = second.s_an[0] - second.s_ap[0]
    keys = (lost, -margin[lost], -second.mean_rank[lost], difference.gain[lost])
    worst = lost[np.lexsort(keys)[:most]]

    def both(name: str) -> NDArray[Any]:
        return np.stack([getattr(side, name)[0, worst] for side in (first, second)], axis=1)

    return Losses(
        names=difference.names,
        anchor=difference.anchor[worst],
        label=difference.label[worst],
        rank=np.stack([side.mean_rank[worst] for side in (first, second)], axis=1),
        positive=both("positive"),
        negative=both("negative"),
        negative_label=both("negative_label"),
        s_ap=both("s_ap"),
        s_an=both("s_an"),
        n_lost=lost.size,
    )
