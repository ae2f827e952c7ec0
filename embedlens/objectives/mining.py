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


def log_density(d: torch.Tensor, dim: int) -> torch.Tensor:
    """Return log q(d) up to a constant: (D-2) log d + (D-3)/2 log(1 - d^2/4), of the same shape as `d`.

    The density of the distance of two independent uniform points on the unit sphere in D dimensions;
    very low but finite at d = 2, where the density is 0. Source: Wu et al., ICCV 2017, section 4.

    Parameters
    ----------
    d
        Distances in (0, 2], of embeddings [N, D].
    dim
        D.
    """
    inside = (1 - d.square() / 4).clamp(min=torch.finfo(d.dtype).tiny)
    return (dim - 2) * d.log() + (dim - 3) / 2 * inside.log()


def positives_of(same: torch.Tensor) -> torch.Tensor:
    """Return the mask [B, B] of positive pairs: those of equal labels without the diagonal."""
    return same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)


def draw_columns(eligible: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """Draw a column of each row uniformly from the eligible ones, else from `otherwise`, else column 0."""
    weight = torch.where(eligible.any(dim=1, keepdim=True), eligible, otherwise).float()
    weight[:, 0] += (~weight.any(dim=1)).float()
    return torch.multinomial(weight, 1)[:, 0]
