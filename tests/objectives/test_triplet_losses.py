"""Contrastive, triplet and margin loss against loops over pairs and triplets."""

from __future__ import annotations

import math

import pytest
import torch
from losses_support import batch, distance, unit_rows
from pytorch_metric_learning import losses as package

from embedlens import InputError
from embedlens.objectives import LOSSES, build_loss, build_miner
from embedlens.objectives.miners import Hard


def triplets(y):
    n = range(len(y))
    return [(a, p, q) for a in n for p in n for q in n if a != p and y[a] == y[p] and y[a] != y[q]]


def distances(z):
    rows = unit_rows(z)
    return [[distance(a, b) for b in rows] for a in rows]


@pytest.mark.parametrize("seed", range(3))
def test_triplet_over_semi_hard_triplets(seed):
    z, y = batch(seed)
    d = distances(z)
    terms = [d[a][p] - d[a][q] + 0.2 for a, p, q in triplets(y) if 0 < d[a][q] - d[a][p] < 0.2]
    loss, logs = build_loss("triplet")(z, y)
    assert loss.item() == pytest.approx(sum(terms) / len(terms), abs=1e-6)
    assert logs["loss"] == pytest.approx(loss.item(), abs=1e-9)
    assert (logs["nonzero_share"], logs["mined"]) == (1.0, len(terms))


@pytest.mark.parametrize("margin", [0.05, 0.5])
def test_triplet_over_all_triplets_averages_the_non_zero_ones(margin):
    z, y = batch(1)
    d = distances(z)
    terms = [max(0.0, d[a][p] - d[a][q] + margin) for a, p, q in triplets(y)]
    kept = [term for term in terms if term > 0]
    loss, logs = build_loss("triplet", {"margin": margin}, mining="all")(z, y)
    assert loss.item() == pytest.approx(sum(kept) / len(kept), abs=1e-6)
    assert logs["loss"] == pytest.approx(sum(terms) / len(terms), abs=1e-6)
    assert logs["nonzero_share"] == pytest.approx(len(kept) / len(terms))
    assert 0 < logs["nonzero_share"] < 1


def plain_contrastive(d, positive, negative, margin):
    positive = [d[a][b] ** 2 for a, b in positive]
    negative = [max(0.0, margin - d[a][b]) ** 2 for a, b in negative]
    kept = [term for term in negative if term > 0]
    return (
        sum(positive) / len(positive) + sum(kept) / max(1, len(kept)),
        sum(positive) / len(positive) + sum(negative) / len(negative),
        (len(positive) + len(kept)) / (len(positive) + len(negative)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_over_all_pairs(seed):
    z, y = batch(seed)
    n = range(len(y))
    positive = [(a, b) for a in n for b in n if a != b and y[a] == y[b]]
    negative = [(a, b) for a in n for b in n if y[a] != y[b]]
    value, mean, share = plain_contrastive(distances(z), positive, negative, 1.0)
    loss, logs = build_loss("contrastive")(z, y)
    assert loss.item() == pytest.approx(value, abs=1e-6)
    assert logs == pytest.approx({"loss": mean, "nonzero_share": share}, abs=1e-6)


def test_contrastive_counts_each_pair_of_mined_triplets_once():
    z, y = batch(2)
    mined = build_miner("hard")(z, y)
    positive = set(zip(mined.anchor.tolist(), mined.positive.tolist(), strict=True))
    negative = set(zip(mined.anchor.tolist(), mined.negative.tolist(), strict=True))
    assert len(negative) < len(mined)
    value, mean, share = plain_contrastive(distances(z), positive, negative, 0.8)
    loss, logs = build_loss("contrastive", {"margin": 0.8}, mining="hard")(z, y)
    assert loss.item() == pytest.approx(value, abs=1e-6)
    assert logs == pytest.approx({"loss": mean, "nonzero_share": share}, abs=1e-6)


@pytest.mark.parametrize(("beta", "nu"), [(1.2, 0.0), (0.7, 0.0), (0.9, 0.25)])
def test_margin_over_all_triplets(beta, nu):
    z, y = batch(3)
    d = distances(z)
    learnt = {"learn_beta": True, "nu": nu} if nu else {}
    loss, logs = build_loss("margin", {"beta": beta, **learnt}, mining="all")(z, y)
    positive = [max(0.0, 0.2 + d[a][p] - beta) for a, p, _ in triplets(y)]
    negative = [max(0.0, 0.2 + beta - d[a][q]) for a, _, q in triplets(y)]
    nonzero = sum(term > 0 for term in positive + negative)
    total = sum(positive) + sum(negative)
    assert loss.item() == pytest.approx(total / nonzero + nu * beta, abs=1e-6)
    assert logs["loss"] == pytest.approx(total / len(positive), abs=1e-6)
    assert logs["nonzero_share"] == pytest.approx(nonzero / (2 * len(positive)))
    assert logs["beta"] == pytest.approx(beta)


def test_margin_is_that_of_the_package():
    z, y = batch(4)
    theirs = package.MarginLoss(margin=0.2, beta=1.1, nu=0)(z, y).item()
    assert build_loss("margin", {"beta": 1.1}, mining="all")(z, y)[0].item() == pytest.approx(
        theirs, abs=1e-6
    )


def test_a_learnt_beta_moves_and_a_fixed_one_is_no_parameter():
    z, y = batch(0)
    fixed, learnt = build_loss("margin"), build_loss("margin", {"learn_beta": True})
    assert not list(fixed.parameters())
    loss, _ = learnt(z, y)
    loss.backward()
    assert learnt.beta.grad.item() != 0
    with torch.no_grad():
        learnt.beta -= 0.1 * learnt.beta.grad
    assert learnt(z, y)[1]["beta"] != pytest.approx(1.2, abs=1e-3)


def test_distance_weighted_margin_skips_what_has_no_candidate():
    z = torch.eye(4, dtype=torch.float64)  # all negatives at sqrt(2), beyond 1.4
    loss, logs = build_loss("margin", {"learn_beta": True})(z, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert (loss.item(), logs["mined"], logs["skipped"]) == (0, 0, 4)


def test_mining_is_what_is_asked_for():
    assert isinstance(build_loss("triplet", mining="hard").miner, Hard)
    assert build_loss("triplet", {"margin": 0.35}).miner.margin == 0.35
    assert build_loss("triplet", {"margin": 0.35}, mining_options={"margin": 0.1}).miner.margin == 0.1
    assert build_loss("margin", mining_options={"cutoff": 0.4}).miner.cutoff == 0.4
    with pytest.raises(InputError, match="unknown mining 'hart'.*choose one of: all, distance-weighted"):
        build_loss("triplet", mining="hart")
    with pytest.raises(InputError, match="mining 'hard' has no option 'cutoff'; its options: none"):
        build_loss("triplet", mining="hard", mining_options={"cutoff": 1})


@pytest.mark.parametrize("name", sorted({*LOSSES.names()} - {"contrastive", "margin", "triplet"}))
def test_losses_without_a_use_for_mining_say_why(name):
    why = "has no use for mining: it.*leave --mining out, or choose one of .* contrastive, margin, triplet"
    with pytest.raises(InputError, match=f"loss '{name}' {why}"):
        build_loss(name, mining="hard")


def test_mining_draws_from_torch_alone():
    z, y = batch(0)
    loss = build_loss("margin")
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(loss(z, y)[0].item())
    assert values[0] == values[1] != values[2]
    assert math.isfinite(values[2])
