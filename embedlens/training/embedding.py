"""Embedding of whole splits, or of some of their items, by a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from embedlens.training.loading import blocks, read_batches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedlens.training.distributed import Team
    from embedlens.training.inputs import Inputs

    Arrays = dict[str, NDArray[np.float32]]

_BATCH = 128  # larger batches cost fresh memory, and time, at every layer


class Embedder:
    """Embeds items in full precision; the processes of a team share the work.

    Parameters
    ----------
    inputs
        Split name -> its items.
    team
        The processes.
    workers
        Processes that read images from files, for each of the team.
    """

    def __init__(self, inputs: Mapping[str, Inputs], team: Team, *, workers: int) -> None:
        self._inputs = inputs
        self._team = team
        self._workers = workers

    def splits(self, module: torch.nn.Module) -> Arrays:
        """Return what a module makes of every split, [N, D], to every process."""
        return {
            split: self.rows(module, split, np.arange(len(inputs))) for split, inputs in self._inputs.items()
        }

    def rows(self, module: torch.nn.Module, split: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what a module makes of some items, [n, D], to every process; it is in eval mode then."""
        module.eval()
        own = rows[self._team.rows_of(rows.size)]
        requested = blocks(
            own if own.size else rows[:1], _BATCH
        )  # one row tells the width, where there is none
        with torch.inference_mode():
            batches = read_batches(self._inputs[split], requested, self._team.device, workers=self._workers)
            parts = [module(batch).float().cpu().numpy() for _, batch in batches]
        return self._team.collect(np.concatenate(parts)[: own.size], rows.size)
