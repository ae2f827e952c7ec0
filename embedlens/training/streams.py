"""Random streams keyed by seed, purpose, epoch and step, so that no generator state is saved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a random stream; streams of different purposes are independent."""

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
    """Random streams of the augmentation of a training batch.

    Attributes
    ----------
    seed, epoch, step
        Seed of the run, epoch and step of the batch.
    size
        Number of rows of the whole batch, of which a process may have a part.
    start
        Position in the batch of the first row of this process.
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
        """Return the generator of one item; `place` is its position among the rows of this process."""
        key = (self.seed, Purpose.AUGMENTATION, self.epoch, self.step, self.start + place)
        return np.random.default_rng(key)
