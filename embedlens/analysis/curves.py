"""Metrics over training, their mean over seeds, and one common loss for runs trained with different ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.analysis.results import Result
from embedlens.arguments import check_indices, check_integers, check_numbers, check_same_length
from embedlens.arrays import check_embeddings, check_labels, check_pair, in_range
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.objectives import Loss, build_loss
from embedlens.objectives.losses import loss_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

_BLOCK_TRIPLETS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curve(Result):
    """One metric of one run.

    Attributes
    ----------
    name
        Name of the run.
    metric
        Name of the metric.
    epoch
        int64 [n], ascending.
    x
        float64 [n]: where the epoch stands on the x axis, in epochs, optimiser steps or seconds.
    value
        float64 [n]; NaN breaks the line.
    """

    name: str
    metric: str
    epoch: NDArray[np.int64]
    x: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, metric: str, *, epoch: ArrayLike, x: ArrayLike, value: ArrayLike) -> Curve:
        """Return the curve through the finite values, in the order of the epochs.

        A missing value breaks the line, unless the metric is taken at its usual interval there: one that is
        taken every fifth epoch is joined, and broken where a fifth epoch is missing.

        Parameters
        ----------
        name, metric
            The run and what is measured.
        epoch, x, value
            [n] each; a value that is not finite is missing.
        """
        epochs, places = check_integers(epoch, "epochs"), check_numbers(x, "x", finite=False)
        values = check_numbers(value, "values", finite=False)
        check_same_length(epoch=epochs, x=places, value=values)
        order = np.argsort(epochs, kind="stable")
        epochs, places = epochs[order], places[order]
        values = np.where(np.isfinite(values), values, np.nan)[order]
        kept = _with_gaps(epochs, values)
        return cls(name, metric, epochs[kept], places[kept], values[kept])

    @property
    def final(self) -> float:
        """The last value; NaN where there is none."""
        values = self.value[~np.isnan(self.value)]
        return float(values[-1]) if values.size else float("nan")

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column; missing values are left out."""
        there = ~np.isnan(self.value)
        return {"epoch": self.epoch[there], "x": self.x[there], "value": self.value[there]}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Band(Result):
    """One metric of several runs that repeat one method: mean and standard deviation.

    Attributes
    ----------
    name
        Name of the group.
    metric
        Name of the metric.
    runs
        Names of the runs.
    epoch
        int64 [n], ascending.
    x
        float64 [n]: mean over the runs, in epochs, optimiser steps or seconds.
    mean
        float64 [n]; NaN, which breaks the line, where a run of the group has no value, so that
        the mean is one of the same runs everywhere.
    deviation
        float64 [n]: sample standard deviation (divisor: number of runs - 1).
    """

    name: str
    metric: str
    runs: tuple[str, ...]
    epoch: NDArray[np.int64]
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, curves: Sequence[Curve]) -> Band:
        """Return mean and standard deviation over two or more runs, epoch by epoch.

        Raises
        ------
        InputError
            Fewer than two curves, or no epoch at which all of them have a value.
        """
        if len(curves) < 2:
            message = f"{name!r} has {len(curves)} runs; a standard deviation needs two or more"
            raise InputError(message)
        epochs = np.unique(np.concatenate([curve.epoch for curve in curves]))
        places, values = (np.full((len(curves), epochs.size), np.nan) for _ in range(2))
        for row, curve in enumerate(curves):
            at = np.searchsorted(epochs, curve.epoch)
            places[row, at], values[row, at] = curve.x, curve.value
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
        if np.isnan(mean).all():
            message = f"the runs of {name!r} have no epoch in common at which {curves[0].metric} was taken"
            raise InputError(message)
        kept = _with_gaps(epochs, mean)
        runs = tuple(curve.name for curve in curves)
        x = places.mean(axis=0)
        return cls(name, curves[0].metric, runs, epochs[kept], x[kept], mean[kept], deviation[kept])

    @property
    def final(self) -> tuple[float, float]:
        """Mean and standard deviation at the last epoch that all runs have."""
        at = np.flatnonzero(~np.isnan(self.mean))[-1]
        return float(self.mean[at]), float(self.deviation[at])

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the band shows, by column; missing values are left out."""
        there = ~np.isnan(self.mean)
        names = ("epoch", "x", "mean", "deviation")
        return {name: getattr(self, name)[there] for name in names}


def _with_gaps(epoch: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points make the line: the values, and the missing ones that break the usual interval."""
    present = np.flatnonzero(~np.isnan(value))
    kept = np.zeros(epoch.size, bool)
    kept[present] = True
    steps = np.diff(epoch[present])
    if steps.size:
        lengths, counts = np.unique(steps, return_counts=True)
        usual = lengths[counts.argmax()]
        for left, right in zip(present[:-1][steps > usual], present[1:][steps > usual], strict=True):
            kept[left:right] = True
    return kept


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedBatches(Result):
    """Batches on which losses are compared over epochs and runs.

    Attributes
    ----------
    rows
        For each batch the row numbers of its items, int64 [P * K] (fewer where a class is smaller than K).
    classes
        P, classes in a batch.
    items
        K, the greatest number of items of a class in a batch.
    seed
        Seed of the draw.
    """

    rows: tuple[NDArray[np.int64], ...]
    classes: int
    items: int
    seed: int


