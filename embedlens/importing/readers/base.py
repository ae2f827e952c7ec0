"""Registry of readers of arrays by file ending, and the checks that they share."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedlens.errors import InputError, did_you_mean, listed, shortened
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Floating-point embeddings hardly compress, sorted labels up to a few hundred times; deflate ends at 1,032.
_MOST_RATIO = 500
_SMALL = 1 << 28  # bytes that are read whatever the ratio
_MOST_LETTERS = 100_000
_MOST_TEXT = 1 << 30  # bytes of an array of texts
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
MOST_NAMES = 100_000
"""The largest number of arrays that a file may hold."""
LABEL_NAMES = ("label", "labels")
"""Names that labels have in files with several arrays, where no option names them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a file.

    Attributes
    ----------
    file
        The file.
    key
        Name of the array in it; None: the only one, or of labels the one called ``label`` or ``labels``.
    rows
        Number of rows that the array must have; None: any.
    most
        The largest number of rows that it may have, where it is one shard of several; None: any.
    labels
        Whether the array holds one label per item, and not one row of numbers.
    option
        The option that names the key, for messages.
    beside
        Name of the array of embeddings in the same file that labels or row numbers belong to.
    where
        Columns of a table and the values that the rows to read have in them.
    """

    file: Path
    key: str | None = None
    rows: int | None = None
    most: int | None = None
    labels: bool = False
    option: str = "--key"
    beside: str | None = None
    where: tuple[tuple[str, object], ...] = ()

    def check_rows(self, shape: Sequence[int]) -> None:
        """Refuse an array [N, ...] whose number of rows is not that of the labels."""
        if not len(shape):
            return
        if self.rows is not None and shape[0] != self.rows:
            message = f"{self.file}: embeddings have {shape[0]} rows, but there are {self.rows} labels"
            raise InputError(message)
        if self.most is not None and shape[0] > self.most:
            message = (
                f"{self.file}: embeddings have {shape[0]} rows, but {self.most} labels are left after the "
                "files before it; write {epoch} where the number of the epoch stands in the pattern"
            )
            raise InputError(message)

    def only(self, names: Sequence[str]) -> str:
        """Return the name of the array or column to read: the key, or the only one; else `InputError`.

        A key may leave out the folders that it shares with the embeddings, or that only it has.
        """
        found = None
        for key in self._keys():
            found = found or self._named(key, names)
        others = [name for name in names if name != self.beside]
        if found is None and self.key is None and len(others) == 1:
            return others[0]
        if found is not None:
            return found
        if self.key is not None:
            hint = did_you_mean(self.key, names)
            message = (
                f"{self.file} has no array {shortened(self.key)!r}{hint or ';'} it holds: {listed(names)} "
                f"({self.option} NAME)"
            )
            raise InputError(message)
        if not others:
            message = f"{self.file} has no labels beside its embeddings; give their file by --labels"
            raise InputError(message)
        pattern = "" if self.labels else _pattern_of(others)
        message = (
            f"{self.file} holds several arrays; choose one by its key: {listed(names)} ({self.option} NAME"
            f"{pattern})"
        )
        raise InputError(message)

    def _keys(self) -> tuple[str, ...]:
        """Return the names that are looked for."""
        if self.key is not None:
            return (self.key,)
        return LABEL_NAMES if self.labels else ()

    def _named(self, key: str, names: Sequence[str]) -> str | None:
        """Return the array that a key means: beside the embeddings, from the root, or anywhere if unique."""
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


class ArrayReader:
    """A reader of one kind of file.

    Attributes
    ----------
    holds_labels
        Whether such a file can hold labels beside embeddings.
    is_text
        Whether labels in such a file are read as a list or table of text.
    describes
        Whether a file of embeddings describes its items, so that no other option names their table.
    """

    holds_labels = True
    is_text = False
    describes = False

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return an array, after its rows and its size are checked; `InputError` for any other content."""
        raise NotImplementedError

    def names(self, file: Path) -> list[str]:
        """Return the names of the arrays in a file; none where arrays have no names."""
        return []

    def variants(self, file: Path, key: str | None, fields: Collection[str]) -> Iterator[Variant]:
        """Yield what a file holds of several epochs: here, one array.

        Parameters
        ----------
        file, key
            The file, and the array that the user names.
        fields
            Names that the pattern of the file says: "epoch", "step", "split".
        """
        yield Variant({}, key)

    def items(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the columns of a table that describe the items, as text; `InputError` without any."""
        message = f"{wanted.file} is no table; items are described by the columns of one (--items FILE.csv)"
        raise InputError(message)

    def thumbnails(self, wanted: Wanted) -> NDArray[Any] | None:
        """Return thumbnails of the items, where the file has them beside the embeddings."""
        return None


@dataclass(frozen=True, slots=True)
class Variant:
    """One array of several in a file, of an epoch, a step or a split.

    Attributes
    ----------
    fields
        "epoch", "step", "split" -> text.
    key, where
        As of `Wanted`.
    """

    fields: dict[str, str]
    key: str | None
    where: tuple[tuple[str, object], ...] = ()


READERS: Registry[ArrayReader] = Registry("file ending")
"""Readers of arrays by the ending of the file, in lower case with its dot."""
_Kind = TypeVar("_Kind", bound=type[ArrayReader])


def reads(*endings: str) -> Callable[[_Kind], _Kind]:
    """Return a decorator of a class of readers, which enters one of it for each ending."""

    def enter(kind: _Kind) -> _Kind:
        for ending in endings:
            READERS.register(ending)(kind())
        return kind

    return enter


def reader_of(file: Path) -> ArrayReader:
    """Return the reader of a file by its ending; `InputError` for an ending that no reader has."""
    ending = file.suffix.lower()
    if ending not in READERS.names():
        message = (
            f"{file} ends in {shortened(file.suffix)!r}; arrays are read from {', '.join(READERS.names())}"
        )
        raise InputError(message)
    return READERS.get(ending)


def read_array(file: Path, key: str | None, *, rows: int | None = None, labels: bool = False) -> NDArray[Any]:
    """Return the array in a file of any ending in `READERS`; pickled objects are refused, never run.

    Parameters
    ----------
    file
        The file.
    key
        Name of the array in a file that holds several; not needed where there is only one.
    rows
        Number of rows that the array must have; another number is refused before memory is taken.
    labels
        Whether the array holds one label per item and not one row of numbers: batches are joined
        accordingly, and messages name the option ``--labels-key`` and not ``--key``.

    Raises
    ------
    InputError
        Another kind of file, a damaged file, an unknown key, or an array that is much larger than its file.
    """
    option = "--labels-key" if labels else "--key"
    return reader_of(file).read(Wanted(file, key, rows, labels=labels, option=option))


def check_size(file: Path | str, declared: int, stored: int) -> None:
    """Refuse an array that would take much more memory than its file can hold embeddings.

    Parameters
    ----------
    file
        The file.
    declared, stored
        Bytes of the array, and those that it takes on the disk.
    """
    if declared > _SMALL and declared > _MOST_RATIO * max(stored, 1):
        message = (
            f"{file} holds an array of {declared:,} bytes in {stored:,}; no embeddings compress so far, "
            "write the array again, uncompressed"
        )
        raise InputError(message)


def joined_texts(blocks: Iterable[Sequence[str]]) -> NDArray[np.str_]:
    """Return texts that are read in blocks as one array; those too long for one are refused.

    Raises
    ------
    InputError
        A text of more than 100,000 letters, or all of them of more than 1 GiB as an array.
    """
    texts: list[str] = []
    longest = letters = 0
    for block in blocks:
        texts += block
        longest = max(longest, *map(len, block)) if len(block) else longest
        letters += sum(map(len, block))
        if longest > _MOST_LETTERS or max(letters, longest * len(texts)) * 4 > _MOST_TEXT:
            message = (
                f"texts of up to {longest:,} letters, {len(texts):,} of them or more, are too long to be "
                "labels or descriptions of items"
            )
            raise InputError(message)
    return np.array(texts, dtype=str)


def decoded(values: NDArray[Any], place: object) -> NDArray[np.str_]:
    """Return byte strings as text; `InputError` if they are not UTF-8."""
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        message = f"{place}: labels are byte strings that are not UTF-8; give text or integers"
        raise InputError(message) from error
