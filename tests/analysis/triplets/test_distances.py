from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from support import blobs, brute_force

from embedlens import InputError
from embedlens.analysis.triplets.distances import Distances, distances, ecdf, histograms
from embedlens.analysis.triplets.nearest import follow_triplets, nearest_triplets
from embedlens.analysis.triplets.paired import (
    agree,
    compare,
    compare_choices,
    resampled_medians,
    signed_rank_p,
)

numbers = st.lists(st.integers(-8, 8), min_size=1, max_size=40)


def sample(values):
    values = np.asarray(values, dtype=np.float64)
    return Distances(np.arange(values.size), values, 0)


def test_distances_are_those_of_plain_loops():
    z, y = blobs(n=40, spread=1.2)
    y = y.copy()
    y[8] = 50
    found = distances(nearest_triplets(z, y))
    rows = brute_force(z, y)
    expected = [((1 - p[0]) ** 2 + n[0] ** 2) ** 0.5 for _, p, n in rows]
    np.testing.assert_allclose(found.distance, expected, atol=1e-12)
    assert found.anchor.tolist() == [row[0] for row in rows]
    assert found.n_singletons == 1
    assert found.mean == pytest.approx(sum(expected) / 39)
    assert found.median == pytest.approx(sorted(expected)[19])
    assert set(found.columns()) == {"anchor", "distance"}


def test_histograms_share_bins_and_hold_every_dot():
    random = np.random.default_rng(0)
    samples = {"a": sample(random.uniform(0.42, 0.9, 200)), "b": sample(random.uniform(0.6, 1.17, 300))}
    found = histograms(samples, bins=16)
    edges = found["a"].edges
    np.testing.assert_array_equal(edges, found["b"].edges)
    np.testing.assert_allclose(edges, np.linspace(0.4, 1.2, 17))
    for name, histogram in found.items():
        values = samples[name].distance
        for low, high, count in zip(edges[:-1], edges[1:], histogram.count, strict=True):
            assert count == sum(low <= value < high for value in values)
        assert histogram.count.sum() == values.size
        assert histogram.mean == samples[name].mean
        assert histogram.columns()["low"].tolist() == edges[:-1].tolist()


@given(values=st.lists(st.floats(0, 2.3), min_size=1, max_size=30), bins=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_no_dot_is_lost_between_bins(values, bins):
    found = histograms({"a": sample(values)}, bins=bins)["a"]
    assert found.count.sum() == len(values)
    assert (np.diff(found.edges) > 0).all()


def test_ecdf_is_the_share_at_most_so_far():
    values = [0.5, 0.2, 0.9, 0.5]
    found = ecdf(sample(values))
    assert found.distance.tolist() == sorted(values)
    for x in (0.1, 0.2, 0.5, 0.7, 0.9, 1.0):
        reached = found.fraction[found.distance <= x]
        assert (reached[-1] if reached.size else 0.0) == np.mean(np.array(values) <= x)


@pytest.mark.parametrize(
    "values", [[3.0], [1.0, 5.0], [2.0, 3.0, 7.0], [1.0, 2.0, 4.0, 8.0], [1.0, 1.0, 6.0, 7.0, 9.0]]
)
def test_medians_of_resamples_have_the_exact_distribution(values):
    """Against all n^n resamples, each as likely as any other."""
    n = len(values)
    every = np.median(list(itertools.product(values, repeat=n)), axis=1)
    draws = 40_000
    drawn = resampled_medians(values, resamples=draws, seed=n)
    assert set(drawn) <= set(every)
    for value in set(every):
        share = np.mean(every == value)
        assert np.mean(drawn == value) == pytest.approx(share, abs=5 * math.sqrt(share / draws) + 1e-12)


@pytest.mark.parametrize("n", [40, 41])
def test_medians_of_resamples_are_distributed_like_plain_resampling(n):
    random = np.random.default_rng(n)
    values = random.normal(size=n)
    plain = np.median(random.choice(values, size=(20_000, n)), axis=1)
    assert ks_2samp(plain, resampled_medians(values, resamples=20_000, seed=1)).statistic < 0.02


def test_the_bootstrap_is_fast_and_has_the_known_spread():
    """The median of n normal numbers has the standard deviation sqrt(pi / 2 n)."""
    values = np.random.default_rng(0).normal(size=10_000)
    resampled_medians(values)
    started = time.perf_counter()
    spread = resampled_medians(values, resamples=2_000).std()
    assert time.perf_counter() - started < 0.5
    assert spread == pytest.approx(math.sqrt(math.pi / 2 / 10_000), rel=0.25)


def mean_ranks(sizes):
    return [
        sum(other < size for other in sizes) + (sum(other == size for other in sizes) + 1) / 2
        for size in sizes
    ]


@pytest.mark.parametrize("seed", range(4))
def test_small_untied_p_is_that_of_all_signs(seed):
    values = np.random.default_rng(seed).normal(0.5, 1, 9).tolist()
    ranks = mean_ranks([abs(value) for value in values])
    centre = sum(ranks) / 2
    reached = abs(sum(rank for rank, value in zip(ranks, values, strict=True) if value > 0) - centre)
    every = [
        abs(sum(itertools.compress(ranks, signs)) - centre) for signs in itertools.product((0, 1), repeat=9)
    ]
    expected = np.mean([size >= reached - 1e-9 for size in every])
    assert signed_rank_p(values) == pytest.approx(expected, abs=1e-12)
    assert signed_rank_p([*values, 0.0, 0.0]) == pytest.approx(expected, abs=1e-12)


def test_tied_p_is_the_normal_approximation_corrected_for_ties():
    values = np.random.default_rng(2).integers(-4, 7, 80).astype(float)
    kept = [value for value in values if value != 0]
    ranks = mean_ranks([abs(value) for value in kept])
    n = len(kept)
    plus = sum(rank for rank, value in zip(ranks, kept, strict=True) if value > 0)
    ties = sum(count**3 - count for count in np.unique(np.abs(kept), return_counts=True)[1].tolist())
    deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48)
    expected = math.erfc(abs(plus - n * (n + 1) / 4) / deviation / math.sqrt(2))
    assert signed_rank_p(values) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("values", [[0.0], [0.0] * 500])
