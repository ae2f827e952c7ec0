"""Exact nearest neighbours and ranks by cosine similarity, in one pass over tiles of the matrix.

Screen, then resolve: tiles are computed in a fast floating-point type with a known rounding bound (`screen`),
consumers keep the entries of each tile that may still matter (`negatives`, `ranks`), and what the bound
leaves undecided is computed in float32, then by one float64 dot product of fixed order (`rows`). Rows with
too many candidates within the bound are compared with all gallery rows in float64 (`exact`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from embedlens.arguments import check_integers
from embedlens.arrays import to_numpy
from embedlens.devices import check_device
from embedlens.results import Result
from embedlens.similarity import candidates as selection
from embedlens.similarity.exact import RESOLVED_DEPTH, Neighbours, empty_neighbours, exact_neighbours
from embedlens.similarity.hardware import chosen_type, cpu_name, screen_type
from embedlens.similarity.negatives import GroupMaxima, Top
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.positives import most_similar_positives
from embedlens.similarity.ranks import RankCounts, certified_ranks
from embedlens.similarity.screen import Screen
from embedlens.similarity.threads import full_precision, spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity.gallery import GalleryLike

_SHALLOW = RESOLVED_DEPTH  # deeper lists come from float64 strips, which hold all similarities of a row
_ROWS = 4096  # rows of neighbours that are merged and yielded at once
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Nearest(Result):
    """Most similar gallery row of one kind (positive or negative) of every query; ties to the lowest row.

    Attributes
    ----------
    index
        int64 [N]; -1 where there is no such row.
    similarity
        float64 [N], cosine; NaN where there is no such row.
    """

    index: NDArray[np.int64]
    similarity: NDArray[np.float64]


class SearchResult:
    """Nearest neighbours and ranks of all queries, as `search` returns them.

    Attributes
    ----------
    positive, negative
        `Nearest` of every query.
    rank
        int64 [N]: number of negatives at least as similar as the nearest positive, -1 without a positive.
        Exact below `depth`, and with `exact_ranks`; else only ``rank < K`` is certain, for K of `cutoffs`.
    n_positives
        int64 [N]: gallery rows of the query's class, or that share a label with it, without itself and what
        is ignored for it.
    n_neighbours
        int64 [N]: gallery rows that the query is compared with.
    """

    def __init__(
        self, pairing: Pairing, tops: tuple[Top, Top], *, rank: NDArray[np.int64], depth: NDArray[np.int64]
    ) -> None:
        self._pairing, self._tops, self._depth = pairing, tops, depth
        self.positive, self.negative = (self._nearest(top) for top in tops)
        self.rank = self._pairing.in_caller_order(rank)
        self.n_positives = self._pairing.in_caller_order(pairing.positives)
        self.n_neighbours = self._pairing.in_caller_order(pairing.positives + pairing.negatives)

    def neighbours(self) -> Iterator[Neighbours]:
        """Yield the neighbours of all queries, a block of queries at a time, in any order of the queries.

        Neighbours are sorted by falling similarity; on ties negatives come first, then lower row numbers.
        Where `depth` exceeds 64, similarities may be those of float64 matrix products, within 1e-12 of the
        resolved ones.
        """
        positive, negative = self._tops
        deep = (self._depth > _SHALLOW) | positive.undecided | negative.undecided
        shallow = np.flatnonzero(~deep & (self._depth > 0))
        for part in spans(shallow.size, _ROWS):
            rows = shallow[part]
            yield self._renumbered(self._merged(rows))
        rows = np.flatnonzero(deep & (self._depth > 0))
        yield from self._exact(rows, self._depth[rows])

    def deeper(self, queries: NDArray[np.int64], depth: int) -> Iterator[Neighbours]:
        """Yield the `depth` nearest neighbours of some queries (row numbers), computed in float64.

        As `neighbours`, whatever the depth of the search.
        """
        at = np.empty_like(self._pairing.query_order)
        at[self._pairing.query_order] = np.arange(at.size)
        rows, width = at[queries], min(depth, int(self.n_neighbours.max()))
        there = (self._pairing.positives + self._pairing.negatives)[rows]
        for found in self._exact(rows, np.minimum(width, there)):
            yield found.widened(width)

    def _exact(self, rows: NDArray[np.int64], depth: NDArray[np.int64]) -> Iterator[Neighbours]:
        for found in exact_neighbours(self._pairing, rows, depth, kind="all"):
            yield self._renumbered(found)

    def _merged(self, rows: NDArray[np.int64]) -> Neighbours:
        positive, negative = self._tops
        found = empty_neighbours(rows, int(self._depth[rows].max()))
        selection.merge(
            (rows, self._depth[rows]),
            (positive.index, positive.similarity),
            (negative.index, negative.similarity),
            (found.index, found.similarity, found.positive),
        )
        return found

    def _renumbered(self, found: Neighbours) -> Neighbours:
        rows = self._pairing.query_order[found.rows]
        return Neighbours(rows, found.index, found.similarity, found.positive)

    def _nearest(self, top: Top) -> Nearest:
        index = top.index[:, 0].astype(np.int64)
        return Nearest(
            self._pairing.in_caller_order(index), self._pairing.in_caller_order(top.similarity[:, 0])
        )


def search(
    z: ArrayLike,
    y: ArrayLike,
    *,
    gallery: GalleryLike | None = None,
    depth: int | NDArray[np.int64] = 1,
    to_r: bool = False,
    cutoffs: Sequence[int] = (),
    exact_ranks: bool = False,
    device: str = "cpu",
    dtype: torch.dtype | str | None = None,
) -> SearchResult:
    """Find nearest positives, nearest negatives, neighbours and ranks by cosine similarity.

    Every query is compared with every gallery row, in one pass over tiles and in bounded memory.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type, not necessarily normalised.
    y
        Integer labels [N], or `LabelSets`: positives share a label.
    gallery
        Embeddings [M, D] and labels [M], or a `Gallery`; without it every row is compared with all others.
    depth
        Number of neighbours of each query, one number or int64 [N]; 0 counts as 1.
    to_r
        Whether each query has at least as many neighbours as positives (the R of R-precision).
    cutoffs
        The K of Recall@K: ``rank < K`` is certain for each of them.
    exact_ranks
        Whether every rank is exact, whatever the depth.
    device
        Torch device that screens; the answer does not depend on it.
    dtype
        Floating-point type that screens, "float32" or "bfloat16"; by default the fastest on the device
        (`hardware.screen_type`), and float32 for small matrices. The answer does not depend on it.

    Raises
    ------
    InputError
        Shapes that disagree, NaN, infinity, a zero vector, a depth or cutoff too low, no such device.
    """
    check_device(device)
    pairing = Pairing(z, y, gallery)
    n = len(pairing.queries)
    deep = to_numpy(depth)
    wanted = check_integers(deep if deep.ndim else np.full(n, deep), "depth", shape=(n,), least=0)
    cutoffs = check_integers(cutoffs, "cutoffs", least=1).tolist()
    wanted = np.maximum(wanted[pairing.query_order], pairing.positives if to_r else 1)
    wanted = np.minimum(np.maximum(wanted, 1), pairing.positives + pairing.negatives)
    shallow = np.where(wanted <= _SHALLOW, wanted, 1)
    with full_precision():
        screen = Screen(pairing, chosen_type(dtype, device, pairing.library), device)
        positive = most_similar_positives(screen, shallow)
        _resolve_ambiguous(pairing, positive, shallow, "positive")
        counts = RankCounts(screen, positive.similarity[:, 0]) if cutoffs or exact_ranks else None
        negative = _most_similar_negatives(screen, shallow, counts)
        _resolve_ambiguous(pairing, negative, shallow, "negative")
        known = _known_ranks(positive, negative, shallow)
        listed = (negative.index >= 0).sum(axis=1)  # where the rank is not known, it is at least that
        rank = np.where(known < 0, listed, known)
        if counts is not None:
            rank = certified_ranks(counts, known, None if exact_ranks else cutoffs)
    rank[pairing.positives == 0] = -1
    return SearchResult(pairing, (positive, negative), rank=rank, depth=wanted)


def nearest(
    z: ArrayLike,
    y: ArrayLike,
    *,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> tuple[Nearest, Nearest]:
    """Return every query's nearest positive and nearest negative by cosine similarity.

    The positive is the most similar other row of the same label, the negative the most similar row of
    another label; ties go to the lowest row number. Needs a few hundred MB beyond the embeddings, whatever N.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type, not necessarily normalised.
    y
        Integer labels [N].
    gallery
        Embeddings [M, D] and labels [M] to search, or a `Gallery`; without it every row is compared with all
        others.
    device
        Torch device that screens; the answer does not depend on it.

    Returns
    -------
    positive, negative
        In the order of `z`; indices are rows of the gallery.

    Raises
    ------
    InputError
        Shapes that do not agree, NaN, infinity, a zero vector, or a device that is not available.
    """
    found = search(z, y, gallery=gallery, device=device)
    return found.positive, found.negative


def engine_facts(device: str) -> dict[str, str]:
    """Return how similarities are computed on a device, for the sidecar of a figure."""
    screened = screen_type(device)
    small = " (small matrices: float32)" if device == "cpu" and screened != "float32" else ""
    return {
        "device": device,
        "processor": cpu_name(),
        "screen": f"{screened}{small}, then float32; ambiguous rows float64",
        "settle": "float64, fixed order",
    }


def _most_similar_negatives(screen: Screen, depth: NDArray[np.int64], counts: RankCounts | None) -> Top:
    """Compute all tiles, a band of rows at a time; return the most similar negatives of every query."""
    wanted = np.minimum(depth, screen.pairing.negatives)
    group, bands = screen.plan()
    top = Top.empty(wanted, len(screen.pairing.gallery))
    for band in bands:
        maxima = GroupMaxima(screen, band, group)
        screen.sweep(band, [maxima] if counts is None else [maxima, counts])
        maxima.most_similar(wanted[band], top.part(band))
    return top


def _resolve_ambiguous(pairing: Pairing, top: Top, depth: NDArray[np.int64], kind: str) -> None:
    """Fill in the neighbours of ambiguous rows, from float64 similarities."""
    rows = np.flatnonzero(top.undecided)
    if not rows.size:
        return
    wanted = np.minimum(depth, pairing.positives if kind == "positive" else pairing.negatives)[rows]
    for found in exact_neighbours(pairing, rows, wanted, kind=kind):  # type: ignore[arg-type]
        k = found.index.shape[1]
        top.index[found.rows, :k] = found.index
        top.similarity[found.rows, :k] = found.similarity
    top.undecided[rows] = False


def _known_ranks(positive: Top, negative: Top, depth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ranks that follow from the listed negatives; -1 where the rank is at least their number."""
    ahead = (negative.similarity >= positive.similarity[:, :1]).sum(axis=1)
    listed = (negative.index >= 0).sum(axis=1)
    all_listed = listed < depth
    return np.where((ahead < listed) | all_listed, ahead, -1)
