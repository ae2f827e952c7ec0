"""Rows of embeddings, and the resolved similarity of a pair of rows.

The resolved similarity of two rows is the float64 dot product of the normalised rows in one fixed order: the
products are summed by halves (the right half is added to the left until one number is left). It is always
computed on the processor, so that all paths give the same bits and equal rows tie.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arguments import check_indices, check_same_length
from embedlens.arrays import OUT_OF_RANGE, check_embeddings, in_range, to_numpy
from embedlens.errors import InputError
from embedlens.similarity import kernels
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

UNIT_ROUNDOFF = 2.0**-24  # of float32
RESOLVED_ERROR = (
    64 * 2.0**-53
)  # of a resolved similarity: float64 roundoffs of norms, divisions and log2(D) sums


class Rows:
    """Embeddings that have been checked, with their float64 norms.

    Parameters
    ----------
    values
        Floating-point numbers [N, D]; a row that cannot be normalised raises `InputError`.
    order
        Row numbers [N]: row i here is row ``order[i]`` of `values`; by default the order of `values`.

    Attributes
    ----------
    raw
        float32 or float64 [N, D], contiguous; rows whose squares would not fit float64 are scaled by a power
        of two.
    norm
        float64 [N].
    """

    def __init__(self, values: ArrayLike, order: NDArray[np.int64] | None = None) -> None:
        array = to_numpy(values)
        rows = order.size if order is not None else array.shape[0] if array.ndim else 0
        checked = check_embeddings(array, rows=rows, dim=None)
        self.raw = _plain(checked if order is None or _is_range(order) else checked[order])
        given = self.raw
        if self.raw.dtype == np.float64:  # squares of float32 always fit the float64 in which they are summed
            self.raw = in_range(self.raw)
        self._scaled = self.raw is not given
        self.norm = np.empty(len(self.raw))
        in_parallel(lambda part: kernels.squares(self.raw[part], self.norm[part]), spans(len(self), 4096))
        # numpy's root is correctly rounded; equal rows have equal norms.
        np.sqrt(self.norm, out=self.norm)

    def __len__(self) -> int:
        return int(self.raw.shape[0])

    @property
    def dim(self) -> int:
        """Number of dimensions D."""
        return int(self.raw.shape[1])

    @cached_property
    def twin(self) -> NDArray[np.int64]:
        """int64 [N]: number of the first row that is equal to row i in every bit."""
        seen: dict[bytes, int] = {}
        digests = (blake2b(row, digest_size=16).digest() for row in self.raw)
        return np.array([seen.setdefault(digest, row) for row, digest in enumerate(digests)], np.int64)

    def as_given(self, part: slice) -> NDArray[np.float64]:
        """Return rows [n, D] in float64, not normalised; `InputError` if squares of any row overflow."""
        if self._scaled:
            raise InputError(OUT_OF_RANGE)
        return self.raw[part].astype(np.float64)

    def unit(self, part: slice) -> NDArray[np.float64]:
        """Return normalised rows [n, D] in float64."""
        return self.raw[part].astype(np.float64) / self.norm[part, None]


def _is_range(order: NDArray[np.int64]) -> bool:
    """Return whether an order is the one in which rows stand already: then they need not be copied."""
    return bool((order == np.arange(order.size)).all())


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Return rows as compiled loops need them: native byte order, contiguous, float32 or float64."""
    dtype = np.float32 if array.dtype.itemsize <= 4 else np.float64
    return np.ascontiguousarray(array, dtype=dtype)


def resolve(a: tuple[Rows, NDArray[np.int64]], b: tuple[Rows, NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the resolved similarities of pairs (rows, row numbers [n]), float64 [n], in [-1, 1]."""
    (left, i), (right, j) = a, b
    out = np.empty(i.size)
    in_parallel(
        lambda part: kernels.resolve_pairs(
            left.raw, left.norm, right.raw, right.norm, i[part], j[part], out[part]
        ),
        spans(i.size, 2048),
    )
    return out


def pair_similarity(
    z: ArrayLike, a: ArrayLike, b: ArrayLike, *, other: ArrayLike | None = None, device: str = "cpu"
) -> NDArray[np.float64]:
    """Return the cosine similarities of pairs of rows.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    a, b
        Row numbers [n].
    other
        Embeddings [M, D] of which `b` are rows; by default `z`.
    device
        Has no effect: pairs are always computed on the processor. It stands here as in `nearest`.

    Returns
    -------
    ndarray
        float64 [n], in [-1, 1].

    Raises
    ------
    InputError
        Embeddings that cannot be normalised, sets of different D, row numbers out of range, or `a` and `b` of
        different lengths.
    """
    rows = Rows(z)
    others = rows if other is None else Rows(other)
    if others.dim != rows.dim:
        message = f"the two sets have {rows.dim} and {others.dim} dims; they must agree"
        raise InputError(message)
    left = check_indices(a, "pairs", rows=len(rows))
    right = check_indices(b, "pairs", rows=len(others))
    check_same_length(a=left, b=right)
    return resolve((rows, left), (others, right))
