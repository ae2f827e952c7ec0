"""What may be labels and embeddings: one check for recording, reading and analysing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DTYPES = ("float32", "float16")
OUT_OF_RANGE = (
    "embeddings have rows so long or so short that their squares do not fit float64; normalise them"
)
_BLOCK_VALUES = 1 << 24


def to_numpy(values: Any) -> NDArray[np.generic]:
    """Return any array-like as numpy; a torch tensor of any float type and device becomes float32."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        values = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return np.asarray(values)


def check_labels(values: ArrayLike) -> NDArray[np.int64]:
    """Return labels as int64 [N]; anything but one integer an item raises `InputError`."""
    labels = to_numpy(values)
    if labels.ndim != 1:
        message = f"labels have shape {shape_text(labels)}; one integer an item is needed: shape (N,)"
        raise InputError(message)
    if labels.size == 0:
        message = "labels are empty; at least one item is needed"
        raise InputError(message)
    if labels.dtype.kind not in "iu":
        kind = "text" if labels.dtype.kind in "US" else labels.dtype
        message = f"labels are {kind}; integers are needed (number the classes 0, 1, 2, ...)"
        raise InputError(message)
    if labels.dtype.kind == "u" and int(labels.max()) > np.iinfo(np.int64).max:
        message = f"label {int(labels.max())} does not fit int64; number the classes 0, 1, 2, ..."
        raise InputError(message)
    return np.ascontiguousarray(labels, dtype=np.int64)


def check_embeddings(
    values: ArrayLike, *, rows: int, dim: int | None, dtype: str | None = None
) -> NDArray[np.floating[Any]]:
    """Return embeddings [rows, dim] that can be stored and analysed.

    Parameters
    ----------
    values
        Floating-point array or tensor, [N, D].
    rows
        Number of items of the split.
    dim
        Dimensions of the run, or None where none is known yet.
    dtype
        Type to cast to before the values are checked; None leaves the type as it is.

    Raises
    ------
    InputError
        Another number of rows or dims, no floating-point type, NaN, infinity (also by overflow of the
        cast), or a row of zeros, which has no direction; rows are named.
    """
    array: NDArray[Any] = to_numpy(values)
    if array.dtype.kind != "f":
        kind = "Python objects" if array.dtype.kind == "O" else str(array.dtype)
        message = f"embeddings are {kind}; floating-point numbers are needed"
        raise InputError(message)
    if array.ndim != 2:
        message = f"embeddings have shape {shape_text(array)}; one row an item is needed: shape (N, D)"
        raise InputError(message)
    if array.shape[0] != rows:
        message = f"embeddings have {array.shape[0]} rows, but there are {rows} labels"
        raise InputError(message)
    if array.shape[1] == 0 or (dim is not None and array.shape[1] != dim):
        wanted = "at least 1" if dim is None else f"{dim}, as in the rest of the run,"
        message = f"embeddings have {array.shape[1]} dims; {wanted} is needed"
        raise InputError(message)
    if dtype is not None:
        if dtype not in DTYPES:
            raise unknown(dtype, "dtype", DTYPES)
        array = _cast(array, dtype)
    _check_values(array)
    return array


def _cast(array: NDArray[Any], dtype: str) -> NDArray[np.floating[Any]]:
    """Return values in another type; a row that becomes zero or infinite by it is refused with the reason."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        cast: NDArray[np.floating[Any]] = np.ascontiguousarray(array, dtype=dtype)
        if np.dtype(dtype).itemsize >= array.dtype.itemsize:
            return cast
        largest = np.abs(array).max(axis=1, initial=0)
    lost = (largest > 0) & np.isfinite(largest) & ((largest > np.finfo(dtype).max) | ~cast.any(axis=1))
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        message = (
            f"row {row} has values of at most {float(largest[row]):.3g}, which do not fit {dtype}; "
            "normalise the embeddings, or scale them"
        )
        raise InputError(message)
    return cast


def in_range(rows: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return rows [N, D], each scaled by a power of two where its squares would leave the range of its type.

    Cosines do not change by it, to the last bit, since such a scale only shifts the exponent. Rows that need
    no scale are as they were; without any such row the array itself is returned.
    """
    limit = np.finfo(rows.dtype).maxexp // 4
    largest = np.abs(rows).max(axis=1, initial=0)
    exponent = np.frexp(largest)[1]
    far = (largest > 0) & (np.abs(exponent) > limit)
    if not far.any():
        return rows
    scaled = rows.copy()
    scaled[far] = np.ldexp(rows[far], -exponent[far, None])
    return scaled


def unit_rows(rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return rows [N, D] divided by their lengths, in float64; no row may be zero."""
    block = in_range(np.asarray(rows, np.float64))
    unit: NDArray[np.float64] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return unit


def _check_values(array: NDArray[np.floating[Any]]) -> None:
    """Refuse rows that are not finite or all zero, a block at a time so that a mapped file stays mapped."""
    step = max(1, _BLOCK_VALUES // array.shape[1])
    for start in range(0, array.shape[0], step):
        block = np.asarray(array[start : start + step])
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if bad.size:
            found = "NaN" if np.isnan(block[bad[0]]).any() else f"infinity ({array.dtype})"
            message = f"row {start + int(bad[0])} holds {found}; all values must be finite"
            raise InputError(message)
        zero = np.flatnonzero(~block.any(axis=1))
        if zero.size:
            message = f"row {start + int(zero[0])} is a zero vector, which has no direction; remove the item"
            raise InputError(message)


def shape_text(array: NDArray[np.generic]) -> str:
    """Return the shape of an array as a message says it."""
    return str(tuple(int(size) for size in array.shape))
