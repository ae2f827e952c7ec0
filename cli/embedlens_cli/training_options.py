"""Options that the commands which train share, and the configuration that they make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError

if TYPE_CHECKING:
    from embedlens.training.config import TrainConfig

_OF_LOSSES = ("order", "temperature", "margin", "beta", "learn_beta", "tau", "l2", "normalize")

Data = Annotated[
    str, typer.Option(help="glyphs, digits, fashion-mnist or folder (the last two with --root).")
]
Root = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the data set.")]
Loss = Annotated[
    str,
    typer.Option(
        help="contrastive, triplet, margin, lifted, angular, proxy-nca, softmax, n-pair-mc, n-pair-ovo, "
        "tuplet, ep, ephn, epshn, sct, hn, shn, nn, or pml:CLASS of pytorch-metric-learning."
    ),
]
Mining = Annotated[
    str | None,
    typer.Option(
        help="Triplets that contrastive, triplet and margin learn from: all, random, hard, semi-hard, "
        "semi-hard-range, distance-weighted, easy-positive, or pml:CLASS.",
        show_default="the usual one of the loss",
    ),
]
Sampler = Annotated[
    str | None,
    typer.Option(help="Batches: pk, n-pair, tuplet or hard-class.", show_default="the usual one of the loss"),
]
LossOptions = Annotated[
    str | None,
    typer.Option(
        metavar="JSON", help="""Any options of the loss, e.g. '{"beta": 1.1, "learn_beta": true}'."""
    ),
]
MiningOptions = Annotated[
    str | None, typer.Option(metavar="JSON", help="""Options of the mining, e.g. '{"cutoff": 0.5}'.""")
]
Order = Annotated[int | None, typer.Option(help="1 or 2: the order of ephn and epshn.", show_default="1")]
Temperature = Annotated[
    float | None, typer.Option(help="Of ep, ephn, epshn, sct, hn, shn and nn.", show_default="0.1")
]
Margin = Annotated[
    float | None,
    typer.Option(help="Of triplet, margin, contrastive and lifted.", show_default="0.2; 1 for the last two"),
]
Beta = Annotated[float | None, typer.Option(help="Of margin: where pairs part.", show_default="1.2")]
LearnBeta = Annotated[
    bool | None, typer.Option("--learn-beta", help="Of margin: learn beta.", show_default="fixed")
]
Tau = Annotated[float | None, typer.Option(help="Of nn: the least similarity.", show_default="0.5")]
L2 = Annotated[
    float | None,
    typer.Option("--l2", help="Weight of the norms in n-pair-mc, n-pair-ovo, tuplet.", show_default="0.002"),
]
Normalize = Annotated[
    bool | None,
    typer.Option(
        "--normalize",
        help="Of lifted, n-pair-mc, n-pair-ovo, tuplet: scale embeddings to length 1.",
        show_default="as they are",
    ),
]
ClassesPerBatch = Annotated[
    int | None, typer.Option(help="P of a batch; N of tuplet.", show_default="as many as give 128 items")
]
ItemsPerClass = Annotated[
    int | None, typer.Option(help="K of a batch.", show_default="4; 2 for n-pair and hard-class")
]
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
    mining, mining_options, sampler
        None, none, None: what is usual for the loss.
    classes_per_batch, items_per_class, threads
        None: what suits the loss, and every core.
    """

    data: str
    root: Path | None
    loss_options: Mapping[str, Any]
    mining: str | None
    mining_options: Mapping[str, Any]
    sampler: str | None
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
        losses = {name: given[name] for name in _OF_LOSSES}
        options = {name: value for name, value in losses.items() if value is not None}
        told = _read(given["loss_options"], "loss-options")
        for name in options.keys() & told.keys():
            message = f"--{name.replace('_', '-')} and --loss-options both set {name}; leave one out"
            raise InputError(message)
        options |= told
        own = {
            name: given[name]
            for name in cls.__slots__
            if name not in ("loss_options", "mining_options", "root")
        }
        root = None if given["root"] is None else Path(given["root"])  # the parser keeps paths as text
        mining = _read(given["mining_options"], "mining-options")
        return cls(loss_options=options, mining_options=mining, root=root, **own)

    def config(
        self, loss: str, loss_options: Mapping[str, Any], *, dim: int, lr: float | None, seed: int
    ) -> TrainConfig:
        """Return the configuration of one run; an unknown loss or a value that cannot be is refused."""
        from embedlens.objectives.losses import loss_class, usual_rate
        from embedlens.training.config import TrainConfig
        from embedlens.training.trainer import available_threads

        sampler = self.sampler or loss_class(loss).samplers[0]
        config = TrainConfig(
            data=self.data,
            root=None if self.root is None else str(self.root.resolve()),
            loss=loss,
            loss_options=dict(loss_options),
            mining=self.mining,
            mining_options=dict(self.mining_options),
            sampler=sampler,
            dim=dim,
            epochs=self.epochs,
            classes_per_batch=self.classes_per_batch,
            items_per_class=self.items_per_class,
            optimizer=self.optimizer,
            lr=lr if lr is not None else usual_rate(loss, self.optimizer),
            weight_decay=self.weight_decay,
            lr_step=self.lr_step,
            lr_gamma=self.lr_gamma,
            augment=self.augment,
            seed=seed,
            threads=self.threads if self.threads is not None else available_threads(),
        )
        _ = config.batches  # refuses a sampler that the loss cannot learn from
        return config

    @property
    def words(self) -> list[str]:
        """What a file name says of the options: each that is not the default, but for the epochs."""
        usual = {
            "mining": None, "sampler": None,
            "classes_per_batch": None, "items_per_class": None, "optimizer": "adam", "weight_decay": 0.0,
            "lr_step": 0, "lr_gamma": 0.1, "augment": True, "threads": None,
        }  # fmt: skip
        changed = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        given = {**self.loss_options, **self.mining_options, **changed}
        told = [f"{name}_{value}".replace(":", "-") for name, value in given.items()]
        return [*([] if self.root is None else [self.root.resolve().name]), *told]


def _read(text: str | None, option: str) -> dict[str, Any]:
    """Return the options that stand in a JSON object."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        message = f"--{option} {text!r} is no JSON object; e.g. '{{\"margin\": 0.1}}', quoted for the shell"
        raise InputError(message)
    return found
