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

_BATCH = 128  # 1,024 allocates memory at every layer: two epochs of glyphs took 48 s instead of 27


class Embedder:
    """Embeds items in full precision, distributed over the processes of a team.

    Parameters
    ----------
    inputs
        Split name -> inputs of its items.
    team
        The processes.
    workers
        Number of processes that read images from files, for each process of the team.
    """

    def __init__(self, inputs: Mapping[str, Inputs], team: Team, *, workers: int) -> None:
        self._inputs = inputs
        self._team = team
        self._workers = workers

    def splits(self, module: torch.nn.Module) -> Arrays:
        """Return the outputs [N, D] of a module for every split, in every process."""
        return {
            split: self.rows(module, split, np.arange(len(inputs))) for split, inputs in self._inputs.items()
        }

    def rows(self, module: torch.nn.Module, split: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the outputs [n, D] of a module in eval mode for some items, in every process."""
        module.eval()
        own = rows[self._team.rows_of(rows.size)]
        requested = blocks(
            own if own.size else rows[:1], _BATCH
        )  # without rows of its own, a process embeds one to know the width
        with torch.inference_mode():
            batches = read_batches(self._inputs[split], requested, self._team.device, workers=self._workers)
            parts = [module(batch).float().cpu().numpy() for _, batch in batches]
        return self._team.collect(np.concatenate(parts)[: own.size], rows.size)
