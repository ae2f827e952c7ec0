"""Threshold consistency: whether one threshold suits all classes (OPIS), and how operating points spread.

Source: Zhang, Xu, Tang, Fang, Wu, Tighe, Xing, "Threshold-consistent margin loss for open-world deep metric
learning", ICLR 2024 (arXiv:2307.04047).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arguments import check_numbers
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.class_pairs import BINS, ClassPairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

CALIBRATION = (0.01, 0.1)
"""False accept rates of all pairs between which OPIS takes thresholds, its calibration range."""
THRESHOLDS = 101
BAND = (5.0, 95.0)
"""Percentiles of the utilities of classes that a figure has a band between."""
_WIDTH = 2 / BINS


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ThresholdConsistency(Result):
    """Utility of thresholds by class, and the operating points of classes.

    A pair is accepted where its distance is below the threshold. Classes of one item have no genuine pair and
    are left out.

    Attributes
    ----------
    classes, sizes
        int64 [T]: labels, ascending, and their numbers of items.
    threshold
        float64 [G]: thresholds of the Euclidean distance of normalised rows in the calibration range,
        ascending; empty where no threshold has a FAR in it.
    utility
        float64 [T, G]: harmonic mean of sensitivity (TAR) and specificity (1 - FAR) of each class.
    fars
        float64 [F]: false accept rates at which classes are compared.
    common
        float64 [F]: threshold at which the pairs of all classes have this FAR; NaN where they are too few.
    far, tar
        float64 [T, F]: false and true accept rate of each class at the common threshold.
    own
        float64 [T, F]: threshold at which the class itself has this FAR; NaN where its impostor pairs are
        fewer than 1 / FAR.
    n_partners, n
        Number of items that each item is compared with, and number of items.
    """

    classes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    threshold: NDArray[np.float64]
    utility: NDArray[np.float64]
    fars: NDArray[np.float64]
    common: NDArray[np.float64]
    far: NDArray[np.float64]
    tar: NDArray[np.float64]
    own: NDArray[np.float64]
    n_partners: int
    n: int

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Mean squared deviation of each class from the mean utility, float64 [T]; NaN without thresholds."""
        if not self.threshold.size:
            return np.full(self.classes.size, np.nan)
        rest = self.utility - self.utility.mean(axis=0)
        return np.asarray(np.mean(rest**2, axis=1), np.float64)

    @property
    def opis(self) -> float:
        """Operating-point-inconsistency score, in [0, 1/4]; 0: every class has the same utility."""
        return float(self.deviation.mean()) if self.classes.size > 1 else float("nan")

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation over classes, float64 [F], of `far`, `tar` or `own` [T, F].

        NaN where fewer than two classes have a value.
        """
        rest = np.where(np.isnan(values).sum(axis=0) > len(values) - 2, 0.0, values)
        lost = np.isnan(values).sum(axis=0) > len(values) - 2
        return np.asarray(np.where(lost, np.nan, np.nanstd(rest, axis=0)), np.float64)

    def utilities(self) -> dict[str, NDArray[np.float64]]:
        """Return mean and band of the utility over classes, one row per threshold."""
        known = self.threshold.size > 0
        low, high = np.percentile(self.utility, BAND, axis=0) if known else (self.threshold, self.threshold)
        mean = self.utility.mean(axis=0) if known else self.threshold
        return {"threshold": self.threshold, "utility": mean, "utility_low": low, "utility_high": high}

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the operating points, one row per class."""
        table: dict[str, NDArray[Any]] = {
            "label": self.classes,
            "n": self.sizes,
            "deviation": self.deviation,
        }
        for place, rate in enumerate(self.fars.tolist()):
            table[f"own_threshold_at_far_{rate:g}"] = self.own[:, place]
            table[f"far_at_far_{rate:g}"] = self.far[:, place]
            table[f"tar_at_far_{rate:g}"] = self.tar[:, place]
        return table

    def summary(self) -> dict[str, float]:
        """Return OPIS, and threshold and spreads at each FAR; NaN where pairs or classes are too few."""
        values: dict[str, float] = {"opis": self.opis, "opis_classes": self.classes.size}
        for name, array in (
            ("threshold", self.common),
            ("threshold_spread", self.spread(self.own)),
            ("far_spread", self.spread(self.far)),
            ("tar_spread", self.spread(self.tar)),
        ):
            values |= {
                f"{name}_at_far_{rate:g}": float(value) for rate, value in zip(self.fars, array, strict=True)
            }
        return values


