"""Text lists of images in published data sets: one image per line, fields separated by blanks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.tables import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SHOWN = 60  # characters of a line that an error quotes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Listing(Result):
    """The rows of a list.

    Attributes
    ----------
    file
        The file.
    first
        Number of the line that holds row 0.
    columns
        Column name -> one text per row.
    """

    file: Path
    first: int
    columns: dict[str, list[str]]

    def error(self, row: int, message: str) -> InputError:
        """Return an error that names the file and the line of a row."""
        return InputError(f"{self.file}:{self.first + row}: {message}")

    def whole(self, column: str) -> NDArray[np.int64]:
        """Return a column of whole numbers from 0."""
        values = self.columns[column]
        for row, value in enumerate(values):
            if not (value.isascii() and value.isdecimal() and len(value) <= 18):
                message = f"{column} is {value[:_SHOWN]!r}; a whole number is expected"
                raise self.error(row, message)
        return np.array(values, dtype=np.int64)

    def choice(self, column: str, meaning: Mapping[str, str]) -> NDArray[np.str_]:
        """Return the meaning of each value of a column; `InputError` for other values."""
        for row, value in enumerate(self.columns[column]):
            if value not in meaning:
                message = f"{column} is {value[:_SHOWN]!r}; it must be one of: {', '.join(meaning)}"
                raise self.error(row, message)
        return np.array([meaning[value] for value in self.columns[column]])

    def corners(self, columns: Sequence[str], *, sized: bool = False) -> NDArray[np.float64]:
        """Return boxes, float64 [N, 4]: left, top, right, bottom.

        Parameters
        ----------
        columns
            The four columns that hold them.
        sized
            The last two columns are width and height, not right and bottom.
        """
        boxes = np.empty((len(self.columns[columns[0]]), 4))
        for row, texts in enumerate(zip(*(self.columns[column] for column in columns), strict=True)):
            try:
                left, top, right, bottom = map(float, texts)
            except ValueError:
                left = top = right = bottom = math.nan
            if sized:
                right, bottom = left + right, top + bottom
            if not (math.isfinite(left + top + right + bottom) and left < right and top < bottom):
                message = (
                    f"{' '.join(texts)[:_SHOWN]!r} is not a box; '{' '.join(columns)}' is expected, pixels"
                )
                raise self.error(row, message)
            boxes[row] = left, top, right, bottom
        return boxes

    def places(self, column: str) -> dict[str, int]:
        """Return value -> row of a column; `InputError` if a value occurs twice."""
        rows: dict[str, int] = {}
        for row, value in enumerate(self.columns[column]):
            if rows.setdefault(value, row) != row:
                message = f"{column} {value!r} stands in line {self.first + rows[value]} already"
                raise self.error(row, message)
        return rows

    def rows_like(self, other: Listing, key: str) -> NDArray[np.int64]:
        """Return the row here of each row of another list, which must hold the same values of `key`."""
        here, there = self.places(key), other.places(key)
        for value, row in there.items():
            if value not in here:
                message = f"{key} {value!r} is not in {self.file.name}"
                raise other.error(row, message)
        for value, row in here.items():
            if value not in there:
                message = f"{key} {value!r} is not in {other.file.name}"
                raise self.error(row, message)
        return np.array([here[value] for value in there], dtype=np.int64)


def read_list(file: Path, columns: Sequence[str], *, headed: bool = False, counted: bool = False) -> Listing:
    """Read a list.

    Parameters
    ----------
    file
        The file; UTF-8, lines may end as on Windows, blank lines at the end are ignored.
    columns
        Names of the fields of a line; the last one may hold blanks.
    headed
        Whether a line with these names precedes the rows.
    counted
        Whether the first line is the number of rows.

    Raises
    ------
    InputError
        A line of another form; file and line are named.
    """
    lines = read_lines(file)
    form = " ".join(columns)
    first = counted + headed
    if headed and (len(lines) < first or lines[first - 1].split() != list(columns)):
        found = lines[first - 1][:_SHOWN] if len(lines) >= first else ""
        message = f"{file}:{first}: {found!r} stands where the header '{form}' is expected"
        raise InputError(message)
    if counted and lines[0].strip() != str(len(lines) - first):
        found = lines[0][:_SHOWN]
        message = f"{file}:1: {found!r} stands where the number of rows is expected, {len(lines) - first}"
        raise InputError(message)
    rows = [line.split(None, len(columns) - 1) for line in lines[first:]]
    for number, row in enumerate(rows, first):
        if len(row) != len(columns):
            message = f"{file}:{number + 1}: got {lines[number][:_SHOWN]!r}, expected '{form}'"
            raise InputError(message)
    if not rows:
        message = f"{file} has no rows; lines of '{form}' are expected"
        raise InputError(message)
    fields = map(list, zip(*rows, strict=True))
    return Listing(file, first + 1, dict(zip(columns, fields, strict=True)))


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file, without blanks at their ends and blank lines at the end."""
    text = read_text(file)
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []


def find_file(home: Path, places: Sequence[str], layout: str) -> Path:
    """Return the first file of some that exists.

    Parameters
    ----------
    home
        The folder that they may be in.
    places
        Where, relative to it; the default first.
    layout
        What the data set should hold, for the error where there is none.
    """
    file = next((home / place for place in places if (home / place).is_file()), None)
    if file is None:
        others = f" (nor {', '.join(places[1:])})" if len(places) > 1 else ""
        message = f"{home} has no {places[0]}{others}; expected: {layout}"
        raise InputError(message)
    return file


def find_home(root: Path, folder: str, mark: str) -> Path:
    """Return the folder of a data set: `root` if it has the file `mark`, otherwise `folder` in it."""
    inside = root / folder
    return inside if not (root / mark).is_file() and inside.is_dir() else root
