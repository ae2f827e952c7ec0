"""Retrieval scores against plain loops over whole rankings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, recall_at_k, retrieve
from embedlens.analysis.retrieval.per_query import at_r, skewness
from embedlens.similarity import pair_similarity

EVERYTHING = RetrievalOptions(ks=(1, 2, 5, 1000), at_r=True, map_at_5=True, knn=3, hubness=True)


def rankings(z, y, gallery=None):
    """(query, [(similarity, label, gallery row)] best first) by plain sorting; negatives first on ties."""
    z_g, y_g = (z, y) if gallery is None else gallery
    both = np.concatenate([z, z_g])
    for i in range(len(z)):
        others = [j for j in range(len(z_g)) if gallery is not None or j != i]
        s = pair_similarity(both, np.full(len(others), i), np.array(others, int) + len(z))
        yield (
            i,
            sorted(
                ((float(v), int(y_g[j]), j) for v, j in zip(s, others, strict=True)),
                key=lambda entry: (-entry[0], entry[1] == y[i], entry[2]),
            ),
        )


def vote(entries, weighted):
    votes = {}
    for similarity, label, _ in entries:
        votes[label] = votes.get(label, 0.0) + (similarity if weighted else 1.0)
    return max(votes, key=votes.get)  # the first label with the most votes: dicts keep the order


def label_precision(entries, truth, threshold):
    """1 / position of the true label among labels by first appearance, `new` (None) inserted; 0 beyond 5."""
    ranked, inserted = [], False
    for similarity, label, _ in entries:
        if threshold is not None and similarity < threshold and not inserted:
            ranked.append(None)
            inserted = True
        if label not in ranked:
            ranked.append(label)
    if threshold is not None and not inserted:
        ranked.append(None)
    place = ranked.index(truth)
    return 1 / (place + 1) if place < 5 else 0.0


def plain(z, y, demands, gallery=None):
    """All scores by loops."""
    n_g = len(z) if gallery is None else len(gallery[0])
    sums = {name: [] for name in ("r_precision", "map_at_r", "knn", "at_5")}
    ranks, classes, occurrences, singletons = [], [], [0] * n_g, 0
    for i, entries in rankings(z, y, gallery):
        for _, _, j in entries[:10]:
            occurrences[j] += 1
        relevant = [label == y[i] for _, label, _ in entries]
        r = sum(relevant)
        if r == 0:
            singletons += 1
            if demands.new_threshold is not None:
                sums["at_5"].append(label_precision(entries, None, demands.new_threshold))
            continue
        ranks.append(relevant.index(True))
        classes.append(y[i])
        sums["r_precision"].append(sum(relevant[:r]) / r)
        sums["map_at_r"].append(sum(relevant[j] * sum(relevant[: j + 1]) / (j + 1) for j in range(r)) / r)
        sums["knn"].append(vote(entries[: demands.knn], demands.weighted) == y[i])
        sums["at_5"].append(label_precision(entries, y[i], demands.new_threshold))

    def mean(name):
        values = np.array(sums[name], float)
        if not demands.macro or name in ("knn", "at_5"):
            return values.mean()
        names = np.array(classes)
        return np.mean([values[names == label].mean() for label in set(classes)])

    m = np.array(occurrences, float)
    centred = m - m.mean()
    skew = np.mean(centred**3) / np.mean(centred**2) ** 1.5 if centred.any() else 0.0
    recall = {k: float(np.mean([rank < k for rank in ranks])) for k in demands.ks}
    return recall, singletons, mean("r_precision"), mean("map_at_r"), mean("at_5"), mean("knn"), skew


def assert_is_plain(z, y, demands, gallery=None):
    found = retrieve(z, y, demands, gallery=gallery)
    recall, singletons, *others = plain(z, y, demands, gallery)
    assert found.recall == pytest.approx(recall, abs=1e-12)
    assert (found.n, found.n_singletons) == (len(z) - singletons, singletons)
    got = (found.r_precision, found.map_at_r, found.map_at_5, found.knn_accuracy, found.hubness)
    assert got == pytest.approx(others, abs=1e-9)


@given(
    n=st.integers(3, 40),
    dim=st.integers(1, 6),
    classes=st.integers(2, 12),
    levels=st.integers(1, 5),
    knn=st.integers(1, 50),
    macro=st.booleans(),
    threshold=st.one_of(st.none(), st.floats(-1, 1)),
    seed=st.integers(0, 999),
)
@settings(max_examples=80, deadline=None)
def test_scores_are_those_of_plain_loops(n, dim, classes, levels, knn, macro, threshold, seed):
    random = np.random.default_rng(seed)
    z = random.integers(-levels, levels + 1, (n, dim)).astype(np.float32)
    z[~z.any(axis=1)] = 1
    y = random.integers(0, classes, n)
    y[:3] = [0, 0, 1]
    demands = RetrievalOptions(
        ks=(1, 3, 10), at_r=True, macro=macro, map_at_5=True, new_threshold=threshold, knn=knn, hubness=True
    )
    assert_is_plain(z, y, demands)


def test_new_is_not_placed_before_labels_that_are_not_seen_yet():
    """The fifth label is the right one and as similar as the threshold, but beyond the first neighbours."""
    z = np.array([[1.0]] * 15 + [[-1.0]], np.float32)
    y = np.array([4, *([0] * 11), 1, 2, 3, 4])
    demands = RetrievalOptions(ks=(1,), at_r=True, map_at_5=True, new_threshold=-1.0, knn=1, hubness=True)
    assert_is_plain(z, y, demands)


@pytest.mark.parametrize("weighted", [False, True])
def test_query_and_gallery(weighted):
    z, y = blobs(n=90, dim=6, classes=9, spread=2.0)
    z_g, y_g = blobs(n=70, dim=6, classes=9, spread=2.0, seed=1)
    y = np.where(np.arange(90) == 4, 99, y)  # a query whose label the gallery lacks
    demands = RetrievalOptions(ks=(1, 4), at_r=True, map_at_5=True, knn=5, weighted=weighted, hubness=True)
    assert_is_plain(z, y, demands, (z_g, y_g))
    assert retrieve(z, y, demands, gallery=(z_g, y_g)).n_singletons == 1


def test_large_classes_beside_small_ones():
    """Classes beyond the depth to which neighbours are listed are compared in float64 rows."""
    z, _ = blobs(n=400, dim=5, classes=3, spread=2.0)
    y = np.concatenate([np.zeros(150, int), np.ones(120, int), np.arange(130) // 3 + 2])
    assert_is_plain(z, y, EVERYTHING)


def test_labels_beyond_the_first_neighbours_are_found_for_map_at_5():
    """The true label comes after hundreds of neighbours of few labels."""
    angle = np.concatenate([np.linspace(0.1, 0.4, 300), [0.0, 0.5], np.linspace(0.6, 1.0, 300)])
    z = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    y = np.concatenate([np.arange(300) % 2, [7, 7], np.arange(300) % 9 + 10])
    demands = RetrievalOptions(map_at_5=True)
    assert retrieve(z, y, demands).map_at_5 == pytest.approx(
        np.mean([label_precision(entries, y[i], None) for i, entries in rankings(z, y)])
    )


def test_ties_count_against_the_anchor_whatever_the_order_of_rows():
    z = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], float)
    y = np.array([0, 1, 0, 1])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        found = retrieve(z[order], y[order], RetrievalOptions(ks=(1, 2, 3, 4), at_r=True))
        # anchor 0: three ties, its positive last; anchors 1 and 3: each ties with 2; 2 has 1 and 3 before 0
        assert found.recall == {1: 0.0, 2: 0.5, 3: 1.0, 4: 1.0}
        assert found.map_at_r == found.r_precision == 0.0


def test_invariance_under_rotation_scaling_and_renaming():
    z, y = blobs(n=120, dim=7, classes=10, spread=1.5)
    random = np.random.default_rng(3)
    turn, _ = np.linalg.qr(random.normal(size=(7, 7)))
    names = random.permutation(1000)[:10] - 500
    expected = retrieve(z, y, EVERYTHING).summary()
    scaled = z.astype(float) @ turn * random.uniform(0.1, 9, (120, 1))
    assert retrieve(scaled, names[y], EVERYTHING).summary() == pytest.approx(expected)


def test_k_beyond_the_gallery_is_one_and_two_items_have_a_score():
    z, y = blobs(n=20, classes=4)
    assert recall_at_k(z, y, [19, 20, 10**9]) == {19: 1.0, 20: 1.0, 10**9: 1.0}
    found = retrieve([[1.0], [2.0]], [0, 1], EVERYTHING, gallery=([[3.0], [-1.0]], [0, 1]))
    assert found.recall == {1: 0.5, 2: 1.0, 5: 1.0, 1000: 1.0}
    assert found.map_at_r == 0.5


def test_skewness_and_r_precision_by_hand():
    assert skewness(np.array([3, 3, 3])) == 0.0
    assert skewness(np.array([0, 0, 0, 4])) == pytest.approx(2 / np.sqrt(3))
    r_precision, ap = at_r(np.array([[1, 0, 1, 1], [0, 1, 1, 1]], bool), np.array([3, 0]))
    assert r_precision[0] == pytest.approx(2 / 3)
    assert ap[0] == pytest.approx((1 + 2 / 3) / 3)
    assert np.isnan([r_precision[1], ap[1]]).all()


@pytest.mark.parametrize(
    ("y", "ks", "message"),
    [
        ([1, 1, 1], (1,), "all items have one label, so there is no negative"),
        ([1, 2, 3], (1,), "no label has two items"),
        ([1, 1, 2], (0,), "Recall@0"),
        ([1, 1, 2, 2], (1,), "3 rows, but there are 4 labels"),
    ],
)
def test_what_has_no_score_is_refused(y, ks, message):
    with pytest.raises(InputError, match=message):
        recall_at_k(np.eye(3), y, ks)


def test_gallery_of_other_classes_or_dims_is_refused():
    with pytest.raises(InputError, match="number their classes alike"):
        recall_at_k(np.eye(2), [0, 1], [1], gallery=(np.eye(2), [2, 3]))
    with pytest.raises(InputError, match="2 dims, the gallery 3"):
        recall_at_k(np.eye(2), [0, 1], [1], gallery=(np.eye(3), [0, 1, 1]))
