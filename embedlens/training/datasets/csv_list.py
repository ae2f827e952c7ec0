"""Images of the user from a .csv file with the path, label and split of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.labels import label_numbers
from embedlens.store.checks import check_split_name
from embedlens.tables import is_missing, read_table
from embedlens.training.datasets.base import DATASETS, Catalogue
from embedlens.training.datasets.images import ImageFiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NAMED = ("label", "class")
_LAYOUT = "columns path, label and, where the split is given, split"


@DATASETS.register("csv")
def csv_list(root: Path | None = None) -> Catalogue:
    """Return the items that a .csv file lists, between commas, semicolons or tabs.

    The first line names the columns: ``label``, ``path`` (relative to the file's folder, or absolute) and
    ``split``, of which ``label`` alone is needed. Labels that are all whole numbers are kept; others are
    names, numbered in sorted order, with numbers first. A column ``class`` names the labels; columns beyond
    these are kept with the items. Items of a split ``query`` search the split ``gallery``. If all classes are
    in the training split, the split is by items.

    Parameters
    ----------
    root
        The file, or a folder that holds one such file. Without a column ``path`` the items have no images.
    """
    table = _Table(_file(root))
    labels, names = _labels(table)
    items = {"class": [names[label] for label in labels.tolist()]}
    images = None
    if "path" in table.columns:
        table.refuse_empty("path")
        table.refuse_twice("path")
        items["path"] = [Path(path).as_posix() for path in table.columns["path"]]
        images = ImageFiles([table.file.parent / path for path in table.columns["path"]])
    own = {"class", "path", "label", "split"}
    items |= {name: values for name, values in table.columns.items() if name not in own}
    split = _split(table)
    paired = split is not None and "query" in split
    return Catalogue(
        images,
        labels,
        items,
        names,
        split=split,
        item_split=split if split is not None and _all_trained(labels, split) else None,
        query_gallery={"query": "gallery"} if paired else {},
    )


class _Table:
    """The columns of a table of items, and the line numbers of its rows."""

    def __init__(self, file: Path) -> None:
        self.file = file
        table = read_table(file, header=True)
        header = table.header or []
        if "label" not in header or "" in header or len(set(header)) != len(header):
            found = ",".join(header)[:60]
            message = (
                f"{file}:1: the first line is {found!r}; it must name {_LAYOUT}, each once, between commas, "
                "semicolons or tabs"
            )
            raise InputError(message)
        if not table.rows:
            message = f"{file} has no rows below its first line"
            raise InputError(message)
        self._lines = table.lines
        self.columns = dict(zip(header, map(list, zip(*table.rows, strict=True)), strict=True))

    def error(self, row: int, message: str) -> InputError:
        """Return an error that names the file and the line of a row."""
        return InputError(f"{self.file}:{self._lines[row]}: {message}")

    def refuse_empty(self, column: str) -> None:
        """Raise `InputError` where a column has no value."""
        for row, value in enumerate(self.columns[column]):
            if not value or (column in _NAMED and is_missing(value)):
                message = f"the {column} is {f'{value!r}, a missing value' if value else 'empty'}"
                raise self.error(row, message)

    def refuse_twice(self, column: str) -> None:
        """Raise `InputError` if a value occurs twice in a column."""
        rows: dict[str, int] = {}
        for row, value in enumerate(self.columns[column]):
            if rows.setdefault(value, row) != row:
                message = f"{column} {value!r} stands in line {self._lines[rows[value]]} already"
                raise self.error(row, message)


def _file(root: Path | None) -> Path:
    """Return the file that is meant."""
    if root is None:
        message = "data set 'csv' is read from a .csv file, or a folder with one; say where with --root"
        raise InputError(message)
    if root.is_file():
        return root
    if not root.is_dir():
        message = f"no such file or folder: {root}"
        raise InputError(message)
    files = sorted(file for file in root.iterdir() if file.suffix.lower() == ".csv" and file.name[0] != ".")
    if len(files) != 1:
        found = ", ".join(path.name for path in files) or "none"
        message = f"{root} must hold one .csv file, but it holds {found}; name the file with --root"
        raise InputError(message)
    return files[0]


def _labels(table: _Table) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Return the labels, and the name of each."""
    table.refuse_empty("label")
    texts = table.columns["label"]
    try:
        numbers = label_numbers(texts)
    except InputError as error:
        raise error.within(str(table.file)) from error
    if all(_WHOLE.fullmatch(text) for text in texts):
        names = {number: str(number) for number in sorted(numbers.values())}
    else:
        names = {}
        for text, number in sorted(numbers.items(), key=lambda pair: (pair[1], pair[0])):
            names.setdefault(number, text)
    labels = [numbers[text] for text in texts]
    if "class" in table.columns:
        table.refuse_empty("class")
        names = {}
        for row, (label, name) in enumerate(zip(labels, table.columns["class"], strict=True)):
            if names.setdefault(label, name) != name:
                message = f"class {name!r} has label {texts[row]}, as has class {names[label]!r}"
                raise table.error(row, message)
    return np.array(labels, dtype=np.int64), names


def _split(table: _Table) -> NDArray[np.str_] | None:
    """Return the split of each item, where there is a column of it."""
    if "split" not in table.columns:
        return None
    table.refuse_empty("split")
    values = table.columns["split"]
    for name in dict.fromkeys(values):
        try:
            check_split_name(name)
        except InputError as error:
            raise table.error(values.index(name), str(error)) from error
    if ("query" in values) != ("gallery" in values):
        message = f"{table.file} has one of the splits query and gallery; both or neither are needed"
        raise InputError(message)
    return np.array(values)


def _all_trained(labels: NDArray[np.int64], split: NDArray[np.str_]) -> bool:
    """Return whether training sees all classes that are tested on."""
    return bool(np.isin(labels[split != "train"], labels[split == "train"]).all())
