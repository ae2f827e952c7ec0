"""Checks that runs hold the same items in a split, and what differs where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run


def check_same_items(
    runs: Sequence[Run], split: str, what: str = "triplets are followed only across runs on the same data"
) -> None:
    """Refuse runs whose rows of `split` are not the same items; `what` says why they must be."""
    for run in runs[1:]:
        if run.info.splits[split].fingerprint != runs[0].info.splits[split].fingerprint:
            reason = _difference_of_items(runs[0], run, split)
            message = (
                f"runs {runs[0].name!r} and {run.name!r} hold other items in split {split!r}; {what} "
                f"({reason})"
            )
            raise InputError(message)


def _difference_of_items(one: Run, other: Run, split: str) -> str:
    """Return what differs between the items of a split in two runs: their number, labels or columns."""
    counts = [run.info.splits[split].items for run in (one, other)]
    if counts[0] != counts[1]:
        return f"{counts[0]:,} and {counts[1]:,} items"
    labels = [run.labels(split) for run in (one, other)]
    rows = (labels[0] != labels[1]).nonzero()[0]
    if rows.size:
        return f"other labels in {rows.size:,} of {counts[0]:,} rows, first in row {rows[0]}"
    columns = [run.items(split) for run in (one, other)]
    names = sorted({*columns[0], *columns[1]})
    return f"other columns of items.csv: {listed(n for n in names if columns[0].get(n) != columns[1].get(n))}"
