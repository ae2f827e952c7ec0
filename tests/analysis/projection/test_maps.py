"""Maps: neighbours, divergence and gradient by plain references, alignment, series, samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from openTSNE.tsne import kl_divergence_bh
from support import blobs

from embedlens.analysis.projection.alignment import align
from embedlens.analysis.projection.gradient import ExactGradient
from embedlens.analysis.projection.items import Graph, central_space, draw_sample, graph_of, points_of
from embedlens.analysis.projection.maps import (
    STEADY,
    Parameters,
    rest_of,
    sample,
    tsne,
    tsne_series,
    whole_by_default,
)
from embedlens.errors import InputError, InputWarning

QUICK = {"perplexity": 5, "early_exaggeration_iter": 50, "n_iter": 100, "n_jobs": 1}


def graph(z, k=12, *, y=None, metric="cosine"):
    return graph_of(points_of(z, y, central=y is not None, rows=None), k, metric=metric)


def brute_neighbours(values, k, distance):
    """The k nearest of every row and their distances, from the whole matrix."""
    d = np.array([[distance(a, b) for b in values] for a in values])
    np.fill_diagonal(d, np.inf)
    index = np.argsort(d, axis=1, kind="stable")[:, :k]
    return index, np.take_along_axis(d, index, axis=1)


def dense_affinities(index, distance, perplexity):
    """Affinities [n, n] by bisection of each row's precision, symmetrised, of sum 1."""
    p = np.zeros((len(index), len(index)))
    for i, row in enumerate(distance):
        low, high = 0.0, 1e9
        for _ in range(200):
            beta = (low + high) / 2
            weight = np.exp(-beta * (row**2 - row.min() ** 2))
            share = weight / weight.sum()
            entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
            low, high = (beta, high) if entropy > np.log(perplexity) else (low, beta)
        p[i, index[i]] = share
    return (p + p.T) / (p + p.T).sum()


