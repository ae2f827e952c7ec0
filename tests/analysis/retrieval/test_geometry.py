from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.retrieval import geometry
from embedlens.analysis.retrieval.geometry import class_distances, mean_similarity, tolerance, uniformity
from embedlens.analysis.scores import score
from embedlens.similarity import sums


def unit(z):
    return [row / sum(v * v for v in row) ** 0.5 for row in np.asarray(z, float)]


def test_distances_are_those_of_loops_over_pairs():
    z, y = blobs(n=61, dim=5, classes=7, spread=1.5)
    y[:2] = [50, 51]  # singletons
    u = unit(z)
    positive = [np.sum((u[i] - u[j]) ** 2) for i, j in itertools.combinations(range(61), 2) if y[i] == y[j]]
    found = class_distances(z, y)
    assert found.alignment == pytest.approx(np.mean(positive))
    within, means = [], []
    for label in sorted(set(y)):
        members = [u[i] for i in range(61) if y[i] == label]
        pairs = [1 - a @ b for a, b in itertools.combinations(members, 2)]
        within += [np.mean(pairs)] if pairs else []
        means.append(unit([np.mean(members, axis=0)])[0])
    between = [1 - a @ b for a, b in itertools.combinations(means, 2)]
    assert found.pi_intra == pytest.approx(np.mean(within))
    assert found.pi_inter == pytest.approx(np.mean(between))
    assert found.pi_ratio == pytest.approx(np.mean(within) / np.mean(between))


def test_uniformity_is_that_of_loops_over_pairs(monkeypatch):
    z, _ = blobs(n=130, dim=6, spread=2.0)
    u = unit(z)
    expected = {
        t: np.log(np.mean([np.exp(-t * np.sum((a - b) ** 2)) for a, b in itertools.combinations(u, 2)]))
        for t in (2.0, 0.5)
    }
    for tile in (1024, 128, 33):
        monkeypatch.setattr(sums, "TILE", tile)
        for t, value in expected.items():
            assert uniformity(z, t=t) == pytest.approx(value, abs=1e-5)


def test_collapsed_space_is_aligned_and_not_uniform():
    z = np.ones((8, 3))
    found = class_distances(z, np.arange(8) % 2)
    assert found.alignment == pytest.approx(0, abs=1e-12)
    assert found.pi_intra == pytest.approx(0, abs=1e-12)
    assert uniformity(z) == pytest.approx(0, abs=1e-6)


def test_a_class_mean_without_direction_counts_at_distance_one():
    z = np.array([[1, 0], [-1, 0], [0, 1], [0, 1]], float)
    assert class_distances(z, [0, 0, 1, 1]).pi_inter == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("y", "message"),
    [([0, 0, 0], "one label"), ([0, 1, 2], "no label has two items"), ([0, 0], "3 rows, but there are 2")],
)
def test_what_has_no_distances_is_refused(y, message):
    with pytest.raises(InputError, match=message):
        class_distances(np.eye(3), y)


def test_uniformity_needs_a_pair():
    with pytest.raises(InputError, match="two items or more"):
        uniformity([[1.0, 0.0]])


def test_mean_similarity_is_that_of_a_loop_over_pairs(monkeypatch):
    z, y = blobs(n=61, dim=5, spread=1.5)
    u = unit(z)
    expected = np.mean([a @ b for a, b in itertools.combinations(u, 2)])
    assert mean_similarity(z) == pytest.approx(expected, abs=1e-14)
    assert score(z, y, ["mean_similarity"]) == {"mean_similarity": mean_similarity(z)}
    monkeypatch.setattr(geometry, "_ROWS", 7)
    assert mean_similarity(z) == pytest.approx(expected, abs=1e-14)


def test_mean_similarity_in_closed_form():
    assert mean_similarity(np.ones((8, 3))) == pytest.approx(1, abs=1e-15)
    assert mean_similarity(np.ones((8, 3))) <= 1
    assert mean_similarity(np.eye(5)) == 0
    assert mean_similarity([[1.0, 0], [-3, 0]]) == -1
    corners = np.eye(4) - 0.25  # a regular simplex: the smallest mean that four items can have
    assert mean_similarity(corners) == pytest.approx(-1 / 3, abs=1e-15)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_mean_similarity_does_not_depend_on_order_lengths_and_rotation(seed):
    random = np.random.default_rng(seed)
    z = random.normal(size=(40, 6))
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    moved = (random.uniform(0.1, 10, (40, 1)) * z)[random.permutation(40)] @ turn
    assert mean_similarity(moved) == pytest.approx(mean_similarity(z), abs=1e-12)


def test_mean_similarity_needs_a_pair():
    with pytest.raises(InputError, match="two items or more"):
        mean_similarity([[1.0, 0.0]])
    with pytest.raises(InputError, match="zero"):
        mean_similarity([[1.0, 0.0], [0.0, 0.0]])


def test_tolerance_is_the_mean_similarity_of_positive_pairs():
    z, y = blobs(n=61, dim=5, classes=7, spread=1.5)
    y[:2] = [50, 51]  # singletons
    u = unit(z)
    positive = [u[i] @ u[j] for i, j in itertools.combinations(range(61), 2) if y[i] == y[j]]
    assert tolerance(z, y) == pytest.approx(np.mean(positive))
    assert tolerance(z, y) == pytest.approx(1 - class_distances(z, y).alignment / 2)
    assert tolerance(z, np.zeros(61, int)) == pytest.approx(mean_similarity(z))
    assert tolerance(np.ones((4, 3)), np.arange(4) % 2) == pytest.approx(1)
    with pytest.raises(InputError, match="no label has two items"):
        tolerance(z, np.arange(61))
