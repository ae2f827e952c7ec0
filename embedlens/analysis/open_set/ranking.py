"""Open-set ranking: MAP@5 with an unknown class, whose label is `new`.

Labels are ranked once, by neighbours (`rank_labels`) or by a classifier (module `classifier`); MAP@5 at every
threshold follows from this ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.open_set.sweep import NewSweep
from embedlens.analysis.retrieval.label_ranking import CUT, SIXTIETHS, first_labels
from embedlens.arrays import check_labels, check_pair, to_numpy
from embedlens.errors import InputError, unknown
from embedlens.results import Result
from embedlens.similarity import Gallery, search

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike

_LABELS_SEEN = 16  # neighbours searched first; four times as many for queries that need more
_LISTED = 20  # labels that a message names
_WHOLE = np.array([SIXTIETHS // (place + 1) for place in range(CUT)] + [0])
"""1 / (place + 1) in sixtieths, by place; 0 from place 5 on."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ranking(Result):
    """The five best labels of every query, before `new` is inserted.

    Attributes
    ----------
    score
        float64 [n, 5], descending: score of each label, a cosine similarity or a probability. NaN where there
        is no such label; for known queries also after the right label, which MAP@5 does not depend on.
    place
        int64 [n]: position of the right label, from 0; 5 if it is not among the five, or is `new`.
    is_new
        bool [n]: whether the right label is `new`.
    low, high
        Range of the scores.
    """

    score: NDArray[np.float64]
    place: NDArray[np.int64]
    is_new: NDArray[np.bool_]
    low: float = -1.0
    high: float = 1.0

    def map_at_5(self, threshold: float | None) -> float:
        """Return MAP@5 with `new` inserted before the first label whose score is less; None: never."""
        return sum(self.sixtieths(threshold)) / (SIXTIETHS * self.place.size)

    def sixtieths(self, threshold: float | None) -> tuple[int, int]:
        """Return the sums of precisions over known and over new queries with a threshold, in sixtieths."""
        place, on_new = self.place, np.full(self.place.size, CUT)
        if threshold is not None:
            on_new = np.sum(self.score >= threshold, axis=1)
            place = np.minimum(place + (on_new <= place), CUT)
        return int(_WHOLE[place[~self.is_new]].sum()), int(_WHOLE[on_new[self.is_new]].sum())

    def take(self, rows: NDArray[np.int64]) -> Ranking:
        """Return the ranking of some queries."""
        return Ranking(self.score[rows], self.place[rows], self.is_new[rows], self.low, self.high)

    def sweep(self) -> NewSweep:
        """Return MAP@5 at all thresholds."""
        known = np.flatnonzero(~self.is_new & (self.place < CUT))
        places = self.place[known]
        new = self.score[self.is_new]
        labels = np.sum(~np.isnan(new), axis=1)
        # A threshold above the score of its label costs a known query one position; one above each score
        # gains a new query one.
        lost = _WHOLE[places + 1] - _WHOLE[places]
        won = np.broadcast_to(_WHOLE[:CUT] - _WHOLE[1:], new.shape)[~np.isnan(new)]
        at_known, at_new = self.score[known, places], new[~np.isnan(new)]
        steps = np.unique(np.concatenate([at_known, at_new]))
        last = self.high if not steps.size else max(self.high, float(np.nextafter(steps[-1], np.inf)))
        return NewSweep(
            np.append(steps, last),
            _sums(_WHOLE[places].sum(), steps, at_known, lost),
            _sums(_WHOLE[labels].sum(), steps, at_new, won),
            n_known=int(np.sum(~self.is_new)),
            n_new=len(new),
            low=self.low,
            high=self.high,
        )


