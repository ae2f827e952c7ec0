"""The command `distances`: distances to the ideal point, and their paired comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens_cli.commands.distances import states
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    OneEpochOptions,
    ReferenceOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from embedlens.measurements.triplet_states import Reference

_WHY = "a paired comparison follows the same items in both"


@grouped
def distances(
    *,
    where: OneEpochOptions,
    ecdf: Annotated[
        bool,
        typer.Option("--ecdf", help="Draw cumulative distributions instead of histograms."),
    ] = False,
    bins: Annotated[
        int,
        typer.Option(help="Bins of the histograms.", min=1, max=1000),
        InName(lambda ecdf, bins: "ecdf" if ecdf else f"{bins}-bins", of=("ecdf", "bins")),
    ] = 50,
    chosen: ReferenceOptions,
    resamples: Annotated[
        int,
        typer.Option(
            help="Bootstrap resamples for the interval of the median difference.", min=1, max=1_000_000
        ),
        InName("{}-resamples"),
    ] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0), InName("seed-{}")] = 0,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    words: FileWords,
) -> None:
    """Draw the distances of triplets to the ideal point (1, 0), and compare two runs on the same triplets.

    The distributions are those of each state's own nearest triplets; blue is the initial state. The
    comparison follows the triplets of the reference epoch: each run against the first, or a single run
    against its initial state. It is also made with triplets selected in either state, since the selection
    favours the other one. Items of a query split have their positives and negatives in its gallery.
    """
    from functools import partial

    from embedlens.analysis.triplets.paired import compare_choices
    from embedlens.figures.triplets.distances import figure as distances_figure
    from embedlens.measurements.distance_states import compare_states
    from embedlens.measurements.triplet_states import check_same_triplets
    from embedlens.selection import choose_epoch

    style = drawn.style()
    check_device(device)
    selection = Selection.of(where, leave_out, style.names)
    reference = chosen.reference(selection.runs, selection.labels)
    check_same_triplets(selection.runs, selection.splits, _WHY)
    for run in selection.runs:
        choose_epoch(run, where.epoch)  # one epoch, not several
    compare = partial(compare_choices, resamples=resamples, seed=seed)
    places = {split: selection.of_split(split) for split in selection.splits}
    comparisons = {
        split: compare_states(own, reference, compare, device=device) for split, own in places.items()
    }
    selection.print_warnings()
    facts = _facts(selection, reference, device) | {"resamples": resamples, "seed": seed}
    report = Report.of("distances", selection, style, options=drawn, words=words, facts=facts)
    with style.paper():
        for split, comparison in comparisons.items():
            states.enter(report, comparison)
            shown = states.shown(comparison.states, None if ecdf else bins)
            pairs = next(iter(comparison.paired.values())) if len(comparison.paired) == 1 else []
            figure = distances_figure(shown, pairs, n_text=comparison.n_text, title=split, **style.size())
            report.add(
                figure, states.table(comparison, shown), places[split],
                facts=states.figure_facts(comparison, shown), words=[reference.stem],
            )  # fmt: skip
    states.warn(comparisons)
    report.end(lambda: states.print_tables(comparisons))


def _facts(selection: Selection, reference: Reference, device: str) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.analysis.triplets.paired import BOOTSTRAP, CONFIDENCE, WILCOXON
    from embedlens.measurements.triplet_states import galleries
    from embedlens.similarity import engine_facts

    return {
        "galleries": galleries(selection.runs, selection.splits),
        "distributions": "of each state's own nearest triplets",
        "comparisons": "of triplets chosen in the reference, followed in both states",
        "reference": reference.facts,
        "bootstrap": BOOTSTRAP,
        "confidence": CONFIDENCE,
        "wilcoxon": WILCOXON,
        "engine": engine_facts(device),
    }
