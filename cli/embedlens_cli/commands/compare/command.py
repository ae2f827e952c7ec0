"""The command `compare`: losses alone and under methods, over seeds."""

from __future__ import annotations

from typing import Annotated

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.commands.compare.tables import answer
from embedlens_cli.common import console, grids, options, training_options
from embedlens_cli.common.option_groups import FileWords, InName, grouped

_SEEDS = (0, 1, 2)


@training_options.takes_recipe(after="epochs")
@grouped
def compare(
    context: typer.Context,
    *,
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
        str, typer.Option(help="Scores, comma-separated, as in `evaluate`."), InName("metrics-{}")
    ] = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8",
    where: grids.GridOptions,
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
    runs = plan(ways, grid.seeds, recipe, folder=where.folder, dim=dim, lr=lr)
    planned = [one.run for one in runs]
    if where.dry_run:
        check_runs(planned)
        facts = [{"compared as": one.way.name, "seed": one.run.config.seed} for one in runs]
        grids.list_runs(planned, facts, as_json=where.as_json)
        return
    failed = grids.train(planned, check_device(where.device), workers=context.params["workers"])
    reader = Reader.of_config(planned[0].config)
    scores = score_runs(
        runs, failed, wanted, device=where.device, search=reader.search,
        follow=lambda every: console.track(every, "scoring"),
    )  # fmt: skip
    console.print_warnings(reader.warnings)
    seeds = [] if grid.seeds == _SEEDS else [f"seed-{'+'.join(map(str, grid.seeds))}"]
    file_words = [*seeds, *words, *training_options.file_words(recipe)]
    answer(runs, scores, style, where=where, words=file_words, latex=latex, facts=reader.facts)
