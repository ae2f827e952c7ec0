"""Easy positives and hard negatives of each anchor within a batch.

The functions take the cosine similarities of the batch [B, B] and the mask of pairs of equal labels [B, B].
They return the similarity of each anchor to the chosen item, [B]; minus infinity where an anchor has none.
"""

from __future__ import annotations

import torch

DUPLICATE = 0.9999
"""Items more similar than this count as the same picture twice; such a pair is no positive."""


def cosine_matrix(z: torch.Tensor) -> torch.Tensor:
    """Return the cosine similarities [B, B] of the rows of `z` [B, D]."""
    unit = torch.nn.functional.normalize(z, dim=1)
    return unit @ unit.T


def same_label(labels: torch.Tensor) -> torch.Tensor:
    """Return the mask [B, B] of pairs with equal labels, the diagonal included."""
    return labels[:, None] == labels[None, :]


def easy_positive(similarity: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Choose the most similar item of the anchor's label, duplicates of the anchor left out.

    Xuan, Stylianou, Pless, "Improved embeddings with easy positive triplet mining", WACV 2020.
    """
    eye = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    return _largest(similarity, same & ~eye & (similarity <= DUPLICATE))


def nearest_positive(similarity: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Choose the most similar item of the anchor's label, duplicates included."""
    eye = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    return _largest(similarity, same & ~eye)


def negatives(similarity: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Return the similarities [B, B] of the items of other labels; minus infinity for those of the same."""
    return similarity.masked_fill(same, -torch.inf)


def hard_negative(similarity: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Choose the most similar item of another label."""
    return _largest(similarity, ~same)


def semi_hard_negative(similarity: torch.Tensor, same: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Choose the most similar item of another label among those not more similar than the positive."""
    return _largest(similarity, ~same & (similarity <= positive[:, None]))


def _largest(similarity: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    return similarity.masked_fill(~allowed, -torch.inf).amax(dim=1)
