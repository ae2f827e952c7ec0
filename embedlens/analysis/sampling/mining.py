"""Distances of the negatives that miners select, and the fraction of active triplets (non-zero loss).

Source: Wu, Manmatha, Smola, Krähenbühl, "Sampling matters in deep embedding learning", ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.analysis.sampling.distances import DistanceHistogram, histogram
from embedlens.analysis.sampling.theory import MARGIN, check_margin
from embedlens.arguments import check_indices
from embedlens.arrays import check_embeddings, check_pair
from embedlens.moments import Moment
from embedlens.objectives import miners
from embedlens.objectives.mining import cosine_matrix
from embedlens.results import Result
from embedlens.similarity.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.experiments.monitoring import FixedBatches

STRATEGIES = ("random", "hard", "semi-hard", "semi-hard-range", "distance-weighted", "easy-positive")
"""Mining strategies that are compared by default; "all", which selects every triplet, is left out."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SelectedNegatives(Result):
    """Negatives that one mining strategy selects in fixed batches.

    Attributes
    ----------
    mining
        Name of the strategy.
    distances
        Distances of anchor and negative over all selected triplets.
    nonzero
        Fraction of active triplets: d_an < d_ap + margin, a loss above 0; NaN if no triplet is selected.
    n_skipped
        Positive pairs without a triplet; anchors, for strategies that select one triplet per anchor.
    """

    mining: str
    distances: DistanceHistogram
    nonzero: float
    n_skipped: int

    @property
    def n(self) -> int:
        """Number of triplets."""
        return self.distances.n

    def summary(self) -> dict[str, float | int]:
        """Return the mean distance, the fraction with a loss above 0, and the numbers of triplets."""
        return {
            "mean_distance": self.distances.mean,
            "nonzero_share": self.nonzero,
            "triplets": self.n,
            "skipped": self.n_skipped,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NonzeroFraction(Result):
    """Fraction of active triplets (loss above 0) among those that a strategy selects, by epoch.

    Attributes
    ----------
    mining
        Name of the strategy.
    epoch
        int64 [n], ascending.
    fraction
        float64 [n], in [0, 1]; NaN where the strategy selects nothing.
    step
        int64 [n]: steps of the epochs, of a run that counts steps; None otherwise.
    """

    mining: str
    epoch: NDArray[np.int64]
    fraction: NDArray[np.float64]
    step: NDArray[np.int64] | None = None

    @property
    def x(self) -> NDArray[np.int64]:
        """What the run counts: steps or epochs, int64 [n]."""
        return self.epoch if self.step is None else self.step

    @classmethod
    def of(cls, selected: Mapping[int, SelectedNegatives]) -> NonzeroFraction:
        """Return the fractions of one strategy by epoch."""
        epochs = sorted(selected)
        fraction = np.array([selected[epoch].nonzero for epoch in epochs])
        steps = [epoch.step for epoch in epochs if isinstance(epoch, Moment)]
        step = np.array(steps, np.int64) if len(steps) == len(epochs) else None
        return cls(selected[epochs[0]].mining, np.array(epochs, np.int64), fraction, step)

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the fractions shows, by column; missing values are left out."""
        there = ~np.isnan(self.fraction)
        step = {} if self.step is None else {"step": self.step[there]}
        return {"epoch": self.epoch[there], "share": self.fraction[there], **step}


def selected_negatives(
    z: Any, y: ArrayLike, mining: str, *, batches: FixedBatches, margin: float = MARGIN
) -> SelectedNegatives:
    """Return the distances of anchor and negative that a mining strategy selects in fixed batches.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; of a memory-mapped file only the rows of the batches
        are read.
    y
        Integer labels [N].
    mining
        A name in `embedlens.objectives.miners.MINERS`, or "pml:" and a miner of pytorch-metric-learning.
    batches
        The batches, drawn from the same labels (`embedlens.analysis.experiments.fixed_batches`); random
        choices of a strategy depend only on their seed and on the number of the batch.
    margin
        Margin of the triplet loss, and of a strategy that has one, in Euclidean distance.

    Raises
    ------
    InputError
        An unknown strategy, a margin that is not above 0, or embeddings that cannot be normalised.
    """
    alpha = check_margin(margin)
    array, labels = check_pair(z, y)
    batch_rows = [check_indices(rows, "batch", rows=labels.size) for rows in batches.rows]
    miner = miners.build_miner(mining, {"margin": alpha} if "margin" in miners.mining_options(mining) else {})
    parts, active, skipped = [], 0, 0
    with torch.no_grad(), torch.random.fork_rng(devices=[]), one_thread():
        for number, rows in enumerate(batch_rows):
            # Only the generator of the processor: `torch.manual_seed` also seeds devices, which takes as long
            # as mining a batch.
            stream = np.random.SeedSequence([batches.seed, number]).generate_state(1)
            torch.default_generator.manual_seed(int(stream[0]))
            block = check_embeddings(array[rows], rows=rows.size, dim=None)
            batch = torch.from_numpy(block.astype(np.float64))
            mined = miner(batch, torch.from_numpy(labels[rows]))
            d = miners.distances(cosine_matrix(batch))
            d_ap, d_an = d[mined.anchor, mined.positive], d[mined.anchor, mined.negative]
            # The same expression as in semi-hard mining, so that rounding is the same.
            active += int((d_an - d_ap < alpha).sum())
            skipped += mined.n_skipped
            parts.append(histogram(d_an.numpy()))
    n = sum(part.n for part in parts)
    mean = sum(part.mean * part.n for part in parts if part.n) / n if n else float("nan")
    counts = np.sum([part.count for part in parts], axis=0)
    nonzero = active / n if n else float("nan")
    return SelectedNegatives(mining, DistanceHistogram(parts[0].edges, counts, mean), nonzero, skipped)
