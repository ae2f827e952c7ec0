"""Nearest positive and nearest negative of every row: screen fast, then settle exactly.

The similarity matrix is streamed in strips of a few rows. A strip is computed in float32, whose rounding
has a known bound; every entry within twice the bound of its row's best may be the best and is settled by
the float64 dot product of `embedlens.similarity.rows`. Rows that the bound leaves too undecided (a
collapsed space) are screened once more in float64 first.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from embedlens.arrays import check_labels
from embedlens.similarity.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

_STRIP_VALUES = 1 << 23
_CROWDED_STRIP_VALUES = 1 << 21
_MANY_CANDIDATES = 32
_UNIT_ROUNDOFF = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}

Pairs = tuple[torch.Tensor, torch.Tensor]  # row numbers, column numbers
Near = tuple[torch.Tensor, int]  # a mask over columns, and the number of its first column


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """For every row its most similar row of one kind; of equals, the one with the lowest number.

    Attributes
    ----------
    index
        int64 [N]; -1 where there is no such row.
    similarity
        float64 [N], cosine; NaN where there is no such row.
    """

    index: NDArray[np.int64]
    similarity: NDArray[np.float64]


def nearest(z: ArrayLike, y: ArrayLike, *, device: str = "cpu") -> tuple[Nearest, Nearest]:
    """Return every row's nearest positive and nearest negative by cosine similarity.

    The positive is the most similar other row of the same label, the negative the most similar row of
    another label. Needs a few hundred MB beyond the embeddings, whatever N.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type, not necessarily normalised.
    y
        Integer labels [N].
    device
        Torch device that computes; the answer does not depend on it.

    Returns
    -------
    positive, negative
        Rows in the order of `z`.

    Raises
    ------
    InputError
        Shapes that do not fit, NaN, infinity or a zero vector.
    """
    labels = check_labels(y)
    order = np.argsort(labels, kind="stable")
    rows = Rows(z, device, order)
    screen = _Screen(rows, labels[order])
    original = torch.from_numpy(order).to(device)
    found: tuple[list[Pairs], list[Pairs]] = ([], [])
    with _full_precision():
        for strip in torch.split(torch.arange(len(rows), device=device), _strip_rows(rows, _STRIP_VALUES)):
            for candidates in screen.candidates(strip):
                for kind, pairs in zip(found, candidates, strict=True):
                    kind.append(_best(rows, pairs, original))
    positive, negative = (_collect(kind, labels.size) for kind in found)
    return positive, negative


def _strip_rows(rows: Rows, values: int) -> int:
    """Return how many rows a strip of about so many values has."""
    return max(1, values // len(rows))


def engine_facts(device: str) -> dict[str, str]:
    """Return how similarities are computed on a device, for the sidecar of a figure."""
    return {"device": device, "screen": "float32, crowded rows float64", "settle": "float64, fixed order"}


class _Screen:
    """Computes strips of similarities of class-sorted rows, and which entries may be a row's best."""

    def __init__(self, rows: Rows, sorted_labels: NDArray[np.int64]) -> None:
        self._rows = rows
        self._units: dict[torch.dtype, torch.Tensor] = {}
        _, first, counts = np.unique(sorted_labels, return_index=True, return_counts=True)
        device = rows.raw.device
        self._start = torch.from_numpy(np.repeat(first, counts)).to(device)
        self._end = torch.from_numpy(np.repeat(first + counts, counts)).to(device)

    def candidates(self, strip: torch.Tensor) -> Iterator[tuple[Pairs, Pairs]]:
        """Yield the (row, column) pairs to settle for the rows of `strip`: positives, negatives."""
        near = self._screen(strip, torch.float32)
        if max(int(mask.count_nonzero()) for mask, _ in near) <= _MANY_CANDIDATES * len(strip):
            yield _pairs(near[0], strip), _pairs(near[1], strip)
            return
        crowded = torch.zeros_like(strip, dtype=torch.bool)
        for mask, _ in near:
            crowded |= mask.count_nonzero(dim=1) > _MANY_CANDIDATES
        calm = [(mask[~crowded], first) for mask, first in near]
        yield _pairs(calm[0], strip[~crowded]), _pairs(calm[1], strip[~crowded])
        for part in torch.split(strip[crowded], _strip_rows(self._rows, _CROWDED_STRIP_VALUES)):
            near = self._screen(part, torch.float64)
            yield _pairs(near[0], part), _pairs(near[1], part)

    def _screen(self, strip: torch.Tensor, dtype: torch.dtype) -> tuple[Near, Near]:
        """Mark the near-best entries. Same-class columns are one range, so only there masks are needed."""
        unit = self._unit(dtype)
        similarity = unit[strip] @ unit.T
        start, end = self._start[strip, None], self._end[strip, None]
        low, high = int(start.min()), int(end.max())
        columns = torch.arange(low, high, device=strip.device)
        same = (columns >= start) & (columns < end)
        block = similarity[:, low:high]
        positives = block.masked_fill(~same | (columns == strip[:, None]), -torch.inf)
        block.masked_fill_(same, -torch.inf)
        slack = _slack(self._rows.dim, dtype)
        return (_near_best(positives, slack), low), (_near_best(similarity, slack), 0)

    def _unit(self, dtype: torch.dtype) -> torch.Tensor:
        if dtype not in self._units:
            self._units[dtype] = self._rows.unit(dtype)
        return self._units[dtype]


