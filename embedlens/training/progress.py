"""Progress reports of training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of training: step of steps in epoch of epochs.

    `row` is the log row of a finished epoch; `message` is a message for the user.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    row: dict[str, float] | None = None
    message: str | None = None