def fixed_batches(
    y: ArrayLike, *, count: int = 32, classes: int = 16, items: int = 4, seed: int = 0
) -> FixedBatches:
    """Draw batches of P classes with K items each; equal labels give equal batches.

    Classes of one item are left out, since they hold no positive pair; a class with fewer than K items
    gives all of them, each once. Where there are fewer than P classes, all stand in every batch.

    Parameters
    ----------
    y
        Integer labels [N] of the rows of embeddings [N, D].
    count
        Number of batches.
    classes, items
        P and K, two or more of each.
    seed
        Seed of the draw.

    Raises
    ------
    InputError
        No batch, fewer than two classes or items asked for, or fewer than two classes with two items.
    """
    if count < 1 or classes < 2 or items < 2:
        message = (
            f"{count} batches of {classes} classes with {items} items each; "
            "one batch with two classes of two items is the least"
        )
        raise InputError(message)
    labels = check_labels(y)
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    groups = [group for group in groups if group.size > 1]
    if len(groups) < 2:
        found = "1 label has" if groups else "no label has"
        message = f"{found} two items; a loss needs two classes of two items or more"
        raise InputError(message)
    random = np.random.default_rng(seed)
    taken = min(classes, len(groups))

    def drawn() -> NDArray[np.int64]:
        chosen = random.choice(len(groups), taken, replace=False)
        return np.concatenate([random.permutation(groups[group])[:items] for group in chosen])

    rows = tuple(drawn() for _ in range(count))
    return FixedBatches(rows, taken, items, seed)


class AllTriplets(Loss):
    """Triplet loss max(0, d_ap - d_an + margin) averaged over all triplets of the batch.

    The trainer's own averages the semi-hard triplets, and which those are changes with the embeddings: its
    mean stays near half the margin whatever was learnt. d is the Euclidean distance of the normalised
    embeddings (Schroff et al., "FaceNet", CVPR 2015).

    Parameters
    ----------
    margin
        Margin alpha.
    """

    def __init__(self, *, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over all triplets; 0 where there is none."""
        unit = torch.nn.functional.normalize(z, dim=1)
        distances = torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist")
        same = labels[:, None] == labels[None, :]
        positive = same & ~torch.eye(len(z), dtype=torch.bool, device=z.device)
        total, count = z.sum() * 0.0, 0
        step = max(1, _BLOCK_TRIPLETS // len(z) ** 2)
        for some in (slice(start, start + step) for start in range(0, len(z), step)):
            mined = positive[some, :, None] & ~same[some, None, :]
            d_ap, d_an = distances[some, :, None], distances[some, None, :]
            total = total + (torch.relu(d_ap - d_an + self.margin) * mined).sum()
            count += int(mined.sum())
        loss = total / max(1, count)
        return loss, {"loss": loss.item()}


def check_monitors(names: Iterable[str]) -> dict[str, Loss]:
    """Return the losses by which snapshots can be compared, with default options, each name once.

    "triplet" is `AllTriplets`; the others are what training uses.

    Raises
    ------
    InputError
        An unknown name, or a loss with parameters of its own (proxies, class weights), which are learnt
        with the network and do not stand in a snapshot; or one that needs batches other than P x K.
    """
    found = {}
    for name in names:
        loss = AllTriplets(margin=loss_options(name)["margin"]) if name == "triplet" else build_loss(name)
        if next(loss.parameters(), None) is not None:
            message = (
                f"loss {name!r} learns parameters together with the network, and snapshots do not hold them; "
                "monitor a loss without parameters, such as triplet or n-pair-mc"
            )
            raise InputError(message)
        if "pk" not in loss.samplers:
            own = ", ".join(loss.samplers)
            message = f"loss {name!r} needs batches of its own ({own}); monitor triplet or n-pair-mc, say"
            raise InputError(message)
        found[name] = loss.eval()
    return found


def monitor(
    z: Any, y: ArrayLike, loss: Loss, *, batches: FixedBatches, normalize: bool = False, device: str = "cpu"
) -> NDArray[np.float64]:
    """Return the loss of a snapshot on each fixed batch, float64 [B], without gradient, in float32.

    A batch's loss is the mean over all mined terms, which is what training logs as ``loss``.

    Parameters
    ----------
    z
        Embeddings [N, D]; what is memory-mapped is read at the batches' rows only.
    y
        Integer labels [N].
    loss
        A loss without parameters of its own; it normalises the embeddings, or not, as its definition says.
    batches
        The batches, drawn from the same labels.
    normalize
        Whether to scale every embedding to length 1 first. It matters to losses on inner products, such as
        n-pair-mc, alone.
    device
        Torch device that computes.

    Raises
    ------
    InputError
        A loss that is not finite, or an unknown device.
    """
    place, (array, labels) = check_device(device), check_pair(z, y)
    batch_rows = [check_indices(rows, "batch", rows=labels.size) for rows in batches.rows]
    torch.ones(8).sqrt()  # a first call raced by several threads may be inexact
    losses = np.empty(len(batch_rows))
    with torch.no_grad(), torch.random.fork_rng():
        for number, rows in enumerate(batch_rows):
            torch.manual_seed(batches.seed * len(batch_rows) + number)  # some losses draw their triplets
            values = check_embeddings(array[rows], rows=rows.size, dim=None)
            values = (in_range(values) if normalize else values).astype(np.float32)
            batch = torch.from_numpy(values).to(place)
            if normalize:
                batch = torch.nn.functional.normalize(batch, dim=1)
            _, logs = loss(batch, torch.from_numpy(labels[rows]).to(place))
            losses[number] = logs["loss"]
    if not np.isfinite(losses).all():
        message = (
            "the loss is not finite on these embeddings; where their lengths are the cause, normalise them"
        )
        raise InputError(message)
    return losses
