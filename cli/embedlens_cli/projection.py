"""The command that draws maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import mapped, options

if TYPE_CHECKING:
    from embedlens_cli.mapped import Wish


def tsne(
    runs: options.Runs = None,
    animate: Annotated[
        bool,
        typer.Option("--animate", help="Map all epochs, each from the one before: GIF, MP4 and a strip."),
    ] = False,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
    sample: Annotated[
        int | None,
        typer.Option(help="Number of items to map, drawn by class.", show_default="all items", min=1),
    ] = None,
    whole_classes: Annotated[
        bool | None,
        typer.Option(
            "--whole-classes/--every-class",
            help="With --sample: all items of some classes, drawn by --seed, or some items of every class.",
            show_default="whole classes where every class would have fewer than 10 items on average",
        ),
    ] = None,
    central: Annotated[
        bool, typer.Option("--central", help="Subtract the mean of its class from every item first.")
    ] = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Draw the items' pictures, bordered by class.")
    ] = False,
    thumbnail_size: Annotated[
        float, typer.Option(help="With --thumbnails: side of a picture, inches.", min=0.05, max=1)
    ] = mapped.THUMBNAIL_SIZE,
    highlight: Annotated[
        str,
        typer.Option(
            help="Classes to colour, comma-separated labels or names.",
            show_default="all, or the eight largest of more than ten",
        ),
    ] = "",
    color: Annotated[
        str, typer.Option(help="class, or what the method recorded of the items, e.g. cluster, of train.")
    ] = "class",
    synthesised: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Draw N points around the mean of each coloured class from what dvml has learnt of it "
            "(--record-latent).",
            show_default="none",
            min=1,
        ),
    ] = None,
    perplexity: Annotated[
        float, typer.Option(help="Neighbours that count; 3 times as many must exist.")
    ] = 30.0,
    metric: Annotated[str, typer.Option(help="cosine or euclidean (of the normalised).")] = "cosine",
    initialization: Annotated[str, typer.Option("--init", help="pca, random or spectral.")] = "pca",
    early_exaggeration: Annotated[
        float | None, typer.Option(help="Factor of the first phase.", show_default="12")
    ] = None,
    early_exaggeration_iter: Annotated[int, typer.Option(help="Iterations of the first phase.")] = 250,
    n_iter: Annotated[int, typer.Option(help="Iterations of the second phase.")] = 500,
    exaggeration: Annotated[float, typer.Option(help="Factor of the second phase.")] = 1.0,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="items / exaggeration")
    ] = None,
    initial_momentum: Annotated[float, typer.Option(help="Momentum of the first phase.")] = 0.8,
    final_momentum: Annotated[float, typer.Option(help="Momentum of the second phase.")] = 0.8,
    dof: Annotated[float, typer.Option(help="Degrees of freedom; below 1: finer clusters.")] = 1.0,
    gradient: Annotated[
        str, typer.Option(help="auto, exact (all pairs), bh (Barnes-Hut) or fft (interpolation).")
    ] = "auto",
    theta: Annotated[float, typer.Option(help="With bh: greater is faster, 0 exact.")] = 0.5,
    settle_iter: Annotated[
        int,
        typer.Option(help="With --animate: most further iterations until the first map is at rest."),
    ] = 2000,
    warm_iter: Annotated[
        int, typer.Option(help="With --animate: most iterations of each later epoch.")
    ] = 200,
    threads: Annotated[int | None, typer.Option(help="Threads.", show_default="every core")] = None,
    seed: Annotated[int, typer.Option(help="Of the initial map and of the sample.", min=0)] = 0,
    ignore_label: options.IgnoredItems = None,
    exclude_duplicates: options.ExcludeCopies = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    fps: Annotated[float, typer.Option(help="With --animate: epochs a second.", min=0.1, max=60)] = 2.0,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Map the embeddings by t-SNE: openTSNE by cosine distance, with the exact neighbours.

    With --animate the first map is optimised until it is at rest, every later one starts from the map before
    and is aligned to it: an unchanged epoch has an unchanged map.
    """
    from embedlens import selection
    from embedlens.analysis.projection import Parameters
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import colored, drawing, map_figures, map_items, output, synthesising
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    _check(
        {
            "--animate": animate, "--central": central, "--thumbnails": thumbnails,
            "--color": color != colored.CLASS,
        },
        whole_classes=whole_classes, sample=sample, highlight=highlight, synthesised=synthesised,
        resized=thumbnail_size != mapped.THUMBNAIL_SIZE,
    )  # fmt: skip
    told = Parameters(
        perplexity=perplexity, metric=metric, initialization=initialization,
        early_exaggeration=early_exaggeration, early_exaggeration_iter=early_exaggeration_iter, n_iter=n_iter,
        exaggeration=exaggeration, learning_rate=learning_rate, initial_momentum=initial_momentum,
        final_momentum=final_momentum, dof=dof, gradient=gradient, theta=theta, n_jobs=threads, seed=seed,
        settle_iter=settle_iter, warm_iter=warm_iter,
    )  # fmt: skip
    reader = Reader.of(ignore_label, exclude_duplicates=exclude_duplicates)
    wish: Wish = mapped.Wish(
        told=told, sample=sample, whole_classes=whole_classes, central=central, thumbnails=thumbnails,
        thumbnail_size=thumbnail_size, highlight=tuple(options.words(highlight)), color=color,
        synthesised=synthesised, device=device, left_out=tuple(reader.leave_out.words),
    )  # fmt: skip
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, colored.colored_splits(chosen, color, options.words(split)))
    places: dict[str, Any] = dict(zip(selection.run_labels(chosen), chosen, strict=True))
    epochs = {
        label: run.epochs() if animate else selection.choose_epochs(run, epoch)
        for label, run in places.items()
    }
    if animate:
        mapped.check_series(places)
    if synthesised is not None:
        synthesising.check_latent(chosen, splits, list(epochs.values()))
    found = mapped.measure(places, splits, epochs, wish, reader=reader, series=animate)
    folder, facts = figures_folder(chosen, out), mapped.facts(chosen, wish) | reader.facts
    artifacts = Artifacts(folder, output.command(), facts, summary=mapped.summary(found))
    shown = {label: set(selection.choose_epochs(run, epoch)) for label, run in places.items()}
    with paper(venue):
        for name in splits:
            part = [one for one in found if one.split == name]
            stills = [one for one in part if one.epoch in shown[one.run]]
            map_figures.save_stills(artifacts, stills, wish, look)
            if animate:
                map_figures.save_animation(artifacts, part, wish, look, fps=fps)
    for line in [*map_items.messages(found), *mapped.restless(found, told)]:
        output.remark(line)
    drawing.answer(artifacts, chosen, lambda: map_figures.print_table(found), given=runs, as_json=as_json)


def _check(
    given: dict[str, bool],
    *,
    whole_classes: bool | None,
    sample: int | None,
    highlight: str,
    synthesised: int | None,
    resized: bool,
) -> None:
    """Refuse options that do not go together; `given` are those that synthesised points do without."""
    message = ""
    beside = next((flag for flag, on in given.items() if on), None)
    if whole_classes is not None and sample is None:
        flag = "--whole-classes" if whole_classes else "--every-class"
        message = f"{flag} says how to sample; add --sample N"
    elif given["--thumbnails"] and highlight:
        message = "--thumbnails borders every class in its colour; leave out --highlight"
    elif resized and not given["--thumbnails"]:
        message = "--thumbnail-size is that of the items' pictures; add --thumbnails"
    elif synthesised is not None and beside:
        message = f"--synthesised draws dots and rings, by class, of single epochs; leave out {beside}"
    if message:
        raise InputError(message)
