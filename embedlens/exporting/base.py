"""Targets of exports: what each format is written by, and how it is read."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.files import dump_npy, temporary_file
from embedlens.registry import Registry
from embedlens.results import Result
from embedlens.text import csv_quoting, for_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from embedlens.exporting.contents import Contents, SplitContents

_BYTES_PER_TEXT = 64  # of HDF5, besides the letters
_SPARE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Target(Result):
    """A format that runs are exported to.

    Attributes
    ----------
    write
        Writes the contents of a run into an empty folder.
    several
        Whether all epochs are exported by default; else the last.
    reading
        The command or line of Python that reads the export, with ``{out}``, ``{split}`` and ``{epoch}``
        where the folder, a split and an epoch of four digits stand.
    """

    write: Callable[[Contents, Path], None]
    several: bool
    reading: str


TARGETS: Registry[Target] = Registry("export format")
"""Targets by the names that users type."""


def target(
    name: str, *, several: bool, reading: str
) -> Callable[[Callable[[Contents, Path], None]], Callable[[Contents, Path], None]]:
    """Return a decorator that registers a function as the writer of a target; see `Target`."""

    def enter(write: Callable[[Contents, Path], None]) -> Callable[[Contents, Path], None]:
        TARGETS.register(name)(Target(write, several, reading))
        return write

    return enter


def write_thumbnails(split: SplitContents, folder: Path) -> None:
    """Write SPLIT_thumbnails.npy, where the split has thumbnails: for formats without a place for them."""
    if split.thumbnails is not None:
        with temporary_file(folder / f"{split.name}_thumbnails.npy") as path:
            dump_npy(path, split.thumbnails)


def write_items(split: SplitContents, folder: Path) -> None:
    """Write SPLIT_items.csv: row, label, class and the columns of the items."""
    columns: Mapping[str, list[str]] = split.item_columns("row", "label", "class")
    with (
        temporary_file(folder / f"{split.name}_items.csv") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        names = {"class": split.classes}
        writer = csv.writer(file, lineterminator="\n", quoting=csv_quoting({**names, **columns}))
        writer.writerow(["row", "label", "class", *map(csv_text, columns)])
        labelled = zip(split.label_cells, split.classes, *columns.values(), strict=True)
        for row, (label, *texts) in enumerate(labelled):
            writer.writerow([row, label, *map(csv_text, texts)])


def facts_text(split: SplitContents, **more: object) -> str:
    """Return what describes a split as JSON in ASCII, which every format can hold."""
    return json.dumps({**split.facts(), **more})


def without_nul(text: str) -> str:
    r"""Return a text that HDF5 and readers of CSV take: NUL, which ends their texts, stands as ``\x00``."""
    return text.replace("\0", "\\x00")


def csv_text(text: str) -> str:
    """Return a cell of a CSV file without NUL, and without what a spreadsheet takes for a formula."""
    return str(for_cell(without_nul(text)))


def check_room(split: SplitContents, folder: Path) -> None:
    """Raise `OSError` where a disk has not the room for a split: HDF5 may crash on a disk that is full."""
    n, dim = split.shape
    texts = sum(len(text.encode()) + _BYTES_PER_TEXT for column in split.items.values() for text in column)
    images = 0 if split.thumbnails is None else split.thumbnails.nbytes
    numbers = len(split.epochs) * n * dim * np.dtype(split.run.info.dtype).itemsize + split.labels.nbytes
    if shutil.disk_usage(folder).free < numbers + images + texts + n * _BYTES_PER_TEXT + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
