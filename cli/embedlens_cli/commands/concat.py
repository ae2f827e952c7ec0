"""The command `concat`: one run of the concatenated embeddings of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.import_ import epochs_and_items, facts_of
from embedlens_cli.common import completion, console, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run

_WEIGHTS = "numbers above 0, separated by commas, e.g. 1,2"


def concat(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN RUN",
            autocompletion=completion.runs,
            help="Two run directories or more, or names of runs below ./runs ($EMBEDLENS_RUNS).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            parser=options.run_location,
            help="Directory or address of the new run.",
            show_default="runs/concat- and their names",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help="One per run, comma-separated: the cosine of the joined embeddings is the mean of theirs "
            "with these weights.",
            show_default="equal",
        ),
    ] = "",
    epoch: Annotated[
        str,
        typer.Option(
            help="all: the epochs that all runs have; last: the last one of each run, joined as one epoch; "
            "or a number.",
            autocompletion=completion.epochs("all", "last"),
        ),
    ] = "all",
    split: Annotated[
        str,
        typer.Option(
            help="Splits, comma-separated.",
            show_default="those that all runs have with the same items",
            autocompletion=completion.splits(several=True),
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Join runs on the same data into one run: their normalised embeddings side by side.

    Every command then applies to the ensemble; run.json names the parts and the dimensions of each.
    """
    from embedlens.artifacts import stem_of
    from embedlens.selection import choose_runs, runs_folder
    from embedlens.store.concat import concatenate, shared_splits
    from embedlens.store.lock import release_when_terminated

    release_when_terminated()
    chosen = choose_runs(runs, empty=True) if runs else []
    if len(chosen) < 2:
        message = f"concat joins two different runs or more; got {len(chosen)} (one named twice counts once)"
        raise InputError(message)
    factors = options.real_numbers(weights, "weights", allowed=_WEIGHTS) if options.words(weights) else None
    path = out or runs_folder() / stem_of(["concat", *(run.name for run in chosen), *options.words(weights)])
    named = options.words(split)
    joined = concatenate(chosen, path, weights=factors, epochs=_epochs(chosen, epoch), splits=named)
    if not named:
        _warn_of_left_out(chosen, shared_splits(chosen))
    if as_json:
        console.print_summary(_summary(joined))
        return
    parts = " + ".join(f"{run.name} ({run.info.dim})" for run in chosen)
    console.print_line(f"joined {joined.path}: {parts} = {joined.info.dim} dims, {epochs_and_items(joined)}")
    console.print_line(f"next: embedlens evaluate {' '.join(str(run.path) for run in [joined, *chosen])}")


def _epochs(runs: Sequence[Run], epoch: str) -> dict[int, list[int]] | None:
    """Return the epoch of each part for each epoch of the new run; None: all that the runs share.

    The last epochs of all runs make one that has the greatest of their numbers.
    """
    from embedlens.selection import choose_epochs

    epochs = [choose_epochs(run, epoch) for run in runs]
    if epoch == "all":
        return None
    parts = [several[0] for several in epochs]
    return {max(parts): parts}


def _warn_of_left_out(runs: Sequence[Run], joined: Sequence[str]) -> None:
    """Say which splits were not joined, and why."""
    for split in dict.fromkeys(name for run in runs for name in run.splits):
        if split not in joined:
            having = [run.name for run in runs if split in run.splits]
            why = "the runs hold other items there" if len(having) == len(runs) else "not every run has it"
            console.print_message(f"split {split!r} is left out: {why}")


def _summary(run: Run) -> dict[str, Any]:
    """Return what ``--json`` says of the new run."""
    return {
        **facts_of(run),
        "slices": run.info.slices,
        **{name: value for name, value in run.method.items() if name != "method"},
    }
