"""Identification: closed-set rank-1 and open-set DIR at FAR over galleries of one item per class.

Source: Best-Rowden, Han, Otto, Klare, Jain, "Unconstrained face recognition: identifying a person of interest
from a media collection", IEEE Transactions on Information Forensics and Security, 2014 (its protocol on LFW),
which Sohn (NeurIPS 2016) follows. There each class of the open set's gallery has one probe; here all of its
other items are probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.verification.pairs import DRAWS, standard_error
from embedlens.arguments import check_numbers
from embedlens.arrays import check_pair
from embedlens.errors import InputError
from embedlens.pairs import class_numbers
from embedlens.results import Result
from embedlens.similarity import Gallery, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike

FARS = (0.01,)
KNOWN_FRACTION = 0.5
_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClosedSet(Result):
    """Closed-set identification: fraction of probes whose most similar gallery item is of their class.

    Attributes
    ----------
    rank_1_of_draws
        float64 [draws], in [0, 1].
    n_probes, n_gallery
        Number of probes and of gallery items.
    n_without_mate
        Number of probes left out because the gallery has no item of their class; 0 for drawn galleries.
    """

    rank_1_of_draws: NDArray[np.float64]
    n_probes: int
    n_gallery: int
    n_without_mate: int = 0

    @property
    def rank_1(self) -> float:
        """Mean over draws."""
        return float(self.rank_1_of_draws.mean())

    @property
    def rank_1_se(self) -> float:
        """Standard error of the mean over draws; NaN of a single one."""
        return standard_error(self.rank_1_of_draws)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return rank-1, one row per draw."""
        return {"rank_1": self.rank_1_of_draws}

    def summary(self) -> dict[str, int | float]:
        """Return mean and standard error of rank-1 over draws, and the numbers of items."""
        names = ("rank_1", "rank_1_se", "n_probes", "n_gallery", "n_without_mate")
        return {name: getattr(self, name) for name in names}


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


def closed_set(
    z: ArrayLike, y: ArrayLike, *, draws: int = DRAWS, seed: int = 0, device: str = "cpu"
) -> ClosedSet:
    """Return rank-1 over galleries of one item of each class, drawn by seed; the other items are probes.

    A probe counts if the gallery item of its class is more similar than all others; ties count against it.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    draws
        Number of galleries drawn.
    seed
        Seed of the draws.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, or embeddings that cannot be normalised.
    """
    array, labels = check_pair(z, y)
    numbers = class_numbers(labels)
    counts = _check(numbers, draws, seed)
    rank_1 = np.empty(draws)
    for draw in range(draws):
        gallery = _one_of_each(numbers, np.random.default_rng([seed, 2, draw]))
        probes = np.setdiff1d(np.arange(numbers.size), gallery)
        right, _, _ = _identify(
            array, numbers, probes, gallery=(array[gallery], numbers[gallery]), device=device
        )
        rank_1[draw] = right.mean()
    return ClosedSet(rank_1, numbers.size - counts.size, counts.size)


def closed_set_between(
    query: tuple[ArrayLike, ArrayLike], gallery: GalleryLike, *, device: str = "cpu"
) -> ClosedSet:
    """Return rank-1 of the items of one set over all items of another.

    Parameters
    ----------
    query, gallery
        Embeddings [N, D] and integer labels [N] of each set; the gallery may be a
        `embedlens.similarity.Gallery`.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        No query whose class is in the gallery, one class only in the gallery, or embeddings that cannot be
        normalised.
    """
    searched = Gallery.of(gallery)
    (array, labels), gallery_labels = check_pair(*query), check_pair(*searched[:2])[1]
    probes = np.flatnonzero(np.isin(labels, gallery_labels))
    if probes.size == 0:
        message = "no query has a label that stands in the gallery, so none can be found"
        raise InputError(message)
    if np.unique(gallery_labels).size == 1:
        message = "all items of the gallery have one label; identification needs two classes or more"
        raise InputError(message)
    there = np.isin(np.arange(labels.size), probes)
    found = searched.take(np.ones(gallery_labels.size, np.bool_), there)
    right, _, mated = _identify(array, labels, probes, gallery=found, device=device)
    if not mated.any():
        message = "no query has a mate in the gallery but itself, so none can be found"
        raise InputError(message)
    n_probes = int(mated.sum())
    return ClosedSet(np.array([right[mated].mean()]), n_probes, gallery_labels.size, labels.size - n_probes)


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
    counts = _check(numbers, draws, seed)
    rates = check_numbers(fars, "false accept rates").tolist()
    _check_rates(rates, known_fraction)
    eligible = np.flatnonzero(counts > 1)
    n_known = min(max(1, round(known_fraction * counts.size)), eligible.size, counts.size - 1)
    genuine, impostors = [], []
    for draw in range(draws):
        random = np.random.default_rng([seed, 3, draw])
        known = np.isin(numbers, random.choice(eligible, n_known, replace=False))
        gallery = np.intersect1d(_one_of_each(numbers, random), np.flatnonzero(known))
        probes = np.setdiff1d(np.arange(numbers.size), gallery)
        right, best, _ = _identify(
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


def _check(numbers: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.int64]:
    """Return the number of items of each class; refuse labels without probes or negatives."""
    counts = np.bincount(numbers)
    if counts.size == 1:
        message = "all items have one label; identification needs two classes or more"
        raise InputError(message)
    if counts.max() == 1:
        message = "no label has two items, so there is no probe; identification needs a class of two or more"
        raise InputError(message)
    if draws < 1 or seed < 0:
        message = f"{draws} draws by seed {seed}; 1 draw and seed 0 are the least"
        raise InputError(message)
    return counts


def _check_rates(fars: Sequence[float], known_fraction: float) -> None:
    """Refuse a FAR or fraction out of range."""
    for far in fars:
        if not 0 < far <= 1:
            message = f"FAR {far:g}; a false accept rate lies above 0 and is 1 at most"
            raise InputError(message)
    if not 0 < known_fraction < 1:
        message = f"a fraction of {known_fraction:g} known classes; a number between 0 and 1 is needed"
        raise InputError(message)


def _one_of_each(numbers: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return a random row of each class, ascending by class."""
    mixed = random.permutation(numbers.size)
    _, first = np.unique(numbers[mixed], return_index=True)
    return mixed[first]


def _identify(
    array: NDArray[np.generic],
    labels: NDArray[np.int64],
    probes: NDArray[np.int64],
    *,
    gallery: GalleryLike,
    device: str,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Return which probes are right at rank 1, their greatest similarity, and which have a mate, [n] each."""
    mate, other = nearest(array[probes], labels[probes], gallery=gallery, device=device)
    found = np.where(mate.index >= 0, mate.similarity, -np.inf)
    rival = np.where(other.index >= 0, other.similarity, -np.inf)
    return found > rival, np.maximum(found, rival), mate.index >= 0


def _dir(
    genuine: NDArray[np.float64], impostor: NDArray[np.float64], far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return DIR at each FAR: `genuine` ascends, with -inf where rank 1 is wrong; `impostor` descends."""
    allowed = (far * impostor.size + 1e-9).astype(np.int64)
    threshold = np.append(impostor, -np.inf)[allowed]
    rate: NDArray[np.float64] = 1.0 - np.searchsorted(genuine, threshold, side="right") / genuine.size
    return rate
