from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import DEVICE

from embedlens.similarity import assignment
from embedlens.similarity.assignment import NearestCentroids

DTYPES = (torch.bfloat16, torch.float32, torch.float64)


def unit_rows(n, dim, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def exact_scores(x, centroids):
    """x.c - |c|^2 / 2 in float64, [N, K]."""
    x, c = x.astype(np.float64), centroids.astype(np.float64)
    return x @ c.T - (c * c).sum(axis=1) / 2


def assert_is_brute_force(search, centroids):
    label = search.assign(centroids)
    scores = exact_scores(search.x, centroids)
    best = scores.max(axis=1)
    at = np.arange(len(label))
    np.testing.assert_allclose(search.score, best, rtol=0, atol=1e-13)
    np.testing.assert_allclose(scores[at, label], best, rtol=0, atol=1e-13)
    # Nothing of equal value has a lower number: equal centroids are equal bytes.
    for i, k in enumerate(label):
        assert not (centroids[:k] == centroids[k]).all(axis=1).any(), i


def drifting(x, k, seed, steps=5):
    """Centroids of a few steps: rows at first, then some of them moved a little, a lot, or not at all."""
    random = np.random.default_rng(seed)
    centroids = x[random.integers(0, len(x), k)].copy()
    for _ in range(steps):
        yield centroids
        centroids = centroids.copy()
        moved = random.random(k) < 0.3
        size = 10.0 ** random.uniform(-4, 0, (int(moved.sum()), 1))
        centroids[moved] = (centroids[moved] + size * random.normal(size=(int(moved.sum()), x.shape[1]))) / 2


@given(
    n=st.integers(1, 70),
    k=st.integers(1, 150),
    dim=st.integers(1, 40),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_nearest_is_brute_force_while_centroids_move(n, k, dim, dtype, seed):
    search = NearestCentroids(unit_rows(n, dim, seed), dtype=dtype, device=DEVICE)
    for centroids in drifting(search.x, k, seed):
        assert_is_brute_force(search, centroids)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4, 1e-7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_ambiguous_rows_and_collapsed_spaces(spread, dtype):
    """Where one type cannot tell the centroids apart the next one does, down to float64."""
    x = np.random.default_rng(0).normal(size=(200, 24)) * spread + 1
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    search = NearestCentroids(x, dtype=dtype, device=DEVICE)
    for centroids in drifting(x, 300, 1):
        assert_is_brute_force(search, centroids)


def test_all_types_threads_blocks_and_other_devices_give_the_same_bytes(monkeypatch):
    x = unit_rows(3000, 48)
    steps = list(drifting(x, 700, 2))

    def answers(**options):
        search = NearestCentroids(x, **options)
        return [(search.assign(step), search.score.copy()) for step in steps]

    expected = answers(dtype=torch.float64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = [answers(dtype=torch.bfloat16)]
        torch.set_num_threads(3)
        found += [answers(dtype=torch.bfloat16), answers(dtype=torch.float32)]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr(assignment, "_BLOCK_ROWS", 64)
    monkeypatch.setattr(assignment, "_MANY_CANDIDATES", 1)
    found.append(answers(dtype=torch.bfloat16))
    plain = NearestCentroids(x, dtype=torch.float32)
    plain._on_device = torch.from_numpy(x)  # the path of other devices
    found.append([(plain.assign(step), plain.score.copy()) for step in steps])
    for answer in found:
        for (label, score), (label_wanted, score_wanted) in zip(answer, expected, strict=True):
            np.testing.assert_array_equal(label, label_wanted)
            np.testing.assert_array_equal(score, score_wanted)


def test_ties_go_to_the_lowest_number():
    x = unit_rows(5, 8)
    search = NearestCentroids(x)
    assert search.assign(np.concatenate([x[::-1], x, x])).tolist() == [4, 3, 2, 1, 0]
    # The nearest moves away and back: its equals had been passed over before.
    away = np.concatenate([-x[::-1], x, x])
    assert search.assign(away).tolist() == [5, 6, 7, 8, 9]
    assert search.assign(np.concatenate([x[::-1], x, x])).tolist() == [4, 3, 2, 1, 0]


def test_what_cannot_have_changed_is_not_computed():
    x = unit_rows(2000, 32)
    centroids = x[:500].copy()
    search = NearestCentroids(x)
    search.assign(centroids)
    assert search.products == 2000 * 500
    search.assign(centroids)
    assert search.products == 2000 * 500
    centroids[7] += np.float32(1e-3)
    assert_is_brute_force(search, centroids)
    assert search.products < 1.2 * 2000 * 500


def test_precision_set_by_the_user_is_kept_but_not_used():
    x = unit_rows(500, 64)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert_is_brute_force(NearestCentroids(x, dtype=torch.float32), x[:300])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounds_hold_for_screened_scores(dtype):
    """Every screened score lies within its bound of the float64 score, and the bound is not idle."""
    x, centroids = unit_rows(300, 200), unit_rows(160, 200, 1) * np.float32(0.7)
    search = NearestCentroids(x, dtype=dtype, device=DEVICE)
    search.assign(centroids)
    level = search._level
    table = search._table(level)
    bits, error = search._products(np.arange(300), table.operand, level)
    screened = torch.from_numpy(bits.copy()).view(dtype).double().numpy()
    bound = error[:, None] * table.reach + table.spread + level.last_rounding * np.abs(screened)
    gap = np.abs(screened - exact_scores(x, centroids[search._order]))
    assert (gap <= bound).all()
    assert gap.max() > bound.max() / 1000


_MEMORY = """
import resource, sys, numpy as np
from embedlens.similarity.kmeans import kmeans
random = np.random.default_rng(0)
z = random.standard_normal((20_000, 256), dtype=np.float32)
kmeans(z[:2000], 100, iterations=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kmeans(z, 5000, iterations=3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_stays_bounded():
    done = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 2**29
