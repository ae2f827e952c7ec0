"""Gallery rows that are ignored for a query: those that share a code with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

Codes: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"
"""A code of each query, int64 [N], and of each gallery row, int64 [M]; one below 0 is shared with no row."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ignored(Result):
    """Codes by which gallery rows are ignored for queries, as `embedlens.similarity.Gallery` describes them.

    Attributes
    ----------
    classes
        The classes, or the whole sets of labels, numbered from 0 in their order.
    items
        Codes that count within a class.
    junk
        Codes that count for positives.
    excluded
        Codes that count for all gallery rows.
    in_ranges
        Whether the positives of a query are its class, so that one order may have them, and those of its
        code, next to each other.
    """

    classes: Codes
    items: Codes | None
    junk: Codes | None
    excluded: Codes | None
    in_ranges: bool

    @classmethod
    def of(
        cls,
        labels: Codes,
        *,
        items: Codes | None,
        junk: Codes | None,
        excluded: Codes | None,
        in_ranges: bool = True,
    ) -> Ignored:
        """Return the codes of queries and gallery rows, numbered; each may be None."""
        for codes in (items, junk, excluded):
            _check_sizes(codes, labels)
        return cls(
            _numbered(labels, none=False),
            None if items is None else _numbered(items, none=False),
            None if junk is None else _numbered(junk),
            None if excluded is None else _numbered(excluded),
            in_ranges,
        )

    def ordered(self, queries: NDArray[np.int64], gallery: NDArray[np.int64]) -> Ignored:
        """Return the same of queries and gallery rows in other orders."""

        def moved(codes: Codes) -> Codes:
            return codes[0][queries], codes[1][gallery]

        items, junk, excluded = (
            None if codes is None else moved(codes) for codes in (self.items, self.junk, self.excluded)
        )
        return Ignored(moved(self.classes), items, junk, excluded, self.in_ranges)

    @property
    def keys(self) -> Codes:
        """Codes that sort the gallery rows of a class: those ignored for a query are neighbours.

        They are so as far as one order can do that: by `junk`, and where it has no code by `items`.
        """
        items = self.items or _none(self.classes)
        if self.junk is None or not self.in_ranges:
            return items
        after = 1 + max(int(codes.max(initial=0)) for codes in self.junk)
        queries, gallery = (
            np.where(code >= 0, code, np.where(item >= 0, item + after, -1))
            for code, item in zip(self.junk, items, strict=True)
        )
        return queries, gallery

    @property
    def scattered(self) -> bool:
        """Whether gallery rows may be ignored for a query that are not of its class and key."""
        if self.excluded is not None:
            return True
        if self.junk is None or (self.in_ranges and self.items is None):
            return False
        if not self.in_ranges or self.items is None:
            return True
        # Rows that are one item, of one class, must have one key.
        there = _joint(self.classes, self.items)
        keys = self.keys
        both = _joint(there, (keys[0] + 1, keys[1] + 1))
        return np.unique(np.concatenate(there)).size != np.unique(np.concatenate(both)).size

    def ranges(self) -> Codes:
        """Return the range of gallery rows of each query's class and key, from and to, int64 [N] each.

        The gallery rows stand in the order of their classes and keys. Without such rows the range is empty.
        """
        keys = self.keys
        of_queries, of_gallery = _joint(self.classes, (keys[0] + 1, keys[1] + 1))
        first, last = (np.searchsorted(of_gallery, of_queries, side=side) for side in ("left", "right"))
        return first, np.where(keys[0] < 0, first, last)

    def table(self) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
        """Return the codes as compiled loops take them, int32 [K, N] and [K, M].

        The third is the number of codes that come first and count for positives alone.
        """
        inside = [codes for codes in (self.items if self.in_ranges else None, self.junk) if codes is not None]
        every = [*inside, *([] if self.excluded is None else [self.excluded])]
        queries, gallery = (np.stack([codes[side] for codes in every]).astype(np.int32) for side in (0, 1))
        return queries, gallery, len(inside)


def _check_sizes(codes: Codes | None, labels: Codes) -> None:
    """Refuse codes that are not one for each row."""
    n, m = labels[0].size, labels[1].size
    if codes is not None and (codes[0].size, codes[1].size) != (n, m):
        message = (
            f"codes of {codes[0].size} queries and {codes[1].size} gallery rows; got {n} queries and {m} rows"
        )
        raise InputError(message)


def _none(codes: Codes) -> Codes:
    """Return codes that no rows share."""
    queries, gallery = (np.full(part.size, -1) for part in codes)
    return queries, gallery


def _numbered(codes: Codes, *, none: bool = True) -> Codes:
    """Return the numbers of codes from 0 in their order; with `none`, codes below 0 are -1."""
    both = np.concatenate(codes)
    numbers = np.unique(both, return_inverse=True)[1].ravel()
    if none:
        numbers = np.where(both < 0, -1, numbers)
    return numbers[: codes[0].size], numbers[codes[0].size :]


def _joint(first: Codes, second: Codes) -> Codes:
    """Return numbers of pairs of codes, in the order of the pairs; -1 where one of the two is below 0."""
    one, two = np.concatenate(first), np.concatenate(second)
    pairs = np.where((one < 0) | (two < 0), -1, one * (two.max(initial=0) + 1) + two)
    return _numbered((pairs[: first[0].size], pairs[first[0].size :]))
