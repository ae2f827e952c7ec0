"""The command that follows single triplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import followed, options, reference
from embedlens_cli.anchors import DEFAULT, Anchors, choose_anchors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets import Triplets
    from embedlens.figures.trajectory import Panel
    from embedlens.store import Run
    from embedlens_cli.reading import Reader


def trajectory(
    runs: options.Runs = None,
    anchor: Annotated[
        str | None, typer.Option(metavar="ROW[,ROW]", help="Anchors by row number.", show_default=False)
    ] = None,
    worst: Annotated[
        int | None, typer.Option(help="So many anchors farthest from (1, 0) at the reference epoch.", min=1)
    ] = None,
    random: Annotated[int | None, typer.Option(help="So many anchors drawn by --seed.", min=1)] = None,
    moved: Annotated[
        int | None,
        typer.Option(
            help="So many anchors whose distance to (1, 0) changed most from the initial state of the "
            "reference run to its last epoch.",
            min=1,
            show_default=f"{DEFAULT}, where no anchors are named otherwise",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="With --random: of the draw.", min=0, show_default="0")
    ] = None,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    reference_run: reference.RunOption = None,
    reference_epoch: reference.EpochOption = "last",
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails/--no-thumbnails", help="The pictures of the three items.")
    ] = True,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    limits: options.Limits = "full",
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw the path of single triplets: the same three items in every epoch of every run.

    Positive and negative are the nearest at the reference epoch, of a query split in its gallery. Blue is the
    initial state; the ideal point is (1, 0).
    """
    import numpy as np

    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.placing.limits import choose_limits
    from embedlens.figures.style import paper
    from embedlens.figures.trajectory import check_count, plot_panels
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader
    from embedlens_cli.triplet_states import check_same_triplets

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    check_device(device)
    choose_limits(limits, [np.zeros(1)])
    asked = choose_anchors(anchor, {"worst": worst, "random": random, "moved": moved}, seed)
    check_count(asked.size, **look.size(asked.size))
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    chooser = reference.choose_reference(chosen, reference_run, reference_epoch)
    for name in splits:
        check_same_triplets(chosen, name)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    choice = _Choice(chooser, asked, reader, device)
    found = {name: _follow(chosen, name, choice) for name in splits}
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, choice, splits),
        summary=followed.summary(found),
    )
    with paper(venue):
        for name, anchors in found.items():
            panels = _panels(anchors, _images(chosen[0], name) if thumbnails else None)
            parts = [
                "trajectory", *artifacts.named([run.name for run in chosen]), name, _epochs(anchors),
                asked.stem, chooser.stem,
                "" if thumbnails else "no-thumbnails",
                *reader.leave_out.words,
                "" if limits == "full" else f"limits-{limits.replace(',', '-to-')}",
            ]  # fmt: skip
            figure = plot_panels(
                panels,
                **look.size(len(panels)),
                heading=f"{name}, triplets of {chooser.name}",
                limits=choose_limits(
                    limits, [one for p in panels for path in p.paths for one in (path.s_ap, path.s_an)]
                ),
            )
            facts = _figure_facts(anchors, name, chosen[0])
            look.save(artifacts, parts, figure, followed.table(anchors, name), facts)
    drawing.answer(artifacts, chosen, lambda: followed.print_table(found), given=runs, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Choice:
    """How triplets are chosen: where, which of them, and of which items."""

    chooser: reference.Reference
    asked: Anchors
    reader: Reader
    device: str


def _follow(runs: Sequence[Run], split: str, choice: _Choice) -> list[followed.Followed]:
    """Follow every anchor asked for through all states of all runs."""
    from embedlens import selection
    from embedlens.analysis.trajectory import PRETRAINED, follow, take
    from embedlens_cli.triplet_states import State, states_of

    run, reader, device = choice.chooser.run, choice.reader, choice.device
    state = State(run, split, choice.chooser.epoch)
    every = state.nearest(reader, label=choice.chooser.label, device=device)
    labels = selection.run_labels(runs)
    for label, one in zip(labels, runs, strict=True):
        reader.search(one, split, label=label)  # for what there is to say of the data that are followed
    try:
        chosen = take(every, _rows(every, split, choice), items=run.info.splits[split].items)
    except InputError as error:
        place = f"run {choice.chooser.label!r}, split {split!r}"
        raise error.within(place) from error
    paths = []
    for label, one in zip(labels, runs, strict=True):
        states = (
            (PRETRAINED if at.epoch is None else at.epoch, at.embeddings, at.gallery_embeddings)
            for at in states_of(one, split)
        )
        paths.append(follow(states, chosen, run=label, device=device))
    names, others = _class_names(runs[0], split), _class_names(runs[0], state.gallery or split)
    items = zip(chosen.anchor, chosen.positive, chosen.negative, strict=True)
    classes = [(names[anchor], others[positive], others[negative]) for anchor, positive, negative in items]
    return [followed.Followed(one, said) for one, said in zip(zip(*paths, strict=True), classes, strict=True)]


def _rows(every: Triplets, split: str, choice: _Choice) -> NDArray[np.int64]:
    """Return the row numbers of the anchors asked for."""
    import numpy as np

    from embedlens.analysis import trajectory as paths
    from embedlens_cli.triplet_states import State

    run, asked = choice.chooser.run, choice.asked
    if asked.kind == "rows":
        return np.array(asked.rows)
    if asked.kind == "worst":
        return paths.worst_anchors(every, asked.count)
    if asked.kind == "random":
        return paths.random_anchors(every, asked.count, seed=asked.seed or 0)
    ends = State.initial(run, split), State(run, split, run.resolve_epoch(-1))
    start, end = (state.follow(every, device=choice.device) for state in ends)
    return paths.moved_anchors(start, end, count=asked.count)


def _class_names(run: Run, split: str) -> list[str]:
    """Return the name of every item's class: of items.csv, else of run.json, else by its label."""
    known = run.info.class_names
    named = run.items(split).get("class")
    return named or [known.get(str(label), f"class {label}") for label in run.labels(split).tolist()]


def _images(run: Run, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the pictures of the anchors' split and of their positives' and negatives'; None: not of both."""
    from embedlens.selection import gallery_of

    images, others = run.thumbnails(split), run.thumbnails(gallery_of(run, split) or split)
    return None if images is None or others is None else (images, others)


def _panels(
    anchors: Sequence[followed.Followed], images: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
) -> list[Panel]:
    """Return what is drawn of every anchor; without pictures its class stands in the title."""
    from embedlens.figures.trajectory import Panel, Thumbnail

    panels = []
    for one in anchors:
        path = one.paths[0]
        title = f"anchor {path.anchor}"
        if images is None:
            panels.append(Panel(one.paths, f"{title}, {one.classes[0]}"))
            continue
        own, others = images
        items = (own[path.anchor], others[path.positive], others[path.negative])
        pictures = [Thumbnail(item, name) for item, name in zip(items, one.classes, strict=True)]
        panels.append(Panel(one.paths, title, tuple(pictures)))
    return panels


def _epochs(anchors: Sequence[followed.Followed]) -> str:
    """Return what a file name says of the epochs: the first and the last."""
    epochs = [epoch for path in anchors[0].paths for epoch in path.epoch.tolist() if epoch >= 0]
    return f"epochs-{min(epochs):04d}-{max(epochs):04d}"


def _facts(runs: Sequence[Run], choice: _Choice, splits: Sequence[str]) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts
    from embedlens_cli.triplet_states import galleries

    return {
        "runs": run_facts(runs),
        "galleries": galleries(runs, splits),
        "triplets": "fixed: nearest positive and negative at the reference epoch, followed in every state",
        "reference": choice.chooser.facts,
        "anchors": choice.asked.text,
        "seed": choice.asked.seed,
        "engine": engine_facts(choice.device),
        **choice.reader.facts,
    }


def _figure_facts(anchors: Sequence[followed.Followed], split: str, run: Run) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its states, and how many anchors it shows of how many."""
    return {
        "split": split,
        "states": {path.run: path.states for path in anchors[0].paths},
        "shown": len(anchors),
        "of": run.info.splits[split].items,
    }
