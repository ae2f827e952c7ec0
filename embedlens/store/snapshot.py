"""A snapshot: the embeddings and labels of one split at one epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.label_sets import LabelSets, single_labels
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.label_sets import Labels


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Snapshot(Result):
    """The embeddings of one split at one epoch.

    Attributes
    ----------
    run, split
        Names of the run and of the split.
    epoch
        0 is the state before training.
    embeddings
        float32 or float16 [N, D], memory-mapped, as recorded (not normalised).
    targets
        int64 [N], or `LabelSets` where items have sets of labels.
    """

    run: str
    split: str
    epoch: int
    embeddings: NDArray[np.floating[Any]]
    targets: Labels

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 [N]; `InputError` where items have sets of labels."""
        return single_labels(self.targets, self.place)

    def _facts(self) -> dict[str, int]:
        """Return the number of classes, for the representation; embeddings are not read."""
        labels = self.targets.indices if isinstance(self.targets, LabelSets) else self.targets
        return {"classes": int(np.unique(labels).size)} if getattr(labels, "ndim", None) == 1 else {}

    @property
    def place(self) -> str:
        """Run, split and epoch, for messages."""
        return f"run {self.run!r}, split {self.split!r}, epoch {self.epoch}"
