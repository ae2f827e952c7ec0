"""The command `tsne`: t-SNE maps of snapshots."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens.execution import run_tasks
from embedlens_cli.commands.tsne import figures as map_figures
from embedlens_cli.commands.tsne.map_options import (
    MapOptions,
    MapSettings,
    ParameterOptions,
    parameter_words,
)
from embedlens_cli.common import console
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    SnapshotOptions,
    WorkerOptions,
    changed,
    grouped,
)
from embedlens_cli.common.report import Report, by_split
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.measurements.maps import MapPlan, SnapshotMap
    from embedlens.measurements.reader import Kept

    Maps = Mapping[Selected, SnapshotMap]

_FEWEST = 4  # items for which no perplexity is allowed
_MANY = 100_000  # items of a map that take long


@grouped
def tsne(
    *,
    animate: Annotated[
        bool,
        typer.Option("--animate", help="Map all epochs, each from the one before: GIF, MP4 and a strip."),
    ] = False,
    fps: Annotated[float, typer.Option(help="With --animate: epochs per second.", min=0.1, max=60)] = 2.0,
    where: SnapshotOptions,
    what: MapOptions,
    how: ParameterOptions,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Map the embeddings by t-SNE: openTSNE by cosine distance, with the exact neighbours.

    With --animate the first map is optimised until it has converged, every later one starts from the map
    before and is aligned to it: an unchanged epoch has an unchanged map.
    """
    from embedlens.experiments.latent_maps import check_latent
    from embedlens.figures.style import paper
    from embedlens.measurements.maps import coloured_splits
    from embedlens.selection import choose_epochs

    style = drawn.style()
    _check(what, animate=animate)
    settings = MapSettings(what, how.parameters(), series=animate, adapt=how.perplexity is None)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    splits = coloured_splits(selection.runs, selection.splits, what.color, named=bool(where.split))
    selection = replace(selection, splits=splits, epoch="all" if animate else where.epoch)
    if animate:
        _check_series(selection)
    if what.synthesised is not None:
        for one in selection:
            check_latent(one.run, one.split, one.epoch)
    kept, plan = selection.kept(), settings.plan()
    for line in _announcements(selection, plan, kept):
        console.print_message(line)
    maps = _measure(selection, plan, kept)
    facts = settings.facts(result.step.projection.perplexity for result in maps.values())
    report = Report.of(
        "tsne", selection, style, options=drawn, facts=facts,
        words=[*words, *parameter_words(settings.parameters)],
    )  # fmt: skip
    for one, result in maps.items():
        report.enter(one, result.summary())
    shown = {label: choose_epochs(run, where.epoch) for label, run in selection.labelled}
    with paper(drawn.venue):
        for group in by_split(maps):
            stills = {one: result for one, result in group.items() if one.epoch in shown[one.label]}
            map_figures.save_stills(report, stills, what.thumbnail_size, series=animate)
            if animate:
                map_figures.save_animation(report, group, what.thumbnail_size, fps=fps)
    for line in _restless(maps, settings):
        console.print_message(line)
    report.end(lambda: map_figures.print_table(maps))


def _check(what: MapOptions, *, animate: bool) -> None:
    """Refuse options that do not go together."""
    message = ""
    apart = {
        "--animate": animate, "--central": what.central, "--thumbnails": what.thumbnails,
        "--color": what.color != MapOptions.color,
    }  # fmt: skip
    beside = next((flag for flag, on in apart.items() if on), None)
    if what.whole_classes is not None and what.sample is None:
        flag = "--whole-classes" if what.whole_classes else "--every-class"
        message = f"{flag} says how to sample; add --sample N"
    elif what.thumbnails and what.highlight:
        message = "--thumbnails borders every class in its colour; leave out --highlight"
    elif "thumbnail_size" in changed(what) and not what.thumbnails:
        message = "--thumbnail-size is that of the items' pictures; add --thumbnails"
    elif what.synthesised is not None and beside:
        message = f"--synthesised draws dots and rings, by class, of single epochs; leave out {beside}"
    if message:
        raise InputError(message)


