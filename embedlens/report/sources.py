"""From snapshots of runs to what a report shows: triplets of every epoch, maps, logs and thumbnails."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.triplets.nearest import summarise
from embedlens.errors import InputError
from embedlens.experiments.method_facts import differing_options
from embedlens.figures.style import line_styles
from embedlens.measurements.class_names import distinct_classes, of_items
from embedlens.measurements.measuring import measure
from embedlens.measurements.triplet_states import triplets_of
from embedlens.report.data import Dataset, Items, MapSeries, ReportData, RunFacts, TripletSeries
from embedlens.report.paper_figures import paper_figures
from embedlens.selection import gallery_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.execution import Workers
    from embedlens.measurements.selected import Selected
    from embedlens.store import Run

BUDGET = 6_000_000
"""Triplets in a page, all items, epochs, runs and splits together: about 12 bytes each."""
FEWEST_ITEMS = 50_000
"""Epochs are left out before fewer items than these are shown."""
MAP_ITEMS = 2_000


@dataclass(frozen=True, slots=True)
class Extent:
    """What is shown of all there is.

    Attributes
    ----------
    sample
        Items of a split; None: as many as fit into `BUDGET`.
    tsne
        Whether t-SNE maps are made, of at most `MAP_ITEMS` items.
    figures
        Whether the paper figures of the last epochs stand below the views.
    budget
        Triplets in all.
    """

    sample: int | None = None
    tsne: bool = False
    figures: bool = True
    budget: int = BUDGET


@dataclass(slots=True)
class _Group:
    """Snapshots of runs that hold the same items in a split, run by run."""

    split: str
    places: dict[str, list[Selected]] = field(default_factory=dict)

    @property
    def first(self) -> Selected:
        return next(iter(self.places.values()))[0]

    @property
    def items(self) -> int:
        return self.first.run.info.splits[self.split].items


def gather(
    places: Iterable[Selected],
    extent: Extent | None = None,
    *,
    device: str = "cpu",
    track: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
    nearest: Callable[[Selected], Triplets] | None = None,
    executor: Workers | Executor | None = None,
) -> ReportData:
    """Return what a report shows of some snapshots.

    Parameters
    ----------
    places
        The snapshots, by run.
    extent
        What is shown of all there is.
    device
        Of the engine: "cpu" or "cuda".
    track
        Function of results and of their number that gives them one by one, and reports the progress; None:
        nothing is reported.
    nearest
        Returns the nearest triplets of a snapshot, where they are known; None: they are searched.
    executor
        Where they are searched, as of `embedlens.execution.run_tasks`; None: in this process.

    Raises
    ------
    InputError
        No snapshot, or one without any triplet.
    """
    extent = extent or Extent()
    every = list(places)
    if not every:
        message = "a report needs a run with one snapshot at least"
        raise InputError(message)
    runs = {one.label: one.run for one in every}
    groups = _groups(every)
    messages = _linking(groups, runs)
    kept, said = _epochs_that_fit(groups, extent)
    messages += said
    shown, search = [one for one in every if one in kept], nearest or partial(triplets_of, device=device)
    with closing(measure(search, shown, executor=executor)) as results:
        measured = dict(track(results, len(shown)) if track else results)
    datasets = []
    for group in groups:
        rows, said = _rows(group, measured, extent, len(groups))
        messages += said
        datasets.append(_dataset(group, rows, measured, list(runs), tsne=extent.tsne, device=device))
    figures = paper_figures(measured, device=device) if extent.figures else []
    if extent.figures and any(run.is_multi_label for run in runs.values()):
        messages.append("Pruned Recall@1 is left out: items have sets of labels.")
    return ReportData(_title(runs), _run_facts(runs), datasets, figures, messages)


def _title(runs: dict[str, Run]) -> str:
    return ", ".join(runs)


def _run_facts(runs: dict[str, Run]) -> list[RunFacts]:
    colors, methods = line_styles(runs), differing_options([run.method for run in runs.values()])
    return [
        RunFacts(label, colors[label].color, method, run.log)
        for (label, run), method in zip(runs.items(), methods, strict=True)
    ]


def _groups(places: Sequence[Selected]) -> list[_Group]:
    """Return the snapshots by split and by the items that stand there and in the gallery."""
    groups: dict[tuple[str | None, ...], _Group] = {}
    for one in places:
        gallery = gallery_of(one.run, one.split)
        splits = one.run.info.splits
        prints = splits[one.split].fingerprint, gallery and splits[gallery].fingerprint
        group = groups.setdefault((one.split, gallery, *prints), _Group(one.split))
        group.places.setdefault(one.label, []).append(one)
    return list(groups.values())


def _linking(groups: Sequence[_Group], runs: dict[str, Run]) -> list[str]:
    """Say which runs are not linked, since they hold other items."""
    messages = []
    for split in dict.fromkeys(group.split for group in groups):
        several = [group for group in groups if group.split == split]
        if len(several) > 1:
            names = "; ".join(", ".join(group.places) for group in several)
            messages.append(
                f"Split {split}: the runs hold different items ({names}); they are not linked,"
                " and a selection stays with the runs of the same items."
            )
    return messages


def _epochs_that_fit(groups: Sequence[_Group], extent: Extent) -> tuple[set[Selected], list[str]]:
    """Return the snapshots to show: all, or evenly spaced epochs where too few items would fit."""
    every = {one for group in groups for several in group.places.values() for one in several}
    wanted = max(min(group.items, FEWEST_ITEMS, extent.sample or FEWEST_ITEMS) for group in groups)
    most = max(1, extent.budget // (wanted * sum(len(group.places) for group in groups)))
    longest = max(len(several) for group in groups for several in group.places.values())
    if longest <= most:
        return every, []
    kept = {
        several[place]
        for group in groups
        for several in group.places.values()
        for place in np.linspace(0, len(several) - 1, min(len(several), most)).round().astype(int).tolist()
    }
    return kept, [f"{most} evenly spaced epochs of {longest} are shown."]


def _rows(
    group: _Group, measured: dict[Selected, Triplets], extent: Extent, groups: int
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the rows to show: all anchors, or a sample by class."""
    from embedlens.analysis.projection.items import sample

    found = [measured[one] for several in group.places.values() for one in several if one in measured]
    anchors = np.unique(np.concatenate([triplets.anchor for triplets in found]))
    fits = extent.budget // (len(found) * groups)
    count = min(anchors.size, fits if extent.sample is None else extent.sample)
    if count >= anchors.size:
        return anchors, []
    labels = distinct_classes(group.first.run, group.split).labels[anchors]
    rows = anchors[sample(labels, count)]
    return rows, [
        f"Split {group.split}: {rows.size:,} of {anchors.size:,} triplets are shown, drawn by class."
    ]


