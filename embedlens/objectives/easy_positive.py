"""Losses on each anchor's easy positive: EP with all negatives, EPHN and EPSHN with one hard negative.

Sources: Xuan, Stylianou, Pless, "Improved embeddings with easy positive triplet mining", WACV 2020 (the
selection, EP, and the first order); the authors' gradient simulation (the second order of EPHN and EPSHN).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch.nn import functional

from embedlens.errors import InputError, unknown
from embedlens.objectives.base import LOSSES, Loss
from embedlens.objectives.mining import (
    cosine_matrix,
    easy_positive,
    hard_negative,
    negatives,
    same_label,
    semi_hard_negative,
)

if TYPE_CHECKING:
    import torch


def pair_loss(s_ap: torch.Tensor, s_an: torch.Tensor, *, order: int, temperature: float) -> torch.Tensor:
    """Return the loss of each triplet from its two similarities, [n].

    First order: -log softmax([S_ap, S_an] / t)[0]. Second order: the same of the logits
    [S_ap - S_ap^2 / 2, S_an^2 / 2], that is softplus((Delta^2 - 1) / (2 t)) with Delta the distance of the
    dot to (1, 0): the pull is 1 - S_ap, the push S_an.

    Parameters
    ----------
    s_ap, s_an
        Cosine similarity to the positive and to the negative, [n].
    order
        1 or 2.
    temperature
        t, above 0.
    """
    if order == 1:
        return functional.softplus((s_an - s_ap) / temperature)
    return functional.softplus(((1 - s_ap) ** 2 + s_an**2 - 1) / (2 * temperature))


def all_negatives_loss(s_ap: torch.Tensor, s_an: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Return -log(e^(S_ap/t) / (e^(S_ap/t) + sum over all negatives of e^(S_an/t))) of each anchor.

    Parameters
    ----------
    s_ap
        Cosine similarity to the positive, [n].
    s_an
        Cosine similarities to the negatives, [n, m]; minus infinity where the entry is no negative, and one
        negative in each row at least.
    temperature
        t, above 0.
    """
    return functional.softplus((s_an / temperature).logsumexp(dim=1) - s_ap / temperature)


def check_temperature(temperature: float) -> float:
    """Return the temperature; `InputError` unless it is above 0."""
    if not temperature > 0:
        message = f"temperature is {temperature}; a number above 0 is needed"
        raise InputError(message)
    return temperature


class _EasyPositive(Loss):
    """Base of EPHN and EPSHN, which differ only in the negative that they choose."""

    no_mining: ClassVar[str] = "it chooses the positive and the negative of each anchor itself"

    def __init__(self, *, order: int = 1, temperature: float = 0.1) -> None:
        super().__init__()
        if order not in (1, 2):
            raise unknown(order, "order", (1, 2))
        self.order = order
        self.temperature = check_temperature(temperature)

    @abstractmethod
    def negative(self, similarity: torch.Tensor, same: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return each anchor's similarity to its negative, [B]; minus infinity where it has none."""

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over the anchors with S_ap > 0 and S_an > 0, and their fraction of the batch."""
        similarity, same = cosine_matrix(z), same_label(labels)
        s_ap = easy_positive(similarity, same)
        s_an = self.negative(similarity, same, s_ap)
        valid = (s_ap > 0) & (s_an > 0)
        if not valid.any():
            return z.sum() * 0.0, {"loss": 0.0, "valid_share": 0.0}
        terms = pair_loss(s_ap[valid], s_an[valid], order=self.order, temperature=self.temperature)
        loss = terms.mean()
        return loss, {"loss": loss.item(), "valid_share": valid.double().mean().item()}


@LOSSES.register("ep")
class EP(Loss):
    """Easy positive with all negatives of the batch.

    Every anchor that has a positive (no duplicate of it) and a negative counts, whatever the signs of its
    similarities: the condition S_ap > 0 and S_an > 0 belongs to the losses that choose one negative.

    Parameters
    ----------
    temperature
        t of the softmax.
    """

    no_mining: ClassVar[str] = "it chooses the positive of each anchor itself, and takes all negatives"

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over anchors with a positive and a negative, and their fraction of the batch."""
        similarity, same = cosine_matrix(z), same_label(labels)
        s_ap = easy_positive(similarity, same)
        valid = s_ap.isfinite() & ~same.all(dim=1)
        if not valid.any():
            return z.sum() * 0.0, {"loss": 0.0, "valid_share": 0.0}
        s_an = negatives(similarity, same)[valid]
        loss = all_negatives_loss(s_ap[valid], s_an, temperature=self.temperature).mean()
        return loss, {"loss": loss.item(), "valid_share": valid.double().mean().item()}


@LOSSES.register("ephn")
class EPHN(_EasyPositive):
    """Easy positive with hard negative.

    Parameters
    ----------
    order
        1 or 2, see `pair_loss`.
    temperature
        t of the softmax.
    """

    def negative(self, similarity: torch.Tensor, same: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return the similarity to the most similar item of another label."""
        return hard_negative(similarity, same)


@LOSSES.register("epshn")
class EPSHN(_EasyPositive):
    """Easy positive with semi-hard negative.

    Parameters
    ----------
    order
        1 or 2, see `pair_loss`.
    temperature
        t of the softmax.
    """

    def negative(self, similarity: torch.Tensor, same: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return the similarity to the most similar negative that is not more similar than the positive."""
        return semi_hard_negative(similarity, same, positive)