def dense_divergence(p, coordinates):
    """Kullback-Leibler divergence of a map, over all pairs."""
    q = 1 / (1 + ((coordinates[:, None] - coordinates[None]) ** 2).sum(axis=2))
    np.fill_diagonal(q, 0)
    q /= q.sum()
    return (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()


def purity(coordinates, y):
    """Share of the five nearest on the map that have the item's class."""
    index, _ = brute_neighbours(coordinates, 5, lambda a, b: np.hypot(*(a - b)))
    return np.mean(y[index] == y[:, None])


def test_neighbours_are_those_of_all_pairs():
    z, y = blobs(n=70, dim=6, spread=1.0)
    unit = z.astype(np.float64) / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
    for metric, distance in (
        ("cosine", lambda a, b: 1 - a @ b),
        ("euclidean", lambda a, b: np.linalg.norm(a - b)),
    ):
        found = graph(z, metric=metric)
        index, expected = brute_neighbours(unit, 12, distance)
        assert (found.index == index).all()
        np.testing.assert_allclose(found.distance, expected, atol=1e-7)
    centred = graph(z, y=y)
    index, expected = brute_neighbours(central_space(z, y), 12, lambda a, b: np.linalg.norm(a - b))
    assert (centred.index == index).all()
    np.testing.assert_allclose(centred.distance, expected, atol=1e-7)


def test_neighbours_beyond_the_sixty_fourth():
    z, _ = blobs(n=120, dim=6, spread=1.0)
    index, _ = brute_neighbours(z / np.linalg.norm(z, axis=1, keepdims=True), 90, lambda a, b: 1 - a @ b)
    assert (graph(z, 90).index == index).mean() > 0.999


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_divergence_is_that_of_all_pairs(metric):
    z, _ = blobs(n=60, dim=6, spread=1.0)
    found = tsne(z, metric=metric, **QUICK)
    neighbours = graph(z, 15, metric=metric)
    p = dense_affinities(neighbours.index, neighbours.distance, 5)
    assert found.kl_divergence == pytest.approx(dense_divergence(p, found.coordinates), rel=1e-5)
    assert found.iterations == 150


def test_the_gradient_is_that_of_the_divergence():
    z, _ = blobs(n=60, dim=6, spread=1.0)
    neighbours = graph(z, 15)
    index = PrecomputedNeighbors(neighbours.index, neighbours.distance)
    p = PerplexityBasedNN(perplexity=5, knn_index=index).P
    assert p.sum() == pytest.approx(1)
    assert abs(p - p.T).max() < 1e-15
    y = np.random.default_rng(0).normal(size=(60, 2)) * 3
    with ExactGradient(1) as exact:
        error, gradient = exact(y, p, should_eval_error=True)
        assert exact(y, p)[0] == 0.0
    reference, theirs = kl_divergence_bh(y, p, 1, {"theta": 0.0}, should_eval_error=True)
    assert error == pytest.approx(reference, rel=1e-6)
    np.testing.assert_allclose(gradient, theirs, atol=1e-6 * np.abs(theirs).max())
    for item, axis in ((0, 0), (31, 1)):
        step = np.zeros_like(y)
        step[item, axis] = 1e-5
        slope = (dense_divergence(p.toarray(), y + step) - dense_divergence(p.toarray(), y - step)) / 2e-5
        assert 4 * gradient[item, axis] == pytest.approx(slope, rel=1e-3)


def test_the_gradient_does_not_depend_on_threads():
    z, _ = blobs(n=2100, dim=6, spread=1.0)
    neighbours = graph(z, 15)
    p = PerplexityBasedNN(
        perplexity=5, knn_index=PrecomputedNeighbors(neighbours.index, neighbours.distance)
    ).P
    y = np.random.default_rng(0).normal(size=(2100, 2)) * 10
    answers = []
    for threads in (1, 3):
        with ExactGradient(threads) as exact:
            answers.append(exact(y, p, should_eval_error=True))
    assert answers[0][0] == answers[1][0]
    assert (answers[0][1] == answers[1][1]).all()


@pytest.mark.parametrize("mirror", [1, -1])
def test_alignment_recovers_a_turn_and_a_reflection(mirror):
    there = np.random.default_rng(0).normal(size=(40, 2)) + [5, 7]
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]]) @ np.diag([1, mirror])
    back, residual = align(there @ turn + [100, -3], there)
    np.testing.assert_allclose(back, there, atol=1e-12)
    assert residual < 1e-12
    _, doubled = align(there.mean(axis=0) + 2 * (there - there.mean(axis=0)), there)
    assert doubled == pytest.approx(1)


