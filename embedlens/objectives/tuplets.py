"""Losses on tuplets and pairs by inner products: (N+1)-tuplet and one-vs-one N-pair.

Source: Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NeurIPS 2016.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch.nn import functional

from embedlens.errors import InputError
from embedlens.objectives.base import LOSSES, Loss


@LOSSES.register("tuplet")
class Tuplet(Loss):
    """(N+1)-tuplet loss log(1 + sum_i exp(f.f_i - f.f+)), with a penalty on the norms.

    A batch is N tuplets of N + 1 rows, one after the other: an anchor, its positive, and one item of each of
    N - 1 other classes. Inner products are those of the embeddings, not normalised.

    Parameters
    ----------
    l2
        Weight of the mean squared norm.
    normalize
        Whether embeddings are normalised first.
    """

    samplers: ClassVar[tuple[str, ...]] = ("tuplet",)
    default_lr: ClassVar[dict[str, float]] = {"adam": 0.001, "sgd": 0.005}
    no_mining: ClassVar[str] = "its batches hold one positive and the negatives of each anchor"

    def __init__(self, *, l2: float = 0.002, normalize: bool = False) -> None:
        super().__init__()
        self.l2, self.normalize = _check_weight(l2), normalize

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over the tuplets of the batch."""
        n = (math.isqrt(4 * len(z) + 1) - 1) // 2  # from B = N (N + 1)
        if n < 2 or n * (n + 1) != len(z):
            message = (
                f"a batch of {len(z)} rows holds no N tuplets of N + 1 rows; sample it with --sampler tuplet"
            )
            raise InputError(message)
        places = labels.view(n, n + 1)
        if (places[:, 0] != places[:, 1]).any() or (places[:, :1] == places[:, 2:]).any():
            message = "a tuplet is an anchor, its positive and negatives, in this order; use --sampler tuplet"
            raise InputError(message)
        f = _scaled(z, normalize=self.normalize).view(n, n + 1, -1)
        products = (f[:, :1] * f[:, 1:]).sum(dim=2)
        terms = functional.softplus((products[:, 1:] - products[:, :1]).logsumexp(dim=1))
        loss = terms.mean() + self.l2 * z.square().sum(dim=1).mean()
        return loss, {"loss": loss.item(), "mean_norm": z.detach().norm(dim=1).mean().item()}


@LOSSES.register("n-pair-ovo")
class NPairOVO(Loss):
    """One-vs-one N-pair loss (1/N) sum_i sum_{j != i} log(1 + exp(f_i.f_j+ - f_i.f_i+)).

    With a penalty on the norms; inner products are those of the embeddings, not normalised. The pair of a
    class is its first two items in the batch.

    Parameters
    ----------
    l2
        Weight of the mean squared norm.
    normalize
        Whether embeddings are normalised first.
    """

    samplers: ClassVar[tuple[str, ...]] = ("n-pair", "hard-class", "pk")
    items_per_class: ClassVar[int | None] = 2
    default_lr: ClassVar[dict[str, float]] = {"adam": 0.001, "sgd": 0.005}
    no_mining: ClassVar[str] = "its negatives are the positives of the other pairs"

    def __init__(self, *, l2: float = 0.002, normalize: bool = False) -> None:
        super().__init__()
        self.l2, self.normalize = _check_weight(l2), normalize

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over one pair of each class that has two items."""
        penalty = self.l2 * z.square().sum(dim=1).mean()
        norm = {"mean_norm": z.detach().norm(dim=1).mean().item()}
        anchors, positives = _pairs(labels)
        n = anchors.numel()
        if n < 2:
            return z.sum() * 0.0, {"loss": 0.0, **norm}
        f = _scaled(z, normalize=self.normalize)
        products = f[anchors] @ f[positives].T
        terms = functional.softplus(products - products.diagonal()[:, None])
        off_diagonal = ~torch.eye(n, dtype=torch.bool, device=z.device)
        loss = terms[off_diagonal].sum() / n + penalty
        return loss, {"loss": loss.item(), **norm}


def _check_weight(l2: float) -> float:
    """Return a weight of the norms, 0 or more."""
    if not l2 >= 0:
        message = f"l2 is {l2}; a weight of 0 or more is needed"
        raise InputError(message)
    return l2


def _scaled(z: torch.Tensor, *, normalize: bool) -> torch.Tensor:
    return functional.normalize(z, dim=1) if normalize else z


def _pairs(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first and the second row of every label that has two, [N] each."""
    order = torch.argsort(labels, stable=True)
    ascending = labels[order]
    begins = torch.ones_like(ascending, dtype=torch.bool)
    begins[1:] = ascending[1:] != ascending[:-1]
    first = torch.where(begins[:-1] & ~begins[1:])[0]
    return order[first], order[first + 1]
