from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import DEVICE, blobs, brute_force

import embedlens
from embedlens import InputError
from embedlens.similarity import (
    engine,
    exact,
    nearest,
    negatives,
    pair_similarity,
    positives,
    products,
    ranks,
    screen,
    search,
)
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.rows import Rows

TYPES = ("bfloat16", "float32")


def similarities(z, y, gallery=None):
    """All similarities, resolved pair by pair: -inf for an item with itself; and who has whose label."""
    z_g, y_g = (z, y) if gallery is None else gallery
    both = np.concatenate([z, z_g]) if gallery is not None else z
    offset = len(z) if gallery is not None else 0
    rows, columns = np.indices((len(z), len(z_g)))
    s = pair_similarity(both, rows.ravel(), columns.ravel() + offset).reshape(rows.shape)
    if gallery is None:
        np.fill_diagonal(s, -np.inf)
    return s, np.asarray(y)[:, None] == np.asarray(y_g)[None, :]


def plain_search(z, y, gallery, depth):
    """By sorting whole rows: neighbours (on ties negatives, then lower rows), best of each kind, rank."""
    s, same = similarities(z, y, gallery)
    for i in range(len(z)):
        order = np.lexsort((np.arange(s.shape[1]), same[i], -s[i]))
        order = [int(j) for j in order if s[i, j] > -np.inf]
        positives, negatives = ([j for j in order if same[i, j] == kind] for kind in (True, False))
        rank = int(np.sum(s[i, negatives] >= s[i, positives[0]])) if positives else -1
        yield order[: depth[i]], positives[:1], negatives[:1], rank, s[i]


def assert_search_is_plain(z, y, *, gallery=None, depth=3, cutoffs=(1, 2, 5), dtype=None):
    """Every consumer of the engine agrees with plain loops: indices, ranks and ties exactly."""
    found = search(z, y, gallery=gallery, depth=depth, cutoffs=cutoffs, device=DEVICE, dtype=dtype)
    ranks = search(z, y, gallery=gallery, exact_ranks=True, device=DEVICE, dtype=dtype).rank
    depths = np.broadcast_to(depth, len(z))
    neighbours = {}
    for part in found.neighbours():
        for row, *lists in zip(part.rows, part.index, part.similarity, part.positive, strict=True):
            neighbours[row] = lists
    for i, (order, positive, negative, rank, s) in enumerate(plain_search(z, y, gallery, depths)):
        index, similarity, is_positive = neighbours.get(i, ([], [], []))
        kept = [j for j in index if j >= 0]
        assert kept == order
        assert similarity[: len(order)] == pytest.approx([s[j] for j in order], abs=1e-12)
        assert [bool(p) for p in is_positive[: len(order)]] == [
            bool(y[i] == (y if gallery is None else gallery[1])[j]) for j in order
        ]
        for one, best in ((found.positive, positive), (found.negative, negative)):
            assert one.index[i] == (best[0] if best else -1)
            assert (one.similarity[i] == s[best[0]]) if best else np.isnan(one.similarity[i])
        assert ranks[i] == rank
        assert (rank < 0) == (found.rank[i] < 0)
        for k in cutoffs:
            assert (found.rank[i] < k) == (rank < k)


def assert_is_brute_force(z, y):
    """The engine's answer is that of plain Python loops: same values to rounding, resolved exactly."""
    positive, negative = nearest(z, y, device=DEVICE)
    rows = brute_force(z, y)
    assert np.flatnonzero(positive.index >= 0).tolist() == [row[0] for row in rows]
    for anchor, best_positive, best_negative in rows:
        for found, (value, _) in ((positive, best_positive), (negative, best_negative)):
            if value == -2.0:
                assert found.index[anchor] == -1
                assert np.isnan(found.similarity[anchor])
                continue
            assert found.similarity[anchor] == pytest.approx(value, abs=1e-13)
            pair = np.array([anchor]), found.index[[anchor]]
            assert pair_similarity(z, *pair)[0] == found.similarity[anchor]


@given(
    n=st.integers(1, 40),
    m=st.one_of(st.none(), st.integers(1, 30)),
    dim=st.integers(1, 9),
    classes=st.integers(1, 12),
    levels=st.integers(1, 4),
    depth=st.integers(1, 50),
    seed=st.integers(0, 999),
    dtype=st.sampled_from(TYPES),
)
@settings(max_examples=120, deadline=None)
def test_every_consumer_is_brute_force(n, m, dim, classes, levels, depth, seed, dtype):
    """Coarse values make many exact ties and duplicates; one set, or queries and a gallery."""
    random = np.random.default_rng(seed)

    def items(count):
        z = random.integers(-levels, levels + 1, (count, dim)).astype(np.float32)
        z[~z.any(axis=1)] = 1
        return z, random.integers(0, classes, count)

    z, y = items(n)
    gallery = None if m is None else items(m)
    depths = random.integers(1, depth + 1, n)
    assert_search_is_plain(z, y, gallery=gallery, depth=depths, dtype=dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-7])
