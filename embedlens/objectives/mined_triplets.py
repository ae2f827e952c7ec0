"""Triplets that a miner selects in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from embedlens.results import Result


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mined(Result):
    """Triplets of a batch.

    Attributes
    ----------
    anchor, positive, negative
        int64 [T]: rows of the batch.
    n_skipped
        Positive pairs without a triplet, because no negative is eligible; anchors without a triplet, for
        miners that select one triplet per anchor.
    """

    anchor: torch.Tensor
    positive: torch.Tensor
    negative: torch.Tensor
    n_skipped: int

    def __len__(self) -> int:
        return int(self.anchor.numel())

    @property
    def indices(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Anchors, positives and negatives, as pytorch-metric-learning takes them."""
        return self.anchor, self.positive, self.negative


def triplets_of_pairs(anchor: torch.Tensor, positive: torch.Tensor, chosen: torch.Tensor) -> Mined:
    """Return the triplets of positive pairs with the negatives chosen for each, [pairs, B]."""
    pair, negative = torch.where(chosen)
    skipped = int((~chosen.any(dim=1)).sum())
    return Mined(anchor[pair], positive[pair], negative, skipped)


def eligible_triplets(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, *, eligible: torch.Tensor
) -> Mined:
    """Return the eligible triplets, and count the others."""
    return Mined(anchor[eligible], positive[eligible], negative[eligible], int((~eligible).sum()))