@pytest.mark.parametrize("initialization", ["pca", "random", "spectral"])
def test_separate_classes_stay_separate(initialization):
    z, y = blobs(n=150, dim=8, classes=5, spread=0.2)
    found = tsne(z, initialization=initialization, **QUICK)
    assert purity(found.coordinates, y) > 0.95
    np.testing.assert_allclose(found.coordinates.mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize("gradient", ["bh", "fft"])
def test_approximate_gradients_come_to_a_like_divergence(gradient):
    z, _ = blobs(n=150, dim=8, spread=0.7)
    told = {**QUICK, "early_exaggeration_iter": 10, "n_iter": 15}
    exact = tsne(z, **told).kl_divergence
    assert tsne(z, gradient=gradient, **told).kl_divergence == pytest.approx(exact, rel=0.1)


def test_heavier_tails_are_left_to_opentsne():
    z, y = blobs(n=100, dim=8, spread=0.3)
    assert purity(tsne(z, dof=0.7, **QUICK).coordinates, y) > 0.9
    with pytest.raises(InputError, match=r"exact gradient is that of dof 1, not 0\.7"):
        tsne(z, dof=0.7, gradient="exact")


def test_the_central_space_has_no_class_means_and_no_singletons():
    z, y = blobs(n=60, dim=6, classes=5)
    y[7] = 99
    centred = central_space(z, y)
    for label in np.unique(y):
        np.testing.assert_allclose(centred[y == label].mean(axis=0), 0, atol=1e-15)
    unit = z[3].astype(np.float64) / np.linalg.norm(z[3].astype(np.float64))
    same = z[y == y[3]].astype(np.float64)
    mean = (same / np.linalg.norm(same, axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(centred[3], unit - mean, atol=1e-14)
    found = tsne(z, y, central=True, **QUICK)
    assert found.n_singletons == 1
    assert found.item.tolist() == [row for row in range(60) if row != 7]
    assert set(found.columns()) == {"item", "x", "y"}


def test_class_means_of_a_sample_are_those_of_all_items():
    z, y = blobs(n=90, dim=6)
    rows = np.arange(0, 90, 2)
    points = points_of(z, y, central=True, rows=rows)
    assert (points.values == central_space(z, y)[rows]).all()
    assert (points.item == rows).all()


def test_rows_are_mapped_as_if_they_were_all():
    z, _ = blobs(n=90, dim=6)
    rows = np.arange(0, 90, 2)
    part, alone = tsne(z, rows=rows, **QUICK), tsne(z[rows], **QUICK)
    assert (part.coordinates == alone.coordinates).all()
    assert (part.item == rows).all()


def test_the_same_seed_gives_the_same_map():
    z, _ = blobs(n=100, dim=6)
    first = tsne(z, initialization="random", seed=3, **QUICK)
    assert (first.coordinates == tsne(z, initialization="random", seed=3, **QUICK).coordinates).all()
    assert (first.coordinates != tsne(z, initialization="random", seed=4, **QUICK).coordinates).any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_neighbours_follow_rows_scales_and_rotations(seed):
    random = np.random.default_rng(seed)
    z = random.normal(size=(40, 5))
    found = graph(z)
    order = random.permutation(40)
    permuted = graph(z[order])
    assert (order[permuted.index] == found.index[order]).all()
    turned = (random.uniform(0.1, 9, (40, 1)) * z) @ np.linalg.qr(random.normal(size=(5, 5)))[0]
    assert (graph(turned).index == found.index).all()
    np.testing.assert_allclose(graph(turned).distance, found.distance, atol=1e-12)


def test_the_order_of_rows_leaves_the_divergence():
    z, y = blobs(n=150, dim=8, classes=5, spread=0.4)
    order = np.random.default_rng(0).permutation(150)
    told = {**QUICK, "n_iter": 250}
    here, there = tsne(z, **told), tsne(z[order], **told)
    assert there.kl_divergence == pytest.approx(here.kl_divergence, rel=0.08)
    assert purity(there.coordinates, y[order]) == pytest.approx(purity(here.coordinates, y), abs=0.03)


@pytest.mark.parametrize("told", [{}, {"gradient": "bh"}, {"exaggeration": 2.0}, {"settle_iter": 0}])
def test_equal_snapshots_do_not_move(told):
    z, _ = blobs(n=150, dim=8, spread=0.6)
    first, *others = tsne_series([z] * 5, **{**QUICK, **told})
    assert first.residual == first.moved == 0
    assert first.at_rest == ("settle_iter" not in told)
    rest = rest_of(Parameters(**told), 150)
    assert first.at_rest == (first.projection.gradient <= rest)
    for step in others:
        assert (step.start, step.kept) == ("continued", 1.0)
        assert step.residual == step.moved == step.projection.iterations == 0
        assert (step.projection.coordinates == first.projection.coordinates).all()


def test_a_map_moves_as_far_as_its_epoch_changes():
    z, _ = blobs(n=200, dim=8, spread=0.6)
    noise = np.random.default_rng(0).normal(size=z.shape)
    epochs = [z, z + 1e-4 * noise, z, z + 0.7 * noise]
    first, near, back, far = tsne_series(epochs, **QUICK)
    assert near.kept > 0.99
    for step in (near, back):
        assert step.start == "continued"
        assert step.residual < 0.01
        assert step.moved == 0
    radius = np.sqrt((first.projection.coordinates**2).sum(axis=1).mean())
    way = np.hypot(*(near.projection.coordinates - first.projection.coordinates).T)
    assert near.residual == pytest.approx(np.sqrt((way**2).mean()) / radius)
    assert far.residual > 0.2
    way = np.hypot(*(far.projection.coordinates - back.projection.coordinates).T)
    radius = np.sqrt((back.projection.coordinates**2).sum(axis=1).mean())
    assert far.moved == np.mean(way > 0.1 * radius) > 0.3


def test_the_gradient_of_a_map_is_its_step():
    z, _ = blobs(n=60, dim=6, spread=1.0)
    found = tsne(z, **QUICK)
    neighbours = graph(z, 15)
    p = PerplexityBasedNN(
        perplexity=5, knn_index=PrecomputedNeighbors(neighbours.index, neighbours.distance)
    ).P
    with ExactGradient(1) as exact:
        _, gradient = exact(found.coordinates, p)
    step, place = 60 * gradient, found.coordinates - found.coordinates.mean(axis=0)
    assert found.gradient == pytest.approx(np.sqrt((step**2).sum() / (place**2).sum()))


def test_a_series_that_changes_comes_to_the_divergence_of_cold_maps():
    random = np.random.default_rng(0)
    y = np.arange(240) % 12
    centres, own = random.normal(size=(12, 16)), random.normal(size=(240, 16))
    epochs = [share * centres[y] + own for share in (0.3, 1.0, 1.1, 1.7, 1.71)]
    told = {**QUICK, "early_exaggeration_iter": 250, "n_iter": 500}
    steps = list(tsne_series(iter(epochs), **told))
    assert steps[0].start == "cold"
    assert {step.start for step in steps[1:]} == {"contracted", "continued"}
    most = {"cold": 2750, "contracted": 360, "continued": 200}
    for number, step in enumerate(steps):
        assert step.projection.iterations <= most[step.start]
        assert (step.projection.iterations > 200) == (step.start != "continued")
        if number:
            assert (step.start == "continued") == (step.kept >= STEADY)
            cold = tsne(epochs[number], **told).kl_divergence
            assert step.projection.kl_divergence < 1.08 * cold
            again, residual = align(step.projection.coordinates, steps[number - 1].projection.coordinates)
            np.testing.assert_allclose(again, step.projection.coordinates, atol=1e-8)  # aligned already
            assert residual == pytest.approx(step.residual)


def test_the_share_of_neighbours_kept():
    before = Graph(np.array([[1, 2], [0, 2], [0, 1], [0, 1]]), np.zeros((4, 2)))
    after = Graph(np.array([[2, 3], [2, 0], [3, 0], [2, 1]]), np.zeros((4, 2)))
    assert after.kept_of(before) == pytest.approx(5 / 8)


def test_many_equal_items_are_mapped():
    z, _ = blobs(n=80, dim=6)
    z[:40] = z[0]
    assert np.isfinite(tsne(z, **QUICK).coordinates).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_a_sample_takes_its_share_of_every_class(labels, data):
    n = data.draw(st.integers(1, len(labels)))
    rows = sample(labels, n, seed=data.draw(st.integers(0, 99)))
    assert rows.size == n
    assert (np.diff(rows) > 0).all()
    taken = np.bincount(np.array(labels)[rows], minlength=6)
    exact = n * np.bincount(labels, minlength=6) / len(labels)
    assert (np.abs(taken - exact) < 1).all()


def test_a_sample_of_whole_classes():
    y = np.repeat(np.arange(10), 7)
    rows = sample(y, 30, whole_classes=True, seed=1)
    assert np.unique(y[rows], return_counts=True)[1].tolist() == [7] * 4
    assert (rows == sample(y, 30, whole_classes=True, seed=1)).all()
    assert len({sample(y, 8, whole_classes=True, seed=seed)[0] for seed in range(9)}) > 1
    with pytest.raises(InputError, match="no class fits into 6 items: the first drawn has 7"):
        sample(y, 6, whole_classes=True)
    for n in (0, 71):
        with pytest.raises(InputError, match=f"a sample of {n} items cannot be drawn of 70"):
            sample(y, n)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"perplexity": 20}, r"perplexity 20 is too large for 60 items: at most 19\.6 is allowed"),
        ({"perplexity": 1}, "perplexity is 1; a number above 1"),
        ({"perplexety": 5}, "unknown parameter of t-SNE 'perplexety'.*choose one of: perplexity, metric"),
        ({"metric": "l1"}, "unknown metric 'l1'"),
        ({"initialization": "zeros"}, "unknown initialization 'zeros'"),
        ({"gradient": "gpu"}, "unknown gradient 'gpu'"),
        ({"n_iter": -1}, "n iter is -1; a number from 0"),
        ({"theta": 2.0}, "theta is 2; a number from 0 to 1"),
        ({"central": True}, "central latent space needs labels"),
        ({"rows": np.array([3, 60])}, "rows to map name rows 3 to 60, but there are 60 rows"),
    ],
)
def test_what_cannot_be_told(told, message):
    with pytest.raises(InputError, match=message) as refused:
        tsne(blobs(n=60)[0], **told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.ones((60, 4)), "all items point in one direction"),
        (np.linspace(-1, 2, 60)[:, None], "embeddings have 1 dim; a map needs at least 2"),
        (np.ones(60), r"embeddings have shape \(60,\)"),
        (np.float64(1), r"embeddings have shape \(\)"),
        (np.zeros((60, 4)), "row 0 is a zero vector"),
        (np.ones((60, 4), int), "embeddings are int64"),
        (np.eye(4), "perplexity 5 is too large for 4 items: no perplexity is allowed"),
    ],
)
def test_what_cannot_be_mapped(z, message):
    with pytest.raises(InputError, match=message):
        tsne(z, **QUICK)


