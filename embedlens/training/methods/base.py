"""Base class of training methods, and their registry."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import nn

from embedlens.errors import InputError
from embedlens.registry import Registry
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.objectives import Loss
    from embedlens.training.backbones import Backbone
    from embedlens.training.config import TrainConfig
    from embedlens.training.samplers import Embed


DEFAULT_DIM = 64
DEFAULT_LOSS = "epshn"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch(Result):
    """One batch.

    Attributes
    ----------
    rows
        int64 [B]: items of the training split.
    learner
        Which part of the network learns from it; None: the whole.
    """

    rows: NDArray[np.int64]
    learner: int | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MethodInputs(Result):
    """What a method is made from.

    Attributes
    ----------
    config
        The configuration; the method's options are in it.
    backbone
        From items to features.
    labels
        int64 [N]: those of the training split.
    """

    config: TrainConfig
    backbone: Backbone
    labels: NDArray[np.int64]


class EmbedAll(Protocol):
    """The training split as a module makes it now."""

    def __call__(self, module: nn.Module, /) -> NDArray[np.float32]:
        """Return what the module makes of every training item, [N, D]."""


class EmbedSplits(Protocol):
    """Every split as a module makes it now."""

    def __call__(self, module: nn.Module, /) -> Mapping[str, NDArray[np.float32]]:
        """Return split -> what the module makes of its items, [N, D]."""


class Method(nn.Module, ABC):
    """A way of training.

    Whatever a run needs to go on (clusters, meta-classes) is a buffer, so that the checkpoint has it.

    Attributes
    ----------
    network
        What a training step runs: from inputs, and the number of a learner where the batch names one, to
        what the loss takes, a row per item.
    objective
        The parameters of the losses.
    steps
        Batches in an epoch.
    looks
        Whether batches depend on the network as it stands, so that none can be drawn ahead.
    slices
        Pairs (start, stop) of dimensions, where the recorded embedding is made of pieces.
    partial
        Whether a step may leave parameters of the network without a gradient.
    messages
        Messages for the user that have not been reported yet; whoever reports them empties the list.
    losses
        Names of the losses that it can train with, the default first; None: any.
    """

    losses: ClassVar[tuple[str, ...] | None] = None
    network: nn.Module
    objective: nn.Module
    steps: int
    looks: bool = False
    slices: Sequence[tuple[int, int]] | None = None
    partial: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    @classmethod
    def default_dim(cls, options: Mapping[str, Any]) -> int:
        """Return the dimensions D of the embedding that suit the options."""
        return DEFAULT_DIM

    @abstractmethod
    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the batches of an epoch; `embed` gives embeddings [n, D] of training items as they stand."""

    @abstractmethod
    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a batch, and the numbers to log, from what the network made of it, [B, ...]."""

    @abstractmethod
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings that are recorded, [B, D]."""

    def embeddings(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [B, D] in what the network made of a batch: `embedding_l2` is on them."""
        return outputs

    def begin(self, epoch: int, embed_all: EmbedAll) -> None:
        """Do what is due before an epoch of training, 1 or later."""
        return

    def extras(
        self, embed_splits: EmbedSplits, labels: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return what is recorded besides, split -> name -> [N, ...]; `labels` are split -> int64 [N]."""
        return {}

    def run_extras(self) -> dict[str, NDArray[Any]]:
        """Return what is recorded once, of the whole run: name -> numbers."""
        return {}

    def accuracy(self, embeddings: torch.Tensor, labels: torch.Tensor) -> float | None:
        """Return the fraction of embeddings [N, D] whose labels [N] a classifier finds; None without one."""
        return None


METHODS: Registry[type[Method]] = Registry("method")
"""Classes by name: they take what is given, and the method's own options by keyword."""


def method_options(name: str) -> dict[str, Any]:
    """Return the options of a method and their defaults."""
    parameters = inspect.signature(METHODS.get(name)).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


def default_loss(name: str) -> str:
    """Return the loss that a method trains with where none is chosen."""
    return (METHODS.get(name).losses or (DEFAULT_LOSS,))[0]


def default_dim(name: str, options: Mapping[str, Any]) -> int:
    """Return the dimensions of the embedding that a method makes where none are chosen."""
    check_method(name, options)
    return METHODS.get(name).default_dim({**method_options(name), **options})


def check_method(name: str, options: Mapping[str, Any], loss: str | None = None) -> None:
    """Refuse an unknown method, options that it does not have, and a loss that it cannot train with."""
    known = method_options(name)
    for option in options:
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            message = f"method {name!r} has no option {option!r}; {has}"
            raise InputError(message)
    losses = METHODS.get(name).losses
    if losses is not None and loss not in (None, *losses):
        message = f"method {name!r} trains with the loss {' or '.join(losses)}, not {loss}; leave it out"
        raise InputError(message)


def build_method(given: MethodInputs) -> Method:
    """Make the method that a configuration names.

    Raises
    ------
    InputError
        Whatever the method, its losses and its batches refuse.
    """
    config = given.config
    check_method(config.method, config.method_options, config.loss)
    made: Callable[..., Method] = METHODS.get(config.method)
    return made(given, **config.method_options)


def make_loss(given: MethodInputs, dim: int) -> Loss:
    """Make the loss of a configuration for a number of dims and the classes of the training split."""
    import numpy as np

    from embedlens.objectives import Setting

    return given.config.build_loss(Setting(dim, np.unique(given.labels)))
