"""Embeddings in the columns of a table: one column of lists, or one column of numbers per dimension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NUMBERED = re.compile(r"(?P<name>.*?)[ _.\[-]*(?P<number>\d{1,9})\]?", re.DOTALL)
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
        match = _NUMBERED.fullmatch(name)
        if match is not None:
            found.setdefault(match["name"], {}).setdefault(int(match["number"]), name)
    groups = {}
    for name, columns in found.items():
        first, count = min(columns), len(columns)
        if count > 1 and first in (0, 1) and max(columns) == first + count - 1:
            ordered = [columns[number] for number in sorted(columns)]
            groups[name or f"{ordered[0]}..{ordered[-1]}"] = ordered
    return groups


def moment_columns(columns: Mapping[str, str], fields: Iterable[str]) -> list[str]:
    """Return the columns that say epoch, step or split, less the fields that the pattern says.

    Parameters
    ----------
    columns
        Name -> kind: "i" whole numbers, "U" text, anything else.
    fields
        Fields of the pattern.
    """
    given = set(fields)
    kinds = {"epoch": "i", "step": "i", "split": "U"}
    return [name for name in MOMENTS if columns.get(name) == kinds[name] and name not in given]


def embedding_columns(lists: Sequence[str], numbers: Iterable[str]) -> dict[str, list[str]]:
    """Return the arrays of a table: name -> its one column of lists, or its columns of numbers."""
    return {name: [name] for name in lists} | {
        name: columns for name, columns in numbered_columns(numbers).items() if name not in lists
    }
