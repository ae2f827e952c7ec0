"""A method owns what differs between ways of training; the trainer's loop is one and asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.objectives import Loss
    from embedlens.training.samplers import Embed, Sampler


class Plain(nn.Module):
    """One network and one loss over batches of one sampler.

    Parameters
    ----------
    network
        From images to embeddings.
    loss
        The loss of a batch.
    sampler
        Gives the batches.
    """

    def __init__(self, network: nn.Module, loss: Loss, sampler: Sampler) -> None:
        super().__init__()
        self.network = network
        self.objective = loss
        self._sampler = sampler

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self._sampler.steps

    @property
    def looks(self) -> bool:
        """Whether batches depend on the network as it stands."""
        return self._sampler.looks

    def batches(self, epoch: int, embed: Embed) -> Iterator[NDArray[np.int64]]:
        """Yield the row numbers of each batch of an epoch; `embed` gives embeddings [n, D] as they stand."""
        return self._sampler.batches(epoch, embed)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings that are recorded, [B, D]."""
        embeddings: torch.Tensor = self.network(images)
        return embeddings

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a batch, and the numbers to log, from what the network made of it, [B, D]."""
        loss, logs = self.objective(outputs, labels)
        return loss, logs

    def accuracy(self, embeddings: torch.Tensor, labels: torch.Tensor) -> float | None:
        """Return the share of recorded embeddings [N, D] whose labels [N] the loss's classifier finds.

        None where the loss has no classifier.
        """
        found = self.objective.classify(embeddings)
        return None if found is None else (found == labels).double().mean().item()
