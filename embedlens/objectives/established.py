"""Losses of pytorch-metric-learning on whole batches, set to the forms of the papers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pytorch_metric_learning import distances, losses, regularizers
from torch.nn import functional

from embedlens.errors import InputError
from embedlens.objectives.base import LOSSES, Loss
from embedlens.objectives.reduction import NonzeroMeanReducer

if TYPE_CHECKING:
    import torch


@LOSSES.register("lifted")
class Lifted(Loss):
    """Lifted structure loss: each positive pair against all negatives of both its items.

    max(0, log(sum_k exp(margin - d_ik) + sum_l exp(margin - d_jl)) + d_ij)^2 / 2, averaged over those pairs.
    Oh Song, Xiang, Jegelka, Savarese, "Deep metric learning via lifted structured feature embedding", CVPR
    2016; d is the Euclidean distance, in the paper of the embeddings, not normalised.

    Parameters
    ----------
    margin
        Margin alpha.
    normalize
        Whether embeddings are normalised first.
    """

    def __init__(self, *, margin: float = 1.0, normalize: bool = False) -> None:
        super().__init__()
        self._loss = losses.LiftedStructureLoss(
            neg_margin=margin, pos_margin=0, distance=distances.LpDistance(normalize_embeddings=normalize)
        )

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over all positive pairs of the batch."""
        loss = self._loss(z, labels)
        return loss, {"loss": loss.item(), "mean_norm": _mean_norm(z)}


@LOSSES.register("angular")
class Angular(Loss):
    """Angular loss: keeps the angle at the negative of the triangle of a triplet below alpha.

    log(1 + sum exp(4 tan^2(alpha) (a + p).n - 2 (1 + tan^2(alpha)) a.p)) over positive pairs, normalised.
    Wang, Zhou, Wen, Liu, Lin, "Deep metric learning with angular loss", ICCV 2017.

    Parameters
    ----------
    alpha
        Angle in degrees, between 0 and 90.
    """

    samplers: ClassVar[tuple[str, ...]] = ("n-pair", "pk", "hard-class", "tuplet")

    def __init__(self, *, alpha: float = 45.0) -> None:
        super().__init__()
        if not 0 < alpha < 90:
            message = f"alpha is {alpha}; an angle between 0 and 90 degrees is needed"
            raise InputError(message)
        self._loss = losses.AngularLoss(alpha=alpha, reducer=NonzeroMeanReducer())
        self._reducer: NonzeroMeanReducer = self._loss.reducer

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over all positive pairs of the batch."""
        # The paper normalises all embeddings; the package does not normalise the negatives.
        loss = self._loss(functional.normalize(z, dim=1), labels)
        return loss, {"loss": self._reducer.mean}


@LOSSES.register("n-pair-mc")
class NPairMC(Loss):
    """Multi-class N-pair loss over N pairs from N classes, with a penalty on the norms.

    Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NeurIPS 2016: the inner
    products are those of the embeddings, not normalised.

    Parameters
    ----------
    l2
        Weight of the mean squared norm.
    normalize
        Whether embeddings are normalised first.
    """

    samplers: ClassVar[tuple[str, ...]] = ("n-pair", "hard-class", "pk")
    items_per_class: ClassVar[int | None] = 2
    default_lr: ClassVar[dict[str, float]] = {"adam": 0.001, "sgd": 0.005}  # inner products are not bounded

    def __init__(self, *, l2: float = 0.002, normalize: bool = False) -> None:
        super().__init__()
        self._loss = losses.NPairsLoss(
            distance=distances.DotProductSimilarity(normalize_embeddings=normalize),
            embedding_regularizer=regularizers.LpRegularizer(p=2, power=2),
            embedding_reg_weight=l2,
        )

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss over one pair of each class in the batch."""
        loss = self._loss(z, labels)
        return loss, {"loss": loss.item(), "mean_norm": _mean_norm(z)}


def _mean_norm(z: torch.Tensor) -> float:
    return float(z.detach().norm(dim=1).mean().item())
