"""Backbone, its inputs, and the registry of backbones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from embedlens.errors import InputError
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.training.choices import NetworkChoice
    from embedlens.training.datasets import ImageDataset
    from embedlens.training.inputs import Inputs


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A network from items to features, with the items as its inputs.

    Attributes
    ----------
    module
        Network from prepared inputs to features [B, width].
    width
        Dimensions of the features.
    inputs
        Split name -> inputs of its items.
    pretrained
        Whether the features are meaningful before training, so that they are recorded.
    given
        Network whose features are recorded before training where it is not `module`; None: `module`, if it is
        pretrained.
    replaced
        Whether weights of another run replaced random ones. Copies draw random weights all the same, so that
        what is drawn after them is the same as without that run.
    messages
        Messages for the user about its construction.
    stages
        Returns the same network with features of several depths; None: it has only one.
    """

    module: nn.Module
    width: int
    inputs: Mapping[str, Inputs]
    pretrained: bool
    given: nn.Module | None = None
    replaced: bool = False
    messages: tuple[str, ...] = ()
    stages: Callable[[], Stages] | None = None


class Stages(nn.Module, ABC):
    """A backbone with features of several depths; its weights are those of the backbone.

    Attributes
    ----------
    widths
        Dimensions of the features by depth; the last is that of the backbone.
    """

    widths: tuple[int, ...]

    @abstractmethod
    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the features [B, width] of every depth, the shallowest first."""


class EmbeddingNetwork(nn.Module):
    """A backbone and a linear layer on top.

    Parameters
    ----------
    features
        From inputs to features [B, width].
    width, dim
        Dimensions of the features and of the embedding.
    """

    def __init__(self, features: nn.Module, *, width: int, dim: int) -> None:
        super().__init__()
        self.features = features
        self.embedding = nn.Linear(width, dim)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [B, dim]."""
        embeddings: torch.Tensor = self.embedding(self.features(inputs))
        return embeddings


Builder = Callable[["NetworkChoice", "ImageDataset", int], Backbone]
BACKBONES: Registry[Builder] = Registry("backbone")
"""Builders by the name before the colon; arguments: choice, data, and number of workers."""

_WITH_ARGUMENT = {"timm": "timm:NAME", "features": "features:FILE.npy"}
_OF_TIMM = {"weights": None, "freeze_bn": False, "pretrained": True}
_OF_FEATURES = {"hidden": None}


def check_backbone(choice: NetworkChoice) -> None:
    """Refuse an unknown backbone, or options that it does not have; nothing is built or read.

    Raises
    ------
    InputError
        An unknown name, a name or file that is missing after the colon, or an option of other backbones.
    """
    kind, colon, argument = choice.backbone.partition(":")
    complete = bool(argument) if kind in _WITH_ARGUMENT else not colon
    if kind not in BACKBONES.names() or not complete:
        names = ", ".join(_WITH_ARGUMENT.get(name, name) for name in ("small", *_WITH_ARGUMENT))
        extra = [name for name in BACKBONES.names() if name not in ("small", *_WITH_ARGUMENT)]
        message = f"unknown backbone {choice.backbone!r}; choose one of: {', '.join([names, *extra])}"
        raise InputError(message)
    if choice.init is not None and kind == "features":
        message = f"--init is for networks; {choice.backbone!r} has no weights to start from"
        raise InputError(message)
    if choice.init is not None and choice.weights is not None:
        message = "--init and --weights both give the initial weights; leave one out"
        raise InputError(message)
    for of, only in (("timm", _OF_TIMM), ("features", _OF_FEATURES)):
        for name, default in only.items() if kind != of else ():
            if getattr(choice, name) != default:
                option = "no-pretrained" if name == "pretrained" else name.replace("_", "-")
                message = f"--{option} is for {of} backbones; {choice.backbone!r} has no use for it"
                raise InputError(message)


def build_backbone(choice: NetworkChoice, data: ImageDataset, *, workers: int = 0) -> Backbone:
    """Return the chosen backbone, with the inputs of every split; `init` is for `start_backbone` to take.

    Parameters
    ----------
    choice
        Its name and options.
    data
        The data set.
    workers
        Number of processes that read images, where all are read at once.

    Raises
    ------
    InputError
        As `check_backbone`; a package, file or weights that are missing; images that are
        missing or cannot be read; features whose number of rows is not that of the items.
    """
    check_backbone(choice)
    return BACKBONES.get(choice.backbone.partition(":")[0])(choice, data, workers)
