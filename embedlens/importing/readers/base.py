"""Registry of array readers by file ending, and the checks that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed, shortened
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Floating-point embeddings hardly compress, sorted labels up to a few hundred times; deflate ends at 1,032.
_MOST_RATIO = 500
_SMALL = 1 << 28  # bytes that are read whatever the ratio


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a file.

    Attributes
    ----------
    file
        The file.
    key
        Name of the array in it; None: the only one.
    rows
        Number of rows that the array must have; None: any.
    labels
        Whether the array holds one label per item, and not one row of numbers.
    """

    file: Path
    key: str | None = None
    rows: int | None = None
    labels: bool = False

    @property
    def option(self) -> str:
        """The option that names the key, for messages."""
        return "--labels-key" if self.labels else "--key"


READERS: Registry[Callable[[Wanted], NDArray[Any]]] = Registry("file ending")
"""Readers of arrays by the ending of the file, in lower case with its dot."""


def read_array(file: Path, key: str | None, *, rows: int | None = None, labels: bool = False) -> NDArray[Any]:
    """Return the array in a file of any ending in `READERS`; pickled objects are refused, never run.

    Parameters
    ----------
    file
        The file.
    key
        Name of the array in an archive (.npz) or dictionary (.pt); not needed where there is only one.
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
    ending = file.suffix.lower()
    if ending not in READERS.names():
        message = f"{file} ends in {shortened(file.suffix)!r}; arrays are read from {', '.join(endings())}"
        raise InputError(message)
    return READERS.get(ending)(Wanted(file, key, rows, labels))


def endings() -> list[str]:
    """Return the endings of the files that arrays are read from."""
    return READERS.names()


def check_rows(file: Path, shape: Sequence[int], rows: int | None) -> None:
    """Refuse an array [N, ...] whose number of rows is not that of the labels."""
    if rows is not None and len(shape) and shape[0] != rows:
        message = f"{file}: embeddings have {shape[0]} rows, but there are {rows} labels"
        raise InputError(message)


def only(file: Path, key: str | None, names: Sequence[str], *, option: str) -> str:
    """Return the name of the array or column to read: the key, or the only one; else raise `InputError`."""
    if key is not None and key in names:
        return key
    if key is not None:
        message = f"{file} has no array {shortened(key)!r}; it holds: {listed(names)} ({option} NAME)"
        raise InputError(message)
    if len(names) != 1:
        message = f"{file} holds several arrays; choose one by its key: {listed(names)} ({option} NAME)"
        raise InputError(message)
    return names[0]


def check_size(file: Path, declared: int, stored: int) -> None:
    """Refuse an array that would take much more memory than its file can hold embeddings."""
    if declared > _SMALL and declared > _MOST_RATIO * max(stored, 1):
        message = (
            f"{file} holds an array of {declared:,} bytes in {stored:,}; no embeddings compress so far, "
            "write the array again, uncompressed"
        )
        raise InputError(message)
