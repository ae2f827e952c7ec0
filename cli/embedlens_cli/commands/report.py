"""The command `report`: one offline page in which triplets, items and classes can be explored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import AllSplitsOptions, LeaveOutOptions, WorkerOptions, grouped
from embedlens_cli.common.run_names import RunNames
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from embedlens.report import ReportData, ThumbnailOptions

_MARK = "<!doctype html>\n<!-- embedlens report -->\n"
"""How a report begins, so that no other file is ever replaced by one."""


@dataclass(frozen=True, kw_only=True)
class AllEpochsOptions(AllSplitsOptions):
    """Which snapshots a command reads that reads all epochs and splits where none is named."""

    epoch: options.Epoch = "all"


@grouped
def report(
    *,
    where: AllEpochsOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            parser=options.local_path,
            help="The page; a report that stands there is replaced.",
            show_default="report.html in figures/ of the run; in ./figures for several runs",
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Items of each split to show, drawn by class.", min=1, show_default="all that fit"),
    ] = None,
    tsne: Annotated[
        bool, typer.Option("--tsne", help="Add t-SNE maps of all epochs, of 2,000 items at most.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Add paper figures of the last epoch, with data.")
    ] = True,
    thumbnails: Annotated[int, typer.Option(help="Thumbnails of each split; 0: none.", min=0)] = 20_000,
    thumbnail_size: Annotated[int, typer.Option(help="Their largest side, in pixels.", min=8, max=512)] = 48,
    names: options.Names = None,
    leave_out: LeaveOutOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    as_json: options.Json = False,
) -> None:
    """Write one page to explore runs: it opens in any browser, without a server and without a network.

    Every triplet is a dot that moves with the epoch; hovering shows its three items, dragging selects. Items,
    classes and distances are linked, and selections are saved as CSV.
    """  # fmt: skip
    from embedlens.artifacts import figures_folder
    from embedlens.devices import check_device
    from embedlens.report import Extent, ThumbnailOptions, gather

    check_device(device)
    if out is not None:
        check_replaceable(out)
    selection = Selection.of(where, leave_out, RunNames.of(names), workers=run_by.chosen())
    data = gather(
        selection, Extent(sample=sample, tsne=tsne, figures=figures), device=device,
        track=lambda results, total: console.track(results, "searching", total=total),
        executor=selection.workers,
    )  # fmt: skip
    selection.print_warnings()
    target = out or (figures_folder(selection.runs, None) or Path("figures")) / "report.html"
    size = write_page(data, target, ThumbnailOptions(thumbnails, thumbnail_size))
    if as_json:
        console.print_json(
            {
                "figures": [target.as_posix()],
                "data": [],
                "summary": _summary(data),
                "messages": list(data.messages),
            }
        )
        return
    console.name_implied(where.runs, selection.runs)
    for line in data.messages:
        console.print_message(line)
    console.print_line(f"report: {target} ({console.bytes_text(size)}); open it in a browser")


def write_page(data: ReportData, target: Path, thumbnails: ThumbnailOptions) -> int:
    """Write a report, whole or not at all; return its size in bytes."""
    from dataclasses import replace

    from embedlens.files import write_text
    from embedlens.report import build_page

    page = build_page(replace(data, command=" ".join(console.command())), thumbnails)
    check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, page)
    return len(page.encode())


def check_replaceable(target: Path) -> None:
    """Refuse a folder, and a file that is no report."""
    if target.is_dir():
        message = f"--out {target} is a folder; name a file, e.g. {target / 'report.html'}"
        raise InputError(message)
    if target.exists():
        with target.open("rb") as file:
            begins = file.read(len(_MARK))
        if begins != _MARK.encode():
            message = f"{target} exists and is no report of embedlens; choose another --out"
            raise InputError(message)


def _summary(data: ReportData) -> dict[str, Any]:
    """Return what is shown of each run, split and epoch, and the numbers of the triplets."""
    summary: dict[str, Any] = {}
    for dataset in data.datasets:
        for series in dataset.series:
            run = summary.setdefault(data.runs[series.run].name, {})
            run[dataset.items.split] = {
                "shown": int(dataset.rows.size),
                "of": int(dataset.items.labels.size),
                "epochs": {str(epoch): dict(numbers)
                           for epoch, numbers in zip(series.epochs, series.summaries, strict=True)},
            }  # fmt: skip
    return summary