def test_several_tiles_bands_and_groups(monkeypatch, dtype, spread):
    """N no multiple of a tile; small tables, so several bands; undecided and ambiguous rows."""
    for module, name, value in ((screen, "TILE", 128), (ranks, "TILE", 128), (screen, "_GROUPS", (32, 128))):
        monkeypatch.setattr(module, name, value)
    z, y = blobs(n=403, dim=12, classes=40, spread=1.0)
    z = (1 + spread * z).astype(np.float32) if spread < 1 else z
    assert_search_is_plain(z, y, depth=5, cutoffs=(1, 10, 100), dtype=dtype)
    monkeypatch.setattr(screen, "_TABLE_BYTES", 1 << 10)
    assert_search_is_plain(z, y, depth=5, cutoffs=(1, 10, 100), dtype=dtype)


@pytest.fixture
def elsewhere(monkeypatch):
    """Take the processor for another device, which reduces its tiles itself; small tiles and groups."""
    monkeypatch.setattr(screen, "_PROCESSOR", "elsewhere")
    reduced = []
    for consumer in (negatives.GroupMaxima, ranks.RankCounts):
        original = consumer.reduce_on_device
        monkeypatch.setattr(
            consumer,
            "reduce_on_device",
            lambda self, tile, block, original=original: (
                reduced.append((type(self), tile.mirrored)), original(self, tile, block),
            ),
        )  # fmt: skip
        monkeypatch.delattr(consumer, "reduce")
    for name, value in (("_DEVICE_TILE", 128), ("_GROUPS", (32, 128))):
        monkeypatch.setattr(screen, name, value)
    return reduced


@pytest.mark.parametrize("dtype", TYPES)
def test_tiles_that_are_reduced_on_the_device(monkeypatch, elsewhere, dtype):
    z, y = blobs(n=403, dim=12, classes=9, spread=1.0)
    assert_search_is_plain(z, y, depth=5, cutoffs=(1, 10, 100), dtype=dtype)
    both = {
        (one, mirrored) for one in (negatives.GroupMaxima, ranks.RankCounts) for mirrored in (True, False)
    }
    assert set(elsewhere) == both
    assert_search_is_plain(z[:90], y[:90], gallery=(z[90:], y[90:]), cutoffs=(1, 10, 100), dtype=dtype)
    monkeypatch.setattr(screen, "_DEVICE_TABLE_BYTES", 1 << 10)  # several bands
    elsewhere.clear()
    assert_search_is_plain(-np.abs(z), y, depth=5, cutoffs=(1, 10, 100), dtype=dtype)
    assert {mirrored for _, mirrored in elsewhere} == {False}


