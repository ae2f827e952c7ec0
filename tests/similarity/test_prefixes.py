"""Nearest neighbours by the first d columns against plain loops, ties and dead columns included."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import DEVICE, blobs

from embedlens.similarity import prefix_kernels, prefixes, products
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.prefixes import prefix_hits


def similarity(a, b, *, cosine):
    """The product that counts: quotients by the norms, their products summed by halves."""
    sizes = [math.sqrt(sum(value * value for value in row)) if cosine else 1.0 for row in (a, b)]
    if not all(sizes):
        return 0.0
    terms = [(p / sizes[0]) * (q / sizes[1]) for p, q in zip(a, b, strict=True)]
    while len(terms) > 1:
        half = (len(terms) + 1) // 2
        terms = [
            term + (terms[half + k] if half + k < len(terms) else 0.0) for k, term in enumerate(terms[:half])
        ]
    return min(1.0, max(-1.0, terms[0])) if cosine else terms[0]


def by_loops(z, y, dims, *, gallery=None, cosine=True):
    """Whether each row's nearest positive is strictly nearer than its negatives, in float64, pair by pair."""
    g, gy = (z, y) if gallery is None else gallery
    z, g = np.asarray(z, float).tolist(), np.asarray(g, float).tolist()
    hits = np.zeros((len(z), len(dims)), bool)
    for t, d in enumerate(dims):
        for i, a in enumerate(z):
            best = {True: -math.inf, False: -math.inf}
            for j, b in enumerate(g):
                if gallery is not None or i != j:
                    same = bool(y[i] == gy[j])
                    best[same] = max(best[same], similarity(a[:d], b[:d], cosine=cosine))
            hits[i, t] = best[True] > best[False]
    return hits


def hits_of(z, y, dims, *, gallery=None, **options):
    pairing = Pairing(z, y, gallery)
    queries = np.asarray(z, float)[pairing.query_order]
    other = queries if gallery is None else np.asarray(gallery[0], float)[pairing.gallery_order]
    return prefix_hits(
        pairing,
        (queries, other),
        dims,
        **{"rotation": False, "by_engine": False, "device": DEVICE, **options},
    )


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("dims", [[1, 2, 3, 4, 5, 6], [2, 5, 6], [6], [1, 6], [3, 4]])
def test_all_dims_are_those_of_plain_loops(dims, cosine):
    z, y = blobs(n=90, dim=6, classes=20, spread=1.0)
    found = hits_of(z, y, dims, cosine=cosine)
    assert np.array_equal(found.hits, by_loops(z, y, dims, cosine=cosine))
    assert np.array_equal(found.n_positives, np.bincount(y)[y] - 1)


@pytest.mark.parametrize("one_set", [True, False])
@pytest.mark.parametrize("spread", [1.0, 1e-9])
def test_searches_by_the_engine_give_the_same_answer(monkeypatch, spread, one_set):
    z, y = blobs(n=90, dim=6, classes=20, spread=1.0)
    z = z[:1] + spread * z
    gallery = None if one_set else (z[30:], y[30:] + 3)
    expected = hits_of(z, y, [1, 4, 6], gallery=gallery)
    grown = []
    monkeypatch.setattr(prefixes, "_by_growing_tiles", lambda *_: grown.append(1))
    found = hits_of(z, y, [1, 4, 6], gallery=gallery, by_engine=True)
    assert not grown
    assert np.array_equal(found.hits, expected.hits)
    assert np.array_equal(found.hits, by_loops(z, y, [1, 4, 6], gallery=gallery))


@pytest.mark.parametrize(
    ("dims", "fast", "by_engine"),
    [([8, 12], True, 2), ([8, 12], False, 0), ([4, 12], True, 0), ([8, 9, 10, 11, 12], True, 0)],
)
def test_few_large_numbers_of_columns_are_searched_in_bfloat16(monkeypatch, dims, fast, by_engine):
    z, y = blobs(n=60, dim=12)
    screened = "bfloat16" if fast else "float32"
    monkeypatch.setattr(prefixes, "screen_type", lambda device: screened)
    monkeypatch.setattr(products, "SMALL", 0)
    original, calls = prefixes.nearest, []
    monkeypatch.setattr(prefixes, "nearest", lambda *a, **k: (calls.append(1), original(*a, **k))[1])
    found = hits_of(z, y, dims, by_engine=None)
    assert len(calls) == by_engine
    assert np.array_equal(found.hits, by_loops(z, y, dims))


def test_the_engine_does_not_search_zero_vectors():
    z = np.array([[0.0, 1.0], [0.0, 1.1], [0.5, -1.0], [0.6, -1.0]])
    y = np.array([0, 0, 1, 1])
    assert np.array_equal(hits_of(z, y, [1, 2], by_engine=True).hits, by_loops(z, y, [1, 2]))


