"""Scores in the logs of runs, which `evaluate --log` writes."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.experiments.score_rows import COUNTS, ScoreRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.store import Run


def check_log(log: bool, names: Sequence[str]) -> None:
    """Refuse to log, under the plain name of a score, what options make of it."""
    if log and names:
        message = (
            "--log writes scores under their plain names, which "
            f"--{names[0].replace('_', '-')} would change; leave out one of the two"
        )
        raise InputError(message)


def write_log(runs: Mapping[str, Run], rows: Sequence[ScoreRow]) -> None:
    """Write the scores into the logs of the runs, as SPLIT_METRIC."""
    from embedlens.store import log_metrics

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
