"""Paths of single triplets over the states of a run: the same three items in every epoch.

Source: the figure of single triplets "before and after" that goes with the triplet diagram of Xuan,
Stylianou, Liu, Pless, "Hard negative examples are hard, but useful", ECCV 2020 (arXiv 2007.12749).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.triplets.nearest import Triplets, follow_triplets, ideal_distance
from embedlens.arguments import check_integers
from embedlens.arrays import to_numpy
from embedlens.errors import InputError
from embedlens.moments import name_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

PRETRAINED = -1
"""Epoch number of the state before epoch 0: the backbone's features before any training."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Path(Result):
    """One triplet through the states of one run, the initial state first.

    Attributes
    ----------
    run
        Name of the run.
    anchor, positive, negative
        Row numbers of the three items.
    epoch
        int64 [k], ascending; `PRETRAINED` for features before any training.
    s_ap, s_an
        float64 [k], cosine similarity of the anchor to its positive and to its negative, in [-1, 1].
    moments
        The k epochs as they were given, of a run that counts steps each a `Moment`; none: as in `epoch`.
    """

    run: str
    anchor: int
    positive: int
    negative: int
    epoch: NDArray[np.int64]
    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    moments: tuple[int, ...] = ()

    @property
    def counted(self) -> list[int]:
        """The epochs, of a run that counts steps each a `Moment`."""
        return list(self.moments) or self.epoch.tolist()

    @property
    def states(self) -> list[str]:
        """Names of the states, "pretrained", "epoch N" or "step N"."""
        return [state_name(epoch) for epoch in self.counted]

    @property
    def distance(self) -> NDArray[np.float64]:
        """Distance to the ideal point (1, 0) in every state, float64 [k]."""
        return ideal_distance(self.dots())

    def dots(self) -> Triplets:
        """Return the states as dots of a triplet scatter, one dot per state."""
        anchor, positive, negative = (
            np.full(self.epoch.size, item) for item in (self.anchor, self.positive, self.negative)
        )
        return Triplets(anchor, positive, negative, self.s_ap, self.s_an, n_singletons=0, choice="fixed")

    def columns(self) -> dict[str, NDArray[np.float64] | NDArray[np.str_]]:
        """Return the data that a figure of the path shows, by column."""
        return {
            "state": np.array(self.states),
            "s_ap": self.s_ap,
            "s_an": self.s_an,
            "ideal_distance": self.distance,
        }


def state_name(epoch: int) -> str:
    """Return the name of a state in legends."""
    return "pretrained" if epoch == PRETRAINED else name_of(epoch)


def follow(
    states: Iterable[tuple[int, ArrayLike] | tuple[int, ArrayLike, ArrayLike | None]],
    chosen: Triplets,
    *,
    run: str = "run",
    device: str = "cpu",
) -> list[Path]:
    """Return the path of every chosen triplet through the states of a run, in the order of `chosen`.

    Parameters
    ----------
    states
        Epoch and embeddings [N, D] of each state, the initial one first; D may differ, the items may not. A
        third element is the embeddings [M, D] of the gallery of positives and negatives.
    chosen
        m triplets to follow.
    run
        Name of the run.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        Fewer than two states, or embeddings that cannot be followed.
    """
    dots, items = [], 0
    for epoch, z, *others in states:
        array = to_numpy(z)
        rows = len(array) if array.ndim else 0
        if items not in (0, rows):
            message = f"{state_name(epoch)} has {rows} rows, the first {items}; a path follows the same items"
            raise InputError(message)
        items = rows
        gallery = others[0] if others else None
        dots.append((epoch, follow_triplets(array, chosen, gallery=gallery, device=device)))
    return paths_of(dots, run=run)


