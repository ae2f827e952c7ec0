"""What scores of retrieval need of a search, whatever it compares: embeddings or their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity.exact import Neighbours
    from embedlens.similarity.gallery import GalleryLike


class Found(Protocol):
    """Ranks and neighbours of all queries; `engine.SearchResult` and `hamming.HammingResult` say more."""

    rank: NDArray[np.int64]
    n_positives: NDArray[np.int64]
    n_neighbours: NDArray[np.int64]

    def neighbours(self) -> Iterable[Neighbours]:
        """Yield the neighbours of all queries, a block of queries at a time."""

    def deeper(self, queries: NDArray[np.int64], depth: int) -> Iterable[Neighbours]:
        """Yield more neighbours of some queries."""


class Searcher(Protocol):
    """A function like `engine.search` and `hamming.hamming_search`."""

    def __call__(
        self,
        z: ArrayLike,
        y: ArrayLike,
        *,
        gallery: GalleryLike | None = None,
        depth: int | NDArray[np.int64] = 1,
        to_r: bool = False,
        cutoffs: Sequence[int] = (),
        device: str = "cpu",
    ) -> Found:
        """Return ranks and neighbours."""
