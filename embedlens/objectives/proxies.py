"""Losses that learn a vector for each class: softmax classifier and Proxy-NCA."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from embedlens.errors import InputError
from embedlens.objectives.base import LOSSES, Loss

if TYPE_CHECKING:
    from embedlens.objectives.base import Setting


class _ByClass(Loss):
    """Base of the losses with a vector for each class: labels become class numbers of the training split."""

    no_mining: ClassVar[str] = "it compares items with what it learns of each class"

    classes: torch.Tensor

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        if setting.classes.size < 2:
            message = f"the training split has {setting.classes.size} class; two are the least"
            raise InputError(message)
        self.register_buffer("classes", torch.from_numpy(setting.classes.copy()), persistent=False)

    def numbers(self, labels: torch.Tensor) -> torch.Tensor:
        """Return the number of each label among the classes, [B]; `InputError` if it is none of them."""
        found = torch.searchsorted(self.classes, labels).clamp(max=self.classes.numel() - 1)
        if (self.classes[found] != labels).any():
            message = "the batch holds labels that the training split does not have"
            raise InputError(message)
        return found


@LOSSES.register("softmax")
class Softmax(_ByClass):
    """Softmax classifier: cross-entropy of a linear layer on the embedding.

    Parameters
    ----------
    setting
        Dimensions and classes of the training.
    """

    def __init__(self, *, setting: Setting) -> None:
        super().__init__(setting)
        self.classifier = nn.Linear(setting.dim, setting.classes.size)

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean cross-entropy, and the fraction that is classified right."""
        numbers, logits = self.numbers(labels), self.classifier(z)
        loss = functional.cross_entropy(logits, numbers)
        right = (logits.argmax(dim=1) == numbers).double().mean().item()
        return loss, {"loss": loss.item(), "batch_accuracy": right}

    def classify(self, z: torch.Tensor) -> torch.Tensor:
        """Return the label [N] of the largest logit of embeddings z [N, D]."""
        return self.classes[self.classifier(z).argmax(dim=1)]


@LOSSES.register("proxy-nca")
class ProxyNCA(_ByClass):
    """Proxy-NCA -log(e^-d(x, p_y) / sum over the other classes of e^-d(x, p_c)), d the squared distance.

    Movshovitz-Attias et al., "No fuss distance metric learning using proxies", ICCV 2017. As in the
    paper, the denominator leaves out the own class, so the loss may be negative.

    Parameters
    ----------
    scale
        Length to which embeddings and proxies are scaled; distances grow with its square.
    setting
        Dimensions and classes of the training.
    """

    def __init__(self, *, scale: float = 3.0, setting: Setting) -> None:
        super().__init__(setting)
        if not scale > 0:
            message = f"scale is {scale}; a number above 0 is needed"
            raise InputError(message)
        self.scale = scale
        self.proxies = nn.Parameter(torch.randn(setting.classes.size, setting.dim) / math.sqrt(setting.dim))

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over the items of the batch."""
        own = self.numbers(labels)[:, None]
        cosine = functional.normalize(z, dim=1) @ functional.normalize(self.proxies, dim=1).T
        closeness = -(self.scale**2) * (2 - 2 * cosine)
        others = closeness.scatter(1, own, -torch.inf).logsumexp(dim=1)
        loss = (others - closeness.gather(1, own)[:, 0]).mean()
        return loss, {"loss": loss.item()}
