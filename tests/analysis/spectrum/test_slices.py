from __future__ import annotations

import numpy as np
import pytest
from support import blobs, brute_force

from embedlens import InputError
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.analysis.spectrum.slices import slice_recalls, slices_of, take


def recall(z, y):
    """Recall@1 by plain loops."""
    return np.mean([negative[0] < positive[0] for _, positive, negative in brute_force(z, y)])


def test_each_slice_and_the_first_ones_by_plain_loops():
    z, y = blobs(dim=12, spread=1.6)
    found = slice_recalls(z, y, 3)
    assert found.alone.tolist() == [recall(z[:, at : at + 4], y) for at in (0, 4, 8)]
    assert found.joined.tolist() == [recall(z[:, :end], y) for end in (4, 8, 12)]
    assert len(set(found.alone.tolist())) == 3
    assert (found.dim, found.n, found.n_singletons) == (4, 60, 0)
    assert found.columns()["chunk"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("n_slices", [1, 2, 4, 8])
def test_all_slices_are_the_embedding(n_slices):
    z, y = blobs(spread=1.6)
    found = slice_recalls(z, y, n_slices)
    assert found.joined[-1] == recall_at_k(z, y, [1])[1]
    assert found.alone.size == found.joined.size == n_slices
    assert found.alone[0] == found.joined[0]


def test_only_the_slice_that_knows_the_classes_finds_them():
    random = np.random.default_rng(0)
    y = np.arange(60) % 6
    z = np.concatenate([random.normal(size=(60, 6)), np.eye(6)[y]], axis=1)
    found = slice_recalls(z, y, 2)
    assert found.alone[1] == 1.0
    assert found.alone[0] < 0.6


def test_rotation_within_each_slice_and_length_of_rows_change_nothing():
    z, y = blobs(spread=1.6)
    z = np.asarray(z, float)
    turns = [np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0] for seed in (0, 1)]
    scale = np.random.default_rng(0).uniform(0.1, 9, size=(60, 1))
    turned = scale * np.concatenate([z[:, :4] @ turns[0], z[:, 4:] @ turns[1]], axis=1)
    one, other = slice_recalls(z, y, 2), slice_recalls(turned, y, 2)
    np.testing.assert_array_equal(one.alone, other.alone)
    np.testing.assert_array_equal(one.joined, other.joined)


def test_slices_weigh_what_their_norms_say():
    z, y = blobs(spread=1.6)
    heavy = np.concatenate([z[:, :4], 1e-6 * z[:, 4:]], axis=1)
    found = slice_recalls(heavy, y, 2)
    assert found.joined[1] == found.alone[0]
    assert found.alone[1] == slice_recalls(z, y, 2).alone[1]


def test_singletons_are_counted():
    z, y = blobs()
    y = y.copy()
    y[7] = 99
    found = slice_recalls(z, y, 2)
    assert (found.n, found.n_singletons) == (59, 1)


def test_slices_by_name():
    alone, joined = slices_of(6, 3)
    assert [slice_.name for slice_ in alone] == ["1/3", "2/3", "3/3"]
    assert [slice_.name for slice_ in joined] == ["1/3", "1-2/3", "1-3/3"]
    z = np.arange(12.0).reshape(2, 6) + 1
    np.testing.assert_array_equal(take(z, alone[1]), z[:, 2:4])
    np.testing.assert_array_equal(take(z, joined[1]), z[:, :4])


@pytest.mark.parametrize("n_slices", [0, -2, 3, 9])
def test_slices_must_be_equal(n_slices):
    z, y = blobs()
    with pytest.raises(
        InputError, match=rf"8 dims do not divide into {n_slices} equal slices; choose one of: 1, 2, 4, 8"
    ):
        slice_recalls(z, y, n_slices)


def test_a_slice_of_zeros_is_named():
    z, y = blobs()
    z[5, 4:6] = 0
    with pytest.raises(InputError, match=r"slice 3/4 \(dims 5-6\): row 5 is a zero vector"):
        slice_recalls(z, y, 4)
    assert slice_recalls(z, y, 2).alone.size == 2
    with pytest.raises(InputError, match="all items have one label"):
        slice_recalls(blobs()[0], np.zeros(60, int), 2)
