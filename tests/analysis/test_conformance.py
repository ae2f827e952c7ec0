"""Every score against an independent implementation on the same embeddings; each known difference has a test.

pytorch-metric-learning's AccuracyCalculator (P@1, R-precision, MAP@R, NMI, AMI; in float32), scikit-learn
(NMI, AMI, pair confusion, ROC, kNN), faiss (neighbours, k-means). Plain loops stand in the tests of each
analysis.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import torch
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import (
    adjusted_mutual_info_score,
    normalized_mutual_info_score,
    pairwise_distances,
    roc_auc_score,
    roc_curve,
)
from sklearn.metrics.cluster import pair_confusion_matrix
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from support import blobs

from embedlens import InputError
from embedlens.analysis.retrieval.clustering import clustering_scores, kmeans
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.analysis.verification.consistency import threshold_consistency
from embedlens.analysis.verification.pairs import roc
from embedlens.similarity import pair_similarity, search

faiss = pytest.importorskip("faiss")
TYPES = (torch.bfloat16, torch.float32)


def unit(z):
    return np.ascontiguousarray(z / np.linalg.norm(z, axis=1, keepdims=True), dtype=np.float32)


def accuracy_calculator(z, y, *, k="max_bin_count", include=(), gallery=None):
    """What pytorch-metric-learning's AccuracyCalculator says of normalised embeddings."""
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    calculator = AccuracyCalculator(include=include, k=k, device=torch.device("cpu"))
    given = (torch.from_numpy(unit(z)), torch.from_numpy(np.asarray(y)))
    if gallery is None:
        return calculator.get_accuracy(*given)
    reference = (torch.from_numpy(unit(gallery[0])), torch.from_numpy(np.asarray(gallery[1])))
    return calculator.get_accuracy(*given, *reference)


RETRIEVAL = ("precision_at_1", "r_precision", "mean_average_precision_at_r")


def ours(z, y, **options):
    found = retrieve(z, y, RetrievalOptions(ks=(1,), at_r=True), **options)
    return [found.recall[1], found.r_precision, found.map_at_r]


@pytest.mark.parametrize("spread", [0.5, 1.5, 4.0])
@pytest.mark.parametrize("classes", [3, 40])
def test_retrieval_is_pytorch_metric_learning_s(spread, classes):
    z, y = blobs(n=600, dim=16, classes=classes, spread=spread)
    theirs = accuracy_calculator(z, y, include=RETRIEVAL)
    assert ours(z, y) == pytest.approx([theirs[name] for name in RETRIEVAL], abs=1e-6)


def test_query_and_gallery_are_pytorch_metric_learning_s():
    z, y = blobs(n=200, dim=16, classes=20, spread=2.0)
    gallery = blobs(n=300, dim=16, classes=20, spread=2.0, seed=7)
    theirs = accuracy_calculator(z, y, include=RETRIEVAL, gallery=gallery)
    assert ours(z, y, gallery=gallery) == pytest.approx([theirs[name] for name in RETRIEVAL], abs=1e-6)


def test_difference_singletons_are_left_out_by_both():
    z, y = blobs(n=120, dim=8, classes=12, spread=2.0)
    y[:9] = np.arange(100, 109)
    theirs = accuracy_calculator(z, y, include=RETRIEVAL)
    assert ours(z, y) == pytest.approx([theirs[name] for name in RETRIEVAL], abs=1e-6)
    assert retrieve(z, y, RetrievalOptions(ks=(1,))).n_singletons == 9


def test_difference_ties_count_against_the_anchor_here():
    """Two equal rows of different classes: faiss takes whichever it meets first, here the tie is lost."""
    z = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    y = np.array([0, 0, 1, 2, 2])
    assert ours(z, y)[0] == 0.5  # rows 3 and 4
    assert accuracy_calculator(z, y, include=RETRIEVAL[:1])["precision_at_1"] > 0.5


def test_difference_k_below_r_changes_r_precision_there_but_not_here():
    """Their R-precision looks at k neighbours only; here always at R."""
    z, y = blobs(n=200, dim=8, classes=4, spread=1.5)
    full = accuracy_calculator(z, y, include=RETRIEVAL[1:2])["r_precision"]
    short = accuracy_calculator(z, y, k=5, include=RETRIEVAL[1:2])["r_precision"]
    assert abs(short - full) > 0.01
    assert ours(z, y)[1] == pytest.approx(full, abs=1e-6)