@given(n=st.integers(1, 60), classes=st.integers(1, 12), levels=st.integers(1, 3), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ties_among_tiles_that_are_reduced_on_the_device(elsewhere, n, classes, levels, seed):
    random = np.random.default_rng(seed)
    z = random.integers(-levels, levels + 1, (n, 4)).astype(np.float32)
    z[~z.any(axis=1)] = 1
    y = random.integers(0, classes, n)
    assert_search_is_plain(z, y, depth=4, dtype="bfloat16")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
def test_few_candidates_at_a_time_and_many_ambiguous_rows(monkeypatch, dtype):
    z, y = blobs(n=300, dim=6, classes=20)
    for module, name, value in (
        (negatives, "_ENTRIES", 1), (positives, "_SMALL_CLASS", 2), (positives, "_BLOCK_VALUES", 8),
        (exact, "_STRIP_VALUES", 700), (exact, "_FEWEST_ROWS", 1), (exact, "_KEPT_VALUES", 0),
        (ranks, "_ROWS", 7), (engine, "_ROWS", 11),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    assert_search_is_plain(z, y, depth=4, dtype=dtype)
    assert_search_is_plain(np.ones_like(z), y, depth=4, dtype=dtype)
    assert_search_is_plain(z, y, depth=np.arange(300) % 90 + 1, dtype=dtype)


def test_a_rank_beyond_the_depth_is_at_least_the_depth_where_no_cutoff_was_asked():
    z, y = blobs(n=200, dim=4, classes=40, spread=4.0)
    exact_ranks = search(z, y, cutoffs=range(1, 201)).rank
    for depth in (1, 7):
        found = search(z, y, depth=depth).rank
        assert (found == np.minimum(exact_ranks, depth)).all()
        assert (exact_ranks > depth).any()


@pytest.mark.parametrize("dtype", TYPES)
def test_negative_similarities_are_found_and_ranked(dtype):
    """Tiles say of a negative number only that it is not positive; all must be decided all the same."""
    random = np.random.default_rng(0)
    z = np.concatenate([[[1.0, 0.2]], -np.abs(random.normal(size=(50, 2)))])
    y = np.arange(51) % 25
    assert_search_is_plain(z, y, depth=6, cutoffs=(1, 5, 20, 40), dtype=dtype)
    assert_search_is_plain(z[:1], y[:1], gallery=(z[1:], y[1:]), depth=6, cutoffs=(1, 5, 20, 40), dtype=dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_bound_of_the_screen_holds(dtype):
    """No screened product is further from the resolved value than the bound that candidates are chosen by."""
    for dim, kind in ((1, "normal"), (3, "normal"), (513, "normal"), (512, "sparse"), (64, "equal")):
        random = np.random.default_rng(dim)
        z = random.normal(size=(200, dim))
        z = z * (random.random(z.shape) < 0.02) + 1e-3 * (kind == "sparse") * z if kind == "sparse" else z
        z = np.ones_like(z) + 1e-4 * z if kind == "equal" else z
        pairing = Pairing(z, np.arange(200))
        one = screen.Screen(pairing, dtype, "cpu")
        exact_values, _ = similarities(z, np.arange(200))
        np.fill_diagonal(exact_values, 1.0)
        tile = one.values(one.block(one.queries.screened, slice(0, 200)).copy())
        low, high = (one.values(one.bits(exact_values + sign * one.error[:, None])) for sign in (-1, 1))
        assert (tile >= np.where(low > 0, low, -2)).all()
        assert (np.maximum(tile, 0) <= np.maximum(high, 0)).all()
        assert one.error.max() < (0.02 if dtype == "bfloat16" else 1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_extreme_scales(scale):
    z, y = blobs(n=40)
    assert_is_brute_force((z * np.float32(scale)).astype(np.float32), y)


def test_ties_take_the_lowest_row_number_and_are_exact():
    z = np.array([[1, 0], [3, 1], [3, 1], [3, 1], [6, 2], [0, 1]], dtype=np.float32)
    y = np.array([0, 1, 0, 0, 1, 2])
    positive, negative = nearest(z, y)
    assert positive.index.tolist() == [2, 4, 3, 2, 1, -1]
    assert negative.index.tolist() == [1, 2, 1, 1, 2, 1]
    assert positive.similarity[0] == negative.similarity[0]
    assert positive.similarity[2] == negative.similarity[2] == pytest.approx(1.0)


def test_precision_set_by_the_user_is_kept_but_not_used(monkeypatch):
    monkeypatch.setattr(products, "SMALL", 0)
    z, y = blobs(n=300, dim=64)
    expected = nearest(z, y)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        found = nearest(z, y)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(found[1].similarity, expected[1].similarity)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_types_and_read_only_arrays(dtype):
    z, y = blobs(n=30)
    z = z.astype(dtype)
    z.flags.writeable = False
    assert_is_brute_force(z, y)


def test_labels_beyond_float32_stay_apart():
    z, _ = blobs(n=4)
    positive, _ = nearest(z, np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1]))
    assert positive.index.tolist() == [2, 3, 0, 1]


def test_what_cannot_be_compared():
    z, y = blobs(n=10)
    for bad, message in (
        (z[:-1], "9 rows, but there are 10 labels"),
        (np.where(np.arange(10)[:, None] == 3, np.nan, z), "row 3 holds NaN"),
        (np.where(np.arange(10)[:, None] == 3, 0, z), "row 3 is a zero vector"),
        (z.astype(int), "embeddings are int64"),
        (z[0], r"shape \(8,\)"),
    ):
        with pytest.raises(InputError, match=message):
            nearest(bad, y)


def test_equal_rows_have_equal_norms_and_correct_ones():
    """Rooted by numpy: torch's own square root was seen to differ by thread."""
    z = np.random.default_rng(0).normal(size=(20000, 8))
    z[10000:] = z[:10000]
    norm = Rows(z).norm
    assert (norm[:10000] == norm[10000:]).all()
    assert abs(norm / np.linalg.norm(z, axis=1) - 1).max() < 1e-15


_MEMORY = """
import resource, sys, numpy as np, embedlens
from embedlens.analysis.scores import score
import embedlens.similarity
run = embedlens.open_run(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
snapshot = run.snapshot("test")
score(snapshot.embeddings, snapshot.labels, sys.argv[2].split(","))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "classes", "spread", "metrics", "limit"),
    [
        pytest.param(60_502, 11_316, 1.0, "R@1,R@1000,map_at_r,hubness", 2**30, id="products"),
        pytest.param(14_000, 3, 1.0, "R@1,map_at_r", 2**29, id="classes of 4,667"),
        pytest.param(14_000, 11_316, 1e-5, "R@1", 2**29, id="a collapsed space"),
    ],
)
def test_memory_stays_bounded(tmp_path, n, classes, spread, metrics, limit):
    random = np.random.default_rng(0)
    z = 1 + np.float32(spread) * random.standard_normal((n, 512), dtype=np.float32)
    y = np.arange(n) % classes
    embedlens.Recorder(tmp_path / "run", labels={"test": y}).record(0, {"test": z})
    command = [sys.executable, "-c", _MEMORY, str(tmp_path / "run"), metrics]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < limit + z.nbytes
