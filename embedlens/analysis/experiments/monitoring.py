"""Losses on fixed batches of snapshots: one scale for runs that were trained with different losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.arguments import check_indices
from embedlens.arrays import check_embeddings, check_labels, check_pair, in_range
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.objectives.base import Loss
from embedlens.results import Result
from embedlens.similarity.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

_BLOCK_TRIPLETS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedBatches(Result):
    """Batches on which losses are compared over epochs and runs.

    Attributes
    ----------
    rows
        For each batch the row numbers of its items, int64 [P * K] (fewer where a class is smaller than K).
    classes
        P, the number of classes in a batch.
    items
        K, the largest number of items of a class in a batch.
    seed
        Seed of the draw.
    """

    rows: tuple[NDArray[np.int64], ...]
    classes: int
    items: int
    seed: int

    def class_sizes(self, y: ArrayLike) -> tuple[int, int]:
        """Return the smallest and the largest number of items of a class in a batch.

        Parameters
        ----------
        y
            Integer labels [N] from which the batches were drawn.
        """
        labels = check_labels(y)
        counts = np.concatenate([np.unique(labels[rows], return_counts=True)[1] for rows in self.rows])
        return int(counts.min()), int(counts.max())


def fixed_batches(
    y: ArrayLike, *, count: int = 32, classes: int = 16, items: int = 4, seed: int = 0
) -> FixedBatches:
    """Draw batches of P classes with K items each; equal labels give equal batches.

    Classes of one item are left out, since they have no positive pair; a class with fewer than K items
    contributes all of them, each once. If there are fewer than P classes, every batch has all of them.

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
        No batch, fewer than two classes or items requested, or fewer than two classes with two items.
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

    The loss of training averages semi-hard triplets, whose selection changes with the embeddings, so that its
    mean stays near half the margin. d is the Euclidean distance of the normalised embeddings (Schroff et al.,
    "FaceNet", CVPR 2015).

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
    """Return losses for the comparison of snapshots by name, with default options.

    "triplet" is `AllTriplets`; the others are those of training.

    Raises
    ------
    InputError
        An unknown name, or a loss with parameters of its own (proxies, class weights), which
        snapshots do not contain; or a loss that needs batches other than P x K.
    """
    from embedlens.objectives.losses import build_loss, loss_options

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

    The loss of a batch is the mean over all mined terms, as training logs it under ``loss``.

    Parameters
    ----------
    z
        Embeddings [N, D]; of a memory-mapped file only the rows of the batches are read.
    y
        Integer labels [N].
    loss
        A loss without parameters of its own.
    batches
        The batches, drawn from the same labels.
    normalize
        Whether to normalise embeddings first; only losses on inner products, such as n-pair-mc, depend on it.
    device
        Torch device that computes.

    Raises
    ------
    InputError
        A loss that is not finite, or an unknown device.
    """
    place, (array, labels) = check_device(device), check_pair(z, y)
    batch_rows = [check_indices(rows, "batch", rows=labels.size) for rows in batches.rows]
    torch.ones(8).sqrt()  # the first call in a process, raced by several threads, may be inexact
    losses = np.empty(len(batch_rows))
    with torch.no_grad(), torch.random.fork_rng(), one_thread():
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
