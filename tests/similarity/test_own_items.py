"""Queries that stand in their gallery do not find themselves, whatever is computed."""

from __future__ import annotations

import numpy as np
import pytest

from embedlens import InputError
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.similarity import Gallery, search

DEMANDS = RetrievalOptions(ks=(1, 2, 4), at_r=True, map_at_5=True, knn=3, hubness=True)


def crowd(seed, n=60, m=90, classes=4):
    """Queries and a gallery in which items stand several times, under one label and under others."""
    random = np.random.default_rng(seed)
    z, y = random.normal(size=(n, 5)).astype(np.float32), random.integers(0, classes, n)
    z_g, y_g = random.normal(size=(m, 5)).astype(np.float32), random.integers(0, classes, m)
    items = random.integers(0, 30, n), random.integers(0, 30, m)
    for i in range(n):
        z_g[(items[1] == items[0][i]) & (y_g == y[i])] = z[i]
    return (z, y), (z_g, y_g), items


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("seed", range(3))
def test_each_query_is_searched_as_if_its_own_rows_were_not_there(seed, dtype):
    (z, y), (z_g, y_g), items = crowd(seed)
    own = (items[0][:, None] == items[1]) & (y[:, None] == y_g)
    assert own.any(axis=1).sum() > 10
    assert own.sum(axis=1).max() > 1
    found = search(z, y, gallery=Gallery(z_g, y_g, items), depth=200, dtype=dtype)
    listed = {int(row): part for part in found.neighbours() for row in part.rows}
    for i in range(len(z)):
        keep = np.flatnonzero(~own[i])
        alone = search(z[i : i + 1], y[i : i + 1], gallery=(z_g[keep], y_g[keep]), depth=200, dtype=dtype)
        for name in ("positive", "negative"):
            one, other = getattr(found, name), getattr(alone, name)
            assert one.index[i] == (keep[other.index[0]] if other.index[0] >= 0 else -1)
        assert found.n_positives[i] == alone.n_positives[0]
        (expected,) = alone.neighbours()
        part = listed[i]
        at = part.rows.tolist().index(i)
        assert part.index[at, : keep.size].tolist() == keep[expected.index[0]].tolist()
        assert (part.index[at, keep.size :] == -1).all()


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_queries_one_by_one(seed):
    (z, y), (z_g, y_g), items = crowd(seed)
    own = (items[0][:, None] == items[1]) & (y[:, None] == y_g)
    gallery = Gallery(z_g, y_g, items)
    found = retrieve(z, y, DEMANDS, gallery=gallery)
    each = [
        retrieve(z[i : i + 1], y[i : i + 1], DEMANDS, gallery=(z_g[~own[i]], y_g[~own[i]]))
        for i in range(len(z))
        if (y_g[~own[i]] == y[i]).any()
    ]
    assert found.n == len(each)
    for name in ("r_precision", "map_at_r", "map_at_5", "knn_accuracy"):
        assert getattr(found, name) == pytest.approx(np.mean([getattr(one, name) for one in each]))
    for k in (1, 2, 4):
        assert found.recall[k] == np.mean([one.recall[k] for one in each])
    for dims in (None, [5]):  # many numbers of columns grow tiles, few are searched by the engine
        assert pruned_recall(z, y, dims, gallery=gallery).recall[-1] == found.recall[1]
    ranking = rank_labels(z, y, gallery=gallery)
    assert ranking.map_at_5(None) * len(z) == pytest.approx(found.map_at_5 * found.n)


def test_items_that_do_not_fit_are_refused():
    (z, y), (z_g, y_g), items = crowd(0)
    with pytest.raises(InputError, match="got 60 queries and 90 rows"):
        search(z, y, gallery=Gallery(z_g, y_g, (items[0][:5], items[1])))
    own = Gallery(z, y, (np.arange(60), np.arange(60)))
    one_each = np.arange(60)
    with pytest.raises(InputError, match="no query has a positive but itself"):
        retrieve(z, one_each, RetrievalOptions(ks=(1,)), gallery=own._replace(labels=one_each))
