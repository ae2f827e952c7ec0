"""Distances of the initial and the final states of runs to the ideal point, and their paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from embedlens.analysis.triplets.distances import distances
from embedlens.measurements.measuring import measure
from embedlens.measurements.triplet_states import State
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from embedlens.analysis.triplets.distances import Distances
    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.analysis.triplets.paired import Paired
    from embedlens.execution import Workers
    from embedlens.measurements.selected import Selected
    from embedlens.measurements.triplet_states import Reference


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasuredState(Result):
    """A state with its own nearest triplets; `labels` are the runs that share it."""

    labels: tuple[str, ...]
    state: State
    triplets: Triplets
    initial: bool = False

    @property
    def key(self) -> str:
        """The state in the JSON answer: "pretrained", or the number of the epoch."""
        return self.state.name.removeprefix("epoch ")

    @property
    def name(self) -> str:
        """The run and the state."""
        return _name(self.state)

    @property
    def distances(self) -> Distances:
        """Distances of its own nearest triplets."""
        return distances(self.triplets)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Result):
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


def compare_states(
    places: Sequence[Selected],
    reference: Reference,
    compare: Callable[..., list[Paired]],
    *,
    device: str,
    executor: Workers | Executor | None = None,
) -> Comparison:
    """Compare the last states of runs with that of the first run, or of one run with its initial state.

    Parameters
    ----------
    places
        The final snapshots of the runs, all of one split.
    reference
        Where the triplets are chosen that both states of a comparison are followed by.
    compare
        Compares two states on the same triplets, as `analysis.triplets.compare_choices` does.
    device
        Of the engine: "cpu" or "cuda".
    executor
        Where nearest triplets are found, as of `embedlens.execution.run_tasks`; None: in this process.
    """
    ends = [State.of(one) for one in places]
    starts = _initials(ends)
    # The nearest triplets of a reference that is shown are known already.
    others: dict[str, State] = {}
    if (len(ends) > 1 or starts) and reference.name not in {_name(one) for one in ends}:
        others[reference.name] = reference.state(places[0].split, places[0].reader)
    states = [*ends, *(state for _, state in starts), *others.values()]
    measured = measure(partial(_nearest, device=device), states, executor=executor)
    found = iter([triplets for _, triplets in measured])
    finals = [MeasuredState((one.label,), one, next(found)) for one in ends]
    initials = [MeasuredState(tuple(labels), one, next(found), initial=True) for labels, one in starts]
    if len(finals) > 1:
        pairs = [(finals[0], other) for other in finals[1:]]
    else:
        pairs = [(initial, finals[0]) for initial in initials]
    known = {one.name: one.triplets for one in finals}
    known |= {name: next(found) for name in others}
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


def _nearest(state: State, *, device: str) -> Triplets:
    """Return the nearest triplets of a state."""
    return state.nearest(device=device)


def _name(state: State) -> str:
    return f"{state.label}, {state.name}"


def _initials(finals: Sequence[State]) -> list[tuple[list[str], State]]:
    """Return the initial states with the labels of their runs; one that several share stands for all.

    A run whose final state is its initial state has no other.
    """
    groups: list[tuple[list[str], State]] = []
    for final in finals:
        initial = final.initial
        if initial.name == final.name:
            continue
        for labels, other in groups:
            if other.equals(initial):
                labels.append(initial.label)
                break
        else:
            groups.append(([initial.label], initial))
    return groups
