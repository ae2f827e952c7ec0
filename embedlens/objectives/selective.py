"""Losses that depend on the hardness of a triplet: HN, SHN, SCT, and the nearest-neighbour loss.

Sources: Xuan, Stylianou, Liu, Pless, "Hard negative examples are hard, but useful", ECCV 2020 (HN, SHN, SCT).
The nearest-neighbour loss has no paper: softmax over the nearest item of the label, with thresholds.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from embedlens.errors import InputError
from embedlens.objectives.base import LOSSES, Loss
from embedlens.objectives.easy_positive import check_temperature, pair_loss
from embedlens.objectives.mining import (
    cosine_matrix,
    easy_positive,
    hard_negative,
    nearest_positive,
    negatives,
    same_label,
    semi_hard_negative,
)

HARD = 0.8
"""A negative more similar than this makes a triplet hard, whatever its positive."""


class _Selective(Loss):
    """Base of HN, SHN and SCT: easy positives, and triplets whose similarities lie between -1 and 1."""

    no_mining: ClassVar[str] = "it chooses the positive and the negative of each anchor itself"

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def select(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return S_ap and S_an of the valid triplets, [n] each."""
        similarity, same = cosine_matrix(z), same_label(labels)
        s_ap = easy_positive(similarity, same)
        s_an = self.negative(similarity, same, s_ap)
        valid = (s_ap > -1) & (s_ap < 1) & (s_an > -1) & (s_an < 1)
        return s_ap[valid], s_an[valid]

    def negative(self, similarity: torch.Tensor, same: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        """Return each anchor's similarity to its hard negative, [B]."""
        return hard_negative(similarity, same)

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over the valid triplets, and the fraction of them that are hard."""
        s_ap, s_an = self.select(z, labels)
        if not s_ap.numel():
            return z.sum() * 0.0, {"loss": 0.0, "valid_share": 0.0, "hard_share": 0.0}
        hard = (s_an > s_ap) | (s_an > HARD)
        loss = self.terms(s_ap, s_an, hard).mean()
        fractions = {
            "valid_share": s_ap.numel() / len(z),
            "hard_share": hard.double().mean().item(),
        }
        return loss, {"loss": loss.item(), **fractions}

    def terms(self, s_ap: torch.Tensor, s_an: torch.Tensor, hard: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Return the loss of each triplet, [n]."""
        return pair_loss(s_ap, s_an, order=1, temperature=self.temperature)


@LOSSES.register("hn")
class HN(_Selective):
    """Hard negative: the first-order loss of easy positive and hard negative over all valid triplets.

    Parameters
    ----------
    temperature
        t of the softmax.
    """


@LOSSES.register("shn")
class SHN(_Selective):
    """Semi-hard negative: as HN, with the nearest negative that is not nearer than the positive.

    Parameters
    ----------
    temperature
        t of the softmax.
    """

    def negative(self, similarity: torch.Tensor, same: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return each anchor's similarity to its semi-hard negative, [B]."""
        return semi_hard_negative(similarity, same, positive)


@LOSSES.register("sct")
class SCT(_Selective):
    """Selectively contrastive triplet loss: of hard triplets only the negative is pushed.

    (sum over easy triplets of the first-order loss + weight * sum over hard ones of S_an) / (number of both);
    hard is S_an > S_ap or S_an > 0.8.

    Parameters
    ----------
    temperature
        t of the softmax.
    weight
        lambda.
    """

    def __init__(self, *, temperature: float = 0.1, weight: float = 1.0) -> None:
        super().__init__(temperature=temperature)
        if not weight >= 0:
            message = f"weight is {weight}; 0 or more is needed"
            raise InputError(message)
        self.weight = weight

    def terms(self, s_ap: torch.Tensor, s_an: torch.Tensor, hard: torch.Tensor) -> torch.Tensor:
        """Return the loss of each triplet, [n]."""
        return torch.where(hard, self.weight * s_an, super().terms(s_ap, s_an, hard))


@LOSSES.register("nn")
class NearestNeighbour(Loss):
    """Nearest-neighbour loss: the nearest positive against the negatives more similar than a threshold.

    -log(e^(S_ap/t) / (e^(S_ap/t) + sum over negatives with S_an > tau of e^(S_an/t))) over the anchors with
    S_ap >= tau. A class may form several clusters.

    Parameters
    ----------
    temperature
        t of the softmax.
    tau
        Threshold in [-1, 1]: anchors with a less similar positive are left out, and so are less similar
        negatives.
    """

    no_mining: ClassVar[str] = "it chooses the positive and the negatives of each anchor itself"

    def __init__(self, *, temperature: float = 0.1, tau: float = 0.5) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)
        if not -1 <= tau <= 1:
            message = f"tau is {tau}; a cosine similarity, from -1 to 1, is needed"
            raise InputError(message)
        self.tau = tau

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over the anchors with a pair, their fraction, and their negatives."""
        similarity, same = cosine_matrix(z), same_label(labels)
        s_ap = nearest_positive(similarity, same)
        valid = s_ap >= self.tau
        if not valid.any():
            return z.sum() * 0.0, {"loss": 0.0, "valid_share": 0.0, "pushed": 0.0}
        s_an = negatives(similarity, same)[valid]
        pushed = s_an > self.tau
        logits = torch.cat([s_ap[valid, None], s_an.masked_fill(~pushed, -torch.inf)], dim=1)
        loss = -(logits / self.temperature).log_softmax(dim=1)[:, 0].mean()
        fraction = valid.double().mean().item()
        mean_pushed = pushed.sum(dim=1).double().mean().item()
        return loss, {"loss": loss.item(), "valid_share": fraction, "pushed": mean_pushed}
