from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, brute_force

import embedlens
from embedlens import InputError
from embedlens.similarity import engine, nearest, pair_similarity


def assert_is_brute_force(z, y):
    """The engine's answer is that of plain loops: same values to rounding, and a neighbour of that value."""
    positive, negative = nearest(z, y)
    rows = brute_force(z, y)
    assert np.flatnonzero(positive.index >= 0).tolist() == [row[0] for row in rows]
    for anchor, best_positive, best_negative in rows:
        for found, (value, _) in ((positive, best_positive), (negative, best_negative)):
            if value == -2.0:
                assert found.index[anchor] == -1
                assert np.isnan(found.similarity[anchor])
                continue
            assert found.similarity[anchor] == pytest.approx(value, abs=1e-13)
            pair = np.array([anchor]), found.index[[anchor]]
            assert pair_similarity(z, *pair)[0] == found.similarity[anchor]


@given(
    n=st.integers(2, 40),
    dim=st.integers(1, 9),
    classes=st.integers(1, 12),
    levels=st.integers(1, 4),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_engine_is_brute_force(n, dim, classes, levels, seed):
    """Coarse values make many exact ties and duplicates."""
    random = np.random.default_rng(seed)
    z = random.integers(-levels, levels + 1, (n, dim)).astype(np.float32)
    z[~z.any(axis=1)] = 1
    assert_is_brute_force(z, random.integers(0, classes, n))


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_extreme_scales(scale):
    z, y = blobs(n=40)
    assert_is_brute_force((z * np.float32(scale)).astype(np.float32), y)


def test_ties_take_the_lowest_row_number_and_are_exact():
    z = np.array([[1, 0], [3, 1], [3, 1], [3, 1], [6, 2], [0, 1]], dtype=np.float32)
    y = np.array([0, 1, 0, 0, 1, 2])
    positive, negative = nearest(z, y)
    assert positive.index.tolist() == [2, 4, 3, 2, 1, -1]
    assert negative.index.tolist() == [1, 2, 1, 1, 2, 1]
    assert positive.similarity[0] == negative.similarity[0]
    assert positive.similarity[2] == negative.similarity[2] == pytest.approx(1.0)


@pytest.mark.parametrize("many", [0, 1, 10**9])
@pytest.mark.parametrize("strip", [64, 1 << 20])
@pytest.mark.parametrize("spread", [1.0, 1e-4, 1e-7])
def test_every_path_gives_the_same_bits(monkeypatch, many, strip, spread):
    """Strips of one row or all rows, float32 or float64 screening; open, crowded and collapsed spaces."""
    z, y = blobs(n=200, dim=16, spread=1.0)
    z = (1 + spread * z).astype(np.float32)
    expected = nearest(z, y)
    monkeypatch.setattr(engine, "_MANY_CANDIDATES", many)
    monkeypatch.setattr(engine, "_STRIP_VALUES", strip)
    monkeypatch.setattr(engine, "_CROWDED_STRIP_VALUES", strip)
    for found, wanted in zip(nearest(z, y), expected, strict=True):
        np.testing.assert_array_equal(found.index, wanted.index)
        np.testing.assert_array_equal(found.similarity, wanted.similarity)
    assert_is_brute_force(z, y)


def test_precision_set_by_the_user_is_kept_but_not_used():
    z, y = blobs(n=300, dim=64)
    expected = nearest(z, y)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        found = nearest(z, y)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(found[1].similarity, expected[1].similarity)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_types_and_read_only_arrays(dtype):
    z, y = blobs(n=30)
    z = z.astype(dtype)
    z.flags.writeable = False
    assert_is_brute_force(z, y)


def test_labels_beyond_float32_stay_apart():
    z, _ = blobs(n=4)
    positive, _ = nearest(z, np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1]))
    assert positive.index.tolist() == [2, 3, 0, 1]


def test_what_cannot_be_compared():
    z, y = blobs(n=10)
    for bad, message in (
        (z[:-1], "9 rows, but there are 10 labels"),
        (np.where(np.arange(10)[:, None] == 3, np.nan, z), "row 3 holds NaN"),
        (np.where(np.arange(10)[:, None] == 3, 0, z), "row 3 is a zero vector"),
        (z.astype(int), "embeddings are int64"),
        (z[0], r"shape \(8,\)"),
    ):
        with pytest.raises(InputError, match=message):
            nearest(bad, y)


def test_norms_do_not_depend_on_a_raced_first_call():
    """Equal rows tie in a fresh process, too, where torch's own square root was seen to differ by thread."""
    script = (
        "import numpy as np; from embedlens.similarity.rows import Rows;"
        "z = np.random.default_rng(0).normal(size=(20000, 8)); z[10000:] = z[:10000];"
        "norm = Rows(z, 'cpu').norm.numpy();"
        "assert (norm[:10000] == norm[10000:]).all();"
        "assert abs(norm / np.linalg.norm(z, axis=1) - 1).max() < 1e-15"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


_MEMORY = """
import resource, sys, numpy as np, embedlens
from embedlens.analysis.triplets import nearest_triplets, summarise
run = embedlens.open_run(sys.argv[1])
import embedlens.similarity
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
snapshot = run.snapshot("test")
summarise(nearest_triplets(snapshot.embeddings, snapshot.labels))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "spread", "limit"),
    [
        pytest.param(60_502, 1.0, 2**30, id="the size of the Stanford Online Products test split"),
        pytest.param(20_000, 1e-5, 2**29, id="a collapsed space"),
    ],
)
def test_memory_stays_bounded(tmp_path, n, spread, limit):
    random = np.random.default_rng(0)
    z = 1 + np.float32(spread) * random.standard_normal((n, 512), dtype=np.float32)
    y = np.arange(n) % 11_316
    embedlens.Recorder(tmp_path / "run", labels={"test": y}).record(0, {"test": z})
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(tmp_path / "run")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * 1024 < limit + z.nbytes
