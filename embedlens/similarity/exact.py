"""Float64 search for ambiguous rows, those with too many candidates within the bound of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from embedlens.results import Result
from embedlens.similarity import kernels
from embedlens.similarity.pairing import IGNORED, NEGATIVE, POSITIVE
from embedlens.similarity.products import aligned, multiply
from embedlens.similarity.rows import RESOLVED_ERROR
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedlens.similarity.candidates import Sides
    from embedlens.similarity.pairing import Pairing

_STRIP_VALUES = 1 << 23  # twice as many took a quarter more memory at 60,502 x 512, and were not faster
_FEWEST_ROWS = 32  # of a strip: every strip of a large gallery normalises all of it once more
_KEPT_VALUES = 1 << 25  # a gallery up to this size (256 MiB) is normalised once, a larger one for every strip
RESOLVED_DEPTH = 64
"""Lists of neighbours up to this depth have resolved similarities; in longer ones only near ties are."""

Kind = Literal["positive", "negative", "all"]
_KINDS = {"positive": POSITIVE, "negative": NEGATIVE}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Neighbours(Result):
    """The most similar gallery rows of some queries, best first; -1, NaN and False where there are no more.

    Attributes
    ----------
    rows
        int64 [n]: the queries, as rows of the pairing.
    index
        int64 [n, k]: gallery rows, as the caller numbers them.
    similarity
        float64 [n, k].
    positive
        bool [n, k]: whether the neighbour has the query's label.
    """

    rows: NDArray[np.int64]
    index: NDArray[np.int64]
    similarity: NDArray[np.float64]
    positive: NDArray[np.bool_]

    def widened(self, k: int) -> Neighbours:
        """Return the same neighbours in at least k columns, the added ones filled with -1, NaN and False."""
        added = ((0, 0), (0, max(0, k - self.index.shape[1])))
        return Neighbours(
            self.rows,
            np.pad(self.index, added, constant_values=-1),
            np.pad(self.similarity, added, constant_values=np.nan),
            np.pad(self.positive, added),
        )


def empty_neighbours(rows: NDArray[np.int64], k: int) -> Neighbours:
    """Return neighbours to be filled in."""
    shape = (rows.size, k)
    return Neighbours(rows, np.full(shape, -1), np.full(shape, np.nan), np.zeros(shape, np.bool_))


def slack64(dim: int) -> float:
    """Return the gap beyond which float64 products are certainly ordered as the resolved similarities."""
    return 2 * (1.01 * (2 * dim + 8) * 2.0**-53 + RESOLVED_ERROR)


def strips(
    pairing: Pairing, rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield (some of the rows, their float64 similarities to the gallery [n, M]), in bounded memory."""
    if not rows.size:  # nothing of the gallery is copied for nothing
        return
    gallery, queries = pairing.gallery, pairing.queries
    size = len(gallery)
    step = max(_FEWEST_ROWS, _STRIP_VALUES // size)
    parts = spans(size, max(1, _STRIP_VALUES // gallery.dim))
    kept = [gallery.unit(part) for part in parts] if gallery.dim * size <= _KEPT_VALUES else None
    buffer = aligned((min(step, rows.size) * size,), np.float64)
    for start in range(0, rows.size, step):
        some = rows[start : start + step]
        left = queries.raw[some].astype(np.float64) / queries.norm[some, None]
        strip = buffer[: some.size * size].reshape(some.size, size)
        for number, part in enumerate(parts):
            right = kept[number] if kept is not None else gallery.unit(part)
            strip[:, part] = multiply(left, right, pairing.library)
        yield some, strip


def exact_neighbours(
    pairing: Pairing,
    rows: NDArray[np.int64],
    depth: NDArray[np.int64],
    *,
    kind: Kind,
) -> Iterator[Neighbours]:
    """Yield the depth[i] most similar gallery rows of one kind for the given rows, a strip at a time."""
    done = 0
    for some, strip in strips(pairing, rows):
        wanted = depth[done : done + some.size]
        done += some.size
        found = empty_neighbours(some, int(wanted.max(initial=1)))

        in_parallel(partial(_choose, pairing, found, strip, (wanted, kind)), range(some.size))
        yield found


def _choose(
    pairing: Pairing,
    found: Neighbours,
    strip: NDArray[np.float64],
    wanted: tuple[NDArray[np.int64], Kind],
    at: int,
) -> None:
    """Fill in the neighbours of one row from its float64 similarities, which are overwritten."""
    values, row, k = strip[at], int(found.rows[at]), int(wanted[0][at])
    kinds = pairing.kinds(found.rows[at : at + 1], slice(0, values.size))[0]
    values[kinds == IGNORED if wanted[1] == "all" else kinds != _KINDS[wanted[1]]] = -np.inf
    if k == 0:
        return
    slack = slack64(pairing.queries.dim)
    kth = np.partition(values, values.size - k)[values.size - k]
    near = np.flatnonzero(values >= kth - slack)
    near = near[np.argsort(-values[near])]
    value, gap = values[near], -np.diff(values[near])
    # Neighbours within the slack of the one before form a run; only inside a run may the order change.
    run = np.cumsum(np.concatenate([[0], gap > slack]))
    tied = np.concatenate([[False], gap <= slack]) | np.concatenate([gap <= slack, [False]])
    if k <= RESOLVED_DEPTH:
        tied[:] = True
    value[tied] = _resolve(pairing, row, near[tied])
    positive = kinds[near] == POSITIVE
    best = np.lexsort((pairing.gallery_order[near], positive, -value, run))[:k]
    found.index[at, :k] = pairing.gallery_order[near[best]]
    found.similarity[at, :k], found.positive[at, :k] = value[best], positive[best]


def _resolve(pairing: Pairing, row: int, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the resolved similarities of one query to some gallery rows."""
    raw_q, norm_q, raw_g, norm_g, _ = sides_of(pairing)
    different, at = columns, np.arange(columns.size)
    if columns.size > RESOLVED_DEPTH:  # equal rows are resolved once: a collapsed space may have many
        different, at = np.unique(pairing.gallery.twin[columns], return_inverse=True)
    out = np.empty(different.size)
    kernels.resolve_pairs(raw_q, norm_q, raw_g, norm_g, np.full(different.size, row), different, out)
    return out[at]


def sides_of(pairing: Pairing) -> Sides:
    """Return the arrays that compiled loops need to resolve pairs."""
    queries, gallery = pairing.queries, pairing.gallery
    return queries.raw, queries.norm, gallery.raw, gallery.norm, pairing.gallery_order
