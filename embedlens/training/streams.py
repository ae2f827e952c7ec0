"""Random streams keyed by where they are used, so that nothing needs to be carried along or saved."""

from __future__ import annotations

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