def _slack(dim: int, dtype: torch.dtype) -> float:
    """Return how far below its row's best an entry may be screened and still be settled as the best.

    A sum of D products of unit rows, in any order, is off by D + 2 unit roundoffs at most (Higham, "Accuracy
    and stability of numerical algorithms", section 3.1, and Cauchy-Schwarz); the settled value by 64 of
    float64 (the halving sum has 2 + log2 D). Both entries compared may be off.
    """
    return 2 * 1.01 * ((dim + 2) * _UNIT_ROUNDOFF[dtype] + 64 * _UNIT_ROUNDOFF[torch.float64])


def _near_best(similarity: torch.Tensor, slack: float) -> torch.Tensor:
    """Mark the entries that lie within `slack` of the best of their row; none of a row that is all masked."""
    threshold = similarity.amax(dim=1) - slack
    threshold = torch.where(threshold == -torch.inf, torch.inf, threshold)
    return similarity >= threshold[:, None]


def _pairs(near: Near, strip: torch.Tensor) -> Pairs:
    """Return the marked entries of the rows of `strip` as pairs of row numbers."""
    mask, first = near
    at, column = mask.nonzero(as_tuple=True)
    return strip[at], column + first


def _best(rows: Rows, pairs: Pairs, order: torch.Tensor) -> Pairs:
    """Settle the pairs; return, by row, the numbers of the best pairs and their similarities.

    The first tensor is int64 [n, 2]: row and column, in the numbering of the caller of `nearest`.
    """
    row, column = order[pairs[0]].cpu().numpy(), order[pairs[1]].cpu().numpy()
    value = rows.settle(*pairs).cpu().numpy()
    ranked = np.lexsort((column, -value, row))
    best = ranked[np.diff(row[ranked], prepend=-1) != 0]
    return torch.from_numpy(np.stack([row[best], column[best]], axis=1)), torch.from_numpy(value[best])


def _collect(parts: list[Pairs], n: int) -> Nearest:
    """Put the best pairs of all strips into arrays over all rows."""
    result = Nearest(np.full(n, -1, dtype=np.int64), np.full(n, np.nan))
    for numbers, value in parts:
        result.index[numbers[:, 0].numpy()] = numbers[:, 1].numpy()
        result.similarity[numbers[:, 0].numpy()] = value.numpy()
    return result


@contextmanager
def _full_precision() -> Iterator[None]:
    """Keep float32 products in float32: the screening bound counts on it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
