"""The progress of a training run, as it is reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands: step of steps in epoch of epochs.

    `row` is a finished epoch's row of the log; `message` is a message for the user.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    row: dict[str, float] | None = None
    message: str | None = None
