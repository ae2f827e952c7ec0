"""Distances of the initial and the final states of runs to the ideal point, and their paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.analysis.triplets.distances import distances
from embedlens.measurements.triplet_states import State
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlens.analysis.triplets.distances import Distances
    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.analysis.triplets.paired import Paired
    from embedlens.measurements.selected import Selected
    from embedlens.measurements.triplet_states import Reference


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasuredState(Result):
    """A state with its own nearest triplets; `labels` are the runs that share it."""

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
    """
    finals = [MeasuredState.of(State.of(one), device) for one in places]
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
