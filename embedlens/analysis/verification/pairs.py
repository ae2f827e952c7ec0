"""Pair verification: accuracy over class-disjoint folds, and ROC.

Source: the protocol of Labeled Faces in the Wild (Huang et al., UMass technical report 07-49), with mean and
standard error over folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.verification.negatives import standard_error
from embedlens.arguments import check_flags, check_numbers, check_same_length
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity import pair_similarity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.pairs import Pairs

FARS = (0.1, 0.01, 0.001, 0.0001)


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
