"""Snapshots whose rows are written in any order: checks of batches, and the file that takes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import as_int64, check_embeddings, shape_text, to_numpy
from embedlens.errors import InputError, count_text, listed
from embedlens.files import temporary_path

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

ROUNDING = 0.01
"""Largest distance of two embeddings of one item that differ by rounding alone, over their length.

A distributed sampler repeats items, and a GPU computes a row differently in batches of different sizes: by
1e-6 of its length in float32, by up to 0.005 in bfloat16.
"""


def check_batch(
    rows: ArrayLike, embeddings: ArrayLike, *, items: int, dim: int | None, dtype: str
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Return the row numbers int64 [n] and the embeddings [n, D] of a batch, in the type of the run.

    Parameters
    ----------
    rows
        Row number of each item, from 0 to items - 1.
    embeddings
        Floating-point array or tensor, [n, D].
    items
        Number of items of the split.
    dim
        Dimensions of the run, or None where none is known yet.
    dtype
        Type in which the run is stored.

    Raises
    ------
    InputError
        Rows that are not whole numbers, out of range, or not as many as embeddings; embeddings that are not
        floating-point numbers of [n, D], NaN, infinity or zero vectors. Rows are counted and named.
    """
    numbers = _row_numbers(rows, items)
    array = to_numpy(embeddings)
    if array.ndim == 2 and len(array) != numbers.size:
        message = (
            f"{len(array)} embeddings have {numbers.size} row numbers; give each embedding its row number"
        )
        raise InputError(message)
    if array.ndim == 2 and array.dtype.kind == "f":
        bad = numbers[~np.isfinite(array).all(axis=1)]
        if bad.size:
            message = f"NaN or infinity in {named_rows(bad)}; all values must be finite"
            raise InputError(message)
        zero = numbers[~array.any(axis=1)]
        if zero.size:
            message = f"zero vectors, which have no direction, in {named_rows(zero)}; remove the items"
            raise InputError(message)
    return numbers, check_embeddings(array, rows=numbers.size, dim=dim, dtype=dtype, numbers=numbers)


def _row_numbers(rows: ArrayLike, items: int) -> NDArray[np.int64]:
    """Return row numbers as int64 [n], each from 0 to items - 1."""
    array = to_numpy(rows)
    if array.shape == (0,):
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = (
            f"row numbers are {array.dtype} of shape {shape_text(array)}; one whole number for each "
            "embedding is needed: shape (n,)"
        )
        raise InputError(message)
    numbers = as_int64(array, "row numbers")
    outside = numbers[(numbers < 0) | (numbers >= items)]
    if outside.size:
        message = f"{named_rows(outside)} out of range; the split has rows 0 to {items - 1}"
        raise InputError(message)
    return numbers


def named_rows(rows: NDArray[np.int64]) -> str:
    """Return rows as a message counts and names them, at most ten: ``2 rows (3, 7)``."""
    return f"{count_text(rows.size, 'row')} ({listed(rows.tolist())})"


class RowFile:
    """The temporary file of a snapshot [N, D], whose rows are written in any order, each once.

    Rows go straight to the disk; one byte for each row, whether it has been written, is kept in memory.

    Parameters
    ----------
    target
        The snapshot that the file is to become; the file stands beside it under a temporary name.
    shape
        N and D.
    dtype
        Type of the numbers, as the run stores them.
    """

    def __init__(self, target: Path, shape: tuple[int, int], dtype: str) -> None:
        self.path = temporary_path(target)
        self.n_repeated = 0
        self._dtype, self._dim = np.dtype(dtype), shape[1]
        self._written = np.zeros(shape[0], bool)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w+b", buffering=0)  # a full disk is an error where a row is written
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        text = io.BytesIO()
        np.lib.format.write_array_header_1_0(text, header)
        self._start = len(text.getvalue())
        try:
            self._file.write(text.getvalue())
            self._file.truncate(self._at(shape[0]))
        except BaseException:
            self.discard()
            raise

    def write(self, numbers: NDArray[np.int64], embeddings: NDArray[np.floating[Any]]) -> None:
        """Write the rows of a checked batch; those that stand there already are compared and counted.

        Parameters
        ----------
        numbers
            Row numbers, [n].
        embeddings
            Their embeddings, [n, D], in the type of the file.

        Raises
        ------
        InputError
            A row that is given twice with different values; nothing is written then.
        """
        order = np.argsort(numbers, kind="stable")
        numbers, embeddings = numbers[order], embeddings[order]
        first = np.flatnonzero(np.diff(numbers, prepend=-1))
        again = np.setdiff1d(np.arange(numbers.size), first)
        group = np.searchsorted(first, again, side="right") - 1
        unlike = [numbers[again][_differ(embeddings[again], embeddings[first[group]])]]
        numbers, embeddings = numbers[first], embeddings[first]
        known = self._written[numbers]
        if known.any():
            unlike.append(numbers[known][_differ(embeddings[known], self._read(numbers[known]))])
        different = np.unique(np.concatenate(unlike))
        if different.size:
            message = (
                f"{named_rows(different)} given twice with different values; each row is one item, which has "
                "one embedding per epoch"
            )
            raise InputError(message)
        self.n_repeated += int(again.size + known.sum())
        self._put(numbers[~known], embeddings[~known])

    def missing(self) -> NDArray[np.int64]:
        """Return the numbers of the rows that have not been written, ascending."""
        return np.flatnonzero(~self._written)

    def close(self) -> None:
        """Close the file; it is complete."""
        self._file.close()

    def discard(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _put(self, numbers: NDArray[np.int64], embeddings: NDArray[np.floating[Any]]) -> None:
        """Write rows in ascending order, neighbours by one call."""
        if not numbers.size:
            return
        bounds = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), numbers.size]
        values = np.ascontiguousarray(embeddings).data.cast("B")
        width = self._dim * self._dtype.itemsize
        for at, start in enumerate(bounds[:-1]):
            self._file.seek(self._at(int(numbers[start])))
            left = values[start * width : bounds[at + 1] * width]
            while left:
                left = left[self._file.write(left) :]
        self._written[numbers] = True

    def _read(self, numbers: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        """Return rows that have been written, [n, D]."""
        rows = np.empty((numbers.size, self._dim), self._dtype)
        for at, number in enumerate(numbers.tolist()):
            self._file.seek(self._at(number))
            self._file.readinto(rows[at].data.cast("B"))
        return rows

    def _at(self, row: int) -> int:
        """Return where a row begins in the file."""
        return self._start + row * self._dim * self._dtype.itemsize


def _differ(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return for each pair of rows whether they differ by more than rounding."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    limit = ROUNDING * np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.asarray(np.linalg.norm(a - b, axis=1) > limit)
