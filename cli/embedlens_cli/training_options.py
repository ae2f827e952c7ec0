"""Options that the commands which train share, and the configuration that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from embedlens.training.config import TrainConfig

_BATCH = 128

Data = Annotated[
    str, typer.Option(help="glyphs, digits, fashion-mnist or folder (the last two with --root).")
]
Root = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the data set.")]
Order = Annotated[int | None, typer.Option(help="1 or 2: the order of ephn and epshn.", show_default="1")]
Temperature = Annotated[float | None, typer.Option(help="Of ep, ephn and epshn.", show_default="0.1")]
Margin = Annotated[float | None, typer.Option(help="Of triplet and contrastive.", show_default="0.2 and 1")]
L2 = Annotated[
    float | None, typer.Option("--l2", help="Weight of the norms in n-pair-mc.", show_default="0.002")
]
ClassesPerBatch = Annotated[
    int | None, typer.Option(help="P of a batch.", show_default="as many as give 128 items")
]
ItemsPerClass = Annotated[int | None, typer.Option(help="K of a batch.", show_default="4; 2 for n-pair-mc")]
Optimizer = Annotated[str, typer.Option(help="adam or sgd.")]
WeightDecay = Annotated[float, typer.Option(help="L2 penalty on the weights.")]
LrStep = Annotated[int, typer.Option(help="Epochs between drops of the learning rate; 0: none.")]
LrGamma = Annotated[float, typer.Option(help="Factor of a drop.")]
Augment = Annotated[
    bool, typer.Option("--augment/--no-augment", help="Turn, scale and shift training images a little.")
]
Threads = Annotated[int | None, typer.Option(help="Threads of torch.", show_default="every core")]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What runs that are trained together have in common: all but loss, dims, learning rate and seed.

    Attributes
    ----------
    loss_options
        The options of losses that were given, whichever loss has them.
    classes_per_batch, items_per_class, threads
        None: what suits the loss, and every core.
    """

    data: str
    root: Path | None
    loss_options: Mapping[str, Any]
    epochs: int
    classes_per_batch: int | None
    items_per_class: int | None
    optimizer: str
    weight_decay: float
    lr_step: int
    lr_gamma: float
    augment: bool
    threads: int | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Recipe:
        """Gather the options of a command by name; options of losses that were not given are None."""
        losses = {name: given[name] for name in ("order", "temperature", "margin", "l2")}
        options = {name: value for name, value in losses.items() if value is not None}
        own = {name: given[name] for name in cls.__slots__ if name not in ("loss_options", "root")}
        root = None if given["root"] is None else Path(given["root"])  # the parser keeps paths as text
        return cls(loss_options=options, root=root, **own)

    def config(
        self, loss: str, loss_options: Mapping[str, Any], *, dim: int, lr: float | None, seed: int
    ) -> TrainConfig:
        """Return the configuration of one run; an unknown loss or a value that cannot be is refused."""
        from embedlens.objectives import LOSSES
        from embedlens.training.config import OPTIMIZERS, TrainConfig
        from embedlens.training.trainer import available_threads

        items = self.items_per_class or LOSSES.get(loss).items_per_class or 4
        return TrainConfig(
            data=self.data,
            root=None if self.root is None else str(self.root.resolve()),
            loss=loss,
            loss_options=dict(loss_options),
            dim=dim,
            epochs=self.epochs,
            classes_per_batch=self.classes_per_batch or max(2, _BATCH // max(1, items)),
            items_per_class=items,
            optimizer=self.optimizer,
            lr=lr if lr is not None else OPTIMIZERS.get(self.optimizer, 1.0),
            weight_decay=self.weight_decay,
            lr_step=self.lr_step,
            lr_gamma=self.lr_gamma,
            augment=self.augment,
            seed=seed,
            threads=self.threads if self.threads is not None else available_threads(),
        )

    @property
    def words(self) -> list[str]:
        """What a file name says of the options: each that is not the default, but for the epochs."""
        usual = {
            "classes_per_batch": None, "items_per_class": None, "optimizer": "adam", "weight_decay": 0.0,
            "lr_step": 0, "lr_gamma": 0.1, "augment": True, "threads": None,
        }  # fmt: skip
        changed = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        told = [f"{name}_{value}" for name, value in {**self.loss_options, **changed}.items()]
        return [*([] if self.root is None else [self.root.resolve().name]), *told]
