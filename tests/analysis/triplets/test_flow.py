from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.triplets.flow import flow, occupied
from embedlens.analysis.triplets.nearest import Triplets
from embedlens.analysis.triplets.trajectory import take


def states(n=400, seed=0):
    """Dots at two epochs."""
    random = np.random.default_rng(seed)
    index = np.arange(n)
    before = random.uniform(-0.1, 0.9, (2, n))
    after = before + random.normal(0.05, 0.1, (2, n))
    return tuple(Triplets(index, index, index, *place, 0) for place in (before, after))


def by_loops(start, end, *, bins, limits, minimum):
    """The arrows of a flow by plain loops: bin -> mean place, mean change, number."""
    low, high = limits
    cells = {}
    for s_ap, s_an, t_ap, t_an in zip(start.s_ap, start.s_an, end.s_ap, end.s_an, strict=True):
        if not (low <= s_ap <= high and low <= s_an <= high):
            continue
        cell = tuple(min(int((value - low) / (high - low) * bins), bins - 1) for value in (s_ap, s_an))
        cells.setdefault(cell, []).append((s_ap, s_an, t_ap - s_ap, t_an - s_an))
    kept = [rows for _, rows in sorted(cells.items()) if len(rows) >= minimum]
    return [[*(sum(column) / len(rows) for column in zip(*rows, strict=True)), len(rows)] for rows in kept]


@pytest.mark.parametrize("limits", [(-0.2, 1.0), (0.1, 0.7)])
def test_arrows_are_means_by_place(limits):
    start, end = states()
    found = flow(start, end, bins=6, limits=limits, minimum=4)
    expected = np.array(by_loops(start, end, bins=6, limits=limits, minimum=4))
    columns = np.stack([found.columns()[name] for name in ("s_ap", "s_an", "d_ap", "d_an", "count")], axis=1)
    np.testing.assert_allclose(columns, expected, atol=1e-12)
    assert (found.count >= 4).all()
    assert found.n == 400
    assert found.n_thin == 400 - found.count.sum() > 0
    assert found.mean_d_ap == pytest.approx(np.mean(end.s_ap - start.s_ap))
    assert (found.bins, found.limits, found.minimum) == (6, limits, 4)


def test_one_shift_for_all_is_every_arrow():
    start, _ = states()
    end = replace(start, s_ap=start.s_ap + 0.1, s_an=start.s_an - 0.2)
    found = flow(start, end)
    assert found.count.size == 25
    np.testing.assert_allclose(found.d_ap, 0.1)
    np.testing.assert_allclose(found.d_an, -0.2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed):
    start, end = states(120)
    order = np.random.default_rng(seed).permutation(120)
    shuffled = replace(end, anchor=order, s_ap=end.s_ap[order], s_an=end.s_an[order])
    one, other = flow(start, end), flow(start, shuffled)
    for name, values in one.columns().items():
        np.testing.assert_allclose(other.columns()[name], values, atol=1e-12)


def test_anchors_are_paired_and_those_of_one_state_are_passed_over():
    start, end = states(60)
    fewer = take(end, end.anchor[10:])
    found = flow(start, fewer, bins=1, limits=(-1, 1))
    assert found.n == 50
    assert found.d_ap == pytest.approx(np.mean((end.s_ap - start.s_ap)[10:]))


def test_the_default_square_holds_the_starting_dots():
    start, end = states(2_000)
    low, high = flow(start, end).limits
    values = np.concatenate([start.s_ap, start.s_an])
    assert high == values.max()
    assert np.mean(values < low) == pytest.approx(0.005, abs=0.001)
    assert flow(start, end).bins == 11
    assert flow(*states(20)).bins == 4
    assert flow(*states(4_000)).bins == 16
    near = replace(start, s_ap=0.95 + 0.02 * start.s_ap, s_an=0.95 + 0.02 * start.s_an)
    assert flow(near, end).bins == 8  # an untrained network
    alike = replace(start, s_ap=np.ones(2_000), s_an=np.ones(2_000))
    found = flow(alike, end)
    assert found.count.tolist() == [2_000]
    assert occupied([start, near])[1] == near.s_ap.max().clip(near.s_an.max())


def test_no_full_bin_is_no_arrow():
    start, end = states(30)
    found = flow(start, end, minimum=31)
    assert found.count.size == 0
    assert found.n_thin == 30


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"bins": 0}, "a flow in 0 bins"),
        ({"minimum": 0}, "at least 0 dots"),
        ({"limits": (1.0, 0.0)}, "limits ascend"),
    ],
)
def test_what_is_refused(options, part):
    with pytest.raises(InputError, match=part):
        flow(*states(10), **options)


def test_other_items_are_refused():
    start, end = states(10)
    with pytest.raises(InputError, match="share no anchor"):
        flow(start, replace(end, anchor=end.anchor + 10))
