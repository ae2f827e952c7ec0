"""Commands that train: one run, and the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.store import Run
    from embedlens.training.config import TrainConfig

_BATCH = 128
_WITH_RESUME = {"resume", "epochs", "device", "as_json"}


def train(
    context: typer.Context,
    data: Annotated[
        str, typer.Option(help="glyphs, digits, fashion-mnist or folder (the last two with --root).")
    ] = "glyphs",
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the data set.")] = None,
    loss: Annotated[str, typer.Option(help="contrastive, ephn, epshn, n-pair-mc or triplet.")] = "epshn",
    order: Annotated[
        int | None, typer.Option(help="1 or 2: the order of ephn and epshn.", show_default="1")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Of ephn and epshn.", show_default="0.1")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Of triplet and contrastive.", show_default="0.2 and 1")
    ] = None,
    l2: Annotated[
        float | None, typer.Option("--l2", help="Weight of the norms in n-pair-mc.", show_default="0.002")
    ] = None,
    dim: Annotated[int, typer.Option(help="Dimensions of the embedding.")] = 64,
    epochs: Annotated[int, typer.Option(help="Epochs to train; with --resume also more than before.")] = 8,
    classes_per_batch: Annotated[
        int | None, typer.Option(help="P of a batch.", show_default="as many as give 128 items")
    ] = None,
    items_per_class: Annotated[
        int | None, typer.Option(help="K of a batch.", show_default="4; 2 for n-pair-mc")
    ] = None,
    optimizer: Annotated[str, typer.Option(help="adam or sgd.")] = "adam",
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="0.001 for adam, 0.05 for sgd")
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="L2 penalty on the weights.")] = 0.0,
    lr_step: Annotated[int, typer.Option(help="Epochs between drops of the learning rate; 0: none.")] = 0,
    lr_gamma: Annotated[float, typer.Option(help="Factor of a drop.")] = 0.1,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Turn, scale and shift training images a little.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Threads of torch.", show_default="every core")] = None,
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
    from embedlens.objectives import LOSSES
    from embedlens.selection import choose_runs, runs_folder
    from embedlens.training.config import OPTIMIZERS, TrainConfig
    from embedlens.training.trainer import available_threads, resumed_config

    if resume is not None:
        _refuse_beside_resume(context)
        given = context.get_parameter_source("epochs")
        path = choose_runs([str(resume)])[0].path
        config = resumed_config(path, epochs if _typed(given) else None)
        _train(config, path, device=device, resume=True, as_json=as_json)
        return
    options_given = {"order": order, "temperature": temperature, "margin": margin, "l2": l2}
    kind = LOSSES.get(loss)
    items = items_per_class or kind.items_per_class or 4
    config = TrainConfig(
        data=data,
        root=None if root is None else str(root.resolve()),
        loss=loss,
        loss_options={name: value for name, value in options_given.items() if value is not None},
        dim=dim,
        epochs=epochs,
        classes_per_batch=classes_per_batch or max(2, _BATCH // max(1, items)),
        items_per_class=items,
        optimizer=optimizer,
        lr=lr if lr is not None else OPTIMIZERS.get(optimizer, 1.0),
        weight_decay=weight_decay,
        lr_step=lr_step,
        lr_gamma=lr_gamma,
        augment=augment,
        seed=seed,
        threads=threads if threads is not None else available_threads(),
    )
    path = out or runs_folder() / _default_name(config)
    _train(config, path, device=device, resume=False, as_json=as_json)


def _typed(source: Any) -> bool:
    return source is not None and source.name == "COMMANDLINE"


def _refuse_beside_resume(context: typer.Context) -> None:
    """Refuse options that would change a run that is continued."""
    for name in context.params:
        if name not in _WITH_RESUME and _typed(context.get_parameter_source(name)):
            option = f"--{name.replace('_', '-')}"
            message = f"{option} cannot change a run that is resumed; only --epochs and --device may"
            raise InputError(message)


def _default_name(config: TrainConfig) -> str:
    order = config.loss_options.get("order", 1)
    return f"{config.data}-{config.loss}" + (f"-order{order}" if order != 1 else "")


def _recalls(
    embeddings: Mapping[str, NDArray[np.float32]], labels: Mapping[str, NDArray[np.int64]]
) -> dict[str, float]:
    """Return R@1 of every split; the metrics that the trainer is handed."""
    from embedlens.analysis.triplets import nearest_triplets, summarise

    return {
        f"{split}_recall_at_1": summarise(nearest_triplets(z, labels[split])).below_diagonal
        for split, z in embeddings.items()
    }


def _train(config: TrainConfig, path: Path, *, device: str, resume: bool, as_json: bool) -> Run:
    """Train one run while a person watches; print its log."""
    from embedlens.training.trainer import Trainer
    from embedlens_cli import output
    from embedlens_cli.progress import TrainingProgress

    trainer = Trainer(config, path, device=device, resume=resume)
    with TrainingProgress(path.name, quiet=as_json) as progress:
        try:
            run = trainer.run(_recalls, progress.report)
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


def demo(
    epochs: Annotated[int, typer.Option(help="Epochs of each run.", min=1)] = 6,
    device: options.Device = "cpu",
) -> None:
    """Train EPSHN of first and second order on glyphs, and watch the triplets move to (1, 0).

    Runs go to ./runs/demo-order1 and ./runs/demo-order2, figures to ./figures. A second demo goes on where
    the first one stood.
    """
    from embedlens.selection import runs_folder
    from embedlens.training.config import TrainConfig
    from embedlens.training.trainer import available_threads, resumed_config
    from embedlens_cli import output
    from embedlens_cli.triplets import scatter

    paths = []
    for order in (1, 2):
        path = runs_folder() / f"demo-order{order}"
        config = TrainConfig(
            loss="epshn", loss_options={"order": order}, epochs=epochs, threads=available_threads()
        )
        resume = path.exists()
        if resume:
            recorded = resumed_config(path, None)
            config = resumed_config(path, max(epochs, recorded.epochs))
        output.say(f"EPSHN, order {order}: {config.epochs} epochs of glyphs to {path}")
        _train(config, path, device=device, resume=resume, as_json=False)
        paths.append(str(path))
    scatter(paths, animate=True, out=Path("figures"), device=device)
    output.say("look at the files ending in .gif and .mp4 first, then at strip and epoch; then try:")
    output.say(f"  embedlens info {paths[0]}")
    output.say(f"  embedlens scatter {paths[0]} --epoch 1 --format svg")
    output.say(f"  embedlens train --loss triplet && embedlens scatter glyphs-triplet {paths[0]} --animate")
