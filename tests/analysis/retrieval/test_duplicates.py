from __future__ import annotations

import numpy as np
import pytest

from embedlens.analysis.retrieval.duplicates import Duplicates, count_duplicates, first_equal


def plain_first(rows):
    return [next(j for j, other in enumerate(rows) if (other == row).all()) for row in rows]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dim", [1, 5, 40])
def test_first_equal_is_a_plain_loop(dtype, dim):
    random = np.random.default_rng(0)
    z = random.integers(-1, 2, (90, dim)).astype(dtype) * (random.random((90, 1)) < 0.7)
    z = z[random.integers(0, 90, 150)]
    z[3], z[80] = 0.0, -0.0  # equal numbers of different bits
    first, second = first_equal(z[:100], z[100:])
    assert np.r_[first, second].tolist() == plain_first(z)


def test_rows_that_agree_at_both_ends_are_compared_as_a_whole():
    z = np.ones((4, 40), np.float32)
    z[[1, 3], 20] = 2.0
    assert first_equal(z)[0].tolist() == [0, 1, 0, 1]


def test_duplicates_are_counted_within_and_across():
    random = np.random.default_rng(1)
    z = random.normal(size=(10, 6)).astype(np.float32)
    query = z[[0, 1, 2, 2, 3]]
    gallery = z[[5, 2, 5, 5, 0]]
    found = count_duplicates(query, [0, 1, 2, 2, 3], (gallery, [5, 9, 5, 5, 0]))
    # rows 0, 2 and 2 stand in the gallery; of them row 2 with another label alone
    assert found == Duplicates(queries=1, gallery=2, across=3, across_other_label=2)
    assert count_duplicates(query, [0, 1, 2, 2, 3]) == Duplicates(1, 0, 0, 0)