def paths_of(states: Sequence[tuple[int, Triplets]], *, run: str = "run") -> list[Path]:
    """Return the path of every triplet of a run from the same triplets in each of its states.

    Parameters
    ----------
    states
        Epoch of each state, the initial one first, and its m triplets, with their similarities in the
        embeddings [N, D] there.
    run
        Name of the run.

    Raises
    ------
    InputError
        Fewer than two states.
    """
    epochs = [epoch for epoch, _ in states]
    if len(epochs) < 2:
        known = "".join(f" ({state_name(epoch)})" for epoch in epochs)
        count = "one state" if epochs else "no state"
        message = f"run {run!r} has {count}{known}; a path needs two or more"
        raise InputError(message)
    at = np.array(epochs, dtype=np.int64)
    dots = [triplets for _, triplets in states]
    s_ap, s_an = np.array([dot.s_ap for dot in dots]), np.array([dot.s_an for dot in dots])
    first = dots[0]
    triplets = zip(first.anchor.tolist(), first.positive.tolist(), first.negative.tolist(), strict=True)
    return [
        Path(run, *item, at, s_ap[:, row], s_an[:, row], tuple(epochs)) for row, item in enumerate(triplets)
    ]


def take(triplets: Triplets, anchors: ArrayLike, *, items: int | None = None) -> Triplets:
    """Return the triplets of some anchors, in the order in which these are given, each once.

    Parameters
    ----------
    triplets
        Triplets of embeddings [N, D].
    anchors
        Row numbers of anchors, int [m].
    items
        N, where some rows were left out when the triplets were chosen.

    Raises
    ------
    InputError
        No anchor, a row out of range, or an anchor that has no positive or was left out.
    """
    rows: Sequence[int] = list(dict.fromkeys(check_integers(anchors, "anchors").tolist()))
    if not rows:
        message = "no anchor given; one row number or more is needed"
        raise InputError(message)
    # A row that is an anchor of no triplet has no positive: the anchors and the singletons are all rows.
    n_known = triplets.anchor.size + triplets.n_singletons
    n_items = n_known if items is None else items
    place = {anchor: at for at, anchor in enumerate(triplets.anchor.tolist())}
    for row in rows:
        if not 0 <= row < n_items:
            message = f"there is no row {row}; anchors are rows 0 to {n_items - 1}"
            raise InputError(message)
        if row not in place:
            left_out = " or is left out" if n_items > n_known else ""
            message = (
                f"row {row} is the only item of its class and has no positive{left_out}; choose another "
                "anchor"
            )
            raise InputError(message)
    at = np.array([place[row] for row in rows])
    fields = ("anchor", "positive", "negative", "s_ap", "s_an")
    return replace(triplets, **{name: getattr(triplets, name)[at] for name in fields})


def worst_anchors(triplets: Triplets, count: int) -> NDArray[np.int64]:
    """Return the anchors that are farthest from the ideal point, the farthest first.

    Parameters
    ----------
    triplets
        Triplets of embeddings [N, D]; of equal distances the lower row number goes first.
    count
        How many.

    Raises
    ------
    InputError
        A count below 1 or above the number of anchors.
    """
    return _largest(triplets, ideal_distance(triplets), count)


def moved_anchors(start: Triplets, end: Triplets, *, count: int) -> NDArray[np.int64]:
    """Return the anchors whose distance to the ideal point changed most, in either direction.

    Parameters
    ----------
    start, end
        The same triplets followed in two embeddings, [N, D0] and [N, D]; of equal changes the lower row
        number goes first.
    count
        How many.

    Raises
    ------
    InputError
        A count below 1 or above the number of anchors, or triplets of different anchors.
    """
    if not np.array_equal(start.anchor, end.anchor):
        message = "the triplets have different anchors; follow the same ones in both states"
        raise InputError(message)
    return _largest(end, np.abs(ideal_distance(end) - ideal_distance(start)), count)


def random_anchors(triplets: Triplets, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Return anchors drawn without repetition, ascending.

    Parameters
    ----------
    triplets
        Triplets of embeddings [N, D].
    count
        How many.
    seed
        Of the draw.

    Raises
    ------
    InputError
        A count below 1 or above the number of anchors.
    """
    _check_count(triplets, count)
    drawn = np.random.default_rng(seed).choice(triplets.anchor, count, replace=False)
    return np.sort(drawn)


def _largest(triplets: Triplets, values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the anchors with the largest values; they ascend, so a stable sort keeps ties in row order."""
    _check_count(triplets, count)
    return triplets.anchor[np.argsort(-values, kind="stable")[:count]]


def _check_count(triplets: Triplets, count: int) -> None:
    if not 1 <= count <= triplets.anchor.size:
        message = f"{count} anchors requested; there are {triplets.anchor.size}, choose 1 or more of them"
        raise InputError(message)
