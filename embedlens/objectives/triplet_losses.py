"""Losses on mined triplets and pairs: contrastive, triplet, margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pytorch_metric_learning import losses, reducers

from embedlens.errors import InputError
from embedlens.objectives.base import LOSSES, Loss
from embedlens.objectives.miners import All, DistanceWeighted, Miner, SemiHard
from embedlens.objectives.reduction import NonzeroMeanReducer

if TYPE_CHECKING:
    from embedlens.objectives.mined_triplets import Mined


@LOSSES.register("triplet")
class Triplet(Loss):
    """Triplet loss max(0, d_ap - d_an + margin) over mined triplets.

    Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015; d is the Euclidean distance of the normalised
    embeddings; the non-zero terms are averaged, or added up if `summed`.

    Parameters
    ----------
    margin
        Margin alpha.
    miner
        Selects the triplets; by default semi-hard ones within the margin.
    """

    default_mining: ClassVar[str | None] = "semi-hard"
    sums: ClassVar[bool] = True

    def __init__(self, *, margin: float = 0.2, miner: Miner | None = None) -> None:
        super().__init__()
        self.miner = miner or SemiHard(margin=margin)
        self._loss = losses.TripletMarginLoss(margin=margin, reducer=NonzeroMeanReducer())
        self._reducer: NonzeroMeanReducer = self._loss.reducer

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over the mined triplets of the batch."""
        mined = self.miner(z, labels)
        if not len(mined):
            return z.sum() * 0.0, {"loss": 0.0, "nonzero_share": 0.0, **_counts(mined)}
        loss = self._loss(z, labels, mined.indices)
        if self.summed:
            loss = loss * self._reducer.nonzero
        return loss, {"loss": self._reducer.mean, "nonzero_share": self._reducer.fraction, **_counts(mined)}


@LOSSES.register("contrastive")
class Contrastive(Loss):
    """Contrastive loss d^2 over positive pairs, max(0, margin - d)^2 over negative pairs.

    Hadsell, Chopra, LeCun, "Dimensionality reduction by learning an invariant mapping", CVPR 2006; d is the
    Euclidean distance of the normalised embeddings; each kind of pair is averaged by itself, each pair of the
    mined triplets once.

    Parameters
    ----------
    margin
        Margin m of the negative pairs.
    miner
        Selects the triplets whose pairs count; by default all pairs of the batch.
    """

    default_mining: ClassVar[str | None] = "all"

    def __init__(self, *, margin: float = 1.0, miner: Miner | None = None) -> None:
        super().__init__()
        self.miner = miner or All()
        self._reducers = {"pos_loss": NonzeroMeanReducer(power=2), "neg_loss": NonzeroMeanReducer(power=2)}
        self._loss = losses.ContrastiveLoss(
            pos_margin=0, neg_margin=margin, reducer=reducers.MultipleReducers(self._reducers)
        )

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over the pairs of the mined triplets."""
        pairs = None
        if not isinstance(self.miner, All):
            mined = self.miner(z, labels)
            if not len(mined):
                return z.sum() * 0.0, {"loss": 0.0, "nonzero_share": 0.0}
            pairs = (
                *torch.unique(torch.stack([mined.anchor, mined.positive]), dim=1),
                *torch.unique(torch.stack([mined.anchor, mined.negative]), dim=1),
            )
        loss = self._loss(z, labels, pairs)
        kinds = self._reducers.values()
        count = sum(kind.count for kind in kinds)
        fraction = sum(kind.nonzero for kind in kinds) / count if count else 0.0
        return loss, {"loss": sum(kind.mean for kind in kinds), "nonzero_share": fraction}


@LOSSES.register("margin")
class Margin(Loss):
    """Margin loss [margin + d_ap - beta]_+ + [margin + beta - d_an]_+ over mined triplets.

    Wu, Manmatha, Smola, Krahenbuhl, "Sampling matters in deep embedding learning", ICCV 2017; d is the
    Euclidean distance of the normalised embeddings. The sum is divided by the number of non-zero parts,
    unless it is to be `summed`.

    Parameters
    ----------
    margin
        Margin alpha.
    beta
        Boundary between the distances of positive and negative pairs; if it is learnt, its initial value.
    learn_beta
        Whether beta is learnt with the network.
    nu
        Weight of beta itself in the loss where it is learnt, which keeps it from growing.
    miner
        Selects the triplets; by default by distance-weighted sampling.
    """

    default_mining: ClassVar[str | None] = "distance-weighted"
    sums: ClassVar[bool] = True

    def __init__(
        self,
        *,
        margin: float = 0.2,
        beta: float = 1.2,
        learn_beta: bool = False,
        nu: float = 0.0,
        miner: Miner | None = None,
    ) -> None:
        super().__init__()
        if not 0 < beta < 2:
            message = f"beta is {beta}; a distance between 0 and 2 is needed"
            raise InputError(message)
        if nu and not learn_beta:
            message = f"nu {nu} weighs a beta that is learnt; set learn_beta, too"
            raise InputError(message)
        self.margin, self.nu = margin, nu
        self.beta = torch.nn.Parameter(torch.tensor(float(beta)), requires_grad=learn_beta)
        if not learn_beta:
            del self.beta
            self.register_buffer("beta", torch.tensor(float(beta)), persistent=False)
        self.miner = miner or DistanceWeighted()

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over the mined triplets of the batch."""
        mined = self.miner(z, labels)
        logs = {"beta": self.beta.item(), **_counts(mined)}
        if not len(mined):
            return z.sum() * 0.0 + self.beta * 0.0, {"loss": 0.0, "nonzero_share": 0.0, **logs}
        unit = torch.nn.functional.normalize(z, dim=1)
        anchor = unit[mined.anchor]
        parts = torch.cat(
            [
                torch.relu(_distance(anchor, unit[mined.positive]) - self.beta + self.margin),
                torch.relu(self.beta - _distance(anchor, unit[mined.negative]) + self.margin),
            ]
        )
        nonzero = int((parts > 0).sum())
        loss = parts.sum() / (1 if self.summed else max(1, nonzero)) + self.nu * self.beta
        mean = 2 * parts.mean().item()  # a term is both parts of a triplet
        return loss, {"loss": mean, "nonzero_share": nonzero / parts.numel(), **logs}


def _counts(mined: Mined) -> dict[str, float]:
    """Return the numbers of triplets and of skipped anchors or pairs, for the log."""
    return {"mined": float(len(mined)), "skipped": float(mined.n_skipped)}


def _distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return Euclidean distances of rows [n, D]; the gradient at equal rows is 0, not NaN."""
    # The gradient of sqrt is infinite at 0; clamp has none below its bound.
    return (a - b).square().sum(dim=1).clamp(min=1e-12).sqrt()
