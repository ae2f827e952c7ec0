"""The command `sampling`: losses, distances of pairs, and what mining strategies select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed
from embedlens.measurements.sampling import SplitSampling
from embedlens.moments import short_name_of
from embedlens_cli.commands.sampling import measurements
from embedlens_cli.commands.sampling.measurements import Group
from embedlens_cli.commands.sampling.sampling_options import SamplingOptions
from embedlens_cli.common import console
from embedlens_cli.common.figure_style import epochs_text
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.captions.places import Shown
    from embedlens.csv_files import Table
    from embedlens.figures.sampling.distances import Contents
    from embedlens.store import Run


@grouped
def sampling(
    *,
    what: SamplingOptions,
    where: SnapshotOptions,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw what sampling does: losses, distances, selections of mining strategies, gradient noise.

    After Wu et al., "Sampling matters in deep embedding learning", ICCV 2017. All epochs are mined on the
    same batches. Of several runs the ranges of the selected distances are compared.
    """
    from embedlens.figures.sampling.distances import figure as sampling_figure
    from embedlens.figures.sampling.distances import grid_of

    style, panels = drawn.style(), what.panels
    size = style.size(len(panels))
    grid_of(panels, **size)
    what.check()
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    _check_epochs(panels, selection.runs)
    results = measurements.measure(selection, what)
    report = Report.of("sampling", selection, style, options=drawn, words=words, facts=_facts(what))
    for one in results:
        report.artifacts.summary.setdefault(one.run, {})[one.split] = one.answer()
    runs = report.artifacts.named([run.name for run in selection.runs])
    with style.paper():
        for group in measurements.groups(results, one_per_epoch=selection.several_epochs):
            contents, heading = measurements.contents(group, what), measurements.heading(group)
            figure = sampling_figure(contents, panels, title=heading, **size)
            epochs = epochs_text(epoch for _, epoch in group)
            stem = ["sampling", *runs, group[0][0].split, epochs, *report.words]
            table = _table_of(group, contents, panels)
            facts = {"split": group[0][0].split, "shown": [one.facts(epoch) for one, epoch in group]}
            caption = report.caption(measurements.caption(group, what), _shown(group, selection))
            style.save(report.artifacts, stem, figure, table, facts=facts, caption=caption)
    for line in _warnings(results, what):
        console.print_message(line)
    report.end(lambda: _print_table(results))


def _shown(group: Group, selection: Selection) -> list[Shown]:
    """Return the snapshots of a figure as captions take them; of what is left out no number is said."""
    from embedlens.captions.places import Shown

    runs = dict(selection.labelled)
    counts = [runs[one.run].info.splits[one.split].items for one, _ in group]
    known = not selection.reader.leave_out
    return [
        Shown(one.run, one.split, epoch, count if known else None)
        for (one, epoch), count in zip(group, counts, strict=True)
    ]


def _check_epochs(panels: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse fractions over training alone where there is no training to see."""
    if list(panels) == ["nonzero"] and all(len(run.epochs()) == 1 for run in runs):
        message = (
            f"run {runs[0].name!r} has one epoch ({runs[0].epochs()[0]}), and fractions over epochs need "
            "two; --show picked draws what is mined at one"
        )
        raise InputError(message)


def _facts(what: SamplingOptions) -> dict[str, Any]:
    """Return the entries of every sidecar."""
    from embedlens.analysis.sampling.theory import CONTRASTIVE_MARGIN, PARTNER, SCALES

    return {
        "panels": what.panels,
        "mining": what.strategies,
        "margin": what.margin,
        "beta": what.beta,
        "contrastive_margin": CONTRASTIVE_MARGIN,
        "triplet_partner": PARTNER,
        "pairs": f"all of a kind, or {what.pairs} drawn with replacement",
        "noise_scales": list(SCALES),
        "noise": "exact: 1 - squared mean resultant length of the projected normal distribution",
        "seed": what.seed,
        "engine": "distances of pairs from float64 dot products; mining in float64 on the processor",
    }


def _table_of(group: Group, shown: Contents, panels: Sequence[str]) -> Table:
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
                quantiles = np.array([negatives.distances.quantile(level) for level in RANGES])
                blocks["picked"].append({**keys, "quantile": np.array(RANGES), "distance": quantiles})
    for run, shares in shown.nonzero.items():
        drawn = shares if len(shown.nonzero) == 1 else shares[:1]
        blocks["nonzero"] += [{"run": run, "series": one.mining, **one.columns()} for one in drawn]
    split = group[0][0].split
    return [{"panel": name, "split": split, **block} for name in panels for block in blocks[name]]


def _warnings(results: Sequence[SplitSampling], what: SamplingOptions) -> list[str]:
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
        lines += [
            f"{one.run}, {one.split}: {mining} mining selects nothing at {len(epochs):,} of "
            f"{len(one.negatives):,} epochs ({listed(map(str, epochs))})"
            for mining, epochs in one.idle().items()
        ]
    return lines


def _print_table(results: Sequence[SplitSampling]) -> None:
    """Print what strategies select at the epochs drawn, and the distances of pairs."""
    pairs = [(one, epoch, one.pairs[epoch]) for one in results for epoch in one.epochs if one.pairs]
    if pairs:
        console.print_table(
            ("pairs", "split", "epoch", "mean positive", "mean negative", "effective D", "D"),
            [
                (
                    one.run, one.split, short_name_of(epoch),
                    console.cell(it.positive.mean, ".3f"), console.cell(it.negative.mean, ".3f"),
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
                    it.mining, one.run, one.split, short_name_of(epoch),
                    console.cell(it.distances.mean, ".3f"),
                    console.cell(it.nonzero, ".1%"), f"{it.n:,}", f"{it.n_skipped:,}",
                )
                for one, epoch, it in rows
            ],
        )  # fmt: skip
