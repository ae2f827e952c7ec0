"""Nearest triplets: every anchor with its nearest positive and nearest negative.

Their cosine similarities (S_ap, S_an) are the dots of the triplet scatter.

Source: Xuan, Stylianou, Liu, Pless, "Hard negative examples are hard, but useful", ECCV 2020
(arXiv 2007.12749), where the plot is called the triplet diagram.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from embedlens.arguments import check_integers, check_numbers, check_same_length
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.label_sets import LabelSets
from embedlens.results import Result
from embedlens.similarity import nearest
from embedlens.similarity.gallery import leaves_out
from embedlens.similarity.rows import Rows, resolve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike, Nearest

TOP_RIGHT = 0.8
RIGHT_BOUNDARY = 0.95


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Triplets(Result):
    """One triplet for every anchor that has a positive.

    Attributes
    ----------
    anchor, positive, negative
        int64 [n]: row numbers in the embeddings, of positives and negatives in the gallery where there is
        one; anchors ascend.
    s_ap, s_an
        float64 [n], cosine similarity of the anchor to its positive and to its negative, in [-1, 1].
    n_singletons
        Items left out because their class has one item only.
    choice
        "nearest": positive and negative are the nearest in these embeddings; "fixed": they were selected in
        other embeddings.

    Raises
    ------
    InputError
        Arrays of different lengths, row numbers that are no integers or below 0, similarities that are not
        finite.
    """

    anchor: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    n_singletons: int
    choice: Literal["nearest", "fixed"] = "nearest"

    def __post_init__(self) -> None:
        names = ("anchor", "positive", "negative", "s_ap", "s_an")
        for name in names[:3]:
            object.__setattr__(self, name, check_integers(getattr(self, name), f"{name} rows", least=0))
        for name in names[3:]:
            object.__setattr__(self, name, check_numbers(getattr(self, name), name))
        check_same_length(**{name: getattr(self, name) for name in names})

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the triplets shows, by column."""
        names = ("anchor", "positive", "negative", "s_ap", "s_an")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TripletSummary(Result):
    """Fractions of the anchors by region of the triplet scatter, each in [0, 1].

    Attributes
    ----------
    n, n_singletons
        Anchors counted, and items left out because their class has one item only.
    below_diagonal
        S_an < S_ap, strictly. For nearest triplets this is Recall@1.
    above_diagonal
        S_an > S_ap: the nearest neighbour has the wrong label.
    top_right
        Both similarities above 0.8.
    right_boundary
        S_ap above 0.95.
    mean_ideal_distance
        Mean distance of the dots to the ideal point (1, 0).
    choice
        How the triplets were chosen, "nearest" or "fixed".
    """

    n: int
    n_singletons: int
    below_diagonal: float
    above_diagonal: float
    top_right: float
    right_boundary: float
    mean_ideal_distance: float
    choice: Literal["nearest", "fixed"]

    @property
    def below_name(self) -> str:
        """The name of the fraction below the diagonal: Recall@1 only where the triplets are the nearest."""
        return "recall_at_1" if self.choice == "nearest" else "below_diagonal"

    def summary(self) -> dict[str, int | float]:
        """Return the numbers by name."""
        return {
            "n": self.n,
            "n_singletons": self.n_singletons,
            self.below_name: self.below_diagonal,
            "above_diagonal": self.above_diagonal,
            "top_right": self.top_right,
            "right_boundary": self.right_boundary,
            "mean_ideal_distance": self.mean_ideal_distance,
        }


def nearest_triplets(
    z: ArrayLike, y: ArrayLike, *, gallery: GalleryLike | None = None, device: str = "cpu"
) -> Triplets:
    """Return every anchor's nearest (easiest) positive and nearest (hardest) negative.

    S_ap(i) = max S_ij over j != i with y_j = y_i; S_an(i) = max S_ij over y_j != y_i; S is the cosine
    similarity. Of label sets, y_j = y_i reads: the sets have a common label. Of equally similar items the one
    with the lowest row number is taken.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N], or `LabelSets`.
    gallery
        Embeddings [M, D] and labels [M] that hold the positives and negatives; by default `z` itself, each
        item without itself.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, or embeddings that cannot be normalised.

    Notes
    -----
    Definition: Xuan et al., ECCV 2020, section 3. Values are exact to float64.
    """
    found = nearest(z, y, gallery=gallery, device=device)
    left_out, sets = leaves_out(gallery), isinstance(y, LabelSets)
    return triplets_of(*found, one_set=gallery is None, leaves_out=left_out, sets=sets)


