"""Gallery rows that a query ignores, by its class and a code or by a code alone, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.label_sets import LabelSets
from embedlens.similarity import (
    Gallery,
    exact,
    negatives,
    pair_similarity,
    positives,
    prefixes,
    ranks,
    screen,
    search,
)
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.prefixes import prefix_hits

TYPES = ("bfloat16", "float32")
DEMANDS = RetrievalOptions(ks=(1, 2, 4), at_r=True, map_at_5=True, knn=3, hubness=True)


def in_common(y, y_g):
    """Whether queries and gallery rows are positives, and whether their labels are the same, bool [N, M]."""
    if isinstance(y, LabelSets):
        sets, others = (list(map(set, one.lists())) for one in (y, y_g))
        return tuple(
            np.array([[bool(test(a, b)) for b in others] for a in sets]) for test in (set.__and__, set.__eq__)
        )
    same = np.asarray(y)[:, None] == np.asarray(y_g)
    return same, same


def ignored(y, gallery):
    """Which gallery rows each query ignores, bool [N, M], pair by pair."""
    positive, same = in_common(y, gallery.labels)
    out = np.zeros(positive.shape, bool)
    for i, j in np.ndindex(*out.shape):
        for codes, counts in ((gallery.items, same), (gallery.junk, positive), (gallery.excluded, None)):
            if codes is not None and (counts is None or counts[i, j]) and codes[0][i] == codes[1][j]:
                out[i, j] |= codes is gallery.items or codes[0][i] >= 0
    return out


def assert_is_plain(z, y, gallery, *, depth, cutoffs=(1, 2, 5), dtype=None):
    """Nearest of each kind, neighbours, ranks and counts are those of sorting whole rows, ties included."""
    rows, columns = np.indices((len(z), len(gallery.embeddings)))
    s = pair_similarity(z, rows.ravel(), columns.ravel(), other=gallery.embeddings).reshape(rows.shape)
    s = np.where(ignored(y, gallery), -np.inf, s)
    same, _ = in_common(y, gallery.labels)
    found = search(z, y, gallery=gallery, depth=depth, cutoffs=cutoffs, dtype=dtype)
    listed = {}
    for part in found.neighbours():
        for row, *lists in zip(part.rows, part.index, part.positive, strict=True):
            listed[int(row)] = lists
    for i in range(len(z)):
        order = [int(j) for j in np.lexsort((np.arange(s.shape[1]), same[i], -s[i])) if s[i, j] > -np.inf]
        index, is_positive = listed.get(i, ([], []))
        kept = [j for j in index if j >= 0]
        assert kept == order[: depth[i]]
        assert [bool(p) for p in is_positive[: len(kept)]] == [bool(same[i, j]) for j in kept]
        kinds = [[j for j in order if same[i, j] == kind] for kind in (True, False)]
        for one, best in zip((found.positive, found.negative), kinds, strict=True):
            assert one.index[i] == (best[0] if best else -1)
            assert one.similarity[i] == s[i, best[0]] if best else np.isnan(one.similarity[i])
        rank = int(np.sum(s[i, kinds[1]] >= s[i, kinds[0][0]])) if kinds[0] else -1
        assert (rank < 0) == (found.rank[i] < 0)
        assert [found.rank[i] < k for k in cutoffs] == [rank < k for k in cutoffs]
        assert (found.n_positives[i], found.n_neighbours[i]) == (len(kinds[0]), len(order))


def drawn(seed, n=40, m=None, *, dim=5, classes=5, levels=2, junk=True, excluded=False, sets=False):
    """Coarse embeddings, full of ties and copies, with codes of which some are none."""
    random = np.random.default_rng(seed)

    def rows(count):
        z = random.integers(-levels, levels + 1, (count, dim)).astype(np.float32)
        z[~z.any(axis=1)] = 1
        if sets:
            return z, LabelSets.of_lists(
                random.integers(0, classes, size) for size in random.integers(0, 4, count)
            )
        return z, random.integers(0, classes, count)

    z, y = rows(n)
    codes = [random.integers(-1, 4, n) if wanted else None for wanted in (junk, excluded)]
    if m is None:
        return z, y, Gallery.itself(z, y, junk=codes[0], excluded=codes[1])
    z_g, y_g = rows(m)
    items = (random.integers(0, 9, n), random.integers(0, 9, m)) if seed % 2 else None
    pairs = [None if one is None else (one, random.integers(-1, 4, m)) for one in codes]
    return z, y, Gallery(z_g, y_g, items, *pairs)


@given(
    n=st.integers(1, 40),
    m=st.one_of(st.none(), st.integers(1, 30)),
    dim=st.integers(1, 9),
    classes=st.integers(1, 8),
    depth=st.integers(1, 50),
    seed=st.integers(0, 999),
    what=st.sampled_from([(True, False), (False, True), (True, True)]),
    sets=st.booleans(),
    dtype=st.sampled_from(TYPES),
)
@settings(max_examples=120, deadline=None)
def test_every_consumer_is_brute_force(n, m, dim, classes, depth, seed, what, sets, dtype):
    """Coarse values make many exact ties; one set or two, one label or sets of labels for each item."""
    z, y, gallery = drawn(seed, n, m, dim=dim, classes=classes, junk=what[0], excluded=what[1], sets=sets)
    depths = np.random.default_rng(seed).integers(1, depth + 1, n)
    assert_is_plain(z, y, gallery, depth=depths, dtype=dtype)


@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_several_tiles_bands_and_ambiguous_rows(monkeypatch, dtype, excluded):
    small = {
        screen: {"TILE": 64, "_GROUPS": (32, 64), "_TABLE_BYTES": 1 << 9},
        ranks: {"TILE": 64},
        exact: {"_STRIP_VALUES": 900},
        positives: {"_SMALL_CLASS": 3},
        negatives: {"_ENTRIES": 1 << 12},
    }
    for module, name, value in ((one, *pair) for one, values in small.items() for pair in values.items()):
        monkeypatch.setattr(module, name, value)
    z, y = blobs(n=203, dim=6, classes=20, spread=1.0)
    codes = np.random.default_rng(1).integers(-1, 3, 203)
    kind = {"excluded": codes} if excluded else {"junk": codes}
    assert_is_plain(
        z, y, Gallery.itself(z, y, **kind), depth=np.full(203, 5), cutoffs=(1, 10, 100), dtype=dtype
    )
    alike = np.ones_like(z)
    assert_is_plain(alike, y, Gallery.itself(alike, y, **kind), depth=np.full(203, 3), dtype=dtype)


@pytest.mark.parametrize("junk", [True, False])
def test_one_set_is_searched_as_one(junk):
    """Half of the tiles are enough where a set searches itself, whatever it ignores."""
    z, y = blobs(n=60)
    codes = np.arange(60) % 3
    assert Pairing(z, y, Gallery.itself(z, y, **{"junk" if junk else "excluded": codes})).one_set
    assert not Pairing(z, y, Gallery(z.copy(), y, (np.arange(60),) * 2)).one_set
    assert not Pairing(z, y, Gallery(z, y, (np.arange(60),) * 2, (codes, codes[::-1]))).one_set


@pytest.mark.parametrize(("junk", "excluded"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("m", [None, 50])
@pytest.mark.parametrize("seed", range(2))
def test_scores_are_those_of_the_queries_one_by_one(seed, m, junk, excluded):
    z, y, gallery = drawn(seed, n=60, m=m, classes=4, junk=junk, excluded=excluded)
    keep, y_g = ~ignored(y, gallery), np.asarray(gallery.labels)
    found = retrieve(z, y, DEMANDS, gallery=gallery)
    each = [
        retrieve(z[[i]], y[[i]], DEMANDS, gallery=(np.asarray(gallery.embeddings)[keep[i]], y_g[keep[i]]))
        for i in range(len(z))
        if (y_g[keep[i]] == y[i]).any()
    ]
    assert (found.n, found.n_singletons) == (len(each), len(z) - len(each))
    for name in ("r_precision", "map_at_r", "map_at_5", "knn_accuracy"):
        assert getattr(found, name) == pytest.approx(np.mean([getattr(one, name) for one in each]))
    for k in (1, 2, 4):
        assert found.recall[k] == np.mean([one.recall[k] for one in each])
    ranking = rank_labels(z, y, gallery=gallery)
    known = ranking.place[~ranking.is_new]
    assert np.mean(np.where(known < 5, 1 / (known + 1), 0)) == pytest.approx(found.map_at_5)
    for dims in (None, [5]):
        assert pruned_recall(z, y, dims, gallery=gallery).recall[-1] == found.recall[1]


def prefix_loops(z, y, gallery, dims):
    hits, left = np.zeros((len(z), len(dims)), bool), ignored(y, gallery)
    z_g, y_g = np.asarray(gallery.embeddings, float), np.asarray(gallery.labels)
    for t, d in enumerate(dims):
        for i, a in enumerate(np.asarray(z, float)):
            best = {True: -np.inf, False: -np.inf}
            for j, b in enumerate(z_g):
                if not left[i, j]:
                    same = bool(y[i] == y_g[j])
                    best[same] = max(best[same], float(a[:d] @ b[:d]))
            hits[i, t] = best[True] > best[False]
    return hits


@pytest.mark.parametrize(("junk", "excluded"), [(True, False), (False, True)])
@pytest.mark.parametrize("m", [None, 70])
def test_pruned_recalls_are_those_of_loops(monkeypatch, m, junk, excluded):
    """Inner products of whole numbers are exact, so ties are ties; by tiles and by the path of a device."""
    monkeypatch.setattr(prefixes, "_STRIP", 7)
    z, y, gallery = drawn(3, n=50, m=m, levels=1, junk=junk, excluded=excluded)
    pairing, dims = Pairing(z, y, gallery), [1, 2, 3, 4, 5]
    queries = np.asarray(z, float)[pairing.query_order]
    other = queries if pairing.one_set else np.asarray(gallery.embeddings, float)[pairing.gallery_order]
    expected = prefix_loops(z, y, gallery, dims)
    assert expected.any()
    for device in ("cpu", "device path"):
        if device != "cpu":
            monkeypatch.setattr(prefixes, "_PROCESSOR", "none")
        found = prefix_hits(pairing, (queries, other), dims, rotation=False, cosine=False, by_engine=False)
        assert (found.hits == expected).all()


@pytest.mark.parametrize("m", [None, 70])
@pytest.mark.parametrize("excluded", [False, True])
def test_searches_of_pruned_embeddings_by_the_engine_ignore_the_same(m, excluded):
    random = np.random.default_rng(0)
    _, y, gallery = drawn(1, n=50, m=m, junk=not excluded, excluded=excluded)
    z = random.normal(size=(50, 5))
    z_g = z if m is None else random.normal(size=(m, 5))
    pairing = Pairing(z, y, gallery._replace(embeddings=z_g))
    sides = z[pairing.query_order], z_g[pairing.gallery_order]
    if pairing.one_set:
        sides = sides[0], sides[0]
    both = [prefix_hits(pairing, sides, [3, 5], rotation=False, by_engine=by) for by in (False, True)]
    assert (both[0].hits == both[1].hits).all()
    assert both[0].hits.any()


def test_codes_of_other_sizes_are_refused():
    z, y, gallery = drawn(0, m=30)
    for name in ("junk", "excluded"):
        with pytest.raises(
            InputError, match="codes of 5 queries and 30 gallery rows; got 40 queries and 30 rows"
        ):
            search(z, y, gallery=gallery._replace(**{name: (np.zeros(5, int), np.zeros(30, int))}))
    with pytest.raises(InputError, match="codes"):
        Gallery.itself(z, y, junk=[1, 2])
