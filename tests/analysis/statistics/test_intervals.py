"""Bootstrap intervals against scipy's own, plain loops, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from embedlens import InputError
from embedlens.analysis.statistics import intervals, over_classes, over_seeds_and_classes

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.permutation(np.repeat(np.arange(12), np.arange(2, 14)))
VALUES = RANDOM.choice([-1.0, 0, 0, 0, 1], size=LABELS.size) + 0.3 * (LABELS == 3)


def _of_classes(values=VALUES, labels=LABELS):
    known = np.unique(labels)
    return [values[labels == label].tolist() for label in known]


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_bca_is_scipys_on_the_same_draws(confidence):
    classes = _of_classes()
    sums, counts = (np.array([f(one) for one in classes]) for f in (sum, len))
    wanted = bootstrap(
        (sums, counts), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True, n_resamples=500,
        confidence_level=confidence, method="BCa", rng=np.random.default_rng(7), vectorized=True,
    ).confidence_interval  # fmt: skip
    found = over_classes(VALUES, LABELS, resamples=500, seed=7, confidence=confidence)
    assert found.value == pytest.approx(VALUES.mean(), abs=1e-15)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert (found.n, found.n_classes, found.n_seeds) == (LABELS.size, 12, 1)


def test_resamples_in_several_blocks_are_those_of_one(monkeypatch):
    whole = over_classes(VALUES, LABELS, resamples=100)
    monkeypatch.setattr(intervals, "_DRAWN", 12 * 8)
    assert over_classes(VALUES, LABELS, resamples=100) == whole


def test_seeds_and_classes_by_a_plain_loop():
    first, second = RANDOM.random((3, LABELS.size)), RANDOM.random((3, LABELS.size))
    found = over_seeds_and_classes(first, second, LABELS, paired=True, resamples=60, seed=2)
    random, known = np.random.default_rng(2), np.unique(LABELS)
    drawn = random.integers(12, size=(60, 12))
    chosen = random.integers(3, size=(60, 2))
    means = []
    for classes, seeds in zip(drawn, chosen, strict=True):
        items = [i for place in classes for i in np.flatnonzero(LABELS == known[place])]
        means.append(np.mean([[second[s, i] - first[s, i] for i in items] for s in seeds]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=1e-12)
    assert found.value == pytest.approx((second - first).mean(), abs=1e-15)
    assert found.n_seeds == 3


def test_groups_that_are_not_paired_may_differ_in_size():
    first, second = RANDOM.random((2, LABELS.size)), 0.2 + RANDOM.random((4, LABELS.size))
    found = over_seeds_and_classes(first, second, LABELS, paired=False, resamples=300)
    assert found.value == pytest.approx(second.mean() - first.mean(), abs=1e-15)
    assert found.low < found.value < found.high
    assert found.n_seeds == 2
    with pytest.raises(InputError, match="paired groups of 2 and 4 runs"):
        over_seeds_and_classes(first, second, LABELS, paired=True)


def test_seeds_that_differ_widen_the_interval_by_the_variance_of_their_mean():
    effects = np.array([-0.3, 0.0, 0.1, 0.2])  # of seeds, the same for all items: classes add nothing
    second = np.repeat(effects[:, None], LABELS.size, axis=1)
    one = over_seeds_and_classes(0 * second, second, LABELS, paired=True, resamples=20_000)
    # 3 of 4 seeds are drawn: one seed alone in 1 of 64 resamples, beyond it the next triple in 3 more.
    assert (one.low, one.high) == pytest.approx((-0.6 / 3, 0.5 / 3), abs=1e-12)
    draws = np.random.default_rng(0).choice(effects, size=(200_000, 3)).mean(axis=1)
    assert draws.var() == pytest.approx(effects.var(ddof=1) / 4, rel=0.02)
    alone = over_seeds_and_classes(0 * second[:1], second[1:2], LABELS, paired=False, resamples=50)
    assert alone.low == alone.high == 0


@pytest.mark.slow
def test_the_interval_of_classes_covers_what_one_of_items_does_not():
    random, hits, narrow, runs = np.random.default_rng(1), 0, 0, 300
    labels = np.repeat(np.arange(40), 25)
    for number in range(runs):
        values = 0.2 * random.normal(size=40)[labels] + random.normal(size=labels.size)
        found = over_classes(values, labels, resamples=400, seed=number)
        hits += found.low <= 0 <= found.high
        narrow += abs(values.mean()) <= 1.96 * values.std() / np.sqrt(values.size)
    assert 0.90 <= hits / runs <= 0.98
    assert narrow / runs < 0.88


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.floats(-3, 3), st.floats(0.1, 4))
def test_values_that_are_shifted_and_scaled_shift_and_scale_the_interval(seed, shift, scale):
    one = over_classes(VALUES, LABELS, resamples=50, seed=seed)
    other = over_classes(shift + scale * VALUES, LABELS, resamples=50, seed=seed)
    for name in ("value", "low", "high"):
        assert getattr(other, name) == pytest.approx(shift + scale * getattr(one, name), abs=1e-6)


def test_names_of_classes_do_not_matter_and_the_order_of_items_does_not():
    order = RANDOM.permutation(LABELS.size)
    one = over_classes(VALUES, LABELS, resamples=80)
    other = over_classes(VALUES[order], 7 * LABELS[order] - 3, resamples=80)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=1e-12)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    one, same, other = (over_classes(VALUES, LABELS, resamples=80, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert (one.low, one.high) != (other.low, other.high)


def test_what_nothing_can_be_resampled_of():
    one_class = over_classes(VALUES, 0 * LABELS)
    assert one_class.value == pytest.approx(VALUES.mean())
    assert np.isnan([one_class.low, one_class.high]).all()
    assert one_class.holds_zero
    equal = over_classes(0 * VALUES + 0.25, LABELS, resamples=20)
    assert (equal.low, equal.high) == (0.25, 0.25)
    assert not equal.holds_zero
    grouped = over_seeds_and_classes([VALUES], [VALUES], 0 * LABELS, paired=False)
    assert np.isnan(grouped.low)


@pytest.mark.parametrize("options", [{"resamples": 0}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_draws_and_confidence_that_mean_nothing_are_refused(options):
    with pytest.raises(InputError, match="1 resample or more"):
        over_classes(VALUES, LABELS, **options)
    with pytest.raises(InputError, match="1 resample or more"):
        over_seeds_and_classes([VALUES], [VALUES], LABELS, paired=False, **options)


def test_other_numbers_of_items_are_refused():
    with pytest.raises(InputError, match="values of 90 items and labels of 89"):
        over_classes(VALUES, LABELS[1:])
    with pytest.raises(InputError, match="rows are runs, columns the same items"):
        over_seeds_and_classes([VALUES], [VALUES[1:]], LABELS, paired=False)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "least"), [(3, 0.87), (5, 0.91)])
def test_the_interval_of_seeds_and_classes_covers_the_difference(seeds, least):
    random, hits, runs = np.random.default_rng(seeds), 0, 300
    labels = np.repeat(np.arange(60), 10)
    for number in range(runs):
        first = random.normal(size=(seeds, labels.size))
        change = 0.03 * random.normal(size=(seeds, 1)) + 0.1 * random.normal(size=60)[labels]
        second = first + change + 0.4 * random.normal(size=first.shape)
        found = over_seeds_and_classes(first, second, labels, paired=True, resamples=300, seed=number)
        hits += found.low <= 0 <= found.high
    assert least <= hits / runs <= 0.99
