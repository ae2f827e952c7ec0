"""The command that trains a grid of runs and compares them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, sweep_outcomes, sweep_tables, sweeping, training_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.training.grid import Planned
    from embedlens_cli.drawing import Look
    from embedlens_cli.sweep_outcomes import Outcome, Score


@training_options.takes_recipe(after="epochs")
def sweep(
    context: typer.Context,
    loss: Annotated[
        str, typer.Option(help="Comma-separated names as in `train`, or all: every loss there is.")
    ] = sweeping.USUAL["loss"],
    lr: Annotated[
        str | None,
        typer.Option(
            help="Learning rates, comma-separated, or usual: that of each loss.",
            show_default=f"{sweeping.USUAL['lr']}; with --loss all: usual",
        ),
    ] = None,
    dim: Annotated[str, typer.Option(help="Dimensions of the embedding, comma-separated.")] = sweeping.USUAL[
        "dim"
    ],
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = sweeping.USUAL["seed"],
    epochs: Annotated[int, typer.Option(help="Epochs of each run, and the one that is compared.", min=1)] = 8,
    metric: Annotated[
        str, typer.Option(help="What is compared: recall_at_K, nmi or any score of evaluate.")
    ] = "recall_at_1",
    split: Annotated[
        str | None,
        typer.Option(help="Split that is compared.", show_default="the query split, or test"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs.", show_default="./runs")
    ] = None,
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Where the figure goes.")] = Path("figures"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    title: options.Title = True,
    text: options.Text = True,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Train a run for each loss, learning rate, dim and seed, and draw their scores.

    With --loss all, every loss at its usual learning rate is compared with its own epoch 0.

    Stopped at any moment, the same command goes on; finished runs are not trained again, whatever grid they
    were part of. A run that fails (its loss is no number) is told, and the others go on: the exit status is 0
    as long as one run has succeeded.
    """
    from embedlens import selection
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader
    from embedlens_cli.sweep_outcomes import Score

    look = Look.of(formats, venue, width, title=title, text=text)
    wanted = sweep_outcomes.check_score(metric, device)
    recipe = training_options.Recipe.of(context.params, epochs=epochs)
    grid = sweeping.Grid.of({"loss": loss, "lr": lr, "dim": dim, "seed": seed})
    folder = out or selection.runs_folder()
    planned = sweeping.plan(grid, recipe, folder)
    reader = Reader.of_config(planned[0].config)
    score = Score(wanted[0], sweep_outcomes.compared_split(planned, split), wanted[1], reader)
    if dry_run:
        sweeping.check(planned, every=grid.every)
        _list(planned, as_json=as_json)
        return
    workers = context.params["workers"]
    failed = sweeping.train(planned, score.device, workers=workers, every=grid.every)
    outcomes = sweep_outcomes.measure(planned, failed, score)
    if all(outcome.failure for outcome in outcomes):
        first = outcomes[0]
        message = f"every run failed; the first, {first.name}: {first.failure}"
        raise InputError(message)
    sweep_outcomes.tell_failures(outcomes)
    _draw(outcomes, score, look, folder=figures, words=[*grid.words, *recipe.words], as_json=as_json)


def _list(planned: Sequence[Planned], *, as_json: bool) -> None:
    """Tell the runs of the grid and where each of them stands."""
    from embedlens_cli import output

    rows: list[dict[str, Any]] = [
        {
            "run": run.path.as_posix(), "loss": run.config.loss, "lr": run.config.lr, "dim": run.config.dim,
            "seed": run.config.seed, "epochs": run.config.epochs,
            "recorded": run.recorded if run.recorded >= 0 else None,
            "state": "finished" if run.finished else "new" if run.recorded < 0 else "unfinished",
        }
        for run in planned
    ]  # fmt: skip
    if as_json:
        output.print_json({"figures": [], "data": [], "summary": {"runs": rows}})
        return
    told = [(row["run"], row["loss"], f"{row['lr']:g}", *map(str, (row["dim"], row["seed"]))) for row in rows]
    states = [
        row["state"] + (f", epoch {row['recorded']} of {row['epochs']}" * (row["state"] == "unfinished"))
        for row in rows
    ]
    columns = ("run", "loss", "lr", "dim", "seed", "state")
    output.print_table(columns, [(*cells, state) for cells, state in zip(told, states, strict=True)])
    output.say(sweeping.cost(planned))


def _draw(
    outcomes: Sequence[Outcome],
    score: Score,
    look: Look,
    *,
    folder: Path,
    words: Sequence[str],
    as_json: bool,
) -> None:
    """Draw the sweep, write it with its data and sidecar, and give the answer."""
    from embedlens.analysis.sweep import summarise
    from embedlens.artifacts import Artifacts
    from embedlens.figures.style import paper
    from embedlens.figures.sweep import plot_panels
    from embedlens_cli import output
    from embedlens_cli.drawing import epochs_text

    result = summarise(outcome.record for outcome in outcomes)
    config = outcomes[0].planned.config
    artifacts = Artifacts(
        folder, output.command(), _facts(outcomes, score), summary=sweep_tables.summary(outcomes, result)
    )
    items = next(outcome.items for outcome in outcomes if outcome.items)
    heading = f"{config.data}, epoch {config.epochs}, {score.split}, n = {items:,}"
    name = [
        "sweep", config.data, *words, "" if score.metric == "recall_at_1" else score.metric, score.split,
        epochs_text([config.epochs]),
    ]  # fmt: skip
    with paper(look.venue):
        panels = len(result.dims) if result.axis == "lr" else 1
        told = {"label": score.label, "end": f"epoch {config.epochs}", "heading": heading}
        figure = plot_panels(result, **look.size(panels), **told)
        look.save(artifacts, name, figure, sweep_tables.csv_rows(outcomes, result), facts={})
    if as_json:
        output.print_json(artifacts.answer())
        return
    sweep_tables.print_summary(result, score.label, config.epochs)
    output.print_files(artifacts)
    output.say(f"next: {sweep_outcomes.next_command(outcomes, score)}")


def _facts(outcomes: Sequence[Outcome], score: Score) -> dict[str, Any]:
    """Return what the sidecar says."""
    from embedlens.similarity import engine_facts

    first = outcomes[0].planned.config
    shared = {
        name: value for name, value in first.as_method().items()
        if name not in ("loss", "loss_options", "lr", "dim", "seed", *sweep_outcomes.PER_LOSS)
    }  # fmt: skip
    items = next(outcome.items for outcome in outcomes if outcome.items)
    return {
        "runs": [outcome.facts() for outcome in outcomes],
        "training": shared,
        "metric": score.metric,
        "split": score.split,
        "epochs": [first.epochs],
        "shown": items,
        "of": items,
        "value": "mean over the seeds that have one; deviation: sample standard deviation (divisor n - 1)",
        "initial": "the same score at epoch 0; gain: value less initial",
        "collapsed": "at the last epoch and the one before, a split's mean similarity is 0.95 or more, its "
        "distance from 1 at most half of that at epoch 0, and R@1 not above epoch 0's, or the similarity is "
        "0.999 or more; or its effective rank below 2 and half of that at epoch 0, and R@1 below epoch 0's",
        "engine": engine_facts(score.device),
        **score.reader.facts,
    }
