"""Names of metrics: columns of logs, and SPLIT_SCORE for what is computed from snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedlens.analysis.experiments.curves import MONITOR
from embedlens.analysis.scores import METRICS
from embedlens.errors import unknown
from embedlens.experiments.run_metrics import scores_named, split_and_score
from embedlens.selection import evaluated_splits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedlens.experiments.run_metrics import RunMetrics

_RECALL = re.compile(r"(.+_)?recall_at_\d+")


def choose_metrics(
    names: Sequence[str],
    runs: Sequence[RunMetrics],
    *,
    splits: Sequence[str] = (),
    monitors: Iterable[str] = (),
) -> list[str]:
    """Return the full names of metrics: columns of a log, or SPLIT_SCORE.

    Parameters
    ----------
    names
        Columns or scores. None: those of `monitors` alone; without these loss and recalls of the logs, and
        R@1 where there are none, or where a run has no log.
    runs
        The runs.
    splits
        Splits of scores; by default those that are evaluated.
    monitors
        Losses on fixed batches, which come last.

    Raises
    ------
    InputError
        An unknown metric or split.
    """
    losses = list(monitors)
    columns = list(dict.fromkeys(name for run in runs for name in run.columns))
    if splits:
        _choose_splits(runs, splits)
    chosen = []
    for word in names:
        chosen += [word] if word in columns else _expand(word, columns, runs, splits)
    if not names and not losses:
        chosen = _default_metrics(columns, runs, splits)
    places = _choose_splits(runs, splits) if losses else []
    chosen += [f"{split}_{MONITOR}{name}" for name in losses for split in places]
    return list(dict.fromkeys(chosen))


def _default_metrics(columns: Sequence[str], runs: Sequence[RunMetrics], splits: Sequence[str]) -> list[str]:
    """Return loss and recalls of the logs, and R@1 where there are none, or where a run has no log."""
    recalls = [
        name for name in columns
        if _RECALL.fullmatch(name) and (not splits or name.rpartition("_recall")[0] in splits)
    ]  # fmt: skip
    found = ["loss"] * ("loss" in columns) + recalls
    if not found or any(not run.log for run in runs):
        found += [f"{split}_recall_at_1" for split in _choose_splits(runs, splits)]
    return found


def _choose_splits(runs: Sequence[RunMetrics], names: Sequence[str]) -> list[str]:
    """Return the splits named; else those that scores are taken of."""
    return evaluated_splits([one.run for one in runs], names)


def _expand(
    word: str, columns: Sequence[str], runs: Sequence[RunMetrics], splits: Sequence[str]
) -> list[str]:
    """Return the names that a score stands for: of its split, or of every split chosen."""
    known = list(dict.fromkeys(split for one in runs for split in one.run.splits))
    split, score = split_and_score(word, known)
    scores = scores_named(score)
    if scores is None and (split or not any(f"{one}_{word}" in columns for one in known)):
        choices = [*columns, "recall_at_K", *METRICS, *(f"{one}_METRIC" for one in known)]
        raise unknown(word, "metric", choices)
    places = [split] if split else _choose_splits(runs, splits)
    return [f"{place}_{name}" for place in places for name in scores or [score]]
