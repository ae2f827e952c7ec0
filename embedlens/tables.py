"""Lists and tables in text files: encoding, separator, header line and quotes, found from the file itself."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.errors import InputError, shortened
from embedlens.files import read_bytes
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MOST_BYTES = 1 << 28
"""The largest list that is read, bytes."""
# The words that pandas reads as a missing value (pandas.read_csv, na_values), in lower case.
_MISSING = frozenset(
    ("", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na")
    + ("null", "nan", "none")
)
_HEADERS = frozenset(
    ("category", "class", "class_id", "classes", "file", "file_name", "filename", "id", "image", "image_id")
    + ("img", "item", "label", "label_id", "labels", "path", "species", "split", "target", "targets")
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_PATH = re.compile(r".*([/\\]|\.[A-Za-z][A-Za-z0-9]{1,4}$)", re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"(?!\S)|\S+')
_COMMON = (".csv", ".tsv")

Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table(Result):
    """The rows of a list.

    Attributes
    ----------
    file
        Where it was read.
    header
        Names of the columns; None where the file has no header line.
    rows
        One list of texts per row, all of one length.
    lines
        Number of the line in which each row ends.
    """

    file: Path
    header: list[str] | None
    rows: list[list[str]]
    lines: list[int]

    def error(self, row: int, message: str) -> InputError:
        """Return an error that names the file and the line of a row."""
        return InputError(f"{self.file}:{self.lines[row]}: {message}")

    def column(self, place: int) -> list[str]:
        """Return the texts of one column, counted from 0."""
        return [row[place] for row in self.rows]


def is_missing(text: str) -> bool:
    """Return whether a cell is empty or one of the words for a missing value, such as ``nan``."""
    return text.casefold() in _MISSING


def is_number(text: str) -> bool:
    """Return whether a cell is a decimal number."""
    return _NUMBER.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Return whether a cell reads like the path of a file: it has a separator of folders or an ending."""
    return _PATH.match(text) is not None and not is_number(text)


