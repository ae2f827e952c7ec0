from __future__ import annotations

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.spectrum import effective_rank, singular_values, spectral_decay


def unit(z):
    return np.asarray(z, float) / np.linalg.norm(np.asarray(z, float), axis=1, keepdims=True)


def test_singular_values_also_in_several_parts(monkeypatch):
    z, _ = blobs(n=100, dim=9)
    exact = np.linalg.svd(unit(z), compute_uv=False)
    assert singular_values(z) == pytest.approx(exact)
    monkeypatch.setattr("embedlens.analysis.spectrum._ROWS", 7)
    assert singular_values(z) == pytest.approx(exact)
    few = unit(z[:4])
    assert singular_values(z[:4])[:4] == pytest.approx(np.linalg.svd(few, compute_uv=False))


def test_small_singular_values_are_not_lost_as_in_squares():
    z = np.eye(3)[[0, 0, 1, 1, 2]] + 0.0
    z[4] = [1, 1, 1e-11]
    assert singular_values(z)[2] == pytest.approx(np.linalg.svd(unit(z), compute_uv=False)[2])
    assert 1e-12 < singular_values(z)[2] < 1e-10


def test_effective_rank_and_decay_in_closed_form():
    assert effective_rank(np.ones(7)) == pytest.approx(7)
    assert effective_rank(np.array([5.0, 0, 0])) == pytest.approx(1)
    assert spectral_decay(np.full(6, 3.0), 6) == pytest.approx(0)
    p = np.array([0.7, 0.2, 0.1])
    assert spectral_decay(4 * p, 3) == pytest.approx(np.sum(np.log(1 / 3 / p)) / 3)
    q = p[1:] / 0.3
    assert spectral_decay(p, 3, k=2) == pytest.approx(np.sum(np.log(1 / 2 / q)) / 2)


def test_a_dead_dimension_is_clipped_and_fewer_items_than_dims_count_all_dims():
    dead = spectral_decay(np.array([1.0, 0.0]), 2)
    assert dead == pytest.approx(-np.mean(np.log(2 * np.array([1, 1e-12]) / (1 + 1e-12))))
    assert spectral_decay(np.array([1.0]), 2) == pytest.approx(dead)


@pytest.mark.parametrize("k", [0, 4])
def test_rho_of_no_value_is_refused(k):
    with pytest.raises(InputError, match="k must be in 1 to 3"):
        spectral_decay(np.ones(3), 3, k=k)
