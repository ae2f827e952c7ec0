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
        Number of the learner that is trained on it; None: the whole network.
    """

    rows: NDArray[np.int64]
    learner: int | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MethodInputs(Result):
    """Arguments of the construction of a method.

    Attributes
    ----------
    config
        The configuration, which includes the options of the method.
    backbone
        Backbone from items to features.
    labels
        int64 [N]: labels of the training split.
    """

    config: TrainConfig
    backbone: Backbone
    labels: NDArray[np.int64]


class EmbedAll(Protocol):
    """Embedding of the training split by a module."""

    def __call__(self, module: nn.Module, /) -> NDArray[np.float32]:
        """Return the outputs of the module for all training items, [N, D]."""


class EmbedSplits(Protocol):
    """Embedding of every split by a module."""

    def __call__(self, module: nn.Module, /) -> Mapping[str, NDArray[np.float32]]:
        """Return split -> outputs of the module for its items, [N, D]."""


class Method(nn.Module, ABC):
    """Base class of training methods.

    State that a resumed run needs (clusters, meta-classes) is a buffer, so that the checkpoint contains it.

    Attributes
    ----------
    network
        Network of a training step: from inputs, and the number of a learner if the batch has one, to the
        outputs that the loss takes, one row per item.
    objective
        Module with the parameters of the losses.
    steps
        Number of batches in an epoch.
    looks
        Whether batches depend on the current network, so that none can be drawn in advance.
    slices
        Pairs (start, stop) of dimensions, if the recorded embedding consists of slices.
    partial
        Whether a step may leave parameters of the network without a gradient.
    messages
        Messages for the user that have not been reported yet; the training loop reports and removes them.
    losses
        Names of the losses of the method, the default first; None: any loss.
    trunk
        Where the backbone stands among the modules of the method, from which another run can take it.
    """

    losses: ClassVar[tuple[str, ...] | None] = None
    trunk: ClassVar[str] = "network.features"
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
        """Return the default number of dimensions D of the embedding for some options."""
        return DEFAULT_DIM

    @abstractmethod
    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the batches of an epoch; `embed` returns current embeddings [n, D] of training items."""

    @abstractmethod
    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a batch, and numbers to log, from the outputs of the network, [B, ...]."""

    @abstractmethod
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings that are recorded, [B, D]."""

    def embeddings(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [B, D], which `embedding_l2` penalises, from the outputs of the network."""
        return outputs

    def begin(self, epoch: int, embed_all: EmbedAll) -> None:
        """Prepare an epoch of training, 1 or later."""
        return

    def extras(
        self, embed_splits: EmbedSplits, labels: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return extra arrays of an epoch, split -> name -> [N, ...]; `labels` are split -> int64 [N]."""
        return {}

    def run_extras(self) -> dict[str, NDArray[Any]]:
        """Return extra arrays of the whole run, name -> array."""
        return {}

    def accuracy(self, embeddings: torch.Tensor, labels: torch.Tensor) -> float | None:
        """Return the accuracy of the classifier on embeddings [N, D] with labels [N]; None without one."""
        return None


METHODS: Registry[type[Method]] = Registry("method")
"""Methods by name: classes that take `MethodInputs`, and their options by keyword."""


def method_options(name: str) -> dict[str, Any]:
    """Return the options of a method with defaults."""
    parameters = inspect.signature(METHODS.get(name)).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


def default_loss(name: str) -> str:
    """Return the default loss of a method."""
    return (METHODS.get(name).losses or (DEFAULT_LOSS,))[0]


def default_dim(name: str, options: Mapping[str, Any]) -> int:
    """Return the default number of dimensions of the embedding of a method."""
    check_method(name, options)
    return METHODS.get(name).default_dim({**method_options(name), **options})


def check_method(name: str, options: Mapping[str, Any], loss: str | None = None) -> None:
    """Refuse an unknown method, unknown options, and a loss that is not one of the method."""
    known = method_options(name)
    for option in options:
        if option not in known:
            owners = [other for other in METHODS.names() if option in method_options(other)]
            has = f"it has {', '.join(known)}" if known else "it has none"
            has += f"; it is an option of {', '.join(owners)}" if owners else ""
            message = f"method {name!r} has no option {option!r}; {has}"
            raise InputError(message)
    losses = METHODS.get(name).losses
    if losses is not None and loss not in (None, *losses):
        message = f"method {name!r} trains with the loss {' or '.join(losses)}, not {loss}; leave it out"
        raise InputError(message)


def build_method(given: MethodInputs) -> Method:
    """Return the method of a configuration.

    Raises
    ------
    InputError
        Wrong options of the method, its loss or its batches.
    """
    config = given.config
    check_method(config.method, config.method_options, config.loss)
    made: Callable[..., Method] = METHODS.get(config.method)
    return made(given, **config.method_options)


def make_loss(given: MethodInputs, dim: int) -> Loss:
    """Return the loss of a configuration, for a number of dims and the classes of the training split."""
    import numpy as np

    from embedlens.objectives import Setting

    return given.config.build_loss(Setting(dim, np.unique(given.labels)))
