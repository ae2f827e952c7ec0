"""Scores of recorded snapshots as rows of a table, and in the logs of their runs."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.experiments.run_metrics import training_loss
from embedlens.experiments.score_rows import COUNTS, ScoreRow
from embedlens.measurements.slices import parts_of, whole
from embedlens.store import log_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.scores import ScoreSettings
    from embedlens.measurements.selected import Selected
    from embedlens.store import Run

_LEFT_OUT = ("n_unlabelled", "n_ignored", "n_distractors", "n_duplicates", "n_junk", "n_not_same")


def metrics_for(runs: Sequence[Run], names: Sequence[str], settings: ScoreSettings) -> list[str]:
    """Return the full names of metrics; `default` and `all` stand for those that the runs' labels allow."""
    from embedlens.analysis.scores import SINGLE_LABEL, check_metrics

    wanted = check_metrics(names, settings)
    named = [name for name in names if name.strip().lower() not in ("default", "all")]
    if not any(run.is_multi_label for run in runs) or len(named) == len(names):
        return wanted
    spelled = check_metrics(named, settings) if named else []
    return [name for name in wanted if name in spelled or name not in SINGLE_LABEL]


def score_snapshot(
    one: Selected,
    metrics: Sequence[str],
    settings: ScoreSettings,
    *,
    gallery: str | None = None,
    slices: str | None = None,
    device: str = "cpu",
) -> list[ScoreRow]:
    """Score a snapshot, or slices of its embeddings; the logged loss stands beside scores of the whole.

    Parameters
    ----------
    one
        The snapshot.
    metrics, settings
        Names of scores, and their parameters.
    gallery
        Split to search, "none" for the split itself; None: what the run names.
    slices
        A number of equal slices, or "recorded"; None: the embeddings are scored whole.
    device
        "cpu" or "cuda".
    """
    search = one.search(gallery)
    counts = {name: search.counts[name] for name in _LEFT_OUT if name in search.counts}
    logged = next((row.get("loss") for row in one.run.log if row["epoch"] == one.epoch), None)
    loss = {} if logged is None else {"loss": logged}
    rows = []
    for part in parts_of(one.run, slices):
        values = search.part(part).score(metrics, settings=settings, device=device)
        values = (loss if whole(part) else {}) | values | counts
        rows.append(ScoreRow(one.label, one.split, one.epoch, values, part=part.name if part else ""))
    return rows


def without_other_losses(runs: Sequence[Run], rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Return the rows, without the logged loss where the runs were trained with different losses."""
    same = len({training_loss(run.method) for run in runs}) == 1
    return list(rows) if same else [row.without("loss") for row in rows]


def log_scores(runs: Mapping[str, Run], rows: Sequence[ScoreRow]) -> None:
    """Write scores into the logs of the runs, label -> run, as SPLIT_METRIC.

    Raises
    ------
    InputError
        A run that cannot be written to.
    """
    for row in rows:
        scores = {name: value for name, value in row.values.items() if name not in (*COUNTS, "loss")}
        named = {f"{row.split}_{name}": value for name, value in scores.items()}
        try:
            log_metrics(runs[row.run], row.epoch, named)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise
            message = (
                f"{runs[row.run].path} cannot be written to ({error.strerror}), nothing is logged; leave out "
                "--log, or copy the run to a folder that can be written to"
            )
            raise InputError(message) from error
