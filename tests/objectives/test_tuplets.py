"""(N+1)-tuplet and one-vs-one N-pair loss against loops."""

from __future__ import annotations

import math

import pytest
import torch
from losses_support import batch, dot, tuplets

from embedlens import InputError
from embedlens.objectives import build_loss


def penalty(z, l2=0.002):
    return l2 * sum(dot(row, row) for row in z.tolist()) / len(z)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_tuplet(n):
    z, y = tuplets(n, n=n)
    terms = []
    for i in range(n):
        anchor, positive, *negatives = z.tolist()[i * (n + 1) : (i + 1) * (n + 1)]
        own = dot(anchor, positive)
        terms.append(math.log(1 + sum(math.exp(dot(anchor, row) - own) for row in negatives)))
    loss, logs = build_loss("tuplet")(z, y)
    assert loss.item() == pytest.approx(sum(terms) / n + penalty(z), abs=1e-9)
    assert logs["loss"] == loss.item()


def test_two_plus_one_tuplet_is_the_softplus_of_a_triplet():
    z, y = tuplets(n=2)
    margins = [dot(z[i], z[i + 2]) - dot(z[i], z[i + 1]) for i in (0, 3)]
    expected = sum(math.log(1 + math.exp(float(margin))) for margin in margins) / 2
    assert build_loss("tuplet", {"l2": 0})(z, y)[0].item() == pytest.approx(expected, abs=1e-9)


def test_batches_that_are_no_tuplets_are_refused():
    z, y = batch(n=12)
    with pytest.raises(InputError, match="use --sampler tuplet"):
        build_loss("tuplet")(z, y)
    z, y = batch(n=8)
    with pytest.raises(InputError, match="8 rows holds no N tuplets"):
        build_loss("tuplet")(z, y)
    z, y = tuplets()
    y[2] = y[0]  # a negative of the anchor's class
    with pytest.raises(InputError, match="an anchor, its positive and negatives"):
        build_loss("tuplet")(z, y)


@pytest.mark.parametrize("seed", range(3))
def test_n_pair_ovo(seed):
    z, y = batch(seed, n=14, classes=5)  # classes 0 to 3 have three items, class 4 two
    rows = z.tolist()
    pairs = [[row for row, label in zip(rows, y, strict=True) if label == c][:2] for c in range(5)]
    total = sum(
        math.log(1 + math.exp(dot(f, other) - dot(f, own)))
        for i, (f, own) in enumerate(pairs)
        for j, (_, other) in enumerate(pairs)
        if i != j
    )
    loss, _ = build_loss("n-pair-ovo")(z, y)
    assert loss.item() == pytest.approx(total / 5 + penalty(z), abs=1e-9)


def test_a_class_of_one_item_makes_no_pair():
    z, y = batch(n=6, classes=3)
    extra = torch.cat([z, 9 * z[:1]])
    loss = build_loss("n-pair-ovo", {"l2": 0})
    alone = loss(extra, torch.cat([y, torch.tensor([7])]))[0].item()
    assert alone == pytest.approx(loss(z, y)[0].item(), abs=1e-12)
