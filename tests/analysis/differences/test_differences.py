"""Anchors, classes and confusions that change between two embeddings, against plain loops over all pairs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.differences import (
    class_changes,
    compare,
    confusions_of,
    retrieval_outcomes,
    worst_losses,
)
from embedlens.analysis.retrieval import recall_at_k
from embedlens.analysis.statistics import mcnemar, over_classes, over_seeds_and_classes

Y = np.repeat(np.arange(6), [3, 4, 5, 6, 7, 1])
FIRST, SECOND = (blobs(n=26, dim=5, classes=26, seed=seed)[0] for seed in (1, 2))
FIRST = FIRST + 2.0 * np.eye(26)[Y][:, :5]


def plain(z, y, gallery=None):
    """Of each anchor its rank, class, nearest positive and nearest negative, by loops in float64."""
    own = gallery is None
    u, (v, labels) = unit(z), (unit(z), y) if own else (unit(gallery[0]), gallery[1])
    found = {}
    for i in range(len(u)):
        similarity = {j: float(u[i] @ v[j]) for j in range(len(v)) if not own or i != j}
        positives = [j for j in similarity if labels[j] == y[i]]
        negatives = [j for j in similarity if labels[j] != y[i]]
        if positives:
            best = max(positives, key=lambda j: (similarity[j], -j))
            rank = 1 + sum(similarity[j] >= similarity[best] for j in negatives)
            found[i] = rank, int(y[i]), best, max(negatives, key=lambda j: (similarity[j], -j))
    return found


@pytest.mark.parametrize("gallery", [None, (SECOND[::-1].copy(), Y)])
def test_outcomes_by_a_plain_loop(gallery):
    found, wanted = retrieval_outcomes(FIRST, Y, gallery=gallery), plain(FIRST, Y, gallery)
    labels = Y if gallery is None else gallery[1]
    assert found.triplets.anchor.tolist() == list(wanted)
    assert found.rank.tolist() == [rank for rank, *_ in wanted.values()]
    assert found.label.tolist() == [label for _, label, *_ in wanted.values()]
    assert found.triplets.positive.tolist() == [best for _, _, best, _ in wanted.values()]
    assert found.negative_label.tolist() == [labels[worst] for *_, worst in wanted.values()]
    assert max(found.rank) > 3


def test_ranks_are_those_of_recall_at_k():
    found = retrieval_outcomes(SECOND, Y)
    for k, recall in recall_at_k(SECOND, Y, [1, 2, 5, 10]).items():
        assert np.mean(found.rank <= k) == recall


def test_equal_items_of_another_class_stand_before_the_positive():
    z = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    assert retrieval_outcomes(z, np.array([0, 0, 1, 1, 2])).rank.tolist() == [2, 2, 4, 4]


def _difference(**options):
    return compare([retrieval_outcomes(FIRST, Y)], [retrieval_outcomes(SECOND, Y)], resamples=50, **options)


def test_anchors_won_and_lost_by_a_plain_loop():
    first, second, found = plain(FIRST, Y), plain(SECOND, Y), _difference(names=("a", "b"))
    won = [i for i in first if first[i][0] > 1 and second[i][0] == 1]
    lost = [i for i in first if first[i][0] == 1 and second[i][0] > 1]
    assert found.anchor[found.won].tolist() == won
    assert found.anchor[found.lost].tolist() == lost
    assert lost
    numbers = found.summary()
    assert (numbers["n"], numbers["n_singletons"], numbers["compared_with"]) == (25, 1, "a")
    assert (numbers["n_won"], numbers["n_lost"]) == (len(won), len(lost))
    assert numbers["difference"] == pytest.approx((len(won) - len(lost)) / 25)
    assert numbers["mcnemar_p"] == mcnemar(len(won), len(lost)).p_value
    assert numbers["n_rank_farther"] == sum(second[i][0] > first[i][0] for i in first)
    assert numbers["median_rank_second"] == np.median([second[i][0] for i in second])
    columns = found.columns()
    assert columns["change"].tolist() == ["won" if i in won else "lost" if i in lost else "" for i in first]
    assert columns["second_positive"].tolist() == [second[i][2] for i in second]


def test_the_interval_is_that_of_the_differences_by_class():
    found, right = _difference(seed=3), [retrieval_outcomes(z, Y).rank == 1 for z in (FIRST, SECOND)]
    values = right[1].astype(float) - right[0]
    assert found.interval == over_classes(values, Y[:25], resamples=50, seed=3)


def test_classes_by_a_plain_loop():
    found, sides = class_changes(_difference()), (plain(FIRST, Y), plain(SECOND, Y))
    rows = zip(found.label, found.n, found.first, found.second, found.n_won, found.n_lost, strict=True)
    for label, n, first, second, won, lost in rows:
        anchors = [i for i in sides[0] if Y[i] == label]
        right = [[side[i][0] == 1 for i in anchors] for side in sides]
        assert (n, first, second) == (len(anchors), np.mean(right[0]), np.mean(right[1]))
        assert won == sum(b and not a for a, b in zip(*right, strict=True))
        assert lost == sum(a and not b for a, b in zip(*right, strict=True))
    change = found.n_won - found.n_lost
    assert sorted(change, reverse=True) == change.tolist()
    gained, lost = found.largest(2)
    assert (change[gained] > 0).all()
    assert change[lost].tolist() == sorted(change[change < 0].tolist())[:2]
    assert sum(found.summary().values()) == found.label.size == 5


def test_confusions_by_a_plain_loop():
    found = confusions_of(_difference())
    counts = [
        Counter((label, int(Y[negative])) for rank, label, _, negative in plain(z, Y).values() if rank > 1)
        for z in (FIRST, SECOND)
    ]
    pairs = list(zip(found.label.tolist(), found.nearest_label.tolist(), strict=True))
    assert set(pairs) == {*counts[0], *counts[1]}
    assert len(pairs) == len(set(pairs))
    assert found.first.tolist() == [counts[0][pair] for pair in pairs]
    assert found.second.tolist() == [counts[1][pair] for pair in pairs]
    assert found.n.tolist() == [int(np.sum(Y == label)) for label, _ in pairs]
    assert sorted(found.change, reverse=True) == found.change.tolist()
    numbers = found.summary()
    assert numbers["n_appeared"] == len({*counts[1]} - {*counts[0]})
    assert numbers["n_gone"] == len({*counts[0]} - {*counts[1]})


def test_the_worst_losses_come_first():
    difference = _difference()
    found, second = worst_losses(difference, 4), plain(SECOND, Y)
    ranks = found.rank[:, 1].tolist()
    assert found.rank[:, 0].tolist() == [1] * len(ranks)
    assert ranks == sorted((second[i][0] for i in difference.anchor[difference.lost]), reverse=True)[:4]
    assert found.n_lost == int(difference.lost.sum())
    for row, anchor in enumerate(found.anchor.tolist()):
        assert found.positive[row, 1] == second[anchor][2]
        assert found.negative_label[row, 1] == Y[second[anchor][3]]
        assert found.s_ap[row, 0] > found.s_an[row, 0]
        assert found.s_ap[row, 1] <= found.s_an[row, 1]
    assert worst_losses(compare(*[[retrieval_outcomes(FIRST, Y)]] * 2, resamples=5), 3).anchor.size == 0


def test_groups_of_seeds_are_means_over_their_runs():
    groups = [
        [retrieval_outcomes(z + 0.3 * blobs(n=26, dim=5, seed=seed)[0], Y) for seed in range(3)]
        for z in (FIRST, SECOND)
    ]
    found = compare(*groups, paired=True, resamples=40, seed=1)
    right = [np.array([run.rank == 1 for run in group], float) for group in groups]
    assert found.gain == pytest.approx(right[1].mean(axis=0) - right[0].mean(axis=0))
    assert found.test is None
    assert found.interval == over_seeds_and_classes(*right, Y[:25], paired=True, resamples=40, seed=1)
    assert "mcnemar_p" not in found.summary()
    assert "first_positive" not in found.columns()
    classes = class_changes(found)
    assert classes.first @ classes.n == pytest.approx(right[0].mean(axis=0).sum())
    wrong = sum((run.rank > 1).sum() for run in groups[1]) / 3
    assert confusions_of(found).second.sum() == pytest.approx(wrong)
    assert (found.won | found.lost).sum() == np.sum(np.abs(found.gain) > 1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 500), classes=st.integers(2, 5))
def test_the_order_of_the_sides_changes_signs_alone(seed, classes):
    (one, y), other = (
        blobs(n=24, dim=4, classes=classes, seed=seed, spread=2),
        blobs(n=24, dim=4, seed=seed + 1)[0],
    )
    sides = [retrieval_outcomes(z, y) for z in (one, other)]
    there, back = (compare([a], [b], resamples=20) for a, b in (sides, sides[::-1]))
    assert np.array_equal(there.won, back.lost)
    assert np.array_equal(there.rank_change, -back.rank_change)
    assert there.test.p_value == back.test.p_value
    assert class_changes(there).summary()["n_gained"] == class_changes(back).summary()["n_lost"]
    assert confusions_of(there).summary()["n_appeared"] == confusions_of(back).summary()["n_gone"]


def test_anchors_that_some_runs_lack_are_not_compared():
    one, other = retrieval_outcomes(FIRST, Y), retrieval_outcomes(SECOND[4:], Y[4:])
    with pytest.raises(InputError, match="other classes in some of the runs"):
        compare([one], [other])
    shifted = retrieval_outcomes(
        np.r_[SECOND[:20], SECOND[20:]], np.where(np.arange(26) < 3, np.arange(26) + 50, Y)
    )
    found = compare([one], [shifted], resamples=5)
    assert found.anchor.tolist() == list(range(3, 25))
    assert found.n_singletons == 4
    none = retrieval_outcomes(SECOND[:7], Y[:7])
    with pytest.raises(InputError, match="the runs share no anchor"):
        compare([none], [retrieval_outcomes(FIRST[:9], [*range(50, 57), 9, 9])])
    with pytest.raises(InputError, match="1 and 0 runs"):
        compare([one], [])


def test_runs_that_agree_have_no_difference():
    found = compare(*[[retrieval_outcomes(FIRST, Y)]] * 2, resamples=10)
    assert (found.interval.value, found.interval.low, found.interval.high) == (0, 0, 0)
    assert found.test.p_value == 1
    assert class_changes(found).largest(3)[0].size == 0
    assert confusions_of(found).largest(3)[1].size == 0
