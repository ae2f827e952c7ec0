"""The command `trajectory`: paths of single triplets over the epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    ReferenceOptions,
    RunOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedlens.csv_files import Table
    from embedlens.figures.triplets.trajectory import TrajectoryPanel
    from embedlens.measurements.anchor_paths import AnchorPaths, Anchors
    from embedlens.measurements.triplet_states import Reference
    from embedlens.store import Run


_DEFAULT = 4  # anchors, the most moved


@dataclass(frozen=True, kw_only=True)
class AnchorOptions:
    """Which anchors are followed, as typed; the ways exclude each other."""

    anchor: Annotated[
        str | None, typer.Option(metavar="ROW[,ROW]", help="Anchors by row number.", show_default=False)
    ] = None
    worst: Annotated[
        int | None, typer.Option(help="Number of anchors farthest from (1, 0) at the reference epoch.", min=1)
    ] = None
    random: Annotated[int | None, typer.Option(help="Number of anchors drawn at random.", min=1)] = None
    moved: Annotated[
        int | None,
        typer.Option(
            help="Number of anchors whose distance to (1, 0) changed most from the initial state of the "
            "reference run to its last epoch.",
            min=1,
            show_default=f"{_DEFAULT}, where no anchors are named otherwise",
        ),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="With --random: seed of the draw.", min=0, show_default="0")
    ] = None

    def anchors(self) -> Anchors:
        """Return them checked; those that exclude each other raise `InputError`."""
        from embedlens.measurements.anchor_paths import Anchors

        counts = {"worst": self.worst, "random": self.random, "moved": self.moved}
        named = [kind for kind, count in counts.items() if count is not None]
        flags = [f"--{name}" for name in [*(["anchor"] if self.anchor is not None else []), *named]]
        if len(flags) > 1:
            message = f"{' and '.join(flags)} exclude each other; choose the anchors in one way"
            raise InputError(message)
        if self.seed is not None and named != ["random"]:
            message = "--seed is for anchors drawn at random; add --random N"
            raise InputError(message)
        if self.anchor is not None:
            allowed = "row numbers, separated by commas, e.g. 12,40"
            return Anchors("rows", options.numbers(self.anchor, "anchor", allowed=allowed))
        kind = named[0] if named else "moved"
        seed = self.seed or 0 if kind == "random" else None
        return Anchors(kind, count=counts[kind] or _DEFAULT, seed=seed)


@grouped
def trajectory(
    *,
    typed: AnchorOptions,
    where: RunOptions,
    chosen: ReferenceOptions,
    thumbnails: Annotated[
        bool,
        typer.Option("--thumbnails/--no-thumbnails", help="Draw the pictures of the three items."),
        InName("no-thumbnails"),
    ] = True,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    limits: options.Limits = "full",
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw the path of single triplets: the same three items in every epoch of every run.

    Positive and negative are the nearest at the reference epoch, of a query split in its gallery. Blue is the
    initial state; the ideal point is (1, 0).
    """
    import numpy as np

    from embedlens.figures.layout.limits import choose_limits
    from embedlens.figures.triplets.trajectory import check_count
    from embedlens.figures.triplets.trajectory import figure as trajectory_figure
    from embedlens.measurements.anchor_paths import follow_anchors
    from embedlens.measurements.triplet_states import check_same_triplets

    style, anchors = drawn.style(), typed.anchors()
    check_device(device)
    choose_limits(limits, [np.zeros(1)])
    check_count(anchors.size, **style.size(anchors.size))
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    reference = chosen.reference(selection.runs, selection.labels)
    check_same_triplets(selection.runs, selection.splits)
    by: Any = {"device": device, "executor": selection.workers}
    paths_by_split = {
        split: follow_anchors(selection.of_split(split), reference, anchors, **by)
        for split in selection.splits
    }
    selection.print_warnings()
    report = Report.of(
        "trajectory", selection, style, options=drawn, words=(anchors.stem, reference.stem, *words),
        facts=_facts(selection, reference, device) | anchors.facts,
    )  # fmt: skip
    with style.paper():
        for split, paths in paths_by_split.items():
            _enter(report, paths, split)
            panels = _panels(paths, _images(selection.runs[0], split) if thumbnails else None)
            values = [one for panel in panels for path in panel.paths for one in (path.s_ap, path.s_an)]
            figure = trajectory_figure(
                panels, **style.size(len(panels)), limits=choose_limits(limits, values),
                title=f"{split}, triplets of {reference.name}",
            )  # fmt: skip
            _save(report, figure, paths, split=split, words=[options.limits_word(limits)])
    report.end(lambda: _print_table(paths_by_split))


