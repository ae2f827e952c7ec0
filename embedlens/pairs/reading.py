"""Pairs read from a file: LFW's format, and lists of two names and whether they are of one class.

Source: README of Labeled Faces in the Wild, on its files pairs.txt, pairsDevTrain.txt and pairsDevTest.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.pairs.names import ItemNames, MissingItem
from embedlens.pairs.random_pairs import FOLDS, Pairs
from embedlens.tables import read_lines, split_line

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FLAGS = {"1": True, "0": False}
_SEPARATORS = ("\t", ";", ",", None)
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that names a pair: two items, each (class, number) or (file,), and whether of one class."""

    place: str
    text: str
    items: tuple[tuple[str, ...], tuple[str, ...]]
    same: bool


def read_pairs(
    path: Path, names: ItemNames, *, folds: int | None = None, skip_missing: bool = False
) -> Pairs:
    """Read a pairs file of LFW's format, or a list of pairs.

    LFW: the first line holds the number of folds and of pairs, ``10<TAB>300``; each fold follows with 300
    lines ``name i j`` (two items of one class) and 300 lines ``name1 i name2 j``. A first line with the
    number of pairs alone (LFW's development files) makes one set, whose pairs are cut into folds in their
    order. A list has no such first line: its lines are like these, or ``path path 1`` (one class) and
    ``path path 0``, or with the number first. Tabs, semicolons, commas or blanks separate; empty lines and a
    line of column titles are passed over.

    Parameters
    ----------
    path
        The file, as `embedlens.tables.read_text` reads it.
    names
        What its names stand for.
    folds
        Number of folds to cut a file of one set into (10 by default); otherwise that of the file.
    skip_missing
        Whether pairs that name a missing item are left out, and counted in `Pairs.n_skipped`.

    Raises
    ------
    InputError
        No such file, or a line of another form or names an item that is not there; file and line are
        named. No pair left in a fold.
    """
    lines = _lines(path)
    header = _header(lines[0][1]) if lines else None
    if header is None:
        named, fold = _listed(path, lines, names), None
    else:
        named, fold = _of_lfw(path, lines, header, folds=folds)
    rows, kept = np.zeros((len(named), 2), np.int64), np.ones(len(named), np.bool_)
    for at, line in enumerate(named):
        try:
            rows[at] = _rows(line, names)
        except MissingItem as error:
            if not skip_missing:
                message = f"{line.place}: {error}; --skip-missing leaves such pairs out"
                raise InputError(message) from error
            kept[at] = False
        except InputError as error:
            raise error.within(line.place) from error
    if fold is not None and len(lines) - 1 != fold.size:
        message = f"{path}: the first line states {fold.size} pairs, but {len(lines) - 1} lines follow"
        raise InputError(message)
    same, skipped = np.array([line.same for line in named], np.bool_)[kept], int((~kept).sum())
    fold = _cut(path, same, folds or FOLDS) if fold is None else _left(path, fold, kept)
    rows = rows[kept]
    labels = np.concatenate([names.labels[rows[:, 0]], names.labels[rows[:, 1]]])
    places = np.unique(np.stack([labels, np.tile(fold, 2)]), axis=1)
    disjoint = places.shape[1] == np.unique(labels).size
    return Pairs(rows[:, 0], rows[:, 1], same, fold, disjoint, str(path), n_skipped=skipped)


