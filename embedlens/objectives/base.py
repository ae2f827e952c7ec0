"""The base class of losses, what a loss knows of the training, and the registry of losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a loss with parameters of its own must know of the training.

    Attributes
    ----------
    dim
        Dimensions D of the embedding.
    classes
        int64 [C]: the labels of the training split, ascending, each once.
    """

    dim: int
    classes: NDArray[np.int64]


class Loss(nn.Module, ABC):
    """A loss over one batch, with its mining.

    A subclass is registered in `LOSSES` under its name; its keyword-only constructor arguments are the
    options that the user may set. A loss that learns from any triplets also takes `miner`; one that learns
    parameters of its own, such as proxies, takes `setting`.
    """

    samplers: ClassVar[tuple[str, ...]] = ("pk", "n-pair", "hard-class", "tuplet")
    """Names of the batches that the loss can learn from; the first is the default."""
    items_per_class: ClassVar[int | None] = None
    """Items of each class that a batch must hold, where the loss prescribes a number."""
    default_lr: ClassVar[Mapping[str, float]] = {"adam": 0.001, "sgd": 0.05}
    """Learning rate that is taken where none is given, by optimizer."""
    default_mining: ClassVar[str | None] = None
    """Mining that is taken where none is given, of a loss that takes a miner."""
    no_mining: ClassVar[str] = "it compares all items of the batch"
    """Why the loss has no use for mining, of a loss that takes none."""

    @abstractmethod
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss to descend, and the numbers to log.

        Parameters
        ----------
        z
            Embeddings of the batch as the network gives them, [B, D].
        labels
            Integer labels [B].

        Returns
        -------
        loss, logs
            A scalar with a gradient, also where the batch holds nothing to learn from (0 then); and
            numbers by name, ``loss`` among them: the mean over all mined terms.
        """

    def classify(self, z: torch.Tensor) -> torch.Tensor | None:
        """Return the label [N] that embeddings z [N, D] are given; None of a loss without a classifier."""
        return None


LOSSES: Registry[type[Loss]] = Registry("loss")
