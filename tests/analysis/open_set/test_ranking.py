"""MAP@5 with a class `new`: against plain loops, and at every threshold against single evaluations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.open_set.ranking import Ranking, map_at_5, rank_labels
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.similarity import pair_similarity


def ranked(z, y, i, gallery):
    """(similarity, label) of the gallery items of query i, best first, by plain sorting; negatives first."""
    z_g, y_g = (z, y) if gallery is None else gallery
    others = [j for j in range(len(z_g)) if gallery is not None or j != i]
    s = pair_similarity(np.concatenate([z, z_g]), np.full(len(others), i), np.array(others, int) + len(z))
    return sorted(
        ((float(v), int(y_g[j])) for v, j in zip(s, others, strict=True)),
        key=lambda entry: (-entry[0], entry[1] == y[i]),
    )


def plain(z, y, threshold, new_label, gallery=None):
    """Precisions of known and of new queries, by loops over whole rankings."""
    known, new = [], []
    for i in range(len(z)):
        entries = [entry for entry in ranked(z, y, i, gallery) if entry[1] != new_label]
        is_new = y[i] not in [label for _, label in entries]
        labels, inserted = [], threshold is None
        for similarity, label in entries:
            if not inserted and similarity < threshold:
                labels.append("new")
                inserted = True
            if label not in labels:
                labels.append(label)
        if not inserted:
            labels.append("new")
        truth = "new" if is_new else y[i]
        place = labels.index(truth) if truth in labels else 5
        (new if is_new else known).append(1 / (place + 1) if place < 5 else 0.0)
    return known, new


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("threshold", [None, -1.0, 0.0, 0.4, 0.7, 1.0])
def test_map_at_5_is_plain_loops(threshold, between):
    z, y = blobs(n=70, dim=5, classes=9, spread=1.2)
    gallery = blobs(n=55, dim=5, classes=8, spread=1.2, seed=3) if between else None
    known, new = plain(z, y, threshold, 4, gallery)
    found = map_at_5(z, y, threshold, new_label=4, gallery=gallery)
    assert found["map_at_5"] == pytest.approx(np.mean(known + new), abs=1e-12)
    assert (found["n"], found["n_new"]) == (len(known) + len(new), len(new))
    # items of label 8 stand in no gallery, so they are new, too
    assert len(new) == np.sum((y == 4) | ((y == 8) & between))


@given(
    n=st.integers(6, 50),
    dim=st.integers(1, 5),
    classes=st.integers(2, 12),
    levels=st.integers(1, 4),
    new=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=30, deadline=None)
def test_every_threshold_is_its_own_evaluation(n, dim, classes, levels, new, seed):
    """On small integers, with many ties: on each step, at its end, and between steps."""
    random = np.random.default_rng(seed)
    z = random.integers(-levels, levels + 1, (n, dim)).astype(np.float32)
    z[~z.any(axis=1)] = 1
    y = random.integers(0, classes, n)
    y[:6] = [0, 0, 1, 1, 9, 9]
    ranking = rank_labels(z, y, new_label=9 if new else None)
    sweep = ranking.sweep()
    begins = np.concatenate([[-1.0], sweep.threshold[:-1]])
    for at, (low, high) in enumerate(zip(begins, sweep.threshold, strict=True)):
        for threshold in {float(high), float((low + high) / 2)} - {float(low)}:
            assert sweep.at(threshold) == at
            known, other = plain(z, y, threshold, 9 if new else None)
            expected = np.mean(known + other)
            assert ranking.map_at_5(threshold) == sweep.map_at_5[at] == pytest.approx(expected, abs=1e-12)
            assert sweep.map_at_5_known[at] == pytest.approx(np.mean(known), abs=1e-12)
            if other:
                assert sweep.map_at_5_new[at] == pytest.approx(np.mean(other), abs=1e-12)
    assert (sweep.n_known, sweep.n_new) == (len(known), len(other))
    assert sweep.map_at_5[sweep.at(sweep.best())] == sweep.map_at_5[begins < 1].max()


def test_the_sweep_is_evaluate_to_the_last_digit():
    """Queries without a positive are new: `retrieve` at single thresholds, over ranks beyond the first 16."""
    z, y = blobs(n=600, dim=4, classes=7, spread=1.5)
    gallery = blobs(n=500, dim=4, classes=5, spread=1.5, seed=3)
    sweep = rank_labels(z, y, gallery=gallery).sweep()
    assert sweep.n_new == np.sum(y >= 5)
    random = np.random.default_rng(0)
    middles = (sweep.threshold[1:] + sweep.threshold[:-1]) / 2
    for threshold in [-1.0, 1.0, sweep.best(), *random.choice(middles, 20), *random.uniform(0, 1, 20)]:
        demands = RetrievalOptions(map_at_5=True, new_threshold=float(threshold))
        assert sweep.map_at_5[sweep.at(threshold)] == retrieve(z, y, demands, gallery=gallery).map_at_5


def test_score_takes_a_new_label():
    z, y = blobs(n=90, dim=6, classes=9, spread=1.5)
    told = ScoreSettings(new_label=2, new_threshold=0.5)
    alone = score(z, y, ["map_at_5"], settings=told)
    at_5 = map_at_5(z, y, 0.5, new_label=2)["map_at_5"]
    assert alone == {"n": 80, "n_singletons": 0, "n_new": 10, "map_at_5": at_5}
    both = score(z, y, ["recall_at_1", "map_at_5"], settings=told)
    assert {name: both[name] for name in alone} == alone
    known = y != 2
    assert both["recall_at_1"] == score(z[known], y[known], ["recall_at_1"])["recall_at_1"]
    assert both["recall_at_1"] != score(z, y, ["recall_at_1"])["recall_at_1"]


def test_nothing_depends_on_the_order_of_rows_or_the_numbers_of_classes():
    z, y = blobs(n=120, dim=6, classes=12, spread=1.5)
    sweep = rank_labels(z, y, new_label=2).sweep()
    mixed = np.random.default_rng(0).permutation(120)
    other = rank_labels(z[mixed], 100 - y[mixed], new_label=98).sweep()
    for name, column in sweep.columns().items():
        assert np.array_equal(column, other.columns()[name])


def test_a_separable_case_in_closed_form():
    """Known items on their class's axis, new ones between two: any threshold between 0.71 and 1 is right."""
    z = np.repeat(np.eye(6), 3, axis=0)
    y = np.arange(18) // 3
    new = np.array([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]])
    sweep = rank_labels(np.concatenate([z, new]), np.append(y, [7, 7]), new_label=7).sweep()
    assert sweep.threshold == pytest.approx([0.0, np.sqrt(0.5), 1.0, 1.0])
    # At 0 and below `new` is nowhere, sixth or later; up to 0.71 third; then first, and above 1 known lose.
    assert sweep.map_at_5_new.tolist() == [0.0, 1 / 3, 1.0, 1.0]
    assert sweep.map_at_5_known.tolist() == [1.0, 1.0, 1.0, 0.5]
    assert sweep.best() == pytest.approx((1 + np.sqrt(0.5)) / 2)


