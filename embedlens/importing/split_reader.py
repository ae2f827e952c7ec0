"""Reader of the embeddings of an import: all splits, shard by shard, in the order of their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.importing.epoch_names import field_for
from embedlens.importing.label_files import read_row_numbers
from embedlens.importing.patterns import fields_of
from embedlens.importing.readers.wanted import TooManyRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.labels import ImportedLabels
    from embedlens.importing.source import ImportSource
    from embedlens.importing.sources import Moment, Part, Sources


class SplitReader:
    """Reader of the embeddings of all splits, shard by shard.

    Parameters
    ----------
    found
        Where the arrays are.
    labels
        Which rows of the files have a label, and where the labels are.
    source
        Names the row numbers in the files, if rows are not in order.
    """

    def __init__(self, found: Sources, labels: ImportedLabels, source: ImportSource) -> None:
        self.found, self.kept, self.rows_key = found, labels.kept, source.rows_key
        self._origins = labels.origins
        self._counts_epochs = bool({"epoch", "step"} & (fields_of(source.pattern) | fields_of(source.key)))

    def files(self, moment: Moment) -> dict[str, Path]:
        """Return the first file of each split at a moment."""
        return {split: by_moment[moment][0].file for split, by_moment in self.found.items()}

    def is_whole(self, moment: Moment) -> bool:
        """Return whether each split is one array at this moment, with its rows in order."""
        return self.rows_key is None and all(len(parts[moment]) == 1 for parts in self.found.values())

    def whole(self, split: str, moment: Moment) -> NDArray[Any]:
        """Return the embeddings of a split that is one array, without rows that have no label."""
        (part,) = self.found[split][moment]
        kept = self.kept[split]
        wanted = part.wanted(rows=kept.size, labels_of=self._origins[split])
        array = part.reader.read(wanted)
        wanted.check_rows(array.shape)
        return array if kept.all() or not array.ndim else array[kept]

    def shards(self, split: str, moment: Moment) -> Iterator[tuple[Part, NDArray[np.int64], NDArray[Any]]]:
        """Yield each array of a split with the rows of the run that it holds."""
        kept, parts = self.kept[split], self.found[split][moment]
        place, start = np.cumsum(kept) - 1, 0
        for at, part in enumerate(parts):
            rows = None if self.rows_key is None else self._rows(part, self.rows_key, kept.size)
            wanted = part.wanted(most=kept.size - start) if rows is None else part.wanted(rows=None)
            try:
                array = part.reader.read(wanted)
                wanted.check_rows(array.shape)
            except TooManyRows as error:
                total = start + sum(len(one.reader.read(one.wanted())) for one in parts[at:])
                counts = f"{total:,} rows, but there are {kept.size:,} labels ({self._origins[split]})"
                counted = f"{len(parts)} files of {moment} have {counts}"
                raise InputError("; ".join([str(error), counted + self._advice(part)])) from error
            count = len(array) if array.ndim else 0
            if rows is None:
                rows = np.arange(start, start + count)
            elif rows.size != count:
                message = f"{part.file}: {count} embeddings have {rows.size} row numbers in {self.rows_key!r}"
                raise InputError(message)
            start += count
            chosen = kept[rows]
            yield part, place[rows[chosen]], array if chosen.all() else array[chosen]
        if self.rows_key is None and start < kept.size:
            message = (
                f"split {split!r}, {moment}: {len(parts)} files have {start:,} rows, but there are "
                f"{kept.size:,} labels ({self._origins[split]}): {parts[0].file} to {parts[-1].file}"
            )
            raise InputError(message)

    def _advice(self, part: Part) -> str:
        """Return what to write where files that are joined may be those of several epochs."""
        if self._counts_epochs:
            return ""
        return f"; write {field_for(part.file)} where the number of the epoch or step stands in the pattern"

    def _rows(self, part: Part, key: str, items: int) -> NDArray[np.int64]:
        """Return the row numbers of an array; those that no label has are refused."""
        wanted = replace(part.wanted(), key=key, labels=True, option="--rows-key", beside=part.key)
        rows = read_row_numbers(wanted, needed=True)
        assert rows is not None
        if rows.size and int(rows.max()) >= items:
            message = f"{part.file}: row {int(rows.max())} in {key!r}, but there are {items} labels"
            raise InputError(message)
        return rows

    def check_linkable(self) -> None:
        """Refuse links to files that are not a whole split each."""
        dropped = [split for split, kept in self.kept.items() if not kept.all()]
        if dropped:
            message = (
                f"split {dropped[0]!r} has items without a label, so its files cannot be linked; leave out "
                "--link"
            )
            raise InputError(message)
        if not all(self.is_whole(moment) for moment in next(iter(self.found.values()))):
            message = "files that are joined or put in order cannot be linked; leave out --link"
            raise InputError(message)
