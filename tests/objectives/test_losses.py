from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from embedlens import InputError
from embedlens.objectives import LOSSES, build_loss
from embedlens.objectives.easy_positive import pair_loss
from embedlens.objectives.losses import loss_options


def batch(seed=0, n=24, dim=6, classes=6, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(n, dim, generator=random, dtype=dtype) + 0.8
    return z, torch.arange(n) % classes


def plain_easy_positive(z, y, *, semi, order, t=0.1):
    """EPHN and EPSHN by loops over anchors and pairs, from definitions alone."""
    unit = [row / math.sqrt(sum(v * v for v in row)) for row in z.numpy()]
    terms = []
    for i, a in enumerate(unit):
        s = [float(a @ b) for b in unit]
        positives = [s[j] for j in range(len(unit)) if j != i and y[j] == y[i] and s[j] <= 0.9999]
        if not positives:
            continue
        p = max(positives)
        negatives = [s[j] for j in range(len(unit)) if y[j] != y[i] and (not semi or s[j] <= p)]
        if not negatives or p <= 0 or max(negatives) <= 0:
            continue
        n = max(negatives)
        first, second = (p, n) if order == 1 else (p - p * p / 2, n * n / 2)
        terms.append(-math.log(math.exp(first / t) / (math.exp(first / t) + math.exp(second / t))))
    return sum(terms) / len(terms), len(terms) / len(unit)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", ["ephn", "epshn"])
@pytest.mark.parametrize("seed", range(3))
def test_easy_positive_losses_are_plain_loops(name, order, seed):
    z, y = batch(seed)
    z[1], y[1] = z[7] * 1.000001, y[7]  # a duplicate to be passed over
    loss, logs = build_loss(name, {"order": order})(z, y)
    expected, share = plain_easy_positive(z, y, semi=name == "epshn", order=order)
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    assert logs == pytest.approx({"loss": expected, "valid_share": share}, abs=1e-9)


def plain_ep(z, y, t=0.1):
    """EP by loops over anchors and pairs, from definitions alone."""
    unit = [row / math.sqrt(sum(v * v for v in row)) for row in z.numpy()]
    terms = []
    for i, a in enumerate(unit):
        s = [float(a @ b) for b in unit]
        positives = [s[j] for j in range(len(unit)) if j != i and y[j] == y[i] and s[j] <= 0.9999]
        negatives = [s[j] for j in range(len(unit)) if y[j] != y[i]]
        if positives and negatives:
            top = math.exp(max(positives) / t)
            terms.append(-math.log(top / (top + sum(math.exp(n / t) for n in negatives))))
    return sum(terms) / len(terms), len(terms) / len(unit)


@pytest.mark.parametrize("shift", [0.8, 0.0, -0.8])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_ep_is_a_plain_loop(seed, temperature, shift):
    """A duplicate, a class of one item, and without the shift similarities below 0, which count too."""
    z, y = batch(seed)
    z, y = z - 0.8 + shift, y.clone()
    z[1], y[1] = z[7] * 1.000001, y[7]
    y[3] = 77
    loss, logs = build_loss("ep", {"temperature": temperature})(z, y)
    expected, share = plain_ep(z, y, temperature)
    assert share == 23 / 24
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    assert logs == pytest.approx({"loss": expected, "valid_share": share}, abs=1e-9)


def test_ep_sums_over_equal_negatives():
    """Each anchor has one negative twice; those two are duplicates of each other and have no positive."""
    z = torch.tensor([[1.0, 0.1], [1.0, 0.2], [0.3, 1.0], [0.3, 1.0]], dtype=torch.float64)
    unit = torch.nn.functional.normalize(z, dim=1)
    s = unit @ unit.T
    anchors = [(s[0, 1], s[0, 2]), (s[1, 0], s[1, 2])]  # items 2 and 3 are duplicates: no positive
    expected = sum(math.log(1 + 2 * math.exp((n - p) / 0.1)) for p, n in anchors) / 2
    loss, logs = build_loss("ep")(z, torch.tensor([0, 0, 1, 1]))
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    assert logs["valid_share"] == 0.5


def test_second_order_is_the_softplus_of_the_distance_to_the_ideal():
    s_ap, s_an = torch.tensor([0.9, 0.2, 0.5]), torch.tensor([0.1, 0.6, 0.5])
    delta2 = (1 - s_ap) ** 2 + s_an**2
    torch.testing.assert_close(
        pair_loss(s_ap, s_an, order=2, temperature=0.1), torch.nn.functional.softplus((delta2 - 1) / 0.2)
    )


@pytest.mark.parametrize(("order", "ratio"), [(1, 1.0), (2, 19.0)])
def test_directions_at_095_095(order, ratio):
    """The push on S_an is 1 and 19 times the pull on S_ap for the first and the second order."""
    s_ap, s_an = (torch.tensor(0.95, dtype=torch.float64, requires_grad=True) for _ in range(2))
    pair_loss(s_ap, s_an, order=order, temperature=1.0).backward()
    assert (-s_an.grad / s_ap.grad).item() == pytest.approx(ratio)


def plain_triplet(z, y, margin=0.2):
    unit = z / z.norm(dim=1, keepdim=True)
    d = [[float((a - b).norm()) for b in unit] for a in unit]
    terms = [
        d[a][p] - d[a][n] + margin
        for a in range(len(y))
        for p in range(len(y))
        for n in range(len(y))
        if a != p and y[a] == y[p] and y[a] != y[n] and 0 < d[a][n] - d[a][p] <= margin
    ]
    return sum(terms) / len(terms)


def plain_contrastive(z, y, margin=1.0):
    unit = z / z.norm(dim=1, keepdim=True)
    n = range(len(y))
    d = [[float((a - b).norm()) for b in unit] for a in unit]
    positive = [d[a][b] ** 2 for a in n for b in n if a != b and y[a] == y[b]]
    negative = [max(0.0, margin - d[a][b]) ** 2 for a in n for b in n if y[a] != y[b]]
    kept = [term for term in negative if term > 0]
    return (
        sum(positive) / len(positive) + sum(kept) / len(kept),
        sum(positive) / len(positive) + sum(negative) / len(negative),
        (len(positive) + len(kept)) / (len(positive) + len(negative)),
    )


def plain_n_pair(z, y, l2=0.002):
    classes = sorted(set(y.tolist()))
    first = [z[(y == c).nonzero()[0, 0]] for c in classes]
    second = [z[(y == c).nonzero()[1, 0]] for c in classes]
    terms = [
        math.log(1 + sum(math.exp(float(f @ g - f @ second[i])) for j, g in enumerate(second) if j != i))
        for i, f in enumerate(first)
    ]
    return sum(terms) / len(terms) + l2 * float((z**2).sum(1).mean())


@pytest.mark.parametrize("seed", range(3))
def test_established_losses_have_the_forms_of_the_papers(seed):
    z, y = batch(seed)
    loss, logs = build_loss("triplet")(z, y)
    assert loss.item() == pytest.approx(plain_triplet(z, y), abs=1e-6)
    assert logs == pytest.approx({"loss": loss.item(), "nonzero_share": 1.0}, abs=1e-9)
    loss, logs = build_loss("contrastive")(z, y)
    value, mean, share = plain_contrastive(z, y)
    assert loss.item() == pytest.approx(value, abs=1e-6)
    assert logs == pytest.approx({"loss": mean, "nonzero_share": share}, abs=1e-6)
    z, y = batch(seed, n=12)
    loss, _ = build_loss("n-pair-mc")(z, y)
    assert loss.item() == pytest.approx(plain_n_pair(z, y), abs=1e-6)


@pytest.mark.parametrize("name", LOSSES.names())
def test_gradients_are_finite_differences(name):
    """Only near points where the mined pairs stay the same is the loss smooth; these seeds are such."""
    z, y = batch(5, n=12, classes=4)
    loss = build_loss(name)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, y)[0], (z.requires_grad_(),), eps=1e-7, atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("name", LOSSES.names())
