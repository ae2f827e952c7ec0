"""The command `sweep`: a grid of runs over losses, learning rates, dims and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.commands.sweep import tables as sweep_tables
from embedlens_cli.common import console, grids, options, training_options
from embedlens_cli.common.figure_style import FigureStyle, epochs_text
from embedlens_cli.common.option_groups import grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.sweep import Outcome, Score


@training_options.takes_recipe(after="epochs")
@grouped
def sweep(
    context: typer.Context,
    *,
    loss: Annotated[
        str, typer.Option(help="Losses as in `train`, comma-separated; all: every loss.")
    ] = grids.DEFAULTS["loss"],
    lr: Annotated[
        str | None,
        typer.Option(
            help="Learning rates, comma-separated, or default: that of each loss.",
            show_default=f"{grids.DEFAULTS['lr']}; with --loss all: default",
        ),
    ] = None,
    dim: Annotated[str, typer.Option(help="Dimensions of the embedding, comma-separated.")] = grids.DEFAULTS[
        "dim"
    ],
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = grids.DEFAULTS["seed"],
    epochs: Annotated[int, typer.Option(help="Epochs of each run, and the one that is compared.", min=1)] = 8,
    metric: Annotated[
        str, typer.Option(help="Score to compare: recall_at_K, nmi or any other of `evaluate`.")
    ] = "recall_at_1",
    split: Annotated[
        str | None,
        typer.Option(help="Split that is compared.", show_default="the query split, or test"),
    ] = None,
    where: grids.GridOptions,
) -> None:
    """Train a run for each loss, learning rate, dim and seed, and draw their scores.

    With --loss all, every loss at its default learning rate is compared with its own epoch 0.

    After an interruption the same command resumes; finished runs are not trained again, whatever grid they
    were part of. A run that fails (NaN or infinite loss) is reported, and the others are trained: the exit
    status is 0 as long as one run has succeeded.
    """
    from embedlens.experiments import grid_runs
    from embedlens.experiments.grid_training import check_runs
    from embedlens.experiments.sweep import Score, compared_split, measure
    from embedlens.measurements.reader import Reader

    style = where.style()
    wanted, device = _one_score(metric), check_device(where.device)
    recipe = training_options.recipe_of(context.params, epochs=epochs)
    grid = grids.grid_of({"loss": loss, "lr": lr, "dim": dim, "seed": seed})
    configs = grid.configs(recipe, warn=console.print_message)
    planned = grid_runs.plan(configs, where.folder, any_threads=recipe.threads is None)
    reader = Reader.of_config(planned[0].config)
    score = Score(wanted, compared_split(planned, split), device, reader.leave_out, reader.search)
    if where.dry_run:
        check_runs(planned, every=grid.every, warn=console.print_message)
        grids.list_runs(planned, [_facts(run) for run in planned], as_json=where.as_json)
        return
    failed = grids.train(planned, device, workers=context.params["workers"], every=grid.every)
    outcomes = measure(planned, failed, score, follow=lambda runs: console.track(runs, "scoring"))
    console.print_warnings(reader.warnings)
    if all(outcome.failure for outcome in outcomes):
        first = outcomes[0]
        message = f"every run failed; the first, {first.name}: {first.failure}"
        raise InputError(message)
    sweep_tables.warn_of_failures(outcomes)
    words = [*grids.file_words(grid), *training_options.file_words(recipe)]
    _draw(outcomes, score, style, where=where, words=words, facts=reader.facts)


def _one_score(metric: str) -> str:
    """Return the score that is compared; one unknown, or several, are refused."""
    from embedlens.analysis.scores import check_metrics

    scores = check_metrics(options.words(metric))
    if len(scores) > 1:
        message = f"--metric {metric!r} is {len(scores)} scores ({', '.join(scores)}); choose one of them"
        raise InputError(message)
    return scores[0]


def _facts(run: PlannedRun) -> dict[str, Any]:
    """Return what the list of runs says of one."""
    return {name: getattr(run.config, name) for name in ("loss", "lr", "dim", "seed", "epochs")}


def _draw(
    outcomes: Sequence[Outcome],
    score: Score,
    style: FigureStyle,
    *,
    where: grids.GridOptions,
    words: Sequence[str],
    facts: Mapping[str, Any],
) -> None:
    """Draw the sweep, write it with its data and sidecar, and give the answer."""
    from embedlens.artifacts import Artifacts
    from embedlens.experiments import sweep_results
    from embedlens.experiments.sweep import summarise
    from embedlens.figures.experiments.curves import metric_label
    from embedlens.figures.experiments.sweep import figure as sweep_figure
    from embedlens.figures.style import paper

    result = summarise(outcomes)
    label = metric_label(score.column, (score.split,))
    config = outcomes[0].planned.config
    artifacts = Artifacts(
        where.figures,
        console.command(),
        {**sweep_results.facts(outcomes, score), **facts},
        summary=sweep_results.summary(outcomes, result),
    )
    items = next(outcome.items for outcome in outcomes if outcome.items)
    heading = f"{config.data}, epoch {config.epochs}, {score.split}, n = {items:,}"
    name = [
        "sweep", config.data, *words, "" if score.metric == "recall_at_1" else score.metric, score.split,
        epochs_text([config.epochs]),
    ]  # fmt: skip
    with paper(style.venue):
        panels = len(result.dims) if result.axis == "lr" else 1
        texts = {"label": label, "end": f"epoch {config.epochs}", "title": heading}
        figure = sweep_figure(result, **style.size(panels), **texts)
        style.save(artifacts, name, figure, sweep_results.records(outcomes, result), facts={})
    if where.as_json:
        console.print_json(artifacts.answer())
        return
    sweep_tables.print_summary(result, label, config.epochs)
    console.print_files(artifacts)
    console.print_line(f"next: {sweep_tables.next_command(outcomes, score)}")
