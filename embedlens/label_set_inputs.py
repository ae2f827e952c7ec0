"""Label sets from the forms that training code uses: sets, lists, sparse matrices and tables of 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import shape_text, to_numpy
from embedlens.errors import InputError, shortened
from embedlens.label_sets import LabelSets
from embedlens.labels import number_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_SEVERAL = (set, frozenset, list, tuple)


def numbered_sets(
    labels: Mapping[str, Any], names: Mapping[int, str]
) -> tuple[dict[str, Any], dict[int, str]] | None:
    """Return the label sets of a run's splits, and class names; None where no split has sets.

    Parameters
    ----------
    labels
        Split name -> a set, list or tuple of labels (integers from 0, or texts, numbered alike in all splits)
        for each item; a table [N, C] of 0 and 1, or a sparse one, whose column j is label j; `LabelSets`. A
        split of single labels beside one of sets has sets of one. Tables that have exactly one 1 in every row
        of all splits are one-hot: single labels, int64 [N].
    names
        Label -> class name; where labels are texts and there are names, these number them.

    Raises
    ------
    InputError
        Labels that are neither integers from 0 nor texts, a label given twice, lists that may be a table, a
        text that is no class name, or no label at all.
    """
    raw = {split: _raw(split, values) for split, values in labels.items()}
    if all(one is None for one in raw.values()):
        return None
    if all(
        isinstance(one, LabelSets) and not isinstance(labels[split], LabelSets) and (one.counts == 1).all()
        for split, one in raw.items()
    ):
        return {split: one.indices for split, one in raw.items() if isinstance(one, LabelSets)}, dict(names)
    lists = {
        split: [[label] for label in to_numpy(labels[split]).tolist()] if one is None else one
        for split, one in raw.items()
    }
    numbers, names = _numbers(lists, names)
    sets = {
        split: one
        if isinstance(one, LabelSets)
        else LabelSets.of_lists([[numbers[label] for label in row] for row in one])
        for split, one in lists.items()
    }
    for split, one in sets.items():
        if not one.indices.size:
            message = f"split {split!r}: no item has a label; at least one item of every split needs one"
            raise InputError(message)
    return dict(sets), names


def is_table(array: NDArray[Any]) -> bool:
    """Return whether an array is a table [N, C] of 0 and 1, with two labels or more."""
    if array.ndim != 2 or array.shape[1] < 2 or not array.shape[0] or array.dtype.kind not in "biuf":
        return False
    return bool(((array == 0) | (array == 1)).all())


def sets_of_table(table: NDArray[Any]) -> LabelSets:
    """Return the label sets of a table [N, C] of 0 and 1, whose column j is label j."""
    rows, columns = np.nonzero(table)
    return LabelSets(np.searchsorted(rows, np.arange(len(table) + 1)), columns)


def _raw(split: str, values: Any) -> LabelSets | list[list[Any]] | None:
    """Return the sets of a split, as lists where labels are not numbered yet; None for single labels."""
    if isinstance(values, LabelSets):
        return values
    if hasattr(values, "tocsr"):
        return _of_sparse(split, values)
    if _is_array(values):
        array = to_numpy(values)
        if is_table(array):
            return sets_of_table(array)
        if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "iuf" and len(array):
            message = (
                f"split {split!r}: labels have shape {shape_text(array)} and hold other numbers than 0 and "
                "1; give one label per item, a set for each, or a table of 0 and 1"
            )
            raise InputError(message)
        return None
    if str(getattr(values, "dtype", "")) == "object":  # a column of pandas
        values = list(values)
    if not isinstance(values, list | tuple) or not any(map(_is_several, values)):
        return None
    if all(isinstance(one, list | tuple) and len(one) == 1 for one in values):  # a column [N, 1]
        return None
    return _checked_lists(split, values)


def _is_array(values: Any) -> bool:
    """Return whether values are an array or a tensor of numbers, not objects."""
    return getattr(values, "ndim", 0) > 1 and getattr(values, "dtype", None) != np.dtype(object)


def _is_several(one: object) -> bool:
    return isinstance(one, _SEVERAL) or getattr(one, "ndim", 0) == 1


def _of_sparse(split: str, values: Any) -> LabelSets:
    """Return the sets of a sparse matrix of 0 and 1."""
    matrix = values.tocsr(copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not (np.asarray(matrix.data) == 1).all():
        message = f"split {split!r}: a sparse matrix of labels holds other numbers than 0 and 1"
        raise InputError(message)
    return LabelSets(np.asarray(matrix.indptr), np.asarray(matrix.indices))


def _checked_lists(split: str, values: Iterable[Any]) -> list[list[Any]]:
    """Return the labels of each item as integers or texts; wrong ones are refused."""
    rows = []
    for row, one in enumerate(values):
        if not _is_several(one):
            message = (
                f"split {split!r}: the labels of row {row} are {shortened(repr(one))}; where some items have "
                "a set of labels, each needs one"
            )
            raise InputError(message)
        labels = [
            _label(split, row, label) for label in (one if isinstance(one, _SEVERAL) else to_numpy(one))
        ]
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            message = (
                f"split {split!r}: row {row} has label {shortened(repr(twice))} twice; give each label of an "
                "item once, and a table of 0 and 1 as an array (numpy.asarray)"
            )
            raise InputError(message)
        rows.append(labels)
    if len(rows) > 1 and all(len(row) == 2 and {*row} == {0, 1} for row in rows):
        message = (
            f"split {split!r}: every item has the list of 0 and 1; give a table of 0 and 1 as an array "
            "(numpy.asarray), and labels as sets"
        )
        raise InputError(message)
    return rows


def _label(split: str, row: int, label: Any) -> int | str:
    """Return one label of a set."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    if isinstance(label, str) and label:
        return str(label)
    if isinstance(label, int | np.integer) and not isinstance(label, bool) and label >= 0:
        return int(label)
    found = shortened(repr(label))
    message = f"split {split!r}: row {row} has label {found}; integers from 0, or texts, are needed"
    raise InputError(message)


def _numbers(lists: Mapping[str, Any], names: Mapping[int, str]) -> tuple[Mapping[Any, int], dict[int, str]]:
    """Return the number of each label that is given, and class names."""
    flat = {
        split: [label for row in one for label in row]
        for split, one in lists.items()
        if not isinstance(one, LabelSets)
    }
    distinct = {label for column in flat.values() for label in column}
    texts = {label for label in distinct if isinstance(label, str)}
    if not texts:
        return {label: label for label in distinct}, dict(names)
    if texts < distinct or len(flat) < len(lists):
        message = "labels are texts in some sets and integers in others; give texts in all sets, or integers"
        raise InputError(message)
    if names:
        numbers = {name: label for label, name in names.items()}
        unnamed = next((text for text in sorted(texts) if text not in numbers), None)
        if unnamed is not None:
            message = f"label {shortened(unnamed)!r} is not among the class_names; give every label a name"
            raise InputError(message)
        return numbers, dict(names)
    labels, found = number_labels(flat)
    pairs = zip(
        [text for column in flat.values() for text in column],
        [int(label) for column in labels.values() for label in column],
        strict=True,
    )
    return dict(pairs), found
