"""Losses and miners of pytorch-metric-learning by their class names."""

from __future__ import annotations

import pytest
import torch
from losses_support import batch, made
from pytorch_metric_learning import losses, miners

from embedlens import InputError
from embedlens.objectives import build_loss, build_miner


def test_a_loss_by_the_name_of_its_class():
    z, y = batch()
    ours = made("pml:MultiSimilarityLoss", y, alpha=3)
    assert ours(z, y)[0].item() == pytest.approx(losses.MultiSimilarityLoss(alpha=3)(z, y).item())
    assert ours(z, y)[1] == {"loss": ours(z, y)[0].item()}


def test_classes_and_dims_are_told_where_the_constructor_asks():
    z, y = batch(dim=5)
    y = 10 + 3 * y
    ours = made("pml:NormalizedSoftmaxLoss", y, dim=5, temperature=0.1)
    assert ours.loss.W.shape == (5, 6)
    theirs = losses.NormalizedSoftmaxLoss(6, 5, temperature=0.1).double()
    theirs.load_state_dict(ours.loss.state_dict())
    assert ours(z, y)[0].item() == pytest.approx(theirs(z, (y - 10) // 3).item())


def test_a_miner_by_the_name_of_its_class_feeds_any_loss():
    z, y = batch()
    mined = miners.BatchHardMiner()(z, y)
    theirs = losses.TripletMarginLoss(margin=0.2)(z, y, mined)
    assert made("triplet", y, mining="pml:BatchHardMiner")(z, y)[0].item() == pytest.approx(theirs.item())
    both = made("pml:TripletMarginLoss", y, margin=0.2, mining="pml:BatchHardMiner")
    assert both(z, y)[0].item() == pytest.approx(theirs.item())
    hard = made("pml:TripletMarginLoss", y, mining="hard")
    assert hard.miner(z, y).indices[0].numel()


def test_what_the_package_does_not_have_is_refused():
    for name in ("pml:MultiSimilarity", "pml:BaseMetricLossFunction", "pml:WeightRegularizerMixin"):
        with pytest.raises(InputError, match=r"unknown loss of pytorch-metric-learning .*pml:AngularLoss"):
            build_loss(name)
    with pytest.raises(InputError, match=r"unknown miner of pytorch-metric-learning .*pml:BatchHardMiner"):
        build_miner("pml:HardMiner")
    with pytest.raises(InputError, match=r"cannot be made with .*'alfa'.*its options: alpha, beta, base"):
        build_loss("pml:MultiSimilarityLoss", {"alfa": 1})
    with pytest.raises(InputError, match="cannot be made with .*its options: margin, type_of_triplets"):
        build_miner("pml:TripletMarginMiner", {"type": 3})


def test_a_batch_that_the_loss_cannot_use_is_told():
    z, y = batch()
    loss = build_loss("pml:VICRegLoss")
    with pytest.raises(InputError, match="loss 'pml:VICRegLoss' cannot use this batch"):
        loss(z, y)


def test_nothing_to_learn_from_has_a_gradient():
    z = torch.randn(4, 3, requires_grad=True)
    loss, _ = build_loss("pml:TripletMarginLoss")(z, torch.arange(4) % 2 * 0)
    loss.backward()
    assert loss.item() == 0