def threshold_consistency(
    z: ArrayLike, y: ArrayLike, fars: Sequence[float] = CALIBRATION[:1], *, seed: int = 0
) -> ThresholdConsistency:
    """Return the utility of thresholds by class, and the operating points of classes.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    fars
        False accept rates, in (0, 1], at which classes are compared.
    seed
        Seed of the items that each item is compared with; of up to 11,585 items all are.

    Raises
    ------
    InputError
        One class only, no class of two items, a FAR out of range, or embeddings that cannot be normalised.

    Notes
    -----
    OPIS: with U_i(d) the utility of class i at the threshold d of the distance, 2 TAR (1 - FAR) / (TAR + 1 -
    FAR), and U(d) its mean over the T classes, the mean over classes and thresholds of (U_i(d) - U(d))^2.
    Thresholds are 101 of equal distance between those at which the pairs of all classes have FAR 0.01 and
    0.1. Genuine pairs of a class are all pairs within it, impostor pairs those of one of its items and one of
    another class. Of more than 2^27 pairs each item is compared with a draw of items, at least 1,024, and
    of its own class as many at most. Distances are rounded down to 2 / 65,536, thresholds of single classes
    to 16 times that; similarities are in float32, so that distances near 0 have an error up to 5e-4.
    """
    rates = check_numbers(fars, "false accept rates")
    if not ((rates > 0) & (rates <= 1)).all():
        message = (
            f"FAR {rates[(rates <= 0) | (rates > 1)][0]:g}; a false accept rate lies above 0 and is 1 at most"
        )
        raise InputError(message)
    pairs = ClassPairs(z, y, seed=seed)
    if pairs.classes.size == 1:
        message = "all items have one label; impostor pairs need two classes or more"
        raise InputError(message)
    if pairs.sizes.max() == 1:
        message = "no label has two items; genuine pairs need a class of two items or more"
        raise InputError(message)
    below = np.cumsum(pairs.impostor_distances())
    low, high = (_edge(below, rate) for rate in CALIBRATION)
    common = np.array([_edge(below, rate) for rate in rates], np.int64)
    grid = np.rint(np.linspace(low, high, THRESHOLDS)).astype(np.int64) if high > low >= 0 else common[:0]
    return _consistency(pairs, grid, (rates, common))


def _edge(below: NDArray[np.int64], rate: float) -> int:
    """Return the largest threshold, in bins, below which at most this fraction of pairs lie; -1: too few."""
    allowed = int(rate * below[-1] + 1e-9)
    return int(np.sum(below <= allowed)) if allowed else -1


def _consistency(
    pairs: ClassPairs, grid: NDArray[np.int64], points: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> ThresholdConsistency:
    """Return the result for thresholds in bins: those of OPIS, and one for each FAR (rates, thresholds)."""
    rates, common = points
    edges = np.unique(np.r_[grid, np.maximum(common, 0)])
    counts = pairs.counted(edges, rates.tolist())
    paired = (counts.genuine[:, -1] > 0) & (counts.impostor[:, -1] > 0)
    tar, far = (found[paired, :-1] / found[paired, -1:] for found in (counts.genuine, counts.impostor))
    at = np.searchsorted(edges, grid)
    product, total = tar[:, at] * (1 - far[:, at]), tar[:, at] + 1 - far[:, at]
    place, known = np.searchsorted(edges, np.maximum(common, 0)), common >= 0
    own = counts.own[paired]
    return ThresholdConsistency(
        classes=pairs.classes[paired],
        sizes=pairs.sizes[paired],
        threshold=np.asarray(grid * _WIDTH, np.float64),
        utility=np.divide(2 * product, total, out=np.zeros_like(product), where=total > 0),
        fars=rates,
        common=np.where(known, common * _WIDTH, np.nan),
        far=np.where(known, far[:, place], np.nan),
        tar=np.where(known, tar[:, place], np.nan),
        own=np.where(own >= 0, own * _WIDTH, np.nan),
        n_partners=pairs.n_partners,
        n=int(pairs.sizes.sum()),
    )
