"""Runs whose labels are the values of a column of items.csv."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError, unknown
from embedlens.labels import number_labels
from embedlens.results import Result
from embedlens.store.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNLABELLED = int(np.iinfo(np.int64).min)
"""Label of items whose column is empty; no value becomes this number."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ItemColumn(Result):
    """A column of items.csv as labels.

    Attributes
    ----------
    name
        Name of the column.
    labels
        Split -> int64 [N], numbered alike in all splits that have the column; `UNLABELLED` where it is empty.
    names
        Label -> value, of those whose value is not the label itself.
    """

    name: str
    labels: dict[str, NDArray[np.int64]]
    names: dict[int, str]


class RelabelledRun(Run):
    """A run whose items are labelled by a column of items.csv; `relabelled` makes one.

    Embeddings, items, log and recorded arrays are those of the run.
    """

    def __init__(self, run: Run, column: ItemColumn) -> None:
        names = {str(label): name for label, name in column.names.items()}
        super().__init__(run.path, replace(run.info, class_names=names), epochs=run._epochs)
        self._recorded, self.column = run, column

    @property
    def is_multi_label(self) -> bool:
        """Whether items have sets of labels: not by a column."""
        return False

    def targets(self, split: str) -> NDArray[np.int64]:
        """Return the labels of a split, int64 [N]; `UNLABELLED` for items without a value."""
        self._check_split(split)
        if split not in self.column.labels:
            place = f"run {self.name!r}, split {split!r}"
            raise unknown(self.column.name, "column of items.csv", self.items(split)).within(place)
        return self.column.labels[split]

    def n_unlabelled(self, split: str) -> int:
        """Return the number of items of a split that have no value in the column."""
        return int((self.targets(split) == UNLABELLED).sum())

    def renamed(self, name: str) -> RelabelledRun:
        """Return the same run under another name."""
        return RelabelledRun(self._recorded.renamed(name), self.column)

    def pinned(self) -> RelabelledRun:
        """Return the same run with the epochs that are finished now."""
        return RelabelledRun(self._recorded.pinned(), self.column)


def relabelled(run: Run, column: str) -> RelabelledRun:
    """Return a run whose labels are the values of a column of items.csv.

    Whole numbers are labels as they stand; names are numbered in sorted order, alike in all splits. Items
    without a value have the label `UNLABELLED`.

    Parameters
    ----------
    run
        The run.
    column
        Name of the column, which a split at least has.

    Raises
    ------
    InputError
        No such column, one without any value, or one whose values are all different.
    """
    place = f"run {run.name!r}"
    columns = {split: run.items(split) for split in run.splits}
    texts = {split: items[column] for split, items in columns.items() if column in items}
    if not texts:
        known = dict.fromkeys(name for items in columns.values() for name in items)
        if not known:
            message = f"no column {column!r}: the run has no items.csv, which describes its items"
            raise InputError(message).within(place)
        raise unknown(column, "column of items.csv", known).within(place)
    for split in texts:
        run.targets(split)  # refuses items.csv if it is not the one that was recorded
    values = [text for cells in texts.values() for text in cells if text.strip()]
    if not values:
        message = f"column {column!r} of items.csv is empty; labels need a value of two items or more"
        raise InputError(message).within(place)
    if len(set(values)) == len(values):
        message = (
            f"column {column!r} of items.csv has a different value for each of {len(values):,} items, so no "
            "two of them are of one class; labels need a column of classes"
        )
        raise InputError(message).within(place)
    numbered, names = number_labels({"": values})
    label_of = dict(zip(values, numbered[""].tolist(), strict=True))
    labels = {
        split: np.array([label_of.get(text, UNLABELLED) for text in cells], np.int64)
        for split, cells in texts.items()
    }
    return RelabelledRun(run, ItemColumn(column, labels, names))
