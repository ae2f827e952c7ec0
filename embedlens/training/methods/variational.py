"""Encoder, decoder and terms of the variance within classes, of deep variational metric learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.objectives import Loss

HIDDEN = 512
"""Width of the hidden layer of the decoder."""


class Encoder(nn.Module):
    """A backbone and three linear heads on its features x: z_I, mu and log sigma^2.

    Parameters
    ----------
    features
        From inputs to features [B, width].
    width, dim
        Dimensions of the features and of each head.
    normalize
        Whether x is the batch-normalised features.
    """

    def __init__(self, features: nn.Module, *, width: int, dim: int, normalize: bool = False) -> None:
        super().__init__()
        self.features = features
        self.batch_norm = nn.BatchNorm1d(width) if normalize else nn.Identity()
        self.heads = nn.Linear(width, 3 * dim)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z_I, mu, log sigma^2 and the features x, concatenated, [B, 3 dim + width]."""
        x = self.batch_norm(self.features(inputs))
        return torch.cat([self.heads(x), x], dim=1)


class Decoder(nn.Module):
    """From z to the features: two linear layers with tanh between them.

    Parameters
    ----------
    dim, width
        Dimensions of z and of the features.
    """

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, HIDDEN)
        self.last = nn.Linear(HIDDEN, width)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the decoded features x' [..., width] of z [..., dim]."""
        decoded: torch.Tensor = self.last(torch.tanh(self.hidden(z)))
        return decoded

    def reconstruction(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the mean over samples and batch of ``|x - x'|^2``, summed over the features.

        Parameters
        ----------
        z
            Synthesised embeddings, [T, B, dim]: T samples of each item.
        x
            Features of the items, [B, width].
        """
        # The last layer is linear: the mean over t of |x - W h_t - b|^2 is |x - W m - b|^2 of the mean m of
        # the h_t, plus the mean of |W (h_t - m)|^2 = (h_t - m)' W'W (h_t - m). With more features than hidden
        # units that takes half the time, since no x' is computed but that of m.
        hidden = torch.tanh(self.hidden(z))
        mean, weight = hidden.mean(dim=0), self.last.weight
        spread = (hidden - mean).flatten(0, 1)
        around: torch.Tensor = (spread * (spread @ (weight.T @ weight))).sum() / spread.shape[0]
        of_mean: torch.Tensor = (self.last(mean) - x).square().sum(dim=1).mean()
        return of_mean + around


class Losses(nn.Module):
    """The metric loss, and the decoder of z.

    Parameters
    ----------
    metric
        The loss of z_I and of the synthesised z.
    dim, width
        Dimensions of z and of the features.
    """

    def __init__(self, metric: Loss, *, dim: int, width: int) -> None:
        super().__init__()
        self.metric = metric
        self.decoder = Decoder(dim, width)


def sampled(mu: torch.Tensor, log_variance: torch.Tensor, samples: int) -> torch.Tensor:
    """Return `samples` draws z_V ~ N(mu, sigma^2), [samples, B, D], from mu and log sigma^2 [B, D].

    Gradients flow to both: z_V = mu + sigma e, e ~ N(0, I).
    """
    noise = torch.randn((samples, *mu.shape), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * log_variance) * noise


def divergence(mu: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return ``KL(N(mu, sigma^2) || N(0, I))`` from mu and log sigma^2 [B, D].

    It is summed over the dimensions, with the mean over the batch.
    """
    return 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()


def gradient_fractions(terms: Mapping[str, torch.Tensor], outputs: torch.Tensor) -> dict[str, float]:
    """Return each term's fraction of the sum of the norms of the terms' gradients; 0 where all are 0.

    Parameters
    ----------
    terms
        Name -> weighted term, a scalar. Its graph is kept.
    outputs
        Tensor [B, D] that the gradients are taken of, as one vector.
    """
    norms = []
    for term in terms.values():
        (gradient,) = torch.autograd.grad(term, outputs, retain_graph=True, allow_unused=True)
        norms.append(0.0 if gradient is None else float(gradient.norm()))
    total = sum(norms) or 1.0
    return {name: norm / total for name, norm in zip(terms, norms, strict=True)}
