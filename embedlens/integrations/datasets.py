"""Labels and class names of the data sets of torch, from their attributes or from their items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import shape_text, to_numpy
from embedlens.errors import InputError, warn
from embedlens.integrations.loaders import batches_of, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embedlens.integrations.loaders import Rows

_ATTRIBUTES = ("targets", "labels")
_KEYS = ("labels", "label", "targets", "target")


def labels_of(loader: Iterable[Any], rows: Rows | None = None, *, split: str) -> NDArray[Any]:
    """Return the labels of the items of a loader's data set, [N], in its order.

    They are the attribute `targets` or `labels` of the data set (torchvision), the second tensor of a
    TensorDataset, or those of the parts that a Subset or ConcatDataset has; else the loader is read once, for
    the second element of its batches, or their key `labels`, `label`, `targets` or `target`.

    Parameters
    ----------
    loader
        A DataLoader, or anything that gives batches.
    rows
        Where a batch has the row numbers of its items, if not in the order of the data set.
    split
        Name of the split, for the message.

    Raises
    ------
    InputError
        No labels that are integers or text.
    """
    data: Any = getattr(loader, "dataset", None)
    found, source = stored_labels(data), "the data set"
    if found is None:
        source = "the second element of the items, or their key 'labels'"
        with kept([loader]):
            found = _read(loader, rows, len(data) if hasattr(data, "__len__") else None)
    if found is None:
        message = f"the data set of split {split!r} has no labels; give labels={{{split!r}: y}}"
        raise InputError(message)
    if found.ndim != 1 or found.dtype.kind not in "iubUS":
        message = (
            f"the labels of split {split!r} are {found.dtype} of shape {shape_text(found)}; one integer or "
            f"text per item is needed, give labels={{{split!r}: y}}"
        )
        raise InputError(message)
    if found.size > 2 and np.unique(found).size == found.size:
        warn(
            f"split {split!r}: all {found.size:,} labels differ, so each item is a class of its own; they "
            f"come from {source}; if they are no labels, give labels={{{split!r}: y}}"
        )
    return found


def class_names_of(data: Any) -> Sequence[str] | Mapping[str, int] | None:
    """Return what a data set knows of the names of its classes: `class_to_idx` or `classes` (torchvision)."""
    from torch.utils.data import Subset

    while isinstance(data, Subset):
        data = data.dataset
    if getattr(data, "target_transform", None) is not None:
        return None
    for name in ("class_to_idx", "classes"):
        known = getattr(data, name, None)
        if isinstance(known, Mapping | list | tuple) and all(isinstance(one, str) for one in known):
            return known
    return None


def stored_labels(data: Any, *, levels: bool = False) -> NDArray[Any] | None:
    """Return the labels that a data set has as a whole, [N], or None.

    Parameters
    ----------
    data
        The data set.
    levels
        Whether labels [N, levels] are taken, too.
    """
    from torch.utils.data import ConcatDataset, Subset, TensorDataset

    if isinstance(data, Subset):
        whole = stored_labels(data.dataset, levels=levels)
        return None if whole is None else whole[np.asarray(data.indices)]
    if isinstance(data, ConcatDataset):
        parts = [stored_labels(part, levels=levels) for part in data.datasets]
        found = [part for part in parts if part is not None]
        return np.concatenate(found) if len(found) == len(parts) else None
    if isinstance(data, TensorDataset):
        return _column(data.tensors[1], data, levels) if len(data.tensors) > 1 else None
    if getattr(data, "target_transform", None) is not None:  # the stored labels are not those of the items
        return None
    columns = (_column(getattr(data, name, None), data, levels) for name in _ATTRIBUTES)
    return next((column for column in columns if column is not None), None)


def _column(values: Any, data: Any, levels: bool) -> NDArray[Any] | None:
    """Return values as an array, if they are labels of each item of a data set."""
    if not hasattr(values, "__len__") or isinstance(values, str | Mapping) or not hasattr(data, "__len__"):
        return None  # the items of a stream may come in any order
    array = to_numpy(values)
    fits = array.ndim == 1 or (levels and array.ndim == 2)
    return array if fits and array.dtype.kind in "iubUS" and len(array) == len(data) else None


def _read(loader: Iterable[Any], rows: Rows | None, items: int | None) -> NDArray[Any] | None:
    """Return the labels in the batches of a loader, in the order of their row numbers; None without any."""
    numbers, labels = [], []
    for of_batch, batch in batches_of(loader, rows, items=items or 0):
        number = to_numpy(of_batch)
        found = batch_labels(batch, len(number))
        if found is None:
            return None
        numbers.append(number)
        labels.append(found)
    if not labels:
        return None
    order, first = np.unique(np.concatenate(numbers), return_index=True)
    column = np.concatenate(labels)[first]
    return column if order.size == order[-1] + 1 else None


def batch_labels(batch: Any, items: int) -> NDArray[Any] | None:
    """Return the labels in a batch, with a row for each of its items; None: it has none.

    Parameters
    ----------
    batch
        A tuple with them as second element, or a dict with the key `labels`, `label`, `targets` or `target`.
    items
        Number of items of the batch.
    """
    found = None
    if isinstance(batch, Mapping):
        found = next((batch[key] for key in _KEYS if key in batch), None)
    elif isinstance(batch, tuple | list) and len(batch) > 1:
        found = batch[1]
    try:
        array = None if found is None else to_numpy(found)
    except (TypeError, ValueError, RuntimeError):  # dicts, lists of several lengths
        return None
    return array if array is not None and array.ndim > 0 and len(array) == items else None
