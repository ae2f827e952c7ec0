"""Drift of recorded runs: each run over its epochs, and runs with one another at their last epochs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.drift.alignment import scores_of
from embedlens.analysis.drift.matrices import Drift
from embedlens.analysis.drift.neighbours import NeighbourFile
from embedlens.analysis.drift.pair_scores import KS, SCORES, PairScores
from embedlens.analysis.drift.spaces import Source, check_count, space_of
from embedlens.analysis.projection.items import sample as sample_of
from embedlens.errors import InputError
from embedlens.execution import run_tasks
from embedlens.measurements.measuring import measure
from embedlens.results import Result
from embedlens.same_items import check_same_items
from embedlens.similarity.nearest_rows import nearest_rows
from embedlens.store.locations import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.drift.spaces import Space
    from embedlens.execution import Workers
    from embedlens.measurements.selected import Selected

    Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """What is compared of snapshots.

    Attributes
    ----------
    ks
        Numbers of neighbours; those that the items do not have are left out.
    scores
        Names in `analysis.drift.SCORES`.
    sample, seed
        Number of items, drawn by class with the seed; None: all items.
    normalize
        Whether rows are divided by their lengths before they are centred.
    device
        Where neighbours are searched: "cpu" or "cuda".
    """

    ks: tuple[int, ...] = KS
    scores: tuple[str, ...] = SCORES
    sample: int | None = None
    seed: int = 0
    normalize: bool = True
    device: str = "cpu"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitDrift(Result):
    """Scores of the snapshots of one split.

    Attributes
    ----------
    n, of
        Number of items compared, and of all that are not left out.
    skipped
        Numbers of neighbours that the items do not have.
    over_epochs
        Label of a run -> its snapshots, ascending by epoch, and their scores; of runs with two or more.
    between_runs
        The last snapshot of each run, and their scores; None where there is a single run.
    """

    n: int
    of: int
    skipped: tuple[int, ...]
    over_epochs: dict[str, tuple[list[Selected], Drift]]
    between_runs: tuple[list[Selected], Drift] | None


def check_comparable(places: Sequence[Selected]) -> None:
    """Refuse snapshots of one split that do not hold the same items, and a single snapshot."""
    runs = list({one.label: one.run for one in places}.values())
    check_same_items(runs, places[0].split, "drift compares the same items in each snapshot")
    if len(places) < 2:
        message = "one snapshot, and drift compares at least two; choose more epochs, or name more runs"
        raise InputError(message).within(places[0].place)


def split_drift(
    places: Sequence[Selected],
    options: DriftOptions,
    *,
    executor: Workers | None = None,
    track: Track = lambda steps, doing, total: steps,
) -> SplitDrift:
    """Return the scores of the snapshots of one split.

    Neighbours are searched once for each snapshot; pairs are those of one run, and those of the last
    snapshots of all runs. Neighbours stand in a temporary file, and embeddings are read a block at a time.

    Parameters
    ----------
    places
        The snapshots, by run, then by epoch.
    options
        What is compared.
    executor
        Workers that measure snapshots and compare pairs; None: this process.
    track
        Shows progress through (steps, what is done, number of steps).

    Raises
    ------
    InputError
        Runs of different data, a single snapshot, a sample that cannot be drawn, or no number of neighbours
        that the items have.
    """
    check_comparable(places)
    rows, of = _rows(places[0], options)
    n = of if rows is None else rows.size
    check_count(n)
    overlaps = "overlap" in options.scores
    skipped = tuple(k for k in options.ks if k >= n and overlaps)
    ks = [k for k in options.ks if k < n] or options.ks
    groups = _groups(places)
    pairs = {(a, b) for group in groups for a in group for b in group if a < b}
    computed = PairScores.of(pairs, options.scores, ks=ks, n=n)
    prepare = partial(
        _prepare, rows=rows, k=max(computed.ks, default=0), normalize=options.normalize, device=options.device
    )
    spaces: list[Space] = []
    with NeighbourFile() as neighbours:
        with closing(measure(prepare, places, executor=executor)) as measured:
            for one, (space, ids) in track(measured, "searching neighbours", len(places)):
                if executor is not None:  # a file that a worker mapped may stand elsewhere for this process
                    space = replace(space, source=Source.of(one.snapshot.embeddings, rows))
                spaces.append(space)
                if ids is not None:
                    neighbours.append(ids)
        tiles = computed.tiles(spaces)
        local = any(is_address(str(one.run.path)) for one in places)
        with closing(run_tasks(scores_of, tiles, executor=None if local else executor)) as parts:
            found = computed.values(neighbours, track(parts, "comparing", len(tiles)))
    several = len({one.label for one in places}) > 1

    def of_group(group: Sequence[int]) -> tuple[list[Selected], Drift]:
        return [places[number] for number in group], Drift.of(found, computed.pairs, group, n=n)

    over_epochs = [group for group in (groups[:-1] if several else groups) if len(group) > 1]
    return SplitDrift(
        n, of, skipped,
        {places[group[0]].label: of_group(group) for group in over_epochs},
        of_group(groups[-1]) if several else None,
    )  # fmt: skip


def _rows(first: Selected, options: DriftOptions) -> tuple[NDArray[np.int64] | None, int]:
    """Return the rows that are compared (None: all), and how many are not left out."""
    kept = first.reader.kept(first.run, first.split, first.epoch)
    n = first.run.info.splits[first.split].items if kept.rows is None else kept.rows.size
    if options.sample is None or options.sample == n:
        return kept.rows, n
    # Labels are needed for the sample alone; of items that have sets of labels it is drawn without them.
    labels = np.zeros(n, np.int64)
    if not first.run.is_multi_label:
        labels = kept.of(first.run.labels(first.split))
    return kept.row(sample_of(labels, options.sample, seed=options.seed)), n


def _groups(places: Sequence[Selected]) -> list[list[int]]:
    """Return the numbers of the snapshots of each run, and then, of several runs, of the last of each."""
    by_run: dict[str, list[int]] = {}
    for number, one in enumerate(places):
        by_run.setdefault(one.label, []).append(number)
    groups = list(by_run.values())
    return groups if len(groups) == 1 else [*groups, [group[-1] for group in groups]]


def _prepare(
    one: Selected, *, rows: NDArray[np.int64] | None, k: int, normalize: bool, device: str
) -> tuple[Space, NDArray[np.int32] | None]:
    """Return a snapshot as a space, and the nearest neighbours of its items where some are wanted."""
    z = one.snapshot.embeddings
    space = space_of(z, rows=rows, normalize=normalize)
    if not k:
        return space, None
    return space, nearest_rows(z if rows is None else z[rows], k, device=device)
