"""States of runs: how far their dots are from the ideal point, and two of them on the same triplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens_cli.triplet_states import State as Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.distances import Distances
    from embedlens.analysis.paired import Paired
    from embedlens.analysis.triplets import Triplets
    from embedlens.artifacts import Table
    from embedlens.figures.distances import Shown
    from embedlens.store import Run
    from embedlens_cli import reference
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured, as the options say."""

    epoch: str
    ecdf: bool
    bins: int
    resamples: int
    seed: int
    device: str
    reader: Reader


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One state: the runs that it is of, its snapshot, and its own nearest triplets."""

    labels: tuple[str, ...]
    snapshot: Snapshot
    initial: bool
    triplets: Triplets

    @property
    def state(self) -> str:
        """Its name."""
        return self.snapshot.name

    @property
    def key(self) -> str:
        """The state as summaries call it: "pretrained", or the number of the epoch."""
        return self.state.removeprefix("epoch ")

    @property
    def name(self) -> str:
        """The run and the state."""
        return f"{self.labels[0]}, {self.state}"

    @property
    def distances(self) -> Distances:
        """Distances of its own nearest triplets."""
        from embedlens.analysis.distances import distances

        return distances(self.triplets)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The answers of one split: the states, and by run its comparisons, that with the reference first."""

    states: list[State]
    paired: dict[str, list[Paired]]

    @property
    def n_text(self) -> str:
        """How many anchors every state has; copies that are left out may differ from state to state."""

        def text(counts: Sequence[int]) -> str:
            low, high = min(counts), max(counts)
            return f"{low:,}" if low == high else f"{low:,} to {high:,}"

        anchors, alone = zip(
            *((s.triplets.anchor.size, s.triplets.n_singletons) for s in self.states), strict=True
        )
        return f"n = {text(anchors)}" + (f" ({text(alone)} singletons)" if max(alone) else "")


def measure(runs: Sequence[Run], split: str, chooser: reference.Reference, asked: Asked) -> Found:
    """Measure all states of one split, and compare: runs with the first, one run with its initial state."""
    from embedlens import selection

    labels = selection.run_labels(runs)
    finals = []
    for label, run in zip(labels, runs, strict=True):
        snapshot = Snapshot(run, split, selection.choose_epoch(run, asked.epoch))
        triplets = snapshot.nearest(asked.reader, label=label, device=asked.device)
        finals.append(State((label,), snapshot, False, triplets))
    initials = _initials(runs, split, finals, asked)
    if len(runs) > 1:
        pairs = [(finals[0], other) for other in finals[1:]]
    else:
        pairs = [(initial, finals[0]) for initial in initials]
    # A reference that is one of the states shown has been asked for its nearest triplets already.
    known = {state.name: state.triplets for state in finals}
    if pairs and chooser.name not in known:
        chosen = Snapshot(chooser.run, split, chooser.epoch)
        known[chooser.name] = chosen.nearest(asked.reader, label=chooser.label, device=asked.device)
    paired = {}
    for first, second in pairs:
        references = {chooser.name: known[chooser.name]}
        references |= {s.name: s.triplets for s in (first, second) if s.name not in references}
        paired[second.labels[0]] = [_compare(first, second, one, asked) for one in references.items()]
    return Found([*initials, *finals], paired)


def _initials(runs: Sequence[Run], split: str, finals: Sequence[State], asked: Asked) -> list[State]:
    """Return the initial states; one that several runs share stands for all of them.

    A run that is shown in its initial state anyway has no other.
    """
    groups: list[tuple[list[str], Snapshot]] = []
    for run, final in zip(runs, finals, strict=True):
        initial = Snapshot.initial(run, split)
        if initial.name == final.state:
            continue
        for labels, other in groups:
            if other.equals(initial):
                labels.append(final.labels[0])
                break
        else:
            groups.append(([final.labels[0]], initial))
    return [
        State(tuple(labels), one, True, one.nearest(asked.reader, label=labels[0], device=asked.device))
        for labels, one in groups
    ]


def _compare(first: State, second: State, chosen: tuple[str, Triplets], asked: Asked) -> Paired:
    """Compare two states on triplets chosen in one."""
    from embedlens.analysis.distances import distances
    from embedlens.analysis.paired import compare

    name, triplets = chosen
    sides = [distances(state.snapshot.follow(triplets, device=asked.device)) for state in (first, second)]
    same = first.labels == second.labels
    names = (first.state, second.state) if same else (first.labels[0], second.labels[0])
    return compare(*sides, names=names, reference=name, resamples=asked.resamples, seed=asked.seed)


