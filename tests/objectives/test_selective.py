"""HN, SHN, SCT and the nearest-neighbour loss against loops over anchors."""

from __future__ import annotations

import math

import pytest
import torch
from losses_support import batch, dot, unit_rows

from embedlens.objectives import build_loss


def plain(z, y, *, semi=False, selective=False, weight=1.0, t=0.1):
    """HN, SHN and SCT by loops: the loss, and the shares of valid anchors and of hard ones among them."""
    rows, terms, hard = unit_rows(z), [], 0
    for i, a in enumerate(rows):
        s = [dot(a, b) for b in rows]
        positives = [s[j] for j in range(len(s)) if j != i and y[j] == y[i] and s[j] <= 0.9999]
        if not positives:
            continue
        p = max(positives)
        negatives = [s[j] for j in range(len(s)) if y[j] != y[i] and (not semi or s[j] <= p)]
        if not negatives or not -1 < p < 1 or not -1 < max(negatives) < 1:
            continue
        n = max(negatives)
        is_hard = n > p or n > 0.8
        hard += is_hard
        terms.append(weight * n if selective and is_hard else math.log(1 + math.exp((n - p) / t)))
    return sum(terms) / len(terms), len(terms) / len(rows), hard / len(terms)


@pytest.mark.parametrize("shift", [0.0, -0.8])
@pytest.mark.parametrize("seed", range(3))
def test_hn_shn_sct(seed, shift):
    z, y = batch(seed)
    z, y = z + shift, y.clone()
    z[1], y[1] = z[7] * 1.000001, y[7]
    y[3] = 77
    for name, options, told in (
        ("hn", {}, {}),
        ("shn", {}, {"semi": True}),
        ("sct", {}, {"selective": True}),
        ("sct", {"weight": 0.3, "temperature": 0.5}, {"selective": True, "weight": 0.3, "t": 0.5}),
    ):
        expected, valid, hard = plain(z, y, **told)
        loss, logs = build_loss(name, options)(z, y)
        assert loss.item() == pytest.approx(expected, abs=1e-9)
        assert logs == pytest.approx({"loss": expected, "valid_share": valid, "hard_share": hard}, abs=1e-9)


def test_similarities_below_0_count_in_hn_but_not_in_ephn():
    z = torch.tensor([[1.0, 0.0], [0.9, 0.3], [-1.0, 0.1], [-0.9, -0.3]])
    y = torch.tensor([0, 0, 1, 1])
    assert build_loss("ephn")(z, y)[1]["valid_share"] == 0
    assert build_loss("hn")(z, y)[1]["valid_share"] == 1


def test_sct_pushes_hard_negatives_and_pulls_nothing_there():
    """Both anchors with a positive have a negative nearer than it: only S_an is in the loss."""
    z = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.8, 0.4, 0.2]])
    y = torch.tensor([0, 0, 1])
    unit = torch.nn.functional.normalize(z, dim=1)
    pushed = (unit[0] @ unit[2] + unit[1] @ unit[2]) / 2
    assert build_loss("sct")(z, y)[0].item() == pytest.approx(pushed.item())
    assert build_loss("hn")(z, y)[0].item() > 1  # which pulls, too


def plain_nn(z, y, tau, t=0.1):
    rows, terms, pushed = unit_rows(z), [], 0
    for i, a in enumerate(rows):
        s = [dot(a, b) for b in rows]
        positives = [s[j] for j in range(len(s)) if j != i and y[j] == y[i]]
        if positives and max(positives) >= tau:
            p = max(positives)
            near = [s[j] for j in range(len(s)) if y[j] != y[i] and s[j] > tau]
            pushed += len(near)
            top = math.exp(p / t)
            terms.append(-math.log(top / (top + sum(math.exp(n / t) for n in near))))
    return sum(terms) / len(terms), len(terms) / len(rows), pushed / len(terms)


@pytest.mark.parametrize("tau", [-1.0, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_nearest_neighbour_loss(seed, tau):
    z, y = batch(seed)
    z, y = z - 0.4, y.clone()
    z[1], y[1] = z[7], y[7]  # a duplicate is a neighbour like any other
    y[3] = 77
    expected, share, pushed = plain_nn(z, y, tau)
    loss, logs = build_loss("nn", {"tau": tau})(z, y)
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    assert logs == pytest.approx({"loss": expected, "valid_share": share, "pushed": pushed}, abs=1e-9)


def test_pairs_and_negatives_below_the_threshold_do_not_move():
    z = torch.tensor([[1.0, 0.0], [0.9, 0.2], [0.0, 1.0], [-0.9, 0.3]], requires_grad=True)
    loss, logs = build_loss("nn", {"tau": 0.5})(z, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert logs["valid_share"] == 0.5
    assert logs["pushed"] == 0
    assert loss.item() == 0
    assert not z.grad.any()