@pytest.mark.parametrize("case", ["one class", "all singletons", "duplicates", "opposed", "two items"])
def test_corner_cases_give_a_finite_loss_with_a_gradient(name, case):
    z, y = batch(n=8, classes=2, dtype=torch.float32)
    if case == "one class":
        y = torch.zeros(8, dtype=torch.long)
    if case == "all singletons":
        y = torch.arange(8)
    if case == "duplicates":
        z = z[:1].repeat(8, 1)
    if case == "opposed":
        z, y = torch.cat([z[:4].abs(), -z[:4].abs()]), torch.arange(8) // 2 % 2
    if case == "two items":
        z, y = z[:2], y[:2]
    z = z.clone().requires_grad_()
    loss, logs = build_loss(name)(z, y)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()
    assert all(np.isfinite(value) for value in logs.values())


@pytest.mark.parametrize("name", ["ep", "ephn", "epshn", "triplet"])
def test_without_a_valid_triplet_the_loss_is_zero(name):
    z = torch.randn(4, 3).requires_grad_()
    loss, logs = build_loss(name)(z, torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert not z.grad.any()
    assert logs["loss"] == 0


@pytest.mark.parametrize("name", ["ep", "ephn", "epshn", "triplet", "contrastive"])
def test_losses_of_directions_do_not_see_lengths(name):
    z, y = batch()
    scale = torch.linspace(0.5, 3, len(y), dtype=z.dtype)[:, None]
    loss = build_loss(name)
    assert loss(z, y)[0].item() == pytest.approx(loss(z * scale, y)[0].item(), abs=1e-9)


def test_names_and_options():
    assert LOSSES.names() == ["contrastive", "ep", "ephn", "epshn", "n-pair-mc", "triplet"]
    assert loss_options("epshn") == {"order": 1, "temperature": 0.1}
    assert loss_options("ep") == {"temperature": 0.1}
    with pytest.raises(InputError, match="unknown loss 'tripet'; choose one of: contrastive, ep, ephn"):
        build_loss("tripet")
    with pytest.raises(InputError, match="loss 'triplet' has no option 'order'; its options: margin"):
        build_loss("triplet", {"order": 2})
    with pytest.raises(InputError, match="unknown order '3'; choose one of: 1, 2"):
        build_loss("epshn", {"order": 3})
    for name in ("ep", "ephn"):
        with pytest.raises(InputError, match="temperature is 0"):
            build_loss(name, {"temperature": 0})
    with pytest.raises(ValueError, match="'triplet' is registered twice"):
        LOSSES.register("triplet")(LOSSES.get("triplet"))
