"""Embeddings in text: tables with one column per dimension, with or without a line of names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, shortened
from embedlens.files import check_regular
from embedlens.importing.readers.base import ArrayReader, Variant, reads
from embedlens.importing.readers.columns import embedding_columns, moment_columns
from embedlens.tables import is_number, read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.wanted import Wanted

_MOST_BYTES = 1 << 33  # numbers take less memory than their text
_FIRST = 20  # lines that show what the columns hold


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the first lines of a table show: separator, names of columns, kinds ("f", "i", "U") of columns."""

    separator: str
    names: list[str]
    kinds: dict[str, str]
    headed: bool

    def arrays(self) -> dict[str, list[str]]:
        """Return the groups of columns that may be embeddings; without names, all columns of numbers."""
        numbers = [name for name in self.names if self.kinds[name] in "fi"]
        return embedding_columns([], numbers)


@reads(".csv", ".tsv")
class TextTableReader(ArrayReader):
    """Reader of tables of text."""

    is_text = True

    def names(self, file: Path) -> list[str]:
        """Return the names of columns, and of groups of numbered columns."""
        layout = read_layout(file)
        return list(dict.fromkeys([*layout.arrays(), *(layout.names if layout.headed else [])]))

    def variants(self, file: Path, key: str | None, fields: Collection[str]) -> Iterator[Variant]:
        """Yield one variant for each epoch, step and split in columns of these names."""
        layout = read_layout(file)
        columns = moment_columns(file, layout.kinds, fields) if layout.headed else []
        if not columns:
            yield Variant({}, key)
            return
        found = dict.fromkeys(zip(*(_cells(file, layout, name) for name in columns), strict=True))
        for values in found:
            where = tuple(zip(columns, values, strict=True))
            if not all(value.isascii() and value.isdecimal() for name, value in where if name != "split"):
                message = f"{file}: epoch or step is no whole number: {', '.join(values)}"
                raise InputError(message)
            yield Variant(dict(where), key, where)

    def check_key(self, wanted: Wanted) -> None:
        """Refuse a key that no group of columns has, and the lack of one where there are several."""
        _chosen(read_layout(wanted.file), wanted)

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return embeddings [N, D], float32."""
        layout = read_layout(wanted.file)
        columns = _chosen(layout, wanted)
        places = [layout.names.index(name) for name in columns]
        array = read_numbers(wanted.file, layout.separator, places, skipped=int(layout.headed))
        if wanted.where:
            cells = np.array([_cells(wanted.file, layout, name) for name, _ in wanted.where])
            if cells.shape[1] != len(array):
                message = f"{wanted.file} has {cells.shape[1]:,} lines, {len(array):,} of them with numbers"
                raise InputError(message)
            array = array[(cells.T == [value for _, value in wanted.where]).all(axis=1)]
        wanted.check_rows(array.shape)
        return array

    def items(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the columns as text, less those of embeddings."""
        where = wanted.where
        table = read_table(wanted.file, header=True)
        names = table.header or []
        chosen = [row for row in table.rows if all(row[names.index(name)] == value for name, value in where)]
        layout = read_layout(wanted.file)
        groups = layout.arrays().values() if layout.headed else ()
        dims = [name for group in groups if any(layout.kinds[one] == "f" for one in group) for name in group]
        left = {*dims, *(name for name, _ in where)}
        return {name: [row[at] for row in chosen] for at, name in enumerate(names) if name not in left}


def _chosen(layout: _Layout, wanted: Wanted) -> list[str]:
    """Return the columns of the embeddings."""
    arrays = layout.arrays()
    if not arrays:
        message = f"{wanted.file} has no numbered columns of numbers, such as z_0, z_1, ..."
        raise InputError(message)
    return arrays[wanted.only(list(arrays), of_table=True)]


def read_layout(file: Path) -> _Layout:
    """Return what the first lines of a table show."""
    size = check_regular(file).st_size
    if size > _MOST_BYTES:
        message = f"{file} has {size:,} bytes; {_MOST_BYTES:,} are read of text, save an .npy array"
        raise InputError(message)
    separator = ","
    rows: list[list[str]] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = [
                line for line in islice((stream.readline(1 << 22) for _ in range(_FIRST)), _FIRST) if line
            ]
        first = lines[0] if lines else ""
        separator = max("\t;,", key=first.count)
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        message = f"{file} is not readable as a table of numbers ({shortened(first_sentence(error))})"
        raise InputError(message) from error
    rows = [[cell.strip() for cell in row] for row in rows if row]
    if not rows:
        message = f"{file} has no rows"
        raise InputError(message)
    headed = not all(is_number(cell) for cell in rows[0])
    names = rows[0] if headed else [str(at) for at in range(len(rows[0]))]
    if len(set(names)) < len(names):
        message = f"{file} has two columns of one name"
        raise InputError(message)
    below = [row for row in rows[int(headed) :] if len(row) == len(names)]
    kinds = {name: _kind([row[at] for row in below]) for at, name in enumerate(names)}
    return _Layout(separator, names, kinds, headed)


def _kind(cells: Sequence[str]) -> str:
    """Return "i" for whole numbers, "f" where the first is a number, else "U"."""
    if cells and all(cell.isascii() and cell.isdecimal() for cell in cells):
        return "i"
    first = cells[0] if cells else ""
    return "f" if is_number(first) or first.casefold() in ("nan", "inf", "-inf") else "U"


def _cells(file: Path, layout: _Layout, name: str) -> list[str]:
    """Return one column as text."""
    place = layout.names.index(name)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, delimiter=layout.separator, skipinitialspace=True)
            return [row[place].strip() for row in islice(rows, int(layout.headed), None) if row]
    except (UnicodeDecodeError, csv.Error, IndexError) as error:
        message = f"{file} is not readable as a table of numbers ({shortened(first_sentence(error))})"
        raise InputError(message) from error


def read_numbers(
    file: Path, separator: str, places: Sequence[int] | None, *, skipped: int = 0
) -> NDArray[np.float32]:
    """Return columns of a text as float32 [N, D].

    Parameters
    ----------
    file, separator
        The file, and what stands between its fields.
    places
        The columns, counted from 0; None: all.
    skipped
        Lines before the numbers.

    Raises
    ------
    InputError
        A cell that is no number, a line with another number of fields; they are named.
    """
    try:
        array: NDArray[np.float32] = np.loadtxt(
            file,
            dtype=np.float32,
            delimiter=separator,
            skiprows=skipped,
            usecols=places,
            ndmin=2,
            comments=None,
            quotechar='"',
            encoding="utf-8-sig",
        )
    except (ValueError, OverflowError, OSError) as error:
        message = f"{file} is not readable as a table of numbers ({shortened(first_sentence(error))})"
        raise InputError(message) from error
    return array
