"""A score over a grid of losses, learning rates and dims: mean and spread over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Record:
    """The score of one run; a value that is not finite means that the run failed."""

    loss: str
    lr: float
    dim: int
    seed: int
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The scores of a grid, one row a combination of loss, dim and learning rate.

    Rows are ordered by loss (in the order of the records), dim and learning rate.

    Attributes
    ----------
    loss
        Names of losses, str [n].
    lr
        Learning rates, float64 [n].
    dim
        Dimensions, int64 [n].
    mean
        Mean over the seeds that have a value, float64 [n]; NaN where none has.
    deviation
        Sample standard deviation over them (divisor: their number - 1), float64 [n]; NaN where there are
        fewer than two.
    n
        Number of seeds with a value, int64 [n].
    n_failed
        Number of seeds without, int64 [n].
    """

    loss: NDArray[np.str_]
    lr: NDArray[np.float64]
    dim: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    n: NDArray[np.int64]
    n_failed: NDArray[np.int64]

    @property
    def axis(self) -> str:
        """What the scores are drawn against: "lr"; where that does not vary "dim"; else "loss"."""
        varying = [name for name in ("lr", "dim") if np.unique(getattr(self, name)).size > 1]
        return varying[0] if varying else "loss"

    @property
    def losses(self) -> list[str]:
        """The losses, each once, in the order of the records."""
        return list(dict.fromkeys(self.loss.tolist()))

    @property
    def dims(self) -> list[int]:
        """The dims, each once, ascending."""
        return [int(dim) for dim in np.unique(self.dim)]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the data that a figure of the sweep shows, by column."""
        names = ("loss", "lr", "dim", "mean", "deviation", "n", "n_failed")
        return {name: getattr(self, name) for name in names}


def summarise(records: Iterable[Record]) -> Sweep:
    """Group the scores of runs by loss, dim and learning rate.

    Parameters
    ----------
    records
        One a run, each the score of its embeddings [N, D]; combinations may be missing.

    Raises
    ------
    InputError
        No record, one combination twice, a learning rate or dim that is not above 0.
    """
    values: dict[tuple[str, int, float], dict[int, float]] = {}
    for record in records:
        if not 0 < record.lr < math.inf or record.dim < 1:
            message = f"{_named(record)}; a learning rate above 0 and a dim of 1 or more are needed"
            raise InputError(message)
        seeds = values.setdefault((record.loss, record.dim, record.lr), {})
        if record.seed in seeds:
            message = f"{_named(record)} is there twice; one value a combination is needed"
            raise InputError(message)
        seeds[record.seed] = record.value
    if not values:
        message = "no run to compare; at least one record is needed"
        raise InputError(message)
    losses = list(dict.fromkeys(loss for loss, _, _ in values))
    keys = sorted(values, key=lambda key: (losses.index(key[0]), *key[1:]))
    finite = [np.array([value for value in values[key].values() if math.isfinite(value)]) for key in keys]
    return Sweep(
        loss=np.array([loss for loss, _, _ in keys]),
        lr=np.array([lr for _, _, lr in keys], np.float64),
        dim=np.array([dim for _, dim, _ in keys], np.int64),
        mean=np.array([found.mean() if found.size else np.nan for found in finite]),
        deviation=np.array([found.std(ddof=1) if found.size > 1 else np.nan for found in finite]),
        n=np.array([found.size for found in finite], np.int64),
        n_failed=np.array(
            [len(values[key]) - found.size for key, found in zip(keys, finite, strict=True)], np.int64
        ),
    )


def _named(record: Record) -> str:
    return f"loss {record.loss!r}, lr {record.lr}, dim {record.dim}, seed {record.seed}"
