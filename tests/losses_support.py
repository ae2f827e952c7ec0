"""Batches and losses that the tests of objectives share."""

from __future__ import annotations

import numpy as np
import torch

from embedlens.objectives import Loss, Setting, build_loss


def batch(seed=0, n=24, dim=6, classes=6, dtype=torch.float64):
    """Return embeddings that mostly point one way, class by class in turn."""
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(n, dim, generator=random, dtype=dtype) + 0.8
    return z, torch.arange(n) % classes


def tuplets(seed=0, n=3, dim=6, dtype=torch.float64):
    """Return a batch of n tuplets of n + 1 rows."""
    z, _ = batch(seed, n * (n + 1), dim, dtype=dtype)
    labels = [[i, i, *(j for j in range(n) if j != i)] for i in range(n)]
    return z, torch.tensor(labels).flatten()


def made(name, y, *, dim=6, mining=None, **options):
    """Return a loss in float64 for the classes of a batch, its parameters from a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        setting = Setting(dim, np.unique(y.numpy()))
        return build_loss(name, options, mining=mining, setting=setting).double()


def unit_rows(z):
    """Return the normalised rows as lists of plain numbers."""
    return (z / z.norm(dim=1, keepdim=True)).tolist()


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def distance(a, b):
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5


class Together(Loss):
    """Draws all items together, whatever their labels."""

    def forward(self, z, labels):
        unit = torch.nn.functional.normalize(z, dim=1)
        loss = (unit @ unit.T - 1).square().mean()
        return loss, {"loss": loss.item()}
