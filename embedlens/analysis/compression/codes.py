"""Codecs of embeddings: int8 by dimension and product quantisation; rows that compare queries with codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_embeddings, to_numpy
from embedlens.errors import InputError
from embedlens.optional import needed
from embedlens.results import Result
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_BITS = 16
_LEVELS = 255.0  # steps of a byte
_ROWS = 1 << 13
_LEAST_SCALE = 2.0**-20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Int8Codec(Result):
    """One byte per dimension: 256 equal steps of the range that the dimension has in the rows of the fit.

    Attributes
    ----------
    low, width
        float32 [D]: the least value of each dimension, and the width of its range.
    """

    low: NDArray[np.float32]
    width: NDArray[np.float32]

    @classmethod
    def fit(cls, z: ArrayLike) -> Int8Codec:
        """Return the codec of the ranges of rows [N, D]; `InputError` where they are not finite numbers."""
        rows = _plain(z)
        low = rows.min(axis=0)
        return cls(low, rows.max(axis=0) - low)

    def encode(self, z: ArrayLike) -> NDArray[np.uint8]:
        """Return the codes of rows [N, D], uint8 [N, D]; what is outside of a range gets its nearest end.

        The codes are those of faiss's `IndexScalarQuantizer` with `QT_8bit`: the step is rounded down, and
        the middle of a step stands for it.
        """
        rows = _plain(z)
        out = np.zeros(rows.shape, np.uint8)
        inside = self.width > 0
        width = np.where(inside, self.width, np.float32(1))
        for part in spans(len(rows), _ROWS):
            scaled = np.clip((rows[part] - self.low) / width, 0, 1)
            out[part] = np.where(inside, np.float32(_LEVELS) * scaled, 0).astype(np.uint8)
        return out

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what codes [N, D] stand for, float32 [N, D]."""
        out = np.empty(codes.shape, np.float32)
        for part in spans(len(codes), _ROWS):
            middle = (codes[part].astype(np.float32) + np.float32(0.5)) / np.float32(_LEVELS)
            out[part] = self.low + middle * self.width
        return out

    def rebuild(self, z: ArrayLike) -> NDArray[np.float32]:
        """Return what the codes of rows [N, D] stand for, float32 [N, D]."""
        return self.decode(self.encode(z))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ProductCodec(Result):
    """Product quantisation: the dimensions in M groups, each group coded by the nearest of 2^bits centroids.

    Attributes
    ----------
    subquantizers, bits
        M, and the bits of the code of a group.
    quantizer
        faiss's `ProductQuantizer`, fitted.
    """

    subquantizers: int
    bits: int
    quantizer: Any

    @classmethod
    def fit(cls, z: ArrayLike, subquantizers: int, bits: int = 8) -> ProductCodec:
        """Return the codec whose centroids are k-means of rows [N, D], by faiss with its own seed.

        Raises
        ------
        InputError
            faiss is not installed, a number of groups that does not divide D, bits out of 1 to 16, or fewer
            rows than centroids.

        Notes
        -----
        Jegou, Douze, Schmid, "Product quantization for nearest neighbor search", TPAMI 2011.
        """
        faiss = needed("faiss", "compress", "product quantisation")
        rows = _plain(z)
        check_bits(bits)
        check_subquantizers(subquantizers, rows.shape[1])
        if len(rows) < 1 << bits:
            message = (
                f"product quantisation with {bits} bits fits {1 << bits:,} centroids and needs as many rows; "
                f"there are {len(rows):,} to fit on; choose fewer bits"
            )
            raise InputError(message)
        quantizer = faiss.ProductQuantizer(rows.shape[1], subquantizers, bits)
        quantizer.cp.min_points_per_centroid = 1  # faiss would print on standard error that it wants more
        quantizer.train(rows)
        return cls(subquantizers, bits, quantizer)

    @property
    def bytes(self) -> int:
        """Bytes of a code."""
        return -(-self.subquantizers * self.bits // 8)

    def encode(self, z: ArrayLike) -> NDArray[np.uint8]:
        """Return the codes of rows [N, D], uint8 [N, bytes]."""
        codes: NDArray[np.uint8] = self.quantizer.compute_codes(_plain(z))
        return codes

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what codes [N, bytes] stand for, float32 [N, D]."""
        rows: NDArray[np.float32] = self.quantizer.decode(np.ascontiguousarray(codes))
        return rows

    def rebuild(self, z: ArrayLike) -> NDArray[np.float32]:
        """Return what the codes of rows [N, D] stand for, float32 [N, D]."""
        return self.decode(self.encode(z))


def check_bits(bits: int) -> None:
    """Refuse numbers of bits that the code of a group cannot have."""
    if not 1 <= bits <= MOST_BITS:
        message = f"{bits} bits for a group of dimensions; 1 to {MOST_BITS} are allowed"
        raise InputError(message)


def check_subquantizers(number: int, dim: int) -> None:
    """Refuse a number of groups into which the dimensions do not divide.

    Parameters
    ----------
    number
        Number of groups.
    dim
        D of embeddings [N, D].
    """
    if number < 1 or dim % number:
        allowed = ", ".join(str(one) for one in range(1, dim + 1) if dim % one == 0)
        message = f"{dim} dims do not divide into {number} equal groups; choose some of: {allowed}"
        raise InputError(message)


def asymmetric(q: ArrayLike, z: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return rows whose cosine similarities are in the order of Euclidean distances, nearest first.

    Parameters
    ----------
    q
        Queries [N, D] of unit length.
    z
        What the codes of a gallery stand for, [M, D].

    Returns
    -------
    ndarray, ndarray
        float32 [N, D + 2] and [M, D + 2].

    Raises
    ------
    InputError
        NaN or infinity, or sets of different D.

    Notes
    -----
    ``(q, s, 0)`` and ``(z, (1 - |z|^2) / 2 s, r)``, with r such that all rows of the gallery have one length:
    their product is ``1 - |q - z|^2 / 2``, positive for what is near, as the screen of the engine needs it.
    s keeps the added columns small, and so lengths near 1. Equal rows stay equal, and tie.
    """
    queries, gallery = _plain(q), _plain(z)
    if queries.shape[1] != gallery.shape[1]:
        message = f"queries have {queries.shape[1]} dims, the gallery {gallery.shape[1]}; they must agree"
        raise InputError(message)
    dim = queries.shape[1]
    left = np.zeros((len(queries), dim + 2), np.float32)
    left[:, :dim] = queries
    square = np.empty(len(gallery))
    for part in spans(len(gallery), _ROWS):
        rows = gallery[part].astype(np.float64)
        square[part] = np.einsum("nd,nd->n", rows, rows)
    added = (1 - square) / 2
    scale = np.sqrt(max(np.abs(added).max(), _LEAST_SCALE))
    left[:, dim] = scale
    added /= scale
    length = square + added**2
    right = np.empty((len(gallery), dim + 2), np.float32)
    right[:, :dim], right[:, dim] = gallery, added
    right[:, dim + 1] = np.sqrt(length.max() - length)
    return left, right


def unit_rows(z: ArrayLike) -> NDArray[np.float32]:
    """Return embeddings [N, D] of length 1, float32; `InputError` where one cannot be normalised."""
    rows = Rows(z)
    _check_rows(len(rows))
    out = np.empty((len(rows), rows.dim), np.float32)
    for part in spans(len(rows), _ROWS):
        out[part] = rows.unit(part)
    return out


def signs(z: ArrayLike) -> NDArray[np.float32]:
    """Return 1 where values [N, D] are above 0, else -1, float32."""
    rows = _plain(z)
    out = np.empty(rows.shape, np.float32)
    for part in spans(len(rows), _ROWS):
        out[part] = np.where(rows[part] > 0, 1, -1)
    return out


def _plain(z: ArrayLike) -> NDArray[np.float32]:
    """Return checked rows as faiss takes them: float32, contiguous."""
    array = to_numpy(z)
    checked = check_embeddings(array, rows=array.shape[0] if array.ndim else 0, dim=None, dtype="float32")
    _check_rows(len(checked))
    return np.ascontiguousarray(checked, np.float32)


def _check_rows(number: int) -> None:
    if not number:
        message = "embeddings are empty; at least one item is needed"
        raise InputError(message)
