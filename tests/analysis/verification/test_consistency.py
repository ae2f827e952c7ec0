from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.analysis.verification import threshold_consistency
from embedlens.similarity import class_pairs

BIN = 2 / class_pairs.BINS


def uneven(seed=0, n=90, dim=5):
    """Classes of different spread and size, and two of one item."""
    random = np.random.default_rng(seed)
    y = np.sort(random.integers(0, 7, n - 2))
    z = random.normal(size=(7, dim))[y] + (0.1 + 0.15 * y[:, None]) * random.normal(size=(n - 2, dim))
    return np.vstack([z, random.normal(size=(2, dim))]), np.r_[y, 50, 51]


def plain_pairs(z, y):
    """Distances of the genuine and the impostor pairs of every class, rounded down to bins."""
    rows = unit(z)
    distance = [[int(math.dist(a, b) / BIN) for b in rows] for a in rows]
    genuine, impostor = {}, {}
    for i, j in itertools.combinations(range(len(y)), 2):
        if y[i] == y[j]:
            genuine.setdefault(y[i], []).append(distance[i][j])
        else:
            for c in (y[i], y[j]):
                impostor.setdefault(c, []).append(distance[i][j])
    return genuine, impostor


def threshold(distances, rate, width=1):
    """The largest edge of bins below which at most this fraction lies."""
    ordered = sorted(one // width for one in distances)
    allowed = int(rate * len(ordered) + 1e-9)
    return ordered[allowed] * width if allowed else None


def rates(distances, edge):
    return sum(one < edge for one in distances) / len(distances)


def test_utilities_and_operating_points_are_those_of_plain_loops():
    z, y = uneven()
    genuine, impostor = plain_pairs(z, y)
    pooled = [one for several in impostor.values() for one in several]
    low, high = threshold(pooled, 0.01), threshold(pooled, 0.1)
    edges = [round(low + (high - low) * place / 100) for place in range(101)]
    utility = []
    for c in sorted(genuine):
        tar, far = ([rates(pairs[c], edge) for edge in edges] for pairs in (genuine, impostor))
        utility.append(
            [2 * t * (1 - f) / (t + 1 - f) if t + 1 - f else 0 for t, f in zip(tar, far, strict=True)]
        )
    found = threshold_consistency(z, y, [0.05, 0.2])
    assert found.classes.tolist() == sorted(genuine)
    assert found.threshold == pytest.approx(np.array(edges) * BIN, abs=1.01 * BIN)
    # Distances in float32 may fall into the bin beside.
    assert found.utility == pytest.approx(np.array(utility), abs=0.02)
    mean = np.mean(utility, axis=0)
    expected = np.mean([(u - m) ** 2 for row in utility for u, m in zip(row, mean, strict=True)])
    assert found.opis == pytest.approx(expected, rel=0.01)
    for place, rate in enumerate((0.05, 0.2)):
        common = threshold(pooled, rate)
        assert found.common[place] == pytest.approx(common * BIN, abs=1.01 * BIN)
        for row, c in enumerate(found.classes.tolist()):
            assert found.far[row, place] == pytest.approx(rates(impostor[c], common), abs=0.01)
            assert found.tar[row, place] == pytest.approx(rates(genuine[c], common), abs=0.02)
            assert found.own[row, place] == pytest.approx(
                threshold(impostor[c], rate, 16) * BIN, abs=17 * BIN
            )
    assert found.summary()["far_spread_at_far_0.2"] == pytest.approx(np.std(found.far[:, 1]))


def test_classes_of_one_shape_are_consistent_and_of_several_are_not():
    y = np.repeat(np.arange(4), 8)
    one = np.eye(4)[0] + 0.3 * np.random.default_rng(0).normal(size=(8, 4))
    z = np.vstack([np.roll(one, places, axis=1) for places in range(4)])
    same = threshold_consistency(z, y)
    assert same.opis == pytest.approx(0, abs=1e-12)
    assert same.spread(same.own)[0] == pytest.approx(0, abs=1e-12)
    tight = np.vstack([z[:16], np.eye(4)[y[16:]] + 0.1 * z[16:]])
    assert threshold_consistency(tight, y).opis > 1e-4


def test_partners_that_are_drawn_estimate_all_pairs(monkeypatch):
    z, y = uneven(n=600)
    exact = threshold_consistency(z, y)
    monkeypatch.setattr(class_pairs, "PAIRS", 600 * 150)
    monkeypatch.setattr(class_pairs, "LEAST", 20)
    drawn = [threshold_consistency(z, y, seed=seed) for seed in range(4)]
    assert {one.n_partners for one in drawn} == {150}
    assert np.mean([one.opis for one in drawn]) == pytest.approx(exact.opis, rel=0.2)
    assert drawn[0].opis == threshold_consistency(z, y, seed=0).opis


@pytest.mark.parametrize(("tile", "rows"), [(1 << 22, 7), (50, 4), (1, 1)])
def test_blocks_do_not_change_a_count(tile, rows, monkeypatch):
    z, y = uneven()
    expected = threshold_consistency(z, y, [0.05])
    monkeypatch.setattr(class_pairs, "_TILE", tile)
    monkeypatch.setattr(class_pairs, "_ROWS", rows)
    found = threshold_consistency(z, y, [0.05])
    assert found.opis == pytest.approx(expected.opis, rel=1e-6)
    assert found.own == pytest.approx(expected.own, abs=17 * BIN)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), scale=st.floats(1e-2, 1e2))
