"""What is read of a file: which array or column, and how many rows it may have."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from embedlens.errors import InputError, did_you_mean, listed, nearest, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class", "classes", "class_id", "label_id")
"""Names that labels have in files with several arrays, where no option names them; the first is taken."""
LABELS_OPTION = "--labels-key"
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


class TooManyRows(InputError):
    """A shard that has more rows than labels are left."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a file.

    Attributes
    ----------
    file
        The file.
    key
        Name of the array in it; None: the only one, or of labels the one that is called by one of
        `LABEL_NAMES`.
    rows
        Number of rows that the array must have; None: any.
    most
        The largest number of rows that it may have, where it is one shard of several; None: any.
    labels_of
        Where the labels are that the rows belong to, for messages.
    labels
        Whether the array holds one label per item, and not one row of numbers.
    option
        The option that names the key, for messages.
    beside
        Name of the array of embeddings in the same file that labels or row numbers belong to, "" where it
        has none; None: another file. Beside embeddings, labels are never the only other array.
    where
        Columns of a table and the values that the rows to read have in them.
    chosen
        Names that `only` has returned, the last one of the array that was read.
    """

    file: Path
    key: str | None = None
    rows: int | None = None
    most: int | None = None
    labels_of: str = ""
    labels: bool = False
    option: str = "--key"
    beside: str | None = None
    where: tuple[tuple[str, object], ...] = ()
    chosen: list[str] = field(default_factory=list, compare=False, repr=False)

    def check_rows(self, shape: Sequence[int]) -> None:
        """Refuse an array [N, ...] whose number of rows is not that of the labels."""
        if not len(shape):
            return
        if self.rows is not None and shape[0] != self.rows:
            message = f"{self.file}: embeddings have {shape[0]} rows, but there are {self.rows} labels"
            message += f" ({self.labels_of})" if self.labels_of else ""
            raise InputError(message)
        if self.most is not None and shape[0] > self.most:
            message = (
                f"{self.file}: embeddings have {shape[0]} rows, but {self.most} labels are left after the "
                "files before it"
            )
            raise TooManyRows(message)

    def only(self, names: Sequence[str], *, of_table: bool = False) -> str:
        """Return the name of the array or column to read: the key, or the only one; else `InputError`.

        A key may leave out the folders that it shares with the embeddings, or that only it has.

        Parameters
        ----------
        names
            The names that there are.
        of_table
            Whether they are columns, for messages.
        """
        names = list(dict.fromkeys(names))
        others = [name for name in names if name != self.beside]
        found = next((name for key in self._keys() if (name := self._named(key, names)) is not None), None)
        within = self.labels and self.beside is not None
        if found is None and self.key is None and len(others) == 1 and not within:
            found = others[0]
        if found is None:
            raise self._not_found(names, others, "columns" if of_table else "arrays")
        self.chosen.append(found)
        return found

    def _not_found(self, names: Sequence[str], others: Sequence[str], what: str) -> InputError:
        """Return the error that lists the names where the array is not known."""
        if self.key is not None:
            there = f"{listed(names)} ({self.option} NAME){self._hint(names)}"
            kind = f"{what[:-1]} of labels" if self.option == LABELS_OPTION else what[:-1]
            message = f"{self.file} has no {kind} {shortened(self.key)!r}; it holds: {there}"
        elif not others:
            message = f"{self.file} has no labels beside its embeddings; give their file by --labels"
        elif self.labels and self.beside is not None:
            message = (
                f"{self.file}: no name of its {what} says labels ({', '.join(LABEL_NAMES[:5])}, ...): "
                f"{listed(others)}; name them by {LABELS_OPTION} NAME, or give their file by --labels"
            )
        else:
            pattern = "" if self.labels else _pattern_of(others)
            message = (
                f"{self.file} holds several {what}; choose one by its key: {listed(names)} ({self.option} "
                f"NAME{pattern})"
            )
        return InputError(message)

    def _hint(self, names: Sequence[str]) -> str:
        """Return what a key that is not there may mean: a pattern, or a name that is spelt almost so."""
        key = str(self.key)
        if "*" in key and any(fnmatchcase(name, f"*{key}*") for name in names):
            return f"; for one array per epoch write {self.option} '{key.replace('*', '{epoch}', 1)}'"
        whole = did_you_mean(key, names)
        if whole:
            return whole
        ends = {name.rpartition("/")[2]: name for name in names}
        return did_you_mean(ends[near[0]], [ends[near[0]]]) if (near := nearest(key, ends)) else ""

    def _keys(self) -> tuple[str, ...]:
        """Return the names that are looked for."""
        if self.key is not None:
            return (self.key,)
        return LABEL_NAMES if self.labels and self.option == LABELS_OPTION else ()

    def _named(self, key: str, names: Sequence[str]) -> str | None:
        """Return the array that a key means: beside the embeddings, from the root, or anywhere if unique."""
        if self.key is None and key == "y" and "x" in names and self.beside != "x":
            return None  # x and y are coordinates
        if key in names:
            return key
        folders = (self.beside or "").split("/")[:-1]
        for depth in range(len(folders), -1, -1):
            candidate = "/".join([*folders[:depth], key.strip("/")])
            if candidate in names:
                return candidate
        ends = [name for name in names if name.endswith(f"/{key.strip('/')}")]
        return ends[0] if len(ends) == 1 else None


def _pattern_of(names: Sequence[str]) -> str:
    """Return the pattern of names that differ by their last number alone, for a message; else nothing."""
    patterns = Counter(_LAST_NUMBER.sub("{epoch}", name) for name in names if re.search(r"\D", name))
    twice = next((one for one, count in patterns.items() if count > 1 and "{epoch}" in one), None)
    return "" if twice is None else f", or of one array per epoch '{shortened(twice)}'"
