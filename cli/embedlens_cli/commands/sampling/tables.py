"""Numbers of `sampling`: the data beside its figures, the summary, warnings and tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embedlens.errors import listed
from embedlens_cli.commands.sampling.measurements import Group, SplitSampling
from embedlens_cli.commands.sampling.sampling_options import SamplingOptions
from embedlens_cli.common import console
from embedlens_cli.common.report import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.artifacts import Table
    from embedlens.figures.sampling.distances import Contents


def table_of(group: Group, shown: Contents, panels: Sequence[str]) -> Table:
    """Return all that the figure shows, a block for each curve or histogram."""
    import numpy as np

    from embedlens.figures.sampling.distances import PAIR_BINS
    from embedlens.figures.sampling.mining import RANGES, SELECTED_BINS

    blocks: dict[str, Table] = {
        "losses": [{"series": one.loss, **one.columns()} for one in shown.losses],
        "sphere": [{"series": "sphere", "dim": one.dim, **one.columns()} for one in shown.spheres],
        "distances": [{"series": "sphere", "dim": one.dim, **one.columns()} for one in shown.beside],
        "picked": [],
        "nonzero": [],
        "noise": [{"series": one.scale, "dim": one.dim, **one.columns()} for one in shown.noise],
    }
    at = {one.run: epoch for one, epoch in group}
    for run, pairs in shown.pairs.items():
        for kind, one in (("positive", pairs.positive), ("negative", pairs.negative)):
            columns = one.merged(PAIR_BINS).columns()
            blocks["distances"].append({"run": run, "at_epoch": at[run], "series": kind, **columns})
    for run, selected in shown.negatives.items():
        for negatives in selected:
            keys = {"run": run, "at_epoch": at[run], "series": negatives.mining}
            if len(shown.negatives) == 1:
                blocks["picked"].append({**keys, **negatives.distances.merged(SELECTED_BINS).columns()})
            elif negatives.n:
                quantiles = np.array([negatives.distances.quantile(share) for share in RANGES])
                blocks["picked"].append({**keys, "quantile": np.array(RANGES), "distance": quantiles})
    for run, shares in shown.nonzero.items():
        drawn = shares if len(shown.nonzero) == 1 else shares[:1]
        blocks["nonzero"] += [{"run": run, "series": one.mining, **one.columns()} for one in drawn]
    split = group[0][0].split
    return [{"panel": name, "split": split, **block} for name in panels for block in blocks[name]]


def figure_facts(group: Group) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its runs, what was drawn of how many, and skipped."""
    shown = []
    for one, epoch in group:
        entry: dict[str, Any] = {"run": one.run, "epoch": epoch, "dim": one.dim}
        if one.batches:
            batches = one.batches
            entry["batches"] = len(batches.rows)
            entry["classes_per_batch"], entry["items_per_class"] = batches.classes, list(one.items)
            entry["items_in_batches"] = sum(rows.size for rows in batches.rows)
        shown.append(entry | _numbers(one, epoch))
    return {"split": group[0][0].split, "shown": shown}


def summary(results: Sequence[SplitSampling]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> those of the pairs, and of each strategy."""
    numbers: dict[str, Any] = {}
    for one in results:
        epochs = sorted({*one.epochs, *one.negatives})
        numbers.setdefault(one.run, {})[one.split] = {str(epoch): _numbers(one, epoch) for epoch in epochs}
    return numbers


def _numbers(one: SplitSampling, epoch: int) -> dict[str, Any]:
    """Return the numbers of a snapshot; None where there is none."""
    numbers: dict[str, Any] = {}
    if epoch in one.pairs:
        pairs = one.pairs[epoch]
        for kind, distances, there in (
            ("positive", pairs.positive, pairs.n_positive),
            ("negative", pairs.negative, pairs.n_negative),
        ):
            mean = {"mean_distance": distances.mean, "shown": distances.n, "of": there}
            numbers[f"{kind}_pairs"] = finite(mean)
        numbers |= finite({"effective_dim": pairs.effective_dim})
    if epoch in one.negatives:
        numbers["mining"] = {
            negatives.mining: finite(
                {
                    "mean_distance": negatives.distances.mean,
                    "nonzero_share": negatives.nonzero,
                    "triplets": negatives.n,
                    "skipped": negatives.n_skipped,
                }
            )
            for negatives in one.negatives[epoch]
        }
    return numbers


def warnings(results: Sequence[SplitSampling], what: SamplingOptions) -> list[str]:
    """Return warnings of the batches and of the strategies, one line each."""
    lines = []
    for one in results:
        if one.batches and one.batches.classes < what.classes_per_batch:
            lines.append(
                f"{one.run}, {one.split}: batches hold {one.batches.classes} classes, all that have two items"
            )
        if one.batches and one.items[0] < what.items_per_class:
            least, most = one.items
            lines.append(
                f"{one.run}, {one.split}: classes of a batch hold {least} to {most} items, all that they have"
            )
        lines += _idle(one)
    return lines


def _idle(one: SplitSampling) -> list[str]:
    """Say at how many epochs a strategy selects nothing, where no fraction is drawn."""
    idle: dict[str, list[int]] = {}
    for epoch, several in one.negatives.items():
        for negatives in several:
            idle.setdefault(negatives.mining, []).extend([] if negatives.n else [epoch])
    return [
        f"{one.run}, {one.split}: {mining} mining selects nothing at {len(epochs):,} of "
        f"{len(one.negatives):,} epochs ({listed(map(str, epochs))})"
        for mining, epochs in idle.items()
        if epochs
    ]


def print_table(results: Sequence[SplitSampling]) -> None:
    """Print what strategies select at the epochs drawn, and the distances of pairs."""
    pairs = [(one, epoch, one.pairs[epoch]) for one in results for epoch in one.epochs if one.pairs]
    if pairs:
        console.print_table(
            ("pairs", "split", "epoch", "mean positive", "mean negative", "effective D", "D"),
            [
                (
                    one.run, one.split, str(epoch), _cell(it.positive.mean), _cell(it.negative.mean),
                    f"{it.effective_dim:.1f}", str(it.dim),
                )
                for one, epoch, it in pairs
            ],
        )  # fmt: skip
    rows = [
        (one, epoch, it) for one in results for epoch in one.epochs for it in one.negatives.get(epoch, [])
    ]
    if rows:
        console.print_table(
            ("mining", "run", "split", "epoch", "mean distance", "loss > 0", "triplets", "skipped"),
            [
                (
                    it.mining, one.run, one.split, str(epoch), _cell(it.distances.mean),
                    _cell(it.nonzero, ".1%"), f"{it.n:,}", f"{it.n_skipped:,}",
                )
                for one, epoch, it in rows
            ],
        )  # fmt: skip


def _cell(value: float, form: str = ".3f") -> str:
    return "-" if math.isnan(value) else format(value, form)
