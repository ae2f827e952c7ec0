"""Verification with many negatives: one positive against M negatives of M other classes.

Source: Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NeurIPS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_integers, check_numbers
from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.pairs import Queries, class_numbers
from embedlens.results import Result
from embedlens.similarity import nearest, pair_similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


NEGATIVES = (1, 10, 100)
DRAWS = 10
_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManyNegatives(Result):
    """Fraction of queries whose positive is more similar than negatives of m other classes.

    Attributes
    ----------
    negatives
        int64 [k]: the numbers m, ascending.
    fraction
        float64 [draws, k], in [0, 1].
    n
        Number of queries: items whose class has another item.
    """

    negatives: NDArray[np.int64]
    fraction: NDArray[np.float64]
    n: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over draws, float64 [k]."""
        return np.asarray(self.fraction.mean(axis=0))

    @property
    def se(self) -> NDArray[np.float64]:
        """Standard error of the mean over draws, float64 [k]."""
        return np.array([standard_error(column) for column in self.fraction.T])

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the numbers by column."""
        return {"negatives": self.negatives, "vrf": self.mean, "vrf_se": self.se}


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of the mean of independent values [n]; NaN of a single one."""
    values = check_numbers(values, "values", finite=False)
    return float(np.std(values, ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")


def many_negatives(
    z: ArrayLike,
    y: ArrayLike,
    negatives: Sequence[int] = NEGATIVES,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    device: str = "cpu",
) -> ManyNegatives:
    """Return the fraction of queries whose positive is more similar than negatives of m other classes.

    In each draw every item of a class of two or more is a query: a positive is drawn uniformly from the other
    items of its class, and one negative from each of m other classes. Ties count against the query. The
    negatives for a smaller m are the first of those for a larger one, and do not depend on which m are
    requested.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    negatives
        Numbers m of negatives, from 1 to the number of classes less 1.
    draws
        Number of draws of positives and negatives.
    seed
        Seed of the draws.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, a number of negatives that the classes do not allow, or
        embeddings that cannot be normalised.

    Notes
    -----
    Sohn 2016, section 4.1 ("VRF"); for the draws see `embedlens.pairs.Queries`.
    """
    numbers = class_numbers(check_labels(y))
    requested = np.unique(check_integers(negatives, "negatives"))
    anchors = _check_queries(numbers, requested, draws, seed)
    hardest = nearest(z, numbers, device=device)[1].similarity
    first = np.empty((draws, anchors.size), dtype=np.int64)
    step = max(1, _PAIRS_AT_ONCE // anchors.size)
    for start in range(0, draws, step):
        some = [Queries(numbers, anchors, [seed, 1, draw]) for draw in range(start, min(start + step, draws))]
        first[start : start + step] = _first_violation(
            z, some, hardest, most=int(requested[-1]), device=device
        ).reshape(len(some), -1)
    fraction = np.stack([np.mean(first >= m, axis=1) for m in requested], axis=1)
    return ManyNegatives(requested, fraction, anchors.size)


def _check_queries(
    numbers: NDArray[np.int64], requested: NDArray[np.int64], draws: int, seed: int
) -> NDArray[np.int64]:
    """Return the rows that have a positive, int64 [n]; refuse numbers of negatives or draws out of range."""
    counts = np.bincount(numbers)
    if counts.size == 1:
        message = "all items have one label, so there is no negative; verification needs two classes or more"
        raise InputError(message)
    if counts.max() == 1:
        message = "no label has two items, so there is no positive; verification needs a class of two or more"
        raise InputError(message)
    if requested.size == 0 or requested[0] < 1 or requested[-1] >= counts.size:
        given = ", ".join(str(m) for m in requested) or "none"
        message = f"negatives {given}; with {counts.size} classes each number may be 1 to {counts.size - 1}"
        raise InputError(message)
    if draws < 1 or seed < 0:
        message = f"{draws} draws by seed {seed}; 1 draw and seed 0 are the least"
        raise InputError(message)
    return np.flatnonzero(counts[numbers] > 1)


def _first_violation(
    z: ArrayLike, draws: list[Queries], hardest: NDArray[np.float64], *, most: int, device: str
) -> NDArray[np.int64]:
    """Return the number of the first negative that is as similar as the positive, `most` where none is.

    Queries whose positive is more similar than the hardest negative of all (`hardest`, float64 [N]) cannot
    fail, and others are left out once they have failed, which saves most of the similarities.
    """
    anchors = np.concatenate([draw.anchors for draw in draws])
    n = draws[0].anchors.size
    positive = pair_similarity(z, anchors, np.concatenate([draw.positive for draw in draws]), device=device)
    first = np.full(anchors.size, most, dtype=np.int64)
    alive, done = np.flatnonzero(positive <= hardest[anchors]), 0
    while done < most and alive.size:
        width = min(max(1, done), max(1, _PAIRS_AT_ONCE // alive.size), most - done)
        numbers = np.arange(done, done + width)
        edges = np.searchsorted(alive, np.arange(len(draws) + 1) * n)
        rows = np.concatenate(
            [
                draw.negatives(alive[lo:hi] % n, numbers)
                for draw, lo, hi in zip(draws, edges, edges[1:], strict=False)
            ]
        )
        similarity = pair_similarity(z, np.repeat(anchors[alive], width), rows.reshape(-1), device=device)
        beaten = similarity.reshape(-1, width) >= positive[alive, None]
        hit = beaten.any(axis=1)
        first[alive[hit]] = done + np.argmax(beaten[hit], axis=1)
        alive, done = alive[~hit], done + width
    return first
