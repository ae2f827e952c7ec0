"""Scores and triplets of items that have sets of labels, against plain loops over pairs of sets."""

from __future__ import annotations

import numpy as np
import pytest

from embedlens import InputError, LabelSets
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.retrieval.duplicates import count_duplicates
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, recall_at_k, retrieve
from embedlens.analysis.scores import METRICS, SINGLE_LABEL, WITH_SETS, ScoreSettings, score
from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.similarity import Gallery, pair_similarity

KS = (1, 2, 4)


def crowd(seed, n, *, labels=6, most=2):
    """Coarse embeddings, so that many similarities tie, and sets of up to two labels."""
    random = np.random.default_rng(seed)
    z = random.integers(-2, 3, (n, 4)).astype(np.float64)
    z[~z.any(axis=1)] = 1
    sets = [{*random.choice(labels, random.integers(0, most + 1), replace=False).tolist()} for _ in range(n)]
    return z, sets


def plain_scores(queries, gallery):
    """Recall@K, R-precision, MAP@R and triplets, query by query; on ties negatives come first."""
    (z, sets), (z_g, others) = queries, gallery or queries
    found = []
    for i, own in enumerate(sets):
        rows = [j for j in range(len(others)) if gallery is not None or j != i]
        at = dict(zip(rows, pair_similarity(z, np.full(len(rows), i), rows, other=z_g), strict=True))
        shares = {j: bool(own & others[j]) for j in rows}
        ranked = sorted(rows, key=lambda j: (-at[j], shares[j], j))
        positives, negatives = ([j for j in ranked if shares[j] is kind] for kind in (True, False))
        if not positives:
            continue
        rank, r = sum(at[j] >= at[positives[0]] for j in negatives), len(positives)
        hits = [shares[j] for j in ranked[:r]]
        ap = sum(np.mean(hits[: place + 1]) for place, hit in enumerate(hits) if hit) / r
        found.append((i, positives[0], negatives[0], rank, np.mean(hits), ap))
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("apart", [False, True])
def test_scores_and_triplets_are_those_of_plain_loops(seed, apart):
    queries, gallery = crowd(seed, 50), crowd(seed + 100, 70) if apart else None
    y = LabelSets.of_lists(queries[1])
    searched = None if gallery is None else (gallery[0], LabelSets.of_lists(gallery[1]))
    expected = plain_scores(queries, gallery)
    result = retrieve(queries[0], y, RetrievalOptions(ks=KS, at_r=True, hubness=True), gallery=searched)
    anchors, positives, negatives, ranks, precisions, averages = map(np.array, zip(*expected, strict=True))
    assert (result.n, result.n_singletons) == (anchors.size, 50 - anchors.size)
    assert result.recall == {k: pytest.approx(np.mean(ranks < k)) for k in KS}
    assert result.r_precision == pytest.approx(np.mean(precisions))
    assert result.map_at_r == pytest.approx(np.mean(averages))
    assert recall_at_k(queries[0], y, KS, gallery=searched) == result.recall
    triplets = nearest_triplets(queries[0], y, gallery=searched)
    for name, rows in (("anchor", anchors), ("positive", positives), ("negative", negatives)):
        assert getattr(triplets, name).tolist() == rows.tolist()
    assert triplets.n_singletons == 50 - anchors.size
    named = score(queries[0], y, ["recall", "r_precision", "map_at_r"], gallery=searched)
    assert (named["n"], named["map_at_r"]) == (result.n, result.map_at_r)


def test_a_query_that_stands_in_its_gallery_does_not_find_itself():
    z, sets = crowd(3, 40)
    y, order = LabelSets.of_lists(sets), np.random.default_rng(0).permutation(40)
    demands = RetrievalOptions(ks=KS, at_r=True)
    gallery = Gallery(z[order], y[order], (np.arange(40), order))
    assert retrieve(z, y, demands, gallery=gallery).summary() == pytest.approx(
        retrieve(z, y, demands).summary(), nan_ok=True
    )


def test_sets_of_one_label_give_the_scores_of_labels():
    z, _ = crowd(0, 60)
    y = np.random.default_rng(5).integers(0, 7, 60)
    metrics = ["recall", "r_precision", "map_at_r", "hubness"]
    assert score(z, LabelSets.of_single(y), metrics) == score(z, y, metrics)


def test_data_without_a_score_are_refused():
    z = np.eye(3)
    demands = RetrievalOptions(ks=(1,), at_r=True)
    for sets, gallery, message in (
        ([[0], [0, 1], [0, 2]], None, "all items share a label, so there is no negative"),
        ([[0], [1], [2]], None, "no two items share a label, so no query has a positive"),
        ([[0], [], []], (z, LabelSets.of_lists([[1], [2], []])), "no query shares a label with a gallery"),
    ):
        with pytest.raises(InputError, match=message):
            retrieve(z, LabelSets.of_lists(sets), demands, gallery=gallery)
    for sets, message in (
        ([[0], [0, 1], [0, 2]], "all items share a label, so there is no negative; triplets"),
        ([[0], [1], [2]], "no two items share a label, so there is no positive; triplets"),
    ):
        with pytest.raises(InputError, match=message):
            nearest_triplets(z, LabelSets.of_lists(sets))


def test_scores_that_need_one_label_are_refused_by_name():
    z, sets = crowd(0, 40)
    y = LabelSets.of_lists(sets)
    assert set(SINGLE_LABEL) | set(WITH_SETS) == {"recall", *METRICS}
    for name in SINGLE_LABEL:
        with pytest.raises(
            InputError, match=rf"^{name}: one label per item is needed.*choose some of: recall"
        ):
            score(z, y, [name, "recall"])
    assert set(score(z, y, WITH_SETS)) >= set(WITH_SETS) - {"recall"}
    with pytest.raises(InputError, match="an unknown class: one label per item"):
        score(z, y, ["recall"], settings=ScoreSettings(new_label=1))
    for options, name in (
        ({"macro": True, "at_r": True}, "averages over classes"),
        ({"knn": 3}, "kNN accuracy"),
    ):
        with pytest.raises(InputError, match=f"{name}: one label per item"):
            retrieve(z, y, RetrievalOptions(**options))
    with pytest.raises(InputError, match="multi-label"):
        pruned_recall(z, y)


def test_duplicates_across_sets_are_of_another_label_where_they_share_none():
    z = np.array([[1.0, 0], [0, 1], [1, 1], [1, 2]])
    own, others = LabelSets.of_lists([[0, 1], [2], [], [3]]), LabelSets.of_lists([[1, 5], [3], [4], [3]])
    found = count_duplicates(z, own, (z, others))
    assert (found.across, found.across_other_label) == (4, 2)