def test_rotation_scale_order_and_names_change_little(seed, scale):
    z, y = uneven(seed)
    random = np.random.default_rng(seed)
    order, rotation = random.permutation(len(y)), np.linalg.qr(random.normal(size=(5, 5)))[0]
    one, other = (
        threshold_consistency(z, y),
        threshold_consistency(scale * (z @ rotation)[order], 99 - y[order]),
    )
    assert other.opis == pytest.approx(one.opis, rel=0.02, abs=1e-5)
    assert other.own[::-1] == pytest.approx(one.own, abs=17 * BIN)


def test_what_cannot_be_compared_is_nan():
    z, y = blobs(n=8, dim=3, classes=2)
    one_pair = threshold_consistency(z, np.r_[0, 0, 1:7])
    assert one_pair.classes.tolist() == [0]
    assert math.isnan(one_pair.opis)
    assert np.isnan(one_pair.spread(one_pair.far)).all()
    few = threshold_consistency(z, y)  # 32 impostor pairs: none may be accepted at FAR 0.01
    assert math.isnan(few.opis)
    assert np.isnan(few.common).all()
    assert np.isnan(few.own).all()
    assert few.columns()["deviation"].size == 2
    alike = threshold_consistency(np.ones((60, 3)), np.arange(60) % 3)
    assert math.isnan(alike.opis)


def test_refusals_say_what_is_needed():
    z, y = blobs(n=8)
    with pytest.raises(InputError, match="one label; impostor pairs need two classes"):
        threshold_consistency(z, np.zeros(8, int))
    with pytest.raises(InputError, match="no label has two items; genuine pairs"):
        threshold_consistency(z, np.arange(8))
    for far in (0.0, 1.5):
        with pytest.raises(InputError, match="false accept rate lies above 0 and is 1 at most"):
            threshold_consistency(z, y, [far])


def test_scores_take_the_rate_of_the_settings():
    z, y = uneven()
    names = ["opis", "threshold_spread", "far_spread", "tar_spread"]
    values = score(z, y, names, settings=ScoreSettings(spread_far=0.2))
    found = threshold_consistency(z, y, [0.2])
    assert values["opis"] == found.opis
    assert values["tar_spread"] == found.summary()["tar_spread_at_far_0.2"]
    assert values["threshold_spread"] == found.summary()["threshold_spread_at_far_0.2"]
