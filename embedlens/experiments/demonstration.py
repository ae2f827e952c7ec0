"""The two runs of the demonstration: EPSHN of first and of second order on glyphs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from embedlens.experiments.trainer import Trainer
from embedlens.processes import available_processors
from embedlens.selection import runs_folder
from embedlens.store import open_run
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from embedlens.store import Run

ORDERS = (1, 2)
"""The orders of EPSHN, one run each."""


def demo_path(order: int) -> Path:
    """Return where the run of an order stands: ``demo-order1`` or ``demo-order2`` in the folder of runs."""
    return runs_folder() / f"demo-order{order}"


def demo_config(order: int, epochs: int = 4) -> TrainConfig:
    """Return the configuration of one run: a new one, or the recorded one with at least `epochs` epochs.

    Parameters
    ----------
    order
        Order of EPSHN, 1 or 2.
    epochs
        Number of epochs; a run that has more keeps them.

    Raises
    ------
    InputError
        There is something else where the run should stand.
    """
    path = demo_path(order)
    if path.exists():
        recorded = resumed_config(path, None)
        return replace(recorded, epochs=max(epochs, recorded.epochs))
    return TrainConfig(
        loss="epshn", loss_options={"order": order}, epochs=epochs, threads=available_processors()
    )


def demo_runs(epochs: int = 4) -> tuple[Run, Run]:
    """Return the runs of `embedlens demo`, trained first where they are missing or have fewer epochs.

    They stand in ``./runs`` (or ``$EMBEDLENS_RUNS``), as those of the command do. The training takes two to
    three minutes on two cores.

    Parameters
    ----------
    epochs
        Number of epochs of each run.

    Raises
    ------
    InputError
        Something else has the name of one of the runs, or another process is writing it.
    """
    first, second = (_trained(order, epochs) for order in ORDERS)
    return first, second


def _trained(order: int, epochs: int) -> Run:
    path = demo_path(order)
    if path.exists() and len(open_run(path).epochs()) > epochs:  # epoch 0 is before the training
        return open_run(path)
    config = demo_config(order, epochs)
    return Trainer(config, path, resume=path.exists()).run()
