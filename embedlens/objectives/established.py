"""Losses of pytorch-metric-learning, set to the forms of the papers (its defaults are other losses)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pytorch_metric_learning import distances, losses, miners, reducers, regularizers

from embedlens.objectives.losses import LOSSES, Loss

if TYPE_CHECKING:
    import torch


class _Tally(reducers.BaseReducer):  # type: ignore[misc]
    """Averages the non-zero terms, as published code does, and counts what the average leaves out.

    The average of the non-zero terms alone stays level while fewer and fewer terms are left, so the mean
    over all terms and the share that is not zero are kept for the log.
    """

    def __init__(self, power: int = 1) -> None:
        super().__init__()
        self.power = power
        self.total, self.count, self.nonzero = 0.0, 0, 0

    def _reduce(self, terms: torch.Tensor, _indices: Any, z: torch.Tensor, _labels: Any) -> torch.Tensor:
        terms = terms**self.power
        kept = terms[terms > 0]
        self.total, self.count, self.nonzero = terms.sum().item(), len(terms), len(kept)
        return kept.mean() if len(kept) else z.sum() * 0.0

    element_reduction = pos_pair_reduction = neg_pair_reduction = triplet_reduction = _reduce

    def zero_loss(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return 0 with a gradient; called where the batch has no term at all."""
        self.total, self.count, self.nonzero = 0.0, 0, 0
        return embeddings.sum() * 0.0

    @property
    def mean(self) -> float:
        """Mean over all terms of the last batch."""
        return self.total / self.count if self.count else 0.0


@LOSSES.register("triplet")
class Triplet(Loss):
    """Triplet loss max(0, d_ap - d_an + margin) over the semi-hard triplets of the batch.

    Semi-hard as in Schroff et al., "FaceNet", CVPR 2015: the negative is further than the positive, by less
    than the margin. d is the Euclidean distance of the normalised embeddings.

    Parameters
    ----------
    margin
        Margin alpha.
    """

    def __init__(self, *, margin: float = 0.2) -> None:
        super().__init__()
        self._tally = _Tally()
        self._miner = miners.TripletMarginMiner(margin=margin, type_of_triplets="semihard")
        self._loss = losses.TripletMarginLoss(margin=margin, reducer=self._tally)
        self._tally = self._loss.reducer

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over the semi-hard triplets of the batch."""
        mined = self._miner(z, labels)
        if not len(mined[0]):
            return z.sum() * 0.0, {"loss": 0.0, "nonzero_share": 0.0}
        loss = self._loss(z, labels, mined)
        share = self._tally.nonzero / self._tally.count
        return loss, {"loss": self._tally.mean, "nonzero_share": share}


@LOSSES.register("contrastive")
class Contrastive(Loss):
    """Contrastive loss d^2 over the positive pairs, max(0, margin - d)^2 over the negative pairs.

    Hadsell, Chopra, LeCun, "Dimensionality reduction by learning an invariant mapping", CVPR 2006; d is the
    Euclidean distance of the normalised embeddings; each kind of pair is averaged by itself.

    Parameters
    ----------
    margin
        Margin m of the negative pairs.
    """

    def __init__(self, *, margin: float = 1.0) -> None:
        super().__init__()
        self._tallies = {"pos_loss": _Tally(power=2), "neg_loss": _Tally(power=2)}
        self._loss = losses.ContrastiveLoss(
            pos_margin=0, neg_margin=margin, reducer=reducers.MultipleReducers(self._tallies)
        )

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over all pairs of the batch."""
        loss = self._loss(z, labels)
        tallies = self._tallies.values()
        count = sum(tally.count for tally in tallies)
        share = sum(tally.nonzero for tally in tallies) / count if count else 0.0
        return loss, {"loss": sum(tally.mean for tally in tallies), "nonzero_share": share}


@LOSSES.register("n-pair-mc")
class NPairMC(Loss):
    """Multi-class N-pair loss over N pairs from N classes, with a penalty on the norms.

    Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NeurIPS 2016: the inner
    products are those of the embeddings as they are, not normalised.

    Parameters
    ----------
    l2
        Weight of the mean squared norm.
    """

    items_per_class: ClassVar[int | None] = 2

    def __init__(self, *, l2: float = 0.002) -> None:
        super().__init__()
        self._loss = losses.NPairsLoss(
            distance=distances.DotProductSimilarity(normalize_embeddings=False),
            embedding_regularizer=regularizers.LpRegularizer(p=2, power=2),
            embedding_reg_weight=l2,
        )

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over one pair of each class in the batch."""
        loss = self._loss(z, labels)
        return loss, {"loss": loss.item(), "mean_norm": z.detach().norm(dim=1).mean().item()}
