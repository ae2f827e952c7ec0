"""Lifted, angular and N-pair-mc loss, as the papers have them, against loops."""

from __future__ import annotations

import math

import pytest
from losses_support import batch, distance, dot, unit_rows

from embedlens.objectives import build_loss


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_lifted(seed, normalize):
    z, y = batch(seed, n=12, classes=4)
    rows = unit_rows(z) if normalize else z.tolist()
    n = range(len(rows))
    terms = []
    for i in n:
        for j in range(i):
            if y[i] == y[j]:
                pushed = sum(math.exp(1 - distance(rows[i], rows[k])) for k in n if y[k] != y[i])
                pushed += sum(math.exp(1 - distance(rows[j], rows[k])) for k in n if y[k] != y[i])
                terms.append(max(0.0, math.log(pushed) + distance(rows[i], rows[j])) ** 2)
    loss, logs = build_loss("lifted", {"normalize": normalize})(z, y)
    assert loss.item() == pytest.approx(sum(terms) / (2 * len(terms)), abs=1e-6)
    assert logs["loss"] == loss.item()
    assert logs["mean_norm"] == pytest.approx(sum(dot(row, row) ** 0.5 for row in z.tolist()) / len(z))


@pytest.mark.parametrize("alpha", [30, 45])
def test_angular(alpha):
    z, y = batch(1, n=12, classes=6)
    rows, n = unit_rows(z), range(12)
    tan2 = math.tan(math.radians(alpha)) ** 2
    terms = []
    for a in n:
        for p in n:
            if a != p and y[a] == y[p]:
                both = [u + v for u, v in zip(rows[a], rows[p], strict=True)]
                own = 2 * (1 + tan2) * dot(rows[a], rows[p])
                others = [4 * tan2 * dot(both, rows[k]) - own for k in n if y[k] != y[a]]
                terms.append(math.log(1 + sum(math.exp(value) for value in others)))
    loss, logs = build_loss("angular", {"alpha": alpha})(z, y)
    assert loss.item() == pytest.approx(sum(terms) / len(terms), abs=1e-5)
    assert logs["loss"] == pytest.approx(loss.item(), abs=1e-9)


def test_angular_is_low_where_the_angle_is_small():
    """Far negatives are seen under a small angle: the loss falls with the angle that is allowed."""
    z, y = batch(1, n=12, classes=6)
    values = [build_loss("angular", {"alpha": alpha})(z, y)[0].item() for alpha in (20, 40, 60)]
    assert values == sorted(values)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_n_pair_mc(seed, normalize):
    z, y = batch(seed, n=12)
    rows = unit_rows(z) if normalize else z.tolist()
    first, second = rows[:6], rows[6:]  # class by class in turn
    terms = [
        math.log(1 + sum(math.exp(dot(f, g) - dot(f, second[i])) for j, g in enumerate(second) if j != i))
        for i, f in enumerate(first)
    ]
    penalty = 0.01 * sum(dot(row, row) for row in z.tolist()) / 12
    loss, _ = build_loss("n-pair-mc", {"normalize": normalize, "l2": 0.01})(z, y)
    expected = sum(terms) / len(terms) + penalty
    assert loss.item() == pytest.approx(expected, abs=1e-6)
