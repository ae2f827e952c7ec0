"""Scores by code: recalls of faiss's indexes on the same codes, of `pca-prune`, and of plain matrices."""

from __future__ import annotations

import sys

import faiss
import numpy as np
import pytest
from support import blobs, unit

from embedlens.analysis.compression import (
    CODES,
    CodeOptions,
    Int8Codec,
    ProductCodec,
    compress,
    first_dims_recall,
)
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.scores import score
from embedlens.errors import InputError
from embedlens.label_sets import LabelSets
from embedlens.similarity import Gallery

Z, Y = blobs(n=600, dim=16, classes=120, spread=1.2)
FIT, _ = blobs(n=700, dim=16, classes=120, spread=1.2, seed=7)
G, GY = blobs(n=500, dim=16, classes=120, spread=1.2, seed=3)
GROUPS = (2, 8)


def recalls(result, metric="recall_at_1"):
    """(code, size) -> score."""
    keys = zip(result.codes.tolist(), result.sizes.tolist(), strict=True)
    return dict(zip(keys, result.scores[metric].tolist(), strict=True))


def hits(s, y, gallery_labels=None, k=1):
    """Recall@K of similarities [N, M] by float64 comparisons; None: one set, without the diagonal."""
    s = np.array(s, np.float64)
    labels = y if gallery_labels is None else gallery_labels
    same = y[:, None] == labels[None]
    if gallery_labels is None:
        np.fill_diagonal(s, -np.inf)
        same &= ~np.eye(len(y), dtype=bool)
    best = np.where(same, s, -np.inf).max(axis=1)
    before = np.sum((s >= best[:, None]) & (y[:, None] != labels[None]), axis=1)
    return float(np.mean(before[same.any(axis=1)] < k))


def found_by(index, queries, codes_of, y, *, own=True):
    """Recall@1 of what an index of faiss returns first, a query's own row left out; copies of rows count."""
    index.add(codes_of)
    _, rows = index.search(queries, 20)
    first = [next(j for j in row if not own or j != i) for i, row in enumerate(rows.tolist())]
    return first


