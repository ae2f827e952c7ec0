"""Pair verification: accuracy over class-disjoint folds, ROC, and verification against many negatives.

Sources: the protocol of Labeled Faces in the Wild (Huang et al., UMass technical report 07-49), with mean and
standard error over folds; Sohn, "Improved deep metric learning with multi-class N-pair loss objective",
NeurIPS 2016, for many negatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_flags, check_integers, check_numbers, check_same_length
from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.pairs import Queries, class_numbers
from embedlens.results import Result
from embedlens.similarity import nearest, pair_similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.pairs import Pairs

FARS = (0.1, 0.01, 0.001, 0.0001)
NEGATIVES = (1, 10, 100)
DRAWS = 10
_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairVerification(Result):
    """Accuracy of classifying pairs as genuine (one class) or impostor (two classes), by fold.

    Attributes
    ----------
    similarity
        float64 [n], cosine similarity of each pair, in [-1, 1].
    same
        bool [n]: whether the pair is genuine.
    fold
        int64 [n]: the fold of each pair.
    threshold
        float64 [K]: threshold of each fold, chosen on the others; more similar pairs are classified genuine.
    fold_accuracy
        float64 [K], in [0, 1].
    """

    similarity: NDArray[np.float64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    threshold: NDArray[np.float64]
    fold_accuracy: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Mean accuracy over folds."""
        return float(self.fold_accuracy.mean())

    @property
    def accuracy_se(self) -> float:
        """Standard error of the mean over folds."""
        return standard_error(self.fold_accuracy)

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return threshold and accuracy by fold."""
        folds = np.arange(self.threshold.size)
        return {"fold": folds, "threshold": self.threshold, "accuracy": self.fold_accuracy}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Roc(Result):
    """ROC curve: fractions of genuine and impostor pairs at least as similar as each threshold.

    Attributes
    ----------
    far, tar
        float64 [k], in [0, 1], ascending from 0 to 1: false accept rate (of impostor pairs) and true accept
        rate (of genuine pairs).
    threshold
        float64 [k], descending; the first is infinite.
    n_impostor, n_genuine
        Number of impostor and of genuine pairs.
    """

    far: NDArray[np.float64]
    tar: NDArray[np.float64]
    threshold: NDArray[np.float64]
    n_impostor: int
    n_genuine: int

    @property
    def auc(self) -> float:
        """Area under the curve: probability that a genuine pair is more similar than an impostor pair."""
        return float(np.sum(np.diff(self.far) * (self.tar[1:] + self.tar[:-1]) / 2))

    @property
    def eer(self) -> float:
        """Equal error rate: FAR where FAR = 1 - TAR, by linear interpolation between thresholds."""
        gap = self.far + self.tar - 1.0
        at = int(np.argmax(gap >= 0))
        part = gap[at - 1] / (gap[at - 1] - gap[at])
        return float(self.far[at - 1] + part * (self.far[at] - self.far[at - 1]))

    def tar_at(self, far: float) -> float:
        """Return the largest TAR at a FAR of `far` at most; NaN of fewer than 1 / `far` impostors."""
        allowed = int(far * self.n_impostor + 1e-9)  # 0.29 * 100 is 28.999999999999996
        if allowed < 1:
            return float("nan")
        return float(self.tar[np.searchsorted(self.far, allowed / self.n_impostor, side="right") - 1])

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column."""
        return {"far": self.far, "tar": self.tar, "threshold": self.threshold}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManyNegatives(Result):
    """Fraction of queries whose positive is more similar than negatives of m other classes.

    Attributes
    ----------
    negatives
        int64 [k]: the numbers m, ascending.
    fraction
        float64 [draws, k], in [0, 1].
    n
        Number of queries: items whose class has another item.
    """

    negatives: NDArray[np.int64]
    fraction: NDArray[np.float64]
    n: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over draws, float64 [k]."""
        return np.asarray(self.fraction.mean(axis=0))

    @property
    def se(self) -> NDArray[np.float64]:
        """Standard error of the mean over draws, float64 [k]."""
        return np.array([standard_error(column) for column in self.fraction.T])

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the numbers by column."""
        return {"negatives": self.negatives, "vrf": self.mean, "vrf_se": self.se}


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of the mean of independent values [n]; NaN of a single one."""
    values = check_numbers(values, "values", finite=False)
    return float(np.std(values, ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")


def verify_pairs(z: ArrayLike, pairs: Pairs, *, device: str = "cpu") -> PairVerification:
    """Return the accuracy of every fold with the threshold that is best on the other folds.

    A pair is classified genuine if its similarity exceeds the threshold. Candidates are the midpoints of
    consecutive similarities, one below all and one above all; of several with the greatest accuracy the
    middle one is chosen, the lower of two.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    pairs
        Pairs of rows in two folds or more.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One fold only, or embeddings that cannot be normalised.
    """
    if pairs.n_folds < 2:
        message = (
            f"the pairs have {pairs.n_folds} fold; a threshold is chosen on other folds, so two are needed"
        )
        raise InputError(message)
    similarity = pair_similarity(z, pairs.a, pairs.b, device=device)
    threshold, accuracy = np.empty(pairs.n_folds), np.empty(pairs.n_folds)
    for fold in range(pairs.n_folds):
        mine = pairs.fold == fold
        threshold[fold] = _best_threshold(similarity[~mine], pairs.same[~mine])
        accuracy[fold] = np.mean((similarity[mine] > threshold[fold]) == pairs.same[mine])
    return PairVerification(similarity, pairs.same, pairs.fold, threshold, accuracy)


def _best_threshold(similarity: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the threshold with the greatest accuracy."""
    values = np.unique(similarity)
    between = (values[:-1] + values[1:]) / 2
    # The midpoint of adjacent floats may round to the upper one, which must exceed the threshold.
    between = np.where(between < values[1:], between, values[:-1])
    tried = np.concatenate([[np.nextafter(values[0], -np.inf)], between, values[-1:]])
    accepted = same.sum() - np.searchsorted(np.sort(similarity[same]), tried, side="right")
    rejected = np.searchsorted(np.sort(similarity[~same]), tried, side="right")
    best = np.flatnonzero(accepted + rejected == (accepted + rejected).max())
    return float(tried[best[(best.size - 1) // 2]])


def roc(similarity: ArrayLike, same: ArrayLike) -> Roc:
    """Return the ROC curve over all pairs.

    Parameters
    ----------
    similarity
        Numbers [n]: similarities of pairs of rows of some embeddings [N, D].
    same
        bool [n], or 0 and 1: whether the pair is genuine.

    Raises
    ------
    InputError
        No genuine or no impostor pair; lengths that differ, similarities that are not finite, flags
        other than 0 and 1.
    """
    similarity, same = check_numbers(similarity, "similarities"), check_flags(same, "same")
    check_same_length(similarities=similarity, same=same)
    n_genuine, n_impostor = int(same.sum()), int((~same).sum())
    if not (n_genuine and n_impostor):
        message = f"{n_genuine} genuine and {n_impostor} impostor pairs; a ROC curve needs both"
        raise InputError(message)
    values, inverse = np.unique(-similarity, return_inverse=True)
    genuine = np.cumsum(np.bincount(inverse, weights=same, minlength=values.size))
    impostor = np.cumsum(np.bincount(inverse, weights=~same, minlength=values.size))
    return Roc(
        far=np.concatenate([[0.0], impostor / n_impostor]),
        tar=np.concatenate([[0.0], genuine / n_genuine]),
        threshold=np.concatenate([[np.inf], -values]),
        n_impostor=n_impostor,
        n_genuine=n_genuine,
    )


def many_negatives(
    z: ArrayLike,
    y: ArrayLike,
    negatives: Sequence[int] = NEGATIVES,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    device: str = "cpu",
) -> ManyNegatives:
    """Return the fraction of queries whose positive is more similar than negatives of m other classes.

    In each draw every item of a class of two or more is a query: a positive is drawn uniformly from the other
    items of its class, and one negative from each of m other classes. Ties count against the query. The
    negatives for a smaller m are the first of those for a larger one, and do not depend on which m are
    requested.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    negatives
        Numbers m of negatives, from 1 to the number of classes less 1.
    draws
        Number of draws of positives and negatives.
    seed
        Seed of the draws.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        One class only, no class of two items, a number of negatives that the classes do not allow, or
        embeddings that cannot be normalised.

    Notes
    -----
    Sohn 2016, section 4.1 ("VRF"); for the draws see `embedlens.pairs.Queries`.
    """
    numbers = class_numbers(check_labels(y))
    requested = np.unique(check_integers(negatives, "negatives"))
    anchors = _check_queries(numbers, requested, draws, seed)
    hardest = nearest(z, numbers, device=device)[1].similarity
    first = np.empty((draws, anchors.size), dtype=np.int64)
    step = max(1, _PAIRS_AT_ONCE // anchors.size)
    for start in range(0, draws, step):
        some = [Queries(numbers, anchors, [seed, 1, draw]) for draw in range(start, min(start + step, draws))]
        first[start : start + step] = _first_violation(
            z, some, hardest, most=int(requested[-1]), device=device
        ).reshape(len(some), -1)
    fraction = np.stack([np.mean(first >= m, axis=1) for m in requested], axis=1)
    return ManyNegatives(requested, fraction, anchors.size)


def _check_queries(
    numbers: NDArray[np.int64], requested: NDArray[np.int64], draws: int, seed: int
) -> NDArray[np.int64]:
    """Return the rows that have a positive, int64 [n]; refuse numbers of negatives or draws out of range."""
    counts = np.bincount(numbers)
    if counts.size == 1:
        message = "all items have one label, so there is no negative; verification needs two classes or more"
        raise InputError(message)
    if counts.max() == 1:
        message = "no label has two items, so there is no positive; verification needs a class of two or more"
        raise InputError(message)
    if requested.size == 0 or requested[0] < 1 or requested[-1] >= counts.size:
        given = ", ".join(str(m) for m in requested) or "none"
        message = f"negatives {given}; with {counts.size} classes each number may be 1 to {counts.size - 1}"
        raise InputError(message)
    if draws < 1 or seed < 0:
        message = f"{draws} draws by seed {seed}; 1 draw and seed 0 are the least"
        raise InputError(message)
    return np.flatnonzero(counts[numbers] > 1)


def _first_violation(
    z: ArrayLike, draws: list[Queries], hardest: NDArray[np.float64], *, most: int, device: str
) -> NDArray[np.int64]:
    """Return the number of the first negative that is as similar as the positive, `most` where none is.

    Queries whose positive is more similar than the hardest negative of all (`hardest`, float64 [N]) cannot
    fail, and others are left out once they have failed, which saves most of the similarities.
    """
    anchors = np.concatenate([draw.anchors for draw in draws])
    n = draws[0].anchors.size
    positive = pair_similarity(z, anchors, np.concatenate([draw.positive for draw in draws]), device=device)
    first = np.full(anchors.size, most, dtype=np.int64)
    alive, done = np.flatnonzero(positive <= hardest[anchors]), 0
    while done < most and alive.size:
        width = min(max(1, done), max(1, _PAIRS_AT_ONCE // alive.size), most - done)
        numbers = np.arange(done, done + width)
        edges = np.searchsorted(alive, np.arange(len(draws) + 1) * n)
        rows = np.concatenate(
            [
                draw.negatives(alive[lo:hi] % n, numbers)
                for draw, lo, hi in zip(draws, edges, edges[1:], strict=False)
            ]
        )
        similarity = pair_similarity(z, np.repeat(anchors[alive], width), rows.reshape(-1), device=device)
        beaten = similarity.reshape(-1, width) >= positive[alive, None]
        hit = beaten.any(axis=1)
        first[alive[hit]] = done + np.argmax(beaten[hit], axis=1)
        alive, done = alive[~hit], done + width
    return first
