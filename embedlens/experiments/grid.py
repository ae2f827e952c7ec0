"""Grids of losses, learning rates, dimensions and seeds, and the configurations of their runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from embedlens import errors
from embedlens.errors import InputError
from embedlens.objectives import LOSSES, build_miner
from embedlens.objectives.building import PREFIX
from embedlens.objectives.losses import loss_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlens.experiments.recipe import Recipe
    from embedlens.training.config import TrainConfig


def all_losses() -> tuple[str, ...]:
    """Return the names of all registered losses."""
    return tuple(LOSSES.names())


@dataclass(frozen=True, slots=True)
class Grid:
    """The values of each axis of a grid, each once.

    Attributes
    ----------
    losses
        Names of losses.
    rates
        Learning rates; None stands for the default of each loss.
    dims, seeds
        Dimensions of the embedding, and seeds.
    every
        Whether the losses are all that are registered: those that do not take the mining and the batches of
        the recipe, or the data, are then left out instead of refused.
    """

    losses: tuple[str, ...]
    rates: tuple[float | None, ...] = (None,)
    dims: tuple[int, ...] = (64,)
    seeds: tuple[int, ...] = (0,)
    every: bool = False

    def configs(self, recipe: Recipe, *, warn: Callable[[str], None] | None = None) -> list[TrainConfig]:
        """Return the configuration of each run, seed by seed.

        Parameters
        ----------
        recipe
            What the runs have in common.
        warn
            Called with the losses that are left out; None: that is an `InputWarning`.

        Raises
        ------
        InputError
            An option that no loss of the grid has, or a value that the configuration refuses.
        """
        self._check_options(recipe)
        losses = self._fitting(recipe, warn or errors.warn) if self.every else self.losses
        return [
            recipe.config(loss, dim=dim, lr=lr, seed=seed)
            for seed, loss, dim, lr in product(self.seeds, losses, self.dims, self.rates)
        ]

    def _check_options(self, recipe: Recipe) -> None:
        """Refuse an option that no loss of the grid has."""
        known = {
            option
            for loss in self.losses
            for option in (recipe.loss_options if loss.startswith(PREFIX) else loss_options(loss))
        }
        for option in recipe.loss_options:
            if option not in known:
                names = ", ".join(self.losses)
                message = f"no loss of the grid ({names}) has an option {option!r}; leave it out"
                raise InputError(message)

    def _fitting(self, recipe: Recipe, warn: Callable[[str], None]) -> list[str]:
        """Return the losses that take the mining and the batches of the recipe; say which do not."""
        mining = recipe.value("mining")
        if mining is not None:
            build_miner(mining, recipe.mining_options)
        fitting, reasons = [], {}
        for loss in self.losses:
            try:
                recipe.config(loss, {}, dim=1).build_loss()
            except InputError as error:
                reasons[loss] = error
            else:
                fitting.append(loss)
        if not fitting:
            raise next(iter(reasons.values()))
        if reasons:
            warn(f"losses without one of the options are left out: {', '.join(reasons)}")
        return fitting
