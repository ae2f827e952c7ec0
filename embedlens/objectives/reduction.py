"""Reduction of the terms of a loss to the mean over the non-zero ones, with counts for the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytorch_metric_learning import reducers

if TYPE_CHECKING:
    import torch


class NonzeroMeanReducer(reducers.BaseReducer):  # type: ignore[misc]
    """Mean over the non-zero terms, as in published code, with the mean over all terms for the log.

    The mean over the non-zero terms stays level while fewer terms are left; the mean over all terms and the
    fraction of non-zero terms show the progress.

    Parameters
    ----------
    power
        Exponent of each term.
    """

    def __init__(self, power: int = 1) -> None:
        super().__init__()
        self.power = power
        self.total, self.count, self.nonzero = 0.0, 0, 0

    def _reduce(self, terms: torch.Tensor, *place: Any) -> torch.Tensor:
        _indices, z, _labels = place
        terms = terms**self.power
        kept = terms[terms > 0]
        self.total, self.count, self.nonzero = terms.sum().item(), len(terms), len(kept)
        return kept.mean() if len(kept) else z.sum() * 0.0

    element_reduction = pos_pair_reduction = neg_pair_reduction = triplet_reduction = _reduce

    def zero_loss(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return 0 with a gradient for embeddings [B, D]; called where the batch has no term at all."""
        self.total, self.count, self.nonzero = 0.0, 0, 0
        return embeddings.sum() * 0.0

    @property
    def mean(self) -> float:
        """Mean over all terms of the last batch."""
        return self.total / self.count if self.count else 0.0

    @property
    def fraction(self) -> float:
        """Fraction of the terms of the last batch that are not zero."""
        return self.nonzero / self.count if self.count else 0.0