def test_difference_labels_beyond_float32_stay_apart():
    z, _ = blobs(n=60, dim=4, classes=6)
    y = 2**24 + np.arange(60) % 6
    small = np.arange(60) % 6
    assert ours(z, y) == ours(z, small)
    merged = y.astype(np.float32).astype(np.int64)  # what a cast to float32 makes of them
    assert ours(z, merged) != ours(z, small)
    assert kmeans_scores(z, y) == kmeans_scores(z, small)


def kmeans_scores(z, y):
    found = score(z, y, ["nmi", "ami", "f1"])
    return [found[name] for name in ("nmi", "ami", "f1")]


@pytest.mark.filterwarnings("ignore")
def test_nmi_and_ami_are_pytorch_metric_learning_s():
    """Its faiss k-means and the one here start alike; rounding may move an item or two between clusters."""
    z, y = blobs(n=1500, dim=12, classes=20, spread=2.0)
    theirs = accuracy_calculator(z, y, include=("NMI", "AMI"))
    assert kmeans_scores(z, y)[:2] == pytest.approx([theirs["NMI"], theirs["AMI"]], abs=1e-3)


def test_clustering_scores_are_scikit_learn_s():
    random = np.random.default_rng(0)
    for classes, clusters in ((2, 2), (30, 30), (5, 60), (1, 4)):
        y, c = random.integers(0, classes, 500), random.integers(0, clusters, 500)
        found = clustering_scores(y, c, ami=True)
        (_, fp), (fn, tp) = pair_confusion_matrix(y, c)
        assert found.nmi == pytest.approx(normalized_mutual_info_score(y, c), abs=1e-9)
        assert found.ami == pytest.approx(adjusted_mutual_info_score(y, c), abs=1e-9)
        assert found.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))


def test_kmeans_is_faiss_s():
    z, _ = blobs(n=1000, dim=10, classes=25, spread=1.0)
    theirs = faiss.Kmeans(10, 25, niter=25, seed=1234, max_points_per_centroid=1000)
    theirs.train(unit(z))
    _, assigned = theirs.index.search(unit(z), 1)
    assert np.mean(kmeans(z, 25).labels == assigned[:, 0]) > 0.995


def test_roc_and_auc_of_pairs_are_scikit_learn_s():
    z, y = blobs(n=80, dim=6, classes=8, spread=2.0)
    a, b = np.triu_indices(80, 1)
    same = y[a] == y[b]
    similarity = np.round(pair_similarity(z, a, b), 2)  # many ties
    found = roc(similarity, same)
    far, tar, _ = roc_curve(same, similarity, drop_intermediate=False)
    assert found.far == pytest.approx(far)
    assert found.tar == pytest.approx(tar)
    assert found.auc == pytest.approx(roc_auc_score(same, similarity))


def test_knn_accuracy_is_scikit_learn_s_where_votes_do_not_tie():
    z, y = blobs(n=300, dim=6, classes=2, spread=3.0)  # two classes, odd k: no equal votes
    z_g, y_g = blobs(n=200, dim=6, classes=2, spread=3.0, seed=5)
    theirs = KNeighborsClassifier(7, algorithm="brute").fit(unit(z_g), y_g).score(unit(z), y)
    found = retrieve(z, y, RetrievalOptions(knn=7), gallery=(z_g, y_g))
    assert found.knn_accuracy == pytest.approx(theirs)


def test_difference_equal_votes_go_to_the_nearer_label_here():
    z_g, y_g = np.array([[1, 0.1], [1, 0.2]]), np.array([5, 3])
    query = np.array([[1.0, 0.0], [1.0, 0.01]])
    theirs = KNeighborsClassifier(2, algorithm="brute").fit(unit(z_g), y_g).predict(unit(query))
    assert theirs.tolist() == [3, 3]  # the smaller label
    found = retrieve(query, [5, 5], RetrievalOptions(knn=2), gallery=(z_g, y_g))
    assert found.knn_accuracy == 1.0


