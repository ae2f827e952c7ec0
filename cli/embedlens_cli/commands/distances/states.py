"""Distances of the initial and the final states of runs to the ideal point, and their paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens import measurements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from embedlens.analysis.triplets.distances import Distances
    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.analysis.triplets.paired import Paired
    from embedlens.artifacts import Table
    from embedlens.figures.triplets.distances import StateDistribution
    from embedlens.measurements.triplet_states import Reference, State
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredState:
    """A state with its own nearest triplets; `labels` are those of all runs that have it."""

    labels: tuple[str, ...]
    state: State
    triplets: Triplets
    initial: bool = False

    @classmethod
    def of(
        cls, state: State, device: str, *, labels: Sequence[str] = (), initial: bool = False
    ) -> MeasuredState:
        """Return a state with its nearest triplets."""
        return cls(tuple(labels) or (state.label,), state, state.nearest(device=device), initial)

    @property
    def key(self) -> str:
        """The state in the JSON answer: "pretrained", or the number of the epoch."""
        return self.state.name.removeprefix("epoch ")

    @property
    def name(self) -> str:
        """The run and the state."""
        return f"{self.state.label}, {self.state.name}"

    @property
    def distances(self) -> Distances:
        """Distances of its own nearest triplets."""
        from embedlens.analysis.triplets.distances import distances

        return distances(self.triplets)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The states of one split, and the comparisons of each run, the one on the reference's triplets first."""

    states: list[MeasuredState]
    paired: dict[str, list[Paired]]

    @property
    def n_text(self) -> str:
        """The number of anchors; where copies are left out, it may differ from state to state."""

        def text(counts: Sequence[int]) -> str:
            low, high = min(counts), max(counts)
            return f"{low:,}" if low == high else f"{low:,} to {high:,}"

        every = [(one.triplets.anchor.size, one.triplets.n_singletons) for one in self.states]
        anchors, alone = zip(*every, strict=True)
        return f"n = {text(anchors)}" + (f" ({text(alone)} singletons)" if max(alone) else "")


def measure(
    places: Sequence[Selected],
    reference: Reference,
    compare: Callable[..., list[Paired]],
    *,
    device: str,
) -> Comparison:
    """Return the states of one split, compared: runs with the first, one run with its initial state."""
    finals = [MeasuredState.of(measurements.State.of(one), device) for one in places]
    initials = _initials(finals, device)
    if len(finals) > 1:
        pairs = [(finals[0], other) for other in finals[1:]]
    else:
        pairs = [(initial, finals[0]) for initial in initials]
    # The nearest triplets of a reference that is shown are known already.
    known = {one.name: one.triplets for one in finals}
    if pairs and reference.name not in known:
        state = reference.state(places[0].split, places[0].reader)
        known[reference.name] = state.nearest(device=device)
    paired = {}
    for first, second in pairs:
        chosen = {reference.name: known[reference.name]}
        chosen |= {one.name: one.triplets for one in (first, second) if one.name not in chosen}
        sides = first.state, second.state
        followed = {
            name: tuple(side.follow(triplets, device=device) for side in sides)
            for name, triplets in chosen.items()
        }
        same_run = first.labels == second.labels
        names = tuple(side.name if same_run else side.label for side in sides)
        paired[second.state.label] = compare(followed, names=names)
    return Comparison([*initials, *finals], paired)


def _initials(finals: Sequence[MeasuredState], device: str) -> list[MeasuredState]:
    """Return the initial states; one that several runs share stands for all of them.

    A run whose final state is its initial state has no other.
    """
    groups: list[tuple[list[str], State]] = []
    for final in finals:
        initial = final.state.initial
        if initial.name == final.state.name:
            continue
        for labels, other in groups:
            if other.equals(initial):
                labels.append(initial.label)
                break
        else:
            groups.append(([initial.label], initial))
    return [MeasuredState.of(state, device, labels=labels, initial=True) for labels, state in groups]


def shown(states: Sequence[MeasuredState], bins: int | None) -> list[StateDistribution]:
    """Return the histogram of each state, or without bins its cumulative distribution, with its name."""
    from embedlens.analysis.triplets.distances import ecdf, histograms
    from embedlens.figures.triplets.distances import StateDistribution

    several = sum(one.initial for one in states) > 1
    samples, initial = {}, {}
    for one in states:
        whose = f" of {', '.join(one.labels)}" if several else ""
        name = f"initial state{whose} ({one.state.name})" if one.initial else one.name
        samples[name], initial[name] = one.distances, one.initial
    if bins is None:
        return [StateDistribution(name, ecdf(sample), initial[name]) for name, sample in samples.items()]
    counted = histograms(samples, bins=bins)
    return [StateDistribution(name, counted[name], initial[name]) for name in samples]


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
    from embedlens_cli.common import console

    for split, comparison in comparisons.items():
        for several in comparison.paired.values():
            if not agree(several):
                by = "; ".join(f"in {one.reference}: {one.nearer or 'neither'}" for one in several)
                console.print_message(
                    f"split {split}: which is nearer depends on where the triplets are chosen ({by})"
                )


def print_tables(comparisons: Mapping[str, Comparison]) -> None:
    """Print the distances of every state, and the comparisons."""
    from embedlens_cli.common import console

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
