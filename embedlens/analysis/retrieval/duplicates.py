"""Exact duplicates: equal rows of embeddings, within a set and across two sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_searched, shape_text, to_numpy
from embedlens.errors import InputError
from embedlens.label_sets import label_lists

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROWS = 1 << 16  # rows that are hashed at once
_COLUMNS = 8  # at each end of a row that are hashed; only rows with equal hashes are compared as a whole


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Number of rows that are equal to another row.

    Attributes
    ----------
    queries
        Query rows that equal an earlier query row.
    gallery
        Gallery rows that equal an earlier gallery row; 0 without a gallery.
    across
        Query rows that equal a gallery row; 0 without a gallery.
    across_other_label
        Those of them that equal only gallery rows of other labels.
    """

    queries: int
    gallery: int
    across: int
    across_other_label: int


def first_equal(*sets: ArrayLike) -> list[NDArray[np.int64]]:
    """Return, for every row, the number of the first row that is equal to it.

    Rows are hashed by their first and last columns, and those with equal hashes are compared as a whole.

    Parameters
    ----------
    sets
        Embeddings [N, D] of one or more sets; rows are numbered through all sets.

    Returns
    -------
    list
        int64 [N] for each set.
    """
    arrays = [to_numpy(one) for one in sets]
    if not all(one.ndim == 2 and one.dtype.kind == "f" and one.size for one in arrays):
        found = ", ".join(f"{one.dtype} {shape_text(one)}" for one in arrays)
        message = f"sets are {found}; floating-point numbers of shape (N, D) are needed"
        raise InputError(message)
    if len({one.shape[1] for one in arrays}) > 1:
        message = f"sets have {' and '.join(str(one.shape[1]) for one in arrays)} dims; they must agree"
        raise InputError(message)
    arrays = [one.astype(np.result_type(*arrays), copy=False) for one in arrays]  # numbers, not bits
    keys = np.concatenate([_keys(array) for array in arrays])
    starts = np.cumsum([0, *map(len, arrays)])
    first = np.arange(keys.size)
    order = np.argsort(keys, kind="stable")
    alike = keys[order][1:] == keys[order][:-1]
    near = np.sort(order[np.r_[False, alike] | np.r_[alike, False]])
    seen: dict[bytes, int] = {}
    for at, array in enumerate(arrays):
        for row in near[(near >= starts[at]) & (near < starts[at + 1])].tolist():
            content = (array[row - starts[at]] + 0.0).tobytes()  # -0 equals 0
            first[row] = seen.setdefault(content, row)
    return np.split(first, starts[1:-1])


def count_duplicates(
    z: ArrayLike, y: ArrayLike, gallery: tuple[ArrayLike, ArrayLike] | None = None
) -> Duplicates:
    """Return the number of rows that are equal to another row.

    Parameters
    ----------
    z
        Embeddings [N, D].
    y
        Integer labels [N].
    gallery
        Embeddings [M, D] and labels [M] of another set; None: there is none.

    Raises
    ------
    InputError
        Sets of different D, or different numbers of rows and labels.
    """
    array, labels = check_searched(z, y)
    if gallery is None:
        (first,) = first_equal(array)
        return Duplicates(int(np.sum(first != np.arange(first.size))), 0, 0, 0)
    gallery_array, gallery_labels = check_searched(*gallery[:2])
    in_queries, in_gallery = first_equal(array, gallery_array)
    found = np.isin(in_queries, in_gallery)
    kinds: set[tuple[int, int]] = set()
    if found.any():
        pairs = zip(in_gallery.tolist(), label_lists(gallery_labels), strict=True)
        kinds = {(number, label) for number, several in pairs for label in several}
    same = [
        any((number, label) in kinds for label in several)
        for number, several in zip(in_queries[found].tolist(), label_lists(labels[found]), strict=True)
    ]
    return Duplicates(
        queries=in_queries.size - np.unique(in_queries).size,
        gallery=in_gallery.size - np.unique(in_gallery).size,
        across=int(found.sum()),
        across_other_label=len(same) - sum(same),
    )


def _keys(array: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of each row: a weighted sum of the bits of some columns; equal rows have equal ones."""
    width = array[:1, :_COLUMNS].size + array[:1, -_COLUMNS:].size
    weights = np.random.default_rng(0).integers(1 << 62, size=width, dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(array), np.uint64)
    for start in range(0, len(array), _ROWS):
        part = array[start : start + _ROWS]
        ends = np.concatenate([part[:, :_COLUMNS], part[:, -_COLUMNS:]], axis=1) + 0.0
        bits = ends.view(f"u{ends.dtype.itemsize}").astype(np.uint64)
        keys[start : start + _ROWS] = (bits * weights).sum(axis=1, dtype=np.uint64)
    return keys
