from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.analysis.spectrum.epochs import over_epochs
from embedlens.analysis.spectrum.ranks import effective_rank, participation_ratio, spectral_decay
from embedlens.analysis.spectrum.values import singular_values, spectrum


def rotation(dim, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


def known(sigma, *, n=50, mean=None, seed=0):
    """Embeddings [n, D] whose centred singular values, directions (rows) and mean are given."""
    random, dim = np.random.default_rng(seed), len(sigma)
    left = random.normal(size=(n, dim))
    left = np.linalg.qr(left - left.mean(axis=0))[0]  # orthonormal columns that sum to 0
    directions = rotation(dim, seed + 1)
    return left * np.asarray(sigma) @ directions + (0.0 if mean is None else mean), directions


def test_known_covariance():
    sigma, mean = np.array([7.0, 3.0, 0.5, 0.01]), np.array([1.0, -20.0, 300.0, 4.0])
    z, directions = known(sigma, mean=mean)
    found = spectrum(z, normalize=False)
    assert found.singular_values == pytest.approx(sigma, abs=1e-10)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert np.abs(found.components @ directions.T) == pytest.approx(np.eye(4), abs=1e-8)
    assert found.deviations**2 == pytest.approx(np.sort(np.linalg.eigvalsh(np.cov(z.T)))[::-1], abs=1e-9)
    assert found.cumulative == pytest.approx(np.cumsum(sigma**2) / np.sum(sigma**2))
    assert (found.n, found.dim, found.kind, found.normalized) == (50, 4, "pca", False)
    assert found.dims_for(0.8) == 1
    assert found.dims_for(0.9) == 2
    assert found.dims_for(1) == 4


def test_svd_is_that_of_uncentred_rows():
    z, _ = blobs(n=40, dim=6)
    found = spectrum(z, center=False)
    _, sigma, directions = np.linalg.svd(unit(z), full_matrices=True)
    assert found.kind == "svd"
    assert found.singular_values == pytest.approx(sigma)
    assert np.abs(np.sum(found.components * directions, axis=1)) == pytest.approx(np.ones(6))
    assert found.mean == pytest.approx(unit(z).mean(axis=0))
    assert found.uncentred() is found


@pytest.mark.parametrize("normalize", [True, False])
def test_the_uncentred_spectrum_follows_from_the_centred_one(normalize):
    z, _ = blobs(n=40, dim=6)
    derived = spectrum(z + 2, normalize=normalize).uncentred()
    direct = spectrum(z + 2, center=False, normalize=normalize)
    assert derived.singular_values == pytest.approx(direct.singular_values)
    assert derived.components == pytest.approx(direct.components, abs=1e-10)
    assert derived.resolution == pytest.approx(direct.resolution)
    assert (derived.kind, derived.normalized) == ("svd", normalize)


@hypothesis.given(strategies.integers(0, 10_000), strategies.booleans())
@hypothesis.settings(max_examples=25, deadline=None)
def test_rotation_order_of_rows_and_length_change_nothing(seed, center):
    random = np.random.default_rng(seed)
    n, dim = random.integers(2, 30), random.integers(1, 9)
    z = random.normal(size=(n, dim)) + random.normal(size=dim)
    turn, order = rotation(dim, seed), random.permutation(n)
    scale = random.uniform(0.1, 10, size=(n, 1))
    one, other = spectrum(z, center=center), spectrum((z * scale)[order] @ turn, center=center)
    assert other.singular_values == pytest.approx(one.singular_values, abs=1e-10)
    assert other.mean == pytest.approx(one.mean @ turn, abs=1e-10)
    gaps = np.abs(np.diff(one.singular_values, prepend=np.inf, append=-np.inf))
    alone = (gaps[:-1] > 1e-3) & (gaps[1:] > 1e-3)
    cosines = np.abs(np.sum(one.components @ turn * other.components, axis=1))[alone]
    assert cosines == pytest.approx(np.ones(alone.sum()), abs=1e-6)
    for found in (one, other):
        assert found.components @ found.components.T == pytest.approx(np.eye(dim), abs=1e-12)
        largest = found.components[np.arange(dim), np.abs(found.components).argmax(axis=1)]
        assert (largest > 0).all()
        assert (np.diff(found.singular_values) <= 0).all()


def test_rotation_by_all_components_leaves_recall():
    z, y = blobs(spread=1.5)
    for center in (True, False):
        turned = unit(z) @ spectrum(z, center=center).components.T
        assert recall_at_k(turned, y, [1, 2]) == recall_at_k(z, y, [1, 2])


def test_fewer_items_than_dims_leave_a_complete_basis():
    z, _ = blobs(n=4, dim=9)
    found = spectrum(z)
    assert found.singular_values[:3] == pytest.approx(
        np.linalg.svd(unit(z) - unit(z).mean(axis=0), compute_uv=False)[:3]
    )
    assert found.singular_values[3:] == pytest.approx(np.zeros(6), abs=1e-14)
    assert found.components.shape == (9, 9)
    assert found.components @ found.components.T == pytest.approx(np.eye(9), abs=1e-12)
    assert found.n_dead == 6  # n - 1 directions are used
    assert spectrum(z, center=False).n_dead == 5


def test_ties_of_the_largest_entry_are_settled_by_the_first():
    found = spectrum(np.array([[1.0, -1], [-1, 1], [1, -1]]), center=False)
    assert found.components[0] == pytest.approx([0.5**0.5, -(0.5**0.5)])


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dead_dimensions_are_told_from_small_ones(rotated, dtype):
    random = np.random.default_rng(0)
    z = random.normal(size=(3000, 12))
    z[:, [3, 7]] = 0
    z[:, 5] *= 5e-3  # small, but there
    z = (z @ rotation(12) if rotated else z).astype(dtype)
    found = spectrum(z)
    assert found.n_dead == 2
    assert found.dead.tolist() == [False] * 10 + [True] * 2
    assert found.summary()["n_dead"] == 2


def test_a_constant_dimension_is_dead_for_pca_and_alive_for_svd():
    z = np.random.default_rng(0).normal(size=(100, 5))
    z[:, 2] = 1.0
    found = spectrum(z.astype(np.float32), normalize=False)
    assert found.n_dead == 1
    assert found.components[-1] == pytest.approx(np.eye(5)[2], abs=1e-7)
    assert found.uncentred().n_dead == 0
    assert found.summary("svd")["n_dead"] == 0


def test_a_point_has_no_spectrum():
    found = spectrum(np.ones((20, 3), np.float32))
    assert found.n_dead == 3
    assert np.isnan(found.cumulative).all()
    assert found.dims_for(0.5) is None
    numbers = found.summary()
    assert np.isnan([numbers[name] for name in ("participation_ratio", "dims_90", "dims_99")]).all()
    assert numbers["effective_rank"] == pytest.approx(1)


def test_small_variance_beside_a_large_mean_is_kept():
    z, _ = known([1e-4, 1e-5, 1e-6], mean=np.array([1e3, -1e3, 2e3]))
    assert spectrum(z, normalize=False).singular_values == pytest.approx([1e-4, 1e-5, 1e-6], abs=1e-10)


def test_blocks_of_rows_change_nothing(monkeypatch):
    z, _ = blobs(n=100, dim=9)
    exact = np.linalg.svd(unit(z), compute_uv=False)
    whole = spectrum(z)
    assert singular_values(z) == pytest.approx(exact)
    monkeypatch.setattr("embedlens.analysis.spectrum.factorisation._ROWS", 7)
    monkeypatch.setattr("embedlens.analysis.spectrum.factorisation._BLOCKS", 3)
    assert singular_values(z) == pytest.approx(exact)
    assert spectrum(z).singular_values == pytest.approx(whole.singular_values, abs=1e-13)
    assert spectrum(z).components == pytest.approx(whole.components, abs=1e-10)
    few = unit(z[:4])
    assert singular_values(z[:4])[:4] == pytest.approx(np.linalg.svd(few, compute_uv=False))


def test_small_singular_values_are_not_lost_as_in_squares():
    z = np.eye(3)[[0, 0, 1, 1, 2]] + 0.0
    z[4] = [1, 1, 1e-11]
    assert singular_values(z)[2] == pytest.approx(np.linalg.svd(unit(z), compute_uv=False)[2])
    assert 1e-12 < singular_values(z)[2] < 1e-10


def test_a_tensor_and_the_table():
    z, _ = blobs(dim=3)
    found = spectrum(torch.tensor(z))
    assert found.singular_values == pytest.approx(spectrum(z).singular_values)
    columns = found.columns()
    assert columns["component"].tolist() == [1, 2, 3]
    assert columns["deviation"] == pytest.approx(found.singular_values / np.sqrt(59))
    assert columns["dead"].tolist() == [0, 0, 0]


def test_effective_rank_and_decay_in_closed_form():
    assert effective_rank(np.ones(7)) == pytest.approx(7)
    assert effective_rank(np.array([5.0, 0, 0])) == pytest.approx(1)
    assert spectral_decay(np.full(6, 3.0), 6) == pytest.approx(0)
    p = np.array([0.7, 0.2, 0.1])
    assert spectral_decay(4 * p, 3) == pytest.approx(np.sum(np.log(1 / 3 / p)) / 3)
    q = p[1:] / 0.3
    assert spectral_decay(p, 3, k=2) == pytest.approx(np.sum(np.log(1 / 2 / q)) / 2)


def test_participation_ratio_in_closed_form():
    assert participation_ratio(np.full(5, 0.3)) == pytest.approx(5)
    assert participation_ratio(np.array([2.0, 0, 0])) == pytest.approx(1)
    variances = np.array([4.0, 1.0, 1.0])
    assert participation_ratio(np.sqrt(variances)) == pytest.approx(36 / 18)
    assert np.isnan(participation_ratio(np.zeros(3)))


def test_measures_take_each_number_from_its_own_spectrum():
    z, _ = blobs(n=40, dim=6)
    z = z + np.array([3, 0, 0, 0, 0, 0], np.float32)
    centred = spectrum(z)
    numbers = centred.summary()
    uncentred = np.linalg.svd(unit(z), compute_uv=False)
    variances = np.linalg.eigvalsh(np.cov(unit(z).T))
    assert numbers["effective_rank"] == pytest.approx(effective_rank(uncentred))
    assert numbers["rho"] == pytest.approx(spectral_decay(uncentred, 6))
    assert numbers["participation_ratio"] == pytest.approx(variances.sum() ** 2 / np.sum(variances**2))
    shares = np.cumsum(variances[::-1]) / variances.sum()
    assert numbers["dims_90"] == 1 + np.sum(shares < 0.9)
    assert centred.summary("svd")["dims_90"] == 1 + np.sum(
        np.cumsum(uncentred**2) / np.sum(uncentred**2) < 0.9
    )
    with pytest.raises(InputError, match="summaries need that of centred ones"):
        centred.uncentred().summary()
    with pytest.raises(InputError, match="unknown kind of spectrum 'ica'"):
        centred.summary("ica")


def test_a_dead_dimension_is_clipped_and_fewer_items_than_dims_count_all_dims():
    dead = spectral_decay(np.array([1.0, 0.0]), 2)
    assert dead == pytest.approx(-np.mean(np.log(2 * np.array([1, 1e-12]) / (1 + 1e-12))))
    assert spectral_decay(np.array([1.0]), 2) == pytest.approx(dead)


@pytest.mark.parametrize("k", [0, 4])
def test_rho_of_no_value_is_refused(k):
    with pytest.raises(InputError, match="k must be in 1 to 3"):
        spectral_decay(np.ones(3), 3, k=k)


def test_what_is_refused():
    with pytest.raises(InputError, match="1 embedding; a spectrum needs at least 2"):
        spectrum(np.ones((1, 3)))
    with pytest.raises(InputError, match="row 1 is a zero vector"):
        spectrum(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(InputError, match=r"fraction 1.5; a number in \(0, 1\]"):
        spectrum(np.eye(3)).dims_for(1.5)


def test_epochs_stand_in_order_and_are_of_one_kind():
    spectra = {epoch: spectrum(blobs(seed=epoch, dim=4)[0]) for epoch in (5, 0, 2)}
    series = over_epochs(spectra)
    assert series.epochs.tolist() == [0, 2, 5]
    np.testing.assert_array_equal(series.deviations[2], spectra[5].deviations)
    np.testing.assert_array_equal(series.cumulative[1], spectra[2].cumulative)
    assert series.dead.shape == (3, 4)
    columns = series.columns()
    assert columns["epoch"].tolist() == [0] * 4 + [2] * 4 + [5] * 4
    np.testing.assert_array_equal(columns["singular_value"][4:8], spectra[2].singular_values)
    with pytest.raises(InputError, match="at least two epochs, and there is one: 5"):
        over_epochs({5: spectra[5]})
    with pytest.raises(InputError, match="and there is none"):
        over_epochs({})
    with pytest.raises(InputError, match="different kinds or numbers of dimensions"):
        over_epochs({0: spectra[0], 1: spectra[2].uncentred()})