@pytest.mark.parametrize("dtype", TYPES)
def test_neighbours_are_faiss_s_but_for_rounding(dtype):
    """On a larger set faiss's float32 values agree to 1e-6, and its items wherever values differ by more."""
    z, y = blobs(n=6000, dim=64, classes=500, spread=2.0)
    index = faiss.IndexFlatIP(64)
    index.add(unit(z))
    values, items = index.search(unit(z), 11)
    found = search(z, y, depth=10, cutoffs=(1,), dtype=dtype)
    same = checked = 0
    for part in found.neighbours():
        for row, mine, s in zip(part.rows, part.index, part.similarity, strict=True):
            theirs = [(v, j) for v, j in zip(values[row], items[row], strict=True) if j != row][:10]
            assert s == pytest.approx([v for v, _ in theirs], abs=2e-6)
            same += int(np.sum(mine == [j for _, j in theirs]))
            checked += 10
    assert checked == 60_000
    assert same / checked > 0.999


# Corner cases: each is defined, for every score that `evaluate --metrics all` names.


def all_scores(z, y, **options):
    return score(z, y, ["all"], **options)


def test_duplicates_across_classes_lose_their_ties():
    z, _ = blobs(n=30, dim=4, classes=3)
    doubled = np.concatenate([z, z])
    y = np.arange(60) // 30  # every row has its double in the other class
    found = all_scores(doubled, y)
    assert found["recall_at_1"] == 0.0
    assert found.pop("pi_ratio") == np.inf  # the classes' means are one point
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {"nc1", "nc2_norms", "nc2_angles", "nc2_max_angles", "lidar", "alpha"}  # of 4 dims
    assert all(np.isfinite(value) for name, value in found.items() if name not in undefined)


def test_two_items_of_two_classes_have_no_positive_and_of_one_no_negative():
    for y, message in (([0, 1], "no label has two items"), ([0, 0], "one label")):
        with pytest.raises(InputError, match=message):
            all_scores(np.eye(2), y)


@pytest.mark.parametrize(
    "metrics", [["recall_at_1"], ["map_at_r"], ["map_at_5"], ["knn_accuracy"], ["pi_inter"]]
)
def test_all_items_in_one_class_are_refused_by_what_needs_a_negative(metrics):
    z, _ = blobs(n=20)
    with pytest.raises(InputError, match="one label"):
        score(z, np.zeros(20, int), metrics)


def test_all_items_in_one_class_still_have_a_clustering_and_a_spectrum():
    z, _ = blobs(n=20)
    found = score(z, np.zeros(20, int), ["nmi", "f1", "uniformity", "effective_rank", "rho", "hubness"])
    assert (found["nmi"], found["f1"]) == (1.0, 1.0)
    assert all(np.isfinite(value) for value in found.values())


def test_one_dimension():
    z = np.array([[1.0], [2.0], [-1.0], [-0.5], [3.0]])
    found = all_scores(z, [0, 0, 1, 1, 1])
    assert found["recall_at_1"] == pytest.approx(
        2 / 5
    )  # rows 0 and 1 tie with row 4, which has no positive near
    assert found["effective_rank"] == pytest.approx(1.0)


def test_k_larger_than_the_gallery():
    z, y = blobs(n=12, classes=3)
    found = score(z, y, ["recall_at_1000", "knn_accuracy"], settings=ScoreSettings(knn=500))
    assert found["recall_at_1000"] == 1.0
    # all others vote, so the two other classes with four items each outvote the three left of the own
    assert found["knn_accuracy"] == 0.0


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [1023, 1024, 1025, 2049])
def test_any_number_of_items_beside_the_size_of_a_tile(n, dtype):
    z, y = blobs(n=n, dim=3, classes=100, spread=2.0)
    found = search(z, y, cutoffs=(1, 10), dtype=dtype)
    s = unit(z).astype(float) @ unit(z).astype(float).T
    np.fill_diagonal(s, -2)
    same = y[:, None] == y
    nearest = np.where(same, s, -2).max(axis=1)
    rank = np.sum(~same & (s >= nearest[:, None]), axis=1)
    assert np.mean((found.rank < 10) == (rank < 10)) > 0.999
    assert found.positive.similarity == pytest.approx(nearest, abs=1e-6)


def test_float16_snapshots_are_scored_as_the_numbers_that_they_hold():
    z, y = blobs(n=200, dim=16, classes=20, spread=2.0)
    half = z.astype(np.float16)
    assert all_scores(half, y) == all_scores(half.astype(np.float32), y)
    assert all_scores(half, y)["recall_at_1"] == pytest.approx(all_scores(z, y)["recall_at_1"], abs=0.02)


