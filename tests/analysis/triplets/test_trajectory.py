from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, cosine

from embedlens import InputError
from embedlens.analysis.triplets.nearest import Triplets, follow_triplets, nearest_triplets
from embedlens.analysis.triplets.trajectory import (
    PRETRAINED,
    follow,
    moved_anchors,
    random_anchors,
    state_name,
    take,
    worst_anchors,
)


def dots(s_ap, s_an=0.0, singletons=0):
    s_ap = np.asarray(s_ap, dtype=np.float64)
    index = np.arange(s_ap.size)
    return Triplets(index, index, index, s_ap, s_an + 0 * s_ap, singletons)


def test_a_path_is_the_same_three_items_in_every_state():
    z, y = blobs(n=40)
    states = [(PRETRAINED, np.random.default_rng(5).normal(size=(40, 3))), (0, z), (4, z**3)]
    chosen = take(nearest_triplets(z**3, y), [17, 3])
    paths = follow(iter(states), chosen, run="mine")
    assert [path.anchor for path in paths] == [17, 3]
    for path in paths:
        assert path.run == "mine"
        assert y[path.anchor] == y[path.positive] != y[path.negative]
        assert path.states == ["pretrained", "epoch 0", "epoch 4"]
        for at, (_, embeddings) in enumerate(states):
            s_ap = cosine(embeddings, path.anchor, path.positive)
            s_an = cosine(embeddings, path.anchor, path.negative)
            assert path.s_ap[at] == pytest.approx(s_ap, abs=1e-12)
            assert path.s_an[at] == pytest.approx(s_an, abs=1e-12)
            assert path.distance[at] == pytest.approx(((1 - s_ap) ** 2 + s_an**2) ** 0.5, abs=1e-12)
        columns = path.columns()
        assert columns["state"].tolist() == path.states
        np.testing.assert_array_equal(columns["s_an"], path.s_an)
        np.testing.assert_array_equal(columns["ideal_distance"], path.distance)


def test_closed_form():
    """The anchor at 0 degrees, its positive at 60 and then 0, its negative at 90 and then 180."""

    def at(*degrees):
        return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)

    chosen = dots([0.5])
    chosen = Triplets(np.array([0]), np.array([1]), np.array([2]), chosen.s_ap, chosen.s_an, 0)
    (path,) = follow([(0, at(0, 60, 90)), (1, at(0, 0, 180))], chosen)
    np.testing.assert_allclose(path.s_ap, [0.5, 1.0], atol=1e-15)
    np.testing.assert_allclose(path.s_an, [0.0, -1.0], atol=1e-15)
    np.testing.assert_allclose(path.distance, [0.5, 1.0], atol=1e-15)


def test_anchors_are_those_of_a_plain_sort():
    random = np.random.default_rng(1)
    start, end = (dots(random.integers(0, 6, 30) / 6) for _ in range(2))
    far = [1 - value for value in end.s_ap]
    assert worst_anchors(end, 9).tolist() == sorted(range(30), key=lambda row: (-far[row], row))[:9]
    moved = [abs((1 - b) - (1 - a)) for a, b in zip(start.s_ap, end.s_ap, strict=True)]
    rounded = [round(change, 9) for change in moved]
    found = moved_anchors(start, end, count=30).tolist()
    assert [rounded[row] for row in found] == sorted(rounded, reverse=True)
    assert moved_anchors(dots([0.5, 0.5, 0.9]), dots([0.5, 1, 0.2]), count=3).tolist() == [2, 1, 0]


def test_random_anchors_differ_by_seed_and_never_repeat():
    triplets = dots(np.linspace(0, 1, 50))
    first, again = random_anchors(triplets, 20, seed=3), random_anchors(triplets, 20, seed=3)
    np.testing.assert_array_equal(first, again)
    assert len(set(first.tolist())) == 20
    assert first.tolist() == sorted(first.tolist())
    assert first.tolist() != random_anchors(triplets, 20, seed=4).tolist()
    assert random_anchors(triplets, 50).tolist() == list(range(50))


