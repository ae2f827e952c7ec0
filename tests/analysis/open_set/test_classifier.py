"""The softmax classifier: where its gradient vanishes, closed forms, and rankings by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.open_set.classifier import (
    Classifier,
    fit_classifier,
    probabilities,
    rank_by_classifier,
)
from embedlens.store.concat import join


@pytest.mark.parametrize(("classes", "c"), [(2, 3.0), (5, 0.5), (5, 20.0)])
def test_the_gradient_vanishes(classes, c):
    """C sum (p - one-hot) z^T + W = 0, and the biases, which have no penalty, leave no residual."""
    z, y = blobs(n=80, dim=6, classes=classes, spread=1.5)
    found = fit_classifier(z, 10 + 2 * y, c=c)
    assert found.converged
    assert found.classes.tolist() == [10 + 2 * label for label in range(classes)]
    p = probabilities(found, z)
    assert p.sum(axis=1) == pytest.approx(np.ones(80))
    residual = p - np.eye(classes)[y]
    weights = found.weights
    if classes == 2:  # the penalty is on the difference
        residual, weights = residual[:, 1:], weights[1:]
    near = 80 * c * 1e-6  # the optimiser's tolerance, of the mean
    assert c * residual.T @ unit(z) + weights == pytest.approx(np.zeros(weights.shape), abs=near)
    assert c * residual.sum(axis=0) == pytest.approx(np.zeros(len(weights)), abs=near)


def test_symmetric_points_in_closed_form():
    """Two classes on opposite sides, n items each: the difference w solves w = 2 c n sigma(-w)."""
    z = np.array([[3.0, 0]] * 4 + [[-0.5, 0]] * 4)
    found = fit_classifier(z, [0] * 4 + [1] * 4, c=2.0)
    low, high = 0.0, 20.0
    for _ in range(80):
        w = (low + high) / 2
        low, high = (w, high) if w < 16 / (1 + np.exp(w)) else (low, w)
    assert found.weights[1] - found.weights[0] == pytest.approx([-w, 0], abs=1e-4)
    assert probabilities(found, np.array([[1.0, 0]]))[0] == pytest.approx(
        [1 / (1 + np.exp(-w)), 1 / (1 + np.exp(w))], abs=1e-5
    )


def test_the_ranking_is_plain_loops():
    (z, y), (q, labels) = (
        blobs(n=120, dim=5, classes=8, spread=1.5),
        blobs(n=60, dim=5, classes=9, spread=1.5),
    )
    found = fit_classifier(z, y, new_label=3)
    assert (found.n, 3 in found.classes) == (105, False)
    ranking = rank_by_classifier(found, q, labels, new_label=3)
    assert np.array_equal(ranking.is_new, (labels == 3) | (labels == 8))
    p = probabilities(found, q)
    for threshold in (None, 0.0, 0.2, 0.5, 0.9, 1.0):
        scores = []
        for row, label in zip(p, labels, strict=True):
            named = sorted(zip(row.tolist(), found.classes.tolist(), strict=True), reverse=True)
            ranked, inserted = [], threshold is None
            for probability, other in named:
                if not inserted and probability < threshold:
                    ranked.append("new")
                    inserted = True
                ranked.append(other)
            truth = "new" if label in (3, 8) else label
            place = ranked.index(truth) if truth in ranked else 5
            scores.append(1 / (place + 1) if place < 5 else 0.0)
        assert ranking.map_at_5(threshold) == pytest.approx(np.mean(scores), abs=1e-12)
        if threshold is not None:
            sweep = ranking.sweep()
            assert sweep.map_at_5[sweep.at(threshold)] == ranking.map_at_5(threshold)
    assert 0 <= ranking.sweep().best() <= 1


def test_equal_probabilities_count_against_the_right_label():
    flat = Classifier(np.arange(4), np.zeros((4, 2)), np.zeros(4), 4, 1, True)
    ranking = rank_by_classifier(flat, np.eye(2), [0, 2])
    assert ranking.place.tolist() == [3, 3]
    assert ranking.map_at_5(None) == 0.25


def test_features_side_by_side_know_more_than_each():
    y = np.arange(400) % 20
    parts = [blobs(n=400, dim=6, classes=20, spread=1.0, seed=seed)[0] for seed in (0, 1)]
    train, test = np.arange(400) < 200, np.arange(400) >= 200
    scores = []
    for z in (*parts, join(parts, [0.5, 0.5])):
        found = fit_classifier(z[train], y[train], new_label=0)
        scores.append(rank_by_classifier(found, z[test], y[test], new_label=0).map_at_5(None))
    assert scores[2] > max(scores[:2])


def test_it_is_deterministic_and_knows_no_scale():
    z, y = blobs(n=60, dim=4, classes=4)
    first, second = fit_classifier(z, y), fit_classifier(4 * z, y)
    assert np.array_equal(first.weights, second.weights)


def test_too_few_steps_are_told():
    z, y = blobs(n=60, dim=4, classes=4)
    assert not fit_classifier(z, y, iterations=2).converged


def test_bad_input():
    z, y = blobs(n=30, dim=4, classes=3)
    with pytest.raises(InputError, match="two labels or more; got 1 beside the new one"):
        fit_classifier(z, y % 2, new_label=1)
    with pytest.raises(InputError, match="c 0; .* above 0"):
        fit_classifier(z, y, c=0)
    with pytest.raises(InputError, match="30 embeddings, but 29 labels"):
        fit_classifier(z, y[1:])
    found = fit_classifier(z, y)
    with pytest.raises(InputError, match="--split-by items"):
        rank_by_classifier(found, z, y + 3)
    with pytest.raises(InputError, match="3 dims, the classifier 4"):
        rank_by_classifier(found, z[:, :3], y)
    with pytest.raises(InputError, match="30 embeddings, but 29 labels"):
        rank_by_classifier(found, z, y[1:])
