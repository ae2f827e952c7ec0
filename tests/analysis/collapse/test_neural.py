from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.collapse import class_moments, neural, neural_collapse
from embedlens.analysis.scores import score

NAMES = ("nc1", "nc2_norms", "nc2_angles", "nc2_max_angles", "lidar")


def plain(z, y, delta=1e-4):
    """NC1, NC2 and LiDAR of normalised rows, item by item and pair by pair."""
    u, classes, dim = unit(z), sorted(set(y.tolist())), z.shape[1]
    means = {c: np.mean([u[i] for i in range(len(u)) if y[i] == c], axis=0) for c in classes}
    centre = np.mean(list(means.values()), axis=0)
    within, between = np.zeros((dim, dim)), np.zeros((dim, dim))
    for i in range(len(u)):
        within += np.outer(u[i] - means[y[i]], u[i] - means[y[i]]) / len(u)
    for c in classes:
        between += np.outer(means[c] - centre, means[c] - centre) / len(classes)
    arms = [means[c] - centre for c in classes]
    lengths = [math.sqrt(arm @ arm) for arm in arms]
    cosines = [a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b)) for a, b in itertools.combinations(arms, 2)]
    values, vectors = np.linalg.eigh(within + delta * np.eye(dim))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    p = np.linalg.eigvalsh(root @ between @ root)
    p = p[p > 1e-12 * p.max()] / p.sum()
    return {
        "nc1": np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / len(classes),
        "nc2_norms": np.std(lengths) / np.mean(lengths),
        "nc2_angles": np.std(cosines),
        "nc2_max_angles": np.mean([abs(c + 1 / (len(classes) - 1)) for c in cosines]),
        "lidar": math.exp(-np.sum(p * np.log(p))),
    }


def found(z, y):
    return {name: value for name, value in neural_collapse(z, y).summary().items() if name in NAMES}


def simplex(classes, dim, sizes, spread=0.0, seed=0):
    """Classes around the corners of a simplex, in a random rotation of the first dims."""
    random = np.random.default_rng(seed)
    corners = np.eye(classes) - 1 / classes
    rotation = np.linalg.qr(random.normal(size=(dim, dim)))[0]
    y = np.repeat(np.arange(classes), sizes)
    return (corners @ rotation[:classes])[y] + spread * random.normal(size=(y.size, dim)), y


@pytest.mark.parametrize(("classes", "dim"), [(3, 12), (12, 5), (7, 7)])
@pytest.mark.parametrize("block", [1, 8, 1 << 13])
def test_all_numbers_are_those_of_plain_loops(classes, dim, block, monkeypatch):
    from embedlens.analysis.collapse import moments

    monkeypatch.setattr(moments, "_ROWS", block)
    monkeypatch.setattr(neural, "_ROWS", 3)
    z, y = blobs(n=90, dim=dim, classes=classes, spread=0.8)
    y[:2] = [50, 51]  # singletons
    assert found(z, y) == pytest.approx(plain(z, y), rel=1e-9)


@pytest.mark.parametrize("sizes", [4, [2, 3, 4, 5, 30]])
def test_a_simplex_has_no_nc2_whatever_the_sizes_of_its_classes(sizes):
    z, y = simplex(5, 9, sizes)
    values = found(z, y)
    assert values["nc1"] == pytest.approx(0, abs=1e-25)
    assert [values[name] for name in NAMES[1:4]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert values["lidar"] == pytest.approx(4)


def test_nc1_of_two_points_with_known_scatter():
    # Classes at (±cos a, ±sin a) by turns: means (0, ±sin a), within cos² a along x, where means do not vary.
    z = np.array([[0.8, 0.6], [-0.8, 0.6], [0.8, -0.6], [-0.8, -0.6]])
    assert found(z, np.array([0, 0, 1, 1]))["nc1"] == pytest.approx(0, abs=1e-25)
    # Turned by class: means (±0.6, 0); within 0.64 along y, which the pseudo-inverse leaves out.
    values = found(np.array([[0.6, 0.8], [0.6, -0.8], [-1, 0], [-1, 0]]), np.array([0, 0, 1, 1]))
    assert values["nc1"] == pytest.approx(0, abs=1e-25)
    assert values["nc2_norms"] == pytest.approx(0)
    # Scatter along the line of the means: u = ±1 in one class, 1 in the other: means 0 and 1, centre 1/2.
    values = found(np.array([[1.0], [-1.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]))
    assert values["nc1"] == pytest.approx((0.5 / 0.25) / 2)


def test_scatter_of_collapsed_classes_is_not_lost_in_rounding():
    z, y = simplex(5, 9, 20, spread=1e-7)
    assert found(z, y) == pytest.approx(plain(z, y), rel=1e-6, abs=1e-15)
    assert 1e-15 < found(z, y)["nc1"] < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(1e-3, 1e3))
def test_rotation_scale_order_and_names_change_nothing(seed, scale):
    z, y = blobs(n=40, dim=6, classes=5, spread=0.7, seed=seed)
    random = np.random.default_rng(seed)
    rotation, order = np.linalg.qr(random.normal(size=(6, 6)))[0], random.permutation(40)
    moved = scale * (z.astype(float) @ rotation)[order]
    assert found(moved, 100 - y[order]) == pytest.approx(found(z.astype(float), y), rel=1e-7)


def test_equal_class_means_have_no_numbers():
    line = np.array([[1.0, 0.0], [0.0, 1.0]])
    for z, y in ((np.ones((6, 3)), np.arange(6) % 2), (np.tile(line, (2, 1)), np.array([0, 0, 1, 1]))):
        assert all(math.isnan(value) for value in found(z, y).values())


def test_rounding_of_dead_directions_is_not_a_class_mean():
    z, y = blobs(n=200, dim=3, classes=8, spread=0.5)
    noise = np.random.default_rng(1).normal(size=(200, 5)) * 1e-8
    wide = np.hstack([z, noise]).astype(np.float32)
    assert found(wide, y) == pytest.approx(found(z, y), rel=1e-3)


def test_refusals_say_what_is_needed():
    z, _ = blobs(n=6)
    with pytest.raises(InputError, match="one label; distances between classes need two"):
        neural_collapse(z, np.zeros(6, int))
    with pytest.raises(InputError, match="no label has two items"):
        neural_collapse(z, np.arange(6))
    with pytest.raises(InputError, match="row 2 is a zero vector"):
        neural_collapse(np.where(np.arange(6)[:, None] == 2, 0, z), np.arange(6) % 2)
    with pytest.raises(InputError, match="all items have one label"):
        score(z, np.zeros(6, int), ["nc1"])


def test_moments_are_a_table_of_classes():
    z, y = blobs(n=30, dim=4, classes=3)
    moments = class_moments(z, y)
    table = moments.columns()
    assert table["n"].tolist() == [10, 10, 10]
    means = np.stack([unit(z)[y == c].mean(axis=0) for c in range(3)])
    expected = np.linalg.norm(means - means.mean(axis=0), axis=1)
    assert table["distance_from_centre"] == pytest.approx(expected)
    assert moments.summary()["between"] == pytest.approx(np.mean(expected**2))
