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

_RECALL = re.compile(r"(.+[_/])?recall_at_\d+")
_LOSS = re.compile(r"(.+[_/])?loss(_.+)?")
_OF_STEP = re.compile(r"_(step|epoch)$")  # Lightning logs one metric as NAME, NAME_step and NAME_epoch
_POSITIONS = ("epoch", "step", "seconds")
_RATES = re.compile(r"lr(-.+)?")
_MOST = 4  # columns of a log that has neither a loss nor a recall


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
        Columns or scores. None: those of `monitors` alone; without these losses and recalls of the logs,
        else up to four other columns; and R@1 where there are none, or where a run has no log.
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


def is_loss(name: str) -> bool:
    """Return whether a column of a log is a loss by its name: loss, train_loss, val/loss, loss_epoch, ..."""
    return _LOSS.fullmatch(name) is not None


def other_columns(metrics: Sequence[str], runs: Sequence[RunMetrics]) -> list[str]:
    """Return the columns of the logs that are not among metrics, without epoch, step and seconds."""
    columns = dict.fromkeys(name for run in runs for name in run.columns)
    return [name for name in columns if name not in metrics and name not in _POSITIONS]


def _default_metrics(columns: Sequence[str], runs: Sequence[RunMetrics], splits: Sequence[str]) -> list[str]:
    """Return losses and recalls of the logs, else some other columns, and R@1 as `choose_metrics` says."""
    recalls = [
        name for name in columns
        if _RECALL.fullmatch(name) and (not splits or name.rpartition("_recall")[0] in splits)
    ]  # fmt: skip
    found = _losses(columns, runs) + recalls
    recorded = any(run.run.epochs() for run in runs)
    if not found:
        others = [name for name in other_columns([], runs) if not _RATES.fullmatch(name)]
        found = [name for name in others if not _RECALL.fullmatch(name)][:_MOST]
        scored = recorded or not found
    else:
        scored = any(not run.log for run in runs)
    if scored:
        found += [f"{split}_recall_at_1" for split in _choose_splits(runs, splits)]
    return found


def _losses(columns: Sequence[str], runs: Sequence[RunMetrics]) -> list[str]:
    """Return the losses of the logs, each once: not of the last batch, nor under a second name."""
    found = [name for name in columns if is_loss(name)]
    for name in list(found):
        plain = _OF_STEP.sub("", name)
        known = [other for other in found if other != name and other in (plain, f"{plain}_epoch")]
        of_batch = name.endswith("_step") and known
        same = plain in known and all(run.log.get(plain) == run.log.get(name) for run in runs)
        if of_batch or same:
            found.remove(name)
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
        own = sorted(columns, key=lambda name: name in _POSITIONS)
        near = [name for name in own if word.casefold() in name.casefold()]
        choices = [*own, "recall_at_K", *METRICS, *(f"{one}_METRIC" for one in known)]
        raise unknown(word, "metric", choices, near=near)
    places = [split] if split else _choose_splits(runs, splits)
    return [f"{place}_{name}" for place in places for name in scores or [score]]
