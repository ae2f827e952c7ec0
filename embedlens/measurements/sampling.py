"""Distances of pairs and selected negatives of a split of a run, by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.results import Result

if TYPE_CHECKING:
    from embedlens.analysis.experiments.monitoring import FixedBatches
    from embedlens.analysis.sampling.distances import PairDistances
    from embedlens.analysis.sampling.mining import SelectedNegatives
    from embedlens.measurements.selected import Selected


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MeasuredSampling(Result):
    """What is measured of each snapshot.

    Attributes
    ----------
    pairs, seed
        Number of pairs of each kind, drawn by seed where there are more; None: no distances are measured.
    batches
        The batches that are mined, by run and split; none: nothing is mined.
    strategies, margin
        Mining strategies, and the margin of the triplet loss.
    drawn
        The epochs that are drawn, by run; others are mined alone. The first decides which items are left out.
    """

    pairs: int | None
    seed: int
    batches: dict[tuple[str, str], FixedBatches]
    strategies: tuple[str, ...]
    margin: float
    drawn: dict[str, list[int]]


def sample(one: Selected, what: MeasuredSampling) -> tuple[PairDistances | None, list[SelectedNegatives]]:
    """Return the distances of pairs of a snapshot, and what each strategy selects in the batches.

    Parameters
    ----------
    one
        The snapshot.
    what
        What is measured; distances are, and warnings about the data collected, at the epochs drawn alone.
    """
    from embedlens.analysis.sampling.distances import pair_distances
    from embedlens.analysis.sampling.mining import selected_negatives

    drawn = what.drawn[one.label]
    kept = one.reader.kept(one.run, one.split, drawn[0])
    z, y = kept.of(one.snapshot.embeddings), kept.of(one.run.labels(one.split))
    pairs = None
    if one.epoch in drawn:
        if what.pairs is not None:
            pairs = pair_distances(z, y, pairs=what.pairs, seed=what.seed)
        one.reader.check_items(one.run, one.split, one.epoch, kept=kept, label=one.label)
    batches = what.batches.get((one.label, one.split))
    if batches is None:
        return pairs, []
    selected = [
        selected_negatives(z, y, name, batches=batches, margin=what.margin) for name in what.strategies
    ]
    return pairs, selected


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitSampling(Result):
    """Distances and selected negatives of one split, by epoch; empty where no panel shows them.

    Attributes
    ----------
    run, split, dim
        Name of the run, the split, and the dims of its embeddings.
    epochs
        The epochs that are drawn.
    pairs, negatives
        Epoch -> distances of pairs, and what each strategy selects.
    batches
        The batches that are mined at every epoch.
    items
        The least and the greatest number of items of a class in a batch.
    """

    run: str
    split: str
    dim: int
    epochs: list[int]
    pairs: dict[int, PairDistances]
    negatives: dict[int, list[SelectedNegatives]]
    batches: FixedBatches | None
    items: tuple[int, int]

    def epoch_answer(self, epoch: int) -> dict[str, Any]:
        """Return what ``--json`` prints of an epoch: the numbers of its pairs, and of each strategy."""
        numbers: dict[str, Any] = {}
        if epoch in self.pairs:
            pairs = self.pairs[epoch]
            for kind, distances, there in (
                ("positive", pairs.positive, pairs.n_positive),
                ("negative", pairs.negative, pairs.n_negative),
            ):
                shown = {"mean_distance": distances.mean, "shown": distances.n, "of": there}
                numbers[f"{kind}_pairs"] = shown
            numbers["effective_dim"] = pairs.effective_dim
        if epoch in self.negatives:
            numbers["mining"] = {one.mining: one.summary() for one in self.negatives[epoch]}
        return numbers

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints: epoch -> numbers by name, of every epoch that was measured."""
        return {str(epoch): self.epoch_answer(epoch) for epoch in sorted({*self.epochs, *self.negatives})}

    def facts(self, epoch: int) -> dict[str, Any]:
        """Return the entries of the sidecar for an epoch: batches, items, and `epoch_answer`."""
        facts: dict[str, Any] = {"run": self.run, "epoch": epoch, "dim": self.dim}
        if self.batches:
            facts["batches"] = len(self.batches.rows)
            facts["classes_per_batch"], facts["items_per_class"] = self.batches.classes, list(self.items)
            facts["items_in_batches"] = sum(rows.size for rows in self.batches.rows)
        return facts | self.epoch_answer(epoch)

    def idle(self) -> dict[str, list[int]]:
        """Return the epochs at which a strategy selects nothing: strategy -> epochs."""
        idle: dict[str, list[int]] = {}
        for epoch, several in self.negatives.items():
            for one in several:
                idle.setdefault(one.mining, []).extend([] if one.n else [epoch])
        return {mining: epochs for mining, epochs in idle.items() if epochs}
