"""The command `distances`: distances to the ideal point, and their paired comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    OneEpochOptions,
    ReferenceOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.csv_files import Table
    from embedlens.figures.triplets.distances import StateDistribution
    from embedlens.measurements.distance_states import Comparison, MeasuredState
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
    run_by: WorkerOptions,
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
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    reference = chosen.reference(selection.runs, selection.labels)
    check_same_triplets(selection.runs, selection.splits, _WHY)
    for run in selection.runs:
        choose_epoch(run, where.epoch)  # one epoch, not several
    compare = partial(compare_choices, resamples=resamples, seed=seed)
    places = {split: selection.of_split(split) for split in selection.splits}
    comparisons = {
        split: compare_states(own, reference, compare, device=device, executor=selection.workers)
        for split, own in places.items()
    }
    selection.print_warnings()
    facts = _facts(selection, reference, device) | {"resamples": resamples, "seed": seed}
    report = Report.of("distances", selection, style, options=drawn, words=words, facts=facts)
    with style.paper():
        for split, comparison in comparisons.items():
            _enter(report, comparison)
            shown = _shown(comparison.states, None if ecdf else bins)
            pairs = next(iter(comparison.paired.values())) if len(comparison.paired) == 1 else []
            figure = distances_figure(shown, pairs, n_text=comparison.n_text, title=split, **style.size())
            finals = [one.triplets for one in comparison.states if not one.initial]
            report.add(
                figure, _table(comparison, shown), places[split],
                facts=_figure_facts(comparison, shown), words=[reference.stem],
                caption=_caption(comparison, shown, reference, cumulative=ecdf),
                counts=[(one.anchor.size, one.anchor.size + one.n_singletons) for one in finals],
            )  # fmt: skip
    _warn(comparisons)
    report.end(lambda: _print_tables(comparisons))


def _facts(selection: Selection, reference: Reference, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
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


def _shown(states: Sequence[MeasuredState], bins: int | None) -> list[StateDistribution]:
    """Return the histogram of each state, or without bins its cumulative distribution, with its name."""
    from embedlens.analysis.triplets.distances import ecdf, histograms
    from embedlens.figures.triplets.distances import StateDistribution

    several = sum(one.initial for one in states) > 1
    finals = {label: one.name for one in states if not one.initial for label in one.labels}
    samples = {}
    facts: dict[str, Any] = {}
    for one in states:
        whose = f" of {', '.join(one.labels)}" if several else ""
        name = f"initial state{whose} ({one.state.name})" if one.initial else one.name
        own = one.initial and several and len(one.labels) == 1
        samples[name] = one.distances
        facts[name] = {"initial": one.initial, "becomes": finals.get(one.labels[0], "") if own else ""}
    if bins is None:
        return [StateDistribution(name, ecdf(sample), **facts[name]) for name, sample in samples.items()]
    counted = histograms(samples, bins=bins)
    return [StateDistribution(name, counted[name], **facts[name]) for name in samples]


def _table(comparison: Comparison, drawn: Sequence[StateDistribution]) -> Table:
    """Return the data that the figure shows, one block per state."""
    return [
        {"run": "; ".join(one.labels), "split": one.state.split, "state": one.state.name}
        | each.result.columns()
        for one, each in zip(comparison.states, drawn, strict=True)
    ]


def _figure_facts(comparison: Comparison, drawn: Sequence[StateDistribution]) -> dict[str, Any]:
    """Return what the sidecar of a figure says: its states, how many items it shows, the comparisons."""
    states = [
        {
            "runs": list(one.labels),
            "state": one.state.name,
            "initial": one.initial,
            "mean": each.result.mean,
            "shown": one.triplets.anchor.size,
            "of": one.triplets.anchor.size + one.triplets.n_singletons,
        }
        for one, each in zip(comparison.states, drawn, strict=True)
    ]
    paired = [one.summary() for several in comparison.paired.values() for one in several]
    return {"states": states, "paired": paired}


def _caption(
    comparison: Comparison, shown: Sequence[StateDistribution], reference: Reference, *, cumulative: bool
) -> str:
    """Return what the figure shows, in sentences."""
    from embedlens.captions.triplets import distances as caption

    firsts = [several[0] for several in comparison.paired.values()]
    differences = [(one.first, one.second, one.difference) for one in firsts]
    own = any(one.becomes for one in shown)
    initial = "own" if own else "shared" if any(one.initial for one in shown) else ""
    return caption(reference.facts, cumulative=cumulative, initial=initial, differences=differences)


def _enter(report: Report, comparison: Comparison) -> None:
    """Put the numbers of every state into the JSON answer; comparisons stand at the later state."""
    for one in comparison.states:
        for label in one.labels:
            numbers = report.entry(label, one.state.split, one.key)
            numbers.update(one.distances.summary())
        comparisons = comparison.paired.get(one.state.label, [])
        if comparisons and not one.initial:
            first, *others = [each.summary() for each in comparisons]
            numbers |= {"paired": first} | ({"paired_other_triplets": others} if others else {})


def _warn(comparisons: Mapping[str, Comparison]) -> None:
    """Say which comparisons depend on where their triplets were chosen."""
    from embedlens.analysis.triplets.paired import agree

    for split, comparison in comparisons.items():
        for several in comparison.paired.values():
            if not agree(several):
                by = "; ".join(f"in {one.reference}: {one.nearer or 'neither'}" for one in several)
                console.print_message(
                    f"split {split}: which is nearer depends on where the triplets are chosen ({by})"
                )


def _print_tables(comparisons: Mapping[str, Comparison]) -> None:
    """Print the distances of every state, and the comparisons."""
    rows, pairs = [], []
    for split, comparison in comparisons.items():
        for state in comparison.states:
            sample = state.distances
            counts = (f"{sample.distance.size:,}", f"{sample.n_singletons:,}")
            numbers = (f"{sample.mean:.4f}", f"{sample.median:.4f}")
            rows.append((f"{', '.join(state.labels)}, {split}", state.state.name, *counts, *numbers))
        for label, several in comparison.paired.items():
            for one in several:
                whose = "" if one.second == label else f"{label}: "
                pairs.append(
                    (
                        f"{whose}{one.second} - {one.first}, {split}", one.reference, f"{one.n:,}",
                        f"{one.difference:+.4f}", f"[{one.low:+.4f}, {one.high:+.4f}]",
                        _p_text(one.p_value), f"{one.fraction:.1%}", one.nearer or "neither",
                    )
                )  # fmt: skip
    console.print_table(("run, split", "state", "n", "singletons", "mean distance to (1, 0)", "median"), rows)
    if pairs:
        console.print_line("")
        console.print_table(
            (
                "same triplets, difference of", "chosen in", "n", "median difference", "95 % interval",
                "Wilcoxon p", "nearer in the first named", "nearer",
            ),
            pairs,
        )  # fmt: skip


def _p_text(value: float) -> str:
    """Return a p value in three digits; one that float64 cannot hold is below 1e-300."""
    return f"{value:.3g}" if value > 1e-300 else "< 1e-300"
