"""Miners by name: they select the triplets of a batch on which a loss is computed.

A miner takes the embeddings of a batch and its labels, and returns triplets. Random choices use torch's
global generator, which the trainer seeds at each step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from embedlens.errors import InputError, first_sentence, unknown
from embedlens.objectives import building
from embedlens.objectives.mined_triplets import Mined, eligible_triplets, triplets_of_pairs
from embedlens.objectives.mining import (
    DUPLICATE,
    cosine_matrix,
    draw_columns,
    log_density,
    positives_of,
    same_label,
)
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

MINERS: Registry[type[Miner]] = Registry("mining")
"""Mining strategies by name."""


class Miner(nn.Module, ABC):
    """Base class of miners; the keyword-only constructor arguments are its options."""

    @abstractmethod
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> Mined:
        """Select triplets of a batch.

        Parameters
        ----------
        z
            Embeddings of the batch [B, D], not necessarily normalised.
        labels
            Integer labels [B].
        """


class _OfSimilarities(Miner):
    """Base of the miners that need only the cosine similarities of the batch."""

    @torch.no_grad()
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> Mined:
        """Select triplets of a batch."""
        return self.choose(cosine_matrix(z), same_label(labels), z.shape[1])

    @abstractmethod
    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Select triplets by cosine similarities [B, B], the mask of equal labels [B, B], and D."""


def build_miner(name: str, options: Mapping[str, Any] | None = None) -> Miner:
    """Return a new miner by its name.

    Parameters
    ----------
    name
        A name in `MINERS`, or "pml:" and the name of a class in `pytorch_metric_learning.miners`.
    options
        Its constructor's arguments.

    Raises
    ------
    InputError
        An unknown name or option.
    """
    given = dict(options or {})
    if name.startswith(building.PREFIX):
        from pytorch_metric_learning import miners as package

        return _PmlMiner(building.package_class(package, name, kind="miner"), given)
    return MINERS.get(name)(**building.checked_options(MINERS, name, given))


def mining_options(name: str) -> dict[str, Any]:
    """Return the options of a miner with defaults; none for those of pytorch-metric-learning ("pml:")."""
    return {} if name.startswith(building.PREFIX) else building.options_of(MINERS.get(name))


