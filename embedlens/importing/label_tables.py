"""Tables of labels in arrays: one-hot rows, and rows of several 1, whose items have sets of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, listed
from embedlens.importing.readers import READERS, Wanted
from embedlens.label_set_inputs import is_table, numbered_sets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_SPARSE = {"indptr", "indices"}
_MOST_VALUES = 1 << 31  # of a sparse matrix, which is spread out


def label_table(values: NDArray[Any], file: Path | str) -> NDArray[Any]:
    """Return labels [N, C] if they are a table of 0 and 1; of one column [N, 1] the column, [N].

    Raises
    ------
    InputError
        Other numbers than 0 and 1, or no numbers; the first row is named.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    if values.dtype.kind not in "biuf":
        message = f"{file}: labels are {values.dtype} of shape {values.shape}; one label per item is needed"
        raise InputError(message)
    return values if is_table(values) else one_hot_labels(values, file)


def one_hot_labels(values: NDArray[Any], file: Path | str) -> NDArray[np.int64]:
    """Return one-hot labels [N, C] as the number of the column, [N].

    Raises
    ------
    InputError
        A row that has not exactly one 1, and zeros beside it; it is named.
    """
    wrong = np.flatnonzero(((values != 0) & (values != 1)).any(axis=1) | ((values == 1).sum(axis=1) != 1))
    if wrong.size:
        row = values[wrong[0]]
        message = (
            f"{file}: labels have shape {values.shape} and are not one-hot: row {wrong[0]} is "
            f"{listed(row.tolist())} ({wrong.size:,} such rows); give one label per item, or rows of 0 and 1"
        )
        raise InputError(message)
    return np.asarray(np.argmax(values, axis=1), dtype=np.int64)


def labels_of_tables(
    raw: Mapping[str, NDArray[Any]], places: Mapping[str, str]
) -> tuple[dict[str, Any], dict[int, str]] | None:
    """Return the labels of splits of which some are tables, and class names; None where none is.

    Where a row of any table has several 1, items have sets of labels; else tables are one-hot, and each row
    needs a 1.

    Parameters
    ----------
    raw
        Split -> labels [N], or a table [N, C].
    places
        Split -> its file, for messages.
    """
    tables = [split for split, values in raw.items() if values.ndim == 2]
    if not tables:
        return None
    if any((raw[split] != 0).sum(axis=1).max(initial=0) > 1 for split in tables):
        return numbered_sets(raw, {})
    single = {
        split: one_hot_labels(values, places[split]) if split in tables else values
        for split, values in raw.items()
    }
    return single, {}


def sparse_table(wanted: Wanted) -> NDArray[np.bool_] | None:
    """Return the table in an ``.npz`` file that holds a CSR matrix, bool [N, C]; None for any other file.

    scipy.sparse.save_npz writes such files, and runs have them as labels.npz.

    Raises
    ------
    InputError
        Arrays that are no CSR matrix of 0 and 1, or a table of more than 2^31 numbers.
    """
    reader = READERS.get(wanted.file.suffix.lower())
    if wanted.file.suffix.lower() != ".npz" or wanted.key is not None:
        return None
    names = set(reader.names(wanted.file))
    if not names >= _SPARSE:
        return None
    parts = {
        name: np.asarray(reader.read(replace(wanted, key=name, labels=False, chosen=[])))
        for name in ("indptr", "indices", "shape", "data", "format")
        if name in names
    }
    indptr, indices = parts["indptr"], parts["indices"]
    whole = all(part.ndim == 1 and part.dtype.kind in "iu" for part in (indptr, indices))
    whole = whole and parts.get("format", np.array(b"csr")).item() in (b"csr", "csr") and indptr.size > 1
    whole = whole and int(indptr[0]) == 0 and int(indptr[-1]) == indices.size
    whole = whole and bool((np.diff(indptr.astype(np.int64)) >= 0).all() and indices.min(initial=0) >= 0)
    width = int(indices.max(initial=0)) + 1
    if "shape" in parts and parts["shape"].size == 2:
        whole, width = whole and width <= int(parts["shape"][1]), int(parts["shape"][1])
    if not whole or not (parts.get("data", np.ones(1)) == 1).all():
        message = f"{wanted.file}: no CSR matrix of 0 and 1; write it by scipy.sparse.save_npz"
        raise InputError(message)
    if (indptr.size - 1) * width > _MOST_VALUES:
        message = f"{wanted.file}: a matrix of {indptr.size - 1:,} x {width:,} labels is too large to import"
        raise InputError(message)
    table = np.zeros((indptr.size - 1, max(width, 2)), np.bool_)
    table[np.repeat(np.arange(len(table)), np.diff(indptr)), indices] = True
    return table
