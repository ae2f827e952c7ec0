"""Exact search of binary codes: one bit per dimension, by Hamming distance, rescored by float queries.

Distances are counts of bits, so that ties are exact and need no bound; all codes are compared, a strip of
queries at a time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_integers
from embedlens.arrays import to_numpy
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.similarity.exact import Neighbours, empty_neighbours
from embedlens.similarity.hamming_kernels import (
    count_by_distance,
    hamming_distances,
    hamming_ranks,
    radius_of,
    signed_sum,
)
from embedlens.similarity.pairing import IGNORED, POSITIVE, Pairing
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity.gallery import GalleryLike
    from embedlens.similarity.rows import Rows

_STRIP = 64  # queries of a thread at a time
_ROWS = 1024  # rows of neighbours that are yielded at once
_WORD = 64  # bits


class HammingResult:
    """Ranks and neighbours of all queries by their binary codes, as `hamming_search` returns them.

    Attributes
    ----------
    rank
        int64 [N]: number of negatives that come before the nearest positive, those that tie with it included;
        -1 without a positive.
    n_positives, n_neighbours
        int64 [N]: gallery rows of the query's class, or that share a label with it, without itself and what
        is ignored for it; gallery rows that the query is compared with.
    n_candidates
        int64 [N]: gallery rows that the query rescored; 0 where nothing is rescored.
    """

    def __init__(self, pairing: Pairing, depth: NDArray[np.int64], candidates: int) -> None:
        self._pairing, self._depth, self._candidates = pairing, depth, candidates
        self._codes = _bits(pairing.queries)
        gallery = self._codes if pairing.one_set else _bits(pairing.gallery)
        self._gallery = np.ascontiguousarray(gallery.T)
        n = len(pairing.queries)
        ranks, counts = np.empty(n, np.int64), np.empty(n, np.int64)
        in_parallel(lambda part: self._rank(part, ranks, counts), spans(n, _STRIP))
        self._there = pairing.positives + pairing.negatives
        self.rank, self.n_positives, self.n_neighbours, self.n_candidates = (
            pairing.in_caller_order(values) for values in (ranks, pairing.positives, self._there, counts)
        )

    def neighbours(self) -> Iterator[Neighbours]:
        """Yield the neighbours of all queries, a block of queries at a time.

        They are sorted by Hamming distance, those that are rescored first, by the sum of the query's values
        with the signs of the code; on ties negatives come first, then lower row numbers. Similarities are
        1 - 2 h / D of the Hamming distance h, for the rescored ones the cosine of query and signs.
        """
        yield from self._lists(np.arange(self._depth.size), self._depth)

    def deeper(self, queries: NDArray[np.int64], depth: int) -> Iterator[Neighbours]:
        """Yield the `depth` nearest neighbours of some queries (row numbers), as `neighbours` does."""
        at = np.empty_like(self._pairing.query_order)
        at[self._pairing.query_order] = np.arange(at.size)
        rows, width = at[queries], min(depth, int(self.n_neighbours.max()))
        for found in self._lists(rows, np.minimum(width, self._there[rows])):
            yield found.widened(width)

    def _rank(self, part: slice, ranks: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        pairing = self._pairing
        kinds = pairing.kinds(part, slice(0, len(pairing.gallery)))
        queries = pairing.queries.raw[part], self._codes[part]
        hamming_ranks(queries, self._gallery, kinds, self._candidates, (ranks[part], counts[part]))

    def _lists(self, rows: NDArray[np.int64], depth: NDArray[np.int64]) -> Iterator[Neighbours]:
        for part in spans(rows.size, _ROWS):
            found = empty_neighbours(rows[part], int(depth[part].max(initial=1)))
            in_parallel(partial(self._list, found, depth[part]), spans(found.rows.size, _STRIP))
            renumbered = self._pairing.query_order[found.rows]
            yield Neighbours(renumbered, found.index, found.similarity, found.positive)

    def _list(self, found: Neighbours, depth: NDArray[np.int64], part: slice) -> None:
        """Fill in the neighbours of some rows."""
        pairing, dim = self._pairing, self._pairing.queries.dim
        distance = np.empty(len(pairing.gallery), np.int32)
        counts = np.empty((3, dim + 1), np.int64)
        every = pairing.kinds(found.rows[part], slice(0, distance.size))
        for at, kinds in zip(range(part.start, part.stop), every, strict=True):
            row, k = int(found.rows[at]), int(depth[at])
            hamming_distances(self._codes[row], self._gallery, distance)
            count_by_distance(distance, kinds, counts)
            # All that may be rescored come first, so that the list is right whatever its length.
            inner = radius_of(counts, self._candidates) if self._candidates else -1
            near = np.flatnonzero(distance <= max(inner, radius_of(counts, k)))
            near = near[kinds[near] != IGNORED]
            away = distance[near].astype(np.int64)
            value, later = 1 - 2 * away / dim, away > inner
            for place in np.flatnonzero(~later):
                value[place] = signed_sum(pairing.queries.raw[row], self._gallery, near[place])
            value[~later] /= pairing.queries.norm[row] * np.sqrt(dim)
            positive = kinds[near] == POSITIVE
            best = np.lexsort((pairing.gallery_order[near], positive, -value, later))[:k]
            found.index[at, : best.size] = pairing.gallery_order[near[best]]
            found.similarity[at, : best.size] = value[best]
            found.positive[at, : best.size] = positive[best]


def hamming_search(
    z: ArrayLike,
    y: ArrayLike,
    *,
    gallery: GalleryLike | None = None,
    depth: int | NDArray[np.int64] = 1,
    to_r: bool = False,
    cutoffs: Sequence[int] = (),
    device: str = "cpu",
    candidates: int = 0,
) -> HammingResult:
    """Find ranks and neighbours by binary codes: bit d of a row is whether its value d is above 0.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type.
    y
        Integer labels [N], or `LabelSets`: positives share a label.
    gallery
        Embeddings [M, D] and labels [M], or a `Gallery`; without it every row is compared with all others.
    depth
        Number of neighbours of each query, one number or int64 [N]; 0 counts as 1.
    to_r
        Whether each query has at least as many neighbours as positives (the R of R-precision).
    cutoffs
        Has no effect: ranks are exact whatever the K. It stands here as in `search`.
    device
        Has no effect but to be checked: bits are counted on the processor.
    candidates
        Number of nearest codes that the query as it is compares again with the signs of their bits, by inner
        product; all codes as far as the last of them are candidates, too. 0: none.

    Raises
    ------
    InputError
        Shapes that do not agree, NaN, infinity, a zero vector, a depth or number of candidates below 0, or a
        device that is not available.

    Notes
    -----
    Rescoring of the nearest binary codes by the real-valued query: Yamada, Asai, Hajishirzi, "Efficient
    passage retrieval with hashing for open-domain question answering", ACL 2021.
    """
    check_device(device)
    check_integers(cutoffs, "cutoffs", least=1)
    if candidates < 0:
        message = f"{candidates} candidates; their number must be at least 0"
        raise InputError(message)
    pairing = Pairing(z, y, gallery)
    n = len(pairing.queries)
    deep = to_numpy(depth)
    wanted = check_integers(deep if deep.ndim else np.full(n, deep), "depth", shape=(n,), least=0)
    wanted = np.maximum(wanted[pairing.query_order], pairing.positives if to_r else 1)
    wanted = np.minimum(np.maximum(wanted, 1), pairing.positives + pairing.negatives)
    return HammingResult(pairing, wanted, candidates)


def _bits(rows: Rows) -> NDArray[np.uint64]:
    """Return the codes of rows, bit d in word d // 64, uint64 [N, W]."""
    words = -(-rows.dim // _WORD)
    packed = np.zeros((len(rows), words * 8), np.uint8)
    packed[:, : -(-rows.dim // 8)] = np.packbits(rows.raw > 0, axis=1, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)
