"""Codecs: those of faiss, code for code, and rows whose cosines are in the order of distances."""

from __future__ import annotations

import sys

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens.analysis.compression import Int8Codec, ProductCodec, asymmetric
from embedlens.analysis.compression.codes import signs, unit_rows
from embedlens.errors import InputError


def test_int8_codes_are_those_of_faiss():
    z, _ = blobs(n=500, dim=24, spread=2)
    fit, _ = blobs(n=300, dim=24, spread=1, seed=2)  # narrower: values of z lie outside
    z[:, 3] = fit[:, 3] = 0.25  # a range of width 0
    index = faiss.IndexScalarQuantizer(24, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    index.train(fit)
    codec = Int8Codec.fit(fit)
    codes = codec.encode(z)
    assert np.array_equal(codes, index.sa_encode(z))
    assert {0, 255} <= set(codes[:, 0].tolist()) | set(codes[:, 1].tolist())
    assert np.allclose(codec.decode(codes), index.sa_decode(codes), rtol=0, atol=1e-6)
    assert np.array_equal(codec.rebuild(z), codec.decode(codes))
    assert codec.decode(codes)[:, 3].tolist() == [0.25] * 500


def test_int8_is_within_half_a_step_inside_of_its_ranges():
    z, _ = blobs(n=200, dim=6)
    codec = Int8Codec.fit(z)
    assert np.all(np.abs(codec.rebuild(z) - z) <= codec.width / 255 / 2 * (1 + 1e-4) + 1e-6)


@pytest.mark.parametrize(("groups", "bits", "size"), [(4, 8, 4), (6, 4, 3), (3, 5, 2)])
def test_product_codes_are_those_of_faiss(groups, bits, size):
    z, _ = blobs(n=400, dim=12, spread=2)
    index = faiss.IndexPQ(12, groups, bits)
    index.pq.cp.min_points_per_centroid = 1
    index.train(z)
    codec = ProductCodec.fit(z, groups, bits)
    assert codec.bytes == size == index.sa_code_size()
    codes = codec.encode(z)
    assert np.array_equal(codes, index.sa_encode(z))
    assert np.array_equal(codec.decode(codes), index.sa_decode(codes))


def test_product_codes_that_cannot_be_fitted(monkeypatch):
    z, _ = blobs(n=100, dim=12)
    with pytest.raises(InputError, match="12 dims do not divide into 5 equal groups; .*: 1, 2, 3, 4, 6, 12"):
        ProductCodec.fit(z, 5, 4)
    with pytest.raises(InputError, match="17 bits for a group of dimensions; 1 to 16 are allowed"):
        ProductCodec.fit(z, 4, 17)
    with pytest.raises(InputError, match="256 centroids and needs as many rows; there are 100"):
        ProductCodec.fit(z, 4, 8)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InputError, match=r"product quantisation needs faiss; .*embedlens\[compress\]"):
        ProductCodec.fit(z, 4, 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_asymmetric_rows_are_in_the_order_of_distances(seed, dim):
    random = np.random.default_rng(seed)
    q, z = unit(random.normal(size=(7, dim))), random.normal(size=(20, dim))
    z[3] = z[11]
    left, right = asymmetric(q, z)
    lengths = np.linalg.norm(right.astype(np.float64), axis=1)
    assert np.allclose(lengths, lengths[0], rtol=1e-6)
    distance = np.sum((q[:, None] - z[None]) ** 2, axis=2)
    assert np.allclose(left.astype(np.float64) @ right.T.astype(np.float64), 1 - distance / 2, atol=1e-5)
    assert np.array_equal(right[3], right[11])


def test_unit_rows_and_signs():
    z, _ = blobs(n=50, dim=5)
    assert np.allclose(unit_rows(z), unit(z), atol=1e-7)
    assert signs([[0.0, -1.0, 2.0]]).tolist() == [[-1, -1, 1]]
    with pytest.raises(InputError, match="queries have 5 dims, the gallery 4; they must agree"):
        asymmetric(z, z[:, :4])
