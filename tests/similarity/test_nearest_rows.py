"""The k most similar rows: equal to a full sort in float64, ties by row, on both floating types."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, unit

from embedlens import InputError
from embedlens.similarity import screen
from embedlens.similarity.nearest_rows import nearest_rows


def plain(z, k):
    similarity = unit(z) @ unit(z).T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-np.round(similarity, 12), axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("k", [1, 10, 100, 299])
def test_neighbours_are_those_of_a_full_sort(monkeypatch, dtype, k):
    monkeypatch.setenv("EMBEDLENS_SCREEN", dtype)
    z, _ = blobs(300, dim=12, classes=20)
    z[40:44] = z[7]  # equal rows
    found = nearest_rows(z, k)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, plain(z, k))


def test_bands_and_collapsed_spaces(monkeypatch):
    monkeypatch.setattr(screen, "_TABLE_BYTES", 1 << 14)
    monkeypatch.setattr(screen, "TILE", 64)
    z, _ = blobs(400, dim=6, classes=3, spread=0)  # many equal rows: all are ambiguous
    for k in (2, 150):
        np.testing.assert_array_equal(nearest_rows(z, k), plain(z, k))


def test_groups_are_small_for_long_lists():
    from embedlens.similarity.pairing import Pairing

    made = screen.Screen(Pairing(np.eye(4), np.arange(4)), "float32", "cpu")
    assert made.plan()[0] == 128
    assert made.plan(depth=100)[0] == 32


@pytest.mark.parametrize("k", [0, 3, -1])
def test_numbers_that_are_not_there_are_refused(k):
    with pytest.raises(InputError, match="of 3 rows, 1 to 2 can be listed"):
        nearest_rows(np.eye(3), k)