def test_several_panels_and_strips():
    z, y = blobs(n=1300, dim=5, classes=200, spread=1.0)
    dims = [2, 3, 5]
    found = hits_of(z, y, dims)
    unit = [
        z[:, :d].astype(float) / np.linalg.norm(z[:, :d].astype(float), axis=1, keepdims=True) for d in dims
    ]
    for t, rows in enumerate(unit):
        s = rows @ rows.T
        same = y[:, None] == y[None]
        negative = np.where(same, -9, s).max(axis=1)
        np.fill_diagonal(same, val=False)
        assert np.array_equal(found.hits[:, t], np.where(same, s, -9).max(axis=1) > negative)


@pytest.mark.parametrize("cosine", [True, False])
def test_queries_search_a_gallery(cosine):
    z, y = blobs(n=40, dim=5, classes=9, spread=1.0)
    g, gy = blobs(n=55, dim=5, classes=7, spread=1.0, seed=3)
    found = hits_of(z, y, [1, 3, 5], gallery=(g, gy), cosine=cosine)
    assert np.array_equal(found.hits, by_loops(z, y, [1, 3, 5], gallery=(g, gy), cosine=cosine))
    assert (found.n_positives[y > 6] == 0).all()
    assert not found.hits[y > 6].any()


def test_the_device_path_gives_the_same_answer(monkeypatch):
    z, y = blobs(n=120, dim=6, classes=30, spread=1.0)
    dims = [1, 2, 4, 5, 6]
    expected = hits_of(z, y, dims)
    screened = []

    original = prefixes._Work.screen_on_device
    monkeypatch.setattr(prefixes, "_PROCESSOR", "elsewhere")
    monkeypatch.setattr(prefixes, "_DEVICE_ENTRIES", 120 * 50)
    monkeypatch.setattr(
        prefixes._Work,
        "screen_on_device",
        lambda self, rows, device, *rest: (screened.append(rows), original(self, rows, device, *rest)),
    )
    found = hits_of(z, y, dims)
    assert [rows.stop - rows.start for rows in screened] == [50, 50, 20]
    assert np.array_equal(found.hits, expected.hits)


def test_ties_count_against_the_row():
    z = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    # Row 0: the positive (row 1) is as similar by one column as the negatives are.
    found = hits_of(z, np.array([0, 0, 1, 1]), [1, 2])
    assert not found.hits.any()
    # A duplicate of the other class ties with a duplicate of the own one, whatever the rounding.
    random = np.random.default_rng(0)
    row = random.normal(size=7)
    z = np.vstack([row, row, row, random.normal(size=(5, 7))])
    found = hits_of(z, np.array([0, 0, 1, 1, 2, 2, 3, 3]), list(range(1, 8)))
    assert not found.hits[:2].any()
    assert (found.n_undecided >= 2).all()


def test_columns_of_zeros_are_similar_to_nothing():
    z = np.array([[0.0, 1.0], [0.0, 1.1], [0.5, -1.0], [0.6, -1.0]])
    y = np.array([0, 0, 1, 1])
    assert np.array_equal(hits_of(z, y, [1, 2]).hits, by_loops(z, y, [1, 2]))
    tiny = z * [1e-40, 1.0]
    assert np.array_equal(hits_of(tiny, y, [1, 2]).hits, by_loops(tiny, y, [1, 2]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_integer_grids_full_of_ties(seed, classes, cosine):
    random = np.random.default_rng(seed)
    z = random.integers(-2, 3, size=(24, 4)).astype(float)
    z[~z.any(axis=1)] = 1.0
    y = random.integers(0, classes, size=24)
    assert np.array_equal(
        hits_of(z, y, [1, 2, 3, 4], cosine=cosine).hits, by_loops(z, y, [1, 2, 3, 4], cosine=cosine)
    )


def test_rows_that_float32_cannot_tell_apart_are_settled():
    """Differences of 1e-9 are far below what float32 sees."""
    random = np.random.default_rng(1)
    centre = random.normal(size=4)
    z = centre + 1e-9 * random.normal(size=(40, 4))
    y = np.arange(40) % 8
    found = hits_of(z, y, [2, 3, 4], cosine=False)
    assert np.array_equal(found.hits, by_loops(z, y, [2, 3, 4], cosine=False))
    assert (found.n_undecided == 40).all()


def test_float32_alone_would_be_wrong():
    """The rows of the test above are told apart by nothing that float32 keeps."""
    random = np.random.default_rng(1)
    z = random.normal(size=4) + 1e-9 * random.normal(size=(40, 4))
    y = np.arange(40) % 8
    rounded = z.astype(np.float32).astype(float)
    assert not np.array_equal(by_loops(z, y, [4], cosine=False), by_loops(rounded, y, [4], cosine=False))


def test_norms_are_those_of_prefixes():
    z = np.random.default_rng(0).normal(size=(5, 6))
    ends = np.array([1, 3, 6])
    out = np.empty((5, 3))
    prefix_kernels.prefix_norms(z, ends, out)
    for t, end in enumerate(ends):
        assert np.allclose(out[:, t], np.linalg.norm(z[:, :end], axis=1), rtol=1e-14)


def test_threads_are_left_as_they_were():
    before = torch.get_num_threads()
    z, y = blobs(n=700)
    hits_of(z, y, [3])
    assert torch.get_num_threads() == before
