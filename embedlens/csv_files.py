"""Tables of data as CSV: the text of small ones, and files, compressed where they are large."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.notices import notify
from embedlens.text import for_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Table = list[dict[str, Any]]
"""Blocks of rows, one under the other: column name -> array [n], or one value for all rows of the block."""

LARGE = 200_000
"""Rows up to which a file is not compressed."""
_ROWS = 1 << 16  # rows that are written at once
_LEVEL = 4  # of compression; 6 takes 2.4 times as long, for files 2 % smaller


def row_count(table: Table) -> int:
    """Return the number of rows of all blocks."""
    return sum(map(_rows, table))


def ending_for(table: Table) -> str:
    """Return the ending of the file of a table: csv, or csv.gz for more than `LARGE` rows."""
    return "csv.gz" if row_count(table) > LARGE else "csv"


def without_repeats(table: Table, names: Sequence[str], *, key: str) -> Table:
    """Return the blocks of a series of epochs, each without columns that are those of the block before.

    Their cells are empty then. A column is left out as a whole, and only where the block before, of the same
    run and split, has the same items in the same order.

    Parameters
    ----------
    table
        Blocks with a ``run``, a ``split`` and the column `key`.
    names
        Columns that may be left out.
    key
        Column of the items.
    """
    last: dict[tuple[Any, Any], dict[str, Any]] = {}
    short = []
    for block in table:
        before = last.get((block["run"], block["split"]), {})
        last[block["run"], block["split"]] = block
        same = [name for name in (key, *names) if np.array_equal(before.get(name, ()), block.get(name, ()))]
        left_out = set(same) & set(names) & block.keys() if key in same else set()
        short.append({name: column for name, column in block.items() if name not in left_out})
    return short


def csv_text(table: Table) -> str:
    """Return the blocks under one header; numbers as the shortest text that reads back the same."""
    text = io.StringIO()
    _write(text, table)
    return text.getvalue()


def write_csv(path: Path, table: Table) -> None:
    """Write a table to a path, compressed where it is large; equal tables give equal bytes.

    Rows are written in parts, so that memory does not grow with their number.
    """
    with _opened(path, compressed=ending_for(table) == "csv.gz") as text:
        _write(text, table)


@contextmanager
def _opened(path: Path, *, compressed: bool) -> Iterator[io.TextIOBase]:
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    if not compressed:
        with path.open("w", **options) as text:
            yield text
        return
    notify("writing a large table; it is compressed (.csv.gz), as pandas and R read it")
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed,
        io.TextIOWrapper(packed, **options) as text,
    ):
        yield text


def _write(text: Any, table: Table) -> None:
    """Write the header, then the blocks, some rows at a time."""
    columns = list(dict.fromkeys(name for block in table for name in block))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([for_cell(name) for name in columns])
    for block in table:
        rows = _rows(block)
        for start in range(0, rows, _ROWS):
            part = slice(start, min(start + _ROWS, rows))
            cells = [_cells(block.get(name, ""), part) for name in columns]
            writer.writerows(zip(*cells, strict=True))


def _rows(block: dict[str, Any]) -> int:
    return max((len(value) for value in block.values() if isinstance(value, np.ndarray)), default=1)


def _cells(value: object, part: slice) -> list[Any]:
    """Return some rows of a column as cells."""
    if not isinstance(value, np.ndarray):
        return [for_cell(value)] * (part.stop - part.start)
    cells: list[Any] = value[part].tolist()
    return cells if value.dtype.kind in "biuf" else [for_cell(cell) for cell in cells]
