"""Labels of one file: an array of any kind, a table, or a list of text."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, InputWarning, listed, shortened
from embedlens.importing.label_tables import label_table, sparse_table
from embedlens.importing.readers import READERS, Wanted
from embedlens.importing.readers.checks import decoded
from embedlens.importing.readers.columns import numbered_columns
from embedlens.importing.readers.wanted import LABEL_NAMES, LABELS_OPTION
from embedlens.results import Result
from embedlens.tables import Table, is_path, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LONGEST = 1_000  # letters of a label


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelFile(Result):
    """The labels of a file.

    Attributes
    ----------
    file
        The file.
    values
        [N]: integers, or texts; or a table [N, C] of 0 and 1.
    header
        The header line; None if there is none.
    lines
        Number of the line of each text; empty for arrays.
    name
        Name of the array or column; empty if it has none.
    """

    file: Path
    values: NDArray[Any]
    header: str | None = None
    lines: Sequence[int] = ()
    name: str = ""


def read_labels(wanted: Wanted) -> LabelFile:
    """Return the labels of a file: integers or a table of 0 and 1 from an array, else texts."""
    wanted = replace(wanted, option=LABELS_OPTION)
    file, key = wanted.file, wanted.key
    if is_array_file(file):
        sparse = sparse_table(wanted)
        values = READERS.get(file.suffix.lower()).read(wanted) if sparse is None else sparse
        values = decoded(values, file) if values.dtype.kind == "S" else values
        values = label_table(values, file) if values.ndim == 2 else values
        if values.dtype.kind == "f" and np.isnan(values).any():  # empty cells, as other formats have them
            values = np.where(np.isnan(values), "", values.astype(str))
        return LabelFile(file, values, name=wanted.chosen[-1] if wanted.chosen else "")
    table = _where(read_table(file, key=key), wanted.where)
    place = _column(table, wanted)
    if table.header is None and len(table.rows[0]) > 1:
        shown = shortened(table.rows[0][place])
        message = (
            f"{file} has no header line; labels are read from column {place + 1} ({shown!r} in line "
            f"{table.lines[0]}); {LABELS_OPTION} N chooses another"
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
    name = "" if table.header is None or len(table.header) == 1 else table.header[place]
    return LabelFile(file, values, header, table.lines, name)


def is_array_file(file: Path) -> bool:
    """Return whether labels in a file are read as an array, and not as a table or list of text."""
    ending = file.suffix.lower()
    return ending in READERS.names() and not READERS.get(ending).is_text


def read_row_numbers(wanted: Wanted, *, needed: bool) -> NDArray[np.int64] | None:
    """Return the row number of each item in a file, [n].

    Parameters
    ----------
    wanted
        The file, and the name of the array or column of row numbers.
    needed
        Whether a file without it is refused; else None is returned for it.

    Raises
    ------
    InputError
        Anything but one whole number from 0 for each item.
    """
    file, key = wanted.file, str(wanted.key)
    if is_array_file(file):
        reader = READERS.get(file.suffix.lower())
        if not needed and not any(name.rpartition("/")[2] == key for name in reader.names(file)):
            return None
        values = reader.read(wanted)
    else:
        table = _where(read_table(file, key=key), wanted.where)
        if not needed and (table.header is None or key not in table.header):
            return None
        column = table.column((table.header or []).index(wanted.only(table.header or [])))
        values = np.array([int(text) if text.isascii() and text.isdecimal() else -1 for text in column])
    if values.ndim == 1 and values.dtype.kind == "U":
        digits = np.char.isdecimal(values)
        values = np.where(digits, values, "-1").astype(np.int64)
    if values.ndim != 1 or values.dtype.kind not in "iu" or (values.size and int(values.min()) < 0):
        message = (
            f"{file}: {key!r} is no list of row numbers; one whole number from 0 for each embedding is "
            "needed (--rows-key)"
        )
        raise InputError(message)
    return np.asarray(values, dtype=np.int64)


def _where(table: Table, where: Sequence[tuple[str, object]]) -> Table:
    """Return the rows of a table that have these values in these columns."""
    if not where or table.header is None:
        return table
    places = [(table.header.index(name), value) for name, value in where if name in table.header]
    rows = [at for at, row in enumerate(table.rows) if all(row[place] == value for place, value in places)]
    kept, lines = [table.rows[at] for at in rows], [table.lines[at] for at in rows]
    return Table(table.file, table.header, kept, lines)


def _column(table: Table, wanted: Wanted) -> int:
    """Return the position of the column of labels."""
    key, names, width = wanted.key, table.header, len(table.rows[0]) if table.rows else 1
    if names is None:
        return _unnamed(table, key)
    if key is not None:
        return names.index(wanted.only(names, of_table=True))
    folded = [name.casefold() for name in names]
    for name in [name for name in LABEL_NAMES if name != "y" or "x" not in folded]:
        if name in names or folded.count(name) == 1:
            return names.index(name) if name in names else folded.index(name)
    paths = [place for place in range(width) if table.rows and all(map(is_path, table.column(place)))]
    if width == 2 and len(paths) == 1:
        return 1 - paths[0]
    dims = {name for group in numbered_columns(names).values() for name in group}
    moments = {name for name, _ in wanted.where}
    others = [name for name in names if name not in dims | moments]
    return names.index(wanted.only(others, of_table=True))


def _unnamed(table: Table, key: str | None) -> int:
    """Return the position of the column of labels in a table without a header."""
    width = len(table.rows[0])
    if key is not None:
        if key.isascii() and key.isdecimal() and len(key) < 4 and 1 <= int(key) <= width:
            return int(key) - 1
        message = (
            f"{table.file} has no column {shortened(key)!r}: its first line is not a header; "
            f"give {LABELS_OPTION} a number from 1 to {width}"
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
        f"{table.file} has {width} columns and no header line; say which one holds the labels by "
        f"{LABELS_OPTION} 1 to {width} (line {table.lines[0]}: {listed(table.rows[0])})"
    )
    raise InputError(message)
