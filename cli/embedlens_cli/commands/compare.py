"""The command `compare`: losses alone and under methods, over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.common import completion, console, grids, options, score_tables, training_options
from embedlens_cli.common.figure_style import FigureStyle, epochs_text
from embedlens_cli.common.grids import GridOptions
from embedlens_cli.common.option_groups import FileWords, InName, grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.experiments.comparison import ComparedRun, Scores

_SEEDS = (0, 1, 2)
_DRAWN = ("recall_at_1", "nmi", "f1")


@training_options.takes_recipe(after="epochs")
@grouped
def compare(
    context: typer.Context,
    *,
    loss: Annotated[
        str,
        typer.Option(
            help="Comma-separated: losses for the methods that take any.",
            autocompletion=completion.some_of(*completion.LOSSES),
        ),
    ] = "triplet,margin,n-pair-mc",
    method: Annotated[
        str,
        typer.Option(
            help="Comma-separated; plain is each loss alone, dreml and hdc have losses of their own.",
            autocompletion=completion.some_of(*completion.METHODS),
        ),
    ] = "plain,divide-conquer,dvml,dreml,hdc",
    dim: Annotated[
        int | None,
        typer.Option(
            help="Dimensions of the embedding.",
            show_default="64; hdc: 66 of 3 heads, dreml: learners x meta-classes",
        ),
        InName("dim-{}"),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate.", show_default="the default of each loss"),
        InName("lr-{}"),
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = ",".join(map(str, _SEEDS)),
    epochs: Annotated[int, typer.Option(help="Epochs of each run; the last is compared.", min=1)] = 4,
    metrics: Annotated[
        str,
        typer.Option(
            help="Scores, comma-separated, as in `evaluate`.",
            show_default="nmi, f1, recall_at_1, recall_at_2, recall_at_4, recall_at_8",
            autocompletion=completion.scores(),
        ),
        InName("metrics-{}"),
    ] = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8",
    where: grids.GridOptions,
    run_by: grids.TrainingWorkers,
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    words: FileWords,
) -> None:
    """Train each loss alone and under each method, over seeds, and compare their scores.

    The table has means and standard deviations over the seeds, as text and as LaTeX. After an interruption
    the same command resumes; finished runs are not trained again. What the data do not allow is refused
    before the first run; a run that fails later is reported, and the others are trained.
    """
    from embedlens.analysis.scores import check_metrics
    from embedlens.experiments.comparison import plan, score_runs, ways_of
    from embedlens.experiments.grid_training import check_runs
    from embedlens.measurements.reader import Reader

    if latex and where.as_json:
        message = "--latex and --json exclude each other; choose one"
        raise InputError(message)
    style = where.style()
    wanted = check_metrics(options.words(metrics))
    grid = grids.grid_of({"loss": loss, "lr": grids.DEFAULT_RATE, "dim": None, "seed": seed})
    ways = ways_of(options.words(method), grid.losses)
    recipe = training_options.recipe_of({**context.params, "method": "plain"}, epochs=epochs)
    workers = run_by.chosen()
    shared = grids.shared_cores(recipe, workers)
    runs = plan(ways, grid.seeds, shared, folder=where.folder, dim=dim, lr=lr)
    planned = [one.run for one in runs]
    if where.dry_run:
        check_runs(planned)
        facts = [{"compared as": one.way.name, "seed": one.run.config.seed} for one in runs]
        grids.list_runs(planned, facts, as_json=where.as_json)
        return
    device = check_device(where.device)
    failed = grids.train(planned, device, readers=context.params["readers"], workers=workers)
    reader = Reader.of_config(planned[0].config)
    scores = score_runs(
        runs, failed, wanted, device=where.device, reader=reader, executor=workers,
        follow=lambda every: console.track(every, "scoring"),
    )  # fmt: skip
    console.print_warnings(reader.warnings)
    seeds = [] if grid.seeds == _SEEDS else [f"seed-{'+'.join(map(str, grid.seeds))}"]
    file_words = [*seeds, *words, *training_options.file_words(recipe)]
    _answer(runs, scores, style, where=where, words=file_words, latex=latex, facts=reader.facts)


def _answer(
    planned: Sequence[ComparedRun],
    scores: Sequence[Scores],
    style: FigureStyle,
    *,
    where: GridOptions,
    words: Sequence[str],
    latex: bool,
    facts: Mapping[str, Any],
) -> None:
    """Print the table, and write it with the figure, its data and the sidecar, which holds `facts`, too."""
    from embedlens.artifacts import Artifacts
    from embedlens.experiments.comparison import dims_text, mean_rows, summarise
    from embedlens.figures.experiments.comparison import figure as comparison_figure
    from embedlens.files import write_text
    from embedlens.store import open_run

    config = planned[0].run.config
    result = summarise(planned, scores)
    run, split = next(
        (one.run.path, scored.split) for one, scored in zip(planned, scores, strict=True) if scored.values
    )
    means = mean_rows(result, split=split, epoch=config.epochs)
    said = _facts(planned, result) | {"split": split, **facts}
    artifacts = Artifacts(where.figures, console.command(), said, summary=result.by_name())
    names = [
        *dict.fromkeys(one.way.loss or "" for one in planned),
        *dict.fromkeys(w.way.method for w in planned),
    ]
    stem = ["compare", config.data, "+".join(filter(None, names)), *words, epochs_text([config.epochs])]
    seeds = f"mean and standard deviation of {console.count_text(result.seeds.size, 'seed')}"
    heading = f"{config.data}, {split}, epoch {config.epochs}, {dims_text(planned)}, {seeds}"
    drawn = [name for name in _DRAWN if name in result.metrics] or result.metrics.tolist()[:3]
    what = {"data": config.data, "epoch": config.epochs, "split": split}
    what["n"] = open_run(run).info.splits[split].items
    with style.paper():
        figure = comparison_figure(result, drawn, **style.size(len(drawn)), title=heading)
        caption = _caption(result, drawn, facts=what, left_out=facts.get("left_out"))
        style.save(artifacts, stem, figure, [result.columns()], facts={"drawn": drawn}, caption=caption)
    table = where.figures / f"{style.stem(stem)}.tex"
    write_text(table, score_tables.latex(means) + "\n")
    artifacts.data.append(table)
    for line in score_tables.missing(means):
        console.print_message(line)
    if where.as_json:
        console.print_json(artifacts.answer())
        return
    if latex:
        console.print_line(score_tables.latex(means))
        return
    columns, cells = score_tables.plain(means, width=None)
    console.print_table(columns, cells, title=heading)
    console.print_files(artifacts)
    console.print_line(f"wrote {table}")
    _print_gains(result)


def _caption(
    result: Comparison, drawn: Sequence[str], *, facts: Mapping[str, Any], left_out: Mapping[str, Any] | None
) -> str:
    """Return the caption of the figure."""
    from embedlens.captions.places import caption
    from embedlens.captions.scores import comparison

    labels = [score_tables.title(name) for name in drawn]
    what = {**facts, "seeds": result.seeds.tolist()}
    return caption(comparison(labels, what, names=result.names.tolist()), [], left_out=left_out)


def _print_gains(result: Comparison) -> None:
    """Say, for what is compared with a plain loss, what it gained in the first measure of retrieval."""
    names = result.metrics.tolist()
    k = names.index("recall_at_1") if "recall_at_1" in names else 0
    gain, spread = result.gain[:, k], result.gain_deviation[:, k]
    for row, name in enumerate(result.names.tolist()):
        if gain[row] == gain[row]:  # a number
            text = "" if spread[row] != spread[row] else f" ± {spread[row]:.4f}"
            against = result.names[result.plain[row]]
            n, of = int(result.n_gains[row, k]), int(result.n[row])
            text += f" ({n} of {console.count_text(of, 'seed')})" if n < of else ""
            console.print_line(
                f"{name}: {score_tables.title(names[k])} {gain[row]:+.4f}{text} against {against}"
            )


def _facts(planned: Sequence[ComparedRun], result: Comparison) -> dict[str, Any]:
    """Return the entries of the sidecar."""
    return {
        "runs": [one.facts for one in planned],
        "epoch": planned[0].run.config.epochs,
        "seeds": result.seeds.tolist(),
        "mean": "over the seeds that have scores; deviation: sample standard deviation (divisor n - 1)",
        "gain": "mean over seeds of the score less that of the loss alone with the same seed",
    }
