"""The command `sweep`: a grid of runs over losses, learning rates, dims and seeds."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError, listed
from embedlens_cli.common import completion, console, grids, options, training_options
from embedlens_cli.common.figure_style import FigureStyle, answered, epochs_text
from embedlens_cli.common.option_groups import grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.sweep import Sweep
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.sweep import Outcome, Score


@training_options.takes_recipe(after="epochs")
@grouped
def sweep(
    context: typer.Context,
    *,
    loss: Annotated[
        str,
        typer.Option(
            help="Losses as in `train`, comma-separated; all: every loss.",
            autocompletion=completion.some_of(*completion.LOSSES, "all"),
        ),
    ] = grids.DEFAULTS["loss"],
    lr: Annotated[
        str | None,
        typer.Option(
            help="Learning rates, comma-separated, or default: that of each loss.",
            show_default=f"{grids.DEFAULTS['lr']}; with --loss all: default",
        ),
    ] = None,
    dim: Annotated[str, typer.Option(help="Embedding dimensions, comma-separated.")] = grids.DEFAULTS["dim"],
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = grids.DEFAULTS["seed"],
    epochs: Annotated[int, typer.Option(help="Epochs of each run, and the one that is compared.", min=1)] = 8,
    metric: Annotated[
        str, typer.Option(help="Score to compare, as in `evaluate`.", autocompletion=completion.scores())
    ] = "recall_at_1",
    split: Annotated[
        str | None, typer.Option(help="Split that is compared.", show_default="the query split, or test")
    ] = None,
    where: grids.GridOptions,
    run_by: grids.TrainingWorkers,
    latex: options.Latex = False,
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

    style = where.style(latex=latex)
    wanted, device = _one_score(metric), check_device(where.device)
    recipe = training_options.recipe_of(context.params, epochs=epochs)
    grid = grids.grid_of({"loss": loss, "lr": lr, "dim": dim, "seed": seed})
    workers, readers = run_by.chosen(), context.params["readers"]
    configs = grid.configs(grids.shared_cores(recipe, workers), warn=console.print_message)
    planned = grid_runs.plan(configs, where.folder, any_threads=recipe.threads is None)
    reader = Reader.of_config(planned[0].config)
    score = Score(wanted, compared_split(planned, split), device, reader.leave_out)
    if where.dry_run:
        check_runs(planned, every=grid.every, warn=console.print_message)
        grids.list_runs(planned, [_facts(run) for run in planned], as_json=where.as_json)
        return
    failed = grids.train(planned, device, readers=readers, every=grid.every, workers=workers)
    outcomes = measure(
        planned, failed, score, reader=reader, executor=workers,
        follow=lambda runs: console.track(runs, "scoring"),
    )  # fmt: skip
    console.print_warnings(reader.warnings)
    if all(outcome.failure for outcome in outcomes):
        message = f"every run failed; the first, {outcomes[0].name}: {outcomes[0].failure}"
        raise InputError(message)
    warn_of_failures(outcomes)
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
    from embedlens.captions import scores as captions
    from embedlens.captions.places import caption
    from embedlens.experiments import sweep_results
    from embedlens.experiments.sweep import summarise
    from embedlens.figures.experiments.curves import metric_label
    from embedlens.figures.experiments.sweep import figure as sweep_figure

    result = summarise(outcomes)
    label = metric_label(score.column, (score.split,))
    config = outcomes[0].planned.config
    said, summary = sweep_results.facts(outcomes, score), sweep_results.summary(outcomes, result)
    artifacts = Artifacts(where.figures, console.command(), {**said, **facts}, summary=summary)
    items = next(outcome.items for outcome in outcomes if outcome.items)
    heading = f"{config.data}, epoch {config.epochs}, {score.split}, n = {items:,}"
    name = [
        "sweep", config.data, *words, "" if score.metric == "recall_at_1" else score.metric, score.split,
        epochs_text([config.epochs]),
    ]  # fmt: skip
    with style.paper():
        panels = len(result.dims) if result.axis == "lr" else 1
        texts = {"label": label, "end": f"epoch {config.epochs}", "title": heading}
        figure = sweep_figure(result, **style.size(panels), **texts)
        table = sweep_results.records(outcomes, result)
        what = {"data": config.data, "epoch": config.epochs, "split": score.split, "n": items}
        seeds = int((result.n + result.n_failed).max())
        text = captions.sweep(label, what, axis=result.axis, losses=result.losses, seeds=seeds)
        text = caption(text, [], left_out=facts.get("left_out"))
        style.save(artifacts, name, figure, table, facts={}, caption=text)
    if answered(artifacts, style, as_json=where.as_json):
        return
    print_summary(result, label, config.epochs)
    console.print_files(artifacts)
    console.print_line(f"next: {next_command(outcomes, score)}")


def print_summary(result: Sweep, label: str, epoch: int) -> None:
    """Print one row per loss, the best first; where rates or dims vary, a column for each of them."""
    if result.axis == "loss":
        _print_losses(result, label, epoch)
    else:
        _print_grid(result, label, epoch)


def _print_losses(result: Sweep, label: str, epoch: int) -> None:
    """Print what each loss gained."""
    from embedlens.analysis.experiments.losses import ranked

    best = ranked(result)
    rows = [
        (
            loss,
            f"{best.lr[row]:g}",
            console.cell(best.initial[row], ".4f"),
            _mean_text(best, row),
            console.cell(best.gain[row], "+.4f"),
            console.cell(best.effective_rank[row], ".1f"),
            _collapsed_text(best, row),
        )
        for row, loss in enumerate(best.loss.tolist())
    ]
    columns = ("loss", "lr", "epoch 0", f"epoch {epoch}", "gain", "eff. rank", "collapsed")
    console.print_table(columns, rows, title=f"{label}{_spread_text(result)}, {best.dims[0]} dims")


def _print_grid(result: Sweep, label: str, epoch: int) -> None:
    """Print one column per learning rate, or per dim where only dims vary."""
    by_dim = result.axis == "dim"
    cells: dict[str, dict[str, str]] = {}
    keys = zip(result.loss.tolist(), result.lr.tolist(), result.dim.tolist(), strict=True)
    for row, (loss, lr, dim) in enumerate(keys):
        name = loss if by_dim or len(result.dims) == 1 else f"{loss}, {dim} dims"
        column = f"{dim} dims" if by_dim else f"lr {lr:g}"
        text = _mean_text(result, row)
        if result.n_collapsed[row]:
            seeds = f"{result.n_collapsed[row]} " if result.n[row] > 1 else ""
            text += f" ({seeds}collapsed)"
        cells.setdefault(name, {})[column] = text
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    if not by_dim:
        columns = [f"lr {lr:g}" for lr in sorted(set(result.lr.tolist()))]
    rows = [(name, *(row.get(column, "-") for column in columns)) for name, row in cells.items()]
    console.print_table(("loss", *columns), rows, title=f"{label}, epoch {epoch}{_spread_text(result)}")


def _spread_text(result: Sweep) -> str:
    seeds = int((result.n + result.n_failed).max())
    return f", mean ± s.d. of {seeds} seeds" if seeds > 1 else ""


def _mean_text(result: Sweep, row: int) -> str:
    """Return the mean with its deviation, and how many seeds failed."""
    text = f"{result.mean[row]:.4f}" if result.n[row] else "failed"
    text += f" ± {result.deviation[row]:.4f}" if result.n[row] > 1 else ""
    return text + (f" ({result.n_failed[row]} failed)" if result.n[row] and result.n_failed[row] else "")


def _collapsed_text(result: Sweep, row: int) -> str:
    """Return whether the space of a loss has collapsed; of several seeds, how many did."""
    collapsed, n = int(result.n_collapsed[row]), int(result.n[row])
    if not collapsed:
        return "-"
    return "yes" if n == 1 else f"{collapsed} of {n}"


def warn_of_failures(outcomes: Sequence[Outcome]) -> None:
    """Say which runs have no value."""
    names = [outcome.name for outcome in outcomes if outcome.failure]
    of = console.count_text(len(outcomes), "run")
    if names:
        console.print_message(f"{len(names)} of {of} failed: {listed(names)}")
    for text, name in (("score at epoch 0", "initial"), ("effective rank", "effective_rank")):
        odd = [one.name for one in outcomes if not one.failure and not math.isfinite(getattr(one, name))]
        if odd:
            console.print_message(
                f"the {text} is NaN or infinite in {len(odd)} of {of}, and means that hold it are left out: "
                f"{listed(odd)}"
            )


def next_command(outcomes: Sequence[Outcome], score: Score) -> str:
    """Return the command to suggest: pruning where sizes were compared, else a scatter of the best."""
    from embedlens.experiments.sweep_results import worth_a_look

    compared, runs = worth_a_look(outcomes, score.metric)
    command = "pca-prune" if compared == "dims" else "scatter"
    return shlex.join(["embedlens", command, *(one.planned.path.as_posix() for one in runs)])
