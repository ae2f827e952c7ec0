"""Budgets of training runs: optimiser steps, trained parameters, seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.errors import InputError
from embedlens.store.log import epoch_of
from embedlens.training.backbones import Backbone, build_backbone
from embedlens.training.methods import MethodInputs, build_method, method_options
from embedlens.training.methods.divide_conquer import learners_of_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedlens.store import Run
    from embedlens.training.config import TrainConfig

_DIVIDED = "divide-conquer"


@dataclass(frozen=True, slots=True)
class Budget:
    """What the training of a run took.

    Attributes
    ----------
    steps
        Number of optimiser steps; NaN where the log has none.
    seconds
        Seconds of training, without the recording of epochs; NaN where the log has none.
    learners
        Of a divided embedding the number of steps of each learner, less those of all.
    together
        Number of steps of the whole embedding, where learners have steps of their own.
    """

    steps: float
    seconds: float
    learners: tuple[int, ...] = ()
    together: int = 0


def budget_of(run: Run, config: TrainConfig) -> Budget:
    """Return what the training of a run took, up to the last epoch of a configuration.

    Parameters
    ----------
    run
        The run.
    config
        What it is trained with.
    """
    rows = {epoch_of(row): row for row in run.log}
    values = [[_number(rows.get(e, {}).get(name)) for e in range(config.epochs + 1)] for name in _LOGGED]
    steps, seconds = values[0][-1], sum(values[1][1:])
    if config.method != _DIVIDED or math.isnan(steps):
        return Budget(steps, seconds)
    options = {**method_options(_DIVIDED), **config.method_options}
    taken = np.zeros(options["clusters"], np.int64)
    divided = range(1, max(0, config.epochs - options["finish"]) + 1)
    of_epoch = round(steps / config.epochs)
    for epoch in divided:
        learners = np.unique(run.extra("train", "cluster", epoch)).tolist()
        taken += np.bincount(learners_of_steps(learners, epoch, steps=of_epoch), minlength=taken.size)
    return Budget(steps, seconds, tuple(taken.tolist()), round(steps) - int(taken.sum()))


_LOGGED = ("step", "seconds")


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def parameters_of(configs: Sequence[TrainConfig]) -> list[int | None]:
    """Return the number of trained parameters of each run: network and losses, as its method builds them.

    Parameters
    ----------
    configs
        Configurations of one data set and backbone. None is returned of all where data or features are not
        there any more, as of a comparison that was trained elsewhere.
    """
    try:
        return _parameters(configs)
    except InputError:
        return [None] * len(configs)


def _parameters(configs: Sequence[TrainConfig]) -> list[int | None]:
    """Build the method of each run once, on a backbone with random weights."""
    data = configs[0].load_data()
    labels = data.splits["train"].labels
    counted: dict[str, int] = {}
    backbone: Backbone | None = None
    for config in configs:
        alike = _alike(config)
        if alike in counted:
            continue
        pretrained = config.pretrained and not config.backbone.startswith("timm:")
        fresh = replace(config, init=None, pretrained=pretrained, weights=None)
        with torch.random.fork_rng():
            backbone = backbone or build_backbone(fresh, data)
            counted[alike] = _trained(build_method(MethodInputs(fresh, backbone, labels)))
    return [counted[_alike(config)] for config in configs]


def _alike(config: TrainConfig) -> str:
    """Return what the number of parameters depends on."""
    return repr((config.method, config.method_options, config.loss, config.loss_options, config.dim))


def _trained(module: torch.nn.Module) -> int:
    return sum(one.numel() for one in module.parameters() if one.requires_grad)


def mean_budget(budgets: Iterable[Budget]) -> dict[str, Any]:
    """Return the means of runs that differ in their seed: steps, seconds, steps of learners.

    The learners of a run have no order: of each seed the fewest and the most steps count.
    """
    every = list(budgets)
    found: dict[str, Any] = {
        "steps": _mean(one.steps for one in every), "seconds": _mean(one.seconds for one in every)
    }  # fmt: skip
    divided = [one for one in every if one.learners]
    if divided:
        found["steps_of_a_learner"] = [
            min(min(one.learners) for one in divided), max(max(one.learners) for one in divided)
        ]  # fmt: skip
        found["steps_together"] = _mean(one.together for one in divided)
    return found


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
