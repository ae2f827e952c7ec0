"""Open-set identification: detection and identification rate (DIR) against false accept rate (FAR).

Source: as for rank-1 (module `rank_1`). There each class of the gallery has one probe; here all of its other
items are probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.verification.negatives import DRAWS, standard_error
from embedlens.analysis.verification.rank_1 import check_draws, identify, one_of_each
from embedlens.arguments import check_numbers
from embedlens.arrays import check_pair
from embedlens.errors import InputError
from embedlens.pairs import class_numbers
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


FARS = (0.01,)


KNOWN_FRACTION = 0.5
_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpenSet(Result):
    """Open-set identification: detection and identification rate (DIR) against false accept rate (FAR).

    Attributes
    ----------
    far
        float64 [k], ascending, in (0, 1]: from the smallest that the number of impostor probes of every draw
        allows.
    dir_of_draws
        float64 [draws, k], in [0, 1]: fraction of genuine probes at rank 1 above the threshold of each FAR.
    n_gallery
        Number of gallery items, one for each known class.
    n_genuine, n_impostor
        int64 [draws]: number of probes of known and of unknown classes.
    """

    far: NDArray[np.float64]
    dir_of_draws: NDArray[np.float64]
    n_gallery: int
    n_genuine: NDArray[np.int64]
    n_impostor: NDArray[np.int64]

    @property
    def dir(self) -> NDArray[np.float64]:
        """Mean over draws, float64 [k]."""
        return np.asarray(self.dir_of_draws.mean(axis=0))

    @property
    def dir_se(self) -> NDArray[np.float64]:
        """Standard error of the mean over draws, float64 [k]."""
        return np.array([standard_error(column) for column in self.dir_of_draws.T])

    def dir_at(self, far: float) -> tuple[float, float]:
        """Return DIR at a FAR, mean and standard error; NaN where impostor probes are too few."""
        at = int(np.searchsorted(self.far, far * (1 + 1e-12), side="right")) - 1
        if at < 0:
            return float("nan"), float("nan")
        column = self.dir_of_draws[:, at]
        return float(column.mean()), standard_error(column)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column."""
        return {"far": self.far, "dir": self.dir, "dir_se": self.dir_se}


def open_set(
    z: ArrayLike,
    y: ArrayLike,
    fars: Sequence[float] = FARS,
    *,
    known_fraction: float = KNOWN_FRACTION,
    draws: int = DRAWS,
    seed: int = 0,
    device: str = "cpu",
) -> OpenSet:
    """Return DIR against FAR; a fraction of the classes is known, items of the others are impostors.

    In each draw known classes are drawn among those of two items or more; one item of each is the gallery,
    and their other items are the genuine probes. The threshold is the lowest that at most a fraction FAR of
    the impostor probes exceed, by their similarity to the nearest gallery item. A genuine probe counts if the
    gallery item of its class is more similar than all others and exceeds the threshold.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    fars
        False accept rates, in (0, 1], that the curve must contain; those below 1 / (number of impostor
        probes) are left out.
    known_fraction
        Fraction of all classes that are known, in (0, 1); at least one class is known and one is not.
    draws
        Number of draws of known classes and galleries.
    seed
        Seed of the draws.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, a FAR or fraction out of range, or embeddings that cannot be
        normalised.
    """
    array, labels = check_pair(z, y)
    numbers = class_numbers(labels)
    counts = check_draws(numbers, draws, seed)
    rates = check_numbers(fars, "false accept rates").tolist()
    _check_rates(rates, known_fraction)
    eligible = np.flatnonzero(counts > 1)
    n_known = min(max(1, round(known_fraction * counts.size)), eligible.size, counts.size - 1)
    genuine, impostors = [], []
    for draw in range(draws):
        random = np.random.default_rng([seed, 3, draw])
        known = np.isin(numbers, random.choice(eligible, n_known, replace=False))
        gallery = np.intersect1d(one_of_each(numbers, random), np.flatnonzero(known))
        probes = np.setdiff1d(np.arange(numbers.size), gallery)
        right, best, _ = identify(
            array, numbers, probes, gallery=(array[gallery], numbers[gallery]), device=device
        )
        # A genuine probe that is not identified is never counted, however low the threshold.
        genuine.append(np.sort(np.where(right, best, -np.inf)[known[probes]]))
        impostors.append(np.sort(best[~known[probes]])[::-1])
    n_impostor = np.array([part.size for part in impostors])
    curve = np.geomspace(1 / n_impostor.min(), 1.0, _CURVE_POINTS)
    curve[[0, -1]] = 1 / n_impostor.min(), 1.0
    far = np.unique(np.concatenate([curve, [far for far in rates if far >= curve[0] * (1 - 1e-12)]]))
    return OpenSet(
        far,
        np.stack([_dir(one, other, far) for one, other in zip(genuine, impostors, strict=True)]),
        n_gallery=n_known,
        n_genuine=np.array([part.size for part in genuine]),
        n_impostor=n_impostor,
    )


def _check_rates(fars: Sequence[float], known_fraction: float) -> None:
    """Refuse a FAR or fraction out of range."""
    for far in fars:
        if not 0 < far <= 1:
            message = f"FAR {far:g}; a false accept rate lies above 0 and is 1 at most"
            raise InputError(message)
    if not 0 < known_fraction < 1:
        message = f"a fraction of {known_fraction:g} known classes; a number between 0 and 1 is needed"
        raise InputError(message)


def _dir(
    genuine: NDArray[np.float64], impostor: NDArray[np.float64], far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return DIR at each FAR: `genuine` ascends, with -inf where rank 1 is wrong; `impostor` descends."""
    allowed = (far * impostor.size + 1e-9).astype(np.int64)
    threshold = np.append(impostor, -np.inf)[allowed]
    rate: NDArray[np.float64] = 1.0 - np.searchsorted(genuine, threshold, side="right") / genuine.size
    return rate
