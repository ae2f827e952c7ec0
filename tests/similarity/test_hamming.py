"""Search of binary codes: brute force over all pairs, ties, rescoring, the query's own items."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens.errors import InputError
from embedlens.label_sets import LabelSets
from embedlens.similarity import Gallery, hamming_search


def itself(i, j):
    return i == j


def brute_force(z, y, *, gallery=None, ignored=itself, candidates=0, positive=None):
    """For each query all others in order: (later, key, positive, row), by plain loops."""
    g, gy = (z, y) if gallery is None else gallery
    alike = positive or (lambda i, j: bool(y[i] == gy[j]))
    found = []
    for i, q in enumerate(z):
        others = [j for j in range(len(g)) if not ignored(i, j)]
        away = {j: sum((a > 0) != (b > 0) for a, b in zip(q, g[j], strict=True)) for j in others}
        least = sorted(away.values())
        radius = least[min(candidates, len(least)) - 1] if candidates else -1
        order = []
        for j in others:
            inner = -sum(float(a) if b > 0 else -float(a) for a, b in zip(q, g[j], strict=True))
            first = away[j] <= radius
            order.append((not first, inner if first else away[j], alike(i, j), j))
        found.append(sorted(order))
    return found


def check(found, expected):
    """Ranks and neighbours are those of brute force; negatives that tie with the positive come before it."""
    for i, order in enumerate(expected):
        nearest = next((one for one in order if one[2]), None)
        rank = -1 if nearest is None else sum(not one[2] and one[:2] <= nearest[:2] for one in order)
        assert found.rank[i] == rank
    listed = {}
    for part in found.neighbours():
        for row, index, positive in zip(part.rows, part.index, part.positive, strict=True):
            listed[int(row)] = [
                (j, p) for j, p in zip(index.tolist(), positive.tolist(), strict=True) if j >= 0
            ]
    for i, order in enumerate(expected):
        assert listed[i] == [(one[3], one[2]) for one in order[: len(listed[i])]]
        assert len(listed[i]) >= min(5, len(order))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 8, 64, 70]), st.sampled_from([0, 1, 6, 1000]))
def test_it_is_brute_force(seed, dim, candidates):
    random = np.random.default_rng(seed)
    z = random.integers(-2, 3, size=(30, dim)).astype(np.float32)  # many ties, and zeros, which are no 1
    z[~z.any(axis=1)] = 1
    y = random.integers(4, size=30)
    found = hamming_search(z, y, depth=5, candidates=candidates)
    check(found, brute_force(z, y, candidates=candidates))


@pytest.mark.parametrize("candidates", [0, 4])
def test_a_gallery_with_the_queries_own_items(candidates):
    z, y = blobs(n=20, dim=12, classes=4, spread=2)
    other, labels = blobs(n=26, dim=12, classes=4, spread=2, seed=1)
    g, gy = np.concatenate([z[5:], other]), np.concatenate([y[5:], labels])
    items = np.arange(20), np.arange(5, 46)
    found = hamming_search(z, y, gallery=Gallery(g, gy, items), depth=6, candidates=candidates)

    def own(i, j):
        return items[0][i] == items[1][j] and y[i] == gy[j]

    check(found, brute_force(z, y, gallery=(g, gy), ignored=own, candidates=candidates))
    check(
        hamming_search(z, y, gallery=(g, gy), depth=6),
        brute_force(z, y, gallery=(g, gy), ignored=lambda i, j: False),
    )


@pytest.mark.parametrize("candidates", [0, 5])
def test_rows_of_the_same_code_are_ignored(candidates):
    z, y = blobs(n=40, dim=9, classes=5, spread=2)
    camera = np.random.default_rng(0).integers(3, size=40)
    found = hamming_search(z, y, gallery=Gallery.itself(z, y, junk=camera), depth=8, candidates=candidates)

    def ignored(i, j):
        return i == j or (y[i] == y[j] and camera[i] == camera[j])

    check(found, brute_force(z, y, ignored=ignored, candidates=candidates))


@pytest.mark.parametrize("candidates", [0, 5])
def test_items_with_sets_of_labels(candidates):
    z, _ = blobs(n=30, dim=9, classes=5, spread=2)
    random = np.random.default_rng(1)
    sets = [set(random.integers(6, size=random.integers(3)).tolist()) for _ in range(30)]
    found = hamming_search(z, LabelSets.of_lists(sets), depth=8, candidates=candidates)
    expected = brute_force(z, sets, candidates=candidates, positive=lambda i, j: bool(sets[i] & sets[j]))
    check(found, expected)
    deep = hamming_search(z, LabelSets.of_lists(sets), to_r=True, candidates=candidates)
    depth = max(part.index.shape[1] for part in deep.neighbours())
    assert depth == deep.n_positives.max()


def test_deeper_lists_continue_the_short_ones():
    z, y = blobs(n=40, dim=10, classes=5, spread=2)
    found = hamming_search(z, y, depth=2, candidates=7)
    expected = brute_force(z, y, candidates=7)
    rows = np.array([3, 17])
    (part,) = found.deeper(rows, 100)
    assert found.n_neighbours.tolist() == [39] * 40
    for row, index in zip(part.rows.tolist(), part.index.tolist(), strict=True):
        assert index == [one[3] for one in expected[row]]


def test_similarities_say_how_rows_were_compared():
    z, y = blobs(n=30, dim=9, classes=5, spread=2)
    (plain,) = hamming_search(z, y, depth=29).neighbours()
    for row, index, values in zip(plain.rows, plain.index, plain.similarity, strict=True):
        away = np.sum((z[row] > 0) != (z[index] > 0), axis=1)
        assert np.allclose(values, 1 - 2 * away / 9)
    (rescored,) = hamming_search(z, y, depth=29, candidates=29).neighbours()
    for row, index, values in zip(rescored.rows, rescored.index, rescored.similarity, strict=True):
        sign = np.where(z[index] > 0, 1.0, -1.0)
        assert np.allclose(values, sign @ z[row] / np.linalg.norm(z[row]) / 3)


def test_candidates_are_counted_with_those_that_tie():
    z = np.array([[1, 1], [1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)
    found = hamming_search(z, [0, 0, 1, 1, 1], candidates=2)
    # From (1, 1): its copy is at 0, two are at 1. From (1, -1): three at 1. From (-1, -1): two at 1.
    assert found.n_candidates.tolist() == [3, 3, 3, 3, 2]
    assert hamming_search(z, [0, 0, 1, 1, 1]).n_candidates.tolist() == [0] * 5


def test_distances_are_those_of_faiss():
    z, y = blobs(n=300, dim=40, classes=30, spread=2)
    index = faiss.IndexBinaryFlat(40)
    codes = np.packbits(z > 0, axis=1, bitorder="little")
    index.add(codes)
    distance, _ = index.search(codes, 11)
    found = hamming_search(z, y, depth=10)
    for part in found.neighbours():
        away = (1 - part.similarity) * 40 / 2
        assert np.allclose(
            away, distance[part.rows, 1:]
        )  # the first of faiss, at 0, is the query or its equal


def test_wrong_input_is_refused():
    z, y = blobs(n=12, dim=4, classes=3)
    with pytest.raises(InputError, match="-1 candidates; their number must be at least 0"):
        hamming_search(z, y, candidates=-1)
    with pytest.raises(InputError, match="depth"):
        hamming_search(z, y, depth=-1)
    with pytest.raises(InputError, match="device"):
        hamming_search(z, y, device="tpu")
    z[2] = 0
    with pytest.raises(InputError, match="row 2"):
        hamming_search(z, y)
