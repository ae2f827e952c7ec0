"""Positives that share a label of their sets: the engine against plain loops, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.label_sets import LabelSets
from embedlens.similarity import Gallery, pair_similarity, positives, ranks, screen, search, sharing

TYPES = ("bfloat16", "float32")


def drawn(random, n, *, dim, levels, labels, most):
    """Coarse embeddings with many ties, and a set of 0 to `most` labels for each."""
    z = random.integers(-levels, levels + 1, (n, dim)).astype(np.float32)
    z[~z.any(axis=1)] = 1
    sizes = np.minimum(random.integers(0, most + 1, n), labels)
    return z, LabelSets.of_lists(random.choice(labels, size, replace=False).tolist() for size in sizes)


def pairs(queries, gallery):
    """Similarity and common labels of all pairs, by one function call and one set for each."""
    z, y = queries
    z_g, y_g = gallery
    both, (rows, columns) = np.concatenate([z, z_g]), np.indices((len(z), len(z_g)))
    s = pair_similarity(both, rows.ravel(), columns.ravel() + len(z)).reshape(rows.shape)
    sets, others = (list(map(set, one.lists())) for one in (y, y_g))
    return s, np.array([[bool(one & other) for other in others] for one in sets])


def assert_is_plain(queries, gallery, *, depth, dtype, own=None):
    """Neighbours, nearest of each kind, ranks and counts are those of sorted rows."""
    s, same = pairs(queries, gallery or queries)
    ignored = np.eye(len(s), dtype=bool) if gallery is None else np.zeros(s.shape, bool)
    if own is not None:
        ignored = own
        gallery = Gallery(*gallery, own_items(own))
    found = search(*queries, gallery=gallery, depth=depth, cutoffs=(1, 2, 5), dtype=dtype)
    listed = {int(row): (part, at) for part in found.neighbours() for at, row in enumerate(part.rows)}
    for i in range(len(s)):
        order = np.lexsort((np.arange(s.shape[1]), same[i], -s[i]))
        order = [int(j) for j in order if not ignored[i, j]]
        kinds = [[j for j in order if same[i, j] == kind] for kind in (True, False)]
        for one, best in zip((found.positive, found.negative), kinds, strict=True):
            assert one.index[i] == (best[0] if best else -1)
            assert (one.similarity[i] == s[i, best[0]]) if best else np.isnan(one.similarity[i])
        rank = int(np.sum(s[i, kinds[1]] >= s[i, kinds[0][0]])) if kinds[0] else -1
        assert [found.rank[i] < k for k in (0, 1, 2, 5)] == [rank < k for k in (0, 1, 2, 5)]
        assert found.n_positives[i] == len(kinds[0])
        kept = order[: depth[i]]
        if kept:
            part, at = listed[i]
            assert part.index[at, : len(kept)].tolist() == kept
            assert part.positive[at, : len(kept)].tolist() == same[i, kept].tolist()
            assert (part.index[at, len(kept) :] == -1).all()


def own_items(own):
    """Items of queries and gallery rows by which each query is the rows that `own` says, one at most each."""
    n, m = own.shape
    at = np.where(own.any(axis=0), own.argmax(axis=0), np.arange(n, n + m))
    return np.arange(n), at


@pytest.fixture(params=["bits", "lists"])
def tested_by(request, monkeypatch):
    """Pairs are tested by bits where there are few labels, else by the rows of each label."""
    monkeypatch.setattr(sharing, "MOST_WORDS", 4 if request.param == "bits" else 0)


@given(
    n=st.integers(1, 40),
    m=st.one_of(st.none(), st.integers(1, 30)),
    dim=st.integers(1, 9),
    labels=st.sampled_from([1, 3, 12, 70, 400]),
    most=st.integers(1, 6),
    depth=st.integers(1, 50),
    seed=st.integers(0, 999),
    dtype=st.sampled_from(TYPES),
    words=st.sampled_from([0, 4]),
)
@settings(max_examples=80, deadline=None)
def test_the_engine_is_brute_force(n, m, dim, labels, most, depth, seed, dtype, words):
    random = np.random.default_rng(seed)
    levels = int(random.integers(1, 4))
    queries = drawn(random, n, dim=dim, levels=levels, labels=labels, most=most)
    gallery = None if m is None else drawn(random, m, dim=dim, levels=levels, labels=labels, most=most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "MOST_WORDS", words)
        assert_is_plain(queries, gallery, depth=random.integers(1, depth + 1, n), dtype=dtype)


@pytest.mark.usefixtures("tested_by")
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("many", [0.0, 2.0])
def test_positives_of_many_rows_are_those_of_plain_loops(dtype, many, monkeypatch):
    """Tiles with several groups, rows of many ties, positives by products with the gallery and one by one."""
    monkeypatch.setattr(positives, "_MANY", many)
    random = np.random.default_rng(3)
    queries = drawn(random, 300, dim=4, levels=2, labels=5, most=2)
    assert_is_plain(queries, None, depth=np.full(300, 3), dtype=dtype)


@pytest.mark.usefixtures("tested_by")
@pytest.mark.parametrize("dtype", TYPES)
def test_several_tiles_bands_and_groups(dtype, monkeypatch):
    """N no multiple of a tile; small tables, so several bands; rows that the bound leaves undecided."""
    for module, name, value in ((screen, "TILE", 64), (ranks, "TILE", 64), (screen, "_GROUPS", (16, 64))):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(screen, "_TABLE_BYTES", 1 << 8)
    random = np.random.default_rng(4)
    z, y = drawn(random, 201, dim=12, levels=3, labels=90, most=3)
    z = (1 + 1e-3 * z).astype(np.float32)
    assert_is_plain((z, y), None, depth=np.full(201, 5), dtype=dtype)


@pytest.mark.usefixtures("tested_by")
def test_a_query_is_never_its_own_neighbour_in_a_gallery():
    random = np.random.default_rng(0)
    z, y = drawn(random, 30, dim=5, levels=3, labels=6, most=2)
    order = random.permutation(30)
    own = np.arange(30)[:, None] == order
    assert_is_plain((z, y), (z[order], y[order]), depth=np.full(30, 40), dtype="float32", own=own)


@pytest.mark.usefixtures("tested_by")
def test_sets_of_one_label_are_labels():
    """Every answer is that of the integers, to the bit."""
    random = np.random.default_rng(1)
    z, y = random.normal(size=(500, 6)).astype(np.float32), random.integers(0, 70, 500)
    one, other = (search(z, labels, depth=70, cutoffs=(1, 5)) for labels in (y, LabelSets.of_single(y)))
    for kind in ("positive", "negative"):
        for name in ("index", "similarity"):
            np.testing.assert_array_equal(*(getattr(getattr(found, kind), name) for found in (one, other)))
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(one.n_positives, other.n_positives)


def test_wrong_sets_are_refused():
    sets = LabelSets.of_lists([[0, 1], [2]])
    with pytest.raises(InputError, match="label sets on one side only"):
        search(np.eye(2), sets, gallery=(np.eye(2), [0, 1]))
    for wrong, message in (
        (([0, 2, 3], [0, 1]), "indptr must ascend from 0 to the 2 labels"),
        (([0, 2, 1, 2], [0, 1]), "indptr must ascend"),
        (([1, 2], [0, 1]), "indptr must ascend"),
        (([0, 1, 2], [0, -1]), "label -1 is negative"),
        (([0, 1, 3], [0, 2, 1]), "labels of item 1 do not ascend"),
        (([0, 2, 2], [0, 0]), "labels of item 0 do not ascend, or one is given twice"),
        (([[0]], [0]), "have 2 and 1 axes"),
    ):
        with pytest.raises(InputError, match=message):
            LabelSets(*map(np.array, wrong))


def test_label_sets_are_indexed_as_arrays_and_are_no_array():
    sets = LabelSets.of_lists([[3, 1], [], [2], [1]])
    assert sets.lists() == [[1, 3], [], [2], [1]]
    assert sets[np.array([False, True, True, False])].lists() == [[], [2]]
    assert sets[[3, 0, 0]].lists() == [[1], [1, 3], [1, 3]]
    assert sets[1:3] == LabelSets.of_lists([[], [2]])
    assert sets != LabelSets.of_lists([[3], [], [2], [1]])
    assert LabelSets.concatenated([sets, sets[:1]]).codes().tolist() == [0, 1, 2, 3, 0]
    assert repr(sets) == "LabelSets(items=4, labels=3)"
    for make in (np.asarray, np.unique, lambda one: np.isin(one, [1])):
        with pytest.raises(InputError, match="multi-label"):
            make(sets)
