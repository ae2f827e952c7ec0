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
    """A network from items to features, and the items as it takes them.

    Attributes
    ----------
    module
        From what `inputs` prepare to features [B, width].
    width
        Dimensions of the features.
    inputs
        Split name -> its items.
    pretrained
        Whether the features say something before any training, and are worth recording.
    messages
        Messages for the user about how it was made.
    stages
        Makes the same network with what it finds on the way to the features; None: it has no such thing.
    """

    module: nn.Module
    width: int
    inputs: Mapping[str, Inputs]
    pretrained: bool
    messages: tuple[str, ...] = ()
    stages: Callable[[], Stages] | None = None


class Stages(nn.Module, ABC):
    """A backbone that gives the features of several depths; it shares all weights with the backbone.

    Attributes
    ----------
    widths
        Dimensions of the features by depth, the backbone's own last.
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
"""Builders by the name before the colon; they take the choice, the data and the number of workers."""

_WITH_ARGUMENT = {"timm": "timm:NAME", "features": "features:FILE.npy"}
_OF_TIMM = {"weights": None, "freeze_bn": False, "pretrained": True}


def check_backbone(choice: NetworkChoice) -> None:
    """Refuse a backbone that is not known, or options that it has no use for; nothing is built or read.

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
    if kind != "timm":
        for name, usual in _OF_TIMM.items():
            if getattr(choice, name) != usual:
                option = "no-pretrained" if name == "pretrained" else name.replace("_", "-")
                message = f"--{option} is for timm backbones; {choice.backbone!r} has no use for it"
                raise InputError(message)


def build_backbone(choice: NetworkChoice, data: ImageDataset, *, workers: int = 0) -> Backbone:
    """Make the backbone that was chosen, and the splits as it takes them.

    Parameters
    ----------
    choice
        Its name and options.
    data
        The data set.
    workers
        Processes that read images, where all are read at once.

    Raises
    ------
    InputError
        Whatever `check_backbone` refuses; a package, file or weights that are missing; images that are
        missing or cannot be read; features that do not fit the items.
    """
    check_backbone(choice)
    return BACKBONES.get(choice.backbone.partition(":")[0])(choice, data, workers)
