"""The command that trains a grid of runs and compares them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, sweeping, training_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.sweep import Sweep
    from embedlens.artifacts import Table
    from embedlens.training.grid import Planned
    from embedlens_cli.drawing import Look


def sweep(
    context: typer.Context,
    loss: Annotated[
        str, typer.Option(help="Comma-separated: contrastive, ep, ephn, epshn, n-pair-mc, triplet.")
    ] = sweeping.USUAL["loss"],
    lr: Annotated[str, typer.Option(help="Learning rates, comma-separated.")] = sweeping.USUAL["lr"],
    dim: Annotated[str, typer.Option(help="Dimensions of the embedding, comma-separated.")] = sweeping.USUAL[
        "dim"
    ],
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = sweeping.USUAL["seed"],
    data: training_options.Data = "glyphs",
    root: training_options.Root = None,
    epochs: Annotated[int, typer.Option(help="Epochs of each run, and the one that is compared.", min=1)] = 8,
    order: training_options.Order = None,
    temperature: training_options.Temperature = None,
    margin: training_options.Margin = None,
    l2: training_options.L2 = None,
    classes_per_batch: training_options.ClassesPerBatch = None,
    items_per_class: training_options.ItemsPerClass = None,
    optimizer: training_options.Optimizer = "adam",
    weight_decay: training_options.WeightDecay = 0.0,
    lr_step: training_options.LrStep = 0,
    lr_gamma: training_options.LrGamma = 0.1,
    augment: training_options.Augment = True,
    threads: training_options.Threads = None,
    metric: Annotated[
        str, typer.Option(help="What is compared: recall_at_K, nmi or any score of evaluate.")
    ] = "recall_at_1",
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs.", show_default="./runs")
    ] = None,
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Where the figure goes.")] = Path("figures"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Train a run for each loss, learning rate, dim and seed, and draw their scores.

    Stopped at any moment, the same command goes on; finished runs are not trained again, whatever grid they
    were part of. A run that fails (its loss is no number) is told, and the others go on: the exit status is 0
    as long as one run has succeeded.
    """
    from embedlens import selection
    from embedlens_cli.drawing import Look

    look = Look.of(formats, venue, width)
    score = sweeping.check_score(metric, split, device)
    recipe = training_options.Recipe.of(context.params)
    grid = sweeping.Grid.of({"loss": loss, "lr": lr, "dim": dim, "seed": seed})
    folder = out or selection.runs_folder()
    planned = sweeping.plan(grid, recipe, folder)
    if dry_run:
        sweeping.check(planned)
        _list(planned, as_json=as_json)
        return
    failed = sweeping.train(planned, score.device)
    outcomes = sweeping.measure(planned, failed, score)
    if all(outcome.failure for outcome in outcomes):
        first = outcomes[0]
        message = f"every run failed; the first, {first.name}: {first.failure}"
        raise InputError(message)
    sweeping.tell_failures(outcomes)
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
    outcomes: Sequence[sweeping.Outcome],
    score: sweeping.Score,
    look: Look,
    *,
    folder: Path,
    words: Sequence[str],
    as_json: bool,
) -> None:
    """Draw the sweep, write it with its data and sidecar, and give the answer."""
    from embedlens.analysis.sweep import Record, summarise
    from embedlens.artifacts import Artifacts
    from embedlens.figures.style import paper
    from embedlens.figures.sweep import plot_panels
    from embedlens_cli import output
    from embedlens_cli.drawing import epochs_text

    result = summarise(Record(*outcome.point, outcome.value) for outcome in outcomes)
    config = outcomes[0].planned.config
    artifacts = Artifacts(
        folder, output.command(), _facts(outcomes, score), summary=_summary(outcomes, result)
    )
    items = next(outcome.items for outcome in outcomes if outcome.items)
    heading = f"{config.data}, epoch {config.epochs}, {score.split}, n = {items:,}"
    name = [
        "sweep", config.data, *words, "" if score.metric == "recall_at_1" else score.metric, score.split,
        epochs_text([config.epochs]),
    ]  # fmt: skip
    with paper(look.venue):
        panels = len(result.dims) if result.axis == "lr" else 1
        figure = plot_panels(result, **look.size(panels), label=score.label, heading=heading)
        look.save(artifacts, name, figure, _table(outcomes, result), facts={})
    if as_json:
        output.print_json(artifacts.answer())
        return
    _print_summary(result, score.label, config.epochs)
    output.print_files(artifacts)
    output.say(f"next: {sweeping.next_command(outcomes, score)}")


