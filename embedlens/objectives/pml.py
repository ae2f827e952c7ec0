"""Losses of pytorch-metric-learning by the name of their class, as the package defines them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from pytorch_metric_learning import losses as package

from embedlens.errors import InputError, first_sentence
from embedlens.objectives import building
from embedlens.objectives.base import Loss, Setting

if TYPE_CHECKING:
    from embedlens.objectives.miners import Miner


class PmlLoss(Loss):
    """A loss of pytorch-metric-learning, which gets the labels as class numbers from 0.

    Parameters
    ----------
    name
        "pml:" and the name of the class.
    miner
        Selects the triplets; None: the loss uses the batch as the package does by default.
    setting
        Values of `num_classes` and `embedding_size`, where the constructor requires them.
    **options
        Other arguments of the constructor.
    """

    classes: torch.Tensor

    def __init__(self, *, name: str, miner: Miner | None, setting: Setting, **options: Any) -> None:
        super().__init__()
        made = building.package_class(package, name, kind="loss")
        known = inspect.signature(made).parameters
        shown = {"num_classes": setting.classes.size, "embedding_size": setting.dim}
        needed = {
            option: value
            for option, value in shown.items()
            if option in known and known[option].default is inspect.Parameter.empty
        }
        self.loss = building.package_instance(made, {**needed, **options})
        self.miner = miner
        self.name = name
        self.register_buffer("classes", torch.from_numpy(setting.classes), persistent=False)

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the package's loss of the batch."""
        numbers = torch.searchsorted(self.classes, labels)
        given: dict[str, Any] = {}
        if self.miner is not None:
            given["indices_tuple"] = self.miner(z, labels).indices
        try:
            loss = self.loss(z, numbers, **given)
        except Exception as error:  # any class of the package, with any options
            message = f"loss {self.name!r} cannot use this batch: {first_sentence(error)}"
            raise InputError(message) from error
        return loss, {"loss": loss.item()}
