"""Row numbers of shuffled rows that stand in files of embeddings, where no option names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.importing.label_files import read_row_numbers
from embedlens.importing.readers import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.importing.sources import Part, Sources

ROW_NAMES = ("idx", "index", "indices", "row", "rows", "id", "ids")
"""Names that row numbers have in files beside embeddings."""


def shuffled_rows_key(found: Sources) -> str | None:
    """Return the name of row numbers that say another order than the files have; None: there are none.

    They are a permutation of 0 to N - 1 over the shards of the first or the last snapshot of a split.

    Parameters
    ----------
    found
        Where the embeddings are.
    """
    for by_moment in found.values():
        moments = list(by_moment)
        for moment in dict.fromkeys((moments[0], moments[-1])):
            parts = by_moment[moment]
            for name in _names(parts[0]):
                if _is_shuffled(parts, name):
                    return name
    return None


def _names(part: Part) -> list[str]:
    """Return the arrays beside embeddings whose name may be that of row numbers."""
    if not part.reader.holds_labels:
        return []
    names = (name.rpartition("/")[2] for name in part.reader.names(part.file) if name != part.key)
    return list(dict.fromkeys(name for name in names if name.casefold() in ROW_NAMES))


def _is_shuffled(parts: Sequence[Part], name: str) -> bool:
    """Return whether an array of this name numbers the rows of all shards, in another order than theirs."""
    numbers = []
    for part in parts:
        wanted = Wanted(
            part.file, name, labels=True, option="--rows-key", beside=part.key or "", where=part.where
        )
        try:
            given = read_row_numbers(wanted, needed=False)
        except InputError:  # it is something else
            return False
        if given is None:
            return False
        numbers.append(given)
    rows = np.concatenate(numbers)
    counted = np.arange(len(np.unique(rows)))
    return not np.array_equal(rows, counted) and np.array_equal(np.unique(rows), counted)
