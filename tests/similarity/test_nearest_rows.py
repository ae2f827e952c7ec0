"""The k most similar rows: equal to a full sort in float64, ties by row, on both floating types."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, unit

from embedlens import InputError
from embedlens.similarity import nearest_rows as module
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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("k", "sample"), [(20, 100), (60, 100), (60, 20), (200, 150)])
def test_candidates_above_a_threshold_are_those_of_a_full_sort(monkeypatch, dtype, k, sample):
    monkeypatch.setenv("EMBEDLENS_SCREEN", dtype)
    monkeypatch.setattr(module, "_MANY", 1)
    monkeypatch.setattr(module, "_SAMPLE", sample)
    monkeypatch.setattr(module, "TILE", 64)
    monkeypatch.setattr(screen, "TILE", 64)
    z, _ = blobs(500, dim=12, classes=10, spread=1.0)
    z[40:44] = z[7]  # equal rows
    z[100:300] = z[100]  # a row with more neighbours at one similarity than are wanted
    for candidates in (1 << 25, 1):  # all rows in one band, and several
        monkeypatch.setattr(module, "_CANDIDATES", candidates)
        np.testing.assert_array_equal(nearest_rows(z, k), plain(z, k))


def test_hardly_a_row_is_ambiguous(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE", 300)
    z, _ = blobs(3000, dim=24, classes=50, spread=2.0)
    found = np.empty((3000, 100), np.int32)
    made = screen.Screen(module.Pairing(z, np.arange(3000)), "float32", "cpu")
    ambiguous = module._by_threshold(made, found)
    assert ambiguous.mean() < 0.05
    np.testing.assert_array_equal(found[~ambiguous], plain(z, 100)[~ambiguous])


def test_groups_are_small_for_long_lists():
    from embedlens.similarity.pairing import Pairing

    made = screen.Screen(Pairing(np.eye(4), np.arange(4)), "float32", "cpu")
    assert made.plan()[0] == 128
    assert made.plan(depth=100)[0] == 32


@pytest.mark.parametrize("k", [0, 3, -1])
def test_numbers_that_are_not_there_are_refused(k):
    with pytest.raises(InputError, match="of 3 rows, 1 to 2 can be listed"):
        nearest_rows(np.eye(3), k)
