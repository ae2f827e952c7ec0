"""Arrays from .npy, .npz, .pt and .pth files of other programs, read with size limits and without pickles."""

from __future__ import annotations

import pickle  # for the name of its error alone: nothing is unpickled here
import struct
import warnings
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, listed, shortened
from embedlens.files import check_regular, read_npy
from embedlens.npy import read_array_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.npy import ArrayHeader

# What torch.load raises of damaged files: all kinds seen in 190,000 mutated ones, with the memory and the
# arithmetic that a wrong length can exhaust. Unpicklers fail wherever an operation meets the wrong operand.
_OF_TORCH = (
    OSError, EOFError, pickle.UnpicklingError, RuntimeError, ValueError, TypeError, LookupError,
    AttributeError, AssertionError, ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
ENDINGS = (".npy", ".npz", ".pt", ".pth")
# Floating-point embeddings hardly compress, sorted labels up to a few hundred times; deflate ends at 1,032.
_MOST_RATIO = 500
_SMALL = 1 << 28  # bytes that are read whatever the ratio
_BLOCK = 1 << 22  # bytes that are decompressed at once


def read_array(file: Path, key: str | None, *, rows: int | None = None, labels: bool = False) -> NDArray[Any]:
    """Return the array in a .npy, .npz, .pt or .pth file; pickled objects are refused, never run.

    Parameters
    ----------
    file
        The file.
    key
        Name of the array in an archive (.npz) or dictionary (.pt); not needed where there is only one.
    rows
        Number of rows that the array must have; another number is refused before memory is taken.
    labels
        Whether the array holds one label per item and not one row of numbers: batches are joined
        accordingly, and messages name the option ``--labels-key`` and not ``--key``.

    Raises
    ------
    InputError
        Another kind of file, a damaged file, an unknown key, or an array that is much larger than its file.
    """
    option = "--labels-key" if labels else "--key"
    ending = file.suffix.lower()
    if ending == ".npy":
        array: NDArray[Any] = read_npy(file)
        check_rows(file, array.shape, rows)
        return array
    if ending == ".npz":
        return _read_npz(file, key, rows=rows, option=option)
    if ending in (".pt", ".pth"):
        return _read_torch(file, key, rows=rows, option=option)
    message = f"{file} ends in {shortened(file.suffix)!r}; arrays are read from {', '.join(ENDINGS)}"
    raise InputError(message)


def check_rows(file: Path, shape: Sequence[int], rows: int | None) -> None:
    """Refuse an array [N, ...] whose number of rows is not that of the labels."""
    if rows is not None and len(shape) and shape[0] != rows:
        message = f"{file}: embeddings have {shape[0]} rows, but there are {rows} labels"
        raise InputError(message)


def only(file: Path, key: str | None, names: Sequence[str], *, option: str) -> str:
    """Return the name of the array or column to read: the key, or the only one; else raise `InputError`."""
    if key is not None and key in names:
        return key
    if key is not None:
        message = f"{file} has no array {shortened(key)!r}; it holds: {listed(names)} ({option} NAME)"
        raise InputError(message)
    if len(names) != 1:
        message = f"{file} holds several arrays; choose one by its key: {listed(names)} ({option} NAME)"
        raise InputError(message)
    return names[0]


@contextmanager
def _archived(file: Path, key: str | None, *, option: str) -> Iterator[tuple[Any, ArrayHeader, int]]:
    """Open one array of an .npz: a stream positioned at its data, its header, its compressed size."""
    check_regular(file)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            info = members[only(file, key, list(members), option=option)]
            with archive.open(info) as stream:
                header = read_array_header(stream, info.filename)
                if header.size + header.nbytes != info.file_size:
                    message = f"{info.filename} is truncated or damaged"
                    raise InputError(message)
                yield stream, header, info.compress_size
    except Exception as error:  # a damaged archive fails anywhere in the reader, with any exception
        if isinstance(error, InputError) and str(file) in str(error):
            raise
        reason = str(error) if isinstance(error, InputError) else shortened(first_sentence(error))
        message = f"{file} is not a readable .npz of plain arrays ({reason})"
        raise InputError(message) from error


def _read_npz(file: Path, key: str | None, *, rows: int | None, option: str) -> NDArray[Any]:
    """Read one array of an archive, after its declared size is checked."""
    with _archived(file, key, option=option) as (stream, header, size):
        check_rows(file, header.shape, rows)
        _check_size(file, header.nbytes, size)
        array = np.empty(header.shape, header.dtype, order="F" if header.fortran_order else "C")
        target = array.reshape(-1, order="A").view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
        for start in range(0, target.size, _BLOCK):
            part = stream.read(min(_BLOCK, target.size - start))
            target[start : start + len(part)] = np.frombuffer(part, np.uint8)
        stream.read(1)  # the end of the member, where its checksum is compared
        return array


def _check_size(file: Path, declared: int, stored: int) -> None:
    """Refuse an array that would take much more memory than its file can hold embeddings."""
    if declared > _SMALL and declared > _MOST_RATIO * max(stored, 1):
        message = (
            f"{file} holds an array of {declared:,} bytes in {stored:,}; no embeddings compress so far, "
            "write the array again, uncompressed"
        )
        raise InputError(message)


def _read_torch(file: Path, key: str | None, *, rows: int | None, option: str) -> NDArray[Any]:
    """Read one tensor, or batches of one, in a file of tensors."""
    import torch

    size = check_regular(file).st_size
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                _check_size(file, sum(info.file_size for info in archive.infolist()), size)
        with warnings.catch_warnings():  # torch warns of odd files before it refuses them
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except _OF_TORCH as error:
        message = (
            f"{file} is not a readable file of tensors only ({shortened(first_sentence(error))}); save the "
            "tensor itself"
        )
        raise InputError(message) from error
    if isinstance(content, dict):
        names = {str(name): name for name in content}
        content = content[names[only(file, key, list(names), option=option)]]
        if not isinstance(content, torch.Tensor | list | tuple):
            message = (
                f"{file} holds a {type(content).__name__} under its key; a tensor, or a list of tensors, is "
                "needed, save torch.tensor(...) of all values"
            )
            raise InputError(message)
    labels = option == "--labels-key"
    try:
        with warnings.catch_warnings():  # of sparse layouts being new, and the like
            warnings.simplefilter("ignore")
            return _from_torch(file, content, rows=rows, size=size, labels=labels)
    except InputError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:  # layouts and types that have no dense array
        message = f"{file} holds what cannot be read as an array ({shortened(first_sentence(error))})"
        raise InputError(message) from error


def _from_torch(file: Path, content: Any, *, rows: int | None, size: int, labels: bool) -> NDArray[Any]:
    """Return a tensor or a list of batches as one array."""
    import torch

    if isinstance(content, torch.Tensor):
        array = _plain(file, content, rows=rows, size=size)
        check_rows(file, array.shape, rows)
        return array
    if isinstance(content, list | tuple) and content:
        if all(isinstance(part, torch.Tensor) for part in content):
            parts = [_plain(file, part, rows=None, size=size) for part in content]
            joined = _joined(file, parts, rank=1 if labels else 2)
            check_rows(file, joined.shape, rows)
            return joined
        if labels and all(type(part) in (int, str, bytes) for part in content):
            kinds = {type(part) for part in content}
            return np.array(content if len(kinds) == 1 else [str(part) for part in content])
    named = f"an empty {type(content).__name__}" if content in ([], ()) else f"a {type(content).__name__}"
    allowed = "a tensor, or a dict or list of tensors" + (", or a list of labels" if labels else "")
    message = f"{file} holds {named}; {allowed}, is needed"
    raise InputError(message)


def _plain(file: Path, tensor: Any, *, rows: int | None, size: int) -> NDArray[Any]:
    """Return a tensor of any layout as numpy, floats as float32."""
    if tensor.is_nested or tensor.is_meta:
        message = f"{file} holds a {'nested' if tensor.is_nested else 'meta'} tensor; a dense one is needed"
        raise InputError(message)
    check_rows(file, tensor.shape, rows)
    _check_size(file, tensor.numel() * tensor.element_size(), size)
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    dense = tensor.to_dense() if str(tensor.layout) != "torch.strided" else tensor
    dense = dense.resolve_conj().resolve_neg()
    return np.asarray((dense.float() if dense.is_floating_point() else dense).numpy())


def _joined(file: Path, parts: Sequence[NDArray[Any]], *, rank: int) -> NDArray[Any]:
    """Join batches [n, D] (labels: [n]) along the items; single rows [D] (labels: []) are stacked."""
    shapes = {part.shape[1:] if part.ndim == rank else part.shape for part in parts}
    ranks = {part.ndim for part in parts}
    if len(ranks) != 1 or len(shapes) != 1 or ranks - {rank, rank - 1}:
        message = (
            f"{file} holds a list of {len(parts):,} tensors that do not join: shapes "
            f"{listed(dict.fromkeys(tuple(part.shape) for part in parts))}; save one tensor"
        )
        raise InputError(message)
    return np.concatenate(parts) if ranks == {rank} else np.stack(parts)
