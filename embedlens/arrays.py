"""Checks of arrays: embeddings and labels here, other numbers in `embedlens.arguments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, unknown
from embedlens.label_sets import LabelSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels

DTYPES = ("float32", "float16")
_SHARED_FLOATS = ("float16", "float32", "float64")  # torch and numpy have both
OUT_OF_RANGE = (
    "embeddings have rows so long or so short that their squares do not fit float64; normalise them"
)
_BLOCK_VALUES = 1 << 24


def to_numpy(values: Any) -> NDArray[Any]:
    """Return any array-like as numpy, of its own type; lists, tensors and lists of tensors are array-likes.

    Raises
    ------
    InputError
        Rows of different lengths, or a masked array that hides values.
    """
    if hasattr(values, "detach"):
        return _of_tensor(values)
    if isinstance(values, list | tuple) and any(hasattr(value, "detach") for value in values):
        values = [to_numpy(value) for value in values]
    if np.ma.is_masked(values):
        message = "a masked array hides values; leave the masked rows out, or fill them"
        raise InputError(message)
    try:
        return np.asarray(values)
    except InputError:  # label sets, which are no array
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        message = f"no array can be made of {type(values).__name__}: {first_sentence(error)}"
        raise InputError(message) from error


def _of_tensor(tensor: Any) -> NDArray[Any]:
    """Return a torch tensor of any kind and device; numpy has no bfloat16, which becomes float32."""
    tensor = tensor.detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = tensor if str(tensor.layout) == "torch.strided" else tensor.to_dense()
    tensor = tensor.cpu().resolve_conj().resolve_neg()
    if str(tensor.dtype).removeprefix("torch.") not in _SHARED_FLOATS and tensor.is_floating_point():
        tensor = tensor.float()
    array: NDArray[Any] = tensor.numpy()
    return array


def check_labels(values: ArrayLike, name: str = "labels") -> NDArray[np.int64]:
    """Return labels as int64 [N]; bools count as 0 and 1, anything else but integers raises `InputError`.

    Parameters
    ----------
    values
        One integer for each of the embeddings [N, D].
    name
        Name in messages.
    """
    labels = to_numpy(values)
    if labels.ndim != 1:
        message = f"{name} have shape {shape_text(labels)}; one integer per item is needed: shape (N,)"
        raise InputError(message)
    if labels.size == 0:
        message = f"{name} are empty; at least one item is needed"
        raise InputError(message)
    if labels.dtype.kind == "O" and any(one is None for one in labels):
        row = next(row for row, one in enumerate(labels) if one is None)
        message = f"{name}: the label of row {row} is None; one integer for every item is needed"
        raise InputError(message)
    if labels.dtype.kind not in "iub":
        kind = "text" if labels.dtype.kind in "US" else labels.dtype
        message = f"{name} are {kind}; integers are needed (number the classes 0, 1, 2, ...)"
        raise InputError(message)
    return as_int64(labels, name)


def check_targets(values: ArrayLike | LabelSets, name: str = "labels") -> Labels:
    """Return label sets as they are, and anything else as `check_labels` does."""
    if isinstance(values, LabelSets):
        if not len(values):
            message = f"{name} are empty; at least one item is needed"
            raise InputError(message)
        return values
    return check_labels(values, name)


def as_int64(values: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return integers or bools as int64; what does not fit raises `InputError`."""
    if values.dtype.kind == "u" and values.size and int(values.max()) > np.iinfo(np.int64).max:
        message = f"{name}: {int(values.max())} does not fit int64; number the classes 0, 1, 2, ..."
        raise InputError(message)
    return np.ascontiguousarray(values, dtype=np.int64)


def check_pair(z: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return embeddings [N, D] as an array and labels int64 [N]; their numbers of rows must agree.

    The values of the embeddings are not checked, so that a mapped file is not read.
    """
    array, labels = to_numpy(z), check_labels(y)
    return check_searched(array, labels)[0], labels


def check_searched(z: ArrayLike, y: ArrayLike | LabelSets) -> tuple[NDArray[Any], Labels]:
    """Return embeddings [N, D] and their labels, single ones or sets, as `check_pair` does."""
    array, labels = to_numpy(z), check_targets(y)
    if array.ndim != 2:
        message = f"embeddings have shape {shape_text(array)}; one row per item is needed: shape (N, D)"
        raise InputError(message)
    if array.shape[0] != labels.size:
        message = f"embeddings have {array.shape[0]} rows, but there are {labels.size} labels"
        raise InputError(message)
    return array, labels


def check_embeddings(
    values: ArrayLike,
    *,
    rows: int,
    dim: int | None,
    dtype: str | None = None,
    numbers: NDArray[np.int64] | None = None,
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
    numbers
        Number of each row, which a message names it by; None: from 0.

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
        message = f"embeddings have shape {shape_text(array)}; one row per item is needed: shape (N, D)"
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
        array = _cast(array, dtype, numbers)
    _check_values(array)
    return array


def _cast(array: NDArray[Any], dtype: str, numbers: NDArray[np.int64] | None) -> NDArray[np.floating[Any]]:
    """Return values in another type; a row that becomes zero or infinite by it is refused with the reason."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        cast: NDArray[np.floating[Any]] = np.ascontiguousarray(array, dtype=dtype)
        if np.dtype(dtype).itemsize >= array.dtype.itemsize:
            return cast
        largest = _largest(array)
    lost = (largest > 0) & np.isfinite(largest) & ((largest > np.finfo(dtype).max) | ~cast.any(axis=1))
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        message = (
            f"row {row if numbers is None else numbers[row]} has values of at most "
            f"{float(largest[row]):.3g}, which do not fit {dtype}; "
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
    largest = _largest(rows)
    exponent = np.frexp(largest)[1]
    far = (largest > 0) & (np.abs(exponent) > limit)
    if not far.any():
        return rows
    scaled = rows.copy()
    scaled[far] = np.ldexp(rows[far], -exponent[far, None])
    return scaled


def _largest(rows: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the largest magnitude of each row, a block of rows at a time; 0 of a row without numbers."""
    largest = np.empty(len(rows), rows.dtype)
    step = max(1, _BLOCK_VALUES // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        largest[part] = np.abs(rows[part]).max(axis=1, initial=0)
    return largest


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
