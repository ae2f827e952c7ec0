"""Choice of the similarity threshold below which the unknown class `new` is inserted, and MAP@5 with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.retrieval.label_ranking import SIXTIETHS
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.analysis.open_set.ranking import Ranking
    from embedlens.analysis.open_set.sweep import NewSweep


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choice(Result):
    """A chosen threshold, or one for each half of the queries, and MAP@5 with it.

    Attributes
    ----------
    thresholds
        One threshold, or two where each half of the queries is scored with the best threshold of the other.
    map_at_5, map_at_5_known, map_at_5_new
        MAP@5 of all queries, of those with a known right label, and of those whose right label is `new`; in
        [0, 1], NaN if there are none.
    """

    thresholds: tuple[float, ...]
    map_at_5: float
    map_at_5_known: float
    map_at_5_new: float

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        named = {"threshold": self.thresholds[0]}
        if len(self.thresholds) > 1:
            named = {f"threshold_{number}": value for number, value in enumerate(self.thresholds, 1)}
        return named | {
            "map_at_5": self.map_at_5,
            "map_at_5_known": self.map_at_5_known,
            "map_at_5_new": self.map_at_5_new,
        }


def choose(sweep: NewSweep, on: NewSweep | None = None) -> Choice:
    """Choose the best threshold on some queries, and score others with it.

    Parameters
    ----------
    sweep
        MAP@5 of the queries to score, ranked by their embeddings [N, D].
    on
        MAP@5 of the queries to choose the threshold on; by default those to score, which is optimistically
        biased.
    """
    threshold = (on or sweep).best()
    at = sweep.at(threshold)
    return Choice(
        (threshold,),
        float(sweep.map_at_5[at]),
        float(sweep.map_at_5_known[at]),
        float(sweep.map_at_5_new[at]),
    )


def choose_halves(ranking: Ranking, *, seed: int = 0) -> Choice:
    """Score each half of the queries with the threshold that is best for the other half.

    Parameters
    ----------
    ranking
        The labels of the queries, ranked by their embeddings [N, D].
    seed
        Seed of the split into halves, which have equal numbers of known and of new queries.

    Raises
    ------
    InputError
        Fewer than two known or two new queries.
    """
    first = _half(ranking.is_new, seed)
    parts = [ranking.take(np.flatnonzero(first)), ranking.take(np.flatnonzero(~first))]
    best = [part.sweep().best() for part in parts]
    known, new = np.sum([part.sixtieths(best[1 - at]) for at, part in enumerate(parts)], axis=0).tolist()
    n_new = int(ranking.is_new.sum())
    n_known = ranking.is_new.size - n_new
    return Choice(
        (best[0], best[1]),
        (known + new) / (SIXTIETHS * (n_known + n_new)),
        known / (SIXTIETHS * n_known),
        new / (SIXTIETHS * n_new),
    )


def _half(is_new: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Return which queries are in the first half: every second of the known and of the new ones, mixed."""
    first = np.zeros(is_new.size, np.bool_)
    for number, rows in enumerate((np.flatnonzero(~is_new), np.flatnonzero(is_new))):
        if rows.size < 2:
            kind = "new" if number else "known"
            message = f"{rows.size} {kind} query; halves need two queries of known and two of unknown classes"
            raise InputError(message)
        mixed = np.random.default_rng([seed, 4, number]).permutation(rows)
        first[mixed[::2]] = True
    return first


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identification(Result):
    """MAP@5 of queries at every threshold, and with the chosen one.

    Attributes
    ----------
    sweep
        MAP@5 at all thresholds.
    choice
        The chosen threshold, and MAP@5 with it.
    never
        MAP@5 if `new` is never inserted.
    """

    sweep: NewSweep
    choice: Choice
    never: float

    def summary(self) -> dict[str, float]:
        """Return the numbers by name; MAP@5 of no queries is NaN."""
        best = self.sweep.best()
        return {
            **self.choice.summary(),
            "best_threshold": best,
            "best_map_at_5": float(self.sweep.map_at_5[self.sweep.at(best)]),
            "map_at_5_never_new": self.never,
        }


def identify(ranking: Ranking, *, on: Ranking | None = None, halves: int | None = None) -> Identification:
    """Return MAP@5 of queries at every threshold, and with a chosen one.

    Parameters
    ----------
    ranking
        The labels of the queries, ranked by their embeddings [N, D].
    on
        Other queries to choose the threshold on; None: the same, which is optimistically biased.
    halves
        Seed of a split of the queries into halves, each scored with the best threshold of the other; None: no
        split.

    Raises
    ------
    InputError
        Fewer than two known or two new queries to split.
    """
    sweep = ranking.sweep()
    if halves is None:
        choice = choose(sweep, None if on is None else on.sweep())
    else:
        choice = choose_halves(ranking, seed=halves)
    return Identification(sweep, choice, ranking.map_at_5(None))
