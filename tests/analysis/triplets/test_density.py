from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from embedlens.analysis.triplets.density import counts_by_place, enclosing_levels, smoothed
from embedlens.analysis.triplets.nearest import Triplets


def dots(s_ap, s_an):
    index = np.arange(len(s_ap))
    return Triplets(index, index, index, np.asarray(s_ap, float), np.asarray(s_an, float), 0)


@pytest.mark.parametrize("limits", [(-0.2, 1.0), (-1.0, 1.0), (0.3, 0.7)])
def test_counts_are_those_of_histogram2d(limits):
    s_ap, s_an = np.random.default_rng(0).uniform(-0.2, 1, (2, 4_000))
    expected, _, _ = np.histogram2d(s_ap, s_an, bins=37, range=[limits, limits])
    np.testing.assert_array_equal(counts_by_place(dots(s_ap, s_an), limits, bins=37), expected)


def test_the_upper_end_counts_and_what_is_outside_does_not():
    counts = counts_by_place(dots([1.0, 0.0, 1.1, 0.5], [1.0, 0.0, 0.5, -0.1]), (0.0, 1.0), bins=2)
    np.testing.assert_array_equal(counts, [[1, 0], [0, 1]])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any), st.floats(0.05, 0.95))
def test_levels_enclose_their_share(values, share):
    density = np.array(values, float)
    (level,) = enclosing_levels(density, [share])
    inside = density[density >= level].sum() / density.sum()
    above = density[density > level].sum() / density.sum()
    assert inside >= share - 1e-12
    assert above <= share + 1e-12


def test_levels_ascend_without_repeats():
    assert enclosing_levels(np.ones(4), (0.9, 0.3)) == [1.0]
    assert enclosing_levels(np.array([4.0, 3.0, 2.0, 1.0]), (0.95, 0.7, 0.4)) == [1.0, 3.0, 4.0]


@pytest.mark.parametrize("width", [0.7, 2.0, 3.3])
def test_smoothed_counts_are_those_of_scipy(width):
    counts = np.random.default_rng(0).poisson(0.4, (40, 40)).astype(float)
    np.testing.assert_allclose(
        smoothed(counts, width), gaussian_filter(counts, width), rtol=1e-12, atol=1e-15
    )


def test_equal_counts_stay_exactly_equal():
    assert np.unique(smoothed(np.full((30, 30), 7.0), 2.0)).size == 1
    assert (smoothed(np.pad(np.ones((1, 1)), 40), 2.0)[:20] == 0).all()
