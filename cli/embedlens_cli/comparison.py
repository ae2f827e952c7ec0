"""The command that trains losses alone and under methods, over seeds, and compares them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, training_options
from embedlens_cli.common import grids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.experiments.comparison import ComparedRun

_METRICS = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8"
_SEEDS = "0,1,2"


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
    from embedlens.experiments.comparison import plan, score_runs, ways_of
    from embedlens.experiments.grid_training import check_runs
    from embedlens_cli import output
    from embedlens_cli.comparison_tables import answer
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader

    if latex and as_json:
        message = "--latex and --json exclude each other; choose one"
        raise InputError(message)
    look = Look.of(formats, venue, width, title=title, text=text)
    wanted = check_metrics(options.words(metrics))
    grid = grids.grid_of({"loss": loss, "lr": grids.DEFAULT_RATE, "dim": None, "seed": seed})
    ways = ways_of(options.words(method), grid.losses)
    recipe = training_options.recipe_of({**context.params, "method": "plain"}, epochs=epochs)
    runs = plan(ways, grid.seeds, recipe, folder=out or selection.runs_folder(), dim=dim, lr=lr)
    planned = [one.run for one in runs]
    if dry_run:
        check_runs(planned)
        _list(runs, as_json=as_json)
        return
    failed = grids.train(planned, check_device(device), workers=context.params["workers"])
    reader = Reader.of_config(planned[0].config)
    scores = score_runs(
        runs, failed, wanted, device=device, search=reader.search,
        follow=lambda every: output.track(every, "scoring"),
    )  # fmt: skip
    reader.warnings.tell()
    words = [*_words(context.params, seeds=grid.seeds), *training_options.file_words(recipe)]
    answer(runs, scores, look, words=words, folder=figures, latex=latex, as_json=as_json, facts=reader.facts)


def _list(planned: Sequence[ComparedRun], *, as_json: bool) -> None:
    """Tell the runs and where each of them stands."""
    from embedlens.experiments.grid_training import cost
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
    output.say(cost([one.run for one in planned]))


def _words(given: Mapping[str, Any], *, seeds: Sequence[int]) -> list[str]:
    """Return what a file name says of the options, each that is not the default."""
    usual: dict[str, Any] = {"dim": None, "lr": None, "metrics": _METRICS}
    told = [f"{name}-{given[name]}" for name, value in usual.items() if given[name] != value]
    own = [] if ",".join(map(str, seeds)) == _SEEDS else [f"seed-{'+'.join(map(str, seeds))}"]
    return [*own, *told]
