"""Arrays in folders of one file, as HDF5 and zarr have them: names, checks, and AnnData's tables.

Groups of h5py and of zarr are read alike: both have items by name, and `attrs`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, shortened
from embedlens.importing.readers.base import ArrayReader
from embedlens.importing.readers.checks import MOST_NAMES, check_size, decoded
from embedlens.importing.readers.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

_DEEPEST = 32  # folders in one another
_MOST_BLOCK = 1 << 28  # bytes that are read at once
_MOST_LETTERS = 1 << 28  # bytes of texts


class TreeReader(ArrayReader):
    """Reader of files whose arrays stand in folders; a key is a path."""

    kind = "file of arrays"

    @abstractmethod
    def opened(self, file: Path) -> AbstractContextManager[Any]:
        """Open the file: its root group, or its one array."""

    @abstractmethod
    def is_array(self, node: Any) -> bool:
        """Return whether a node is an array, and not a group."""

    @abstractmethod
    def check(self, node: Any, place: str) -> int:
        """Refuse an array that must not be read; return the bytes that it takes in the file."""

    @abstractmethod
    def texts(self, node: Any) -> NDArray[np.str_] | None:
        """Return an array of texts of any length; None for an array of numbers or of fixed texts."""

    def names(self, file: Path) -> list[str]:
        """Return the paths of all arrays."""
        with self._guarded(file) as root:
            if self.is_array(root) or not self.is_anndata(root):
                return self._paths(root)
            return embedding_names(self._paths(root)) + [f"obs/{name}" for name in self._columns(root)]

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return one array; the columns of AnnData's `obs` are labels."""
        with self._guarded(wanted.file) as root:
            if self.is_array(root):
                return self.array(root, wanted, wanted.key or "the array")
            if self.is_anndata(root):
                return self._read_anndata(root, wanted)
            names = self._paths(root)
            if not names:
                message = f"{wanted.file} holds no array"
                raise InputError(message)
            name = wanted.only(names)
            return self.array(root[name], wanted, name)

    def check_key(self, wanted: Wanted) -> None:
        """Refuse a key that no array of embeddings has, and the lack of one where there are several."""
        with self._guarded(wanted.file) as root:
            if self.is_array(root):
                return
            anndata = self.is_anndata(root)
            names = embedding_names(self._paths(root)) if anndata else self._paths(root)
            if names:
                wanted.only(names)

    def items(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the columns of AnnData's `obs` as text; other files describe no items."""
        with self._guarded(wanted.file) as root:
            if self.is_array(root) or not self.is_anndata(root):
                return ArrayReader.items(self, wanted)
            columns = {}
            for name in self._columns(root):
                if name == "_index" and len(self._columns(root)) > 1:
                    continue  # numbers or names of rows that AnnData gives itself
                values = self._column(root, name, wanted)
                values = decoded(values, wanted.file) if values.dtype.kind == "S" else values
                columns[name] = [str(value) for value in values.tolist()]
            return columns

    @contextmanager
    def _guarded(self, file: Path) -> Iterator[Any]:
        """Open a file; whatever its library raises of a damaged one is one line."""
        try:
            with self.opened(file) as root:
                yield root
        except InputError:
            raise
        except Exception as error:  # a damaged file fails anywhere in the library, with any exception
            if isinstance(error, (MemoryError, OSError)) and getattr(error, "errno", None) in (23, 24):
                raise
            reason = first_sentence(error)
            inner = re.search(r"\(([^(),]+)", reason)  # HDF5 says the cause in brackets, and much after it
            shown = shortened(inner[1] if inner else reason)
            message = f"{file} is not a readable {self.kind} ({shown}); write it again"
            raise InputError(message) from error

    def _paths(self, root: Any) -> list[str]:
        """Return the paths of all arrays below a group."""
        found: list[str] = []
        pending = [("", root, 0)]
        while pending:
            path, node, depth = pending.pop()
            if self.is_array(node):
                found.append(path)
            elif depth < _DEEPEST:
                pending += [
                    (f"{path}/{name}".lstrip("/"), node[name], depth + 1) for name in self.children(node)
                ]
            if len(found) + len(pending) > MOST_NAMES:
                message = f"more than {MOST_NAMES:,} arrays in one file"
                raise InputError(message)
        return sorted(found)

    @abstractmethod
    def children(self, node: Any) -> list[str]:
        """Return the names of the arrays and groups in a group."""

    def is_anndata(self, root: Any) -> bool:
        """Return whether a root group is that of AnnData."""
        return root.attrs.get("encoding-type") == "anndata" or {"obs", "var", "X"} <= set(self.children(root))

    def array(self, node: Any, wanted: Wanted, name: str) -> NDArray[Any]:
        """Return an array, after its rows and its size are checked."""
        place = f"{wanted.file}: {shortened(name)!r}"
        if not self.is_array(node):
            message = f"{place} is a group; name an array in it ({wanted.option} NAME/ARRAY)"
            raise InputError(message)
        stored = self.check(node, place)
        shape = tuple(int(length) for length in node.shape)
        wanted.check_rows(shape)
        if not wanted.labels and len(shape) != 2:
            message = f"{place}: embeddings have shape {shape}; one row per item is needed: shape (N, D)"
            raise InputError(message)
        texts = self.texts(node)
        if texts is not None:
            return texts
        dtype = np.dtype(node.dtype)
        if dtype.hasobject or dtype.kind not in "biufSU":
            message = f"{place} holds {dtype}; arrays of numbers or text are read"
            raise InputError(message)
        check_size(wanted.file, int(np.prod(shape, dtype=object)) * dtype.itemsize, stored)
        return _in_blocks(node, shape, dtype)

    def _read_anndata(self, root: Any, wanted: Wanted) -> NDArray[Any]:
        """Return a column of `obs` as labels, or an array of `X`, `layers` or `obsm`."""
        if wanted.labels:
            columns = self._columns(root)
            key = wanted.key.removeprefix("obs/") if wanted.key else None
            name = replace(wanted, key=key).only(columns, of_table=True)
            return self._column(root, name, wanted)
        name = wanted.only(embedding_names(self._paths(root)))
        node = root[name]
        if self.is_array(node):
            return self.array(node, wanted, name)
        return self._sparse(node, wanted, name)

    def _columns(self, root: Any) -> list[str]:
        """Return the names of the columns of `obs`, the index last."""
        obs = root["obs"]
        order = [str(name) for name in obs.attrs.get("column-order", [])]
        index = str(obs.attrs.get("_index", "_index"))
        known = set(self.children(obs))
        return [name for name in [*order, index] if name in known]

    def _column(self, root: Any, name: str, wanted: Wanted) -> NDArray[Any]:
        """Return one column of `obs`: integers, or text for everything else."""
        node, labels = root["obs"][name], Wanted(wanted.file, name, labels=True, option=wanted.option)
        if self.is_array(node):
            values = self.array(node, labels, f"obs/{name}")
            return values if values.dtype.kind in "iuUS" else values.astype(str)
        parts = {part: node[part] for part in self.children(node)}
        if {"codes", "categories"} <= set(parts):
            codes = self.array(parts["codes"], labels, f"obs/{name}/codes")
            names = self.array(parts["categories"], labels, f"obs/{name}/categories")
            texts = np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names.astype(str)
            if codes.dtype.kind not in "iu" or (
                codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < len(texts)
            ):
                message = f"{wanted.file}: column {shortened(name)!r} of obs has codes without a category"
                raise InputError(message)
            return np.asarray(np.append(texts, "")[codes])
        if {"values", "mask"} <= set(parts):
            values = self.array(parts["values"], labels, f"obs/{name}/values").astype(str)
            mask = self.array(parts["mask"], labels, f"obs/{name}/mask").astype(bool)
            return np.where(mask, "", values)
        message = f"{wanted.file}: column {shortened(name)!r} of obs is of a kind that is not read"
        raise InputError(message)

    def _sparse(self, node: Any, wanted: Wanted, name: str) -> NDArray[Any]:
        """Return a sparse matrix of AnnData as a dense array."""
        import scipy.sparse

        encoding = str(node.attrs.get("encoding-type", ""))
        if encoding not in ("csr_matrix", "csc_matrix"):
            message = f"{wanted.file}: {shortened(name)!r} is no array but {shortened(encoding) or 'a group'}"
            raise InputError(message)
        rows, columns = (int(length) for length in node.attrs["shape"])
        wanted.check_rows((rows, columns))
        inner = Wanted(wanted.file, labels=True)
        data, indices, indptr = (
            self.array(node[part], inner, f"{name}/{part}") for part in ("data", "indices", "indptr")
        )
        check_size(wanted.file, rows * columns * data.itemsize, data.nbytes + indices.nbytes)
        kind = scipy.sparse.csr_matrix if encoding == "csr_matrix" else scipy.sparse.csc_matrix
        matrix = kind((data, indices, indptr), shape=(rows, columns))
        matrix.check_format(full_check=True)
        return np.asarray(matrix.toarray())


def embedding_names(paths: Sequence[str]) -> list[str]:
    """Return the arrays of AnnData that have one row per item: X, those of layers and those of obsm."""
    found = []
    for path in paths:
        folder, _, name = path.partition("/")
        found.append(
            "X"
            if folder == "X"
            else f"{folder}/{name.partition('/')[0]}"
            if folder in ("layers", "obsm")
            else ""
        )
    return list(dict.fromkeys(name for name in found if name))


def _in_blocks(node: Any, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array that is read a block of rows at a time, so that the library needs no second copy."""
    if not shape:
        return np.asarray(node[()])
    array = np.empty(shape, dtype)
    width = max(1, array.nbytes // max(1, shape[0]))
    step = max(1, _MOST_BLOCK // width)
    for start in range(0, shape[0], step):
        array[start : start + step] = node[start : start + step]
    return array
