from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.triplets.field import LOSSES, field
from embedlens.objectives.easy_positive import pair_loss


def vectors(s_ap, s_an, angle, *, dim=5, seed=0):
    """Unit vectors a, p, n of those similarities, the planes at that angle, turned at random."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))
    a, b, c = turn[:, :3].T
    side = np.cos(np.deg2rad(angle)) * b + np.sin(np.deg2rad(angle)) * c
    return a, s_ap * a + np.sqrt(1 - s_ap**2) * b, s_an * a + np.sqrt(1 - s_an**2) * side


def value(loss, s_ap, s_an):
    """A loss of one triplet in plain numpy."""
    d_ap, d_an = np.sqrt(2 - 2 * s_ap), np.sqrt(2 - 2 * s_an)
    return {
        "first": np.log1p(np.exp((s_an - s_ap) / 0.1)),
        "second": np.log1p(np.exp(((1 - s_ap) ** 2 + s_an**2 - 1) / 0.2)),
        "triplet": max(0.0, d_ap - d_an + 0.2),
        "contrastive": d_ap**2 + max(0.0, 1 - d_an) ** 2,
        "n-pair-mc": np.log1p(np.exp(s_an - s_ap)),
    }[loss]


def simulated(loss, s_ap, s_an, angle, *, dim=5, seed=0):
    """Change of (S_ap, S_an) by one small step on the three vectors, divided by the step."""
    triplet = vectors(s_ap, s_an, angle, dim=dim, seed=seed)

    def of(a, p, n):
        a, p, n = (v / np.linalg.norm(v) for v in (a, p, n))
        return value(loss, a @ p, a @ n)

    small, rate = 1e-6, 1e-6
    moved = []
    for which in range(3):
        slope = np.zeros(dim)
        for axis in range(dim):
            for sign in (1, -1):
                shifted = [v.copy() for v in triplet]
                shifted[which][axis] += sign * small
                slope[axis] += sign * of(*shifted) / (2 * small)
        moved.append(triplet[which] - rate * slope)
    a, p, n = (v / np.linalg.norm(v) for v in moved)
    return (a @ p - s_ap) / rate, (a @ n - s_an) / rate


NAMES = {
    "first": ("epshn", 1),
    "second": ("epshn", 2),
    "triplet": ("triplet", None),
    "contrastive": ("contrastive", None),
    "n-pair-mc": ("n-pair-mc", None),
}


def test_first_and_second_order_differ_as_defined():
    """At (0.95, 0.95) with perpendicular planes: along (1, -1) and along (1, -19)."""
    first = field("epshn", ([0.95], [0.95]), order=1)
    second = field("epshn", ([0.95], [0.95]), order=2)
    assert first.d_an / first.d_ap == pytest.approx(-1.0, rel=1e-12)
    assert second.d_an / second.d_ap == pytest.approx(-19.0, rel=1e-12)
    assert first.d_ap > 0
    assert second.d_ap > 0
    assert (first.loss, second.loss) == ("epshn, order 1", "epshn, order 2")
    # closed form: L_P = -1/2 / t at the diagonal, and both ends of the pair move
    assert first.d_ap == pytest.approx(2 * 5.0 * (1 - 0.95**2), rel=1e-12)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("angle", [0, 30, 90, 145, 180])
def test_arrows_are_those_of_a_small_step(loss, angle):
    for s_ap, s_an in ((0.9, 0.7), (0.2, 0.55), (-0.1, 0.62), (0.95, 0.95)):
        name, order = NAMES[loss]
        found = field(name, ([s_ap], [s_an]), order=order, angle=angle)
        expected = simulated(loss, s_ap, s_an, angle)
        np.testing.assert_allclose([found.d_ap[0], found.d_an[0]], expected, rtol=2e-3, atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-0.95, 0.95), st.floats(-0.95, 0.95), st.floats(0, 180), st.integers(3, 9), st.integers(0, 99)
)
def test_dimension_and_rotation_do_not_matter(s_ap, s_an, angle, dim, seed):
    found = field("epshn", ([s_ap], [s_an]), order=2, angle=angle)
    expected = simulated("second", s_ap, s_an, angle, dim=dim, seed=seed)
    np.testing.assert_allclose([found.d_ap[0], found.d_an[0]], expected, rtol=3e-3, atol=5e-3)


def test_the_loss_falls_along_every_arrow():
    for name in LOSSES:
        found = field(name, angle=60)
        start = LOSSES[name](*map(torch.tensor, (found.s_ap, found.s_an)))
        step = 1e-4 / max(1.0, found.speed.max())
        moved = (found.s_ap + step * found.d_ap, found.s_an + step * found.d_an)
        assert (LOSSES[name](*map(torch.tensor, moved)) <= start + 1e-12).all(), name


@pytest.mark.parametrize("name", LOSSES)
def test_where_a_similarity_is_one_it_stays_and_nothing_is_nan(name):
    found = field(name, ([1.0, 0.5, 1.0, -1.0], [0.5, 1.0, 1.0, 0.3]), angle=40)
    assert np.isfinite(found.d_ap).all()
    assert np.isfinite(found.d_an).all()
    assert found.d_ap[[0, 2, 3]].tolist() == [0, 0, 0]
    assert found.d_an[[1, 2]].tolist() == [0, 0]


def test_default_places_are_the_middles_of_a_grid():
    found = field("epshn", limits=(0.0, 1.0), bins=4)
    assert sorted(set(found.s_ap.round(9))) == [0.125, 0.375, 0.625, 0.875]
    assert found.s_ap.size == 16
    assert set(found.columns()) == {"s_ap", "s_an", "d_ap", "d_an"}
    np.testing.assert_allclose(found.speed, np.hypot(found.d_ap, found.d_an))
    assert found.angle == 90


def test_the_ideal_point_is_at_rest_in_second_order_only():
    near = ([1 - 1e-9], [0.0])
    assert field("epshn", near, order=2).speed < 1e-7
    assert field("ephn", ([0.9], [0.0])).d_an < 0
    assert field("ephn", ([0.9], [0.0]), order=2).d_an == 0


def test_any_function_of_the_two_similarities():
    def temperature_one(s_ap, s_an):
        return pair_loss(s_ap, s_an, order=1, temperature=1.0)

    found = field(temperature_one, ([0.4], [0.3]))
    same = field("n-pair-mc", ([0.4], [0.3]))
    assert found.loss == "temperature_one"
    np.testing.assert_allclose([found.d_ap, found.d_an], [same.d_ap, same.d_an])
    positive_only = field(lambda s_ap, s_an: (1 - s_ap) ** 2, ([0.4], [0.3]))
    assert positive_only.d_an == 0
    assert positive_only.d_ap == pytest.approx(2 * 2 * 0.6 * (1 - 0.16))


@pytest.mark.parametrize(
    ("loss", "options", "part"),
    [
        ("epshm", {}, "unknown loss of a field 'epshm'.*choose one of: contrastive, ep, ephn, epshn"),
        ("epshn", {"order": 3}, "unknown order '3'; choose one of: 1, 2"),
        ("triplet", {"order": 2}, "loss 'triplet' has no order"),
        ("epshn", {"angle": 181}, "angle 181 between the planes; choose one of 0 to 180"),
        ("epshn", {"angle": float("nan")}, "0 to 180"),
        ("epshn", {"bins": 0}, "a field in 0 bins"),
        ("epshn", {"limits": (0.0, 1.5)}, "within -1 and 1"),
        ("epshn", {"places": ([1.1], [0.0])}, r"lie in \[-1, 1\]"),
        ("epshn", {"places": ([np.nan], [0.0])}, r"lie in \[-1, 1\]"),
    ],
)
def test_what_is_refused(loss, options, part):
    with pytest.raises(InputError, match=part):
        field(loss, **options)
