"""Construction of losses, their options and their default learning rates."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
from pytorch_metric_learning import losses as package

from embedlens.errors import InputError
from embedlens.objectives import (
    building,
    easy_positive,
    established,
    proxies,
    selective,
    triplet_losses,
    tuplets,
)
from embedlens.objectives.base import LOSSES, Loss, Setting
from embedlens.objectives.miners import build_miner, mining_options
from embedlens.objectives.pml import PmlLoss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

_MODULES = (easy_positive, established, proxies, selective, triplet_losses, tuplets)
"""Where the losses are, which stand in `LOSSES` once their module is imported."""
_APART = ("miner", "setting")  # constructor arguments that are no options


def loss_class(name: str) -> type[Loss]:
    """Return the class of a loss, `PmlLoss` for all names with "pml:"; `InputError` if it is unknown."""
    if name.startswith(building.PREFIX):
        building.package_class(package, name, kind="loss")
        return PmlLoss
    return LOSSES.get(name)


def loss_options(name: str) -> dict[str, Any]:
    """Return the options of a loss with defaults; none for losses of pytorch-metric-learning ("pml:")."""
    return {} if name.startswith(building.PREFIX) else building.options_of(LOSSES.get(name), _APART)


def default_rate(name: str, optimizer: str) -> float:
    """Return the default learning rate of a loss; optimizers without their own use that of adam."""
    rates = loss_class(name).default_lr
    return rates.get(optimizer, rates["adam"])


def build_loss(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    mining: str | None = None,
    mining_options: Mapping[str, Any] | None = None,
    setting: Setting | None = None,
) -> Loss:
    """Return a new loss by its name.

    Parameters
    ----------
    name
        A name in `LOSSES`, or "pml:" and the name of a class in `pytorch_metric_learning.losses`.
    options
        Its constructor's arguments.
    mining, mining_options
        Name and options of the miner of its triplets (`build_miner`); by default the `default_mining` of the
        loss. A miner with a margin takes that of the loss by default.
    setting
        Dimensions D and labels [C] of the training. Without it, a loss that needs it is made for two dims and
        two classes, so that its options can be checked before data are read.

    Raises
    ------
    InputError
        An unknown name or option, or mining for a loss that takes no miner.
    """
    made, given = loss_class(name), dict(options or {})
    takes = inspect.signature(made).parameters
    chosen = mining or made.default_mining
    if not name.startswith(building.PREFIX):
        given = building.checked_options(LOSSES, name, given, apart=_APART)
    if "miner" in takes:
        given["miner"] = _miner(chosen, dict(mining_options or {}), {**loss_options(name), **given})
    elif mining is not None or mining_options:
        message = (
            f"loss {name!r} has no use for mining: {made.no_mining}; leave --mining out, or choose one of "
            f"the losses on mined triplets: {', '.join(minable())}"
        )
        raise InputError(message)
    if "setting" in takes:
        given["setting"] = setting or Setting(2, np.arange(2))
    return made(name=name, **given) if name.startswith(building.PREFIX) else made(**given)


def minable() -> list[str]:
    """Return the names of the losses that take a miner."""
    return [name for name in LOSSES.names() if "miner" in inspect.signature(LOSSES.get(name)).parameters]


def _miner(name: str | None, options: dict[str, Any], loss: Mapping[str, Any]) -> nn.Module | None:
    """Return the miner of a loss, with the margin of the loss by default."""
    if name is None:
        if options:
            message = "--mining-options need --mining"
            raise InputError(message)
        return None
    if "margin" in mining_options(name) and "margin" in loss:
        options.setdefault("margin", loss["margin"])
    return build_miner(name, options)
