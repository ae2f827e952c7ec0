"""The command `export`: files of a run in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import column_options, completion, console, options

if TYPE_CHECKING:
    from embedlens.exporting import Export


def export(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"Format: {completion.text_of(completion.EXPORTS)}.",
            autocompletion=completion.one_of(*completion.EXPORTS),
        ),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            autocompletion=completion.runs,
            help="Run directory, or name of a run below ./runs ($EMBEDLENS_RUNS). Default: the newest run.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder. An older export of the same run to the same format is replaced.",
            show_default="./RUN-FORMAT",
        ),
    ] = None,
    split: options.Split = "",
    labels: column_options.LabelColumn = None,
    epoch: Annotated[
        str | None,
        typer.Option(
            metavar="EPOCH",
            autocompletion=completion.epochs("first", "last", "all", several=True),
            help="Epochs: first, last, all, a number, several separated by commas, or a range "
            "START:STOP:STEP.",
            show_default="all for anndata, hdf5, parquet and zarr, else last",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write embeddings, labels, class names, items, thumbnails, epochs and steps of a run for other programs.

    Embeddings are those of the run, exactly; they are not normalised.
    """
    from embedlens.artifacts import stem_of
    from embedlens.exporting import export as export_run
    from embedlens.leave_out import LeaveOut
    from embedlens.selection import choose_epochs, choose_runs
    from embedlens.store.lock import release_when_terminated

    release_when_terminated()
    chosen = choose_runs(runs or [])
    if len(chosen) > 1:
        message = f"export writes one run; got {len(chosen)}: export each to a folder of its own"
        raise InputError(message)
    (run,) = LeaveOut.of(labels=labels).relabelled(chosen)
    written = export_run(
        run,
        to,
        out or Path(stem_of([run.name, to])),
        splits=options.words(split) or None,
        epochs=None if epoch is None else choose_epochs(run, epoch),
    )
    if as_json:
        console.print_summary(_summary(run.name, written))
        return
    console.name_implied(runs, chosen)
    _print(written)


def _summary(run: str, written: Export) -> dict[str, Any]:
    """Return what ``--json`` says of an export."""
    return {
        "run": run,
        "target": written.target,
        "path": written.path.as_posix(),
        "splits": written.splits,
        "epochs": list(written.epochs),
        "files": [path.as_posix() for path in sorted(written.path.iterdir())],
        "reading": written.reading,
    }


def _print(written: Export) -> None:
    """Print what was written, and how to read it."""
    items = (f"{count:,} in {name}" for name, count in written.splits.items())
    parts = ", ".join([console.count_text(len(written.epochs), "epoch"), *items])
    console.print_line(f"exported {written.path} ({written.target}): {parts}")
    for path in sorted(written.path.iterdir()):
        size = sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file())
        console.print_line(f"  {path.name}  {console.bytes_text(size)}")
    console.print_line(f"next: {written.reading}")
