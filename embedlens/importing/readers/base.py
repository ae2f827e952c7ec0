"""Registry of readers of arrays by file ending, and the checks that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import InputError, shortened
from embedlens.importing.readers.wanted import Wanted
from embedlens.importing.unmatched import a_folder
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray


class ArrayReader(ABC):
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

    @abstractmethod
    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return an array, after its rows and its size are checked; `InputError` for any other content."""

    def names(self, file: Path) -> list[str]:
        """Return the names of the arrays in a file; none where arrays have no names."""
        return []

    def check_key(self, wanted: Wanted) -> None:
        """Refuse a key that no array of the file has, and the lack of one where a file has several arrays."""
        names = self.names(wanted.file)
        if names:
            wanted.only(names)

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
        if file.is_dir():
            raise a_folder(file)
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
