"""Paths of single triplets through the states of runs: which anchors are followed, and their classes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.triplets.trajectory import (
    PRETRAINED,
    moved_anchors,
    paths_of,
    random_anchors,
    take,
    worst_anchors,
)
from embedlens.errors import InputError
from embedlens.measurements.class_names import of_items
from embedlens.measurements.measuring import measure
from embedlens.measurements.triplet_states import states_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.analysis.triplets.trajectory import Path
    from embedlens.execution import Workers
    from embedlens.measurements.selected import Selected
    from embedlens.measurements.triplet_states import Reference, State


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which anchors are followed.

    Attributes
    ----------
    kind
        "rows": those named; "worst": farthest from (1, 0); "random": drawn by seed; "moved": those whose
        distance to (1, 0) changes most from the initial state to the last epoch.
    rows
        Row numbers of those named.
    count, seed
        The number of the others, and the seed of a draw.
    """

    kind: str
    rows: tuple[int, ...] = ()
    count: int = 0
    seed: int | None = None

    @property
    def size(self) -> int:
        """The number of anchors."""
        return len(self.rows) or self.count

    @property
    def stem(self) -> str:
        """Part of file names."""
        if self.kind == "rows":
            return "anchor-" + "+".join(str(row) for row in self.rows)
        return f"{self.kind}-{self.count}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def facts(self) -> dict[str, str | int | None]:
        """Entries of the sidecar."""
        texts = {
            "rows": "named",
            "worst": "farthest from (1, 0) at the reference epoch",
            "random": "drawn by seed",
            "moved": "largest change of the distance to (1, 0), first to last state of the reference run",
        }
        return {"anchors": texts[self.kind], "seed": self.seed}

    def choose(self, every: Triplets, state: State, *, device: str) -> NDArray[np.int64]:
        """Return the row numbers of the anchors, chosen among the triplets of a state.

        Parameters
        ----------
        every, state
            The state in which they are chosen, and its nearest triplets.
        device
            Of the engine: "cpu" or "cuda".
        """
        if self.kind == "rows":
            return np.array(self.rows)
        if self.kind == "worst":
            return worst_anchors(every, self.count)
        if self.kind == "random":
            return random_anchors(every, self.count, seed=self.seed or 0)
        ends = state.initial, replace(state, epoch=state.run.resolve_epoch(-1))
        start, end = (one.follow(every, device=device) for one in ends)
        return moved_anchors(start, end, count=self.count)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnchorPaths(Result):
    """One anchor: its paths, one per run, and the classes of anchor, positive and negative."""

    paths: tuple[Path, ...]
    classes: tuple[str, str, str]

    @property
    def items(self) -> dict[str, Any]:
        """The three items that the paths are of."""
        path = self.paths[0]
        return {
            "anchor": path.anchor,
            "class": self.classes[0],
            "positive": path.positive,
            "negative": path.negative,
            "negative_class": self.classes[2],
        }


def follow_anchors(
    places: Sequence[Selected],
    reference: Reference,
    anchors: Anchors,
    *,
    device: str,
    executor: Workers | Executor | None = None,
) -> list[AnchorPaths]:
    """Follow every anchor through all states of all runs.

    Parameters
    ----------
    places
        The snapshots of one split, by run and epoch.
    reference
        Where positives and negatives, and the anchors, are chosen.
    anchors
        Which anchors are followed.
    device
        Of the engine: "cpu" or "cuda".
    executor
        Where the states are followed, as of `embedlens.execution.run_tasks`; None: in this process.
    """
    split = places[0].split
    state = reference.state(split, places[0].reader)
    every = state.nearest(device=device)
    states = states_of(places)
    for several in states.values():
        several[-1].search()  # for the warnings about its data
    try:
        rows = anchors.choose(every, state, device=device)
        chosen = take(every, rows, items=reference.run.info.splits[split].items)
    except InputError as error:
        place = f"run {reference.label!r}, split {split!r}"
        raise error.within(place) from error
    each = [one for several in states.values() for one in several]
    follow = partial(_followed, chosen=chosen, device=device)
    with closing(measure(follow, each, executor=executor)) as measured:
        followed = {(one.label, one.epoch): triplets for one, triplets in measured}
    paths = [
        paths_of([(_number(one), followed[label, one.epoch]) for one in several], run=label)
        for label, several in states.items()
    ]
    first = places[0].run
    names, others = (of_items(first, one, "class {}") for one in (split, state.gallery or split))
    items = zip(chosen.anchor, chosen.positive, chosen.negative, strict=True)
    classes = [(names[anchor], others[positive], others[negative]) for anchor, positive, negative in items]
    return [AnchorPaths(*one) for one in zip(zip(*paths, strict=True), classes, strict=True)]


def _followed(state: State, chosen: Triplets, *, device: str) -> Triplets:
    """Return the chosen triplets with their similarities in a state."""
    return state.follow(chosen, device=device)


def _number(state: State) -> int:
    """Return the epoch of a state, as paths have it."""
    return PRETRAINED if state.epoch is None else state.epoch
