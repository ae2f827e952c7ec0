"""The command `compare`: losses alone and under methods, over seeds."""

from __future__ import annotations

from typing import Annotated

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.commands.compare.outputs import answer
from embedlens_cli.commands.compare.training import Plan, list_planned, train
from embedlens_cli.common import completion, console, grids, options, training_options
from embedlens_cli.common.grids import GridOptions
from embedlens_cli.common.option_groups import FileWords, InName, grouped

_SEEDS = (0, 1, 2)


@training_options.takes_recipe(after="pretraining_epochs")
@grouped
def compare(
    context: typer.Context,
    *,
    preset: Annotated[
        str,
        typer.Option(
            help="How methods are trained: quick (few epochs, from random weights) or published (nearer to "
            "the papers: more epochs, from a network that is pre-trained on the data).",
            autocompletion=completion.one_of(*completion.PRESETS),
        ),
        InName("{}"),
    ] = "quick",
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
        typer.Option(help="Learning rate.", show_default="that of loss and preset"),
        InName("lr-{}"),
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = ",".join(map(str, _SEEDS)),
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of each run; the last is compared.", min=1, show_default="those of the preset"
        ),
    ] = None,
    pretraining_epochs: Annotated[
        int | None,
        typer.Option(
            help="With --preset published: epochs of the run that all others start from; 0: none.",
            min=0,
            show_default="4",
        ),
        InName("pretraining-{}"),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Scores, comma-separated, as in `evaluate`.",
            show_default="nmi, f1, recall_at_1, recall_at_2, recall_at_4, recall_at_8",
            autocompletion=completion.scores(),
        ),
        InName("metrics-{}"),
    ] = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8",
    where: GridOptions,
    run_by: grids.TrainingWorkers,
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    words: FileWords,
) -> None:
    """Train each loss alone and under each method, over seeds, and compare their scores.

    The table has means and standard deviations over the seeds, and the difference in R@1 from the loss alone
    with a 95 % interval over seeds and classes, as text and as LaTeX; with steps, parameters and seconds of
    each row. After an interruption the same command resumes; finished runs are not trained again. What the
    data do not allow is refused before the first run (published: left out); a run that fails later is
    reported, and the others are trained.
    """  # fmt: skip
    from embedlens.analysis.scores import check_metrics
    from embedlens.experiments.compared_runs import Requests, ways_of
    from embedlens.experiments.comparison import score_runs
    from embedlens.experiments.presets import PRESETS
    from embedlens.measurements.reader import Reader

    if latex and where.as_json:
        message = "--latex and --json exclude each other; choose one"
        raise InputError(message)
    chosen, style = PRESETS.get(preset), where.style()
    if pretraining_epochs is not None and not chosen.pretraining_epochs:
        message = (
            f"--pretraining-epochs is of --preset published; {preset!r} trains nothing before, leave it out"
        )
        raise InputError(message)
    if pretraining_epochs and context.params.get("init"):
        message = (
            "--pretraining-epochs is of a run that is trained before; with --init none is, leave one out"
        )
        raise InputError(message)
    wanted = check_metrics(options.words(metrics))
    grid = grids.grid_of({"loss": loss, "lr": grids.DEFAULT_RATE, "dim": None, "seed": seed})
    ways = ways_of(options.words(method), grid.losses, baselines=chosen.adds_baselines)
    recipe = training_options.recipe_of({**context.params, "method": "plain"}, epochs=epochs or 1)
    workers = run_by.chosen()
    requests = Requests(chosen, _typed(context), dim, lr)
    plan = Plan(
        ways, grid.seeds, grids.shared_cores(recipe, workers), where.folder,
        requests, chosen, pretraining_epochs, recipe.threads is None,
    )  # fmt: skip
    if where.dry_run:
        list_planned(plan, as_json=where.as_json)
        return
    device = check_device(where.device)
    trained = train(plan, device, readers=context.params["readers"], workers=workers)
    reader = Reader.of_config(trained.runs[0].run.config)
    scores = score_runs(
        trained.runs, trained.failed, wanted, device=where.device, reader=reader, executor=workers,
        follow=lambda every: console.track(every, "scoring"),
    )  # fmt: skip
    console.print_warnings(reader.warnings)
    seeds = [] if grid.seeds == _SEEDS else [f"seed-{'+'.join(map(str, grid.seeds))}"]
    file_words = [*seeds, *words, *training_options.file_words(recipe)]
    answer(trained, scores, style, where=where, words=file_words, latex=latex, facts=reader.facts)


def _typed(context: typer.Context) -> set[str]:
    """Return the names of the options that were given."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
