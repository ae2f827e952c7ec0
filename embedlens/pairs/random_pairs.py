"""Pairs of items drawn by seed, in folds, and queries with one positive and many negatives.

Source of the protocol: Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", UMass technical
report 07-49.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_flags, check_integers, check_same_length
from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

FOLDS = 10
PER_FOLD = 300
_EVEN_ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pairs(Result):
    """Genuine and impostor pairs of rows (of one class, of two classes), in folds.

    Attributes
    ----------
    a, b
        int64 [n]: row numbers.
    same
        bool [n]: whether the two items are of one class.
    fold
        int64 [n]: number of the fold, from 0.
    disjoint
        Whether no class stands in two folds.
    source
        Where the pairs come from, in words.
    n_skipped
        Pairs of the source that are left out, as they name items that are not there.

    Raises
    ------
    InputError
        Arrays of different lengths, numbers below 0, flags other than True and False (0 and 1 count as
        these).
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    disjoint: bool
    source: str
    n_skipped: int = 0

    def __post_init__(self) -> None:
        for name in ("a", "b", "fold"):
            object.__setattr__(self, name, check_integers(getattr(self, name), f"{name} of pairs", least=0))
        object.__setattr__(self, "same", check_flags(self.same, "same of pairs"))
        check_same_length(a=self.a, b=self.b, same=self.same, fold=self.fold)

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1 if self.fold.size else 0


