from __future__ import annotations

import math

import numpy as np
import pytest
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.verification.detection import OpenSet, open_set
from embedlens.analysis.verification.rank_1 import closed_set, closed_set_between, one_of_each
from embedlens.pairs import class_numbers


def test_rank_1_is_that_of_a_plain_loop():
    z, y = blobs(n=60, classes=7, spread=1.5)
    y[11] = 50  # in the gallery, no probe
    result = closed_set(z, y, draws=4, seed=3)
    u, numbers, shares = unit(z), class_numbers(y), []
    for draw in range(4):
        gallery = one_of_each(numbers, np.random.default_rng([3, 2, draw])).tolist()
        assert sorted(y[gallery]) == sorted(set(y))
        right = []
        for i in set(range(60)) - set(gallery):
            best = {
                same: max(float(u[i] @ u[g]) for g in gallery if (y[g] == y[i]) == same)
                for same in (True, False)
            }
            right.append(best[True] > best[False])
        shares.append(sum(right) / len(right))
    np.testing.assert_allclose(result.rank_1_of_draws, shares)
    assert 0.2 < result.rank_1 < 1
    assert result.rank_1 == pytest.approx(np.mean(shares))
    assert result.rank_1_se == pytest.approx(np.std(shares, ddof=1) / 2)
    assert (result.n_gallery, result.n_probes, result.n_without_mate) == (8, 52, 0)
    assert result.columns()["rank_1"].size == 4


def test_galleries_are_drawn_evenly():
    numbers = np.array([0, 1, 0, 0])
    drawn = [one_of_each(numbers, np.random.default_rng([draw])) for draw in range(3000)]
    assert {rows[1] for rows in drawn} == {1}
    counts = np.bincount([rows[0] for rows in drawn], minlength=4)
    np.testing.assert_allclose(counts[[0, 2, 3]], 1000, atol=4 * math.sqrt(3000 / 4))


def test_rank_1_between_query_and_gallery():
    z, y = blobs(n=40, classes=4, spread=1.5)
    g, y_gallery = blobs(n=12, classes=3, spread=1.5, seed=1)
    g[:, 0] += 0.5
    result = closed_set_between((z, y), (g, y_gallery))
    s = unit(z) @ unit(g).T
    right = [y_gallery[s[i].argmax()] == y[i] for i in range(40) if y[i] < 3]
    assert result.rank_1 == np.mean(right)
    assert math.isnan(result.rank_1_se)
    assert (result.n_probes, result.n_gallery, result.n_without_mate) == (30, 12, 10)
    same = closed_set_between((z, y), (z, y))
    assert same.rank_1 == 1.0  # other sets are other items, even where they are equal


def test_ties_count_against():
    z, y = np.ones((12, 3)), np.arange(12) % 4
    assert closed_set(z, y).rank_1 == 0.0
    assert closed_set_between((z, y), (z, y)).rank_1 == 0.0
    assert open_set(z, y, [1.0]).dir_at(1.0)[0] == 0.0


def plain_dir(z, y, far, known_fraction, draws, seed):
    """DIR by plain loops over the same draws: the best of all thresholds that the FAR allows."""
    u, numbers = unit(z), class_numbers(y)
    counts = np.bincount(numbers)
    values = []
    for draw in range(draws):
        random = np.random.default_rng([seed, 3, draw])
        n_known = max(1, round(known_fraction * counts.size))
        known = set(random.choice(np.flatnonzero(counts > 1), n_known, replace=False).tolist())
        gallery = [g for g in one_of_each(numbers, random).tolist() if numbers[g] in known]
        probes = [i for i in range(len(y)) if i not in gallery]
        scores = {i: max(float(u[i] @ u[g]) for g in gallery) for i in probes}
        found = {
            i: numbers[max(gallery, key=lambda g, i=i: float(u[i] @ u[g]))] == numbers[i] for i in probes
        }
        genuine = [i for i in probes if numbers[i] in known]
        impostors = [i for i in probes if numbers[i] not in known]
        best = 0.0
        for threshold in [-2.0, *(scores[i] for i in probes)]:
            if np.mean([scores[i] > threshold for i in impostors]) <= far + 1e-12:
                best = max(best, np.mean([found[i] and scores[i] > threshold for i in genuine]))
        values.append(best)
    return np.array(values), len(genuine), len(impostors)


