"""The command `embed`: a run of checkpoints that exist already."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.import_ import epochs_and_items, facts_of
from embedlens_cli.common import completion, console, options, panels, training_options

if TYPE_CHECKING:
    from embedlens.experiments.checkpoints import ImageChoice

_OF_DATA = ("split_by", "boxes", "image_size", "root", "crop", "mean", "std", "batch_size", "readers")
_NUMBERS = "one number per channel, separated by commas, e.g. 0.485,0.456,0.406"


@training_options.takes_recipe(after="data", names=(*training_options.OF_IMAGES, "threads", "readers"))
def embed(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Function of a checkpoint's path that returns the torch module with its weights; "
            "net:load is load in net.py of the current folder.",
            rich_help_panel=panels.READ,
        ),
    ],
    checkpoints: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="Paths of the checkpoints, with {epoch} or {step} where the number stands, or * where it is "
            "the only one. Quote it.",
            rich_help_panel=panels.READ,
        ),
    ],
    epoch_offset: Annotated[
        int | None,
        typer.Option(
            help="Added to the epochs of the names: 1 where they count from 0 after the first epoch, as "
            "Lightning's epoch=0.ckpt.",
            min=0,
            show_default="0",
            rich_help_panel=panels.READ,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help=training_options.DATA_HELP,
            show_default="none",
            autocompletion=completion.one_of(*completion.DATA),
        ),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Height and width of the images that the model takes, pixels; needed for image files.",
            show_default="that of images in memory",
        ),
    ] = None,
    crop: Annotated[
        float,
        typer.Option(
            help="Fraction of the shorter side of image files that a centre crop keeps.",
            rich_help_panel="Data",
        ),
    ] = 1.0,
    mean: Annotated[
        str,
        typer.Option(
            metavar="M[,M,M]",
            help="Mean of each channel, of values in [0, 1], that images are standardised by.",
            show_default="none",
            rich_help_panel="Data",
        ),
    ] = "",
    std: Annotated[
        str,
        typer.Option(
            metavar="S[,S,S]",
            help="Standard deviation of each channel.",
            show_default="none",
            rich_help_panel="Data",
        ),
    ] = "",
    loader: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Instead of --data: function that returns a loader of (inputs, labels), or a dict of split: "
            "loader.",
            show_default="none",
            rich_help_panel="Data",
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="Splits to embed, comma-separated.",
            show_default="every split",
            autocompletion=completion.some_of("train", "test", "query", "gallery"),
            rich_help_panel="Data",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            parser=options.run_location,
            help="Directory or address of the run.",
            show_default="runs/DATA-MODULE; of a loader runs/MODULE",
            rich_help_panel=panels.OUTPUT,
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(help="Images in a batch of --data.", min=1, rich_help_panel=panels.COMPUTATION),
    ] = 128,
    dtype: Annotated[
        str,
        typer.Option(
            help="How snapshots are stored: float32 or float16.",
            autocompletion=completion.one_of("float32", "float16"),
            rich_help_panel=panels.OUTPUT,
        ),
    ] = "float32",
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Embed checkpoints again whose epochs are recorded.",
            rich_help_panel=panels.OUTPUT,
        ),
    ] = False,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Embed a data set by each checkpoint of a training: one epoch per checkpoint.

    The same command resumes a run that was stopped, and adds checkpoints that are new.
    """
    from embedlens.experiments.checkpoints import embed_checkpoints
    from embedlens.processes import available_processors
    from embedlens.selection import runs_folder
    from embedlens.store.lock import release_when_terminated
    from embedlens_cli.common.checkpoint_progress import CheckpointProgress

    release_when_terminated()
    readers = context.params["readers"]
    choice = _images(context, data, loader)
    with (
        contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout),  # what the user's code prints
        CheckpointProgress(quiet=as_json) as progress,
    ):
        run = embed_checkpoints(
            model,
            checkpoints,
            out or runs_folder() / "-".join([*([data] if data else []), model.partition(":")[0]]),
            data=choice,
            loader=loader,
            splits=options.words(split),
            device=device,
            batch_size=batch_size,
            threads=context.params["threads"],
            workers=available_processors() if readers is None else readers,
            dtype=dtype,
            overwrite=overwrite,
            epoch_offset=epoch_offset,
            report=progress.report,
            warn=console.print_message,
        )
    if as_json:
        console.print_summary({**facts_of(run), "embedded": progress.embedded})
        return
    console.print_line(f"run {run.path}: {epochs_and_items(run)}, {run.info.dim} dims")
    console.print_line(
        f"next: embedlens scatter {run.path}" + (" --animate" if len(run.epochs()) > 1 else "")
    )


def _images(context: typer.Context, data: str | None, loader: str | None) -> ImageChoice | None:
    """Return the images of --data; None where --loader gives them."""
    from embedlens.experiments.checkpoints import ImageChoice

    values = context.params
    if loader is not None:
        for name in ("data", *_OF_DATA):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                message = (
                    f"--{name.replace('_', '-')} is for the data sets of embedlens; the loader of --loader "
                    "prepares its own images"
                )
                raise InputError(message)
        return None
    if data is None:
        return None
    root = None if values["root"] is None else str(Path(values["root"]).resolve())
    return ImageChoice(
        data=data,
        root=root,
        split_by=values["split_by"],
        boxes=values["boxes"],
        image_size=values["image_size"],
        crop=values["crop"],
        mean=_channels(values["mean"], "mean"),
        std=_channels(values["std"], "std"),
    )


def _channels(text: str, option: str) -> tuple[float, ...]:
    return options.real_numbers(text, option, allowed=_NUMBERS) if text else ()