def class_numbers(labels: ArrayLike) -> NDArray[np.int64]:
    """Return the class of each item, int64 [N], numbered by first appearance: other labels, same numbers."""
    _, first, inverse = np.unique(check_labels(labels), return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def draw_pairs(y: ArrayLike, *, folds: int = FOLDS, per_fold: int = PER_FOLD, seed: int = 0) -> Pairs:
    """Draw pairs by seed: as many genuine as impostor pairs in every fold, and no pair twice.

    A class is drawn first (two for an impostor pair), all equally likely, then an item of it; where this
    finds no new pairs any more, all pairs are equally likely. Folds are class-disjoint unless that would
    leave less than half of the pairs, see `Pairs.disjoint`. Where the items do not allow `per_fold` pairs of
    each kind in every fold, every fold has the same smaller number.

    Parameters
    ----------
    y
        Integer labels [N].
    folds
        Number of folds, 2 or more.
    per_fold
        Number of genuine pairs in a fold, and of impostor pairs.
    seed
        Seed of the draw.

    Raises
    ------
    InputError
        One class only, no class of two items, or fewer pairs of a kind than folds.
    """
    numbers = class_numbers(check_labels(y))
    if folds < 2 or per_fold < 1 or seed < 0:
        message = (
            f"{folds} folds of {per_fold} pairs by seed {seed}; 2 folds, 1 pair and seed 0 are the least"
        )
        raise InputError(message)
    counts = np.bincount(numbers)
    together = min(per_fold, _room(counts) // folds)
    if together == 0:
        raise _too_few(counts, folds)
    random = np.random.default_rng([seed, 0])
    group = _deal(counts, folds, random)
    apart = min(per_fold, *(_room(counts[group == fold]) for fold in range(folds)))
    disjoint = 2 * apart >= together
    if disjoint:
        parts = [_draw(np.flatnonzero(group[numbers] == f), numbers, apart, random) for f in range(folds)]
        keys = np.stack(parts, axis=1)
    else:
        every = _draw(np.arange(numbers.size), numbers, together * folds, random)
        keys = random.permuted(every, axis=1).reshape(2, folds, together)
    n = keys.shape[2]
    a, b = divmod(keys.transpose(1, 0, 2).reshape(-1), numbers.size)
    return Pairs(
        a,
        b,
        same=np.tile(np.repeat([True, False], n), folds),
        fold=np.repeat(np.arange(folds), 2 * n),
        disjoint=disjoint,
        source=f"drawn by seed {seed}",
    )


def _room(counts: NDArray[np.int64]) -> int:
    """Return how many pairs of each kind classes of that many items allow."""
    same = int((counts * (counts - 1) // 2).sum())
    return min(same, (int(counts.sum()) * (int(counts.sum()) - 1)) // 2 - same)


def _too_few(counts: NDArray[np.int64], folds: int) -> InputError:
    """Say why there is no pair for every fold."""
    if counts.size == 1:
        return InputError("all items have one label; verification needs two classes or more")
    if counts.max() == 1:
        return InputError("no label has two items; verification needs a class of two items or more")
    least = _room(counts)
    advice = f"use {least} folds or fewer" if least > 1 else "more items are needed"
    return InputError(f"there are {least} pairs of a kind, too few for {folds} folds; {advice}")


def _deal(counts: NDArray[np.int64], folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each class: largest first, there and back, so that folds get about the same."""
    order = random.permutation(counts.size)
    order = order[np.argsort(-counts[order], kind="stable")]
    there_and_back = np.concatenate([np.arange(folds), np.arange(folds)[::-1]])
    group = np.empty(counts.size, dtype=np.int64)
    group[order] = np.resize(there_and_back, counts.size)
    return group


def _draw(
    rows: NDArray[np.int64], numbers: NDArray[np.int64], n: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw n pairs of one class and n of two among the rows; int64 [2, n], a pair as a * N + b with a < b."""
    rows = rows[np.argsort(numbers[rows], kind="stable")]
    _, start, counts = np.unique(numbers[rows], return_index=True, return_counts=True)
    share_same, share_other = counts * (counts - 1.0), counts * (rows.size - counts.astype(float))

    def same(size: int, evenly: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        weight = (counts > 1).astype(float) if evenly else share_same
        chosen = random.choice(counts.size, size, p=weight / weight.sum())
        first = random.integers(counts[chosen])
        second = (first + 1 + random.integers(counts[chosen] - 1)) % counts[chosen]
        return start[chosen] + first, start[chosen] + second

    def different(size: int, evenly: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if evenly:
            one = random.integers(counts.size, size=size)
            two = (one + 1 + random.integers(counts.size - 1, size=size)) % counts.size
            return start[one] + random.integers(counts[one]), start[two] + random.integers(counts[two])
        one = random.choice(counts.size, size, p=share_other / share_other.sum())
        at = random.integers(rows.size - counts[one])
        first = start[one] + random.integers(counts[one])
        return first, np.where(at < start[one], at, at + counts[one])

    def keys(sample: Callable[..., tuple[NDArray[np.int64], NDArray[np.int64]]]) -> NDArray[np.int64]:
        found, rounds = np.empty(0, dtype=np.int64), 0
        while found.size < n:
            one, two = (rows[at] for at in sample(max(1024, 4 * (n - found.size)), rounds < _EVEN_ROUNDS))
            drawn = np.minimum(one, two) * numbers.size + np.maximum(one, two)
            found = _first_of_each(np.concatenate([found, drawn]))
            rounds += 1
        return found[:n]

    return np.stack([keys(same), keys(different)])


def _first_of_each(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values without repeats, in their order."""
    _, first = np.unique(values, return_index=True)
    return values[np.sort(first)]


class Queries:
    """One draw of queries, each with a positive and as many negatives as there are other classes.

    The classes stand in a random circle, and so do the items of each class; every query reads on from a
    random place of its own. So each of its negatives is of another class, and all choices are equally likely.

    Parameters
    ----------
    numbers
        int64 [N]: class of each item, as `class_numbers` gives them.
    anchors
        int64 [n]: the rows that query; their classes have two items or more.
    key
        Seed of the draw.

    Attributes
    ----------
    positive
        int64 [n]: for each query another row of its class.
    """

    def __init__(self, numbers: NDArray[np.int64], anchors: NDArray[np.int64], key: list[int]) -> None:
        random = np.random.default_rng(key)
        self.anchors = anchors
        self._counts = np.bincount(numbers)
        self._start = np.cumsum(self._counts) - self._counts
        mixed = random.permutation(numbers.size)
        self._items = mixed[np.argsort(numbers[mixed], kind="stable")]
        self._circle = random.permutation(self._counts.size)
        self._own = np.argsort(self._circle)[numbers[anchors]]
        self._class_offset = random.integers(self._counts.size - 1, size=anchors.size)
        self._item_offset = random.integers(1 << 40, size=anchors.size)
        place = np.argsort(self._items)[anchors]
        start, count = (part[numbers[anchors]] for part in (self._start, self._counts))
        self.positive = self._items[start + (place - start + 1 + random.integers(count - 1)) % count]

    def negatives(self, query: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the negatives of the given numbers [w] of some queries [n] as rows, int64 [n, w]."""
        others = self._counts.size - 1
        step = 1 + (self._class_offset[query, None] + numbers) % others
        chosen = self._circle[(self._own[query, None] + step) % self._counts.size]
        place = self._start[chosen] + self._item_offset[query, None] % self._counts[chosen]
        rows: NDArray[np.int64] = self._items[place]
        return rows
