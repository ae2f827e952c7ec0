"""Options that the commands which train share, listed once, and the configuration that they make."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.common import completion
from embedlens_cli.common.loss_options import OF_LOSSES, OF_METHODS, option
from embedlens_cli.common.options import run_location, words

if TYPE_CHECKING:
    from embedlens.experiments.recipe import Recipe

Loss = Annotated[
    str | None,
    typer.Option(
        help=f"Loss: {', '.join(completion.LOSSES)}, or pml:CLASS of pytorch-metric-learning.",
        autocompletion=completion.one_of(*completion.LOSSES),
        show_default="epshn; dreml: softmax, hdc: contrastive",
    ),
]

DATA_HELP = f"Data set: {', '.join(completion.DATA[:2])}; with --root: {', '.join(completion.DATA[2:])}."

_OF_RUNS = {
    "data": option(
        str, "glyphs",
        DATA_HELP,
        autocompletion=completion.one_of(*completion.DATA),
    ),
    "root": option(Path | None, None, "Folder (csv: file) of the data set.", metavar="DIR"),
    "split_by": option(
        str | None, None,
        "Split into train and test by classes (none in common) or by items (both have all classes).",
        show_default="as published, else classes",
        autocompletion=completion.one_of("classes", "items"),
    ),
    "boxes": option(bool, False, "Crop images to the bounding boxes of their objects.", flag="--boxes"),
    "image_size": option(
        int | None, None, "Height and width of the images, pixels.", show_default="that of the backbone"
    ),
    "augment": option(
        bool, True, "Augment training images at random.", flag="--augment/--no-augment"
    ),
    "backbone": option(
        str, "small", "Network: small, timm:NAME, or features:FILE.npy (features computed before).",
        autocompletion=completion.one_of("small"),
    ),
    "pretrained": option(
        bool, True, "Start timm networks from pretrained weights.", flag="--pretrained/--no-pretrained"
    ),
    "weights": option(
        Path | None, None, "File of weights for a timm network.", metavar="FILE",
        show_default="those that timm downloads",
    ),
    "init": option(
        Path | None, None, "Run whose backbone the training starts from; the layers above it are new.",
        metavar="RUN", show_default="no run", parser=run_location, autocompletion=completion.runs,
    ),
    "hidden": option(
        str | None, None, "Widths of hidden layers on precomputed features, comma-separated: 512.",
        show_default="none", metavar="N[,N]",
    ),
    "freeze_bn": option(
        bool, False, "Freeze batch normalisation of a timm network.", flag="--freeze-bn"
    ),
    "method": option(
        str, "plain", f"Method of training: {completion.text_of(completion.METHODS)}.",
        autocompletion=completion.one_of(*completion.METHODS),
    ),
    **OF_METHODS,
    "loss_options": option(
        str | None, None, """Any options of the loss, e.g. '{"beta": 1.1, "learn_beta": true}'.""",
        metavar="JSON",
    ),
    "mining": option(
        str | None, None,
        "Triplets that contrastive, triplet and margin learn from: "
        f"{', '.join(completion.MINING)}, or pml:CLASS.",
        show_default="the default of the loss", autocompletion=completion.one_of(*completion.MINING),
    ),
    "mining_options": option(
        str | None, None, """Options of the mining, e.g. '{"cutoff": 0.5}'.""", metavar="JSON"
    ),
    "sampler": option(
        str | None, None, f"Batches: {completion.text_of(completion.SAMPLERS)}.",
        show_default="the default of the loss", autocompletion=completion.one_of(*completion.SAMPLERS),
    ),
    **OF_LOSSES,
    "classes_per_batch": option(
        int | None, None, "Classes in a batch: P of pk, N of tuplet.",
        show_default="as many as give 128 items"
    ),
    "items_per_class": option(
        int | None, None, "Items of each class in a batch: K.", show_default="4; 2 for n-pair and hard-class"
    ),
    "optimizer": option(
        str, "adam", "Optimiser: adam, adamw, sgd (momentum 0.9) or rmsprop.",
        autocompletion=completion.one_of("adam", "adamw", "sgd", "rmsprop"),
    ),
    "weight_decay": option(float, 0.0, "L2 penalty on the weights; of adamw decoupled."),
    "schedule": option(
        str, "step", "Schedule of the learning rate: step (--lr-step) or cosine, down to 0 at the end.",
        autocompletion=completion.one_of("step", "cosine"),
    ),
    "lr_step": option(int, 0, "Epochs between drops of the learning rate; 0: none."),
    "lr_gamma": option(float, 0.1, "Factor of each drop of the learning rate."),
    "warmup": option(float, 0.0, "Epochs in which the learning rate rises linearly to --lr."),
    "clip": option(
        float | None, None, "Maximum norm of the gradient.", show_default="not clipped"
    ),
    "embedding_l2": option(
        float, 0.0, "Weight of the mean squared norm of embeddings.", flag="--embedding-l2"
    ),
    "precision": option(
        str, "float32", "Precision of the network in training: float32, bfloat16, or float16 (CUDA).",
        autocompletion=completion.one_of("float32", "bfloat16", "float16"),
    ),
    "log_metrics": option(
        str | None, None,
        "Scores of evaluate that log.csv has of every split and epoch besides R@1, effective rank and mean "
        "similarity, comma-separated: nc1, neural_collapse, opis, ...",
        show_default="none", autocompletion=completion.scores(*completion.METRIC_GROUPS, "default", "all"),
    ),
    "ignore_label": option(
        str | None, None,
        "Classes, by number or name, that the metrics of an epoch leave out altogether (Market-1501: -1); "
        "training takes all items.",
        metavar="ID[,ID]", show_default="none",
    ),
    "distractor_label": option(
        str | None, None,
        "Classes that are in the gallery alone in the metrics of an epoch (Market-1501: 0).",
        metavar="ID[,ID]", show_default="none",
    ),
    "exclude_duplicates": option(
        bool, False,
        "In the metrics of an epoch, keep the first of equal rows of one label, and leave a query's copies "
        "out of its gallery.",
        flag="--exclude-duplicates",
    ),
    "threads": option(int | None, None, "Threads of torch.", show_default="every core"),
    "readers": option(
        int | None, None, "Processes that read image files; results do not depend on their number.",
        show_default="every core", min=0,
    ),
}  # fmt: skip
"""Options of runs, in the order of --help."""

METHOD_OPTIONS = tuple(OF_METHODS)
"""Names of the options of single methods."""

_NOT_OF_CONFIG = {*OF_LOSSES, *OF_METHODS}
_NOT_OF_CONFIG |= {"loss_options", "mining_options", "root", "weights", "init", "threads", "readers"}
_FILES = ("weights", "init")  # options that name a file or a run; names of figures have its name alone


OF_IMAGES = ("root", "split_by", "boxes")
"""Options of the images of a data set, but for its name and their size."""


def takes_recipe(
    after: str, names: Collection[str] = tuple(_OF_RUNS)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the shared options, placed after one of its own; it reads them by `recipe_of`.

    The command must have a parameter `context`, whose `params` hold all options. An option of the command's
    own takes the place of a shared one. `names` are those that it takes.
    """

    def add(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for name, parameter in own.parameters.items():
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            if name == after:
                parameters += [
                    inspect.Parameter(
                        shared, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
                    )
                    for shared, (annotation, default) in _OF_RUNS.items()
                    if shared in names and shared not in own.parameters
                ]

        @wraps(command)
        def run(**values: Any) -> None:
            command(**{name: values[name] for name in own.parameters})

        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return add


def recipe_of(values: Mapping[str, Any], **more: Any) -> Recipe:
    """Gather the shared options of a command by name, and `more` fields; what was not given is None."""
    from embedlens.experiments.recipe import Recipe
    from embedlens.selection import choose_runs

    losses = {name: values[name] for name in OF_LOSSES}
    options = {name: value for name, value in losses.items() if value is not None}
    json_options = _read(values["loss_options"], "loss-options")
    for name in options.keys() & json_options.keys():
        message = f"--{name.replace('_', '-')} and --loss-options both set {name}; leave one out"
        raise InputError(message)
    shared = {name: values[name] for name in _OF_RUNS if name not in _NOT_OF_CONFIG}
    for name in ("root", "weights"):  # the parser keeps paths as text
        shared[name] = None if values[name] is None else str(Path(values[name]).resolve())
    if values["init"] is not None:
        shared["init"] = str(choose_runs([str(values["init"])], empty=True)[0].path.resolve())
    for name in ("ignore_label", "distractor_label", "log_metrics"):
        shared[name] = ",".join(words(shared[name] or "")) or None
    shared["backbone"] = _absolute(shared["backbone"])
    methods = {name: values[name] for name in OF_METHODS if values[name] is not None}
    shared["method_options"] = methods
    mining = _read(values["mining_options"], "mining-options")
    return Recipe({**shared, **more}, options | json_options, mining, values["threads"])


def file_words(recipe: Recipe) -> list[str]:
    """Return the parts of a file name: each option that is not the default, but for the epochs."""
    defaults = {name: default for name, (_, default) in _OF_RUNS.items() if name in recipe.shared}
    own = {**recipe.shared, "threads": recipe.threads}
    defaults["threads"] = None
    files = {name: Path(own[name]).name for name in ("root", *_FILES) if own.get(name) is not None}
    changed = {
        name: own[name] for name in defaults
        if name not in ("data", "root", *_FILES, "log_metrics") and own[name] != defaults[name]
    }  # fmt: skip
    if "backbone" in changed:
        changed["backbone"] = _without_folder(changed["backbone"])
    weights = {name: file for name, file in files.items() if name in _FILES}
    methods = recipe.shared["method_options"]
    values = {**recipe.loss_options, **recipe.mining_options, **changed, **methods, **weights}
    changes = [f"{name}_{value}".replace(":", "-").replace("/", "-") for name, value in values.items()]
    return [*([files["root"]] if "root" in files else []), *changes]


def _without_folder(backbone: str) -> str:
    """Return the name of a backbone with the run, the file, or the folder of one file per split alone."""
    kind, _, path = backbone.partition(":")
    if kind != "features":
        return backbone
    file = Path(path.removesuffix(".npy"))
    return f"{kind}:{(file.parent if '{split}' in file.name else file).name}"


def _absolute(backbone: str) -> str:
    """Return the name of a backbone with the path of its features, if it has one, made absolute.

    A name that is no path may be that of a run.
    """
    from embedlens.selection import runs_folder

    kind, _, rest = backbone.partition(":")
    if kind != "features" or not rest:
        return backbone
    run = runs_folder() / rest
    return f"{kind}:{(run if run.is_dir() and not Path(rest).exists() else Path(rest)).resolve()}"


def _read(text: str | None, option: str) -> dict[str, Any]:
    """Return the options that stand in a JSON object."""
    if text is None:
        return {}
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        message = (
            f"--{option} {text!r} is not a JSON object; e.g. '{{\"margin\": 0.1}}', quoted for the shell"
        )
        raise InputError(message)
    return parsed
