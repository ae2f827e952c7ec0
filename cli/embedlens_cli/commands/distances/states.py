"""What `distances` draws, writes and prints of the states of runs and their comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console
from embedlens_cli.common.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.artifacts import Table
    from embedlens.figures.triplets.distances import StateDistribution
    from embedlens.measurements.distance_states import Comparison, MeasuredState


def shown(states: Sequence[MeasuredState], bins: int | None) -> list[StateDistribution]:
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


def table(comparison: Comparison, drawn: Sequence[StateDistribution]) -> Table:
    """Return the data that the figure shows, one block per state."""
    return [
        {"run": "; ".join(one.labels), "split": one.state.split, "state": one.state.name}
        | each.result.columns()
        for one, each in zip(comparison.states, drawn, strict=True)
    ]


def figure_facts(comparison: Comparison, drawn: Sequence[StateDistribution]) -> dict[str, Any]:
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


def enter(report: Report, comparison: Comparison) -> None:
    """Put the numbers of every state into the JSON answer; comparisons stand at the later state."""
    for one in comparison.states:
        for label in one.labels:
            numbers = report.entry(label, one.state.split, one.key)
            numbers.update(one.distances.summary())
        comparisons = comparison.paired.get(one.state.label, [])
        if comparisons and not one.initial:
            first, *others = [each.summary() for each in comparisons]
            numbers |= {"paired": first} | ({"paired_other_triplets": others} if others else {})


def warn(comparisons: Mapping[str, Comparison]) -> None:
    """Say which comparisons depend on where their triplets were chosen."""
    from embedlens.analysis.triplets.paired import agree

    for split, comparison in comparisons.items():
        for several in comparison.paired.values():
            if not agree(several):
                by = "; ".join(f"in {one.reference}: {one.nearer or 'neither'}" for one in several)
                console.print_message(
                    f"split {split}: which is nearer depends on where the triplets are chosen ({by})"
                )


def print_tables(comparisons: Mapping[str, Comparison]) -> None:
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