def triplets_of(
    positive: Nearest,
    negative: Nearest,
    *,
    one_set: bool,
    leaves_out: bool = False,
    sets: bool = False,
) -> Triplets:
    """Return the triplets of a search for the nearest positive and the nearest negative of every item.

    Parameters
    ----------
    positive, negative
        What the engine found in embeddings [N, D].
    one_set
        Whether the items searched each other, not a gallery.
    leaves_out
        Whether the gallery leaves out other items than the queries themselves.
    sets
        Whether items have sets of labels, for messages.

    Raises
    ------
    InputError
        One class only, or no item with a positive.
    """
    anchor = np.flatnonzero((positive.index >= 0) & (negative.index >= 0))
    if leaves_out and anchor.size == 0:
        message = (
            "no query has a positive but itself and what its gallery leaves out; triplets need one"
            if (positive.index < 0).all()
            else "no query has a negative that its gallery does not leave out; triplets need one"
        )
        raise InputError(message)
    if (negative.index < 0).all() or ((positive.index >= 0).any() and anchor.size == 0):
        message = "all items have one label, so there is no negative; triplets need two classes or more"
        if sets:
            message = "all items share a label, so there is no negative; triplets need items that share none"
        raise InputError(message)
    if anchor.size == 0:
        message = (
            "no label has two items, so there is no positive; triplets need a class of two items or more"
            if one_set
            else "no query has a gallery item of its label; both must number their classes alike"
        )
        if sets:
            message = "no two items share a label, so there is no positive; triplets need two that do"
        raise InputError(message)
    return Triplets(
        anchor=anchor,
        positive=positive.index[anchor],
        negative=negative.index[anchor],
        s_ap=positive.similarity[anchor],
        s_an=negative.similarity[anchor],
        n_singletons=positive.index.size - anchor.size,
    )


def follow_triplets(
    z: ArrayLike, chosen: Triplets, *, gallery: ArrayLike | None = None, device: str = "cpu"
) -> Triplets:
    """Return the same triplets (the same three items) with their similarities in other embeddings.

    Parameters
    ----------
    z
        Embeddings [N, D] of the same items in the same order.
    chosen
        Triplets of a reference epoch.
    gallery
        Embeddings [M, D] of the items that hold the positives and negatives; by default `z`.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        Fewer rows than the triplets name, or embeddings that cannot be normalised.
    """
    check_device(device)
    rows = Rows(z)
    others = rows if gallery is None else Rows(gallery)
    for items, side in ((chosen.anchor, rows), (np.r_[chosen.positive, chosen.negative], others)):
        last = int(np.max(items, initial=-1))
        if last >= len(side):
            message = f"the triplets name item {last}, but the embeddings have {len(side)} rows"
            raise InputError(message)
    if others.dim != rows.dim:
        message = f"the two sets have {rows.dim} and {others.dim} dims; they must agree"
        raise InputError(message)
    return replace(
        chosen,
        s_ap=resolve((rows, chosen.anchor), (others, chosen.positive)),
        s_an=resolve((rows, chosen.anchor), (others, chosen.negative)),
        choice="fixed",
    )


def ideal_distance(triplets: Triplets) -> NDArray[np.float64]:
    """Return the distance of each dot to the ideal point (1, 0), float64 [n]."""
    return np.hypot(1.0 - triplets.s_ap, triplets.s_an)


def summarise(triplets: Triplets) -> TripletSummary:
    """Return the fractions of the anchors by region of the scatter, and their mean distance to (1, 0)."""
    return TripletSummary(
        n=triplets.s_ap.size,
        n_singletons=triplets.n_singletons,
        **region_fractions(triplets),
        mean_ideal_distance=float(np.mean(ideal_distance(triplets))),
        choice=triplets.choice,
    )


def region_fractions(triplets: Triplets) -> dict[str, float]:
    """Return the fractions of the anchors by region, named as in `TripletSummary`; quick, for animations."""
    s_ap, s_an = triplets.s_ap, triplets.s_an
    regions = {
        "below_diagonal": s_an < s_ap,
        "above_diagonal": s_an > s_ap,
        "top_right": (s_ap > TOP_RIGHT) & (s_an > TOP_RIGHT),
        "right_boundary": s_ap > RIGHT_BOUNDARY,
    }
    return {name: float(np.divide(np.count_nonzero(part), part.size)) for name, part in regions.items()}
