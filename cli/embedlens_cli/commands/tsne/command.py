"""The command `tsne`: t-SNE maps of snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.tsne import colours
from embedlens_cli.commands.tsne.map_options import (
    MapOptions,
    MapSettings,
    ParameterOptions,
    parameter_words,
)
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    SnapshotOptions,
    changed,
    grouped,
)


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
    words: FileWords,
) -> None:
    """Map the embeddings by t-SNE: openTSNE by cosine distance, with the exact neighbours.

    With --animate the first map is optimised until it has converged, every later one starts from the map
    before and is aligned to it: an unchanged epoch has an unchanged map.
    """
    from embedlens.experiments.latent_maps import check_latent
    from embedlens.figures.style import paper
    from embedlens.selection import choose_epochs
    from embedlens_cli.commands.tsne import figures as map_figures
    from embedlens_cli.commands.tsne import maps as snapshot_maps
    from embedlens_cli.common import console
    from embedlens_cli.common.report import Report, by_split
    from embedlens_cli.common.snapshots import Selection

    style = drawn.style()
    _check(what, animate=animate)
    settings = MapSettings(what, how.parameters(), series=animate, adapt=how.perplexity is None)
    selection = Selection.of(where, leave_out, style.names)
    splits = colours.colored_splits(selection, what.color, named=bool(where.split))
    selection = replace(selection, splits=splits, epoch="all" if animate else where.epoch)
    if animate:
        snapshot_maps.check_series(selection)
    if what.synthesised is not None:
        for one in selection:
            check_latent(one.run, one.split, one.epoch)
    maps = snapshot_maps.measure(selection, settings)
    facts = settings.facts(result.step.projection.perplexity for result in maps.values())
    report = Report.of(
        "tsne", selection, style, options=drawn, facts=facts,
        words=[*words, *parameter_words(settings.parameters)],
    )  # fmt: skip
    for one, result in maps.items():
        report.enter(one, result.numbers)
    shown = {label: choose_epochs(run, where.epoch) for label, run in selection.labelled}
    with paper(drawn.venue):
        for group in by_split(maps):
            stills = {one: result for one, result in group.items() if one.epoch in shown[one.label]}
            map_figures.save_stills(report, stills, series=animate)
            if animate:
                map_figures.save_animation(report, group, fps=fps)
    for line in [*snapshot_maps.sample_warnings(maps), *snapshot_maps.restless(maps, settings)]:
        console.print_message(line)
    report.end(lambda: map_figures.print_table(maps))


def _check(what: MapOptions, *, animate: bool) -> None:
    """Refuse options that do not go together."""
    message = ""
    apart = {
        "--animate": animate, "--central": what.central, "--thumbnails": what.thumbnails,
        "--color": what.color != colours.CLASS,
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