def shown(states: Sequence[State], asked: Asked) -> list[Shown]:
    """Return the distribution of each state, as it is drawn and named."""
    from embedlens.analysis.distances import ecdf, histograms
    from embedlens.figures.distances import Shown

    initials = [state for state in states if state.initial]
    names = {}
    for state in states:
        name = state.name
        if state.initial:
            whose = f" of {', '.join(state.labels)}" if len(initials) > 1 else ""
            name = f"initial state{whose} ({state.state})"
        names[name] = state
    samples = {name: state.distances for name, state in names.items()}
    if asked.ecdf:
        return [Shown(name, ecdf(samples[name]), state.initial) for name, state in names.items()]
    counted = histograms(samples, bins=asked.bins)
    return [Shown(name, counted[name], state.initial) for name, state in names.items()]


def table(found: Found, drawn: Sequence[Shown], split: str) -> Table:
    """Return the data that the figure shows, a block a state."""
    return [
        {"run": "; ".join(state.labels), "split": split, "state": state.state, **one.result.columns()}
        for state, one in zip(found.states, drawn, strict=True)
    ]


def summary(found: Mapping[str, Found]) -> dict[str, Any]:
    """Return the numbers: run -> split -> state -> name -> number; comparisons at the later state."""
    told: dict[str, Any] = {}
    for split, answers in found.items():
        for state in answers.states:
            sample = state.distances
            numbers = {
                "n": sample.distance.size,
                "n_singletons": sample.n_singletons,
                "mean_distance": sample.mean,
                "median_distance": sample.median,
            }
            for label in state.labels:
                told.setdefault(label, {}).setdefault(split, {})[state.key] = dict(numbers)
            for one in answers.paired.get(state.labels[0], []) if not state.initial else []:
                place = told[state.labels[0]][split][state.key]
                key = "paired" if "paired" not in place else "paired_other_triplets"
                if key == "paired":
                    place[key] = one.columns()
                else:
                    place.setdefault(key, []).append(one.columns())
    return told


def remarks(found: Mapping[str, Found]) -> list[str]:
    """Return which comparisons depend on where their triplets were chosen."""
    told = []
    for split, answers in found.items():
        for several in answers.paired.values():
            if len({one.nearer for one in several}) > 1:
                by = "; ".join(f"in {one.reference}: {one.nearer or 'neither'}" for one in several)
                told.append(f"split {split}: which is nearer depends on where the triplets are chosen ({by})")
    return told


def print_tables(found: Mapping[str, Found]) -> None:
    """Print the distances of every state, and the comparisons."""
    from embedlens_cli import output

    rows, pairs = [], []
    for split, answers in found.items():
        for state in answers.states:
            sample = state.distances
            counts = (f"{sample.distance.size:,}", f"{sample.n_singletons:,}")
            numbers = (f"{sample.mean:.4f}", f"{sample.median:.4f}")
            rows.append((f"{', '.join(state.labels)}, {split}", state.state, *counts, *numbers))
        for label, several in answers.paired.items():
            for one in several:
                whose = "" if one.second == label else f"{label}: "
                against = f"{whose}{one.second} - {one.first}"
                pairs.append(
                    (
                        f"{against}, {split}", one.reference, f"{one.n:,}", f"{one.difference:+.4f}",
                        f"[{one.low:+.4f}, {one.high:+.4f}]", p_text(one.p_value), f"{one.share:.1%}",
                        one.nearer or "neither",
                    )
                )  # fmt: skip
    output.print_table(("run, split", "state", "n", "singletons", "mean distance to (1, 0)", "median"), rows)
    if pairs:
        output.say("")
        output.print_table(
            (
                "same triplets, difference of", "chosen in", "n", "median difference", "95 % interval",
                "Wilcoxon p", "nearer in the first named", "nearer",
            ),
            pairs,
        )  # fmt: skip


def p_text(value: float) -> str:
    """Return a p value in three digits; one that float64 cannot hold is below 1e-300."""
    return f"{value:.3g}" if value > 1e-300 else "< 1e-300"
