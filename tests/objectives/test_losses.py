from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from losses_support import batch, made, tuplets

from embedlens import InputError
from embedlens.objectives import LOSSES, build_loss
from embedlens.objectives.easy_positive import pair_loss
from embedlens.objectives.losses import default_rate, loss_options

_ANCHORED = ["ep", "ephn", "epshn", "hn", "shn", "sct", "nn"]


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


@pytest.mark.parametrize("name", LOSSES.names())
def test_gradients_are_finite_differences(name):
    """Only near points where the mined items stay the same is the loss smooth; these seeds are such."""
    z, y = tuplets(seed=5) if name == "tuplet" else batch(5, n=12, classes=4)
    loss = made(name, y, dim=z.shape[1])
    learnt = [parameter.detach().clone().requires_grad_() for parameter in loss.parameters()]
    names = [entry for entry, _ in loss.named_parameters()]

    def value(x, *parameters):
        torch.manual_seed(0)  # what is drawn, is drawn alike
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(loss, given, (x, y))[0]

    assert torch.autograd.gradcheck(value, (z.requires_grad_(), *learnt), eps=1e-7, atol=1e-4, rtol=1e-3)


def test_a_learnt_beta_has_the_gradient_of_finite_differences():
    z, y = batch(5, n=12, classes=4)
    loss = made("margin", y, learn_beta=True, nu=0.3, mining="all")

    def value(beta):
        return torch.func.functional_call(loss, {"beta": beta}, (z, y))[0]

    beta = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (beta,), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if name != "tuplet"])
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
    loss, logs = made(name, torch.arange(8), dim=z.shape[1]).float()(z, y)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()
    assert all(np.isfinite(value) for value in logs.values())


def test_every_batch_of_a_loss_logs_the_same_numbers():
    """The trainer averages what is logged; a name that is there now and then would be averaged wrongly."""
    for name in LOSSES.names():
        if name != "tuplet":
            z, y = batch(n=8, classes=4)
            loss = made(name, torch.arange(8), dim=z.shape[1])
            assert loss(z, y)[1].keys() == loss(z, torch.arange(8))[1].keys(), name


@pytest.mark.parametrize("name", [*_ANCHORED, "triplet", "margin", "lifted"])
def test_without_a_valid_triplet_the_loss_is_zero(name):
    z = torch.randn(4, 3).requires_grad_()
    loss, logs = build_loss(name)(z, torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert not z.grad.any()
    assert logs["loss"] == 0


@pytest.mark.parametrize("name", [*_ANCHORED, "triplet", "margin", "contrastive", "angular", "proxy-nca"])
def test_losses_of_directions_do_not_see_lengths(name):
    z, y = batch()
    scale = torch.linspace(0.5, 3, len(y), dtype=z.dtype)[:, None]
    mining = {"mining": "all"} if name == "margin" else {}
    loss = made(name, y, dim=z.shape[1], **mining)
    assert loss(z, y)[0].item() == pytest.approx(loss(z * scale, y)[0].item(), abs=1e-9)


@pytest.mark.parametrize("name", ["lifted", "n-pair-mc", "n-pair-ovo", "tuplet"])
def test_losses_as_published_see_lengths_unless_told_to_normalise(name):
    z, y = tuplets() if name == "tuplet" else batch(n=12)
    weight = {} if name == "lifted" else {"l2": 0.0}
    plain, normalised = build_loss(name, weight), build_loss(name, {"normalize": True, **weight})
    assert plain(2 * z, y)[0].item() != pytest.approx(plain(z, y)[0].item(), rel=1e-3)
    assert normalised(2 * z, y)[0].item() == pytest.approx(normalised(z, y)[0].item(), abs=1e-6)
    unit = torch.nn.functional.normalize(z, dim=1)
    assert normalised(z, y)[0].item() == pytest.approx(plain(unit, y)[0].item(), abs=1e-6)


@pytest.mark.parametrize("name", LOSSES.names())
def test_items_of_a_batch_may_stand_in_any_order(name):
    """Labels may be any numbers, too. Tuplets are read by place: their tuples may change places."""
    z, y = tuplets() if name == "tuplet" else batch(n=12, classes=6)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    if name in ("n-pair-mc", "n-pair-ovo"):  # which of a pair is the anchor, is told by the order
        order = torch.cat([torch.tensor([3, 1, 5, 0, 4, 2]), torch.tensor([2, 9 - 6, 0, 5, 1, 4]) + 6])
    if name == "tuplet":
        order = torch.arange(12).view(3, 4)[[2, 0, 1]].flatten()
    mining = {"mining": "all"} if name in ("contrastive", "margin", "triplet") else {}
    loss = made(name, y, dim=z.shape[1], **mining)
    one = loss(z, y)[0].item()
    assert loss(z[order], y[order])[0].item() == pytest.approx(one, abs=1e-9)
    if name not in ("softmax", "proxy-nca"):
        assert loss(z, 2**40 - 7 * y)[0].item() == pytest.approx(one, abs=1e-9)


def test_names_and_options():
    names = "angular contrastive ep ephn epshn hn lifted margin n-pair-mc n-pair-ovo nn proxy-nca sct shn"
    assert LOSSES.names() == [*names.split(), "softmax", "triplet", "tuplet"]
    assert loss_options("epshn") == {"order": 1, "temperature": 0.1}
    assert loss_options("margin") == {"margin": 0.2, "beta": 1.2, "learn_beta": False, "nu": 0.0}
    assert loss_options("softmax") == {}
    with pytest.raises(InputError, match="unknown loss 'tripet'.*choose one of: angular, contrastive, ep"):
        build_loss("tripet")
    with pytest.raises(InputError, match="loss 'triplet' has no option 'order'; its options: margin"):
        build_loss("triplet", {"order": 2})
    with pytest.raises(InputError, match="loss 'triplet' has no option 'miner'; its options: margin"):
        build_loss("triplet", {"miner": None})
    with pytest.raises(InputError, match="unknown order '3'; choose one of: 1, 2"):
        build_loss("epshn", {"order": 3})
    with pytest.raises(ValueError, match="'triplet' is registered twice"):
        LOSSES.register("triplet")(LOSSES.get("triplet"))


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        *((name, {"temperature": 0}, "temperature is 0") for name in ("ep", "ephn", "hn", "sct", "nn")),
        ("sct", {"weight": -1}, "weight is -1; 0 or more"),
        ("nn", {"tau": 1.5}, "tau is 1.5; a cosine similarity"),
        ("margin", {"beta": 2}, "beta is 2; a distance between 0 and 2"),
        ("margin", {"nu": 0.1}, "nu 0.1 weighs a beta that is learnt"),
        ("angular", {"alpha": 90}, "alpha is 90; an angle between"),
        ("tuplet", {"l2": -1}, "l2 is -1"),
        ("n-pair-ovo", {"l2": float("nan")}, "l2 is nan"),
        ("proxy-nca", {"scale": 0}, "scale is 0"),
        ("triplet", {"margin": "wide"}, "option margin is 'wide'; like 0.2 is needed"),
        ("margin", {"learn_beta": 3}, "option learn_beta is 3; like False is needed"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, told):
    with pytest.raises(InputError, match=told):
        build_loss(name, options)


def test_every_loss_tells_its_batches_and_its_rates():
    from embedlens.training.samplers import SAMPLERS

    for name in LOSSES.names():
        assert set(LOSSES.get(name).samplers) <= set(SAMPLERS.names())
        assert 0 < default_rate(name, "adam") < default_rate(name, "sgd") < 1
