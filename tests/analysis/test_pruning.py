"""Pruned Recall@1: closed forms, a plain reference, and what a rotation must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.errors import InputError


def reference(z, y, dims, *, fit=None, svd=False, similarity="cosine", center=False):
    """Recall@1 by numpy's own singular vectors and the whole matrix of similarities."""
    z, fit = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (z, z if fit is None else fit))
    mean = fit.mean(axis=0)
    directions = np.linalg.svd(fit if svd else fit - mean, full_matrices=True)[2]
    turned = (z - mean if center else z) @ directions.T
    recalls = []
    for d in dims:
        kept = turned[:, :d]
        if similarity == "cosine":
            kept = kept / np.linalg.norm(kept, axis=1, keepdims=True)
        s = kept @ kept.T
        negative = np.where(y[:, None] == y[None], -9, s).max(axis=1)
        np.fill_diagonal(s, -9)
        positive = np.where(y[:, None] == y[None], s, -9).max(axis=1)
        counted = np.bincount(y)[y] > 1
        recalls.append(np.mean((positive > negative + 1e-12)[counted]))
    return recalls


@pytest.mark.parametrize("similarity", ["cosine", "inner"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("basis", ["pca", "svd"])
def test_every_option_is_the_plain_reference(basis, center, similarity):
    z, y = blobs(n=150, dim=9, classes=40, spread=1.2)
    other = blobs(n=80, dim=9, classes=10, seed=5)[0]
    dims = [1, 2, 5, 8, 9]
    found = pruned_recall(z, y, dims, fit=other, basis=basis, similarity=similarity, center=center)
    expected = reference(
        z.astype(float),
        y,
        dims,
        fit=other.astype(float),
        svd=basis == "svd",
        similarity=similarity,
        center=center,
    )
    assert found.dims.tolist() == dims
    assert found.recall.tolist() == expected
    assert (found.dim, found.basis, found.similarity, found.centered) == (9, basis, similarity, center)
    assert found.n == np.sum(np.bincount(y)[y] > 1)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 9),
    st.sampled_from(["pca", "svd"]),
    st.sampled_from(["cosine", "inner"]),
)
def test_with_all_dimensions_recall_is_unpruned_exactly(seed, dim, basis, similarity):
    random = np.random.default_rng(seed)
    # Small integers: many exact ties, which a rounded rotation would break.
    z = random.integers(-2, 3, size=(40, dim)).astype(np.float32)
    z[~z.any(axis=1)] = 1.0
    y = random.integers(0, 8, size=40)
    whole = recall_at_k(z, y, [1])[1]
    assert pruned_recall(z, y, [dim], basis=basis, similarity=similarity).recall[0] == whole


def test_a_rotation_changes_nothing():
    z, y = blobs(n=200, dim=8, classes=50, spread=1.0)
    z = z.astype(float)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    assert np.array_equal(pruned_recall(z, y).recall, pruned_recall(z @ turn, y).recall)


def test_rows_labels_and_scale_do_not_matter():
    z, y = blobs(n=120, dim=6, classes=30, spread=1.0)
    z = z.astype(float)
    order = np.random.default_rng(2).permutation(120)
    expected = pruned_recall(z, y).recall
    assert np.array_equal(pruned_recall(z[order], y[order]).recall, expected)
    assert np.array_equal(pruned_recall(z, 1000 - 7 * y).recall, expected)
    assert np.array_equal(pruned_recall(4 * z, y).recall, expected)


def test_what_the_small_directions_do_not_hold_is_not_lost():
    """Classes differ in the two large directions only: two components recall all, one not."""
    random = np.random.default_rng(0)
    angle = np.arange(8) * np.pi / 4
    y = np.repeat(np.arange(8), 6)
    z = np.column_stack([np.cos(angle)[y], np.sin(angle)[y]]) + 0.02 * random.normal(size=(48, 2))
    z = np.hstack([z, 1e-3 * random.normal(size=(48, 4))])
    z = z @ np.linalg.qr(random.normal(size=(6, 6)))[0]
    found = pruned_recall(z, y)
    assert found.recall[0] < 0.5
    assert (found.recall[1:] == 1).all()


def test_fewer_items_than_dimensions():
    z, y = blobs(n=8, dim=20, classes=3)
    found = pruned_recall(z, y, [1, 7, 20])
    assert found.recall[-1] == recall_at_k(z, y, [1])[1]
    assert found.columns()["dims"].tolist() == [1, 7, 20]


def test_queries_search_a_gallery():
    z, y = blobs(n=30, dim=6, classes=5, spread=1.0)
    g, gy = blobs(n=50, dim=6, classes=5, spread=1.0, seed=9)
    found = pruned_recall(z, y, [6], gallery=(g, gy))
    assert found.recall[0] == recall_at_k(z, y, [1], gallery=(g, gy))[1]


def test_singletons_are_left_out():
    z, y = blobs(n=20, dim=4, classes=4)
    y = y.copy()
    y[0] = 99
    found = pruned_recall(z, y, [4])
    assert (found.n, found.n_singletons) == (19, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dims": [0, 2]}, ("dims to keep: 0", "1 to 4")),
        ({"dims": [5]}, ("dims to keep: 5", "1 to 4")),
        ({"dims": []}, ("dims to keep: none",)),
        ({"basis": "ica"}, ("unknown basis 'ica'", "pca, svd")),
        ({"similarity": "l2"}, ("unknown similarity 'l2'", "cosine, inner")),
        ({"fit": np.ones((5, 3)) + np.eye(5, 3)}, ("the fit has 3 dims, the embeddings 4",)),
    ],
)
def test_bad_input_is_refused(options, words):
    z, y = blobs(n=20, dim=4, classes=4)
    with pytest.raises(InputError) as caught:
        pruned_recall(z, y, **options)
    for word in words:
        assert word in str(caught.value)


def test_no_positive_is_refused():
    z, _ = blobs(n=6, dim=3)
    with pytest.raises(InputError, match="no label has two items"):
        pruned_recall(z, np.arange(6))
