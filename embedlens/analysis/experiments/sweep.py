"""Scores over a grid of losses, learning rates and dims: mean and deviation over seeds, and gain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Record:
    """Score of one run; a value that is not finite means that the run failed.

    Attributes
    ----------
    loss, lr, dim, seed
        Configuration of the run.
    value
        Score at the end.
    initial
        Score before training; NaN or infinite if it is unknown.
    effective_rank
        Effective rank at the end; NaN if it is unknown.
    collapsed
        Whether the embedding space had collapsed at the end.
    """

    loss: str
    lr: float
    dim: int
    seed: int
    value: float
    initial: float = math.nan
    effective_rank: float = math.nan
    collapsed: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sweep(Result):
    """Scores of a grid, one row per combination of loss, dim and learning rate.

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
        Sample standard deviation over these seeds (divisor: number - 1), float64 [n]; NaN for fewer than two.
    n
        Number of seeds with a value, int64 [n].
    n_failed
        Number of seeds without a value, int64 [n].
    initial
        Mean score before training, of the same seeds, float64 [n]; NaN if it is unknown for any of them.
    effective_rank
        Mean effective rank at the end, of the same seeds, float64 [n]; NaN if it is unknown for any.
    n_collapsed
        Number of seeds with a value whose space had collapsed, int64 [n].
    """

    loss: NDArray[np.str_]
    lr: NDArray[np.float64]
    dim: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    n: NDArray[np.int64]
    n_failed: NDArray[np.int64]
    initial: NDArray[np.float64]
    effective_rank: NDArray[np.float64]
    n_collapsed: NDArray[np.int64]

    @property
    def axis(self) -> str:
        """The x axis: "lr" if a loss has several of them, else "dim" if a loss has several, else "loss"."""
        for name in ("lr", "dim"):
            values = getattr(self, name)
            if any(np.unique(values[self.loss == loss]).size > 1 for loss in self.losses):
                return name
        return "loss"

    @property
    def varied(self) -> NDArray[np.float64]:
        """Learning rate of each row where that is the x axis, else its dims, [n]."""
        return self.lr if self.axis == "lr" else self.dim.astype(np.float64)

    @property
    def gain(self) -> NDArray[np.float64]:
        """Mean score at the end less that before training, float64 [n]; NaN if one is unknown."""
        return self.mean - self.initial

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
        names = (
            "loss", "lr", "dim", "mean", "deviation", "n", "n_failed", "initial", "gain", "effective_rank",
            "n_collapsed",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def summarise(records: Iterable[Record]) -> Sweep:
    """Group the scores of runs by loss, dim and learning rate.

    Parameters
    ----------
    records
        One per run, each the score of its embeddings [N, D]; combinations may be missing.

    Raises
    ------
    InputError
        No record, one combination twice, a learning rate or dim that is not above 0.
    """
    groups: dict[tuple[str, int, float], dict[int, Record]] = {}
    for record in records:
        if not 0 < record.lr < math.inf or record.dim < 1:
            message = f"{_named(record)}; a learning rate above 0 and a dim of 1 or more are needed"
            raise InputError(message)
        seeds = groups.setdefault((record.loss, record.dim, record.lr), {})
        if record.seed in seeds:
            message = f"{_named(record)} is given twice; one value per combination is needed"
            raise InputError(message)
        seeds[record.seed] = record
    if not groups:
        message = "no run to compare; at least one record is needed"
        raise InputError(message)
    losses = list(dict.fromkeys(loss for loss, _, _ in groups))
    keys = sorted(groups, key=lambda key: (losses.index(key[0]), *key[1:]))
    good = [[record for record in groups[key].values() if math.isfinite(record.value)] for key in keys]
    return Sweep(
        loss=np.array([loss for loss, _, _ in keys]),
        lr=np.array([lr for _, _, lr in keys], np.float64),
        dim=np.array([dim for _, dim, _ in keys], np.int64),
        mean=_means(good, "value"),
        deviation=np.array(
            [np.std([record.value for record in own], ddof=1) if len(own) > 1 else np.nan for own in good]
        ),
        n=np.array([len(own) for own in good], np.int64),
        n_failed=np.array(
            [len(groups[key]) - len(own) for key, own in zip(keys, good, strict=True)], np.int64
        ),
        initial=_means(good, "initial"),
        effective_rank=_means(good, "effective_rank"),
        n_collapsed=np.array([sum(record.collapsed for record in own) for own in good], np.int64),
    )


def _means(groups: Iterable[Sequence[Record]], name: str) -> NDArray[np.float64]:
    """Return the mean of an attribute over each group of records; NaN if it is unknown for any.

    A mean over fewer seeds is not comparable with the mean scores, and a gain would mix the two.
    """
    values = [np.array([getattr(one, name) for one in own], np.float64) for own in groups]
    return np.array([own.mean() if own.size and np.isfinite(own).all() else np.nan for own in values])


def _named(record: Record) -> str:
    return f"loss {record.loss!r}, lr {record.lr}, dim {record.dim}, seed {record.seed}"
