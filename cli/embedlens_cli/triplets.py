"""The command that looks at triplets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli import options

if TYPE_CHECKING:
    from embedlens.figures.panels import Panel


def scatter(
    runs: options.Runs = None,
    animate: Annotated[
        bool, typer.Option("--animate", help="Also write a GIF, an MP4 and a strip of key epochs.")
    ] = False,
    flow: Annotated[
        bool,
        typer.Option(
            "--flow",
            help="Draw where the dots went between two epochs, in the mean: an arrow for each place.",
        ),
    ] = False,
    flow_from: Annotated[
        str | None, typer.Option(help="With --flow: first, last, or a number.", show_default="first")
    ] = None,
    flow_to: Annotated[
        str | None, typer.Option(help="With --flow: first, last, or a number.", show_default="last")
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            metavar="LOSS",
            help="Draw behind the dots where a gradient step moves them: "
            "contrastive, ep, ephn, epshn, n-pair-mc or triplet.",
            show_default=False,
        ),
    ] = None,
    order: Annotated[
        int | None, typer.Option(help="With --field ephn or epshn: 1 or 2.", show_default="1")
    ] = None,
    angle: Annotated[
        float | None,
        typer.Option(
            help="With --field: degrees between the planes anchor-positive and anchor-negative.",
            show_default="90",
        ),
    ] = None,
    split: options.Split = "",
    epoch: options.Epoch = "last",
    triplets: Annotated[
        str,
        typer.Option(
            help="nearest: each epoch's own nearest positive and negative; "
            "fixed: the items chosen at the reference epoch of the reference run, followed everywhere."
        ),
    ] = "nearest",
    reference_run: Annotated[
        str | None, typer.Option(help="With fixed: a name among the runs.", show_default="the first")
    ] = None,
    reference_epoch: Annotated[
        str | None, typer.Option(help="With fixed: last, or a number.", show_default="last")
    ] = None,
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
    fps: Annotated[float, typer.Option(help="With --animate: epochs a second.", min=0.1, max=60)] = 2.0,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw each triplet as a dot: similarity to the nearest positive, similarity to the nearest negative.

    Below the diagonal the nearest neighbour is right (their share is R@1); the ideal point is (1, 0). Items
    of a query split have their positives and negatives in its gallery.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output, scatter_data, scatter_figures
    from embedlens_cli.reading import Reader

    _check_flow(flow, ends=(flow_from, flow_to), epoch=epoch, field=field, animate=animate)
    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    wish = scatter_figures.choose_field(field, order, angle)
    scatter_figures.check_limits(limits, moving=flow or animate)
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.choose_splits(chosen, options.words(split))
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    still = field is not None or not flow
    asked = {run.path: selection.choose_epochs(run, epoch) if still else [] for run in chosen}
    spans = {run.path: scatter_figures.choose_span(run, flow_from, flow_to) for run in chosen if flow}
    fixed = scatter_data.choose_fixed(
        triplets, chosen, splits, reference=(reference_run, reference_epoch), reader=reader, device=device
    )
    panels, statics = [], []
    ends: tuple[list[Panel], list[Panel]] = ([], [])
    for label, run in zip(selection.run_labels(chosen), chosen, strict=True):
        span = spans.get(run.path, ())
        for number in run.epochs() if animate else sorted({*asked[run.path], *span}):
            measured = scatter_data.measure(
                label, run, number, splits, fixed=fixed, reader=reader, device=device
            )
            panels += measured
            statics += measured if number in asked[run.path] else []
            for at, end in enumerate(span):
                ends[at].extend(measured if number == end else [])
    reader.warnings.tell()
    facts = scatter_data.command_facts(chosen, splits, fixed, device) | reader.facts
    summary = scatter_data.summary_of(panels)
    artifacts = Artifacts(figures_folder(chosen, out), output.command(), facts, summary=summary)
    shown = artifacts.named([run.name for run in chosen])
    draw = scatter_figures.Drawing(look, ["scatter", *shown], fixed, reader, limits)
    with paper(venue):
        if still:
            scatter_figures.save_stills(
                artifacts, statics, draw, one_an_epoch=selection.many_epochs(epoch), wish=wish
            )
        if flow:
            scatter_figures.save_flow(artifacts, *ends, draw)
        if animate:
            scatter_figures.save_animation(artifacts, panels, draw, fps=fps)

    def tell() -> None:
        scatter_data.print_summary(panels)
        scatter_data.print_flow(artifacts.summary)

    drawing.answer(artifacts, chosen, tell, given=runs, as_json=as_json)


def _check_flow(
    flow: bool, *, ends: tuple[str | None, str | None], epoch: str, field: str | None, animate: bool
) -> None:
    """Refuse options that do not go together."""
    message = ""
    if not flow and any(ends):
        message = "--flow-from and --flow-to are for the flow; add --flow"
    elif flow and field is None and epoch != "last":
        message = "--flow is drawn between two epochs; say which by --flow-from and --flow-to, not by --epoch"
    elif animate and (flow or field is not None):
        message = "--animate shows the dots alone; leave it out, or --flow and --field"
    if message:
        raise InputError(message)
