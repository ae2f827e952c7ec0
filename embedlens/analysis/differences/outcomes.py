"""What a search returns for every anchor: its nearest triplet, and the rank of its nearest positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.analysis.differences.hits import Hits
from embedlens.analysis.triplets.nearest import Triplets, triplets_of
from embedlens.arrays import check_labels
from embedlens.results import Result
from embedlens.similarity import search
from embedlens.similarity.gallery import leaves_out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Outcomes(Result):
    """Outcome of the search of every anchor in one embedding.

    Attributes
    ----------
    triplets
        The nearest triplets of the n anchors.
    rank
        int64 [n]: rank of the nearest positive among all neighbours, from 1; a negative that is as similar
        stands before it. R@1 counts the anchors of rank 1.
    label, negative_label
        int64 [n]: class of the anchor, and of its nearest negative.
    """

    triplets: Triplets
    rank: NDArray[np.int64]
    label: NDArray[np.int64]
    negative_label: NDArray[np.int64]

    @property
    def hits(self) -> Hits:
        """Whether the nearest neighbour of each anchor has its class."""
        return Hits(self.triplets.anchor, self.label, self.rank == 1)

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return anchor, class, rank, and the triplet by column."""
        ranks = {"label": self.label, "rank": self.rank, "negative_label": self.negative_label}
        return {**self.triplets.columns(), **ranks}


def retrieval_outcomes(
    z: ArrayLike, y: ArrayLike, *, gallery: GalleryLike | None = None, device: str = "cpu"
) -> Outcomes:
    """Return every anchor's nearest triplet and the exact rank of its nearest positive.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    gallery
        Embeddings [M, D] and labels [M] to search; by default each item searches all others.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, or embeddings that cannot be normalised.

    Notes
    -----
    The rank is 1 + the number of negatives at least as similar as the nearest positive, as in Recall@K of
    `embedlens.analysis.retrieval`: an item counts for Recall@K where its rank is at most K.
    """
    found = search(z, y, gallery=gallery, exact_ranks=True, device=device)
    triplets = triplets_of(
        found.positive, found.negative, one_set=gallery is None, leaves_out=leaves_out(gallery)
    )
    labels = check_labels(y)
    searched = labels if gallery is None else check_labels(gallery[1])
    return Outcomes(
        triplets=triplets,
        rank=found.rank[triplets.anchor] + 1,
        label=labels[triplets.anchor],
        negative_label=searched[triplets.negative],
    )
