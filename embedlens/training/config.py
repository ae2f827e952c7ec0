"""Everything that makes a run what it is; it stands in run.json, and resuming reads it back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from embedlens.errors import InputError, unknown

OPTIMIZERS = {"adam": 0.001, "sgd": 0.05}
"""Name -> the learning rate that is taken where none is given."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The configuration of a training run.

    Attributes
    ----------
    data, root
        Name of the data set, and its folder where it is read from one.
    loss, loss_options
        Name of the loss, and the options set for it.
    dim
        Dimensions of the embedding.
    epochs
        Epochs to train; epoch 0 is recorded before the first.
    classes_per_batch, items_per_class
        P and K of a batch.
    optimizer, lr, weight_decay
        "adam" or "sgd" (momentum 0.9); learning rate; L2 penalty on the weights.
    lr_step, lr_gamma
        Every `lr_step` epochs the learning rate is multiplied by `lr_gamma`; 0: never.
    augment
        Whether training images are turned, scaled and shifted a little.
    seed
        Seed of all randomness.
    threads
        Threads of torch; other numbers give other bytes.
    """

    data: str = "glyphs"
    root: str | None = None
    loss: str = "epshn"
    loss_options: dict[str, Any] = field(default_factory=dict)
    dim: int = 64
    epochs: int = 8
    classes_per_batch: int = 32
    items_per_class: int = 4
    optimizer: str = "adam"
    lr: float = OPTIMIZERS["adam"]
    weight_decay: float = 0.0
    lr_step: int = 0
    lr_gamma: float = 0.1
    augment: bool = True
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown(self.optimizer, "optimizer", OPTIMIZERS)
        least = {"dim": 1, "epochs": 0, "lr_step": 0, "seed": 0, "threads": 1, "weight_decay": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                message = f"{name} is {getattr(self, name)}; {low} is the least"
                raise InputError(message)
        for name in ("lr", "lr_gamma"):
            if not 0 < getattr(self, name) < float("inf"):
                message = f"{name} is {getattr(self, name)}; a number above 0 is needed"
                raise InputError(message)

    def lr_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch; the first epoch of training is 1."""
        drops = (epoch - 1) // self.lr_step if self.lr_step else 0
        return float(self.lr * self.lr_gamma**drops)

    def as_method(self) -> dict[str, Any]:
        """Return the configuration as it stands in run.json."""
        return asdict(self)

    @classmethod
    def from_method(cls, method: dict[str, Any]) -> TrainConfig:
        """Read a configuration back; a run that no trainer made raises `InputError`."""
        names = {entry.name for entry in fields(cls)}
        if set(method) != names:
            message = (
                "its run.json holds no training configuration; only runs made by `embedlens train` resume"
            )
            raise InputError(message)
        return cls(**method)