def _check_series(selection: Selection) -> None:
    """Refuse a run of which there is nothing to animate."""
    for label, run in selection.labelled:
        if len(run.epochs()) < 2:
            message = f"run {label!r} has one epoch only; --animate needs two or more"
            raise InputError(message)


def _measure(
    selection: Selection, plan: MapPlan, kept: Mapping[tuple[str, str], Kept]
) -> dict[Selected, SnapshotMap]:
    """Map every snapshot: from scratch, or each epoch of a run from the one before."""
    splits: dict[tuple[str, str], list[Selected]] = {}
    for one in selection:
        splits.setdefault((one.label, one.split), []).append(one)
    series = list(splits.values()) if plan.series else [[one] for one in selection]
    workers = selection.workers
    if workers is not None and plan.series and len(series) == 1:
        console.print_message("each map starts from the one before: one worker maps all epochs of a run")
    unit = partial(_map, plan=plan, kept=kept)
    with closing(run_tasks(unit, series, executor=workers)) as mapped:
        every = list(console.track(mapped, "mapping", total=len(series)))
    return {one: result for places, results in zip(series, every, strict=True)
            for one, result in zip(places, results, strict=True)}  # fmt: skip


def _map(
    places: Sequence[Selected], *, plan: MapPlan, kept: Mapping[tuple[str, str], Kept]
) -> list[SnapshotMap]:
    """Map the epochs of a split, by epoch."""
    from embedlens.measurements.maps import map_split

    return [*map_split(places, plan, kept[places[0].label, places[0].split]).values()]


def _announcements(selection: Selection, plan: MapPlan, kept: Mapping[tuple[str, str], Kept]) -> list[str]:
    """Return a line for each split whose items are sampled, or are very many: what will be mapped."""
    lines = []
    for (label, split), items in kept.items():
        run = dict(selection.labelled)[label]
        try:
            text = _announced(items.of(run.labels(split)), plan, run.class_names)
        except InputError:  # mapping says where it is
            continue
        lines += [f"run {label!r}, split {split!r}: {text}"] if text else []
    return lines


def _announced(labels: NDArray[np.int64], plan: MapPlan, names: Mapping[int, str]) -> str:
    """Say which of the items with these labels will be mapped; nothing where all are, and they are few."""
    from embedlens.analysis.projection.parameters import Parameters
    from embedlens.measurements.maps import CLASS, label_of, sample_of

    count = labels.size
    if plan.sample is None:
        if count <= _MANY:
            return ""
        return f"all {count:,} items are mapped, which may take hours; --sample N maps some of them"
    first = [label_of(word, labels, names) for word in plan.highlighted if plan.color == CLASS]
    sampled = sample_of(labels, plan, first)
    mapped = plan.sample if sampled is None else sampled.rows.size
    if "perplexity" in plan.parameters or mapped <= _FEWEST:  # no other perplexity is taken
        Parameters.of(plan.parameters).for_items(mapped, adapt=False)
    if sampled is None or not sampled.whole_classes:
        return f"the map shows {plan.sample:,} of {count:,} items, drawn at random from each class"
    shown = f"{sampled.rows.size:,} items of {map_figures.classes_shown(sampled)}"
    if sampled.by_default:
        return f"the map shows all {shown}, drawn at random; --every-class maps some items of every class"
    return f"the map shows all {shown}, drawn at random"


def _restless(maps: Maps, settings: MapSettings) -> list[str]:
    """Return a line for each first map of a series that ended before it was at rest."""
    from embedlens.analysis.projection.maps import rest_of

    parameters = settings.parameters
    return [
        f"{one.labelled_place}: the map has not converged after {first.iterations:,} iterations (gradient "
        f"{first.gradient:.1e}, converged from {rest_of(parameters, first.item.size):.0e}), so later maps "
        f"may move for that alone; raise --settle-iter {parameters.settle_iter}"
        for one, result in maps.items()
        for first in [result.step.projection]
        if settings.series and result.step.start == "cold" and not result.step.at_rest
    ]
