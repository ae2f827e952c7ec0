"""Contents of an export: labels, items and embeddings of a run, read split by split and block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.label_sets import LabelSets, label_lists
from embedlens.results import Result
from embedlens.store.log import epoch_of
from embedlens.store.relabelled import RelabelledRun
from embedlens.text import for_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embedlens.label_sets import Labels
    from embedlens.store import Run
    from embedlens.store.log import LogRow

BLOCK_VALUES = 1 << 20
"""Largest number of values of a block of embeddings, unless one row has more."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitContents(Result):
    """What is exported of one split.

    Attributes
    ----------
    run
        The run.
    name
        Name of the split.
    epochs
        The epochs to export, ascending.
    log
        Rows of the log of these epochs: metrics, steps.
    targets
        int64 [N], or label sets.
    classes
        N names of classes; a class without a name has its number. Those of a set are joined by "; ".
    items
        Columns that describe the items: name -> N texts.
    thumbnails
        uint8 [N, h, w] or [N, h, w, 3], memory-mapped, or None.
    """

    run: Run
    name: str
    epochs: tuple[int, ...]
    log: list[LogRow]
    targets: Labels
    classes: list[str]
    items: dict[str, list[str]]
    thumbnails: NDArray[np.uint8] | None

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 [N]; `InputError` where items have sets of labels, which few formats have a place for."""
        if isinstance(self.targets, LabelSets):
            message = (
                f"run {self.run.name!r}, split {self.name!r}: items have sets of labels (multi-label), which "
                "are exported to csv, npz and projector"
            )
            raise InputError(message)
        return self.targets

    @property
    def label_cells(self) -> list[int] | list[str]:
        """The label of each item in a table; of a set its labels joined by a semicolon."""
        if isinstance(self.targets, LabelSets):
            return [";".join(map(str, labels)) for labels in self.targets.lists()]
        return [int(label) for label in self.targets.tolist()]

    @property
    def steps(self) -> dict[int, int]:
        """Epoch -> optimiser steps, for the epochs whose row in the log has them."""
        found = {epoch_of(row): row.get("step") for row in self.log}
        return {epoch: int(step) for epoch, step in found.items() if step is not None}

    @property
    def shape(self) -> tuple[int, int]:
        """Number of items and of dimensions."""
        return self.targets.size, int(self.run.info.dim or 0)

    def blocks(self, epoch: int) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
        """Yield the embeddings of an epoch: rows, and their values [rows, D] as recorded."""
        embeddings = self.run.snapshot(self.name, epoch).embeddings
        for rows in row_blocks(embeddings.shape):
            yield rows, np.ascontiguousarray(embeddings[rows])

    def item_columns(self, *taken: str) -> dict[str, list[str]]:
        """Return the columns of the items; a name that is taken begins with ``item_`` instead."""
        named: dict[str, list[str]] = {}
        for name, texts in self.items.items():
            free = name
            while free in taken or free in named or (free != name and free in self.items):
                free = f"item_{free}"
            named[free] = texts
        return named

    def facts(self) -> dict[str, Any]:
        """Return run, split, epochs, steps, method and log as plain data."""
        info, steps = self.run.info, self.steps
        facts = facts_of(self.run) | {
            "split": self.name,
            "epochs": list(self.epochs),
            "steps": [steps.get(epoch) for epoch in self.epochs] if steps else [],
            "log": for_json(self.log),
            "class_names": dict(info.class_names),
        }
        if isinstance(self.run, RelabelledRun):
            facts["label_column"] = self.run.column.name
        gallery = dict(info.query_gallery).get(self.name)
        return facts if gallery is None else facts | {"gallery": gallery}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contents(Result):
    """What is exported of a run.

    Attributes
    ----------
    run
        The run.
    splits
        Names of the splits.
    epochs
        The epochs, ascending.
    """

    run: Run
    splits: tuple[str, ...]
    epochs: tuple[int, ...]

    def __iter__(self) -> Iterator[SplitContents]:
        """Yield the contents of each split; those of one are in memory at a time."""
        log = [row for row in self.run.log if epoch_of(row) in self.epochs]
        names = self.run.info.class_names
        for split in self.splits:
            targets = self.run.targets(split)
            yield SplitContents(
                run=self.run,
                name=split,
                epochs=self.epochs,
                log=log,
                targets=targets,
                classes=[
                    "; ".join(names.get(str(label), str(label)) for label in labels)
                    for labels in label_lists(targets)
                ],
                items=self.run.items(split),
                thumbnails=self.run.thumbnails(split),
            )


def row_blocks(shape: tuple[int, ...]) -> list[slice]:
    """Return the rows of the blocks in which an array of a shape is written."""
    rows = max(1, BLOCK_VALUES // max(1, math.prod(shape[1:])))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]


def facts_of(run: Run) -> dict[str, Any]:
    """Return what describes a run, as plain data: name, time of creation, dims, dtype, method, slices."""
    info = run.info
    return {
        "run": info.name,
        "created": info.created,
        "dim": info.dim,
        "dtype": info.dtype,
        "method": run.method,
        "slices": info.slices,
    }


def contents_of(run: Run, splits: Sequence[str] | None, epochs: Sequence[int] | None) -> Contents:
    """Return what to export of a run.

    Parameters
    ----------
    run
        The run.
    splits
        Names of splits; None: all.
    epochs
        Epochs, negative ones from the end; None: the last.

    Raises
    ------
    InputError
        A run without a snapshot; an unknown split or epoch.
    """
    pinned = run.pinned()
    last = pinned.resolve_epoch(-1)
    chosen = sorted({pinned.resolve_epoch(epoch) for epoch in epochs}) if epochs is not None else [last]
    named = list(dict.fromkeys(splits)) if splits is not None else list(pinned.splits)
    if not chosen or not named:
        message = f"nothing to export: no {'split' if chosen else 'epoch'} is named"
        raise InputError(message)
    for split in named:
        pinned.epochs(split)  # refuses a name that is no split's
        if isinstance(pinned, RelabelledRun) and (count := pinned.n_unlabelled(split)):
            message = (
                f"{count:,} items of split {split!r} have no value in column {pinned.column.name!r}; an "
                "export has a label for every item, and the column itself, too: leave out --labels"
            )
            raise InputError(message)
    return Contents(pinned, tuple(named), tuple(chosen))