def test_a_default_perplexity_is_the_largest_that_few_items_allow():
    z = blobs(n=60)[0]
    with pytest.warns(InputWarning, match="perplexity 19.6 for 60 items"):
        found = tsne(z, n_iter=20)
    assert found.perplexity == 19.6
    named = tsne(z, n_iter=20, perplexity=19.6)
    assert np.array_equal(found.coordinates, named.coordinates)


def test_a_series_follows_the_same_items():
    z, _ = blobs(n=60)
    with pytest.raises(InputError, match="an epoch has 59 items, the first has 60"):
        list(tsne_series([z, z[:59]], **QUICK))


def test_what_is_not_the_default_is_told():
    assert Parameters().changed() == {}
    assert Parameters(perplexity=10.0, seed=2).changed() == {"perplexity": 10.0, "seed": 2}


def test_whole_classes_by_default_where_every_class_would_have_few_items():
    many, few = np.arange(300) % 30, np.arange(300) % 3
    assert whole_by_default(many, 299)
    assert not whole_by_default(many, 300)  # all items
    assert not whole_by_default(few, 200)  # 67 of each
    assert whole_by_default(few, 29) is False  # one class has 100 items
    uneven = np.repeat(np.arange(12), [60, *([5] * 11)])
    assert whole_by_default(uneven, 60)
    assert not whole_by_default(uneven, 59)
    assert not whole_by_default(uneven, 64, first=[0, 3])
    assert whole_by_default(uneven, 65, first=[0, 3])


def test_classes_that_come_first_are_drawn_whole():
    y = np.arange(60) % 12
    for seed in range(5):
        rows = sample(y, 15, whole_classes=True, first=[4, 9], seed=seed)
        assert set(np.unique(y[rows])) >= {4, 9}
        assert np.bincount(y[rows]).max() == 5
        assert rows.size == 15
    with pytest.raises(InputError, match="classes to highlight have 10 items, more than a sample of 9"):
        sample(y, 9, whole_classes=True, first=[4, 9])


def test_a_sample_says_how_it_was_drawn():
    y = np.repeat(np.arange(20), 5)
    drawn = draw_sample(y, 15, first=[4], seed=1)
    assert drawn.summary() == {"sampled": "whole classes", "n_classes": 3, "of_classes": 20}
    assert drawn.by_default
    assert (drawn.rows == sample(y, 15, whole_classes=True, first=[4], seed=1)).all()
    every = draw_sample(y, 40, whole_classes=False, first=[4], seed=1)
    assert (every.n_classes, every.whole_classes, every.by_default) == (20, False, False)
    assert (every.rows == sample(y, 40, seed=1)).all()
