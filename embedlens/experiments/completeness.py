"""Whether a run is complete, as far as its configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.store.ownership import CHECKPOINT_NAME

if TYPE_CHECKING:
    from embedlens.store import Run


def missing_epochs(run: Run) -> str | None:
    """Return how far a run of the built-in trainer is, e.g. "epoch 3 of 8"; None where no epoch is missing.

    Of a run that another program recorded no epoch is known to be missing, nor of one that was stopped early
    by its metric.
    """
    if not (run.path / CHECKPOINT_NAME).is_file():
        return None
    from embedlens.training.config import TrainConfig
    from embedlens.training.early_stop import stop_reason

    try:
        config = TrainConfig.from_method(run.method)
    except InputError:  # of another version, whose options are not known
        return None
    last = max(run.epochs(), default=-1)
    if last >= config.epochs or stop_reason(run.log, config.stop_metric, config.patience):
        return None
    return f"epoch {last} of {config.epochs}"
