"""The command `sampling`: losses, distances of pairs, and what mining strategies select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli.commands.sampling import measurements, tables
from embedlens_cli.commands.sampling.sampling_options import SamplingOptions
from embedlens_cli.common import console
from embedlens_cli.common.figure_style import epochs_text
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    SnapshotOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run


@grouped
def sampling(
    *,
    what: SamplingOptions,
    where: SnapshotOptions,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    words: FileWords,
) -> None:
    """Draw what sampling does: losses, distances, selections of mining strategies, gradient noise.

    After Wu et al., "Sampling matters in deep embedding learning", ICCV 2017. All epochs are mined on the
    same batches. Of several runs the ranges of the selected distances are compared.
    """
    from embedlens.figures.sampling.distances import figure as sampling_figure
    from embedlens.figures.sampling.distances import grid_of
    from embedlens.figures.style import paper

    style, panels = drawn.style(), what.panels
    size = style.size(len(panels))
    grid_of(panels, **size)
    what.check()
    selection = Selection.of(where, leave_out, style.names)
    _check_epochs(panels, selection.runs)
    results = measurements.measure(selection, what)
    report = Report.of("sampling", selection, style, options=drawn, words=words, facts=_facts(what))
    for one in results:
        report.artifacts.summary.setdefault(one.run, {})[one.split] = one.summary()
    runs = report.artifacts.named([run.name for run in selection.runs])
    with paper(drawn.venue):
        for group in measurements.groups(results, one_per_epoch=selection.several_epochs):
            contents, heading = measurements.contents(group, what), measurements.heading(group)
            figure = sampling_figure(contents, panels, title=heading, **size)
            epochs = epochs_text(epoch for _, epoch in group)
            stem = ["sampling", *runs, group[0][0].split, epochs, *report.words]
            table = tables.table_of(group, contents, panels)
            facts = {"split": group[0][0].split, "shown": [one.facts(epoch) for one, epoch in group]}
            style.save(report.artifacts, stem, figure, table, facts)
    for line in tables.warnings(results, what):
        console.print_message(line)
    report.end(lambda: tables.print_table(results))


def _check_epochs(panels: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse fractions over training alone where there is no training to see."""
    if list(panels) == ["nonzero"] and all(len(run.epochs()) == 1 for run in runs):
        message = (
            f"run {runs[0].name!r} has one epoch ({runs[0].epochs()[0]}), and fractions over epochs need "
            "two; --show picked draws what is mined at one"
        )
        raise InputError(message)


def _facts(what: SamplingOptions) -> dict[str, Any]:
    """Return what every sidecar says."""
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