def _left(path: Path, fold: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the folds of the pairs that are kept; one without any is refused."""
    left = np.bincount(fold[kept], minlength=int(fold.max()) + 1)
    if not left.all():
        skipped = int((~kept).sum())
        message = f"{path}: fold {int(np.argmin(left)) + 1} has no pair left, as {skipped} are skipped"
        raise InputError(message)
    return fold[kept]


def _lines(path: Path) -> list[tuple[str, str]]:
    """Return the place and text of every line that is not empty."""
    return [(f"{path}:{number}", line) for number, line in read_lines(path, limit=_MOST_BYTES)]


def _header(line: str) -> tuple[int, int] | None:
    """Return the number of sets and of pairs of a kind in each, or None where a line is no header."""
    words = next(
        (found for separator in _SEPARATORS if len(found := split_line(line, separator)) == 2), [line]
    )
    words = [word.strip() for word in words]
    if len(words) not in (1, 2) or not all(word.isdecimal() and int(word) > 0 for word in words):
        return None
    return (1 if len(words) == 1 else int(words[0])), int(words[-1])


def _of_lfw(
    path: Path, lines: list[tuple[str, str]], header: tuple[int, int], *, folds: int | None
) -> tuple[list[_Line], NDArray[np.int64]]:
    """Return the pairs of a file with a header, which says which line is of which kind, and their folds."""
    sets, n = header
    if sets > 1 and folds not in (None, sets):
        message = f"{path} has {sets} folds, so {folds} are not available; leave out the number of folds"
        raise InputError(message)
    parts = folds or FOLDS
    if sets == 1 and not 2 <= parts <= n:
        message = f"{path} has one set of {n} and {n} pairs; it can be cut into 2 to {n} folds, not {parts}"
        raise InputError(message)
    named = []
    for at, (place, text) in enumerate(lines[1 : 2 * n * sets + 1]):
        due = at % (2 * n) < n
        line = next((one for one in _readings(place, text) if len(one.items[0]) == 2), None)
        if line is None or line.same != due:
            form = "'name i j' (one class)" if due else "'name1 i name2 j' (two classes)"
            message = f"{place}: {text[:60]!r} stands where {form} is needed"
            raise InputError(message)
        named.append(line)
    fold = np.repeat(np.arange(sets), 2 * n) if sets > 1 else np.tile(np.arange(n) * parts // n, 2)
    return named, fold


def _listed(path: Path, lines: list[tuple[str, str]], names: ItemNames) -> list[_Line]:
    """Return the pairs of a file without a header."""
    named = []
    for at, (place, text) in enumerate(lines):
        readings = _readings(place, text)
        if not readings:
            if at == 0 and len(lines) > 1 and not any(part.isdecimal() for part in split_line(text, None)):
                continue  # titles of columns
            message = (
                f"{place}: the {'first line' if at == 0 else 'line'} is {text[:60]!r}; 'name i j', "
                "'name1 i name2 j', 'path path 1' or 'path path 0' is needed, "
                "or folds and pairs in the first line, as in '10 300'"
            )
            raise InputError(message)
        # 'x 1 1' may be two items of class x, or the files x and 1.
        by_class = [one for one in readings if all(names.is_class(item[0]) for item in one.items)]
        by_file = [one for one in readings if len(one.items[0]) == 1]
        named.append((by_class or by_file or readings)[0])
    if not named:
        message = f"{path} holds no pairs: 'name i j' or 'path path 1' is needed in each line"
        raise InputError(message)
    return named


def _cut(path: Path, same: NDArray[np.bool_], parts: int) -> NDArray[np.int64]:
    """Return the fold of each pair: those of each kind are cut evenly, in their order."""
    counts = int(same.sum()), int((~same).sum())
    if not 2 <= parts <= min(counts):
        message = (
            f"{path} has one set of {counts[0]} and {counts[1]} pairs; "
            f"it can be cut into 2 to {min(counts)} folds, not {parts}"
        )
        if min(counts) < 2:
            message = f"{path} has {counts[0]} genuine and {counts[1]} impostor pairs; two of each are needed"
        raise InputError(message)
    fold = np.empty(same.size, np.int64)
    for kind, n in ((same, counts[0]), (~same, counts[1])):
        fold[kind] = np.arange(n) * parts // n
    return fold


def _readings(place: str, text: str) -> list[_Line]:
    """Return what a line may say, by what separates its words and by which of them are numbers."""
    readings = []
    for separator in _SEPARATORS:
        words = split_line(text, separator)
        if len(words) == 4 and words[1].isdecimal() and words[3].isdecimal():
            readings.append(_Line(place, text, ((words[0], words[1]), (words[2], words[3])), same=False))
        if len(words) == 3:
            if words[1].isdecimal() and words[2].isdecimal():
                readings.append(_Line(place, text, ((words[0], words[1]), (words[0], words[2])), same=True))
            if words[2] in _FLAGS:
                readings.append(_Line(place, text, ((words[0],), (words[1],)), same=_FLAGS[words[2]]))
            if words[0] in _FLAGS:
                readings.append(_Line(place, text, ((words[1],), (words[2],)), same=_FLAGS[words[0]]))
    return readings


def _rows(line: _Line, names: ItemNames) -> tuple[int, int]:
    """Return the two rows that a line names."""
    a, b = (names.file(item[0]) if len(item) == 1 else names.row(*item) for item in line.items)
    if a == b:
        message = f"{line.text[:60]!r} pairs an item with itself"
        raise InputError(message)
    if (names.labels[a] == names.labels[b]) != line.same:
        kind = "of two classes" if line.same else "of one class"
        message = f"{line.text[:60]!r} names items {kind}: {names.class_name(a)} and {names.class_name(b)}"
        raise InputError(message)
    return a, b
