"""The command `scatter`: triplets as dots, their flow, and the field of a loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.scatter import figures as scatter_figures
from embedlens_cli.commands.scatter import panels as scatter_data
from embedlens_cli.commands.scatter.figures import LossField
from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import (
    AllSplitsOptions,
    FigureOptions,
    LeaveOutOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.store import Run
    from embedlens_cli.commands.scatter.panels import SnapshotTriplets


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """Whether the flow between two epochs is drawn, and which two, as typed."""

    flow: Annotated[
        bool,
        typer.Option(
            "--flow",
            help="Draw the mean displacement of the dots between two epochs, one arrow per bin.",
        ),
    ] = False
    flow_from: Annotated[
        str | None,
        typer.Option(
            help="With --flow: epoch where arrows begin: first, last, or a number.",
            autocompletion=completion.epochs("first", "last"),
            show_default="first",
        ),
    ] = None
    flow_to: Annotated[
        str | None,
        typer.Option(
            help="With --flow: epoch where arrows end: first, last, or a number.",
            autocompletion=completion.epochs("first", "last"),
            show_default="last",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FieldOptions:
    """The field of a loss behind the dots, as typed."""

    field: Annotated[
        str | None,
        typer.Option(
            metavar="LOSS",
            help="Draw behind the dots where a gradient step moves them: "
            f"{completion.text_of(completion.FIELDS)}.",
            autocompletion=completion.one_of(*completion.FIELDS),
            show_default=False,
        ),
    ] = None
    order: Annotated[
        int | None,
        typer.Option(help="With --field ephn or epshn: order of the loss, 1 or 2.", show_default="1"),
    ] = None
    angle: Annotated[
        float | None,
        typer.Option(
            help="With --field: degrees between the planes anchor-positive and anchor-negative.",
            show_default="90",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TripletOptions:
    """Which triplets are shown, as typed."""

    triplets: Annotated[
        str,
        typer.Option(
            help="nearest: each epoch's own nearest positive and negative; "
            "fixed: the items chosen at the reference epoch of the reference run, followed everywhere.",
            autocompletion=completion.one_of("nearest", "fixed"),
        ),
    ] = "nearest"
    reference_run: Annotated[
        str | None,
        typer.Option(
            help="With --triplets fixed: run in which they are chosen.",
            autocompletion=completion.named_runs,
            show_default="the first",
        ),
    ] = None
    reference_epoch: Annotated[
        str | None,
        typer.Option(
            help="With --triplets fixed: epoch at which they are chosen: last, or a number.",
            autocompletion=completion.epochs("last"),
            show_default="last",
        ),
    ] = None


@grouped
def scatter(
    *,
    animate: Annotated[
        bool, typer.Option("--animate", help="Also write a GIF, an MP4 and a strip of key epochs.")
    ] = False,
    flows: FlowOptions,
    fields: FieldOptions,
    where: AllSplitsOptions,
    chosen: TripletOptions,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    limits: options.Limits = "full",
    fps: Annotated[float, typer.Option(help="With --animate: epochs per second.", min=0.1, max=60)] = 2.0,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
) -> None:
    """Draw each triplet as a dot: similarity to the nearest positive, similarity to the nearest negative.

    Below the diagonal the nearest neighbour has the same label (the fraction of these dots is R@1); the ideal
    point is (1, 0). Items of a query split have their positives and negatives in its gallery.
    """
    from embedlens.measurements.triplet_states import triplets_of

    _check(flows, epoch=where.epoch, field=fields.field, animate=animate)
    style, field = drawn.style(), _choose_field(fields)
    _check_limits(limits, flow=flows.flow)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    still = fields.field is not None or not flows.flow
    stills = {run.path: selection.epochs(run) if still else [] for run in selection.runs}
    spans = {run.path: _span(run, flows) for run in selection.runs if flows.flow}
    fixed = scatter_data.choose_fixed(
        chosen.triplets, selection, run=chosen.reference_run, epoch=chosen.reference_epoch, device=device
    )
    epochs = {
        run.path: run.epochs() if animate else sorted({*stills[run.path], *spans.get(run.path, ())})
        for run in selection.runs
    }
    results = selection.measure(
        partial(triplets_of, fixed=fixed, device=device), "finding triplets",
        places=selection.at(lambda run: epochs[run.path]),
    )  # fmt: skip
    report = Report.of(
        "scatter", selection, style, options=drawn,
        words=[fixed.stem if fixed else "", options.limits_word(limits)],
        facts=scatter_data.command_facts(selection, fixed, device),
    )  # fmt: skip
    scatter_data.enter(report, results)
    drawing = scatter_figures.Drawing(report, fixed, limits)
    with style.paper():
        if still:
            drawing.save_stills(_at(results, stills), field)
        if flows.flow:
            drawing.save_flow(*(_at(results, {path: [span[end]] for path, span in spans.items()})
                                for end in (0, 1)))  # fmt: skip
        if animate:
            drawing.save_animation(results, fps=fps)

    def print_summary() -> None:
        scatter_data.print_summary(results)
        scatter_data.print_flow(report.artifacts.summary)

    report.end(print_summary)


def _at(results: SnapshotTriplets, epochs: Mapping[Path, Sequence[int]]) -> SnapshotTriplets:
    """Return the triplets of some epochs of each run."""
    return {one: result for one, result in results.items() if one.epoch in epochs[one.run.path]}


def _choose_field(typed: FieldOptions) -> LossField | None:
    """Return the field that the options name, checked; None where they name none."""
    if typed.field is None:
        if typed.order is not None or typed.angle is not None:
            message = "--order and --angle are for the field of a loss; add --field LOSS"
            raise InputError(message)
        return None
    chosen = LossField(typed.field, typed.order, 90.0 if typed.angle is None else typed.angle)
    chosen.within((0.0, 1.0))
    return chosen


def _check_limits(limits: str, *, flow: bool) -> None:
    """Refuse limits that are none, before anything is computed; flows have their own."""
    import numpy as np

    from embedlens.figures.layout.limits import choose_limits

    choose_limits(limits, [np.zeros(1)])
    if flow and limits != "full":
        message = "--limits is not for --flow, whose axes show all its arrows; leave out one of the two"
        raise InputError(message)


def _check(flows: FlowOptions, *, epoch: str, field: str | None, animate: bool) -> None:
    """Refuse options that do not go together."""
    message = ""
    if not flows.flow and (flows.flow_from or flows.flow_to):
        message = "--flow-from and --flow-to are for the flow; add --flow"
    elif flows.flow and field is None and epoch != AllSplitsOptions.epoch:
        message = "--flow is drawn between two epochs; say which by --flow-from and --flow-to, not by --epoch"
    elif animate and (flows.flow or field is not None):
        message = "--animate shows the dots alone; leave it out, or --flow and --field"
    if message:
        raise InputError(message)


def _span(run: Run, flows: FlowOptions) -> tuple[int, int]:
    """Return the two epochs of a run between which the flow is drawn; by default its first and its last."""
    from embedlens.selection import choose_epoch

    place = f"run {run.name!r}"
    run.resolve_epoch(-1)
    epochs = run.epochs()
    if len(epochs) < 2:
        message = f"one epoch only ({epochs[0]}); a flow needs two"
        raise InputError(message).within(place)
    start = choose_epoch(run, flows.flow_from or "first", "--flow-from")
    end = choose_epoch(run, flows.flow_to or "last", "--flow-to")
    if not start < end:
        message = (
            f"--flow-from is epoch {start}, --flow-to epoch {end}; "
            "a flow goes from an earlier epoch to a later one"
        )
        raise InputError(message).within(place)
    return start, end
