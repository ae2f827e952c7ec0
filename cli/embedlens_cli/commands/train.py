"""The command `train`: one run of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import completion, options, training_options

if TYPE_CHECKING:
    from embedlens.store import Run
    from embedlens.training.config import TrainConfig

_WITH_RESUME = {"resume", "epochs", "stop_metric", "patience", "device", "readers", "as_json"}


@training_options.takes_recipe(after="lr")
def train(
    context: typer.Context,
    loss: training_options.Loss = None,
    dim: Annotated[
        int | None,
        typer.Option(
            help="Dimensions of the embedding.", show_default="64; hdc: 66, dreml: learners x meta-classes"
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Epochs to train in all; --resume may raise them.")] = 8,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate.", show_default="the default of the loss; timm: a tenth"),
    ] = None,
    stop_metric: Annotated[
        str | None,
        typer.Option(
            help="Stop when this column of log.csv (test_recall_at_1) is no better for --patience epochs; "
            "none: train all epochs.",
            show_default="none",
        ),
    ] = None,
    patience: Annotated[int, typer.Option(help="Epochs without a better --stop-metric.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            parser=options.run_location,
            help="Directory or address of the run.",
            show_default="runs/DATA-LOSS",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            parser=options.run_location,
            autocompletion=completion.runs,
            help="Resume this run; its options stay, except for --epochs, --stop-metric, --patience, "
            "--device, --readers and --json.",
        ),
    ] = None,
    device: options.Device = "cpu",
    readers: Annotated[
        int | None,
        typer.Option(
            "--readers",
            "--workers",
            help="Processes that read image files; results do not depend on their number.",
            show_default="every core",
            min=0,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Train an embedding and record every epoch, epoch 0 being the state before training.

    An interrupted run is resumed by --resume and ends with the same bytes.
    """
    from embedlens.selection import choose_runs, runs_folder
    from embedlens.training.checkpoint import resumed_config

    stop_metric = None if stop_metric == "none" else stop_metric
    unbegun = None if resume is None else _unbegun(resume)
    if resume is not None and unbegun is None:
        _refuse_beside_resume(context)
        given = context.get_parameter_source("epochs")
        path = choose_runs([str(resume)], empty=True)[0].path
        config = resumed_config(path, epochs if _typed(given) else None)
        if _typed(context.get_parameter_source("stop_metric")):
            config = replace(config, stop_metric=stop_metric)
        if _typed(context.get_parameter_source("patience")):
            config = replace(config, patience=patience)
        train_one(config, path, device=device, readers=readers, resume=True, as_json=as_json)
        return
    recipe = training_options.recipe_of(
        context.params, epochs=epochs, stop_metric=stop_metric, patience=patience
    )
    chosen = recipe.default_loss if loss is None else loss
    dims = recipe.default_dim if dim is None else dim
    config = recipe.config(chosen, recipe.loss_options, dim=dims, lr=lr, seed=seed)
    path = unbegun or out or runs_folder() / f"{config.data}-{config.recipe_name}"
    train_one(config, path, device=device, readers=readers, resume=False, as_json=as_json)


def _unbegun(resume: Path) -> Path | None:
    """Return the path of a run that was stopped before its options were recorded; None where it is none."""
    from embedlens.files import is_remote
    from embedlens.selection import runs_folder
    from embedlens.store.ownership import building_folder, is_unbegun
    from embedlens_cli.common import console

    for path in (resume,) if is_remote(resume) else (resume, runs_folder() / resume):
        if is_unbegun(path) or (not path.exists() and building_folder(path).is_dir()):
            console.print_message(
                f"{path} was stopped before its options were recorded; it begins again with those of this "
                "command"
            )
            return path
        if path.exists():
            break
    return None


def _typed(source: Any) -> bool:
    return source is not None and source.name == "COMMANDLINE"


def _refuse_beside_resume(context: typer.Context) -> None:
    """Refuse options that would change a run that is continued."""
    for name in context.params:
        if name not in _WITH_RESUME and _typed(context.get_parameter_source(name)):
            option = f"--{name.replace('_', '-')}"
            message = (
                f"{option} cannot change a run that is resumed; only --epochs, --stop-metric, --patience, "
                "--device and --readers may"
            )
            raise InputError(message)


def train_one(
    config: TrainConfig, path: Path, *, device: str, readers: int | None, resume: bool, as_json: bool
) -> Run:
    """Train one run; print its log, and warn when its space collapses.

    Started by torchrun, the processes train it together, and the first one speaks.
    """
    from embedlens.experiments import Trainer
    from embedlens.experiments.epoch_metrics import check_left_out, check_stop_metric, logged_metrics
    from embedlens.processes import available_processors
    from embedlens.store.lock import release_when_terminated
    from embedlens.training.distributed import Team
    from embedlens_cli.common import console
    from embedlens_cli.common.training_progress import TrainingProgress

    if not resume:
        check_stop_metric(config.stop_metric, logged_metrics(config))
        check_left_out(config)
    release_when_terminated()
    with Team.of_torchrun(device) as team:
        processes = available_processors() if readers is None else readers
        if not resume:
            config = replace(config, processes=team.size)
        trainer = Trainer(config, path, device=device, resume=resume, workers=processes, team=team)
        if not team.leads:
            return trainer.run()
        with TrainingProgress(path.name, quiet=as_json) as progress:
            try:
                run = trainer.run(report=progress.report, warn=console.print_message)
            except KeyboardInterrupt:
                console.print_message(f"resume with: embedlens train --resume {path}")
                raise
    if trainer.stopped:
        console.print_message(f"{trainer.stopped}; resume with --resume {path} --stop-metric none")
    if as_json:
        summary = {"name": run.name, "path": run.path.as_posix(), "log": run.log, "stopped": trainer.stopped}
        console.print_json({"figures": [], "data": [], "summary": summary})
    else:
        count = console.count_text(len(run.epochs()), "epoch")
        console.print_line(f"run {run.path}: {count} recorded; next: embedlens scatter {run.path}")
    return run
