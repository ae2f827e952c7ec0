"""Pairs read from a file of LFW's format.

Source: README of Labeled Faces in the Wild, on its files pairs.txt, pairsDevTrain.txt and pairsDevTest.txt.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.pairs.drawing import FOLDS, Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

_SHOWN_NAMES = 5


class ItemNames:
    """Finds items by the name of their class and their number in it, as a pairs file names them.

    The number of an item is the one at the end of its file name, if every item of the class has a path whose
    name is that of the class, ``_`` and digits (LFW: ``Ann_Lee/Ann_Lee_0003.jpg`` is item 3); otherwise its
    place among the items of its class, counted from 1 in the order of rows.

    Parameters
    ----------
    labels
        int64 [N].
    classes
        Name of the class of each item.
    paths
        Path of each item, where there are paths.
    """

    def __init__(self, labels: ArrayLike, classes: Sequence[str], paths: Sequence[str] | None = None) -> None:
        self.labels = check_labels(labels)
        for name, values in (("classes", classes), ("paths", paths)):
            if values is not None and len(values) != self.labels.size:
                message = (
                    f"{len(values)} {name}, but {self.labels.size} labels; one of each an item is needed"
                )
                raise InputError(message)
        members: dict[str, list[int]] = {}
        for row, name in enumerate(classes):
            members.setdefault(name, []).append(row)
        self._rows = {name: _numbered(name, rows, paths) for name, rows in members.items()}

    def row(self, name: str, number: str) -> int:
        """Return the row of an item; a name or number that is not there raises `InputError`."""
        if name not in self._rows:
            some = ", ".join(list(self._rows)[:_SHOWN_NAMES])
            more = ", ..." if len(self._rows) > _SHOWN_NAMES else ""
            message = f"no item is of class {name!r}; the classes are {some}{more}"
            raise InputError(message)
        rows = self._rows[name]
        if not number.isdecimal() or int(number) not in rows:
            message = f"class {name!r} has no item {number}; its numbers go from {min(rows)} to {max(rows)}"
            raise InputError(message)
        return rows[int(number)]


def _numbered(name: str, rows: list[int], paths: Sequence[str] | None) -> dict[int, int]:
    """Return number -> row of the items of a class."""
    if paths is not None:
        pattern = re.compile(re.escape(name) + r"_(\d+)")
        found = [pattern.fullmatch(PurePosixPath(paths[row]).stem) for row in rows]
        numbered = {int(match[1]): row for match, row in zip(found, rows, strict=True) if match}
        if len(numbered) == len(rows):
            return numbered
    return dict(enumerate(rows, start=1))


def read_pairs(path: Path, names: ItemNames, *, folds: int | None = None) -> Pairs:
    """Read a pairs file of LFW's format.

    The first line holds the number of folds and of pairs, ``10<TAB>300``; each fold follows with 300 lines
    ``name i j`` (two items of one class) and 300 lines ``name1 i name2 j``. A first line with the number of
    pairs alone (LFW's development files) makes one set, whose pairs are cut into folds in their order.

    Parameters
    ----------
    path
        The file.
    names
        What its names stand for.
    folds
        Number of folds to cut a file of one set into (10 by default); otherwise that of the file.

    Raises
    ------
    InputError
        No such file, or a line that is not as said or names an item that is not there; file and line are
        named.
    """
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as a pairs file: {getattr(error, 'strerror', None) or error}"
        raise InputError(message) from error
    sets, n = _header(path, lines)
    if sets > 1 and folds not in (None, sets):
        message = f"{path} has {sets} folds, so {folds} cannot be had; leave out the number of folds"
        raise InputError(message)
    parts = folds or FOLDS
    if sets == 1 and not 2 <= parts <= n:
        message = f"{path} has one set of {n} and {n} pairs; it can be cut into 2 to {n} folds, not {parts}"
        raise InputError(message)
    same = np.tile(np.repeat([True, False], n), sets)
    rows = np.empty((same.size, 2), dtype=np.int64)
    for at, line in enumerate(lines[1 : same.size + 1]):
        try:
            rows[at] = _pair(line, names, same=bool(same[at]))
        except InputError as error:
            place = f"{path}:{at + 2}"
            raise error.within(place) from error
    if len(lines) != same.size + 1:
        message = f"{path}: the first line promises {same.size} pairs, but {len(lines) - 1} lines follow"
        raise InputError(message)
    fold = np.repeat(np.arange(sets), 2 * n) if sets > 1 else np.tile(np.arange(n) * parts // n, 2)
    labels = np.concatenate([names.labels[rows[:, 0]], names.labels[rows[:, 1]]])
    places = np.unique(np.stack([labels, np.tile(fold, 2)]), axis=1)
    disjoint = places.shape[1] == np.unique(labels).size
    return Pairs(rows[:, 0], rows[:, 1], same, fold, disjoint, str(path))


def _header(path: Path, lines: list[str]) -> tuple[int, int]:
    """Return the number of sets and of pairs of a kind in each, as the first line says."""
    words = lines[0].split() if lines else []
    if len(words) not in (1, 2) or not all(word.isdecimal() and int(word) > 0 for word in words):
        found = lines[0][:40] if lines else ""
        message = (
            f"{path}:1: the first line is {found!r}; it must hold folds and pairs, as in '10 300', or pairs"
        )
        raise InputError(message)
    return (1 if len(words) == 1 else int(words[0])), int(words[-1])


def _pair(line: str, names: ItemNames, *, same: bool) -> tuple[int, int]:
    """Return the two rows that a line names."""
    words = [word.strip() for word in line.split("\t")] if "\t" in line else line.split()
    if len(words) != (3 if same else 4):
        form = "'name i j' (one class)" if same else "'name1 i name2 j' (two classes)"
        message = f"{line[:60]!r} stands where {form} is due"
        raise InputError(message)
    a, b = names.row(words[0], words[1]), names.row(words[-2] if not same else words[0], words[-1])
    if a == b:
        message = f"{line[:60]!r} pairs an item with itself"
        raise InputError(message)
    if (names.labels[a] == names.labels[b]) != same:
        kind = "of two classes" if same else "of one class"
        message = f"{line[:60]!r} names items {kind}: labels {names.labels[a]} and {names.labels[b]}"
        raise InputError(message)
    return a, b
