"""Random streams keyed by seed, purpose, epoch and step, so that no generator state is saved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; two purposes never share their numbers."""

    WEIGHTS = 0
    BATCHES = 1
    AUGMENTATION = 2
    STEP = 3
    META_CLASSES = 4


def stream(seed: int, purpose: Purpose, *, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """Return the generator of one purpose at one step; the same arguments give the same numbers."""
    return np.random.default_rng((seed, purpose, epoch, step))


def torch_seed(seed: int, purpose: Purpose, *, epoch: int = 0, step: int = 0) -> int:
    """Return a seed for torch's own generator at one step."""
    return int(stream(seed, purpose, epoch=epoch, step=step).integers(2**63))


@dataclass(frozen=True, slots=True)
class Draw:
    """Where the random changes of a training batch are drawn from.

    Attributes
    ----------
    seed, epoch, step
        The run's seed and the place of the batch in it.
    size
        Rows of the whole batch, of which a process may have a share.
    start
        Place of the first row of the share in the batch.
    """

    seed: int
    epoch: int
    step: int
    size: int
    start: int = 0

    def of_batch(self) -> np.random.Generator:
        """Return the generator of the whole batch."""
        return stream(self.seed, Purpose.AUGMENTATION, epoch=self.epoch, step=self.step)

    def of_item(self, place: int) -> np.random.Generator:
        """Return the generator of one item; `place` counts from the start of the share."""
        key = (self.seed, Purpose.AUGMENTATION, self.epoch, self.step, self.start + place)
        return np.random.default_rng(key)
