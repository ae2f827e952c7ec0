"""Names of the snapshots of a run: by epoch, or by optimiser step where the run counts steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Moment(int):
    """Number of a snapshot in a run that counts optimiser steps.

    It is the number by which the snapshot is read, and stands where others are epochs; it also has the step,
    by which figures and tables name it.

    Parameters
    ----------
    number
        Number of the snapshot.
    step
        Optimiser steps so far.
    trained
        Epochs trained so far, with a fraction; None: not known.
    """

    step: int
    trained: float | None

    def __new__(cls, number: int, step: int, trained: float | None = None) -> Moment:
        """Return the moment."""
        made = super().__new__(cls, number)
        made.step, made.trained = step, trained
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return int(self), self.step, self.trained


def counts_steps(epochs: Iterable[int]) -> bool:
    """Return whether some epochs are all snapshots of runs that count steps."""
    every = list(epochs)
    return bool(every) and all(isinstance(epoch, Moment) for epoch in every)


def name_of(epoch: int) -> str:
    """Return the name of an epoch: "epoch 3", or of a `Moment` "step 1,500 (epoch 2.5)"."""
    if not isinstance(epoch, Moment):
        return f"epoch {epoch}"
    return f"step {epoch.step:,}" + ("" if epoch.trained is None else f" (epoch {_short(epoch.trained)})")


def short_name_of(epoch: int) -> str:
    """Return the name of an epoch under a heading "epoch": "3", or of a `Moment` "step 1,500"."""
    return f"step {epoch.step:,}" if isinstance(epoch, Moment) else str(epoch)


def count_of(epoch: int) -> str:
    """Return what is counted, alone: "3", or the steps of a `Moment`, "1,500"."""
    return f"{epoch.step:,}" if isinstance(epoch, Moment) else str(epoch)


def trained_epochs(epoch: int) -> float:
    """Return the epochs trained so far: those of a `Moment` that has them, else the number itself."""
    known = epoch.trained if isinstance(epoch, Moment) else None
    return float(epoch) if known is None else known


def with_steps(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of a table, and last one for the step of each epoch that is a `Moment`."""
    steps = {name.replace("epoch", "step"): value.step
             for name, value in block.items() if isinstance(value, Moment)}  # fmt: skip
    return {**block, **{name: step for name, step in steps.items() if name not in block}}


def _short(epochs: float) -> str:
    return f"{epochs:.2f}".rstrip("0").rstrip(".")
