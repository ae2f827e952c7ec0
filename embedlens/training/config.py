"""Training configuration, as stored in run.json and read back on resuming."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.objectives.losses import build_loss, loss_class
from embedlens.training.choices import OptimisationChoice, check_choices, check_types
from embedlens.training.datasets import load_dataset
from embedlens.training.samplers import SAMPLERS, Sampler, build_sampler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedlens.objectives.base import Loss, Setting
    from embedlens.training.datasets import ImageDataset

_ROWS = 128
_MOST_THREADS = 1 << 16
_IF_SET = (
    "hidden",
    "ignore_label",
    "distractor_label",
    "exclude_duplicates",
    "log_metrics",
    "init",
    "init_sha256",
)
_FIRST = ("data", "loss", "loss_options", "dim", "epochs", "optimizer", "lr", "seed", "threads")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrainConfig(OptimisationChoice):
    """The configuration of a training run; data, network and optimisation as `choices` documents them.

    Attributes
    ----------
    loss, loss_options
        Name and options of the loss.
    mining, mining_options
        Name and options of the mining; None: the default of the loss.
    sampler
        Name of the sampler of batches; None: the default of the loss.
    method, method_options
        Name and options of the training method.
    classes_per_batch, items_per_class
        P and K of a batch; for tuplets N and N + 1. None: four items, or the number that loss and sampler
        prescribe, of as many classes as give 128 rows.
    seed
        Seed of all randomness.
    threads
        Number of threads of torch, on which the bytes of the result depend.
    processes
        Number of processes that train together, on which the bytes of the result depend.
    ignore_label, distractor_label, exclude_duplicates
        Items that the metrics of an epoch leave out (`embedlens.leave_out`); classes are comma-separated.
        Training uses all items.
    log_metrics
        Scores of every epoch that the log has besides the default ones, comma-separated; None: no others.
    """

    loss: str = "epshn"
    loss_options: dict[str, Any] = field(default_factory=dict)
    mining: str | None = None
    mining_options: dict[str, Any] = field(default_factory=dict)
    sampler: str | None = None
    method: str = "plain"
    method_options: dict[str, Any] = field(default_factory=dict)
    classes_per_batch: int | None = None
    items_per_class: int | None = None
    seed: int = 0
    threads: int = 1
    processes: int = 1
    ignore_label: str | None = None
    distractor_label: str | None = None
    exclude_duplicates: bool = False
    log_metrics: str | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        for name, low in {"seed": 0, "threads": 1, "processes": 1}.items():
            if getattr(self, name) < low:
                message = f"{name} is {getattr(self, name)}; {low} is the least"
                raise InputError(message)
        for name in ("threads", "processes"):
            if getattr(self, name) > _MOST_THREADS:
                message = f"{name} is {getattr(self, name):,}; {_MOST_THREADS:,} is the most"
                raise InputError(message)

    @property
    def batches(self) -> str:
        """Name of the sampler; `InputError` if the loss cannot learn from its batches."""
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

    def load_data(self) -> ImageDataset:
        """Load the data set.

        Raises
        ------
        InputError
            What `embedlens.training.datasets.load_dataset` refuses.
        """
        root = None if self.root is None else Path(self.root)
        return load_dataset(self.data, root, split_by=self.split_by, boxes=self.boxes)

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
        default = math.isqrt(_ROWS) - 1 if name == "tuplet" else _ROWS // max(1, items)
        classes = max(2, default) if self.classes_per_batch is None else self.classes_per_batch
        return build_sampler(name, labels, classes=classes, items=items, seed=self.seed)

    @property
    def recipe_name(self) -> str:
        """Loss, and order, mining, sampler and backbone where not the defaults; fit for a file name."""
        made, order = loss_class(self.loss), self.loss_options.get("order", 1)
        parts = [self.loss] if self.method == "plain" else [self.method, self.loss]
        if order != 1:
            parts.append(f"order{order}")
        if self.mining not in (None, made.default_mining):
            parts.append(str(self.mining))
        if self.batches != made.samplers[0]:
            parts.append(self.batches)
        kind, _, network = self.backbone.partition(":")
        if kind != "small":
            parts.append(network if kind == "timm" else kind)
        return "-".join(parts).replace(":", "-").replace("/", "-")

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

    def as_method(self) -> dict[str, Any]:
        """Return the configuration as it is written to run.json.

        Options of metrics, of items to leave out of them, and of the run that the weights are taken from, are
        only written if they are set, as in runs of earlier versions.
        """
        return {name: value for name, value in asdict(self).items() if value or name not in _IF_SET}

    @classmethod
    def from_method(cls, method: dict[str, Any]) -> TrainConfig:
        """Return the configuration in run.json; `InputError` if the run was not trained by this program."""
        names = {entry.name for entry in fields(cls)}
        if not set(_FIRST) <= set(method) <= names:  # runs of earlier versions lack what came later
            message = (
                "its run.json holds no training configuration; only runs made by `embedlens train` resume"
            )
            raise InputError(message)
        check_types(cls, method)
        return cls(**method)
