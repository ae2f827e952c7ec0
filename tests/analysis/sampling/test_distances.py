from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, distances_of_pairs, unit

from embedlens import InputError
from embedlens.analysis.sampling.distances import histogram, pair_distances
from embedlens.analysis.spectrum.values import spectrum


def by_loops(z, y):
    """Distances of genuine and of impostor pairs, and the squares of all similarities."""
    rows = unit(z)
    squares = [float(a @ b) ** 2 for a, b in itertools.combinations(rows, 2)]
    return *distances_of_pairs(z, y), np.array(squares)


def test_all_pairs_are_those_of_plain_loops():
    z, y = blobs(n=50, classes=7, dim=5)
    result = pair_distances(z, y)
    positive, negative, squares = by_loops(z, y)
    for told, there, loop in (
        (result.positive, result.n_positive, positive),
        (result.negative, result.n_negative, negative),
    ):
        assert told.n == there == loop.size
        assert told.mean == pytest.approx(loop.mean(), abs=1e-9)
        np.testing.assert_array_equal(told.count, np.histogram(loop, np.linspace(0, 2, 1001))[0])
        assert told.density.sum() * 0.002 == pytest.approx(1)
    assert result.dim == 5
    assert result.effective_dim == pytest.approx(1 / squares.mean())


def test_effective_dim_is_d_on_a_full_sphere_and_1_after_collapse():
    random = np.random.default_rng(0)
    y = np.arange(3000) % 10
    assert pair_distances(random.normal(size=(3000, 24)), y, pairs=10).effective_dim == pytest.approx(
        24, 0.03
    )
    line = np.ones((3000, 24)) + 1e-6 * random.normal(size=(3000, 24))
    assert pair_distances(line, y, pairs=10).effective_dim == pytest.approx(1, abs=1e-6)
    assert pair_distances(np.eye(4), np.arange(4) % 2).effective_dim == np.inf


def test_effective_dim_nears_the_participation_ratio_of_the_uncentred_spectrum():
    z, y = blobs(n=2000, dim=12, classes=40)
    sigma = spectrum(z, center=False).singular_values
    ratio = (sigma**2).sum() ** 2 / (sigma**4).sum()
    assert pair_distances(z, y, pairs=10).effective_dim == pytest.approx(ratio, rel=0.02)


def test_of_many_pairs_so_many_are_drawn_by_seed():
    z, y = blobs(n=400, classes=5)
    every, drawn = pair_distances(z, y), pair_distances(z, y, pairs=3000)
    assert (drawn.positive.n, drawn.negative.n) == (3000, 3000)
    assert (drawn.n_positive, drawn.n_negative) == (every.positive.n, every.negative.n)
    for kind in ("positive", "negative"):
        one, all_ = getattr(drawn, kind), getattr(every, kind)
        spread = all_.quantile(0.84) - all_.quantile(0.16)
        assert abs(one.mean - all_.mean) < 4 * spread / np.sqrt(3000)
    again, other = pair_distances(z, y, pairs=3000), pair_distances(z, y, pairs=3000, seed=1)
    np.testing.assert_array_equal(again.negative.count, drawn.negative.count)
    assert (other.negative.count != drawn.negative.count).any()
    assert drawn.effective_dim == every.effective_dim


def test_every_pair_is_equally_likely():
    """Classes of 2 and 4 items at angles whose distances all differ: each pair has its own bin."""
    angle = np.radians([0, 3, 10, 24, 51, 97])
    z, y = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.array([0, 1, 1, 0, 1, 1])
    every = pair_distances(z, y)
    for kind, n in (("positive", 7), ("negative", 8)):
        there = getattr(every, kind).count
        assert sorted(there[there > 0]) == [1] * n
        sums = sum(getattr(pair_distances(z, y, pairs=6, seed=seed), kind).count for seed in range(500))
        assert sums[there == 0].sum() == 0
        expected = 3000 / n
        assert ((sums[there > 0] - expected) ** 2 / expected).sum() < 26  # chi-squared, p = 0.0005


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rotation_scaling_order_and_names_of_labels_do_not_matter(seed):
    random = np.random.default_rng(seed)
    z, y = blobs(n=30, dim=6, classes=4, seed=seed % 1000)
    first = pair_distances(z, y)
    order, turn = random.permutation(30), np.linalg.qr(random.normal(size=(6, 6)))[0]
    scale = random.uniform(0.1, 10, size=(30, 1))
    other = pair_distances((z.astype(np.float64) * scale) @ turn, y * -7 + 2**40)
    third = pair_distances(z[order], y[order])
    for result in (other, third):
        assert (result.n_positive, result.n_negative) == (first.n_positive, first.n_negative)
        assert result.effective_dim == pytest.approx(first.effective_dim)
        for kind in ("positive", "negative"):
            assert getattr(result, kind).mean == pytest.approx(getattr(first, kind).mean)
            assert getattr(result, kind).quantile(0.5) == pytest.approx(
                getattr(first, kind).quantile(0.5), abs=0.003
            )


def test_large_labels_stay_apart():
    result = pair_distances(np.eye(3), np.array([2**24, 2**24 + 1, 2**24 + 1]))
    assert (result.n_positive, result.n_negative) == (1, 2)


def test_one_kind_of_pairs_alone_is_fine():
    z, _ = blobs(n=10)
    apart, together = pair_distances(z, np.arange(10)), pair_distances(z, np.zeros(10, int))
    assert (apart.positive.n, apart.negative.n) == (0, 45)
    assert (together.positive.n, together.negative.n) == (45, 0)
    assert np.isnan(apart.positive.mean)
    assert apart.positive.density.sum() == 0
    assert np.isnan(apart.positive.quantile(0.5))


def test_quantiles_and_merged_bins():
    result = histogram(np.array([0.1001, 0.5, 0.9001, 2.0, 2.0 + 1e-12]))
    assert result.n == 5
    assert result.count[-1] == 2
    assert result.quantile(0) == pytest.approx(0.1, abs=0.003)
    assert result.quantile(0.2) == pytest.approx(0.1, abs=0.003)
    assert result.quantile(0.4) == pytest.approx(0.5, abs=0.003)
    assert result.quantile(1) == 2
    d = np.random.default_rng(0).uniform(0.3, 1.7, size=20_000)
    for share in (0.05, 0.25, 0.5, 0.95):
        assert histogram(d).quantile(share) == pytest.approx(np.quantile(d, share), abs=0.002)
    merged = histogram(d).merged(10)
    np.testing.assert_array_equal(merged.count, np.histogram(d, np.linspace(0, 2, 11))[0])
    np.testing.assert_allclose(merged.edges, np.linspace(0, 2, 11))
    assert merged.mean == pytest.approx(d.mean())
    assert list(merged.columns()) == ["low", "high", "count", "density"]
    with pytest.raises(InputError, match="divisor"):
        merged.merged(3)


def test_refused():
    z, y = blobs(n=10)
    with pytest.raises(InputError, match="1 items"):
        pair_distances(z[:1], y[:1])
    with pytest.raises(InputError, match="0 pairs"):
        pair_distances(z, y, pairs=0)
    with pytest.raises(InputError, match="zero vector"):
        pair_distances(np.zeros((10, 3)), y)
    with pytest.raises(InputError, match="10 labels"):
        pair_distances(z[:5], y)