def read_text(file: Path, *, limit: int = MOST_BYTES) -> str:
    r"""Return the text of a file: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Lines may end as on any system; they end in ``\n`` in what is returned.

    Raises
    ------
    InputError
        No regular file, more than `limit` bytes, another encoding or no text; file and line are named.
    """
    content = read_bytes(file, limit=limit)
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") and not content.startswith(b"\xff\xfe\x00\x00")
    encoding = "utf-16" if wide else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(encoding, "replace").count("\n") + 1
        message = (
            f"{file} is not UTF-8 text, nor UTF-16 with a byte order mark (line {line}: {error.reason}); "
            "save it as UTF-8"
        )
        raise InputError(message) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        message = f"{file} is not UTF-8 text (line {line}: a NUL character); save it as UTF-8"
        raise InputError(message)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(file: Path, *, limit: int = MOST_BYTES) -> list[tuple[int, str]]:
    """Return the lines of a text file that are not blank, each with its number; see `read_text`."""
    lines = enumerate(read_text(file, limit=limit).split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def split_line(line: str, separator: str | None) -> list[str]:
    """Return the fields of one line, without quotes; empty ones at its end are left out.

    Parameters
    ----------
    line
        The line.
    separator
        What stands between fields; None: blanks. A field in quotes may hold it.
    """
    if separator is None:
        fields = _QUOTED.findall(line)
    else:
        try:
            fields = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
        except csv.Error:  # a quote that is part of a name
            fields = line.split(separator)
    fields = [field.strip().strip('"') for field in fields]
    while fields and not fields[-1]:
        fields.pop()
    return fields


def read_table(file: Path, *, key: str | None = None, header: bool | None = None) -> Table:
    """Read a list whose fields stand between commas, semicolons, tabs or blanks.

    The separator is the one that gives all lines the same number of fields. Blanks separate only where the
    list holds paths or whole numbers, since class names have blanks. Otherwise each line is one field.

    Parameters
    ----------
    file
        The file; a name that ends in ``.csv`` or ``.tsv`` calls for a header line in doubt.
    key
        Name of the column that is wanted; a first line that has it is a header line.
    header
        Whether there is a header line; None: found from the file.

    Raises
    ------
    InputError
        A file that is no text, a row of another length than the first, broken quotes; file and line are
        named.
    """
    rows = _split(file, read_text(file))
    if not rows:
        message = f"{file} has no rows"
        raise InputError(message)
    width, most = len(rows[0][1]), _width(rows[1:], 0.5)
    if width == 1 < most:
        message = f"the first line is {shortened(rows[0][1][0])!r}, one field; those below have {most}"
        message = f"{file}:{rows[0][0]}: {message}, between commas, semicolons or tabs"
        raise InputError(message)
    headed = _is_headed(file, [fields for _, fields in rows], key) if header is None else header
    names = rows.pop(0)[1] if headed else None
    for line, fields in rows:
        if len(fields) != width:
            named = f": {', '.join(shortened(name) for name in names)}" if names is not None else ""
            message = f"{file}:{line}: got {len(fields)} fields, expected {width}{named}"
            raise InputError(message)
    return Table(file, names, [fields for _, fields in rows], [line for line, _ in rows])


def _split(file: Path, text: str) -> Rows:
    """Split a text into rows of stripped fields; blank lines at the end are left out."""
    common = file.suffix.lower() in _COMMON
    found: dict[str, Rows] = {}
    broken: InputError | None = None
    for separator in "\t;,":
        if separator not in text:
            continue
        try:
            found[separator] = _parse(text, separator)
        except csv.Error as error:
            broken = InputError(f"{file}:{error.args[1]}: not readable as a table ({error.args[0]})")
    for rows in found.values():
        if _width(rows, 1.0) > 1:
            return rows
    for rows in found.values():
        if _width(rows, 0.5) > 1:
            return rows
    for rows in found.values():
        if common and rows and len(rows[0][1]) > 1:
            return rows
    if broken is not None and common:
        raise broken
    apart = _blanks(text)
    if apart is not None or not common:
        return apart or _lines(text)
    return found.get(",") or _alone(file, text)


def _alone(file: Path, text: str) -> Rows:
    """Split a text without separators into rows of one field, which may be quoted."""
    try:
        return _parse(text, ",")
    except csv.Error as error:
        message = f"{file}:{error.args[1]}: not readable as a table ({error.args[0]})"
        raise InputError(message) from error


def _parse(text: str, separator: str) -> Rows:
    """Split a text by one separator; `csv.Error` has the number of the line beside the reason."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    rows: Rows = []
    try:
        for fields in reader:
            rows.append((reader.line_num, [field.strip() for field in fields] or [""]))
    except csv.Error as error:
        raise csv.Error(str(error), reader.line_num) from error
    return _without_blank(rows)


def _without_blank(rows: Rows) -> Rows:
    """Leave out blank lines at the end, and all of them where rows have several fields."""
    while rows and not any(rows[-1][1]):
        rows.pop()
    if all(len(fields) == 1 for _, fields in rows):
        return rows
    return [row for row in rows if len(row[1]) > 1 or row[1][0]]


def _width(rows: Rows, fraction: float) -> int:
    """Return the number of fields that at least this fraction of the rows has; 0: no number is so common."""
    if not rows:
        return 0
    width, count = Counter(len(fields) for _, fields in rows).most_common(1)[0]
    return width if count >= fraction * len(rows) else 0


def _lines(text: str) -> Rows:
    """Return each line as one field."""
    return _without_blank([(number, [line.strip()]) for number, line in enumerate(text.split("\n"), 1)])


def _blanks(text: str) -> Rows | None:
    """Split lines at blanks where they hold paths or whole numbers; None where they do not."""
    lines = [(number, line.strip()) for number, (line,) in _lines(text)]
    lines = [(number, line) for number, line in lines if line]
    rows = [(number, line.split()) for number, line in lines]
    pairs = [(number, line.rsplit(None, 1)) for number, line in lines]
    listed = sum(len(fields) == 2 and is_path(fields[0]) for _, fields in pairs)
    if rows and _width(rows, 1.0) > 1 and (listed < len(pairs) or _width(rows, 1.0) == 2):
        columns = list(zip(*([fields for _, fields in rows[1:] or rows]), strict=True))
        paths = any(all(map(is_path, column)) for column in columns)
        if paths or all(all(map(is_number, column)) for column in columns):
            return rows
    return pairs if 2 * listed > len(pairs) else None


def _is_headed(file: Path, rows: Sequence[Sequence[str]], key: str | None) -> bool:
    """Return whether the first row names the columns."""
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if key is not None and key in first:
        return True
    columns = [[row[place] for row in below] for place in range(len(first))]
    again = any(cell in column for cell, column in zip(first, columns, strict=True))
    if any(cell.casefold() in _HEADERS for cell in first) and not again:
        return True
    for cell, column in zip(first, columns, strict=True):
        if _alike(is_number, column) and not is_number(cell) and not is_missing(cell):
            return True
        if _alike(is_path, column) and not is_path(cell):
            return len(first) > 1
    if file.suffix.lower() not in _COMMON or again:
        return False
    return not any(is_number(cell) or is_path(cell) for cell in first)


def _alike(kind: object, column: Iterable[str]) -> bool:
    """Return whether all cells that are not missing are of one kind, and there are some."""
    assert callable(kind)
    present = [cell for cell in column if not is_missing(cell)]
    return bool(present) and all(kind(cell) for cell in present)
