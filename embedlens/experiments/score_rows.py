"""Scores of snapshots as the rows of a table, and their means over runs that repeat one method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from embedlens.analysis import experiments as analysis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COUNTS = (
    "n", "n_singletons", "n_new", "n_unlabelled", "n_ignored", "n_distractors", "n_duplicates", "n_junk",
    "n_not_same", "alpha_from", "alpha_to",
)  # fmt: skip
"""Numbers of items, of pairs left out and of the eigenvalues of alpha: beside scores, without a mean."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The scores of one snapshot, or their means over several runs.

    Attributes
    ----------
    run, split, epoch
        The snapshot; of a mean `run` is the name of the group.
    values
        Score by name.
    spread
        Standard deviation over the runs of a mean by name of the score.
    members
        The runs of a mean; empty of one snapshot.
    part
        The slices of the embedding that are scored; empty of the whole.
    missing
        Of a mean, how many of its runs have no finite value, and of how many.
    """

    run: str
    split: str
    epoch: int
    values: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    part: str = ""
    missing: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many runs a row of means stands for; 0 of a row of one snapshot."""
        return len(self.members)

    @property
    def numbers(self) -> dict[str, Any]:
        """Score by name; of a mean its mean, standard deviation and number of runs."""
        if not self.seeds:
            return dict(self.values)
        return {
            name: {"mean": value, "std": self.spread.get(name, 0.0), "seeds": self.seeds}
            | ({"missing": self.missing[name][0]} if name in self.missing else {})
            for name, value in self.values.items()
        }

    @property
    def record(self) -> dict[str, Any]:
        """The row of a flat table, in full precision."""
        return {
            "run": self.run,
            "split": self.split,
            "epoch": self.epoch,
            **({"chunks": self.part} if self.part else {}),
            **({"seeds": self.seeds} if self.seeds else {}),
            **self.values,
            **{f"{metric}_std": value for metric, value in self.spread.items()},
            **{f"{metric}_missing": count for metric, (count, _) in self.missing.items()},
        }

    def without(self, metric: str) -> ScoreRow:
        """Return the row less one of its scores."""
        return replace(self, values={name: value for name, value in self.values.items() if name != metric})


def mean_rows(rows: Sequence[ScoreRow], groups: Mapping[str, Sequence[str]]) -> list[ScoreRow]:
    """Return the means of groups of runs: a row for each split, epoch and part that all runs of a group have.

    What is NaN or infinite is in no mean; the row says of how many runs.

    Parameters
    ----------
    rows
        Rows of single snapshots.
    groups
        Name of a group -> its runs.
    """
    means = []
    for name, members in groups.items():
        places: dict[tuple[str, int, str], list[ScoreRow]] = {}
        for row in rows:
            if row.run in members:
                places.setdefault((row.split, row.epoch, row.part), []).append(row)
        means += [_mean(name, alike) for alike in places.values() if len(alike) == len(members)]
    return means


def _mean(name: str, rows: Sequence[ScoreRow]) -> ScoreRow:
    """Return the row of means of the runs of a group at one place; counts are those of the first run."""
    first = rows[0]
    means = analysis.over_runs(
        [{m: x for m, x in row.values.items() if not m.endswith("_std") and m not in COUNTS} for row in rows]
    )
    return ScoreRow(
        name, first.split, first.epoch,
        {metric: one.mean for metric, one in means.items()}
        | {count: first.values[count] for count in COUNTS if count in first.values},
        {metric: one.deviation for metric, one in means.items()},
        tuple(row.run for row in rows), first.part,
        {metric: (one.n_missing, one.n) for metric, one in means.items() if one.n_missing},
    )  # fmt: skip


def summary(rows: Iterable[ScoreRow]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> name -> number; of slices under "slices" -> slices.

    Numbers of all slices side by side are those of the embedding, too.
    """
    places: dict[str, Any] = {}
    for row in rows:
        place = places.setdefault(row.run, {}).setdefault(row.split, {}).setdefault(str(row.epoch), {})
        slices = place.pop("slices", {})
        chunks, _, count = row.part.partition("/")
        if chunks in ("", "1" if count == "1" else f"1-{count}"):
            place |= row.numbers
        if row.part:
            place["slices"] = slices | {row.part: row.numbers}
    return places


def best(rows: Sequence[ScoreRow], metric: str, *, digits: int) -> list[ScoreRow]:
    """Return the rows of highest score, rounded; none where fewer than two runs are compared at one place.

    Parameters
    ----------
    rows
        The rows of a table.
    metric
        Name of a score that is the better the higher it is.
    digits
        Decimal places of the score to which rows are equal.
    """
    compared = [row for row in rows if math.isfinite(row.values.get(metric, math.nan))]
    if len({(row.split, row.epoch) for row in rows}) > 1 or len(compared) < 2:
        return []
    rounded = [round(100 * row.values[metric], digits - 2) for row in compared]
    return [row for row, value in zip(compared, rounded, strict=True) if value == max(rounded)]