def _sums(
    start: int, steps: NDArray[np.float64], at: NDArray[np.float64], change: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the sums at all steps, int64 [steps + 1]: `start`, changed by `change` above each `at`."""
    changes = np.zeros(steps.size + 1, np.int64)
    np.add.at(changes, np.searchsorted(steps, at) + 1, change)
    changes[0] = start
    return np.cumsum(changes)


def rank_labels(
    z: ArrayLike,
    y: ArrayLike,
    *,
    new_label: int | None = None,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> Ranking:
    """Rank the labels of the gallery for every query, by first appearance among its neighbours.

    Items of the label `new_label` are removed from the gallery. The right label is `new` for queries of that
    label, and for queries without another item of their label in the gallery.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    new_label
        Label of the items of the unknown class; None: there are none.
    gallery
        Embeddings [M, D] and labels [M] to search; without it every item searches all others.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        A `new_label` that no item has, fewer than two other labels, no query of a known label, or embeddings
        that cannot be normalised.

    Notes
    -----
    The scores are resolved similarities; those of labels that first appear beyond the 64th neighbour are
    within 1e-12 of them.
    """
    array, labels = check_pair(z, y)
    others = labels if gallery is None else check_pair(*gallery[:2])[1]
    new = np.zeros(labels.size, np.bool_) if new_label is None else labels == new_label
    keep = np.ones(others.size, np.bool_) if new_label is None else others != new_label
    _check(labels, others, new_label)
    ranking = Ranking(np.full((labels.size, CUT), np.nan), np.full(labels.size, CUT), new.copy())
    searched = Gallery(array, others) if gallery is None else Gallery.of(gallery)
    if not keep.all():
        searched = searched.take(keep)
    if gallery is not None:
        _fill(ranking, np.arange(labels.size), (array, labels), searched, device=device)
    else:
        known = to_numpy(searched.embeddings), others[keep]
        _fill(ranking, np.flatnonzero(~new), known, None, device=device)
        if new.any():
            _fill(ranking, np.flatnonzero(new), (array[new], labels[new]), searched, device=device)
    if ranking.is_new.all():
        message = "no query has a gallery item of its label; both must number their classes alike"
        raise InputError(message)
    return ranking


def map_at_5(
    z: ArrayLike,
    y: ArrayLike,
    threshold: float | None,
    *,
    new_label: int,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Return MAP@5 with an unknown class, with the number of queries and of new ones among them.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    threshold
        Similarity below which `new` is inserted; None: never, so that new queries score 0.
    new_label
        Label of the items of the unknown class.
    gallery
        Embeddings [M, D] and labels [M] to search; without it every item searches all others.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        As `rank_labels` does.
    """
    ranking = rank_labels(z, y, new_label=new_label, gallery=gallery, device=device)
    n_new = int(ranking.is_new.sum())
    score = ranking.map_at_5(threshold)
    return {"n": ranking.is_new.size, "n_new": n_new, "map_at_5": score}


def _check(labels: NDArray[np.int64], gallery_labels: NDArray[np.int64], new_label: int | None) -> None:
    """Refuse a label of the unknown class that no item has, and a gallery of fewer than two known labels."""
    known = np.union1d(labels, gallery_labels)
    if new_label is not None and new_label not in known:
        listed = known[:_LISTED].tolist() + (["..."] if known.size > _LISTED else [])
        raise unknown(new_label, "new label", listed)
    left = np.unique(gallery_labels[gallery_labels != new_label] if new_label is not None else gallery_labels)
    if left.size < 2:
        beside = "" if new_label is None else " beside the new one"
        message = f"the gallery has {left.size} label{beside}; two known classes or more are needed"
        raise InputError(message)


def _fill(
    ranking: Ranking,
    rows: NDArray[np.int64],
    queries: tuple[NDArray[np.generic], NDArray[np.int64]],
    gallery: Gallery | None,
    *,
    device: str,
) -> None:
    """Search the gallery for some queries, and write their rows of the ranking."""
    z, labels = queries
    names = labels if gallery is None else check_labels(gallery.labels)
    found = search(z, labels, gallery=gallery, depth=_LABELS_SEEN, device=device)
    depth, parts = _LABELS_SEEN, found.neighbours()
    ranking.is_new[rows] |= found.n_positives == 0
    while True:
        pending = [np.zeros(0, np.int64)]
        for part in parts:
            score, place, enough = first_labels(names[part.index], part.similarity, labels[part.rows])
            at = rows[part.rows]
            nearer = ranking.score[at]  # of those seen before, which are resolved
            ranking.score[at], ranking.place[at] = np.where(np.isnan(nearer), score, nearer), place
            more = np.sum(part.index >= 0, axis=1) < found.n_neighbours[part.rows]
            pending.append(part.rows[~enough & more])
        left = np.concatenate(pending)
        if not left.size:
            return
        depth *= 4
        parts = found.deeper(left, depth)
