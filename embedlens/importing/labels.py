"""Labels from text, tables and arrays of other programs, for every split of an import."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError, InputWarning, listed, shortened
from embedlens.importing.readers import read_array
from embedlens.importing.readers.base import endings, only
from embedlens.labels import number_labels
from embedlens.results import Result
from embedlens.tables import is_missing, is_path, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.tables import Table

OPTION = "--labels-key"
MISSING_LABEL = ("refuse", "drop", "keep")
_LONGEST = 1_000  # letters of a label
_NAMES = ("label", "labels")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelFile(Result):
    """The labels of a file.

    Attributes
    ----------
    file
        The file.
    values
        [N]: integers, or texts.
    header
        The header line; None if there is none.
    lines
        Number of the line of each text; empty for arrays.
    """

    file: Path
    values: NDArray[Any]
    header: str | None = None
    lines: Sequence[int] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImportedLabels(Result):
    """The labels of every split of an import.

    Attributes
    ----------
    values
        Split name -> int64 [N] of the items that are kept.
    names
        Label -> class name, where that is not the number itself.
    kept
        Split name -> bool [M] of all rows of the files; the others have no label.
    """

    values: dict[str, NDArray[np.int64]]
    names: dict[int, str]
    kept: dict[str, NDArray[np.bool_]]


def gather_labels(files: Mapping[str, Mapping[int, Path]], key: str | None, missing: str) -> ImportedLabels:
    """Return the labels of every split.

    Parameters
    ----------
    files
        Split name -> epoch -> file; the files of all epochs must hold the same labels.
    key
        Name of the array or column.
    missing
        Treatment of items whose label is empty or a word for a missing value: one of `MISSING_LABEL`.
    """
    raw: dict[str, NDArray[Any]] = {}
    kept: dict[str, NDArray[np.bool_]] = {}
    for split, by_epoch in files.items():
        found = [read_labels(file, key) for file in by_epoch.values()]
        for other in found[1:]:
            if not np.array_equal(other.values, found[0].values):
                message = (
                    f"labels in {other.file} differ from those in {found[0].file}; items keep their rows in "
                    "a run"
                )
                raise InputError(message)
        kept[split] = _kept(found[0], missing)
        raw[split] = found[0].values[kept[split]]
    if all(column.dtype.kind != "U" for column in raw.values()):
        return ImportedLabels({split: _checked(column, split) for split, column in raw.items()}, {}, kept)
    # Numbers in one split and names in another are classes of one run.
    texts = {
        split: [str(value) for value in (column if column.dtype.kind == "U" else _checked(column, split))]
        for split, column in raw.items()
    }
    for split, column in texts.items():
        if len(set(column)) == len(column) > 1:
            message = (
                f"split {split!r}: every item has a label of its own, the first {shortened(column[0])!r}"
            )
            warnings.warn(message, InputWarning, stacklevel=3)
    values, names = number_labels(texts)
    return ImportedLabels({split: _checked(column, split) for split, column in values.items()}, names, kept)


def read_labels(file: Path, key: str | None) -> LabelFile:
    """Return the labels of a file: integers from an array, else texts."""
    if file.suffix.lower() in endings():
        values = read_array(file, key, labels=True)
        return LabelFile(file, decoded(values, file) if values.dtype.kind == "S" else values)
    table = read_table(file, key=key)
    place = _column(table, key)
    if table.header is None and len(table.rows[0]) > 1:
        shown = shortened(table.rows[0][place])
        message = (
            f"{file} has no header line; labels are read from column {place + 1} ({shown!r} in line "
            f"{table.lines[0]}); {OPTION} N chooses another"
        )
        warnings.warn(message, InputWarning, stacklevel=2)
    if not table.rows:
        message = f"{file} has no rows below its header line {table.header!r}"
        raise InputError(message)
    texts = table.column(place)
    longest = max(range(len(texts)), key=lambda row: len(texts[row]))
    if len(texts[longest]) > _LONGEST:
        message = f"a label of {len(texts[longest]):,} letters; {_LONGEST:,} is the most"
        raise table.error(longest, message)
    values = np.array(texts, dtype=str)
    header = None if table.header is None else shortened(" ".join(table.header))
    return LabelFile(file, values, header, table.lines)


def decoded(values: NDArray[Any], place: object) -> NDArray[np.str_]:
    """Return byte strings as text; `InputError` if they are not UTF-8."""
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        message = f"{place}: labels are byte strings that are not UTF-8; give text or integers"
        raise InputError(message) from error


def _column(table: Table, key: str | None) -> int:
    """Return the position of the column of labels."""
    file, names, width = table.file, table.header, len(table.rows[0]) if table.rows else 1
    if names is None:
        return _unnamed(table, key)
    if key is not None:
        return names.index(only(file, key, names, option=OPTION))
    folded = [name.casefold() for name in names]
    for name in _NAMES:
        if name in names or folded.count(name) == 1:
            return names.index(name) if name in names else folded.index(name)
    paths = [place for place in range(width) if table.rows and all(map(is_path, table.column(place)))]
    if width == 2 and len(paths) == 1:
        return 1 - paths[0]
    return names.index(only(file, None, names, option=OPTION))


def _unnamed(table: Table, key: str | None) -> int:
    """Return the position of the column of labels in a table without a header."""
    width = len(table.rows[0])
    if key is not None:
        if key.isascii() and key.isdecimal() and len(key) < 4 and 1 <= int(key) <= width:
            return int(key) - 1
        message = (
            f"{table.file} has no column {shortened(key)!r}: its first line is not a header; "
            f"give {OPTION} a number from 1 to {width}"
        )
        raise InputError(message)
    if width == 1:
        return 0
    columns = [table.column(place) for place in range(width)]
    paths = [all(map(is_path, column)) for column in columns]
    distinct = [len(set(column)) == len(column) for column in columns]
    for marked in (paths, distinct):
        if width == 2 and sum(marked) == 1:
            return marked.index(False)
    message = (
        f"{table.file} has {width} columns and no header line; say which one holds the labels by {OPTION} 1 "
        f"to {width} (line {table.lines[0]}: {listed(table.rows[0])})"
    )
    raise InputError(message)


def _kept(found: LabelFile, missing: str) -> NDArray[np.bool_]:
    """Return which rows have a label; missing ones are refused, dropped or kept as a class."""
    values = found.values
    kept = np.ones(values.shape[:1], dtype=bool)
    if values.dtype.kind != "U" or values.ndim != 1 or missing == "keep":
        return kept
    kept = np.array([not is_missing(str(value)) for value in values], dtype=bool)
    empty = np.flatnonzero(~kept)
    if not empty.size:
        return kept
    row = int(empty[0])
    shown = f"{str(values[row])!r}" if values[row] else "empty"
    if missing == "refuse":
        message = (
            f"{_place(found, row)}: the label is {shown} ({empty.size:,} such rows); --missing-label drop "
            "leaves these items out, --missing-label keep makes them a class"
        )
        raise InputError(message)
    if empty.size == values.size:
        message = f"{found.file}: no row has a label"
        raise InputError(message)
    message = (
        f"{found.file}: {empty.size:,} of {values.size:,} items have no label and are left out, the first in "
        f"row {row + 1}"
    )
    warnings.warn(message, InputWarning, stacklevel=3)
    return kept


def _place(found: LabelFile, row: int) -> str:
    """Return the file and, for text, the line of a row."""
    return f"{found.file}:{found.lines[row]}" if found.lines else f"{found.file}, row {row}"


def _checked(column: NDArray[Any], split: str) -> NDArray[np.int64]:
    try:
        return check_labels(column)
    except InputError as error:
        place = f"split {split!r}"
        raise error.within(place) from error
