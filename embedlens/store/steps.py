"""Runs that are recorded by optimiser steps: snapshots are numbered in order, and the log has their steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.moments import Moment
from embedlens.store import format as layout
from embedlens.store.checks import check_epoch_number, check_row, join_metrics
from embedlens.store.log import epoch_of, read_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from embedlens.store.log import LogRow

TRAINED_EPOCHS = "trained_epochs"
"""Column of log.csv: epochs trained so far, with a fraction; each run that counts steps has it."""


def is_numbered(epoch: object) -> bool:
    """Return whether an epoch names its snapshot: any whole number does, a float or None does not."""
    return not (epoch is None or isinstance(epoch, float))


def with_step(epoch: float | None, step: int | None, metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the metrics of an epoch with its step, and with the epochs trained if these are a float.

    Raises
    ------
    InputError
        No step where the epoch is no whole number; another step among the metrics.
    """
    row = dict(metrics or {})
    if is_numbered(epoch):
        check_epoch_number(epoch)
    elif step is None:
        message = f"epoch is {epoch!r}; a whole number is needed, or the number of steps, step=N"
        raise InputError(message)
    elif epoch is not None:
        row[TRAINED_EPOCHS] = epoch
    if step is not None:
        checked = check_row(0, {"step": step})
        row = join_metrics({name: row[name] for name in row if name == "step"}, checked) | {
            name: value for name, value in row.items() if name != "step"
        }
    return row


def number_of_step(run: Path, info: layout.RunInfo, step: float, *, overwrite: bool, used: int) -> int:
    """Return the number of the snapshot of a step: the next one, or that of the same step to replace.

    Parameters
    ----------
    run, info
        The run's directory, and what its run.json says.
    step
        Optimiser steps so far.
    overwrite
        Whether a snapshot of the same step is replaced.
    used
        The largest number that this recorder has used, -1 for none: it may not be there yet.

    Raises
    ------
    InputError
        A step that is recorded already, or that comes before one that is.
    """
    epochs = layout.complete_epochs(run, info)
    steps = _steps(run, set(epochs))
    if step in steps.values():
        number = next(number for number, one in steps.items() if one == step)
        if not overwrite:
            message = (
                f"step {step:g} is recorded already as epoch {number}; pass overwrite=True to replace it"
            )
            raise InputError(message)
        return number
    if steps and step < max(steps.values()):
        message = (
            f"step {step:g} is before step {max(steps.values()):g}, which is recorded; steps ascend, "
            "discard_after(step=N) removes later ones"
        )
        raise InputError(message)
    return max([*epochs, used], default=-1) + 1


def as_moments(run: Path, epochs: Iterable[int]) -> list[int]:
    """Return epochs of a run, each as a `Moment` if the run counts steps; others as they are.

    A log that cannot be read has no steps: what needs it says so.
    """
    every = list(epochs)
    try:
        rows = {epoch_of(row): row for row in read_log(layout.log_file(run))}
    except InputError:
        return every
    if not any(TRAINED_EPOCHS in row for row in rows.values()):
        return every
    return [_moment(epoch, rows.get(epoch, {})) for epoch in every]


def _moment(epoch: int, row: LogRow) -> int:
    step, trained = row.get("step"), row.get(TRAINED_EPOCHS)
    known = trained is not None and math.isfinite(trained)
    return epoch if step is None else Moment(epoch, int(step), trained if known else None)


def last_number(run: Path, step: int) -> int:
    """Return the number of the last snapshot up to a step; -1 where there is none."""
    return max((number for number, one in _steps(run).items() if one <= step), default=-1)


def _steps(run: Path, among: set[int] | None = None) -> dict[int, float]:
    """Return the steps in the log by the number of the snapshot."""
    rows = {epoch_of(row): row.get("step") for row in read_log(layout.log_file(run))}
    return {
        number: step
        for number, step in rows.items()
        if step is not None and (among is None or number in among)
    }
