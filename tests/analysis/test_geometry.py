from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.geometry import class_distances, uniformity
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
