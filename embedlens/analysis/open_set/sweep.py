"""MAP@5 with an unknown class as a step function of the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.retrieval.label_ranking import SIXTIETHS
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NewSweep(Result):
    """MAP@5 as a step function of the threshold below which `new` is inserted.

    Attributes
    ----------
    threshold
        float64 [k], ascending: value i holds above threshold i - 1, up to and including threshold i.
    known_sixtieths, new_sixtieths
        int64 [k]: sums of precisions over known and over new queries, in sixtieths.
    n_known, n_new
        Number of queries whose right label is a known one, and of those whose right label is `new`.
    low, high
        Range of thresholds.
    """

    threshold: NDArray[np.float64]
    known_sixtieths: NDArray[np.int64]
    new_sixtieths: NDArray[np.int64]
    n_known: int
    n_new: int
    low: float
    high: float

    @property
    def map_at_5(self) -> NDArray[np.float64]:
        """MAP@5 of all queries, float64 [k]."""
        return (self.known_sixtieths + self.new_sixtieths) / (SIXTIETHS * (self.n_known + self.n_new))

    @property
    def map_at_5_known(self) -> NDArray[np.float64]:
        """MAP@5 of the known queries, float64 [k]; NaN without any."""
        return self.known_sixtieths / (SIXTIETHS * self.n_known or np.nan)

    @property
    def map_at_5_new(self) -> NDArray[np.float64]:
        """MAP@5 of the new queries, float64 [k]; NaN without any."""
        return self.new_sixtieths / (SIXTIETHS * self.n_new or np.nan)

    def at(self, threshold: float) -> int:
        """Return the number of the step that contains a threshold."""
        return min(int(np.searchsorted(self.threshold, threshold)), self.threshold.size - 1)

    def best(self) -> float:
        """Return the threshold with the largest MAP@5: the midpoint of its step.

        Of several such steps the middle one is taken, the lower of two.
        """
        begins = np.concatenate([[self.low], self.threshold[:-1]])
        ends = np.minimum(self.threshold, self.high)
        values = np.where((begins < ends) | (self.threshold == self.threshold[0]), self.map_at_5, -1.0)
        steps = np.flatnonzero(values == values.max())
        step = steps[(steps.size - 1) // 2]
        middle = (begins[step] + ends[step]) / 2
        return float(middle if begins[step] < middle <= ends[step] else ends[step])

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the sweep shows, by column."""
        return {
            "threshold": self.threshold,
            "map_at_5": self.map_at_5,
            "map_at_5_known": self.map_at_5_known,
            "map_at_5_new": self.map_at_5_new,
        }
