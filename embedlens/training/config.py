"""Everything that makes a run what it is; it stands in run.json, and resuming reads it back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens.objectives.losses import Loss, Setting, build_loss, loss_class
from embedlens.training.samplers import SAMPLERS, Sampler, build_sampler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPTIMIZERS = ("adam", "sgd")
_ROWS = 128


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The configuration of a training run.

    Attributes
    ----------
    data, root
        Name of the data set, and its folder where it is read from one.
    loss, loss_options
        Name of the loss, and the options set for it.
    mining, mining_options
        Name of the mining that the loss learns from, and the options set for it; None: the loss's usual one.
    sampler
        Name of the kind of batches; None: the loss's usual one.
    dim
        Dimensions of the embedding.
    epochs
        Epochs to train; epoch 0 is recorded before the first.
    classes_per_batch, items_per_class
        P and K of a batch; of tuplets N and N + 1. None: four items, or as many as loss and sampler
        prescribe, of as many classes as make 128.
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
    mining: str | None = None
    mining_options: dict[str, Any] = field(default_factory=dict)
    sampler: str | None = None
    dim: int = 64
    epochs: int = 8
    classes_per_batch: int | None = None
    items_per_class: int | None = None
    optimizer: str = "adam"
    lr: float = 0.001
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

    @property
    def batches(self) -> str:
        """Name of the sampler; one that the loss cannot learn from raises `InputError`."""
        fitting = loss_class(self.loss).samplers
        if self.sampler is None:
            return fitting[0]
        SAMPLERS.get(self.sampler)
        if self.sampler not in fitting:
            message = (
                f"loss {self.loss!r} cannot learn from batches of the sampler {self.sampler!r}; "
                f"choose one of: {', '.join(fitting)}"
            )
            raise InputError(message)
        return self.sampler

    def build_sampler(self, labels: NDArray[np.int64]) -> Sampler:
        """Make the sampler over the labels [N] of the training embeddings [N, D].

        Raises
        ------
        InputError
            What `embedlens.training.samplers.build_sampler` refuses.
        """
        name = self.batches
        items = self.items_per_class or SAMPLERS.get(name).items_per_class
        items = items or loss_class(self.loss).items_per_class or 4
        usual = math.isqrt(_ROWS) - 1 if name == "tuplet" else _ROWS // max(1, items)
        classes = max(2, usual) if self.classes_per_batch is None else self.classes_per_batch
        return build_sampler(name, labels, classes=classes, items=items, seed=self.seed)

    @property
    def recipe_name(self) -> str:
        """The loss, and what of order, mining and sampler is not usual; fit for a file name."""
        made, order = loss_class(self.loss), self.loss_options.get("order", 1)
        parts = [self.loss]
        if order != 1:
            parts.append(f"order{order}")
        if self.mining not in (None, made.usual_mining):
            parts.append(str(self.mining))
        if self.batches != made.samplers[0]:
            parts.append(self.batches)
        return "-".join(parts).replace(":", "-")

    def build_loss(self, setting: Setting | None = None) -> Loss:
        """Make the loss with its mining, for the dims [D] and classes [C] of the setting.

        Raises
        ------
        InputError
            What `embedlens.objectives.build_loss` refuses. Without a setting, options are checked, too.
        """
        return build_loss(
            self.loss,
            self.loss_options,
            mining=self.mining,
            mining_options=self.mining_options,
            setting=setting,
        )

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
        later = {"mining", "mining_options", "sampler"}  # runs of earlier versions lack them
        if not names - later <= set(method) <= names:
            message = (
                "its run.json holds no training configuration; only runs made by `embedlens train` resume"
            )
            raise InputError(message)
        return cls(**method)
