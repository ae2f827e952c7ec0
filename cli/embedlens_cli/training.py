"""The command that trains one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, training_options

if TYPE_CHECKING:
    from embedlens.store import Run
    from embedlens.training.config import TrainConfig

_WITH_RESUME = {"resume", "epochs", "device", "as_json"}


def train(
    context: typer.Context,
    data: training_options.Data = "glyphs",
    root: training_options.Root = None,
    loss: training_options.Loss = "epshn",
    loss_options: training_options.LossOptions = None,
    mining: training_options.Mining = None,
    mining_options: training_options.MiningOptions = None,
    sampler: training_options.Sampler = None,
    order: training_options.Order = None,
    temperature: training_options.Temperature = None,
    margin: training_options.Margin = None,
    beta: training_options.Beta = None,
    learn_beta: training_options.LearnBeta = None,
    tau: training_options.Tau = None,
    l2: training_options.L2 = None,
    normalize: training_options.Normalize = None,
    dim: Annotated[int, typer.Option(help="Dimensions of the embedding.")] = 64,
    epochs: Annotated[int, typer.Option(help="Epochs to train; with --resume also more than before.")] = 8,
    classes_per_batch: training_options.ClassesPerBatch = None,
    items_per_class: training_options.ItemsPerClass = None,
    optimizer: training_options.Optimizer = "adam",
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the usual one of the loss")
    ] = None,
    weight_decay: training_options.WeightDecay = 0.0,
    lr_step: training_options.LrStep = 0,
    lr_gamma: training_options.LrGamma = 0.1,
    augment: training_options.Augment = True,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    threads: training_options.Threads = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Directory of the run.", show_default="runs/DATA-LOSS")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Continue this run; its options stay, but for --epochs, --device and --json."
        ),
    ] = None,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Train an embedding and record every epoch, epoch 0 being the state before training.

    Stopped at any moment, a run goes on with --resume and ends with the same bytes.
    """
    from embedlens.selection import choose_runs, runs_folder
    from embedlens.training.trainer import resumed_config

    if resume is not None:
        _refuse_beside_resume(context)
        given = context.get_parameter_source("epochs")
        path = choose_runs([str(resume)])[0].path
        config = resumed_config(path, epochs if _typed(given) else None)
        train_one(config, path, device=device, resume=True, as_json=as_json)
        return
    recipe = training_options.Recipe.of(context.params)
    config = recipe.config(loss, recipe.loss_options, dim=dim, lr=lr, seed=seed)
    path = out or runs_folder() / f"{config.data}-{config.recipe_name}"
    train_one(config, path, device=device, resume=False, as_json=as_json)


def _typed(source: Any) -> bool:
    return source is not None and source.name == "COMMANDLINE"


def _refuse_beside_resume(context: typer.Context) -> None:
    """Refuse options that would change a run that is continued."""
    for name in context.params:
        if name not in _WITH_RESUME and _typed(context.get_parameter_source(name)):
            option = f"--{name.replace('_', '-')}"
            message = f"{option} cannot change a run that is resumed; only --epochs and --device may"
            raise InputError(message)


def train_one(config: TrainConfig, path: Path, *, device: str, resume: bool, as_json: bool) -> Run:
    """Train one run while a person watches; print its log, and warn when its space collapses."""
    from embedlens.training.trainer import Trainer
    from embedlens_cli import output
    from embedlens_cli.epoch_metrics import CollapseWatch, epoch_metrics
    from embedlens_cli.progress import TrainingProgress

    trainer = Trainer(config, path, device=device, resume=resume)
    watch = CollapseWatch(trainer.recorder.run, config.dim)
    with TrainingProgress(path.name, quiet=as_json) as progress:
        try:
            run = trainer.run(epoch_metrics, watch.watch(progress.report, output.remark))
        except KeyboardInterrupt:
            output.remark(f"go on with: embedlens train --resume {path}")
            raise
    if as_json:
        summary = {"name": run.name, "path": run.path.as_posix(), "log": run.log}
        output.print_json({"figures": [], "data": [], "summary": summary})
    else:
        count = output.count_text(len(run.epochs()), "epoch")
        output.say(f"run {run.path}: {count} recorded; next: embedlens scatter {run.path}")
    return run