@given(seed=st.integers(0, 999), rotation=st.integers(0, 999), scale=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_rotation_scale_and_row_order_do_not_matter(seed, rotation, scale):
    z, y = blobs(n=30, dim=5, spread=1.0, seed=seed)
    random = np.random.default_rng(rotation)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    order = random.permutation(30)
    states = [(0, z.astype(np.float64)), (1, z.astype(np.float64) ** 3)]
    chosen = nearest_triplets(states[-1][1], y)
    turned = [(epoch, scale * (value @ turn)[order]) for epoch, value in states]
    place = np.argsort(order)
    rows = [place[index] for index in (chosen.anchor, chosen.positive, chosen.negative)]
    other = follow(turned, Triplets(*rows, chosen.s_ap, chosen.s_an, 0))
    for one, same in zip(follow(states, chosen), other, strict=True):
        np.testing.assert_allclose(one.s_ap, same.s_ap, atol=1e-12)
        np.testing.assert_allclose(one.s_an, same.s_an, atol=1e-12)


def test_names_of_labels_do_not_matter():
    z, y = blobs(n=30, spread=1.0)
    plain, renamed = nearest_triplets(z, y), nearest_triplets(z, 1000 - 7 * y)
    assert worst_anchors(plain, 5).tolist() == worst_anchors(renamed, 5).tolist()


def test_what_is_refused():
    z, y = blobs(n=30)
    y = y.copy()
    y[4] = 99
    triplets = nearest_triplets(z, y)
    with pytest.raises(InputError, match="row 4 is the only item of its class"):
        take(triplets, [3, 4])
    with pytest.raises(InputError, match="there is no row 30; anchors are rows 0 to 29"):
        take(triplets, [30])
    with pytest.raises(InputError, match="no row -1"):
        take(triplets, [-1])
    with pytest.raises(InputError, match="no anchor given"):
        take(triplets, [])
    for count in (0, 30):
        for pick in (worst_anchors, random_anchors):
            with pytest.raises(InputError, match=f"{count} anchors requested; there are 29"):
                pick(triplets, count)
        with pytest.raises(InputError, match=f"{count} anchors requested"):
            moved_anchors(triplets, triplets, count=count)
    with pytest.raises(InputError, match="different anchors"):
        moved_anchors(triplets, dots([0.5]), count=1)
    with pytest.raises(InputError, match=r"run 'mine' has one state \(epoch 7\); a path needs two"):
        follow([(7, z)], triplets, run="mine")
    with pytest.raises(InputError, match="has no state; a path needs"):
        follow([], triplets)
    with pytest.raises(InputError, match="rows"):
        follow([(0, z), (1, z[:5])], triplets)


def test_taking_keeps_order_and_drops_repeats():
    z, y = blobs(n=30)
    triplets = nearest_triplets(z, y)
    taken = take(triplets, [9, 2, 9])
    assert taken.anchor.tolist() == [9, 2]
    assert taken.positive.tolist() == triplets.positive[[9, 2]].tolist()
    np.testing.assert_array_equal(follow_triplets(z, taken).s_ap, triplets.s_ap[[9, 2]])
    assert [state_name(epoch) for epoch in (PRETRAINED, 0, 12)] == ["pretrained", "epoch 0", "epoch 12"]


def test_paths_to_a_gallery_are_those_of_plain_loops():
    random = np.random.default_rng(2)
    queries, galleries = random.normal(size=(3, 6, 4)), random.normal(size=(3, 9, 4))
    y, y_g = np.arange(6) % 3, np.arange(9) % 3
    chosen = nearest_triplets(queries[2], y, gallery=(galleries[2], y_g))
    states = [(epoch, z, g) for epoch, (z, g) in enumerate(zip(queries, galleries, strict=True))]
    for path in follow(states, chosen):
        for epoch in range(3):
            a = queries[epoch, path.anchor]
            for item, found in ((path.positive, path.s_ap), (path.negative, path.s_an)):
                b = galleries[epoch, item]
                assert found[epoch] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_a_row_that_was_left_out_is_told_from_one_that_is_not_there():
    z, y = np.random.default_rng(0).normal(size=(8, 3)), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    kept = np.array([0, 1, 4, 5])
    near = nearest_triplets(z[kept], y[kept])
    every = replace(
        near, anchor=kept[near.anchor], positive=kept[near.positive], negative=kept[near.negative]
    )
    assert take(every, [5, 0], items=8).anchor.tolist() == [5, 0]
    with pytest.raises(InputError, match="row 2 is the only item .* or is left out; choose another anchor"):
        take(every, [2], items=8)
    with pytest.raises(InputError, match="no row 8; anchors are rows 0 to 7"):
        take(every, [8], items=8)
