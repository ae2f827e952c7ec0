"""Tensors of ``.pt`` and ``.pth`` files, read without running what is pickled in them."""

from __future__ import annotations

import pickle  # for the name of its error alone: nothing is unpickled here
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, listed, shortened
from embedlens.files import check_regular
from embedlens.importing.readers.base import ArrayReader, reads
from embedlens.importing.readers.checks import check_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.wanted import Wanted

# What torch.load raises of damaged files: all kinds seen in 190,000 mutated ones, with the memory and the
# arithmetic that a wrong length can exhaust. Unpicklers fail wherever an operation meets the wrong operand.
_OF_TORCH = (
    OSError, EOFError, pickle.UnpicklingError, RuntimeError, ValueError, TypeError, LookupError,
    AttributeError, AssertionError, ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


@reads(".pt", ".pth")
class TorchReader(ArrayReader):
    """Reader of files of tensors."""

    def names(self, file: Path) -> list[str]:
        """Return the names of the tensors in a dictionary."""
        content = _load(file)
        return [str(name) for name in content] if isinstance(content, dict) else []

    def check_key(self, wanted: Wanted) -> None:
        """Leave it to reading: names are known only when all tensors are loaded."""

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return one tensor, or batches of one."""
        import torch

        file, content = wanted.file, _load(wanted.file)
        if isinstance(content, dict):
            names = {str(name): name for name in content}
            content = content[names[wanted.only(list(names))]]
            if not isinstance(content, torch.Tensor | list | tuple):
                message = (
                    f"{file} holds a {type(content).__name__} under its key; a tensor, or a list of tensors, "
                    "is needed, save torch.tensor(...) of all values"
                )
                raise InputError(message)
        try:
            with warnings.catch_warnings():  # of sparse layouts being new, and the like
                warnings.simplefilter("ignore")
                return _from_torch(wanted, content, size=file.stat().st_size)
        except InputError:
            raise
        except (RuntimeError, TypeError, ValueError) as error:  # layouts and types that have no dense array
            message = f"{file} holds what cannot be read as an array ({shortened(first_sentence(error))})"
            raise InputError(message) from error


def _load(file: Path) -> Any:
    """Return the tensors of a file, and what holds them; objects of other kinds are refused."""
    import torch

    size = check_regular(file).st_size
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                check_size(file, sum(info.file_size for info in archive.infolist()), size)
        with warnings.catch_warnings():  # torch warns of odd files before it refuses them
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except _OF_TORCH as error:
        message = (
            f"{file} is not a readable file of tensors only ({shortened(first_sentence(error))}); save the "
            "tensor itself"
        )
        raise InputError(message) from error


def _from_torch(wanted: Wanted, content: Any, *, size: int) -> NDArray[Any]:
    """Return a tensor or a list of batches as one array."""
    import torch

    file, labels = wanted.file, wanted.labels
    if isinstance(content, torch.Tensor):
        return _plain(wanted, content, size=size, whole=True)
    if isinstance(content, list | tuple) and content:
        if all(isinstance(part, torch.Tensor) for part in content):
            parts = [_plain(wanted, part, size=size, whole=False) for part in content]
            one_hot = all(part.ndim == 2 for part in parts)
            joined = _joined(file, parts, rank=2 if one_hot or not labels else 1)
            wanted.check_rows(joined.shape)
            return joined
        if labels and all(type(part) in (int, str, bytes) for part in content):
            kinds = {type(part) for part in content}
            return np.array(content if len(kinds) == 1 else [str(part) for part in content])
    named = f"an empty {type(content).__name__}" if content in ([], ()) else f"a {type(content).__name__}"
    allowed = "a tensor, or a dict or list of tensors" + (", or a list of labels" if labels else "")
    message = f"{file} holds {named}; {allowed}, is needed"
    raise InputError(message)


def _plain(wanted: Wanted, tensor: Any, *, size: int, whole: bool) -> NDArray[Any]:
    """Return a tensor of any layout as numpy, floats as float32; a batch is not `whole`."""
    file = wanted.file
    if tensor.is_nested or tensor.is_meta:
        message = f"{file} holds a {'nested' if tensor.is_nested else 'meta'} tensor; a dense one is needed"
        raise InputError(message)
    if whole:
        wanted.check_rows(tensor.shape)
    check_size(file, tensor.numel() * tensor.element_size(), size)
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
