"""Reading of snapshots with their galleries, less the items that are left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.leave_out import LeaveOut
from embedlens.measurements.data_warnings import CHECKS, DataWarnings
from embedlens.results import Result
from embedlens.searches import Search, items_of, search_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.store import Run
    from embedlens.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads snapshots with their galleries, less what is left out, and collects warnings about their data.

    Attributes
    ----------
    leave_out
        Which items are left out.
    warnings
        Warnings about the data of the snapshots read.
    """

    leave_out: LeaveOut = field(default_factory=LeaveOut)
    warnings: DataWarnings = field(default_factory=DataWarnings)
    _left_out: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        ignore_label: str | None = None,
        distractor_label: str | None = None,
        *,
        exclude_duplicates: bool = False,
        labels: str | None = None,
        junk: str | None = None,
        not_same: str | None = None,
    ) -> Reader:
        """Return a reader that leaves out what the options say; see `LeaveOut`."""
        leave_out = LeaveOut.of(
            ignore_label, distractor_label, exclude_duplicates=exclude_duplicates,
            labels=labels, junk=junk, not_same=not_same,
        )  # fmt: skip
        return cls(leave_out, DataWarnings(exclude_duplicates))

    @classmethod
    def of_config(cls, config: TrainConfig) -> Reader:
        """Return a reader that leaves out what the metrics of a training run leave out."""
        from embedlens.experiments.epoch_metrics import leave_out_of

        return cls(leave_out_of(config), DataWarnings(config.exclude_duplicates))

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar: what is left out of the snapshots read so far, and how many items."""
        if not self.leave_out:
            return {}
        return {"left_out": {**self.leave_out.facts, "items": self._left_out}}

    def search(
        self, run: Run, split: str, epoch: int | None = -1, *, gallery: str | None = None, label: str = ""
    ) -> Search:
        """Return a snapshot with its gallery, and collect the warnings about its data; see `search_of`."""
        found = search_of(run, split, epoch, gallery=gallery, leave_out=self.leave_out)
        return self.note(label or run.name, found)

    def note(self, label: str, search: Search) -> Search:
        """Collect the warnings about the data of a run with that label; return the search."""
        self.warnings.check(label, search)
        self._count(search)
        return search

    def fresh(self) -> Reader:
        """Return a reader of the same items that has collected nothing yet."""
        return Reader(self.leave_out, self.warnings.fresh())

    def add(self, other: Reader) -> None:
        """Collect what another reader has collected: its warnings, and its counts of items left out."""
        self.warnings.add(other.warnings)
        self._left_out.extend(counts for counts in other._left_out if counts not in self._left_out)

    def kept(self, run: Run, split: str, epoch: int) -> Kept:
        """Return the items of a split that are not left out, the same at all epochs.

        Duplicates are those of the epoch given. No gallery is read, and no warnings are collected but that of
        items without a label.
        """
        if not self.leave_out:
            return Kept(None)
        found = items_of(run, split, epoch, leave_out=self.leave_out)
        self._count(found)
        self.warnings.check(run.name, found, ("unlabelled",))
        return Kept(found.query.rows)

    def check_items(self, run: Run, split: str, epoch: int, *, kept: Kept, label: str = "") -> None:
        """Collect the warnings about the items that are kept, where nothing is searched."""
        found = items_of(run, split, epoch)
        if kept.rows is not None:
            found = replace(found, query=found.query.take(np.isin(found.query.rows, kept.rows)))
        self.warnings.check(label or run.name, found, CHECKS.keys() - {"unlabelled"})

    def _count(self, search: Search) -> None:
        counts = {"snapshot": search.place, **search.counts}
        if counts not in self._left_out:
            self._left_out.append(counts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Kept(Result):
    """Rows of a split that are not left out, int64 [n], ascending; None: all."""

    rows: NDArray[np.int64] | None

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return these rows of an array [N, ...]."""
        return array if self.rows is None else array[self.rows]

    def row(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows in the split of kept items, given by their numbers among these."""
        return places if self.rows is None else self.rows[places]
