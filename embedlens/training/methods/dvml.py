"""Deep variational metric learning: models the variance within classes apart from the embedding.

Lin, Duan, Dong, Lu & Zhou, "Deep variational metric learning", ECCV 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from embedlens.errors import InputError
from embedlens.training.methods.base import METHODS, Batch, EmbedSplits, Method, MethodInputs, make_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from embedlens.objectives import Loss
    from embedlens.training.samplers import Embed

HIDDEN = 512
WEIGHTS = (
    {"kl": 1.0, "reconstruction": 1.0, "synthesised": 0.1, "invariant": 1.0},
    {"kl": 0.8, "reconstruction": 1.0, "synthesised": 0.2, "invariant": 0.8},
)
"""What the four losses weigh in the first and in the second phase."""


class Encoder(nn.Module):
    """A backbone, batch norm, and three linear heads: z_I, mu and log sigma^2.

    Parameters
    ----------
    features
        From inputs to features [B, width].
    width, dim
        Dimensions of the features and of each head.
    """

    def __init__(self, features: nn.Module, *, width: int, dim: int) -> None:
        super().__init__()
        self.features = features
        self.norm = nn.BatchNorm1d(width)
        self.heads = nn.Linear(width, 3 * dim)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z_I, mu, log sigma^2 and the normalised features x, concatenated, [B, 3 dim + width]."""
        x = self.norm(self.features(inputs))
        return torch.cat([self.heads(x), x], dim=1)


class Losses(nn.Module):
    """The metric loss, and the decoder from z to the features.

    Parameters
    ----------
    metric
        The loss of z_I and of the synthesised z.
    width, dim
        Dimensions of the features and of z.
    """

    def __init__(self, metric: Loss, *, width: int, dim: int) -> None:
        super().__init__()
        self.metric = metric
        self.decoder = nn.Sequential(
            nn.Linear(dim, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, width)
        )


@METHODS.register("dvml")
class DVML(Method):
    """Three heads, a sampled variance, a decoder and four losses in two phases.

    z_V = mu + sigma e, e ~ N(0, I); z = z_I + z_V. The losses: ``KL(N(mu, sigma^2) || N(0, I))``, summed over
    the dimensions; ``1/2 |x - x'|^2`` of the features x after batch norm and their reconstruction x' from z;
    the
    metric loss of z (`synthesised`) and of z_I (`invariant`). In the first phase the decoder's gradient
    stays with the decoder.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    first_phase
        Epochs of the first phase; None: half of all.
    record_latent
        Whether mu, sigma and the central latent space [N, D] of every split are recorded.
    reconstruction_weight
        What the reconstruction weighs, in both phases. As published 1, of features 1,024 wide; it is a sum
        over the features, so that wider ones outweigh the metric loss more.

    Raises
    ------
    InputError
        A number of epochs or a weight below 0.
    """

    def __init__(
        self,
        given: MethodInputs,
        *,
        first_phase: int | None = None,
        record_latent: bool = False,
        reconstruction_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if first_phase is not None and first_phase < 0:
            message = f"first_phase is {first_phase}; a whole number from 0 is needed"
            raise InputError(message)
        if not 0 <= reconstruction_weight < np.inf:
            message = f"reconstruction_weight is {reconstruction_weight}; a number from 0 is needed"
            raise InputError(message)
        self._weights = [weights | {"reconstruction": reconstruction_weight} for weights in WEIGHTS]
        config, backbone = given.config, given.backbone
        self._dim, self._latent = config.dim, record_latent
        self._first = config.epochs // 2 if first_phase is None else first_phase
        self._epoch = 0
        self.network = Encoder(backbone.module, width=backbone.width, dim=config.dim)
        self.objective: Losses = Losses(make_loss(given, config.dim), width=backbone.width, dim=config.dim)
        self._sampler = config.build_sampler(given.labels)
        self.steps, self.looks = self._sampler.steps, self._sampler.looks

    def begin(self, epoch: int, embed_all: object) -> None:
        """Set the phase by the epoch."""
        self._epoch = epoch

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the sampler's batches."""
        return (Batch(rows) for rows in self._sampler.batches(epoch, embed))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z_I, the embeddings that are recorded, [B, D]."""
        return self.embeddings(self.network(inputs))

    def embeddings(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return z_I [B, D]."""
        return self._parts(outputs)[0]

    def _parts(self, outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return z_I, mu, log sigma^2 [B, D] each, and the features x [B, width]."""
        d = self._dim
        return outputs[:, :d], outputs[:, d : 2 * d], outputs[:, 2 * d : 3 * d], outputs[:, 3 * d :]

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the weighted sum of the four losses of a batch, and each of them."""
        invariant, mu, log_variance, x = self._parts(outputs)
        synthesised = invariant + sampled(mu, log_variance)
        first = self._epoch <= self._first
        decoded = self.objective.decoder(synthesised.detach() if first else synthesised)
        metric, logs = self.objective.metric(invariant, labels)
        parts = {
            "kl": divergence(mu, log_variance),
            "reconstruction": 0.5 * (decoded - x.detach()).square().sum(dim=1).mean(),
            "synthesised": self.objective.metric(synthesised, labels)[0],
            "invariant": metric,
        }
        weights = self._weights[0 if first else 1]
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return total, {
            **logs,
            **{name: part.item() for name, part in parts.items()},
            "loss": total.item(),
        }

    def extras(
        self, embed_splits: EmbedSplits, labels: Mapping[str, NDArray[Any]]
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return mu, sigma and the central latent space of every split, if `record_latent`."""
        if not self._latent:
            return {}
        d = self._dim
        found = embed_splits(self.network)
        return {
            split: {
                "mu": array[:, d : 2 * d],
                "sigma": _sigma(array[:, 2 * d : 3 * d]),
                "central": central(array[:, :d], labels[split]),
            }
            for split, array in found.items()
        }


def sampled(mu: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return z_V ~ N(mu, sigma^2) [B, D] from mu and log sigma^2 [B, D]; gradients flow to both."""
    return mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)


def divergence(mu: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return ``KL(N(mu, sigma^2) || N(0, I))`` from mu and log sigma^2 [B, D]: the mean over the batch."""
    return 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()


def central(z: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return every item minus the mean of its class, float32 [N, D], from z_I [N, D] and labels [N]."""
    _, group, count = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((count.size, z.shape[1]))
    np.add.at(sums, group, z)
    return np.asarray(z - (sums / count[:, None])[group], np.float32)


def _sigma(log_variance: NDArray[Any]) -> NDArray[Any]:
    """Return sigma from log sigma^2."""
    return np.asarray(np.exp(0.5 * log_variance))
