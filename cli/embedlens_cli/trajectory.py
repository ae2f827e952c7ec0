"""The command that follows single triplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import followed, options, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets import Triplets
    from embedlens.figures.trajectory import Panel
    from embedlens.store import Run

_DEFAULT = 4  # anchors, the most moved


@dataclass(frozen=True, slots=True)
class _Anchors:
    """Which anchors are followed: "rows", or how many of the "worst", "random" or "moved" ones."""

    kind: str
    rows: tuple[int, ...] = ()
    count: int = 0
    seed: int | None = None

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.rows) or self.count

    @property
    def stem(self) -> str:
        """What a file name says of them."""
        if self.kind == "rows":
            return "anchor-" + "+".join(str(row) for row in self.rows)
        return f"{self.kind}-{self.count}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def text(self) -> str:
        """What the sidecar says of them."""
        told = {
            "rows": "named",
            "worst": "farthest from (1, 0) at the reference epoch",
            "random": "drawn by seed",
            "moved": "largest change of the distance to (1, 0), first to last state of the reference run",
        }
        return told[self.kind]


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
            show_default=f"{_DEFAULT}, where no anchors are named otherwise",
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

    Positive and negative are the nearest at the reference epoch. Blue is the initial state; the ideal point
    is (1, 0).
    """
    import numpy as np

    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.placing.limits import choose_limits
    from embedlens.figures.style import paper
    from embedlens.figures.trajectory import check_count, plot_panels
    from embedlens_cli import drawing, output

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    check_device(device)
    choose_limits(limits, [np.zeros(1)])
    asked = _anchors(anchor, {"worst": worst, "random": random, "moved": moved}, seed)
    check_count(asked.size, **look.size(asked.size))
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    chooser = reference.choose_reference(chosen, reference_run, reference_epoch)
    for name in splits:
        selection.check_same_items(chosen, name)
    found = {name: _follow(chosen, name, chooser, asked, device=device) for name in splits}
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, chooser, asked, device),
        summary=followed.summary(found),
    )
    with paper(venue):
        for name, anchors in found.items():
            panels = _panels(anchors, chosen[0].thumbnails(name) if thumbnails else None)
            parts = [
                "trajectory", *artifacts.named([run.name for run in chosen]), name, _epochs(anchors),
                asked.stem, chooser.stem,
                "" if thumbnails else "no-thumbnails",
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


def _anchors(anchor: str | None, counts: dict[str, int | None], seed: int | None) -> _Anchors:
    """Return the anchors asked for; the options exclude each other."""
    given = [kind for kind, count in counts.items() if count is not None]
    named = [f"--{name}" for name in [*(["anchor"] if anchor is not None else []), *given]]
    if len(named) > 1:
        message = f"{' and '.join(named)} exclude each other; choose the anchors in one way"
        raise InputError(message)
    if seed is not None and given != ["random"]:
        message = "--seed is for anchors drawn at random; add --random N"
        raise InputError(message)
    if anchor is not None:
        words = options.words(anchor)
        if not words or not all(word.isdecimal() for word in words):
            message = f"--anchor {anchor!r}; row numbers are needed, comma-separated, e.g. 12,40"
            raise InputError(message)
        asked = _Anchors("rows", tuple(dict.fromkeys(int(word) for word in words)))
    else:
        kind = given[0] if given else "moved"
        asked = _Anchors(kind, count=counts[kind] or _DEFAULT, seed=seed or 0 if kind == "random" else None)
    return asked


def _follow(
    runs: Sequence[Run], split: str, chooser: reference.Reference, asked: _Anchors, *, device: str
) -> list[followed.Followed]:
    """Follow every anchor asked for through all states of all runs."""
    from embedlens import selection
    from embedlens.analysis.trajectory import follow, take
    from embedlens.searches import items_of
    from embedlens_cli.data_warnings import DataWarnings

    warnings = DataWarnings()
    every = reference.nearest_of(chooser.run, split, chooser.epoch, warnings=warnings, device=device)
    for run in runs:
        warnings.look(run.name, items_of(run, split))  # what is followed there
    warnings.tell()
    reference.tell_galleries(runs, [split])
    try:
        chosen = take(every, _rows(every, split, chooser, asked, device=device))
    except InputError as error:
        place = f"run {chooser.label!r}, split {split!r}"
        raise error.within(place) from error
    paths = [
        follow(reference.states_of(run, split), chosen, run=label, device=device)
        for label, run in zip(selection.run_labels(runs), runs, strict=True)
    ]
    names = _class_names(runs[0], split)
    items = zip(chosen.anchor, chosen.positive, chosen.negative, strict=True)
    classes = [(names[anchor], names[positive], names[negative]) for anchor, positive, negative in items]
    return [followed.Followed(one, said) for one, said in zip(zip(*paths, strict=True), classes, strict=True)]


def _rows(
    every: Triplets, split: str, chooser: reference.Reference, asked: _Anchors, *, device: str
) -> NDArray[np.int64]:
    """Return the row numbers of the anchors asked for."""
    import numpy as np

    from embedlens import selection
    from embedlens.analysis import trajectory as paths
    from embedlens.analysis.triplets import follow_triplets

    if asked.kind == "rows":
        return np.array(asked.rows)
    if asked.kind == "worst":
        return paths.worst_anchors(every, asked.count)
    if asked.kind == "random":
        return paths.random_anchors(every, asked.count, seed=asked.seed or 0)
    ends = selection.initial_state(chooser.run, split).embeddings, chooser.run.snapshot(split).embeddings
    start, end = (follow_triplets(z, every, device=device) for z in ends)
    return paths.moved_anchors(start, end, count=asked.count)


def _class_names(run: Run, split: str) -> list[str]:
    """Return the name of every item's class: of items.csv, else of run.json, else by its label."""
    known = run.info.class_names
    named = run.items(split).get("class")
    return named or [known.get(str(label), f"class {label}") for label in run.labels(split).tolist()]


def _panels(anchors: Sequence[followed.Followed], images: NDArray[np.uint8] | None) -> list[Panel]:
    """Return what is drawn of every anchor; without pictures its class stands in the title."""
    from embedlens.figures.trajectory import Panel, Thumbnail

    panels = []
    for one in anchors:
        path = one.paths[0]
        title = f"anchor {path.anchor}"
        if images is None:
            panels.append(Panel(one.paths, f"{title}, {one.classes[0]}"))
            continue
        items = (path.anchor, path.positive, path.negative)
        pictures = [Thumbnail(images[item], name) for item, name in zip(items, one.classes, strict=True)]
        panels.append(Panel(one.paths, title, tuple(pictures)))
    return panels


def _epochs(anchors: Sequence[followed.Followed]) -> str:
    """Return what a file name says of the epochs: the first and the last."""
    epochs = [epoch for path in anchors[0].paths for epoch in path.epoch.tolist() if epoch >= 0]
    return f"epochs-{min(epochs):04d}-{max(epochs):04d}"


def _facts(runs: Sequence[Run], chooser: reference.Reference, asked: _Anchors, device: str) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "triplets": "fixed: nearest positive and negative at the reference epoch, followed in every state",
        "reference": chooser.facts,
        "anchors": asked.text,
        "seed": asked.seed,
        "engine": engine_facts(device),
    }


def _figure_facts(anchors: Sequence[followed.Followed], split: str, run: Run) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its states, and how many anchors it shows of how many."""
    return {
        "split": split,
        "states": {path.run: path.states for path in anchors[0].paths},
        "shown": len(anchors),
        "of": run.info.splits[split].items,
    }
