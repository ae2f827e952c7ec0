"""Linear softmax classifier on embeddings, which ranks labels by probability.

As in the whale identification challenge, it may be fitted on the concatenated embeddings of several networks
(`embedlens.store.concat.join`), and ranks labels instead of the neighbours.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.open_set.ranking import Ranking
from embedlens.analysis.retrieval.label_ranking import CUT
from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

C = 10.0  # with 1, unit embeddings are underfitted; with 1,000, unknown classes are separated less well
MAX_ITERATIONS = 1000
_TOLERANCE = 1e-6
_BLOCK_VALUES = 1 << 23


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Classifier(Result):
    """A fitted classifier: the probabilities are ``softmax(W z / |z| + b)``.

    Attributes
    ----------
    classes
        int64 [K], ascending: labels of the fit.
    weights, bias
        float64 [K, D] and [K]: W and b.
    n
        Number of items of the fit.
    iterations, converged
        Iterations of the optimiser, and whether it converged.
    """

    classes: NDArray[np.int64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    n: int
    iterations: int
    converged: bool

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return class and bias of each label."""
        return {"class": self.classes, "bias": self.bias}


def fit_classifier(
    z: ArrayLike,
    y: ArrayLike,
    *,
    new_label: int | None = None,
    c: float = C,
    iterations: int = MAX_ITERATIONS,
) -> Classifier:
    """Fit a softmax classifier with a penalty on the squares of its weights.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; they are normalised first.
    y
        Integer labels [N].
    new_label
        Label of items of the unknown class, which are left out; None: all items are used.
    c
        Above 0: weight of the summed cross-entropy relative to half the sum of squared weights; a larger one
        fits closer.
    iterations
        Largest number of iterations of the optimiser.

    Raises
    ------
    InputError
        Fewer than two labels, `c` not above 0, or embeddings that cannot be normalised.

    Notes
    -----
    scikit-learn's LogisticRegression by L-BFGS in float64; it is deterministic, so there is no seed.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    labels = check_labels(y)
    kept = np.flatnonzero(labels != new_label) if new_label is not None else np.arange(labels.size)
    if np.unique(labels[kept]).size < 2:
        beside = "" if new_label is None else " beside the new one"
        message = f"a classifier is fitted on two labels or more; got {np.unique(labels[kept]).size}{beside}"
        raise InputError(message)
    if not 0 < c < np.inf:
        message = f"c {c:g}; the weight of the items against the penalty is a number above 0"
        raise InputError(message)
    rows = Rows(z)
    if labels.size != len(rows):
        message = f"{len(rows)} embeddings, but {labels.size} labels; one label each is needed"
        raise InputError(message)
    model = LogisticRegression(C=c, tol=_TOLERANCE, max_iter=iterations)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(rows.unit(slice(None))[kept], labels[kept])
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:  # of two labels scikit-learn keeps the difference
        weights, bias = np.concatenate([0 * weights, weights]), np.concatenate([0 * bias, bias])
    return Classifier(
        classes=model.classes_.astype(np.int64),
        weights=weights.astype(np.float64),
        bias=bias.astype(np.float64),
        n=kept.size,
        iterations=int(model.n_iter_.max()),
        converged=not any(issubclass(one.category, ConvergenceWarning) for one in caught),
    )


def probabilities(classifier: Classifier, z: ArrayLike) -> NDArray[np.float64]:
    """Return the probability of each label, float64 [N, K].

    Parameters
    ----------
    classifier
        The classifier.
    z
        Embeddings [N, D], not necessarily normalised.

    Raises
    ------
    InputError
        Dims that differ from those of the fit, or embeddings that cannot be normalised.
    """
    rows = _rows(classifier, z)
    return _probabilities(classifier, rows.unit(slice(None)))


def rank_by_classifier(
    classifier: Classifier, z: ArrayLike, y: ArrayLike, *, new_label: int | None = None
) -> Ranking:
    """Rank the labels of a classifier for every query, by probability.

    The right label is `new` for queries of `new_label` and of any label that the classifier was not fitted
    on. On ties the right label comes last.

    Parameters
    ----------
    classifier
        Classifier fitted on other items.
    z
        Embeddings [N, D] of the queries, not necessarily normalised.
    y
        Integer labels [N].
    new_label
        Label of the items of the unknown class, even if the classifier was fitted on it.

    Raises
    ------
    InputError
        No query of a known label, dims that differ from those of the fit, or embeddings that cannot be
        normalised.
    """
    labels, rows = check_labels(y), _rows(classifier, z)
    is_new = ~np.isin(labels, classifier.classes) | (labels == new_label if new_label is not None else False)
    if labels.size != len(rows):
        message = f"{len(rows)} embeddings, but {labels.size} labels; one label each is needed"
        raise InputError(message)
    if is_new.all():
        message = (
            "no query has a label that the classifier was fitted on; a classifier needs the same classes in "
            "both splits, as `embedlens train --split-by items` makes them"
        )
        raise InputError(message)
    right = np.minimum(np.searchsorted(classifier.classes, labels), classifier.classes.size - 1)
    score, place = np.full((labels.size, CUT), np.nan), np.full(labels.size, CUT)
    k = min(CUT, classifier.classes.size)
    for part in spans(labels.size, max(1, _BLOCK_VALUES // classifier.classes.size)):
        p = _probabilities(classifier, rows.unit(part))
        score[part, :k] = -np.sort(np.partition(-p, k - 1, axis=1)[:, :k], axis=1)
        own = p[np.arange(len(p)), right[part]]
        place[part] = np.minimum(np.sum(p >= own[:, None], axis=1) - 1, CUT)
    return Ranking(score, np.where(is_new, CUT, place), is_new, low=0.0, high=1.0)


def _rows(classifier: Classifier, z: ArrayLike) -> Rows:
    """Return the checked embeddings; `InputError` if their dims are not those of the classifier."""
    rows = Rows(z)
    if rows.dim != classifier.weights.shape[1]:
        message = f"embeddings have {rows.dim} dims, the classifier {classifier.weights.shape[1]}"
        raise InputError(message)
    return rows


def _probabilities(classifier: Classifier, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return softmax(W z + b) of unit rows."""
    logits = unit @ classifier.weights.T + classifier.bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found
