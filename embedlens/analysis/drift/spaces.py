"""Embedding spaces that are read a block of rows at a time, centred and scaled."""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.drift import kernels
from embedlens.arguments import check_indices
from embedlens.arrays import OUT_OF_RANGE, check_embeddings, in_range, to_numpy
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

_BLOCK_VALUES = 1 << 21
_CONSTANT = 1e-14
"""Items all in one point: their deviation from the mean, against their length, is rounding."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Source(Result):
    """Where the rows of embeddings are: an array, or a file that is mapped only while a block is read.

    A file that stays mapped counts to the memory of the process with all of its pages that were read.

    Attributes
    ----------
    shape
        (N, D) of the rows that are read.
    array
        The embeddings; None: they are in the file.
    file, offset, dtype, order, whole
        The file, where its numbers begin, their type and order, and their shape.
    rows
        int64 [N]: the rows that are read; None: all.
    """

    shape: tuple[int, int]
    array: NDArray[Any] | None
    file: str | Path = ""
    offset: int = 0
    dtype: str = ""
    order: Any = "C"
    whole: tuple[int, ...] = ()
    rows: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, values: ArrayLike, rows: NDArray[np.int64] | None = None) -> Source:
        """Return the source of embeddings [N, D], or of some of their rows; nothing is read."""
        array = to_numpy(values)
        shape = (array.shape[0] if rows is None else rows.size, array.shape[1])
        whole = _whole_map(array)
        if whole is None:
            return cls(shape, array, rows=rows)
        order = "C" if array.flags.c_contiguous else "F"
        return cls(shape, None, whole.filename, whole.offset, array.dtype.str, order, array.shape, rows)

    def block(self, part: slice) -> NDArray[np.floating[Any]]:
        """Return some of the rows [n, D], float32 or float64, in memory."""
        array = self.array
        if array is None:
            array = np.memmap(self.file, self.dtype, "r", self.offset, self.whole, self.order)
        read = array[part if self.rows is None else self.rows[part]]
        dtype = np.float32 if array.dtype.itemsize <= 4 else np.float64
        return np.array(read, dtype, order="C")


def _whole_map(array: NDArray[Any]) -> Any:
    """Return the map of a file that an array is all of; None where it is not mapped, or a part of a map."""
    made: Any = array if isinstance(array, np.memmap) else array.base
    if not isinstance(made, np.memmap) or not isinstance(made.base, mmap) or made.filename is None:
        return None
    same = made.shape == array.shape and made.strides == array.strides and made.dtype == array.dtype
    return made if same and made.ctypes.data == array.ctypes.data else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Space(Result):
    """Embeddings of one snapshot, centred, and scaled to a root mean square length of 1.

    Attributes
    ----------
    source
        Where the rows are.
    norm
        float64 [N]: what each row is divided by before; ones where embeddings are taken as stored.
    mean
        float64 [D]: mean of the divided rows.
    scale
        What the centred rows are multiplied by; NaN where all items are in one point.
    normalized
        Whether rows are divided by their lengths.
    """

    source: Source
    norm: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: float
    normalized: bool

    @property
    def n(self) -> int:
        """Number of items N."""
        return self.source.shape[0]

    @property
    def dim(self) -> int:
        """Dimensions D."""
        return self.source.shape[1]

    @property
    def is_point(self) -> bool:
        """Whether all items are in one point, so that nothing can be compared with it."""
        return bool(np.isnan(self.scale))

    def raw(self, part: slice) -> NDArray[np.floating[Any]]:
        """Return some rows [n, D] as they are divided by `norm`; lengths that leave float64 are in range."""
        block = self.source.block(part)
        return in_range(block) if self.normalized and block.dtype == np.float64 else block

    def block(self, part: slice, dtype: type[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return some centred and scaled rows [n, D]."""
        raw = self.raw(part)
        out = np.empty(raw.shape, dtype)
        kernels.centre(raw, self.norm[part], self.mean, 0.0 if self.is_point else self.scale, out)
        return out


def check_count(n: int) -> None:
    """Refuse fewer items than two."""
    if n < 2:
        message = f"items to compare: {n}; at least two are needed"
        raise InputError(message)


def space_of(values: ArrayLike, *, rows: ArrayLike | None = None, normalize: bool = True) -> Space:
    """Return embeddings as a space; each row is read three times, a block at a time.

    Parameters
    ----------
    values
        Embeddings [N, D], any floating type; an array that is mapped from a file is mapped block by block.
    rows
        Rows that are compared, int64 [n], ascending; None: all.
    normalize
        Whether rows are divided by their lengths before they are centred.

    Raises
    ------
    InputError
        No floating-point numbers, another shape, NaN, infinity or a zero vector; fewer than two rows.
    """
    array = to_numpy(values)
    checked = check_embeddings(array, rows=array.shape[0] if array.ndim else 0, dim=None)
    chosen = None if rows is None else check_indices(rows, "rows", rows=checked.shape[0])
    source = Source.of(checked, chosen)
    n, dim = source.shape
    check_count(n)
    parts = spans(n, max(1, _BLOCK_VALUES // dim))
    sums, squares = np.zeros((len(parts), dim)), np.zeros((len(parts), 2))
    given = Space(source, np.ones(n), np.zeros(dim), 1.0, normalize)

    def total(number: int) -> None:
        part = parts[number]
        block = given.raw(part).astype(np.float64)
        if normalize:
            given.norm[part] = np.linalg.norm(block, axis=1)
            block /= given.norm[part, None]
        with np.errstate(over="ignore", invalid="ignore"):
            sums[number], squares[number, 0] = block.sum(axis=0), (block**2).sum()

    def spread(number: int) -> None:
        block = given.raw(parts[number]) / given.norm[parts[number], None]
        with np.errstate(over="ignore", invalid="ignore"):
            squares[number, 1] = ((block - mean) ** 2).sum()

    in_parallel(total, range(len(parts)))
    mean = sums.sum(axis=0) / n
    in_parallel(spread, range(len(parts)))
    if not np.isfinite(squares).all():
        raise InputError(OUT_OF_RANGE)
    length, deviation = np.sqrt(squares.sum(axis=0) / n)
    scale = float("nan") if deviation <= _CONSTANT * length else float(1.0 / deviation)
    return Space(source, given.norm, mean, scale, normalize)
