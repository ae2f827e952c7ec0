"""Softmax classifier and Proxy-NCA against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from losses_support import batch, distance, dot, made, unit_rows

from embedlens import InputError
from embedlens.analysis.experiments.monitoring import check_monitors
from embedlens.objectives import Setting, build_loss


def labelled(seed):
    """A batch whose labels are neither from 0 nor dense."""
    z, y = batch(seed, n=12, classes=4)
    return z, 5 + 3 * y


def test_softmax_is_the_cross_entropy_of_a_linear_layer():
    z, y = labelled(0)
    loss = made("softmax", y)
    weight, bias = loss.classifier.weight.tolist(), loss.classifier.bias.tolist()
    terms, right = [], 0
    for row, label in zip(z.tolist(), ((y - 5) // 3).tolist(), strict=True):
        logits = [dot(row, w) + b for w, b in zip(weight, bias, strict=True)]
        terms.append(math.log(sum(math.exp(logit - logits[label]) for logit in logits)))
        right += logits.index(max(logits)) == label
    value, logs = loss(z, y)
    assert value.item() == pytest.approx(sum(terms) / 12, abs=1e-9)
    assert logs["batch_accuracy"] == pytest.approx(right / 12)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_proxy_nca_leaves_the_own_class_out_of_the_denominator(scale):
    z, y = labelled(1)
    loss = made("proxy-nca", y, scale=scale)
    proxies = unit_rows(loss.proxies.detach())
    terms = []
    for row, label in zip(unit_rows(z), ((y - 5) // 3).tolist(), strict=True):
        closeness = [-((scale * distance(row, proxy)) ** 2) for proxy in proxies]
        others = sum(math.exp(value) for c, value in enumerate(closeness) if c != label)
        terms.append(math.log(others) - closeness[label])
    assert loss(z, y)[0].item() == pytest.approx(sum(terms) / 12, abs=1e-6)


@pytest.mark.parametrize("name", ["softmax", "proxy-nca"])
def test_what_is_learnt_of_the_classes_moves(name):
    z, y = labelled(2)
    loss = made(name, y)
    before = loss(z, y)[0]
    before.backward()
    with torch.no_grad():
        for parameter in loss.parameters():
            assert parameter.grad.any()
            parameter -= 0.01 * parameter.grad
    assert loss(z, y)[0].item() < before.item()


@pytest.mark.parametrize("name", ["softmax", "proxy-nca"])
def test_bad_classes_are_refused(name):
    z, y = labelled(0)
    with pytest.raises(InputError, match="labels that the training split does not have"):
        made(name, y)(z, y + 1)
    with pytest.raises(InputError, match="1 class; two are the least"):
        build_loss(name, setting=Setting(6, np.array([3])))
    with pytest.raises(InputError, match="learns parameters together with the network"):
        check_monitors([name])
