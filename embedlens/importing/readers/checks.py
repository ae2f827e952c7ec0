"""Limits of what files hold, checked before memory is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Floating-point embeddings hardly compress, sorted labels up to a few hundred times; deflate ends at 1,032.
_MOST_RATIO = 500
_SMALL = 1 << 28  # bytes that are read whatever the ratio
_MOST_LETTERS = 100_000
_MOST_TEXT = 1 << 30  # bytes of an array of texts
MOST_NAMES = 100_000
"""The largest number of arrays that a file may hold."""


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