def test_differences_that_are_all_zero(values):
    assert signed_rank_p(values) == 1.0
    found = compare(sample(values), sample(values))
    assert (found.difference, found.low, found.high, found.n_zero) == (0, 0, 0, len(values))
    assert found.nearer == ""
    assert found.p_value == 1.0


def test_a_comparison_says_which_is_nearer():
    random = np.random.default_rng(0)
    first, shift = random.uniform(0.5, 1, 400), random.normal(-0.1, 0.05, 400)
    found = compare(sample(first), sample(first + shift), names=("a", "b"), reference="a, epoch 3", seed=5)
    assert found.difference == pytest.approx(np.median(shift), abs=1e-12)
    plain = np.median(random.choice(shift, size=(4_000, 400)), axis=1)
    assert [found.low, found.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.002)
    assert found.nearer == "b"
    assert found.fraction == np.mean(first + shift < first)
    assert found.p_value < 1e-30
    assert found.summary()["triplets_of"] == "a, epoch 3"
    other = compare(sample(first + shift), sample(first), names=("b", "a"))
    assert other.nearer == "b"
    assert (other.difference, other.p_value) == pytest.approx((-found.difference, found.p_value), abs=1e-12)
    assert compare(sample(first), sample(first + shift - np.median(shift))).nearer == ""
    again = compare(sample(first), sample(first + shift), seed=5)
    assert (again.low, again.high) == (found.low, found.high)


def test_a_state_is_nearer_on_the_triplets_that_the_other_one_chose():
    """A nearest negative falls back in another embedding, while a class of two has one positive only."""
    (z, y), (other, _) = (blobs(classes=30, seed=seed) for seed in (0, 1))
    chosen = {name: nearest_triplets(one, y) for name, one in (("z", z), ("other", other))}
    followed = {name: (follow_triplets(z, one), follow_triplets(other, one)) for name, one in chosen.items()}
    found = compare_choices(followed, names=("z", "other"), resamples=500, seed=3)
    assert [one.reference for one in found] == ["z", "other"]
    for one, sides in zip(found, followed.values(), strict=True):
        pair = [distances(side) for side in sides]
        alone = compare(*pair, names=("z", "other"), reference=one.reference, resamples=500, seed=3)
        assert one.summary() == alone.summary()
        assert one.difference == np.median(pair[1].distance - pair[0].distance)
    assert [one.nearer for one in found] == ["other", "z"]
    assert not agree(found)
    assert agree(found[:1])
    assert agree([])


def test_the_summary_of_distances():
    z, y = blobs(n=20, classes=3)
    found = distances(nearest_triplets(z, y))
    expected = {"n": 20, "n_singletons": 0, "mean_distance": found.mean, "median_distance": found.median}
    assert found.summary() == expected


@given(values=numbers, order=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_row_order_does_not_matter(values, order):
    shuffled = np.random.default_rng(order).permutation(values)
    zero = sample(np.zeros(len(values)))
    one, other = compare(zero, sample(values)), compare(zero, sample(shuffled))
    assert (one.difference, one.low, one.high, one.fraction) == (
        other.difference,
        other.low,
        other.high,
        other.fraction,
    )
    assert one.p_value == pytest.approx(other.p_value, abs=1e-12)
    assert one.low <= one.difference <= one.high or len(values) < 4


def test_what_is_refused():
    some = sample([0.1, 0.2])
    with pytest.raises(InputError, match="0 bins requested"):
        histograms({"a": some}, bins=0)
    with pytest.raises(InputError, match="no distances given"):
        histograms({})
    with pytest.raises(InputError, match="other anchors"):
        compare(some, sample([0.1, 0.2, 0.3]))
    with pytest.raises(InputError, match="0 resamples of 2 values"):
        compare(some, some, resamples=0)
    with pytest.raises(InputError, match="resamples of 0 values"):
        resampled_medians([])
