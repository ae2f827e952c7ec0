from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.collapse import dimension, intrinsic_dimension
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.label_sets import LabelSets


def plain(z, k):
    """TwoNN and maximum likelihood of distinct rows, from all distances."""
    u, ratios, means = unit(z), [], []
    for i in range(len(u)):
        nearest = sorted(math.dist(u[i], u[j]) for j in range(len(u)) if j != i)[:k]
        ratios.append(math.log(nearest[1] / nearest[0]))
        means.append(sum(math.log(nearest[-1] / one) for one in nearest[:-1]) / (k - 1))
    ratios = sorted(ratios)[: int(0.9 * len(u))]
    heights = [-math.log(1 - (i + 1) / len(u)) for i in range(len(ratios))]
    slope = sum(x * y for x, y in zip(ratios, heights, strict=True)) / sum(x * x for x in ratios)
    return slope, 1 / (sum(means) / len(means))


@pytest.mark.parametrize("k", [2, 5, 20])
def test_both_estimates_are_those_of_plain_loops(k):
    z, _ = blobs(n=150, dim=7, spread=1.0)
    found = intrinsic_dimension(z, k=k)
    assert (found.twonn, found.mle) == pytest.approx(plain(z, k), rel=1e-7)
    assert (found.k, found.n, found.n_duplicates) == (k, 150, 0)


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_points_of_a_sphere_have_its_dimension(dim):
    random = np.random.default_rng(0)
    points = random.normal(size=(2000, dim + 1))
    turned = points @ np.linalg.qr(random.normal(size=(16, 16)))[0][: dim + 1]
    found = intrinsic_dimension(turned)
    assert found.twonn == pytest.approx(dim, rel=0.08)
    assert found.mle == pytest.approx(dim, rel=0.08)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(1e-3, 1e3))
def test_rotation_scale_and_order_change_nothing(seed, scale):
    z = blobs(n=50, dim=5, spread=1.0, seed=seed)[0].astype(float)
    random = np.random.default_rng(seed)
    moved = scale * (z @ np.linalg.qr(random.normal(size=(5, 5)))[0])[random.permutation(50)]
    one, other = intrinsic_dimension(z, k=7), intrinsic_dimension(moved, k=7)
    assert (other.twonn, other.mle) == pytest.approx((one.twonn, one.mle), rel=1e-6)


def test_of_many_items_some_are_measured_with_their_neighbours_among_all(monkeypatch):
    z, _ = blobs(n=150, dim=7, spread=1.0)
    z = np.vstack([z, z[:9]])
    monkeypatch.setattr(dimension, "MEASURED", 60)
    found = intrinsic_dimension(z, k=5)
    assert (found.n, found.n_duplicates) == (60, 9)
    u = unit(z[:150])
    drawn = np.random.default_rng(0).choice(150, 60, replace=False)
    nearest = [sorted(math.dist(u[i], u[j]) for j in range(150) if j != i)[:5] for i in drawn]
    means = [sum(math.log(row[-1] / one) for one in row[:-1]) / 4 for row in nearest]
    assert found.mle == pytest.approx(60 / sum(means), rel=1e-7)


def test_copies_are_measured_once():
    z, _ = blobs(n=60, dim=5, spread=1.0)
    alone, copied = intrinsic_dimension(z), intrinsic_dimension(np.vstack([z, z[:20], z[:5]]))
    assert (copied.twonn, copied.mle, copied.n) == (alone.twonn, alone.mle, 60)
    assert copied.n_duplicates == 25
    scaled = intrinsic_dimension(np.vstack([z, 3 * z[:2]]))  # of one direction: no ratio of distances
    assert (scaled.n, scaled.n_duplicates) == (58, 4)
    assert scaled.twonn == pytest.approx(alone.twonn, rel=0.1)


def test_few_items_have_as_many_neighbours_as_there_are_or_no_dimension():
    z, _ = blobs(n=6, dim=4, spread=1.0)
    found = intrinsic_dimension(z)
    assert found.k == 5
    assert found.mle == pytest.approx(plain(z, 5)[1])
    for few in (z[:1], z[:2], np.ones((9, 4)), np.repeat(z[:2], 4, axis=0)):
        lost = intrinsic_dimension(few)
        assert math.isnan(lost.twonn)
        assert math.isnan(lost.mle)
        assert lost.n + lost.n_duplicates == len(few)


def test_equidistant_items_have_no_finite_dimension():
    found = intrinsic_dimension(np.eye(6))
    assert math.isnan(found.twonn)
    assert math.isnan(found.mle)


def test_scores_use_the_neighbours_of_the_settings():
    z, y = blobs(n=80, dim=6, spread=1.0)
    names = ["intrinsic_dim_twonn", "intrinsic_dim_mle"]
    values = score(z, y, names, settings=ScoreSettings(id_k=6))
    assert values == pytest.approx(dict(zip(names, plain(z, 6), strict=True)))
    assert score(z, np.zeros(80, int), names[:1]) == score(z, y, names[:1])


def test_refusals_say_what_is_needed():
    z, _ = blobs(n=6)
    with pytest.raises(InputError, match="k is 1; .* needs 2 neighbours or more"):
        intrinsic_dimension(z, k=1)
    with pytest.raises(InputError, match="zero vector"):
        intrinsic_dimension(np.zeros((4, 2)))
    with pytest.raises(InputError, match="shape"):
        intrinsic_dimension(np.ones(3))


def test_items_with_sets_of_labels_have_what_needs_no_classes():
    z, _ = blobs(n=30, dim=6, spread=1.0)
    sets = LabelSets.of_lists([[row % 3, 3 + row % 2] for row in range(30)])
    names = ["alpha", "intrinsic_dim_twonn", "intrinsic_dim_mle"]
    expected = score(z, np.zeros(30, int), names, settings=ScoreSettings(alpha_range=(1, 6)))
    assert score(z, sets, names, settings=ScoreSettings(alpha_range=(1, 6))) == expected
    for name in ("nc1", "tolerance", "lidar", "opis"):
        with pytest.raises(InputError, match=f"{name}: one label per item is needed"):
            score(z, sets, [name])