def _save(
    report: Report, figure: Figure, paths: Sequence[AnchorPaths], *, split: str, words: Sequence[str]
) -> None:
    """Write the figure of a split."""
    from embedlens.captions.triplets import trajectory as caption

    places = report.selection.of_split(split)
    epochs, of = [one.epoch for one in places], places[0].run.info.splits[split].items
    facts = {"states": {path.run: path.states for path in paths[0].paths}, "shown": len(paths), "of": of}
    span = f"epochs-{min(epochs):04d}-{max(epochs):04d}"
    said, counts = report.artifacts.facts, [(len(paths), of)] * len(places)
    gallery = said["galleries"][places[0].run.name][split]
    what = caption(said["reference"], anchors=said["anchors"], seed=said["seed"], gallery=gallery)
    report.add(
        figure, _table(paths, split), places, epochs=span, facts=facts, words=words,
        caption=what, counts=counts, unit="anchors",
    )  # fmt: skip


def _images(run: Run, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the pictures of the anchors' split and of their positives' and negatives'; None: not of both."""
    from embedlens.selection import gallery_of

    images, others = run.thumbnails(split), run.thumbnails(gallery_of(run, split) or split)
    return None if images is None or others is None else (images, others)


def _panels(
    anchors: Sequence[AnchorPaths], images: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
) -> list[TrajectoryPanel]:
    """Return what is drawn of every anchor; without pictures its class stands in the title."""
    from embedlens.figures.layout.item_pictures import Thumbnail
    from embedlens.figures.triplets.trajectory import TrajectoryPanel

    panels = []
    for one in anchors:
        path = one.paths[0]
        title = f"anchor {path.anchor}"
        if images is None:
            panels.append(TrajectoryPanel(one.paths, f"{title}, {one.classes[0]}"))
            continue
        own, others = images
        items = (own[path.anchor], others[path.positive], others[path.negative])
        pictures = [Thumbnail(item, name) for item, name in zip(items, one.classes, strict=True)]
        panels.append(TrajectoryPanel(one.paths, title, tuple(pictures)))
    return panels


def _facts(selection: Selection, reference: Reference, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
    from embedlens.measurements.triplet_states import galleries
    from embedlens.similarity import engine_facts

    return {
        "galleries": galleries(selection.runs, selection.splits),
        "triplets": "fixed: nearest positive and negative at the reference epoch, followed in every state",
        "reference": reference.facts,
        "engine": engine_facts(device),
    }


def _table(anchors: Sequence[AnchorPaths], split: str) -> Table:
    """Return every state of every path, one block per path."""
    return [
        {"run": path.run, "split": split, **one.items, **path.columns()}
        for one in anchors
        for path in one.paths
    ]


def _enter(report: Report, anchors: Sequence[AnchorPaths], split: str) -> None:
    """Put first and last state into the JSON answer: run -> split -> state -> anchor -> name -> value."""
    for one in anchors:
        for path in one.paths:
            numbers = {"s_ap": path.s_ap, "s_an": path.s_an, "ideal_distance": path.distance}
            for at in (0, -1):
                ends = {name: float(values[at]) for name, values in numbers.items()}
                state = path.states[at] if path.epoch[at] < 0 else str(path.epoch[at])
                report.entry(path.run, split, state)[str(path.anchor)] = {**one.items, **ends}


def _print_table(paths_by_split: Mapping[str, Sequence[AnchorPaths]]) -> None:
    """Print where every path starts and ends."""
    rows = []
    for split, anchors in paths_by_split.items():
        for one, path in [(each, path) for each in anchors for path in each.paths]:
            ends = [f"{path.states[at]}: {path.s_ap[at]:.3f}, {path.s_an[at]:.3f}" for at in (0, -1)]
            far = [f"{path.distance[at]:.3f}" for at in (0, -1)]
            items = (
                f"{path.anchor} ({one.classes[0]})",
                str(path.positive),
                f"{path.negative} ({one.classes[2]})",
            )
            rows.append((f"{path.run}, {split}", *items, *ends, *far))
    console.print_table(
        (
            "run, split", "anchor (class)", "positive", "negative (class)", "from (S_ap, S_an)",
            "to (S_ap, S_an)", "distance to (1, 0)", "at the end",
        ),
        rows,
    )  # fmt: skip
