"""Blocks of data: arrays and texts come back, and similarities keep their order and the regions."""

from __future__ import annotations

import base64
import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from embedlens.report.encoding import CODES, LARGEST_ERROR, MISSING, STEP, Blocks, encode_triplets

EDGES = [-1.0, 0.0, 0.8, 0.95, 1.0]
NEAR = [np.nextafter(edge, side) for edge in EDGES for side in (-2, 2)]
VALUES = st.one_of(
    st.sampled_from([*EDGES, *(value for value in NEAR if abs(value) <= 1)]),
    st.floats(-1, 1),
    st.integers(0, CODES).map(lambda code: code * STEP - 1),
    st.tuples(st.sampled_from([0.8, 0.95, 0.3]), st.floats(-2 * STEP, 2 * STEP)).map(sum),
)


def unpack(texts, entry):
    """Read a block as the page does, by plain loops over the planes."""
    data = gzip.decompress(base64.b64decode(texts[entry["block"]]))
    if entry["dtype"] == "json":
        return json.loads(data)
    dtype = np.dtype(entry["dtype"])
    size = len(data) // dtype.itemsize
    values = np.zeros(size, np.uint64)
    for plane in range(dtype.itemsize):
        values |= np.frombuffer(data, np.uint8, size, plane * size).astype(np.uint64) << np.uint64(8 * plane)
    values = values.astype(np.dtype(f"u{dtype.itemsize}")).view(dtype).reshape(entry["shape"])
    return np.cumsum(values, axis=0, dtype=dtype) if entry["delta"] else values


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40))
def test_codes_keep_order_regions_and_nearly_the_value(pairs):
    s_ap, s_an = np.array(pairs).T
    first, second = encode_triplets(s_ap, s_an)
    assert first.dtype == second.dtype == np.uint16
    assert np.array_equal(first > second, s_ap > s_an)
    assert np.array_equal(first == second, s_ap == s_an)
    for limit in (0.8, 0.95):
        code = round((limit + 1) / STEP)
        for codes, values in ((first, s_ap), (second, s_an)):
            assert np.array_equal(codes > code, values > limit)
    for codes, values in ((first, s_ap), (second, s_an)):
        assert codes.max() <= CODES
        assert np.abs(codes * STEP - 1 - values).max() <= LARGEST_ERROR


def test_a_triplet_that_is_not_there_has_a_code_of_its_own():
    first, second = encode_triplets(np.array([np.nan, 0.5]), np.array([np.nan, 0.25]))
    assert first.tolist() == [MISSING, 48_000]
    assert second.tolist() == [MISSING, 40_000]
    assert CODES < MISSING


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("delta", [False, True])
@given(st.data())
def test_arrays_come_back(dtype, delta, data):
    shape = data.draw(arrays.array_shapes(max_dims=3, min_side=0, max_side=6))
    values = data.draw(arrays.arrays(dtype, shape))
    blocks = Blocks()
    entry = blocks.array(values, delta=delta)
    assert np.array_equal(unpack(blocks.texts, entry), values)
    assert entry["dtype"] == np.dtype(dtype).name


def test_blocks_have_names_of_their_own_and_the_same_text_each_time():
    made = []
    for _ in range(2):
        blocks = Blocks()
        entries = [blocks.array(np.arange(5, dtype=np.int32)), blocks.text({"ä": ["</script>"]})]
        assert [entry["block"] for entry in entries] == list(blocks.texts) == ["block-0", "block-1"]
        assert unpack(blocks.texts, entries[1]) == {"ä": ["</script>"]}
        made.append(blocks.texts)
    assert made[0] == made[1]


def test_epochs_that_are_alike_take_little():
    random = np.random.default_rng(0)
    positive = np.repeat(random.integers(40_000, size=(1, 40_000)), 10, axis=0).astype(np.int32)
    whole, delta = (Blocks(), Blocks())
    whole.array(positive)
    delta.array(positive, delta=True)
    assert len(delta.texts["block-0"]) < 0.2 * len(whole.texts["block-0"])
