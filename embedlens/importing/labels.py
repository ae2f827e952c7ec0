"""Labels of every split of an import: joined from shards, without missing ones, numbered as classes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError, InputWarning, shortened
from embedlens.importing.label_files import read_labels, read_row_numbers
from embedlens.importing.label_tables import labels_of_tables
from embedlens.importing.readers import Wanted
from embedlens.importing.readers.wanted import LABELS_OPTION
from embedlens.label_sets import LabelSets
from embedlens.labels import number_labels
from embedlens.results import Result
from embedlens.store.row_files import named_rows
from embedlens.tables import is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.importing.label_files import LabelFile
    from embedlens.importing.sources import Part, Sources
    from embedlens.label_sets import Labels

MISSING_LABEL = ("refuse", "drop", "keep")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JoinedLabels(Result):
    """The labels of a split from one file or several.

    Attributes
    ----------
    files
        The files in the order in which they are joined.
    values
        [N] of the joined files, or tables [N, C], in the order of the rows of the run.
    origin
        Place of each row's label in the joined files, int64 [N].
    """

    files: Sequence[LabelFile]
    values: NDArray[Any]
    origin: NDArray[np.int64]

    def place(self, row: int) -> str:
        """Return the file and the row in it, for text its line, where a label stands."""
        at = int(self.origin[row])
        for file in self.files:
            if at < len(file.values):
                break
            at -= len(file.values)
        return f"{file.file}:{file.lines[at]}" if file.lines else f"{file.file}, row {at + 1}"

    @property
    def name(self) -> str:
        """The file, or the first of several."""
        return str(self.files[0].file)

    @property
    def origin_text(self) -> str:
        """Where the labels stand, for the summary of an import."""
        more = f" and {len(self.files) - 1:,} more" if len(self.files) > 1 else ""
        column = f": {shortened(self.files[0].name)}" if self.files[0].name else ""
        return f"{self.files[0].file.name}{more}{column}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImportedLabels(Result):
    """The labels of every split of an import.

    Attributes
    ----------
    values
        Split name -> int64 [N], or label sets, of the items that are kept.
    names
        Label -> class name, where that is not the number itself.
    kept
        Split name -> bool [M] of all rows of the files; the others have no label.
    origins
        Split name -> where its labels stand, in words: ``labels.csv: species``.
    """

    values: dict[str, Labels]
    names: dict[int, str]
    kept: dict[str, NDArray[np.bool_]]
    origins: dict[str, str] = field(default_factory=dict)


def gather_labels(
    sources: Sources, missing: str, *, rows_key: str | None = None, proposed: str | None = None
) -> ImportedLabels:
    """Return the labels of every split.

    Parameters
    ----------
    sources
        Where the labels of each split are; those of all epochs must be the same.
    missing
        Treatment of items whose label is empty or a word for a missing value: one of `MISSING_LABEL`.
    rows_key
        Name of the row numbers in files that have them; others are in the order of the rows.
    proposed
        Name of row numbers that the files have, for messages.
    """
    raw: dict[str, NDArray[Any]] = {}
    kept: dict[str, NDArray[np.bool_]] = {}
    origins: dict[str, str] = {}
    places: dict[str, str] = {}
    for split, by_moment in sources.items():
        found: JoinedLabels | None = None
        for parts in dict.fromkeys(map(tuple, by_moment.values())):
            other = _joined(parts, rows_key)
            found = found or other
            if not np.array_equal(other.values, found.values):
                message = (
                    f"labels in {other.name} differ from those in {found.name}; items keep their rows in a "
                    f"run, shuffled ones are put in order by --rows-key {proposed or 'NAME'}"
                )
                raise InputError(message)
        assert found is not None
        kept[split] = _kept(found, missing)
        raw[split] = found.values[kept[split]]
        places[split] = found.name
        origins[split] = found.origin_text
    tables = labels_of_tables(raw, places)
    values: Mapping[str, Labels]
    values, names = _numbered(raw) if tables is None else tables
    for split, column in values.items():
        if isinstance(column, LabelSets):
            continue
        if column.size == np.unique(column).size > 1:
            first = shortened(str(raw[split][0]))
            message = (
                f"split {split!r}: every item has a label of its own, the first {first!r} "
                f"({origins[split]}); a class has several items, choose other labels by {LABELS_OPTION}"
            )
            warnings.warn(message, InputWarning, stacklevel=3)
    return ImportedLabels(dict(values), names, kept, origins)


def _numbered(raw: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[np.int64]], dict[int, str]]:
    """Return labels as integers, and class names; where some are text, all are classes of one run."""
    if all(column.dtype.kind != "U" for column in raw.values()):
        return {split: _checked(column, split) for split, column in raw.items()}, {}
    texts = {
        split: [str(value) for value in (column if column.dtype.kind == "U" else _checked(column, split))]
        for split, column in raw.items()
    }
    values, names = number_labels(texts)
    return {split: _checked(column, split) for split, column in values.items()}, names


def _joined(parts: Sequence[Part], rows_key: str | None) -> JoinedLabels:
    """Read the labels of all files of a split, and put them in the order of the rows."""
    files, numbers = [], []
    for part in parts:
        wanted = Wanted(
            part.file, part.key, labels=True, option=LABELS_OPTION, beside=part.beside, where=part.where
        )
        files.append(read_labels(wanted))
        given = None
        if rows_key is not None:
            rows = replace(wanted, key=rows_key, option="--rows-key")
            given = read_row_numbers(rows, needed=False)
            if given is not None and given.shape != files[-1].values.shape[:1]:
                message = (
                    f"{part.file}: {given.size} row numbers in {rows_key!r}, but "
                    f"{len(files[-1].values)} labels; each item has one of both"
                )
                raise InputError(message)
        numbers.append(given)
    values = files[0].values if len(files) == 1 else _concatenated(files)
    if all(given is None for given in numbers):
        return JoinedLabels(files, values, np.arange(len(values) if values.ndim else 0))
    if any(given is None for given in numbers):
        lacking = next(file.file for file, given in zip(files, numbers, strict=True) if given is None)
        message = f"{lacking} has no {rows_key!r}, which other files of labels have"
        raise InputError(message)
    order = _order(np.concatenate([given for given in numbers if given is not None]), values, files)
    return JoinedLabels(files, values[order], order)


def _concatenated(files: Sequence[LabelFile]) -> NDArray[Any]:
    """Join labels of several files; all are text where those of one are."""
    if len({file.values.shape[1:] for file in files}) > 1 or files[0].values.ndim not in (1, 2):
        wrong = next((file for file in files if file.values.ndim != 1), files[0])
        message = f"{wrong.file}: labels have shape {wrong.values.shape}; one per item is needed: shape (N,)"
        raise InputError(message)
    text = any(file.values.dtype.kind == "U" for file in files)
    return np.concatenate([file.values.astype(str) if text else file.values for file in files])


def _order(numbers: NDArray[np.int64], values: NDArray[Any], files: Sequence[LabelFile]) -> NDArray[np.int64]:
    """Return the place of each row's label; a row that is missing or has two labels is refused."""
    place = str(files[0].file) + (f" and {len(files) - 1:,} more" if len(files) > 1 else "")
    rows, first, group = np.unique(numbers, return_index=True, return_inverse=True)
    other = values != values[first][group]
    different = np.unique(numbers[other if other.ndim == 1 else other.any(axis=1)])
    if different.size:
        message = f"{place}: {named_rows(different)} given twice with different labels; each row is one item"
        raise InputError(message)
    last = int(rows[-1]) if rows.size else -1
    if last + 1 != rows.size:
        if last > 2 * numbers.size:
            message = (
                f"{place}: row numbers go up to {last}, but there are {rows.size:,}; they count the items "
                "from 0"
            )
            raise InputError(message)
        holes = np.setdiff1d(np.arange(last + 1), rows)
        message = f"{place}: no label of {named_rows(holes)} of {last + 1:,}; every row from 0 is needed"
        raise InputError(message)
    return np.asarray(first, dtype=np.int64)


def _kept(found: JoinedLabels, missing: str) -> NDArray[np.bool_]:
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
            f"{found.place(row)}: the label is {shown} ({empty.size:,} such rows); --missing-label drop "
            "leaves these items out, --missing-label keep makes them a class"
        )
        raise InputError(message)
    if empty.size == values.size:
        message = f"{found.name}: no row has a label"
        raise InputError(message)
    message = (
        f"{found.name}: {empty.size:,} of {values.size:,} items have no label and are left out, the first in "
        f"row {row + 1}"
    )
    warnings.warn(message, InputWarning, stacklevel=3)
    return kept


def _checked(column: NDArray[Any], split: str) -> NDArray[np.int64]:
    """Return the labels of a split as integers."""
    try:
        return check_labels(column)
    except InputError as error:
        place = f"split {split!r}"
        raise error.within(place) from error
