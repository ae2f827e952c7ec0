"""Hard-aware deeply cascaded embedding: heads at successive depths, each deeper one for harder pairs.

Yuan, Yang & Zhang, "Hard-aware deeply cascaded embedding", ICCV 2017. The released code ranks all pairs of a
batch by each head's own loss; the paper lets a head choose among the pairs that the one before it kept. The
last version of the code weighs the loss of negatives by 10, its first version by 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from embedlens.errors import InputError
from embedlens.training.methods.base import DEFAULT_DIM, METHODS, Batch, Method, MethodInputs
from embedlens.training.methods.slices import check_divides, check_whole, unit_slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embedlens.training.backbones import Stages
    from embedlens.training.samplers import Embed

FRACTIONS = (1.0, 0.5, 0.2)
"""Hardest fraction of the pairs for each head, as published for three heads."""

NEGATIVE_WEIGHT = 10.0
"""Weight of the loss of negatives in the last version of the released code."""


class Heads(nn.Module):
    """A linear layer on the features of several depths.

    Parameters
    ----------
    stages
        The backbone with the features of all its depths.
    depths
        The depths, from 0, that have a head.
    outputs
        Dimensions of each head.
    """

    def __init__(self, stages: Stages, depths: Sequence[int], *, outputs: int) -> None:
        super().__init__()
        self.stages = stages
        self._depths = tuple(depths)
        self.heads = nn.ModuleList([nn.Linear(stages.widths[depth], outputs) for depth in depths])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the concatenated outputs of the heads, the shallowest first, [B, D]."""
        found = self.stages(inputs)
        return torch.cat(
            [head(found[depth]) for head, depth in zip(self.heads, self._depths, strict=True)], dim=1
        )


@METHODS.register("hdc")
class HDC(Method):
    """K heads at evenly spaced depths of one backbone, the last on its features.

    Contrastive pairs: the squared distance d of positives, w max(0, margin - d) of negatives, between unit
    outputs of a head. Head k learns from the hardest fraction of the positives and of the negatives, ranked
    separately; its loss is the mean of their non-zero terms. The embedding is the concatenation of the K
    normalised outputs.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    heads
        K; it must divide D, and the backbone must have features of as many depths.
    hard_shares
        Fraction in (0, 1] for each head, as numbers or comma-separated text; None: the first K of 1, 0.5,
        0.2.
    cascade
        Whether a head selects among the pairs that the previous one kept, as in the paper.
    negative_weight
        w, above 0.

    Raises
    ------
    InputError
        Numbers out of range, a backbone without features of enough depths.
    """

    losses: ClassVar[tuple[str, ...]] = ("contrastive",)
    trunk: ClassVar[str] = "network.stages.network"

    def __init__(
        self,
        given: MethodInputs,
        *,
        heads: int = 3,
        hard_shares: str | Sequence[float] | None = None,
        cascade: bool = False,
        negative_weight: float = NEGATIVE_WEIGHT,
    ) -> None:
        super().__init__()
        config, backbone = given.config, given.backbone
        check_whole("heads", heads, 1)
        check_divides(heads, config.dim, name="heads")
        if not 0 < negative_weight < math.inf:
            message = f"negative_weight is {negative_weight}; a number above 0 is needed"
            raise InputError(message)
        self._weight = negative_weight
        if config.mining not in (None, "all"):
            message = f"method 'hdc' chooses the pairs itself; leave the mining {config.mining!r} out"
            raise InputError(message)
        self._fractions, self._cascade = fractions_of(hard_shares, heads), cascade
        self._margin = float(config.loss_options.get("margin", 1.0))
        stages = backbone.stages() if backbone.stages is not None else None
        if stages is None or len(stages.widths) < heads:
            shown = "none" if stages is None else str(len(stages.widths))
            advice = "choose fewer with --heads" if stages else "add hidden layers with --hidden"
            message = (
                f"method 'hdc' needs features of as many depths as heads, {heads}; "
                f"backbone {config.backbone!r} shows {shown} here; {advice}"
            )
            raise InputError(message)
        n, self._width = len(stages.widths), config.dim // heads
        depths = [-(-(k + 1) * n // heads) - 1 for k in range(heads)]
        self.network = Heads(stages, depths, outputs=self._width)
        self.objective = nn.Module()
        self.slices = [(start, start + self._width) for start in range(0, config.dim, self._width)]
        self._sampler = config.build_sampler(given.labels)
        self.steps, self.looks = self._sampler.steps, self._sampler.looks

    @classmethod
    def default_dim(cls, options: Mapping[str, Any]) -> int:
        """Return the smallest multiple of K that is at least 64."""
        heads = max(1, int(options["heads"]))
        return -(-DEFAULT_DIM // heads) * heads

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the sampler's batches."""
        return (Batch(rows) for rows in self._sampler.batches(epoch, embed))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the concatenated normalised outputs of the heads, [B, D]."""
        return unit_slices(self.network(inputs), self._width)

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the sum of the losses of the heads; all are logged."""
        z = unit_slices(outputs, self._width).reshape(len(outputs), -1, self._width)
        first, second = torch.triu_indices(len(z), len(z), offset=1, device=z.device)
        positive = labels[first] == labels[second]
        d = (z[first] - z[second]).square().sum(dim=2)  # [pairs, K]
        negatives = self._weight * (self._margin - d).clamp(min=0)
        hard = [
            kept(losses, self._fractions, cascade=self._cascade)
            for losses in (d[positive], negatives[~positive])
        ]
        found = [_mean_above_0(torch.cat(pair)) for pair in zip(*hard, strict=True)]
        total = torch.stack(found).sum()
        logs = {f"head{k}_loss": one.item() for k, one in enumerate(found, start=1)}
        return total, {"loss": total.item(), **logs}


def kept(losses: torch.Tensor, fractions: Sequence[float], *, cascade: bool) -> list[torch.Tensor]:
    """Return the largest losses of each head, from which it learns.

    Parameters
    ----------
    losses
        [P, K]: the loss of each pair for each head.
    fractions
        Fraction of the pairs for each head; at least one pair if there is any.
    cascade
        Whether the fraction is of the pairs that the previous head kept, and not of all.
    """
    found: list[torch.Tensor] = []
    rows = torch.arange(len(losses), device=losses.device)
    for k, fraction in enumerate(fractions):
        count = max(min(1, len(rows)), int(fraction * len(rows)))
        order = losses[rows, k].detach().argsort(descending=True, stable=True)[:count]
        found.append(losses[rows[order], k])
        if cascade:
            rows = rows[order]
    return found


def fractions_of(text: str | Sequence[float] | None, heads: int) -> tuple[float, ...]:
    """Return one fraction per head from the option."""
    given: Sequence[object] = text.split(",") if isinstance(text, str) else text or FRACTIONS[:heads]
    try:
        fractions = tuple(float(word) for word in given)  # type: ignore[arg-type]
    except ValueError:
        fractions = ()
    if len(fractions) != heads or not all(0 < fraction <= 1 for fraction in fractions):
        shown = "left at their defaults" if text is None else repr(text)
        message = f"hard_shares are {shown}; {heads} heads need as many numbers above 0 to 1, e.g. 1,0.5,0.2"
        raise InputError(message)
    return fractions


def _mean_above_0(losses: torch.Tensor) -> torch.Tensor:
    """Return the mean of the losses [n] above 0; 0 if there are none."""
    return losses.sum() / (losses > 0).sum().clamp(min=1)