def _dataset(
    group: _Group,
    rows: NDArray[np.int64],
    measured: dict[Selected, Triplets],
    labels: list[str],
    *,
    tsne: bool,
    device: str,
) -> Dataset:
    run = group.first.run
    gallery = gallery_of(run, group.split)
    series = []
    for label, several in group.places.items():
        places = [one for one in several if one in measured]
        one = _series(labels.index(label), rows, places, [measured[place] for place in places])
        series.append(replace(one, maps=_maps(rows, places, device=device)) if tsne else one)
    items = _items(run, group.split)
    return Dataset(items, None if gallery is None else _items(run, gallery), rows, series)


def _items(run: Run, split: str) -> Items:
    columns = run.items(split)
    labels, known, texts = distinct_classes(run, split)
    names = dict(known)
    for label, name in zip(labels.tolist(), of_items(run, split, "class {}"), strict=True):
        names.setdefault(label, name)
    return Items(split, labels, names, columns, run.thumbnails(split), label_texts=texts)


def _series(
    run: int, rows: NDArray[np.int64], places: Sequence[Selected], measured: Sequence[Triplets]
) -> TripletSeries:
    """Set the triplets of each epoch at the places of the rows that are shown."""
    shape = len(places), rows.size
    similarities = np.full((2, *shape), np.nan)
    partners = np.full((2, *shape), -1, np.int32)
    summaries: list[dict[str, Any]] = []
    for number, triplets in enumerate(measured):
        summaries.append(summarise(triplets).summary())
        _, at, among = np.intersect1d(rows, triplets.anchor, assume_unique=True, return_indices=True)
        similarities[:, number, at] = triplets.s_ap[among], triplets.s_an[among]
        partners[:, number, at] = triplets.positive[among], triplets.negative[among]
    epochs = [one.epoch for one in places]
    (s_ap, s_an), (positive, negative) = similarities, partners
    return TripletSeries(run, epochs, s_ap, s_an, positive, negative, summaries)


def _maps(rows: NDArray[np.int64], places: Sequence[Selected], *, device: str) -> MapSeries:
    """Return the t-SNE maps of the epochs, each led on from the one before."""
    from embedlens.analysis.projection import tsne_series
    from embedlens.analysis.projection.items import sample

    run, split = places[0].run, places[0].split
    chosen = rows
    if rows.size > MAP_ITEMS:
        chosen = rows[sample(distinct_classes(run, split).labels[rows], MAP_ITEMS)]
    steps = tsne_series((one.snapshot.embeddings[chosen] for one in places), device=device)
    xy = np.stack([step.projection.coordinates for step in steps])
    return MapSeries(chosen, [one.epoch for one in places], xy)