def _facts(outcomes: Sequence[sweeping.Outcome], score: sweeping.Score) -> dict[str, Any]:
    """Return what the sidecar says."""
    from embedlens.similarity import engine_facts

    first = outcomes[0].planned.config
    shared = {
        name: value for name, value in first.as_method().items()
        if name not in ("loss", "loss_options", "lr", "dim", "seed")
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
        "engine": engine_facts(score.device),
    }


def _table(outcomes: Sequence[sweeping.Outcome], result: Sweep) -> Table:
    """Return a row for each run; the mean, deviation and counts of its combination stand beside it."""
    rows = sweeping.rows_of(result)
    table: Table = []
    for outcome in outcomes:
        row = rows[outcome.point[:3]]
        group = {name: column[row].item() for name, column in result.columns().items()}
        value = {"value": "" if outcome.failure else outcome.value, "source": outcome.source}
        told = {name: "" if cell != cell else cell for name, cell in group.items()}  # NaN: an empty cell
        place = {
            "run": outcome.name,
            "epoch": outcome.planned.config.epochs,
            "seed": outcome.planned.config.seed,
        }
        table.append({**place, **{name: told.pop(name) for name in ("loss", "lr", "dim")}, **value, **told})
    return table


def _summary(outcomes: Sequence[sweeping.Outcome], result: Sweep) -> dict[str, Any]:
    """Return the numbers: loss -> learning rate -> dim -> mean, deviation, counts, and the runs by seed."""
    summary: dict[str, Any] = {}
    for (loss, lr, dim), row in sweeping.rows_of(result).items():
        own = [outcome for outcome in outcomes if outcome.point[:3] == (loss, lr, dim)]
        numbers = {
            "mean": float(result.mean[row]) if result.n[row] else None,
            "deviation": float(result.deviation[row]) if result.n[row] > 1 else None,
            "n": int(result.n[row]),
            "n_failed": int(result.n_failed[row]),
            "runs": {
                outcome.name: {
                    "seed": outcome.planned.config.seed,
                    "value": None if outcome.failure else outcome.value,
                    **({"failure": outcome.failure} if outcome.failure else {}),
                }
                for outcome in own
            },
        }
        summary.setdefault(loss, {}).setdefault(f"{lr:g}", {})[str(dim)] = numbers
    return summary


def _print_summary(result: Sweep, label: str, epoch: int) -> None:
    """Print a table: a row a loss and dim, a column a learning rate, or a dim where only dims vary."""
    from embedlens_cli import output

    by_dim = result.axis == "dim"
    cells: dict[str, dict[str, str]] = {}
    for (loss, lr, dim), row in sweeping.rows_of(result).items():
        name = loss if by_dim or len(result.dims) == 1 else f"{loss}, {dim} dims"
        column = f"{dim} dims" if by_dim else f"lr {lr:g}"
        text = f"{result.mean[row]:.4f}" if result.n[row] else "failed"
        text += f" ± {result.deviation[row]:.4f}" if result.n[row] > 1 else ""
        text += f" ({result.n_failed[row]} failed)" if result.n[row] and result.n_failed[row] else ""
        cells.setdefault(name, {})[column] = text
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    seeds = int((result.n + result.n_failed).max())
    spread = f", mean ± s.d. of {seeds} seeds" if seeds > 1 else ""
    rows = [(name, *(row.get(column, "-") for column in columns)) for name, row in cells.items()]
    output.print_table(("loss", *columns), rows, title=f"{label}, epoch {epoch}{spread}")
