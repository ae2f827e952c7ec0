"""Plain training: one embedding layer, one loss, batches of one sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.training.backbones import EmbeddingNetwork
from embedlens.training.methods.base import METHODS, Batch, Method, MethodInputs, make_loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from embedlens.objectives import Loss
    from embedlens.training.samplers import Embed


@METHODS.register("plain")
class Plain(Method):
    """One network and one loss over batches of one sampler.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    """

    def __init__(self, given: MethodInputs) -> None:
        super().__init__()
        backbone, dim = given.backbone, given.config.dim
        self.network = EmbeddingNetwork(backbone.module, width=backbone.width, dim=dim)
        self.objective: Loss = make_loss(given, dim)
        self._sampler = given.config.build_sampler(given.labels)
        self.steps = self._sampler.steps
        self.looks = self._sampler.looks

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the sampler's batches."""
        return (Batch(rows) for rows in self._sampler.batches(epoch, embed))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings that are recorded, [B, D]."""
        embeddings: torch.Tensor = self.network(inputs)
        return embeddings

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of the embeddings [B, D] of a batch."""
        loss, logs = self.objective(outputs, labels)
        return loss, logs

    def accuracy(self, embeddings: torch.Tensor, labels: torch.Tensor) -> float | None:
        """Return the accuracy of the loss's classifier on embeddings [N, D] with labels [N]."""
        found = self.objective.classify(embeddings)
        return None if found is None else (found == labels).double().mean().item()
