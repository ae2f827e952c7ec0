"""Labels of multi-label items: a set of labels for each item; two items are positives if they share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

ONE_LABEL_NEEDED = (
    "items have sets of labels (multi-label), and one label per item is needed here; scores of retrieval, "
    "triplets and exports work with sets"
)


class LabelSets:
    """A set of labels for every item, as the rows of a CSR matrix of 0 and 1.

    It is indexed by rows as an array is. Whatever needs one label per item and makes an array of it gets an
    `InputError`, so nothing takes the first label of a set for the only one.

    Parameters
    ----------
    indptr
        int64 [N + 1]: the labels of item i are ``indices[indptr[i]:indptr[i + 1]]``; it begins at 0.
    indices
        int64: labels from 0, ascending within an item. An item may have no label: it has no positive.

    Raises
    ------
    InputError
        Arrays that do not fit each other, a label below 0, or labels of an item that do not ascend.
    """

    __slots__ = ("indices", "indptr")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, indptr: NDArray[np.int64], indices: NDArray[np.int64]) -> None:
        self.indptr, self.indices = (np.ascontiguousarray(part, np.int64) for part in (indptr, indices))
        fault = _fault(self.indptr, self.indices)
        if fault is not None:
            message = f"label sets: {fault}"
            raise InputError(message)

    @classmethod
    def of_lists(cls, lists: Iterable[Iterable[int]]) -> LabelSets:
        """Return the sets of items whose labels are given in any order."""
        rows = [sorted(set(labels)) for labels in lists]
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
        return cls(indptr, np.array([label for row in rows for label in row], np.int64))

    @classmethod
    def of_single(cls, labels: NDArray[np.int64]) -> LabelSets:
        """Return sets of one label each."""
        return cls(np.arange(labels.size + 1), labels)

    @classmethod
    def concatenated(cls, parts: Sequence[LabelSets]) -> LabelSets:
        """Return the items of several label sets, one after the other."""
        counts = np.concatenate([part.counts for part in parts])
        return cls(np.concatenate([[0], np.cumsum(counts)]), np.concatenate([part.indices for part in parts]))

    def __len__(self) -> int:
        return self.indptr.size - 1

    def __repr__(self) -> str:
        return f"LabelSets(items={len(self)}, labels={np.unique(self.indices).size})"

    def __eq__(self, other: object) -> bool:
        """Whether all items have the same labels; unlike arrays this is one truth value."""
        if not isinstance(other, LabelSets):
            return NotImplemented
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(self.indices, other.indices)

    def __array__(self, *_args: object, **_options: object) -> NoReturn:
        """Refuse to become an array of single labels."""
        raise InputError(ONE_LABEL_NEEDED)

    def __getitem__(self, rows: Any) -> LabelSets:
        """Return the label sets of some rows: row numbers [n], bool [N], or a slice."""
        chosen = np.arange(len(self))[rows]
        starts, counts = self.indptr[chosen], self.counts[chosen]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        at = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], counts)
        return LabelSets(indptr, self.indices[at])

    @property
    def size(self) -> int:
        """Number of items N."""
        return len(self)

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64 [N]: number of labels of each item."""
        return np.diff(self.indptr)

    def lists(self) -> list[list[int]]:
        """Return the labels of each item, ascending."""
        labels, ends = self.indices.tolist(), self.indptr.tolist()
        return [labels[start:stop] for start, stop in zip(ends[:-1], ends[1:], strict=True)]

    def codes(self) -> NDArray[np.int64]:
        """int64 [N]: equal numbers for items whose sets are equal, from 0 as they first appear."""
        seen: dict[bytes, int] = {}
        data, ends = self.indices.tobytes(), (8 * self.indptr).tolist()
        return np.array(
            [
                seen.setdefault(data[start:stop], len(seen))
                for start, stop in zip(ends[:-1], ends[1:], strict=True)
            ],
            np.int64,
        )


def single_labels(labels: Labels, place: str) -> NDArray[np.int64]:
    """Return labels of which each item has one; sets raise `InputError` that begins with the place."""
    if isinstance(labels, LabelSets):
        raise InputError(ONE_LABEL_NEEDED).within(place)
    return labels


def label_lists(labels: Labels) -> list[list[int]]:
    """Return the labels of each item: its only one, or those of its set."""
    return labels.lists() if isinstance(labels, LabelSets) else [[label] for label in labels.tolist()]


def label_codes(parts: Sequence[Labels]) -> NDArray[np.int64]:
    """Return one number for each item of several sides, equal for items whose labels are equal, int64."""
    if any(isinstance(part, LabelSets) for part in parts):
        sets = [part if isinstance(part, LabelSets) else LabelSets.of_single(part) for part in parts]
        return LabelSets.concatenated(sets).codes()
    return np.concatenate(parts)


Labels: TypeAlias = "NDArray[np.int64] | LabelSets"
"""Labels of items: int64 [N], or sets of labels."""


def _fault(indptr: NDArray[np.int64], indices: NDArray[np.int64]) -> str | None:
    """Return why two arrays are no label sets; None if they are."""
    if indptr.ndim != 1 or indices.ndim != 1:
        return f"indptr and indices have {indptr.ndim} and {indices.ndim} axes; each needs one"
    if indptr.size == 0 or indptr[0] != 0 or indptr[-1] != indices.size or (np.diff(indptr) < 0).any():
        return f"indptr must ascend from 0 to the {indices.size:,} labels of indices"
    if indices.min(initial=0) < 0:
        return f"label {int(indices.min())} is negative; labels count from 0"
    within = np.ones(indices.size, np.bool_)
    within[indptr[:-1][indptr[:-1] < indices.size]] = False  # the first label of an item follows none
    falling = np.flatnonzero(within[1:] & (indices[1:] <= indices[:-1]))
    if falling.size:
        row = int(np.searchsorted(indptr, falling[0] + 1, side="right")) - 1
        return f"the labels of item {row} do not ascend, or one is given twice"
    return None
