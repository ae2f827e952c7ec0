"""Closed-set identification: rank-1 over galleries of one item per class.

Source: Best-Rowden, Han, Otto, Klare, Jain, "Unconstrained face recognition: identifying a person of interest
from a media collection", IEEE Transactions on Information Forensics and Security, 2014 (its protocol on LFW),
which Sohn (NeurIPS 2016) follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.verification.negatives import DRAWS, standard_error
from embedlens.arrays import check_pair
from embedlens.errors import InputError
from embedlens.pairs import class_numbers
from embedlens.results import Result
from embedlens.similarity import Gallery, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike


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
    counts = check_draws(numbers, draws, seed)
    rank_1 = np.empty(draws)
    for draw in range(draws):
        gallery = one_of_each(numbers, np.random.default_rng([seed, 2, draw]))
        probes = np.setdiff1d(np.arange(numbers.size), gallery)
        right, _, _ = identify(
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
    right, _, mated = identify(array, labels, probes, gallery=found, device=device)
    if not mated.any():
        message = "no query has a mate in the gallery but itself, so none can be found"
        raise InputError(message)
    n_probes = int(mated.sum())
    return ClosedSet(np.array([right[mated].mean()]), n_probes, gallery_labels.size, labels.size - n_probes)


def check_draws(numbers: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.int64]:
    """Return the number of items of each class; refuse labels without probes or negatives.

    Parameters
    ----------
    numbers
        int64 [N]: the class of each item of embeddings [N, D], from 0.
    draws, seed
        Number of galleries to draw, and the seed.

    Raises
    ------
    InputError
        Fewer than two classes, no class of two items, no draw, or a negative seed.
    """
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


def one_of_each(numbers: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return a random row of each class, ascending by class.

    Parameters
    ----------
    numbers
        int64 [N]: the class of each item of embeddings [N, D].
    random
        Draws the rows.
    """
    mixed = random.permutation(numbers.size)
    _, first = np.unique(numbers[mixed], return_index=True)
    return mixed[first]


def identify(
    array: NDArray[np.generic],
    labels: NDArray[np.int64],
    probes: NDArray[np.int64],
    *,
    gallery: GalleryLike,
    device: str,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Return which probes are right at rank 1, their greatest similarity, and which have a mate, [n] each.

    Parameters
    ----------
    array, labels
        Embeddings [N, D] and labels [N].
    probes
        int64 [n]: rows of the probes.
    gallery
        What they search; a mate is an item of the probe's label in it.
    device
        "cpu" or "cuda".
    """
    mate, other = nearest(array[probes], labels[probes], gallery=gallery, device=device)
    found = np.where(mate.index >= 0, mate.similarity, -np.inf)
    rival = np.where(other.index >= 0, other.similarity, -np.inf)
    return found > rival, np.maximum(found, rival), mate.index >= 0