def test_collapse_is_that_of_scikit_learn_s_discriminant_analysis():
    """NC1 and LiDAR from the scatter matrices of LinearDiscriminantAnalysis, by scipy's eigenvalues."""
    z, y = blobs(n=400, dim=6, classes=10, spread=1.0)  # classes of one size: items and classes weigh alike
    found = score(z, y, ["nc1", "lidar"])
    u = unit(z).astype(float)
    fitted = LinearDiscriminantAnalysis(solver="eigen", store_covariance=True).fit(u, y)
    within = fitted.covariance_
    between = np.cov(u.T, bias=True) - within
    assert found["nc1"] == pytest.approx(np.trace(within @ np.linalg.inv(between)) / 10, rel=1e-4)
    values = scipy.linalg.eigh(between, within + 1e-4 * np.eye(6), eigvals_only=True)
    assert found["lidar"] == pytest.approx(np.exp(scipy.stats.entropy(values)), rel=1e-4)


def test_angles_of_class_means_are_scikit_learn_s_cosines():
    z, y = blobs(n=300, dim=12, classes=15, spread=1.0)
    means = np.stack([unit(z)[y == c].astype(float).mean(axis=0) for c in range(15)])
    means -= means.mean(axis=0)
    cosines = cosine_similarity(means)[np.triu_indices(15, 1)]
    found = score(z, y, ["neural_collapse"])
    assert found["nc2_angles"] == pytest.approx(cosines.std(), rel=1e-4)
    assert found["nc2_max_angles"] == pytest.approx(np.abs(cosines + 1 / 14).mean(), rel=1e-4)
    assert found["nc2_norms"] == pytest.approx(scipy.stats.variation(np.linalg.norm(means, axis=1)), rel=1e-4)


def test_alpha_is_scikit_learn_s_regression_on_its_eigenvalues():
    z, y = blobs(n=500, dim=40, classes=30, spread=1.5)
    k = np.arange(11, 41)
    values = PCA().fit(unit(z).astype(float)).explained_variance_[10:]
    fit = LinearRegression().fit(np.log(k)[:, None], np.log(values), sample_weight=1 / k)
    assert score(z, y, ["alpha"])["alpha"] == pytest.approx(-fit.coef_[0], rel=1e-4)


def test_intrinsic_dimension_is_that_of_scikit_learn_s_neighbours():
    z, y = blobs(n=500, dim=9, classes=5, spread=1.5)
    distance = NearestNeighbors(n_neighbors=21, algorithm="brute").fit(unit(z).astype(float)).kneighbors()[0]
    nearest = np.sort(np.log(distance[:, 1] / distance[:, 0]))[:450]
    heights = -np.log(1 - np.arange(1, 451) / 500)
    found = score(z, y, ["intrinsic_dim_twonn", "intrinsic_dim_mle"])
    fit = LinearRegression(fit_intercept=False).fit(nearest[:, None], heights)
    assert found["intrinsic_dim_twonn"] == pytest.approx(fit.coef_[0], rel=1e-4)
    ratios = np.log(distance[:, 19:20] / distance[:, :19])
    assert found["intrinsic_dim_mle"] == pytest.approx(1 / ratios.mean(axis=1).mean(), rel=1e-4)


def test_operating_points_of_classes_are_scikit_learn_s():
    z, y = blobs(n=240, dim=6, classes=6, spread=1.0)
    distance = pairwise_distances(unit(z).astype(float))
    i, j = np.triu_indices(240, 1)
    found = threshold_consistency(z, y, [0.05])
    for row in range(6):
        mine = (y[i] == row) | (y[j] == row)
        far, tar, thresholds = roc_curve(
            y[i][mine] == y[j][mine], -distance[i, j][mine], drop_intermediate=False
        )
        for threshold, value in zip(found.threshold[::10], found.utility[row, ::10], strict=True):
            at = np.flatnonzero(-thresholds < threshold)[-1]
            expected = 2 * tar[at] * (1 - far[at]) / (tar[at] + 1 - far[at])
            assert value == pytest.approx(expected, abs=2e-3)
        at = np.flatnonzero(-thresholds < found.common[0])[-1]
        assert (found.far[row, 0], found.tar[row, 0]) == pytest.approx((far[at], tar[at]), abs=2e-3)
        inside = np.flatnonzero(far <= 0.05)[-1]
        assert found.own[row, 0] == pytest.approx(-thresholds[inside], abs=0.01)
