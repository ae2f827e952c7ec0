"""What a loss is, and the register of all of them by the name that a person types."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from embedlens.errors import InputError
from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class Loss(nn.Module, ABC):
    """A loss over one batch, with its mining.

    A subclass is registered in `LOSSES` under its name; its keyword-only constructor arguments are the
    options that a person may set.
    """

    items_per_class: ClassVar[int | None] = None
    """Items of each class that a batch must hold, where the loss prescribes a number."""

    @abstractmethod
    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss to descend, and the numbers to log.

        Parameters
        ----------
        z
            Embeddings of the batch as the network gives them, [B, D].
        labels
            Integer labels [B].

        Returns
        -------
        loss, logs
            A scalar with a gradient, also where the batch holds nothing to learn from (0 then); and
            numbers by name, ``loss`` among them: the mean over all mined terms.
        """


LOSSES: Registry[type[Loss]] = Registry("loss")


def loss_options(name: str) -> dict[str, Any]:
    """Return the options of a loss and their defaults."""
    parameters = inspect.signature(LOSSES.get(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def build_loss(name: str, options: Mapping[str, Any] | None = None) -> Loss:
    """Make the loss called `name`; an unknown name or option raises `InputError` with the choices."""
    known = loss_options(name)
    for option in options or {}:
        if option not in known:
            takes = ", ".join(sorted(known)) or "none"
            message = f"loss {name!r} has no option {option!r}; its options: {takes}"
            raise InputError(message)
    return LOSSES.get(name)(**dict(options or {}))
