"""The command `import`: a run of embeddings that another program saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import completion, console, options, panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.store import Run


def import_(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Path of the embeddings (.npy, .npz, .pt, .safetensors, .h5, .zarr, .parquet, .feather, "
            ".h5ad, .csv, a log of TensorBoard's projector), with {epoch} or {step}, {split} and {shard} "
            "where they stand; * and ? are wildcards. Quote it.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="RUN", parser=options.run_location, help="Directory or address of the new run."),
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            help="Path of the labels (the same kinds of files, a .csv, .tsv, a list of paths and labels, or "
            "text with one label per line), with {split}. Default: the files of the embeddings."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Name of the array in a file of several, or of the column of a table; it may have fields, "
            "as in 'epoch_{epoch}'."
        ),
    ] = None,
    labels_key: Annotated[
        str | None,
        typer.Option(
            "--labels-key",
            "--labels-column",
            help="The same for the labels; for a table the column (default: label), "
            "or its number from 1 where no line names the columns.",
        ),
    ] = None,
    rows_key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=panels.READ,
            help="Array or column of row numbers from 0, by which rows are put in order.",
        ),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=panels.READ,
            help="Table whose columns describe the items, with {split}.",
        ),
    ] = None,
    thumbnails: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            rich_help_panel=panels.READ,
            help="Pictures of the items: a folder, a sprite, or an array [N, h, w(, 3)], with {split}.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Name of the split where the pattern has no {split}.")] = "test",
    missing_label: Annotated[
        str,
        typer.Option(
            help="What becomes of items whose label is empty, nan or NA: refuse, drop (also their "
            "embeddings), or keep them as a class.",
            autocompletion=completion.one_of("refuse", "drop", "keep"),
        ),
    ] = "refuse",
    dtype: Annotated[
        str,
        typer.Option(
            help="How snapshots are stored: float32 or float16.",
            autocompletion=completion.one_of("float32", "float16"),
        ),
    ] = "float32",
    link: Annotated[
        bool,
        typer.Option("--link/--copy", help="Hard-link .npy files of the same dtype instead of copying them."),
    ] = False,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Fact to record about the method; repeatable."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a run of embeddings that another program saved.

    One file per split and epoch: `embedlens import '{split}_{epoch}.npy' --labels '{split}_labels.npy' --out
    runs/mine`. All epochs in one file: `embedlens import all.h5 --key 'epoch_{epoch}' --out runs/mine`
    """
    from embedlens.importing import ImportSource, import_run
    from embedlens.store.lock import release_when_terminated

    release_when_terminated()
    notes = _notes(method or [])
    source = ImportSource(
        pattern,
        labels,
        key,
        labels_key,
        split=split,
        missing_label=missing_label,
        rows_key=rows_key,
        items=items,
        thumbnails=thumbnails,
    )
    origins: dict[str, str] = {}
    run = import_run(source, out, dtype=dtype, link=link, method=notes, origins=origins)
    if as_json:
        console.print_summary(facts_of(run))
        return
    console.print_line(f"imported {run.path}: {epochs_and_items(run, origins)}, {run.info.dim} dims")
    console.print_line(
        f"next: embedlens scatter {run.path}" + (" --animate" if len(run.epochs()) > 1 else "")
    )


def facts_of(run: Run) -> dict[str, Any]:
    """Return what ``--json`` says of a new run."""
    return {
        "name": run.name,
        "path": run.path.as_posix(),
        "splits": {name: part.items for name, part in run.info.splits.items()},
        "epochs": run.epochs(),
        "dim": run.info.dim,
        "dtype": run.info.dtype,
    }


def epochs_and_items(run: Run, origins: Mapping[str, str] | None = None) -> str:
    """Return the numbers of epochs and items of a new run in words.

    Parameters
    ----------
    run
        The run.
    origins
        Split -> where its labels come from; given, the number of its classes stands beside it.
    """
    items = [f"{part.items:,} in {name}" for name, part in run.info.splits.items()]
    if origins:
        for at, name in enumerate(run.info.splits):
            count = len({label for labels in run.label_sets(name).lists() for label in labels})
            classes = f"{count:,} class" + ("" if count == 1 else "es") + (" in sets" * run.is_multi_label)
            items[at] += f" ({classes}, labels of {origins[name]})"
    return ", ".join([console.count_text(len(run.epochs()), "epoch"), *items])


def _notes(texts: Sequence[str]) -> dict[str, str]:
    """Return what is noted of the method by key; a key that is given two values is refused."""
    notes: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            message = f"--method {text!r} is not KEY=VALUE"
            raise InputError(message)
        if notes.setdefault(key, value) != value:
            message = f"--method gives {key!r} two values, {notes[key]!r} and {value!r}; leave out one"
            raise InputError(message)
    return notes
