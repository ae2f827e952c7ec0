"""Base class and registry of losses, and the facts of a training that a loss may need."""

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
    """Facts of a training for a loss that has parameters of its own.

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
    """Base class of losses over one batch.

    A subclass is registered in `LOSSES` under its name; its keyword-only constructor arguments are its
    options. Besides, a loss on triplets of any miner takes `miner`, and one with parameters of its own, such
    as proxies, takes `setting`.
    """

    samplers: ClassVar[tuple[str, ...]] = ("pk", "n-pair", "hard-class", "tuplet")
    """Names of the samplers whose batches the loss can learn from; the first is the default."""
    items_per_class: ClassVar[int | None] = None
    """Number of items of each class in a batch, where the loss prescribes it."""
    default_lr: ClassVar[Mapping[str, float]] = {"adam": 0.001, "sgd": 0.05}
    """Default learning rate by optimizer."""
    default_mining: ClassVar[str | None] = None
    """Default mining of a loss that takes a miner."""
    sums: ClassVar[bool] = False
    """Whether the loss can be a sum over its triplets instead of the mean over the active ones."""
    summed: bool = False
    """Whether the loss is that sum; a method sets it, where its paper has sums."""
    no_mining: ClassVar[str] = "it compares all items of the batch"
    """Why a loss takes no miner; stands in error messages."""

    @abstractmethod
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a batch, and the numbers to log.

        Parameters
        ----------
        z
            Embeddings of the batch as the network gives them, [B, D].
        labels
            Integer labels [B].

        Returns
        -------
        loss, logs
            A scalar with a gradient; 0 where the batch has no term, then too with a gradient, so that every
            step is alike. Numbers by name, among them ``loss``: the mean over all terms, zero ones included.
        """

    def classify(self, z: torch.Tensor) -> torch.Tensor | None:
        """Return the predicted labels [N] of embeddings z [N, D]; None if the loss has no classifier."""
        return None


LOSSES: Registry[type[Loss]] = Registry("loss")
"""Losses by the name that `--loss` takes."""
