from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from support import blobs, brute_force

from embedlens import InputError
from embedlens.analysis.triplets.nearest import (
    Triplets,
    follow_triplets,
    ideal_distance,
    nearest_triplets,
    summarise,
)

sets = st.builds(
    lambda n, dim, classes, seed: blobs(n=n, dim=dim, classes=classes, spread=1.0, seed=seed),
    n=st.integers(14, 50),
    dim=st.integers(2, 8),
    classes=st.integers(2, 7),
    seed=st.integers(0, 10_000),
)


def test_numbers_are_those_of_plain_loops():
    z, y = blobs(n=70, spread=1.5)
    y = y.copy()
    y[5], y[9] = 100, 101
    found = nearest_triplets(z, y)
    rows = brute_force(z, y)
    assert found.anchor.tolist() == [row[0] for row in rows]
    assert found.positive.tolist() == [row[1][1] for row in rows]
    assert found.negative.tolist() == [row[2][1] for row in rows]
    np.testing.assert_allclose(found.s_ap, [row[1][0] for row in rows], atol=1e-13)
    np.testing.assert_allclose(found.s_an, [row[2][0] for row in rows], atol=1e-13)
    assert found.n_singletons == 2
    numbers = summarise(found)
    pairs = [(row[1][0], row[2][0]) for row in rows]
    assert numbers.n == 68
    assert numbers.below_diagonal == np.mean([n < p for p, n in pairs])
    assert numbers.above_diagonal == np.mean([n > p for p, n in pairs])
    assert numbers.top_right == np.mean([p > 0.8 and n > 0.8 for p, n in pairs])
    assert numbers.right_boundary == np.mean([p > 0.95 for p, _ in pairs])
    distances = [((1 - p) ** 2 + n**2) ** 0.5 for p, n in pairs]
    assert numbers.mean_ideal_distance == pytest.approx(np.mean(distances), abs=1e-13)
    np.testing.assert_allclose(ideal_distance(found), distances, atol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_recall_at_1_is_that_of_pytorch_metric_learning(seed):
    """On data without ties and singletons, about which the two differ."""
    z, y = blobs(n=400, dim=16, classes=20, spread=2.0, seed=seed)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    theirs = AccuracyCalculator(include=("precision_at_1",), k=1).get_accuracy(unit, y)["precision_at_1"]
    assert summarise(nearest_triplets(z, y)).below_diagonal == pytest.approx(theirs, abs=1e-12)


def test_closed_form():
    angles = np.radians([0, 10, 90, 130])
    z = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = nearest_triplets(z, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(found.s_ap, np.cos(np.radians([10, 10, 40, 40])), atol=1e-15)
    np.testing.assert_allclose(found.s_an, np.cos(np.radians([90, 80, 80, 120])), atol=1e-15)


@given(data=sets, seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_row_order_does_not_matter(data, seed):
    z, y = data
    order = np.random.default_rng(seed).permutation(len(y))
    plain, shuffled = nearest_triplets(z, y), nearest_triplets(z[order], y[order])
    np.testing.assert_array_equal(plain.s_ap[order], shuffled.s_ap)
    np.testing.assert_array_equal(plain.s_an[order], shuffled.s_an)
    assert summarise(plain).below_diagonal == summarise(shuffled).below_diagonal


@given(data=sets, seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_names_of_labels_do_not_matter(data, seed):
    z, y = data
    names = np.random.default_rng(seed).choice(10**15, y.max() + 1, replace=False) - 10**14
    for one, other in zip(
        nearest_triplets(z, y).columns().values(),
        nearest_triplets(z, names[y]).columns().values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@given(data=sets, seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_rotation_changes_rounding_only(data, seed):
    z, y = data
    random = np.random.default_rng(seed)
    rotation = np.linalg.qr(random.normal(size=(z.shape[1], z.shape[1])))[0]
    plain, turned = nearest_triplets(z, y), nearest_triplets(z.astype(np.float64) @ rotation, y)
    np.testing.assert_allclose(plain.s_ap, turned.s_ap, atol=1e-12)
    np.testing.assert_allclose(plain.s_an, turned.s_an, atol=1e-12)


@given(data=sets, seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_scaling_rows_by_powers_of_two_changes_nothing(data, seed):
    z, y = data
    scale = 2.0 ** np.random.default_rng(seed).integers(-10, 11, len(y))
    plain, scaled = nearest_triplets(z, y), nearest_triplets(z * scale[:, None].astype(np.float32), y)
    np.testing.assert_array_equal(plain.s_ap, scaled.s_ap)
    np.testing.assert_array_equal(plain.s_an, scaled.s_an)


def test_duplicates_across_classes_lie_on_the_diagonal():
    z, y = blobs(n=12, classes=2)
    z[1] = z[0]
    z[2] = z[0]
    numbers = summarise(nearest_triplets(z[:3], np.array([0, 0, 1])))
    assert numbers.below_diagonal == numbers.above_diagonal == 0
    assert numbers.n == 2


def test_followed_triplets_keep_their_items():
    z, y = blobs(n=50, seed=1)
    later, _ = blobs(n=50, seed=2)
    chosen = nearest_triplets(z, y)
    again = follow_triplets(z, chosen)
    moved = follow_triplets(later, chosen)
    np.testing.assert_array_equal(again.s_ap, chosen.s_ap)
    np.testing.assert_array_equal(again.s_an, chosen.s_an)
    np.testing.assert_array_equal(moved.positive, chosen.positive)
    unit = later.astype(np.float64) / np.linalg.norm(later.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(moved.s_an, (unit[chosen.anchor] * unit[chosen.negative]).sum(1), atol=1e-14)
    assert (chosen.choice, moved.choice) == ("nearest", "fixed")
    assert "recall_at_1" in summarise(chosen).summary()
    assert "below_diagonal" in summarise(moved).summary()
    assert "recall_at_1" not in summarise(moved).summary()


def test_followed_items_must_be_there():
    z, y = blobs(n=50)
    with pytest.raises(InputError, match="item 59, but the embeddings have 50 rows"):
        follow_triplets(z, nearest_triplets(*blobs(n=60)))
    assert isinstance(follow_triplets(z, nearest_triplets(z, y)), Triplets)


def test_what_has_no_triplets():
    z, _ = blobs(n=10)
    with pytest.raises(InputError, match="all items have one label"):
        nearest_triplets(z, np.zeros(10, int))
    with pytest.raises(InputError, match="no label has two items"):
        nearest_triplets(z, np.arange(10))