def distances(similarity: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean distances of unit vectors from their cosine similarities, of any shape."""
    return (2 - 2 * similarity).clamp(min=0).sqrt()


@MINERS.register("all")
class All(_OfSimilarities):
    """Every triplet of the batch."""

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Choose every anchor with every positive and every negative."""
        anchor, positive = torch.where(positives_of(same))
        return triplets_of_pairs(anchor, positive, ~same[anchor])


@MINERS.register("random")
class Random(_OfSimilarities):
    """For every positive pair one negative, drawn uniformly."""

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Draw a negative for every positive pair."""
        return _drawn((~same).to(similarity.dtype), same)


@MINERS.register("hard")
class Hard(_OfSimilarities):
    """For every positive pair the negative nearest to the anchor."""

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Choose the most similar negative for every positive pair."""
        anchor, positive = torch.where(positives_of(same))
        nearest = similarity.masked_fill(same, -torch.inf).argmax(dim=1)[anchor]
        return eligible_triplets(anchor, positive, nearest, eligible=~same.all(dim=1)[anchor])


@MINERS.register("semi-hard")
class SemiHard(_OfSimilarities):
    """All triplets whose negative is farther than the positive by less than the margin.

    Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, section 3.2.

    Parameters
    ----------
    margin
        In Euclidean distance of the normalised embeddings.
    """

    def __init__(self, *, margin: float = 0.2) -> None:
        super().__init__()
        if not isinstance(margin, float | int) or not margin > 0:
            message = f"margin of semi-hard mining is {margin!r}; a number above 0 is needed"
            raise InputError(message)
        self.margin = margin

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Choose the triplets within the margin."""
        d = distances(similarity)
        anchor, positive = torch.where(positives_of(same))
        further = d[anchor] - d[anchor, positive][:, None]
        return triplets_of_pairs(anchor, positive, ~same[anchor] & (further > 0) & (further < self.margin))


@MINERS.register("semi-hard-range")
class SemiHardRange(_OfSimilarities):
    """For every anchor one positive and one negative from the range of distances where both kinds occur.

    Eligible are negatives nearer than the anchor's farthest positive, and positives farther than its nearest
    negative. One of each is drawn uniformly from the eligible ones, or from all where none is eligible.
    """

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Draw a positive and a negative for every anchor."""
        positives, negatives = positives_of(same), ~same
        farthest = similarity.masked_fill(~positives, torch.inf).amin(dim=1, keepdim=True)
        nearest = similarity.masked_fill(same, -torch.inf).amax(dim=1, keepdim=True)
        n = draw_columns(negatives & (similarity > farthest), negatives)
        p = draw_columns(positives & (similarity < nearest), positives)
        anchor = torch.arange(len(same), device=same.device)
        return eligible_triplets(anchor, p, n, eligible=positives.any(dim=1) & negatives.any(dim=1))


@MINERS.register("distance-weighted")
class DistanceWeighted(_OfSimilarities):
    """For every positive pair one negative, drawn with a weight that makes distances nearly uniform.

    The weight of a negative at distance d is 1/q(d), with q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2) the density of
    distances of points on the unit sphere. Wu et al., "Sampling matters in deep embedding learning", ICCV
    2017.

    Parameters
    ----------
    cutoff
        Smaller distances count as this one, which bounds the weights.
    furthest
        Negatives farther away are not drawn.
    """

    def __init__(self, *, cutoff: float = 0.5, furthest: float = 1.4) -> None:
        super().__init__()
        numbers = all(isinstance(value, float | int) for value in (cutoff, furthest))
        if not numbers or not 0 < cutoff < furthest <= 2:
            message = f"cutoff {cutoff!r}, furthest {furthest!r}; 0 < cutoff < furthest <= 2 is needed"
            raise InputError(message)
        self.cutoff, self.furthest = cutoff, furthest

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Draw a negative for every positive pair that has one nearer than `furthest`."""
        d = distances(similarity)
        allowed = ~same & (d < self.furthest)
        log_weight = -log_density(d.clamp(min=self.cutoff), dim).masked_fill(~allowed, torch.inf)
        # In logarithms, less the anchor's largest: 1/q(d) overflows for large D.
        highest = log_weight.amax(dim=1, keepdim=True)
        weight = (log_weight - highest.nan_to_num(neginf=0.0)).exp()
        return _drawn(weight, same)


@MINERS.register("easy-positive")
class EasyPositive(_OfSimilarities):
    """For every anchor its nearest positive, duplicates left out, and a hard or semi-hard negative.

    Xuan, Stylianou, Pless, "Improved embeddings with easy positive triplet mining", WACV 2020.

    Parameters
    ----------
    negative
        "semi-hard": the nearest negative that is not nearer than the positive; "hard": the nearest.
    """

    def __init__(self, *, negative: str = "semi-hard") -> None:
        super().__init__()
        if negative not in ("hard", "semi-hard"):
            raise unknown(negative, "negative", ("hard", "semi-hard"))
        self.negative = negative

    def choose(self, similarity: torch.Tensor, same: torch.Tensor, dim: int) -> Mined:
        """Choose the nearest of both kinds for every anchor that has both."""
        positives = positives_of(same) & (similarity <= DUPLICATE)
        s_ap, p = similarity.masked_fill(~positives, -torch.inf).max(dim=1)
        negatives = ~same
        if self.negative == "semi-hard":
            negatives = negatives & (similarity <= s_ap[:, None])
        n = similarity.masked_fill(~negatives, -torch.inf).argmax(dim=1)
        anchor = torch.arange(len(same), device=same.device)
        return eligible_triplets(anchor, p, n, eligible=positives.any(dim=1) & negatives.any(dim=1))


class _PmlMiner(Miner):
    """A miner of pytorch-metric-learning; mined pairs become the triplets that they form."""

    def __init__(self, made: type, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.miner = building.package_instance(made, options)

    @torch.no_grad()
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> Mined:
        """Return what the package's miner chooses."""
        from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_triplets

        try:
            found = self.miner(z, labels)
        except Exception as error:  # any class of the package, with anything that the user may have typed
            name = building.PREFIX + type(self.miner).__name__
            message = f"mining {name!r} cannot use this batch: {first_sentence(error)}"
            raise InputError(message) from error
        anchor, positive, negative = convert_to_triplets(found, labels, labels)
        return Mined(anchor, positive, negative, 0)


def _drawn(weight: torch.Tensor, same: torch.Tensor) -> Mined:
    """Draw a negative for every positive pair by the anchor's weights [B, B]; rows of zeros are skipped."""
    anchor, positive = torch.where(positives_of(same))
    eligible = (weight > 0).any(dim=1)[anchor]
    anchor, positive = anchor[eligible], positive[eligible]
    negative = anchor
    if anchor.numel():
        negative = torch.multinomial(weight[anchor], 1)[:, 0]
    return Mined(anchor, positive, negative, int((~eligible).sum()))