@pytest.mark.parametrize("far", [0.05, 0.1, 0.3, 1.0])
def test_dir_is_that_of_a_plain_loop(far):
    z, y = blobs(n=90, classes=10, spread=1.3)
    y[5] = 70  # a class of one item is an impostor
    result = open_set(z, y, [far], draws=3, seed=2, known_fraction=0.4)
    plain, n_genuine, n_impostor = plain_dir(z, y, far, 0.4, 3, 2)
    mean, error = result.dir_at(far)
    assert mean == pytest.approx(plain.mean())
    assert error == pytest.approx(plain.std(ddof=1) / math.sqrt(3))
    assert 0 < mean < 1
    assert (result.n_genuine[-1], result.n_impostor[-1]) == (n_genuine, n_impostor)
    assert result.n_gallery == 4


def test_the_curve_rises_from_the_smallest_far_that_is_resolved():
    z, y = blobs(n=90, classes=10, spread=1.3)
    result = open_set(z, y, [0.001, 0.5])
    assert result.far[0] == 1 / result.n_impostor.min()
    assert result.far[-1] == 1.0
    assert 0.5 in result.far
    assert (np.diff(result.dir) >= 0).all()
    assert np.isnan(result.dir_at(0.001)).all()
    assert {name: column.shape for name, column in result.columns().items()} == dict.fromkeys(
        ("far", "dir", "dir_se"), result.far.shape
    )


def test_a_far_between_points_is_read_from_the_point_below():
    result = OpenSet(np.array([0.1, 0.5, 1.0]), np.array([[0.2, 0.4, 0.9]]), 2, np.array([4]), np.array([10]))
    assert result.dir_at(0.3)[0] == 0.2
    assert result.dir_at(0.5)[0] == 0.4
    assert math.isnan(result.dir_at(0.05)[0])
    assert math.isnan(result.dir_at(0.5)[1])  # a single draw


def test_perfect_and_two_classes():
    z, y = np.eye(2)[np.arange(8) % 2], np.arange(8) % 2
    assert closed_set(z, y).rank_1 == 1.0
    result = open_set(z, y, [0.25])
    assert result.n_gallery == 1
    assert result.dir_at(0.25) == (1.0, 0.0)


def test_nothing_depends_on_rotation_or_the_names_of_labels():
    z, y = blobs(n=80, classes=8, spread=1.5)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    turned, renamed = z.astype(np.float64) @ turn, 2**53 + (y * 5) % 8
    np.testing.assert_array_equal(
        closed_set(z, y).rank_1_of_draws, closed_set(turned, renamed).rank_1_of_draws
    )
    np.testing.assert_array_equal(open_set(z, y).dir_of_draws, open_set(turned, renamed).dir_of_draws)


def test_the_seed_decides():
    z, y = blobs(n=80, classes=8, spread=1.5)
    one, again, other = (closed_set(z, y, seed=seed).rank_1_of_draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("measure", [closed_set, open_set])
@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0, 0, 0], {}, "all items have one label"),
        ([0, 1, 2], {}, "no label has two items"),
        ([0, 0, 1], {"draws": 0}, "0 draws"),
        ([0, 0, 1], {"seed": -1}, "seed -1"),
    ],
)
def test_what_is_refused(measure, y, options, message):
    with pytest.raises(InputError, match=message):
        measure(np.eye(3), np.array(y), **options)


@pytest.mark.parametrize(
    ("fars", "share", "message"),
    [
        ([0.0], 0.5, "FAR 0;"),
        ([0.1, 1.5], 0.5, "FAR 1.5;"),
        ([0.1], 0.0, "fraction of 0 known"),
        ([0.1], 1.0, "fraction of 1"),
    ],
)
def test_rates_out_of_range(fars, share, message):
    with pytest.raises(InputError, match=message):
        open_set(np.eye(4), np.array([0, 0, 1, 1]), fars, known_fraction=share)


def test_query_and_gallery_that_do_not_fit():
    z = np.eye(4)
    with pytest.raises(InputError, match="no query has a label that stands in the gallery"):
        closed_set_between((z, [0, 0, 1, 1]), (z, [2, 2, 3, 3]))
    with pytest.raises(InputError, match="all items of the gallery have one label"):
        closed_set_between((z, [0, 0, 1, 1]), (z, [0, 0, 0, 0]))
