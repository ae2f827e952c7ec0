from __future__ import annotations

import itertools

import faiss
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from support import blobs

from embedlens import InputError
from embedlens.analysis.retrieval.clustering import SeededScores, clustering_scores, kmeans, kmeans_scores
from embedlens.similarity import lloyd

DTYPES = (torch.bfloat16, torch.float32)


def unit(z):
    return (z / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)).astype(np.float32)


def faiss_kmeans(z, k, *, seed=1234, iterations=25):
    """What faiss finds: labels, inertia, centroids, and how many empty clusters each iteration split."""
    settings = faiss.ClusteringParameters()
    settings.niter, settings.seed = iterations, seed
    settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(z)
    index, work = faiss.IndexFlatL2(z.shape[1]), faiss.Clustering(z.shape[1], k, settings)
    work.train(z, index)
    distance, label = index.search(z, 1)
    stats = [work.iteration_stats.at(i).nsplit for i in range(work.iteration_stats.size())]
    centroids = faiss.vector_float_to_array(work.centroids).reshape(k, -1)
    return label[:, 0], float(distance.sum(dtype=np.float64)), centroids, stats


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "k", "dim", "spread", "seed"),
    [
        (500, 20, 16, 1.0, 1234),
        (2000, 300, 32, 1.0, 0),
        (3000, 50, 64, 3.0, 7),
        (400, 399, 8, 1.0, 1234),
        (1000, 200, 2, 0.1, 2**31 - 1),
        (300, 1, 5, 1.0, 1234),
    ],
)
def test_kmeans_is_that_of_faiss(n, k, dim, spread, seed, dtype):
    z = unit(blobs(n=n, dim=dim, classes=max(2, k // 2), spread=spread)[0])
    label, inertia, centroids, _ = faiss_kmeans(z, k, seed=seed)
    found = kmeans(z, k, seed=seed, _dtype=dtype)
    assert np.mean(found.labels == label) > 0.995
    assert found.inertia == pytest.approx(inertia, rel=1e-4, abs=1e-5)
    assert np.mean(np.abs(found.centroids - centroids).max(axis=1) < 1e-5) > 0.99
    assert found.screen == str(dtype).removeprefix("torch.")
    assert (found.seed, found.iterations) == (seed, 25)


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_empty_clusters_are_split_as_faiss_splits_them(iterations):
    """Few distinct points: most initial centroids are copies, and copies that lose every tie are empty."""
    distinct = unit(np.random.default_rng(3).normal(size=(40, 12)))
    z = distinct[np.arange(1000) % 40]
    z[:500] = unit(z[:500] + 0.05 * np.random.default_rng(4).normal(size=(500, 12)))
    label, inertia, centroids, splits = faiss_kmeans(z, 150, iterations=iterations)
    assert splits[0] > 5
    found = kmeans(z, 150, iterations=iterations)
    assert np.mean(found.labels == label) > 0.99
    assert np.mean(np.abs(found.centroids - centroids).max(axis=1) < 1e-5) > 0.97
    assert found.inertia == pytest.approx(inertia, rel=1e-4)


def test_initial_points_are_those_of_faiss():
    for n, seed in ((10, 5), (1000, 1235)):
        wanted = np.empty(n, np.int32)
        faiss.rand_perm(faiss.swig_ptr(wanted), n, seed)
        np.testing.assert_array_equal(lloyd._first_of_permutation(n, n - 1, seed), wanted[: n - 1])


def test_inertia_is_the_sum_of_squared_distances_to_the_own_and_nearest_centroid():
    z, _ = blobs(n=200, dim=7, spread=1.0)
    found = kmeans(z, 13)
    distance = ((unit(z)[:, None].astype(np.float64) - found.centroids[None]) ** 2).sum(axis=2)
    assert found.inertia == pytest.approx(distance.min(axis=1).sum(), rel=1e-12)
    np.testing.assert_array_equal(found.labels, distance.argmin(axis=1))
    # More iterations do not make it worse, and a fixed point stays.
    steps = [kmeans(z, 13, iterations=count).inertia for count in (1, 3, 9, 50, 90)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == steps[-2]


def test_as_many_clusters_as_items_and_collapsed_embeddings():
    z, _ = blobs(n=30)
    found = kmeans(z, 30)
    assert found.labels.tolist() == list(range(30))
    assert found.inertia == pytest.approx(0, abs=1e-10)
    same = kmeans(np.ones((40, 3), np.float32), 5)
    assert same.inertia == pytest.approx(0, abs=1e-6)
    assert kmeans(np.ones((4, 3), np.float32), 4).labels.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scale_and_type_of_embeddings_do_not_matter(dtype):
    z = blobs(n=150, spread=0.2)[0].astype(np.float16)
    expected = kmeans(z, 6).labels
    np.testing.assert_array_equal(kmeans((4 * z).astype(dtype), 6).labels, expected)
    columns = kmeans(z, 6).columns()
    np.testing.assert_array_equal(columns["cluster"], expected)
    assert columns["item"].tolist() == list(range(150))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"n_clusters": 61},
            "61 clusters of 60 items; k-means needs at least 1 and at most as many as items",
        ),
        ({"n_clusters": 0}, "0 clusters of 60 items"),
        ({"seed": -1}, "k-means seed -1; it must be from 0 to 2147483647, as in faiss"),
        ({"seed": 2**31}, "k-means seed 2147483648"),
        ({"iterations": 0}, "0 k-means iterations; at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_kmeans_refuses(change, message):
    arguments = {"n_clusters": 6, **change}
    with pytest.raises(InputError, match=message):
        kmeans(blobs()[0], arguments.pop("n_clusters"), **arguments)


partitions = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        *[st.lists(st.integers(-3, 6), min_size=n, max_size=n) for _ in range(2)],
    )
)


@given(partitions)
@settings(max_examples=150, deadline=None)
def test_scores_are_those_of_scikit_learn(both):
    labels, clusters = both
    found = clustering_scores(labels, clusters, ami=True)
    assert found.nmi == pytest.approx(metrics.normalized_mutual_info_score(labels, clusters), abs=1e-9)
    expected = metrics.adjusted_mutual_info_score(labels, clusters)
    # Of single items on both sides scikit-learn's is a ratio of rounding errors.
    if len(set(labels)) < len(labels) or len(set(clusters)) < len(labels):
        assert found.ami == pytest.approx(expected, abs=1e-6)


@given(partitions)
@settings(max_examples=60, deadline=None)
def test_f1_counts_pairs(both):
    labels, clusters = both
    tp = fp = fn = 0
    for i, j in itertools.combinations(range(len(labels)), 2):
        same, together = labels[i] == labels[j], clusters[i] == clusters[j]
        tp, fp, fn = tp + (same and together), fp + (together and not same), fn + (same and not together)
    expected = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0
    found = clustering_scores(labels, clusters)
    assert found.f1 == pytest.approx(expected, rel=1e-15)
    assert found.ami is None
    renamed = clustering_scores(np.array(labels)[::-1] * 7 - 3, -np.array(clusters)[::-1])
    assert (renamed.f1, renamed.nmi) == (found.f1, pytest.approx(found.nmi, abs=1e-12))


def test_scores_of_many_and_large_groups():
    random = np.random.default_rng(0)
    labels = np.sort(random.zipf(1.5, 20_000) % 3000)
    clusters = np.where(random.random(20_000) < 0.5, labels, random.integers(0, 3000, 20_000))
    found = clustering_scores(labels, clusters, ami=True)
    assert found.ami == pytest.approx(metrics.adjusted_mutual_info_score(labels, clusters), abs=1e-9)
    assert found.nmi == pytest.approx(metrics.normalized_mutual_info_score(labels, clusters), abs=1e-12)
    (_, fp), (fn, tp) = metrics.pair_confusion_matrix(labels, clusters).tolist()
    assert found.f1 == 2 * tp / (2 * tp + fp + fn)


def test_pairs_beyond_int32_are_exact():
    labels = np.arange(200_000) % 2
    assert clustering_scores(labels, np.zeros(200_000, int)).f1 == 2 * 9_999_900_000 / (
        9_999_900_000 + 19_999_900_000
    )


def test_special_cases():
    assert clustering_scores([5, 5, 5], [1, 1, 1], ami=True).summary() == {"nmi": 1.0, "f1": 1.0, "ami": 1.0}
    assert clustering_scores([0, 1, 2], [2, 0, 1], ami=True).summary() == {"nmi": 1.0, "f1": 1.0, "ami": 1.0}
    assert clustering_scores([0, 0, 1, 1], [3, 3, 3, 3], ami=True).ami == 0.0
    assert clustering_scores([2**24, 2**24 + 1], [0, 1]).nmi == pytest.approx(1.0)
    with pytest.raises(InputError, match="there are 3 cluster numbers, but 2 labels"):
        clustering_scores([0, 1], [0, 1, 2])
    with pytest.raises(InputError, match="labels are empty"):
        clustering_scores([], [])


def test_scores_of_kmeans_over_several_seeds():
    z, y = blobs(n=120, spread=0.8)
    found = kmeans_scores(z, y, seeds=(1, 2, 3), ami=True)
    assert isinstance(found, SeededScores)
    assert found.n_clusters == 6
    columns = found.columns()
    assert columns["seed"].tolist() == [1, 2, 3]
    for at, seed in enumerate((1, 2, 3)):
        run = kmeans(z, 6, seed=seed)
        assert columns["inertia"][at] == run.inertia
        assert columns["nmi"][at] == pytest.approx(metrics.normalized_mutual_info_score(y, run.labels))
        assert columns["ami"][at] == pytest.approx(metrics.adjusted_mutual_info_score(y, run.labels))
    summary = found.summary()
    assert set(summary) == {"nmi", "f1", "ami", "nmi_std", "f1_std", "ami_std"}
    assert summary["f1"] == pytest.approx(np.mean(columns["f1"]))
    assert summary["f1_std"] == pytest.approx(np.std(columns["f1"], ddof=1))
    one = kmeans_scores(z, y)
    assert one.seeds == (1234,)
    assert set(one.summary()) == {"nmi", "f1"}
    for bad in ((), (1, 1)):
        with pytest.raises(InputError, match="k-means seeds"):
            kmeans_scores(z, y, seeds=bad)
    with pytest.raises(InputError, match="119 rows, but there are 120 labels"):
        kmeans_scores(z[:-1], y)
