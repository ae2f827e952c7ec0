from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erf, ive

from embedlens import InputError
from embedlens.analysis.sampling.theory import gradient_noise, loss_curves, sphere_density
from embedlens.objectives.mining import log_density

D = np.linspace(0, 2, 81)


@pytest.mark.parametrize("dim", [1.7, 2, 3, 4, 6.5, 64, 512])
def test_the_density_is_normalised(dim):
    total = quad(lambda d: sphere_density([d], dim).density[0], 0, 2, points=[1.3, 2**0.5, 1.5], limit=200)[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_the_density_in_two_and_three_dimensions_and_at_the_ends():
    inner = D[1:-1]
    np.testing.assert_allclose(sphere_density(inner, 3).density, inner / 2)
    np.testing.assert_allclose(sphere_density(inner, 2).density, 1 / (np.pi * np.sqrt(1 - inner**2 / 4)))
    ends = np.array([0.0, 2.0])
    np.testing.assert_array_equal(sphere_density(ends, 8).density, [0, 0])
    np.testing.assert_allclose(sphere_density(ends, 3).density, [0, 1])
    np.testing.assert_allclose(sphere_density(ends, 2).density, [1 / np.pi, np.inf])


@pytest.mark.parametrize("dim", [4, 32, 512])
def test_the_density_is_that_of_the_miner_up_to_a_constant(dim):
    inner = np.linspace(0.3, 1.9, 50)
    difference = (
        np.log(sphere_density(inner, dim).density) - log_density(torch.from_numpy(inner), dim).numpy()
    )
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)


@pytest.mark.parametrize("dim", [4, 16])
def test_the_density_is_that_of_random_points(dim):
    points = np.random.default_rng(0).normal(size=(2, 20_000, dim))
    a, b = points / np.linalg.norm(points, axis=2, keepdims=True)
    edges = np.linspace(0, 2, 21)
    share = np.histogram(np.linalg.norm(a - b, axis=1), edges)[0] / 20_000
    expected = [
        quad(lambda d: sphere_density([d], dim).density[0], *pair)[0]
        for pair in zip(edges, edges[1:], strict=False)
    ]
    np.testing.assert_allclose(share, expected, atol=0.01)


def test_losses_are_those_of_plain_loops():
    curves = {c.loss: c for c in loss_curves(D, margin=0.3, beta=1.1, contrastive_margin=0.8, partner=0.7)}
    assert list(curves) == ["contrastive", "triplet", "margin"]
    for i, d in enumerate(D.tolist()):
        expected = {
            "contrastive": (d * d, max(0.0, 0.8 - d) ** 2),
            "triplet": (max(0.0, d - 0.7 + 0.3), max(0.0, 0.7 - d + 0.3)),
            "margin": (max(0.0, 0.3 + (d - 1.1)), max(0.0, 0.3 - (d - 1.1))),
        }
        for name, (positive, negative) in expected.items():
            assert curves[name].positive[i] == pytest.approx(positive, abs=1e-12)
            assert curves[name].negative[i] == pytest.approx(negative, abs=1e-12)
    assert list(curves["margin"].columns()) == ["distance", "positive", "negative"]


@pytest.mark.parametrize(("dim", "scale"), [(1, 0.5), (2, 0.3), (16, 0.1), (64, 0.1), (64, 0.3)])
def test_noise_is_that_of_a_simulation(dim, scale):
    """Of 20,000 directions the trace of the covariance, at four distances."""
    random, distances = np.random.default_rng(0), np.array([0.0, 0.1, 0.7, 2.0])
    told = gradient_noise(distances, dim, scale).variance
    for d, variance in zip(distances, told, strict=True):
        moved = scale * random.normal(size=(20_000, dim))
        moved[:, 0] += d
        directions = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        assert np.trace(np.atleast_2d(np.cov(directions.T))) == pytest.approx(variance, abs=0.012)


def test_noise_in_closed_forms():
    """D = 1: r = erf(d / s sqrt 2). D = 2: r = sqrt(pi k / 2) (I0(k) + I1(k)) e^-k, k = d^2 / 4 s^2."""
    np.testing.assert_allclose(
        gradient_noise(D, 1, 0.4).variance, 1 - erf(D / (0.4 * np.sqrt(2))) ** 2, atol=1e-12
    )
    k = D**2 / (4 * 0.4**2)
    np.testing.assert_allclose(
        gradient_noise(D, 2, 0.4).variance, 1 - np.pi * k / 2 * (ive(0, k) + ive(1, k)) ** 2, atol=1e-12
    )


def test_noise_at_its_limits():
    for dim in (2, 64, 512):
        for scale in (0.001, 0.1, 1.0):
            variance = gradient_noise(D, dim, scale).variance
            assert variance[0] == 1
            assert (np.diff(variance) <= 0).all()
            assert ((variance >= 0) & (variance <= 1)).all()
        far = gradient_noise([1.0, 2.0], dim, 1e-4).variance
        np.testing.assert_allclose(far, (dim - 1) * 1e-8 / np.array([1.0, 4.0]), rtol=1e-4)
    # What matters is the ratio of distance and scale.
    np.testing.assert_allclose(
        gradient_noise([0.4], 8, 0.1).variance, gradient_noise([1.6], 8, 0.4).variance, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: loss_curves(D, margin=0), "margin is 0"),
        (lambda: loss_curves(D, margin=float("nan")), "margin is nan"),
        (lambda: loss_curves(D, beta=2.5), "beta is 2.5"),
        (lambda: loss_curves(D, partner=-1), "partner is -1"),
        (lambda: loss_curves([2.1]), "from 0 to 2"),
        (lambda: sphere_density([-0.1], 4), "from 0 to 2"),
        (lambda: sphere_density(D, 1), "more than 1"),
        (lambda: sphere_density(D, np.inf), "more than 1"),
        (lambda: gradient_noise(D, 0, 0.1), "dimension 0"),
        (lambda: gradient_noise(D, 4, 0), "noise 0"),
    ],
)
def test_refused(call, part):
    with pytest.raises(InputError, match=part):
        call()