def test_few_labels_and_a_threshold_below_them_all():
    """Of two labels `new` is the third at the worst."""
    z = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 1]])
    ranking = rank_labels(z, [0, 0, 1, 1, 2], new_label=2)
    assert ranking.map_at_5(-1.0) == pytest.approx((4 + 1 / 3) / 5)
    assert ranking.map_at_5(None) == pytest.approx(4 / 5)


def test_the_middle_of_equal_steps_is_the_best():
    score = np.array([[0.2, 0.1, 0.1, 0.1, 0.1], [0.4, 0.1, 0.1, 0.1, 0.1]])
    sweep = Ranking(score, np.array([0, 5]), np.array([False, True])).sweep()
    assert sweep.map_at_5.tolist() == [0.5, 0.75, 0.5, 0.75]
    assert sweep.best() == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("y", "new_label", "message"),
    [
        ([0, 0, 1, 1, 2, 2], 7, "unknown new label '7'; choose one of: 0, 1, 2"),
        ([0, 0, 0, 1, 1, 1], 1, "1 label beside the new one"),
        ([1, 1, 1, 1, 1, 1], None, "1 label; two"),
        ([0, 1, 2, 3, 4, 5], None, "no query has a gallery item of its label"),
        ([0, 0, 0, 1, 1], None, "labels"),
    ],
)
def test_bad_input(y, new_label, message):
    with pytest.raises(InputError, match=message):
        rank_labels(blobs(n=6)[0], y, new_label=new_label)


def test_gallery_of_other_classes():
    z, y = blobs(n=30)
    with pytest.raises(InputError, match="number their classes alike"):
        rank_labels(z, y, gallery=(z, y + 50))
