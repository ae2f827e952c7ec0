"""Checkpoints (tensors and plain values only), which mark an epoch as complete, and resumption of runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from embedlens.errors import InputError, first_sentence
from embedlens.files import atomic_path
from embedlens.store import open_run
from embedlens.store.format import info_file
from embedlens.store.integrity import check_archive
from embedlens.store.ownership import CHECKPOINT_NAME, is_unbegun
from embedlens.training.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from embedlens.training.optimisation import Stepper


def check_path(path: Path, *, resume: bool) -> None:
    """Refuse a path that exists, but for files of a run that was stopped before its first epoch."""
    if not resume and path.exists() and not is_unbegun(path):
        message = (
            f"{path} already exists; continue it with `embedlens train --resume {path}` "
            "(and --epochs M to extend it), or choose another --out"
        )
        raise InputError(message)


def save_checkpoint(run: Path, epoch: int, network: torch.nn.Module, *, stepper: Stepper) -> None:
    """Write the checkpoint by an atomic rename."""
    state = {"epoch": epoch, "network": network.state_dict(), **stepper.state()}
    with atomic_path(run / CHECKPOINT_NAME) as temporary:
        torch.save(state, temporary)


def load_checkpoint(run: Path, network: torch.nn.Module, *, stepper: Stepper, device: torch.device) -> int:
    """Restore weights and optimiser; return the epoch of the checkpoint, -1 if there is none."""
    file = run / CHECKPOINT_NAME
    if not file.is_file():
        later = [epoch for epoch in open_run(run).epochs() if epoch > 0] if info_file(run).is_file() else []
        if later:
            message = (
                f"{file} is missing, but epochs up to {later[-1]} are recorded; without it the run "
                "cannot be resumed, train again under another name"
            )
            raise InputError(message)
        return -1
    try:
        check_archive(file)
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        weights = state["network"]
    except Exception as error:  # a damaged file fails anywhere in torch's reader, with any exception
        raise _unreadable(file, error) from error
    try:
        network.load_state_dict(weights)
        stepper.load(state)
        return int(state["epoch"])
    except InputError as error:  # the method knows the weights as those of an earlier version
        raise error.within(str(file)) from error
    except Exception as error:  # tensors of other names, shapes or types, with any exception
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> InputError:
    """Return the error of a damaged checkpoint."""
    return InputError(
        f"{file} cannot be read ({first_sentence(error)}); put back a copy of it, or train again under "
        "another name; the recorded epochs stay readable"
    )


def resumed_config(path: Path, epochs: int | None) -> TrainConfig:
    """Return the configuration of the run at `path`, with more epochs if requested."""
    run = open_run(path)
    try:
        config = TrainConfig.from_method(run.method)
    except InputError as error:
        place = f"run {run.name!r}"
        raise error.within(place) from error
    if epochs is None:
        return config
    recorded = run.epochs()
    if recorded and epochs < recorded[-1]:
        message = f"run {run.name!r} has {recorded[-1]} epochs already; --epochs {epochs} cannot shorten it"
        raise InputError(message)
    return replace(config, epochs=epochs)
