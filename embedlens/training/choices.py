"""Groups of training options: data, network, optimisation."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_EPOCHS = 10**9 - 1
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
SCHEDULES = ("step", "cosine")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataChoice:
    """Options of the data.

    Attributes
    ----------
    data, root
        Name of the data set, and its folder or file.
    split_by
        "classes" or "items"; None: as published.
    boxes
        Whether images are cropped to the bounding boxes of their objects.
    image_size
        Height and width of images, pixels; None: the default of data and backbone.
    augment
        Whether training images are augmented.
    """

    data: str = "glyphs"
    root: str | None = None
    split_by: str | None = None
    boxes: bool = False
    image_size: int | None = None
    augment: bool = True

    def __repr__(self) -> str:
        """Return the call that makes it: data set, loss, and what differs from the default."""
        default = type(self)()
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        shown = [
            f"{name}={value!r}"
            for name, value in values.items()
            if name in ("data", "loss") or value != getattr(default, name)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NetworkChoice(DataChoice):
    """Options of the network.

    Attributes
    ----------
    backbone
        "small", "timm:NAME" or "features:FILE.npy".
    pretrained
        Whether a timm network starts from its published weights.
    weights
        File with the initial weights of a timm network; None: the published ones.
    init
        Path or address of a run, of any method, whose checkpoint the weights of the backbone are taken from
        at the start, as in fine-tuning; heads, losses and decoders are new. None: no run.
    init_sha256
        SHA-256 of that checkpoint, which the training fills in; a checkpoint with another is refused.
    hidden
        Widths of hidden layers between precomputed features and the embedding, comma-separated; None: none.
    freeze_bn
        Whether statistics and weights of batch norm are frozen.
    dim
        Dimensions of the embedding, the linear layer on top.
    """

    backbone: str = "small"
    pretrained: bool = True
    weights: str | None = None
    init: str | None = None
    init_sha256: str | None = None
    freeze_bn: bool = False
    hidden: str | None = None
    dim: int = 64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OptimisationChoice(NetworkChoice):
    """Options of the optimisation.

    Attributes
    ----------
    epochs
        Epochs to train; epoch 0 is recorded before the first.
    optimizer, lr, weight_decay
        "adam", "adamw", "sgd" (momentum 0.9) or "rmsprop"; learning rate; L2 penalty on the weights (adamw:
        decoupled).
    schedule
        "step": the learning rate is multiplied by `lr_gamma` every `lr_step` epochs, 0: never. "cosine": it
        falls to 0 at the end of the last epoch, step by step (SGDR, Loshchilov & Hutter 2017,
        equation 5, without restarts).
    warmup
        Number of epochs, not necessarily whole, in which the rate rises linearly from 0, step by step.
    clip
        Largest norm of the gradient; longer gradients are scaled down. None: no clipping.
    precision
        "float32"; "bfloat16" or "float16" (only on CUDA, with loss scaling): mixed precision.
    embedding_l2
        Weight of the mean squared norm of a batch's embeddings, added to the loss.
    stop_metric, patience
        Training stops when this column of the log has not improved for this number of epochs; None: never.
    """

    epochs: int = 8
    optimizer: str = "adam"
    lr: float = 0.001
    weight_decay: float = 0.0
    schedule: str = "step"
    lr_step: int = 0
    lr_gamma: float = 0.1
    warmup: float = 0.0
    clip: float | None = None
    precision: str = "float32"
    embedding_l2: float = 0.0
    stop_metric: str | None = None
    patience: int = 5

    def lr_at(self, epoch: int, done: float = 0.0) -> float:
        """Return the learning rate, without warm-up, after a fraction `done` of the steps of an epoch.

        The first epoch of training is 1.
        """
        at = epoch - 1 + done
        if self.schedule == "cosine":
            rest = max(self.epochs - self.warmup, 1e-12)
            factor = 0.5 * (1 + math.cos(math.pi * min(max(at - self.warmup, 0) / rest, 1)))
        else:
            factor = self.lr_gamma ** ((epoch - 1) // self.lr_step) if self.lr_step else 1.0
        return float(self.lr * factor)

    def lr_of_step(self, epoch: int, step: int, *, steps: int) -> float:
        """Return the learning rate of a step, 1 to `steps`, of an epoch, with warm-up."""
        taken = (epoch - 1) * steps + step
        rising = min(1.0, taken / (self.warmup * steps)) if self.warmup else 1.0
        return rising * self.lr_at(epoch, (step - 1) / steps)


def check_types(kind: type, values: Mapping[str, Any]) -> None:
    """Refuse values, read from a file, that do not have the types of a configuration's fields.

    Parameters
    ----------
    kind
        The configuration, a dataclass.
    values
        Name of a field -> value.

    Raises
    ------
    InputError
        A value of another type, or a whole number that does not fit 64 bits; the field is named.
    """
    hints = get_type_hints(kind)
    for name, value in values.items():
        allowed = [get_origin(one) or one for one in get_args(hints[name]) or (hints[name],)]
        if get_origin(hints[name]) is dict:
            allowed = [dict]
        fits = type(value) in allowed or (type(value) is int and float in allowed)
        if not fits or (type(value) is int and not -(1 << 63) <= value < 1 << 63):
            needed = " or ".join(_TYPE_NAMES[one] for one in allowed)
            message = f"{name} is {str(value)[:60]!r}; {needed} is needed"
            raise InputError(message)


_TYPE_NAMES = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object",
    type(None): "null",
}  # fmt: skip


def check_choices(chosen: OptimisationChoice) -> None:
    """Refuse values out of range.

    Raises
    ------
    InputError
        An unknown name, or a number out of range.
    """
    names = (
        ("optimizer", OPTIMIZERS, "optimizer"),
        ("schedule", SCHEDULES, "schedule"),
        ("precision", PRECISIONS, "precision"),
    )
    for name, choices, kind in names:
        if getattr(chosen, name) not in choices:
            raise unknown(getattr(chosen, name), kind, choices)
    least = {
        "dim": 1, "epochs": 0, "lr_step": 0, "weight_decay": 0, "warmup": 0, "embedding_l2": 0, "patience": 1,
        "image_size": 8,
    }  # fmt: skip
    for name, low in least.items():
        value = getattr(chosen, name)
        if value is not None and not low <= value < math.inf:
            message = f"{name} is {value}; {low} is the least"
            raise InputError(message)
    for name, high in {"dim": 1 << 20, "image_size": 1 << 13, "epochs": _MOST_EPOCHS}.items():
        value = getattr(chosen, name)
        if value is not None and value > high:
            message = f"{name} is {value:,}; {high:,} is the most"
            raise InputError(message)
    for name in ("lr", "lr_gamma", "clip"):
        value = getattr(chosen, name)
        if value is not None and not 0 < value < math.inf:
            message = f"{name} is {value}; a number above 0 is needed"
            raise InputError(message)
    if chosen.schedule == "cosine" and chosen.lr_step:
        message = f"lr_step is {chosen.lr_step}, but the schedule is cosine; leave one out"
        raise InputError(message)
