"""Grids of runs on the command line: their options, their training with progress, the list of their runs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embedlens.execution import Workers
    from embedlens.experiments.grid import Grid
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.recipe import Recipe
    from embedlens.training.progress import Progress
    from embedlens_cli.common.figure_style import FigureStyle

DEFAULTS = {"loss": "ep,epshn", "lr": "0.0001,0.0002,0.0004,0.0008,0.0016", "dim": "64", "seed": "0"}
"""The grid that is trained by default."""

EVERY, DEFAULT_RATE = "all", "default"
"""Words for every registered loss, and for the default learning rate of each loss."""
_FORMER_RATE = "usual"  # still read, and still what file names say


@dataclass(frozen=True, kw_only=True)
class TrainingWorkers(WorkerOptions):
    """Options of the workers that train runs."""

    workers: Annotated[
        int,
        typer.Option(
            help="Number of runs that are trained at the same time, each with its part of the cores unless "
            "--threads says otherwise; 0: one after the other, in this process.",
            min=0,
        ),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """Folder of the runs of a grid, and output options of their figure."""

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=options.run_location,
            help="Folder of the runs, or its address.",
            show_default="./runs",
        ),
    ] = None
    figures: Annotated[
        Path, typer.Option(metavar="DIR", parser=options.local_path, help="Where figure and tables go.")
    ] = Path("figures")
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False
    formats: options.Format = "pdf,png"
    venue: options.Venue = "cvpr"
    width: options.Width = None
    title: options.Title = True
    text: options.Text = True
    device: options.Device = "cpu"
    as_json: options.Json = False

    def style(self, *, latex: bool = False) -> FigureStyle:
        """Return the style of the figure; wrong options raise `InputError`."""
        from embedlens_cli.common.figure_style import FigureStyle

        return FigureStyle.of(
            self.formats, self.venue, self.width, title=self.title, text=self.text, latex=latex
        )

    @property
    def folder(self) -> Path:
        """Folder of the runs."""
        from embedlens.selection import runs_folder

        return self.out or runs_folder()


def grid_of(typed: Mapping[str, str | None]) -> Grid:
    """Read the comma-separated options `loss`, `lr`, `dim` and `seed`; None: the default.

    Losses are in the order given, numbers ascending.
    """
    from embedlens.experiments.grid import Grid

    texts = {name: DEFAULTS[name] if typed[name] is None else str(typed[name]) for name in DEFAULTS}
    words = options.words(texts["loss"])
    every = EVERY in words
    losses = tuple(dict.fromkeys(loss for word in words for loss in _losses(word)))
    if not losses:
        message = f"--loss {texts['loss']!r} names no loss; e.g. --loss {DEFAULTS['loss']}, or {EVERY}"
        raise InputError(message)
    rates: Sequence[float | None] = [None]
    if texts["lr"].strip() not in (DEFAULT_RATE, _FORMER_RATE) and not (every and typed["lr"] is None):
        needed = f"numbers above 0 are needed, or {DEFAULT_RATE!r} alone"
        rates = _ascending(texts["lr"], "lr", needed, options.positive_numbers)
    dims = _ascending(
        texts["dim"], "dim", "whole numbers from 1 are needed", partial(options.numbers, least=1)
    )
    seeds = _ascending(texts["seed"], "seed", "whole numbers from 0 are needed", options.numbers)
    return Grid(losses, tuple(rates), dims, seeds, every=every)


def _losses(word: str) -> tuple[str, ...]:
    """Return the losses that a word stands for."""
    if word != EVERY:
        return (word,)
    from embedlens.experiments.grid import all_losses

    return all_losses()


def _ascending(
    text: str, name: str, needed: str, parse: Callable[[str, str], Sequence[options.Number]]
) -> tuple[options.Number, ...]:
    """Return the numbers of an axis of the grid, ascending."""
    try:
        return tuple(sorted(parse(text, name)))
    except InputError:
        message = f"--{name} {text!r}; {needed}, comma-separated, e.g. {DEFAULTS[name]}"
        raise InputError(message) from None


def file_words(grid: Grid) -> list[str]:
    """Return the parts of a file name: the losses, and each axis that is not the default."""
    default = grid_of({**DEFAULTS, "loss": EVERY if grid.every else DEFAULTS["loss"], "lr": None})
    axes = (
        ("lr", grid.rates, default.rates),
        ("dim", grid.dims, default.dims),
        ("seed", grid.seeds, default.seeds),
    )
    axis_words = [
        name + "+".join(_FORMER_RATE if value is None else f"{value:g}" for value in own)
        for name, own, other in axes if own != other
    ]  # fmt: skip
    more = [loss for loss in grid.losses if loss not in _losses(EVERY)] if grid.every else grid.losses
    return ["+".join([EVERY, *more] if grid.every else more).replace(":", "-"), *axis_words]


def shared_cores(recipe: Recipe, workers: Workers | None) -> Recipe:
    """Return the recipe with the number of threads that each of some workers on this machine has."""
    if workers is None or workers.threads is None or recipe.threads is not None:
        return recipe
    return replace(recipe, threads=workers.threads)


def train(
    planned: Sequence[PlannedRun],
    device: str,
    *,
    readers: int | None = None,
    every: bool = False,
    workers: Workers | None = None,
) -> dict[Path, str]:
    """Train the unfinished runs; return why runs failed, by path.

    Each run has a progress bar, unless workers train several at the same time.
    """
    from embedlens.experiments.grid_training import Callbacks, train_runs
    from embedlens.store.lock import release_when_terminated
    from embedlens_cli.common import console

    release_when_terminated()
    callbacks = Callbacks(console.print_message, console.print_message, _progress_bar)
    try:
        return train_runs(planned, callbacks, device=device, readers=readers, every=every, executor=workers)
    except KeyboardInterrupt:
        console.print_message("resume with the same command; finished epochs are kept")
        raise


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[Progress], None]]:
    """Show the steps of a run."""
    from embedlens_cli.common.training_progress import TrainingProgress

    with TrainingProgress(name, quiet=True) as progress:
        yield progress.report


def list_runs(planned: Sequence[PlannedRun], facts: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the runs with `facts` of each, name -> value, and their states."""
    from embedlens.experiments.grid_training import cost
    from embedlens_cli.common import console

    rows: list[dict[str, Any]] = [
        {
            "run": run.path.as_posix(), **own,
            "recorded": run.recorded if run.recorded >= 0 else None,
            "state": "finished" if run.finished else "new" if run.recorded < 0 else "unfinished",
        }
        for run, own in zip(planned, facts, strict=True)
    ]  # fmt: skip
    if as_json:
        console.print_json({"figures": [], "data": [], "summary": {"runs": rows}})
        return
    columns = [name for name in rows[0] if name not in ("epochs", "recorded")]
    console.print_table(columns, [[_cell(row, name) for name in columns] for row in rows])
    console.print_line(cost(planned))


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name == "state" and row[name] == "unfinished" and "epochs" in row:
        return f"unfinished, epoch {row['recorded']} of {row['epochs']}"
    return f"{row[name]:g}" if isinstance(row[name], float) else str(row[name])
