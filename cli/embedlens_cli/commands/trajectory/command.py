"""The command `trajectory`: paths of single triplets over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens_cli.commands.trajectory import tables
from embedlens_cli.commands.trajectory.anchors import AnchorOptions
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    ReferenceOptions,
    RunOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedlens.figures.triplets.trajectory import TrajectoryPanel
    from embedlens.measurements.anchor_paths import AnchorPaths
    from embedlens.measurements.triplet_states import Reference
    from embedlens.store import Run


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
    words: FileWords,
) -> None:
    """Draw the path of single triplets: the same three items in every epoch of every run.

    Positive and negative are the nearest at the reference epoch, of a query split in its gallery. Blue is the
    initial state; the ideal point is (1, 0).
    """
    import numpy as np

    from embedlens.figures.layout.limits import choose_limits
    from embedlens.figures.style import paper
    from embedlens.figures.triplets.trajectory import check_count
    from embedlens.figures.triplets.trajectory import figure as trajectory_figure
    from embedlens.measurements.anchor_paths import follow_anchors
    from embedlens.measurements.triplet_states import check_same_triplets

    style, anchors = drawn.style(), typed.anchors()
    check_device(device)
    choose_limits(limits, [np.zeros(1)])
    check_count(anchors.size, **style.size(anchors.size))
    selection = Selection.of(where, leave_out, style.names)
    reference = chosen.reference(selection.runs, selection.labels)
    check_same_triplets(selection.runs, selection.splits)
    paths_by_split = {
        split: follow_anchors(selection.of_split(split), reference, anchors, device=device)
        for split in selection.splits
    }
    selection.print_warnings()
    report = Report.of(
        "trajectory", selection, style, options=drawn, words=(anchors.stem, reference.stem, *words),
        facts=_facts(selection, reference, device) | anchors.facts,
    )  # fmt: skip
    with paper(drawn.venue):
        for split, paths in paths_by_split.items():
            tables.enter(report, paths, split)
            panels = _panels(paths, _images(selection.runs[0], split) if thumbnails else None)
            values = [one for panel in panels for path in panel.paths for one in (path.s_ap, path.s_an)]
            figure = trajectory_figure(
                panels, **style.size(len(panels)), limits=choose_limits(limits, values),
                title=f"{split}, triplets of {reference.name}",
            )  # fmt: skip
            _save(report, figure, paths, split=split, words=[options.limits_word(limits)])
    report.end(lambda: tables.print_table(paths_by_split))


def _save(
    report: Report, figure: Figure, paths: Sequence[AnchorPaths], *, split: str, words: Sequence[str]
) -> None:
    """Write the figure of a split."""
    places = report.selection.of_split(split)
    epochs = [one.epoch for one in places]
    facts = {
        "states": {path.run: path.states for path in paths[0].paths},
        "shown": len(paths),
        "of": places[0].run.info.splits[split].items,
    }
    span = f"epochs-{min(epochs):04d}-{max(epochs):04d}"
    report.add(figure, tables.table(paths, split), places, epochs=span, facts=facts, words=words)


def _images(run: Run, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the pictures of the anchors' split and of their positives' and negatives'; None: not of both."""
    from embedlens.selection import gallery_of

    images, others = run.thumbnails(split), run.thumbnails(gallery_of(run, split) or split)
    return None if images is None or others is None else (images, others)


def _panels(
    anchors: Sequence[AnchorPaths], images: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
) -> list[TrajectoryPanel]:
    """Return what is drawn of every anchor; without pictures its class stands in the title."""
    from embedlens.figures.triplets.trajectory import Thumbnail, TrajectoryPanel

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
    """Return what the sidecar of every figure says."""
    from embedlens.measurements.triplet_states import galleries
    from embedlens.similarity import engine_facts

    return {
        "galleries": galleries(selection.runs, selection.splits),
        "triplets": "fixed: nearest positive and negative at the reference epoch, followed in every state",
        "reference": reference.facts,
        "engine": engine_facts(device),
    }
