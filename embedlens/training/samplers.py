"""Which items stand in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.training.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class PKSampler:
    """Batches of P classes with K items each.

    Only classes of two items or more are drawn. A class with fewer than K items gives all of them, some
    more than once. Where there are fewer than P classes, all of them stand in every batch.

    Parameters
    ----------
    labels
        int64 [N].
    classes
        P.
    items
        K, 2 or more.
    seed
        Seed of the run.
    """

    def __init__(self, labels: NDArray[np.int64], *, classes: int, items: int, seed: int) -> None:
        if classes < 2 or items < 2:
            message = f"a batch of {classes} classes with {items} items each; two of each are the least"
            raise InputError(message)
        order = np.argsort(labels, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
        self._groups = [group for group in groups if group.size > 1]
        self.classes = min(classes, len(self._groups))
        self.items = items
        self.steps = max(1, labels.size // (self.classes * items))
        self._seed = seed

    def batches(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Yield the row numbers [P * K] of each batch of an epoch, class by class."""
        for step in range(self.steps):
            random = stream(self._seed, Purpose.BATCHES, epoch=epoch, step=step)
            chosen = random.choice(len(self._groups), self.classes, replace=False)
            yield np.concatenate(
                [np.resize(random.permutation(self._groups[group]), self.items) for group in chosen]
            )