def test_codes_recall_what_faiss_recalls_on_the_same_codes():
    found = recalls(compress(Z, Y, CodeOptions(subquantizers=GROUPS), fit=FIT))
    z, fit = unit(Z).astype(np.float32), unit(FIT).astype(np.float32)
    scalar = faiss.IndexScalarQuantizer(16, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    scalar.train(fit)
    first = found_by(scalar, z, z, Y)
    assert found["int8", 16] == np.mean(Y[first] == Y)
    flat = faiss.IndexFlatL2(16)
    assert found_by(flat, z, Int8Codec.fit(fit).rebuild(z), Y) == first
    for groups in GROUPS:
        product = faiss.IndexPQ(16, groups, 8)
        product.pq.cp.min_points_per_centroid = 1
        product.train(fit)
        product.add(z)
        distance, rows = product.search(z, 600)
        order = np.argsort(rows, axis=1)
        s = -np.take_along_axis(distance, order, axis=1)  # whole rows of distances: items of one code tie
        assert found["pq", groups] == hits(s, Y)
        rebuilt = ProductCodec.fit(fit, groups).rebuild(z)
        d = np.sum((z[:, None].astype(np.float64) - rebuilt[None]) ** 2, axis=2)
        assert found["pq", groups] == hits(-d.astype(np.float32), Y)


def test_binary_codes_recall_what_faiss_recalls():
    found = recalls(compress(Z, Y, CodeOptions(("binary", "rescored"), candidates=20)))
    codes = np.packbits(Z > 0, axis=1, bitorder="little")
    index = faiss.IndexBinaryFlat(16)
    index.add(codes)
    distance, rows = index.search(codes, 600)
    away = np.take_along_axis(distance, np.argsort(rows, axis=1), axis=1)
    assert found["binary", 16] == hits(-away, Y)
    s = np.where(Z > 0, 1.0, -1.0)
    inner = Z.astype(np.float64) @ s.T
    others = away + 1000 * np.eye(600, dtype=int)
    radius = np.sort(others, axis=1)[:, 19:20]  # the 20 nearest, and those that tie with the last
    combined = np.where(others <= radius, 1000 + inner, -away)
    assert found["rescored", 16] == hits(combined, Y)
    assert found["rescored", 16] > found["binary", 16]


def test_queries_search_the_codes_of_a_gallery():
    options = CodeOptions(subquantizers=(4,), dims=(4, 16), candidates=30)
    found = recalls(compress(Z, Y, options, fit=FIT, gallery=(G, GY)))
    z, g, fit = (unit(part).astype(np.float32) for part in (Z, G, FIT))
    for code, codec in (("int8", Int8Codec.fit(fit)), ("pq", ProductCodec.fit(fit, 4))):
        d = np.sum((z[:, None].astype(np.float64) - codec.rebuild(g)[None]) ** 2, axis=2)
        assert found[code, 16 if code == "int8" else 4] == hits(-d.astype(np.float32), Y, GY)
    away = np.sum((Z > 0)[:, None] != (G > 0)[None], axis=2)
    assert found["binary", 16] == hits(-away, Y, GY)
    assert found["dims", 4] == hits((unit(Z[:, :4]) @ unit(G[:, :4]).T).round(12), Y, GY)
    pruned = pruned_recall(Z, Y, [4, 16], fit=FIT, gallery=(G, GY))
    assert [found["pca", 4], found["pca", 16]] == pruned.recall.tolist()
    assert found["float32", 16] == score(Z, Y, ["R@1"], gallery=(G, GY))["recall_at_1"]


def test_a_query_never_finds_itself_in_a_gallery_of_its_own_items():
    itself = np.arange(600)
    one_set = compress(Z, Y, CodeOptions(subquantizers=(4,)), metrics=["R@1", "map_at_r"], fit=FIT)
    gallery = Gallery(Z, Y, (itself, itself))
    apart = compress(
        Z, Y, CodeOptions(subquantizers=(4,)), metrics=["R@1", "map_at_r"], fit=FIT, gallery=gallery
    )
    for metric in ("recall_at_1", "map_at_r"):
        assert recalls(one_set, metric) == recalls(apart, metric)


def test_first_dims_and_components_by_one_pass_are_those_of_a_search_each():
    dims = (2, 5, 16)
    both = compress(Z, Y, CodeOptions(("dims", "pca"), dims), metrics=["R@1", "R@2"], fit=FIT)
    for d in dims[:2]:
        expected = score(Z[:, :d], Y, ["R@1", "R@2"])
        assert recalls(both)["dims", d] == expected["recall_at_1"]
        assert recalls(both, "recall_at_2")["dims", d] == expected["recall_at_2"]
    assert recalls(both)["pca", 5] == pruned_recall(Z, Y, [5], fit=FIT).recall[0]
    z, fit = unit(Z), unit(FIT)
    basis = np.linalg.svd(fit - fit.mean(axis=0), full_matrices=False)[2]
    turned = unit(z @ basis[:5].T)
    assert recalls(both, "recall_at_2")["pca", 5] == hits(turned @ turned.T, Y, k=2)
    for metric in ("recall_at_1", "recall_at_2"):
        found = recalls(both, metric)
        assert found["dims", 16] == found["pca", 16] == found["float32", 16]


def test_rows_whose_first_values_are_zero_have_similarity_0():
    z = np.array([[0, 0, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [-1, 0, 1, 0.0]], np.float32)
    y = np.array([0, 0, 1, 1, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        u = np.nan_to_num(z[:, :2] / np.linalg.norm(z[:, :2], axis=1, keepdims=True))
    expected = hits(u @ u.T, y)
    assert first_dims_recall(z, y, [2]).tolist() == [expected]
    several = compress(z, y, CodeOptions(("dims",), (2,)), metrics=["R@1", "R@2", "R@3"])
    for k in (1, 2, 3):
        assert recalls(several, f"recall_at_{k}")["dims", 2] == hits(u @ u.T, y, k=k)
    gallery = (z[:4], y[:4])
    found = compress(z, y, CodeOptions(("dims",), (2,)), metrics=["R@1", "R@2"], gallery=gallery)
    for k in (1, 2):
        assert recalls(found, f"recall_at_{k}")["dims", 2] == hits(u @ u[:4].T, y, y[:4], k=k)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_length_of_rows_does_not_matter(scale):
    lengths = np.random.default_rng(0).uniform(0.1, 10, size=(600, 1)) * scale
    one = compress(Z.astype(np.float64), Y, CodeOptions(subquantizers=(4,)), metrics=["R@1", "R@2"], fit=FIT)
    other = compress(Z * lengths, Y, CodeOptions(subquantizers=(4,)), metrics=["R@1", "R@2"], fit=FIT)
    for metric in one.scores:
        assert np.allclose(one.scores[metric], other.scores[metric], rtol=0, atol=2 / 600)


def test_every_score_is_that_of_what_the_codes_stand_for():
    metrics = [
        "r_precision",
        "map_at_r",
        "map_at_5",
        "knn_accuracy",
        "hubness",
        "alignment",
        "effective_rank",
    ]
    found = compress(Z, Y, CodeOptions(subquantizers=(8,)), metrics=metrics, fit=FIT)
    assert list(found.scores) == metrics
    assert all(np.isfinite(values).all() for values in found.scores.values())
    fit = unit(FIT).astype(np.float32)
    rebuilt = ProductCodec.fit(fit, 8).rebuild(unit(Z).astype(np.float32))
    assert recalls(found, "alignment")["pq", 8] == score(rebuilt, Y, ["alignment"])["alignment"]
    sign = np.where(Z > 0, 1.0, -1.0).astype(np.float32)
    # 16 signs have norm 4, a power of two: their cosines are exact, and so are their ties.
    of_signs = score(sign, Y, metrics)
    for metric in metrics:
        assert recalls(found, metric)["binary", 16] == pytest.approx(of_signs[metric], abs=1e-12), metric
    rescored = recalls(found, "map_at_r")
    assert rescored["binary", 16] < rescored["rescored", 16] < rescored["float32", 16]


def test_items_with_sets_of_labels_of_one_label_are_items_with_labels():
    options = CodeOptions(subquantizers=(4,), dims=(4, 16), candidates=20)
    plain = compress(Z, Y, options, metrics=["R@1", "map_at_r"], fit=FIT)
    sets = compress(Z, LabelSets.of_single(Y), options, metrics=["R@1", "map_at_r"], fit=FIT)
    for metric in plain.scores:
        assert recalls(plain, metric) == recalls(sets, metric)
    with pytest.raises(InputError, match="nmi: one label per item is needed"):
        compress(Z, LabelSets.of_single(Y), options, metrics=["nmi"], fit=FIT)


def test_bytes_sizes_and_defaults():
    found = compress(Z, Y, fit=FIT)
    assert [*zip(found.codes.tolist(), found.sizes.tolist(), found.bytes.tolist(), strict=True)] == [
        ("float32", 16, 64),
        ("dims", 4, 16), ("dims", 8, 32), ("dims", 16, 64),
        ("pca", 4, 16), ("pca", 8, 32), ("pca", 16, 64),
        ("int8", 16, 16), ("binary", 16, 2), ("rescored", 16, 2),
        ("pq", 4, 4), ("pq", 8, 8),
    ]  # fmt: skip
    assert (found.n, found.n_singletons, found.dim) == (600, 0, 16)
    assert found.n_candidates >= found.candidates == 100
    assert CodeOptions().dims_of(3) == [3]
    assert CodeOptions().groups_of(3) == [1]
    assert CodeOptions().groups_of(30) == [1, 2, 3, 5, 6, 10, 15]
    assert CodeOptions().groups_of(512) == [4, 8, 16, 32, 64]
    odd = compress(Z[:, :9], Y, CodeOptions(("binary", "pq"), subquantizers=(3,), bits=4))
    assert odd.bytes.tolist() == [36, 2, 2]
    assert np.isnan(odd.n_candidates)


def test_the_order_of_items_does_not_matter():
    order = np.random.default_rng(0).permutation(600)
    options = CodeOptions(("dims", "pca", "int8", "binary", "rescored"), candidates=10)
    one = compress(Z, Y, options, metrics=["R@1", "map_at_r"], fit=FIT)
    other = compress(Z[order], Y[order], options, metrics=["R@1", "map_at_r"], fit=FIT)
    for metric in one.scores:
        assert np.allclose(one.scores[metric], other.scores[metric], rtol=0, atol=1e-12)


def test_codes_that_cannot_be_computed_are_left_out_with_the_reason_or_refused_by_name(monkeypatch):
    few = compress(Z, Y, fit=FIT[:100])
    assert few.missing == {
        "pq": "product quantisation with 8 bits fits 256 centroids and needs as many rows; there are 100 to "
        "fit on; choose fewer bits"
    }
    assert set(few.codes.tolist()) == {"float32", *CODES} - {"pq"}
    with pytest.raises(InputError, match="there are 100 to fit on"):
        compress(Z, Y, CodeOptions(("pq",)), fit=FIT[:100])
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert "embedlens[compress]" in compress(Z, Y, fit=FIT).missing["pq"]
    with pytest.raises(InputError, match=r"embedlens\[compress\]"):
        compress(Z, Y, CodeOptions(("pq",)), fit=FIT)
    assert compress(Z, Y, CodeOptions(("int8",)), fit=FIT).missing == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("int4",)}, "unknown code 'int4'"),
        ({"dims": (4, 17)}, "dims to keep: 17; numbers in 1 to 16"),
        ({"subquantizers": (3,)}, "16 dims do not divide into 3 equal groups"),
        ({"bits": 0}, "0 bits"),
        ({"candidates": 0}, "0 candidates to rescore"),
    ],
)
def test_options_that_no_embedding_has(options, message):
    with pytest.raises(InputError, match=message):
        compress(Z, Y, CodeOptions(**options))


def test_data_without_a_score():
    with pytest.raises(InputError, match="one label"):
        compress(Z, np.zeros(600, int))
    with pytest.raises(InputError, match="the fit has 15 dims, the embeddings 16"):
        compress(Z, Y, fit=FIT[:, :15])
    with pytest.raises(InputError, match="unknown metric"):
        compress(Z, Y, metrics=["recal"])
