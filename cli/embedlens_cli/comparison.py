"""The command that trains losses alone and under methods, over seeds, and compares them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, sweeping, training_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.training.grid import Planned
    from embedlens_cli.reading import Reader
    from embedlens_cli.score_table import Row

_METRICS = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8"
_SEEDS = "0,1,2"
_OWN = "own loss"


@training_options.takes_recipe(after="epochs")
def compare(
    context: typer.Context,
    loss: Annotated[
        str, typer.Option(help="Comma-separated: losses for the methods that take any.")
    ] = "triplet,margin,n-pair-mc",
    method: Annotated[
        str,
        typer.Option(
            help="Comma-separated; plain is each loss alone, dreml and hdc have losses of their own."
        ),
    ] = "plain,divide-conquer,dvml,dreml,hdc",
    dim: Annotated[
        int | None,
        typer.Option(
            help="Dimensions of the embedding.",
            show_default="64; hdc: 66 of 3 heads, dreml: learners x meta-classes",
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the usual one of each loss")
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = _SEEDS,
    epochs: Annotated[int, typer.Option(help="Epochs of each run; the last is compared.", min=1)] = 4,
    metrics: Annotated[str, typer.Option(help="Scores, comma-separated, as in `evaluate`.")] = _METRICS,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs.", show_default="./runs")
    ] = None,
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Where figure and tables go.")] = Path(
        "figures"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    title: options.Title = True,
    text: options.Text = True,
    device: options.Device = "cpu",
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    as_json: options.Json = False,
) -> None:
    """Train each loss alone and under each method, over seeds, and compare their scores.

    The table has means and standard deviations over the seeds, as text and as LaTeX. Stopped at any moment,
    the same command goes on; finished runs are not trained again. What the data do not allow is refused
    before the first run; a run that fails later is told, and the others go on.
    """
    from embedlens import selection
    from embedlens.analysis.scores import check_metrics
    from embedlens.devices import check_device
    from embedlens_cli.comparison_outcomes import answer
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader

    if latex and as_json:
        message = "--latex and --json exclude each other; choose one"
        raise InputError(message)
    look = Look.of(formats, venue, width, title=title, text=text)
    wanted = check_metrics(options.words(metrics))
    grid = sweeping.Grid.of({"loss": loss, "lr": "usual", "dim": None, "seed": seed})
    ways = ways_of(options.words(method), grid.losses)
    planned = _plan(ways, grid.seeds, context.params, dim=dim, lr=lr, out=out or selection.runs_folder())
    if dry_run:
        sweeping.check([one.run for one in planned])
        _list(planned, as_json=as_json)
        return
    failed = sweeping.train(
        [one.run for one in planned], check_device(device), workers=context.params["workers"]
    )
    reader = Reader.of_config(planned[0].run.config)
    rows = _score(planned, failed, wanted, reader=reader, device=device)
    words = _words(context.params, seeds=grid.seeds)
    answer(planned, rows, look, words=words, folder=figures, latex=latex, as_json=as_json, facts=reader.facts)


@dataclass(frozen=True, slots=True)
class Way:
    """A loss alone, or under a method.

    Attributes
    ----------
    loss
        None: the method's own.
    """

    method: str
    loss: str | None

    @property
    def name(self) -> str:
        """How tables and figures call it."""
        if self.loss is None:
            return self.method
        return self.loss if self.method == "plain" else f"{self.loss} + {self.method}"

    @property
    def group(self) -> str:
        """What it is compared within."""
        return self.loss or _OWN


@dataclass(frozen=True, slots=True)
class Entry:
    """A run of the comparison."""

    way: Way
    run: Planned


def ways_of(methods: Sequence[str], losses: Sequence[str]) -> list[Way]:
    """Return what is compared: loss by loss under each method that takes any; then methods with their own."""
    from embedlens.training.methods import METHODS

    if not methods:
        message = f"--method names none; choose some of: {', '.join(METHODS.names())}"
        raise InputError(message)
    names = list(dict.fromkeys(methods))
    own = [name for name in names if METHODS.get(name).losses is not None]
    free = [name for name in names if name not in own]
    return [
        *(Way(name, loss) for loss, name in product(losses, free)),
        *(Way(name, None) for name in own),
    ]


def _plan(
    ways: Sequence[Way],
    seeds: Sequence[int],
    given: Mapping[str, Any],
    *,
    dim: int | None,
    lr: float | None,
    out: Path,
) -> list[Entry]:
    """Return the runs, seed by seed, so that a comparison that is stopped has whole seeds."""
    from embedlens.objectives.losses import loss_options
    from embedlens.training.grid import plan
    from embedlens.training.methods import method_options

    named = {way.method for way in ways}
    for option in training_options.METHOD_OPTIONS:
        if given[option] is not None and not any(option in method_options(name) for name in named):
            message = f"no method of the comparison has an option {option!r}; leave it out"
            raise InputError(message)
    configs = []
    for seed, way in product(seeds, ways):
        known = method_options(way.method)
        unfit = {name: None for name in training_options.METHOD_OPTIONS if name not in known}
        recipe = training_options.Recipe.of({**given, **unfit, "method": way.method}, epochs=given["epochs"])
        loss = way.loss or recipe.usual_loss
        own = {name: value for name, value in recipe.loss_options.items() if name in loss_options(loss)}
        dims = recipe.usual_dim if dim is None else dim
        configs.append(recipe.config(loss, own, dim=dims, lr=lr, seed=seed))
    planned = plan(configs, out, any_threads=given["threads"] is None)
    return [Entry(way, run) for (_, way), run in zip(product(seeds, ways), planned, strict=True)]


def _list(planned: Sequence[Entry], *, as_json: bool) -> None:
    """Tell the runs and where each of them stands."""
    from embedlens_cli import output

    rows: list[dict[str, Any]] = [
        {
            "run": one.run.path.as_posix(), "compared as": one.way.name, "seed": one.run.config.seed,
            "recorded": one.run.recorded if one.run.recorded >= 0 else None,
            "state": "finished" if one.run.finished else "new" if one.run.recorded < 0 else "unfinished",
        }
        for one in planned
    ]  # fmt: skip
    if as_json:
        output.print_json({"figures": [], "data": [], "summary": {"runs": rows}})
        return
    columns = ("run", "compared as", "seed", "state")
    output.print_table(columns, [[str(row[name]) for name in columns] for row in rows])
    output.say(sweeping.cost([one.run for one in planned]))


def _score(
    planned: Sequence[Entry],
    failed: Mapping[Path, str],
    metrics: Sequence[str],
    *,
    reader: Reader,
    device: str,
) -> list[Row]:
    """Return the scores of each run at the last epoch that is compared; failed ones have none."""
    from embedlens.selection import evaluated_splits
    from embedlens.store import open_run
    from embedlens_cli import output, score_table

    rows, split = [], ""
    for one in output.track(planned, "scoring"):
        values: dict[str, float] = {}
        if one.run.path not in failed:
            run, epoch = open_run(one.run.path), one.run.config.epochs
            split = evaluated_splits([run], ())[0]
            found = reader.search(run, split, epoch).score(metrics, device=device)
            values = {name: value for name, value in found.items() if name not in score_table.COUNTS}
        rows.append(score_table.Row(one.run.path.name, split, one.run.config.epochs, values))
    reader.warnings.tell()
    if not any(row.values for row in rows):
        message = f"every run failed; the first, {rows[0].run}: {next(iter(failed.values()))}"
        raise InputError(message)
    return rows


def _words(given: Mapping[str, Any], *, seeds: Sequence[int]) -> list[str]:
    """Return what a file name says of the options, each that is not the default."""
    usual: dict[str, Any] = {"dim": None, "lr": None, "metrics": _METRICS}
    told = [f"{name}-{given[name]}" for name, value in usual.items() if given[name] != value]
    own = [] if ",".join(map(str, seeds)) == _SEEDS else [f"seed-{'+'.join(map(str, seeds))}"]
    return [*own, *told, *training_options.Recipe.of({**given, "method": "plain"}).words]
