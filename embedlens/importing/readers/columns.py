"""Embeddings in the columns of a table: one column of lists, or one column of numbers per dimension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_NUMBERED = re.compile(r"(?P<name>.*?)[ _.\[-]*(?P<number>\d{1,9})\]?", re.DOTALL)
_LONGEST = 200  # letters of the name of a numbered column
MOMENTS = ("epoch", "step", "split")
"""Columns of a table that say to which snapshot a row belongs."""


def numbered_columns(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the columns that differ by a number alone: name without it -> columns in the order of numbers.

    The numbers count from 0 or 1 without a gap, and there are two columns at least. Names that are numbers
    alone stand under ``0..7``, the first and the last.

    Parameters
    ----------
    names
        Names of the columns with numbers.
    """
    found: dict[str, dict[int, str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name) if len(name) <= _LONGEST else None
        if match is not None:
            found.setdefault(match["name"], {}).setdefault(int(match["number"]), name)
    groups = {}
    for name, columns in found.items():
        first, count = min(columns), len(columns)
        if count > 1 and first in (0, 1) and max(columns) == first + count - 1:
            ordered = [columns[number] for number in sorted(columns)]
            groups[name or f"{ordered[0]}..{ordered[-1]}"] = ordered
    return groups


def moment_columns(file: Path, columns: Mapping[str, str], fields: Iterable[str]) -> list[str]:
    """Return the columns that say epoch, step or split, less the fields that the pattern says.

    Parameters
    ----------
    file
        The table, for messages.
    columns
        Name -> kind: "i" whole numbers, "U" text, anything else.
    fields
        Fields of the pattern.

    Raises
    ------
    InputError
        Epochs or steps that are not whole numbers: rows of several snapshots would be taken for items.
    """
    given = set(fields)
    kinds = {"epoch": "i", "step": "i", "split": "U"}
    fraction = next(
        (name for name in ("epoch", "step") if columns.get(name) == "f" and name not in given), None
    )
    if fraction is not None:
        message = f"{file}: column {fraction!r} is no whole number; write whole numbers, or rename the column"
        raise InputError(message)
    return [name for name in MOMENTS if columns.get(name) == kinds[name] and name not in given]


def embedding_columns(lists: Sequence[str], numbers: Iterable[str]) -> dict[str, list[str]]:
    """Return the arrays of a table: name -> its one column of lists, or its columns of numbers."""
    return {name: [name] for name in lists} | {
        name: columns for name, columns in numbered_columns(numbers).items() if name not in lists
    }
