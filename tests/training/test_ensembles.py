from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize
from training_support import train

from embedlens import InputError
from embedlens.training.backbones import Backbone, Stages
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.loop import TrainingLoop
from embedlens.training.methods import MethodInputs, build_method, default_dim, default_loss
from embedlens.training.methods.dreml import random_groups
from embedlens.training.methods.hdc import fractions_of, kept

WIDTHS = (3, 5, 4)
LABELS = np.repeat(np.arange(3, 9), 4)


class Towers(Stages):
    """Three layers, one on the other."""

    widths = WIDTHS

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            [torch.nn.Linear(before, after) for before, after in zip((6, *WIDTHS), WIDTHS, strict=False)]
        )

    def forward(self, inputs):
        found = []
        for layer in self.layers:
            inputs = layer(inputs)
            found.append(inputs)
        return found


class Top(torch.nn.Module):
    def __init__(self, stages):
        super().__init__()
        self.stages = stages

    def forward(self, inputs):
        return self.stages(inputs)[-1]


def made(method, *, dim=None, config=None, pretrained=False, staged=True, **options):
    torch.manual_seed(0)
    stages = Towers()
    backbone = Backbone(Top(stages), WIDTHS[-1], {}, pretrained, stages=(lambda: stages) if staged else None)
    settings = {"classes_per_batch": 3, "items_per_class": 4, "loss": default_loss(method), **(config or {})}
    dims = dim or default_dim(method, options)
    chosen = TrainConfig(method=method, method_options=options, dim=dims, **settings)
    return build_method(MethodInputs(chosen, backbone, LABELS))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(12, 6, generator=generator), torch.from_numpy(LABELS[:12])


# Deep randomised ensembles


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(2, 9), st.integers(0, 5))
def test_classes_are_random_groups_evenly_to_meta_classes(classes, meta_classes, seed):
    dealt = random_groups(classes, meta_classes, seed=seed, learner=1)
    sizes = np.bincount(dealt, minlength=meta_classes)
    assert sizes.sum() == classes
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(dealt, random_groups(classes, meta_classes, seed=seed, learner=1))


def test_learners_and_seeds_have_meta_classes_of_their_own():
    dealt = {tuple(random_groups(30, 3, seed=seed, learner=e)) for seed in range(3) for e in range(4)}
    assert len(dealt) == 12
    together = np.mean([random_groups(30, 3, seed=seed, learner=0)[0] == 0 for seed in range(300)])
    assert abs(together - 1 / 3) < 0.1  # any class may be in any meta-class


def test_a_learner_s_loss_is_the_cross_entropy_of_its_meta_classes(batch):
    method = made("dreml", learners=4, meta_classes=3)
    outputs = method.network(batch[0])
    assert outputs.shape == (12, 12)
    loss, logs = method.loss(outputs, batch[1], None)
    wanted, right = [], []
    for e in range(4):
        for row, label in enumerate(batch[1].tolist()):
            logits = outputs[row, 3 * e : 3 * e + 3].tolist()
            truth = int(method.meta[e][sorted(set(LABELS)).index(label)])
            wanted.append(math.log(sum(math.exp(value) for value in logits)) - logits[truth])
            right.append(logits[truth] == max(logits))
    assert logs["loss"] == pytest.approx(np.mean(wanted), rel=1e-5)
    assert loss.item() == pytest.approx(4 * np.mean(wanted), rel=1e-5)
    assert logs["batch_accuracy"] == pytest.approx(np.mean(right))


def test_a_learner_of_its_own_network_learns_as_if_it_were_alone(batch):
    method = made("dreml", learners=3, meta_classes=2)
    method.loss(method.network(batch[0]), batch[1], None)[0].backward()
    alone = made("dreml", learners=3, meta_classes=2)
    z = alone.network.heads[1](alone.network.trunks[1](batch[0]))
    truth = alone.meta[1][torch.searchsorted(alone.classes, batch[1])]
    torch.nn.functional.cross_entropy(z, truth).backward()
    for one, other in zip(
        (*method.network.trunks[1].parameters(), *method.network.heads[1].parameters()),
        (*alone.network.trunks[1].parameters(), *alone.network.heads[1].parameters()),
        strict=True,
    ):
        torch.testing.assert_close(one.grad, other.grad)
    assert all(p.grad is None for p in alone.network.trunks[0].parameters())


@pytest.mark.parametrize("method", ["dreml", "hdc"])
def test_the_recorded_embedding_is_unit_outputs_side_by_side(method, batch):
    options = {"dreml": {"learners": 2, "meta_classes": 4}, "hdc": {"heads": 2}}[method]
    one = made(method, dim=8, **options)
    z = one.network(batch[0])
    torch.testing.assert_close(one(batch[0]), torch.cat([normalize(z[:, :4]), normalize(z[:, 4:])], dim=1))
    assert one.slices == [(0, 4), (4, 8)]


def test_own_networks_begin_differently_and_pretrained_ones_alike():
    def first(method):
        return [trunk.stages.layers[0].weight for trunk in method.network.trunks]

    fresh = first(made("dreml", learners=3, meta_classes=2))
    assert not torch.equal(fresh[0], fresh[1])
    assert not torch.equal(fresh[1], fresh[2])
    alike = first(made("dreml", learners=3, meta_classes=2, pretrained=True))
    assert torch.equal(alike[0], alike[2])
    assert alike[0] is not alike[2]
    assert len(first(made("dreml", learners=3, meta_classes=2, trunk="shared"))) == 1


def test_a_shared_trunk_serves_every_learner(batch):
    method = made("dreml", learners=3, meta_classes=2, trunk="shared")
    features = method.network.trunks[0](batch[0])
    wanted = torch.cat([head(features) for head in method.network.heads], dim=1)
    torch.testing.assert_close(method.network(batch[0]), wanted)


# Hard-aware deeply cascaded embedding


def by_loops(outputs, labels, shares, *, margin=1.0, cascade=False, weight=10):
    """The heads' losses by loops over pairs."""
    heads = outputs.reshape(len(outputs), len(shares), -1)
    found, left = [], None
    for k, share in enumerate(shares):
        z = normalize(heads[:, k]).tolist()
        ranked = {True: [], False: []}
        for i in range(len(z)):
            for j in range(i + 1, len(z)):
                same = bool(labels[i] == labels[j])
                if left is not None and (i, j) not in left[same]:
                    continue
                d = sum((a - b) ** 2 for a, b in zip(z[i], z[j], strict=True))
                ranked[same].append((d if same else weight * max(0.0, margin - d), (i, j)))
        kept_pairs = {}
        for same, pairs in ranked.items():
            pairs.sort(key=lambda pair: -pair[0])
            kept_pairs[same] = pairs[: max(min(1, len(pairs)), int(share * len(pairs)))]
        losses = [loss for pairs in kept_pairs.values() for loss, _ in pairs]
        above = sum(loss > 0 for loss in losses)
        found.append(sum(losses) / max(1, above))
        if cascade:
            left = {same: {pair for _, pair in pairs} for same, pairs in kept_pairs.items()}
    return found


@pytest.mark.parametrize("cascade", [False, True])
@pytest.mark.parametrize(
    ("shares", "margin", "weight"), [((1.0, 0.5, 0.2), 1.0, None), ((0.4, 0.4, 0.9), 1.7, 1.5)]
)
def test_the_heads_losses_are_those_of_loops_over_pairs(batch, shares, margin, weight, cascade):
    options = {"heads": 3, "hard_shares": shares, "cascade": cascade}
    options |= {} if weight is None else {"negative_weight": weight}
    method = made("hdc", dim=9, config={"loss_options": {"margin": margin}}, **options)
    outputs = method.network(batch[0])
    loss, logs = method.loss(outputs, batch[1], None)
    wanted = by_loops(outputs.detach(), batch[1], shares, margin=margin, cascade=cascade, weight=weight or 10)
    assert [logs[f"head{k}_loss"] for k in (1, 2, 3)] == pytest.approx(wanted, rel=1e-4)
    assert loss.item() == logs["loss"] == pytest.approx(sum(wanted), rel=1e-4)
    loss.backward()
    assert all(p.grad is not None for p in method.parameters())


def test_shares_are_of_all_pairs_or_of_those_that_the_head_before_kept():
    losses = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    sizes = [[len(one) for one in kept(losses, (1, 0.5, 0.2), cascade=cascade)] for cascade in (False, True)]
    assert sizes == [[40, 20, 8], [40, 20, 4]]
    np.testing.assert_array_equal(kept(losses, (1, 0.5, 0.2), cascade=False)[2], -np.sort(-losses[:, 2])[:8])
    second = losses[losses[:, 1].argsort(descending=True)[:20]]
    nested = kept(losses, (1, 0.5, 0.2), cascade=True)[2]
    np.testing.assert_array_equal(nested, -np.sort(-second[:, 2])[:4])
    assert [len(one) for one in kept(losses[:2], (1, 0.2, 0.1), cascade=False)] == [2, 1, 1]
    assert [len(one) for one in kept(losses[:0], (1, 0.2, 0.1), cascade=True)] == [0, 0, 0]


def test_heads_stand_evenly_apart_the_last_on_the_features():
    assert [head.in_features for head in made("hdc", heads=3).network.heads] == list(WIDTHS)
    assert [head.in_features for head in made("hdc", heads=2).network.heads] == [WIDTHS[1], WIDTHS[2]]
    assert [head.in_features for head in made("hdc", heads=1).network.heads] == [WIDTHS[2]]


def test_a_batch_of_far_negatives_and_equal_positives_has_no_loss():
    method = made("hdc", dim=6, heads=3)
    z = torch.tensor([[1.0, 0.0] * 3, [1.0, 0.0] * 3, [-1.0, 0.0] * 3], requires_grad=True)
    loss, _ = method.loss(z, torch.tensor([3, 3, 4]), None)
    loss.backward()
    assert loss.item() == 0
    assert (z.grad == 0).all()


def test_hard_shares_as_people_give_them():
    assert fractions_of(None, 3) == (1, 0.5, 0.2)
    assert fractions_of(None, 2) == (1, 0.5)
    assert fractions_of("1, .3", 2) == (1, 0.3)
    assert fractions_of([1, 0.25], 2) == (1, 0.25)


# Both


def test_dims_and_losses_where_none_are_chosen():
    assert default_dim("dreml", {"learners": 3, "meta_classes": 5}) == 15
    assert default_dim("dreml", {}) == default_dim("plain", {}) == default_dim("hdc", {"heads": 4}) == 64
    assert default_dim("hdc", {}) == 66
    assert [default_loss(name) for name in ("plain", "dvml", "dreml", "hdc")] == [
        "epshn", "epshn", "softmax", "contrastive",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "options", "config", "dim", "message"),
    [
        ("dreml", {"learners": 0}, {}, 8, "learners is 0; a whole number from 1 is needed"),
        ("dreml", {"learners": 2, "meta_classes": 1}, {}, None, "meta_classes is 1; a whole number from 2"),
        ("dreml", {"learners": 2, "meta_classes": 7}, {}, None, "method 'dreml' assigns 6 training"),
        ("dreml", {"learners": 2, "meta_classes": 2}, {}, 8, "2 learners of 2 meta-classes make 4"),
        ("dreml", {"trunk": "tree"}, {}, None, "unknown trunk 'tree'; choose one of: own, shared"),
        ("dreml", {}, {"loss": "triplet"}, None, "method 'dreml' trains with the loss softmax, not triplet"),
        ("hdc", {}, {"loss": "epshn"}, None, "method 'hdc' trains with the loss contrastive, not epshn"),
        ("hdc", {"heads": 0}, {}, 8, "heads is 0; a whole number from 1 is needed"),
        ("hdc", {"heads": 3}, {}, 8, "3 heads do not divide 8 dims into equal slices"),
        ("hdc", {"heads": 4}, {}, None, "hard_shares are left at their defaults; 4 heads need as many"),
        ("hdc", {"hard_shares": "1,0,1"}, {}, None, "hard_shares are '1,0,1'; 3 heads need as many numbers"),
        ("hdc", {"hard_shares": "1,x,1"}, {}, None, "hard_shares are '1,x,1'; 3 heads need as many numbers"),
        (
            "hdc", {"heads": 4, "hard_shares": "1,1,1,1"}, {}, None,
            "method 'hdc' needs features of as many depths as heads, 4; backbone 'small' shows 3 here",
        ),
        ("hdc", {}, {"mining": "hard"}, None, "method 'hdc' chooses the pairs itself; leave the"),
    ],
)  # fmt: skip
def test_what_cannot_be(method, options, config, dim, message):
    with pytest.raises(InputError) as refused:
        made(method, dim=dim, config=config, **options)
    assert str(refused.value).startswith(message)


def test_a_backbone_without_depths_serves_no_hdc():
    with pytest.raises(
        InputError,
        match="as many depths as heads, 3; backbone 'small' shows none",
    ):
        made("hdc", staged=False)


# Runs

JOBS = {
    "dreml": {"loss": "softmax", "dim": 6, "method_options": {"learners": 2, "meta_classes": 3}},
    "dreml-shared": {
        "loss": "softmax", "dim": 6, "method": "dreml",
        "method_options": {"learners": 2, "meta_classes": 3, "trunk": "shared"},
    },
    "hdc": {"loss": "contrastive", "dim": 4, "method_options": {"heads": 2}},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("job", list(JOBS))
def test_resumed_after_a_kill_it_ends_with_the_same_bytes(tmp_path, job):
    settings = {"data": "digits", "epochs": 2, "classes_per_batch": 5, "items_per_class": 8}
    config = TrainConfig(**{"method": job, **settings, **JOBS[job]})
    run = train(tmp_path / "whole", config)
    assert run.info.slices == [
        list(piece) for piece in TrainingLoop(config, tmp_path / "other").method.slices
    ]

    def die(progress):
        if progress.epoch == 2 and progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", config, die)
    train(tmp_path / "killed", resumed_config(tmp_path / "killed", None), resume=True)
    ends = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.npy")}
        for name in ("whole", "killed")
    ]
    assert ends[0] == ends[1]
    if job == "hdc":
        assert run.log[2]["head2_loss"] > 0
    else:
        meta = run.run_extra("meta_classes")
        assert meta.shape == (2, 5)
        assert [sorted(np.bincount(row)) for row in meta] == [[1, 2, 2], [1, 2, 2]]
    assert run.log[2]["loss"] < run.log[1]["loss"]


@pytest.mark.parametrize("job", ["dreml", "hdc"])
def test_seeds_differ(tmp_path, job):
    settings = {"data": "digits", "epochs": 0, "classes_per_batch": 5, "items_per_class": 8}
    config = TrainConfig(**{"method": job, **settings, **JOBS[job]})
    first = train(tmp_path / "0", config)
    second = train(tmp_path / "1", replace(config, seed=1))
    assert not np.array_equal(first.snapshot("test", 0).embeddings, second.snapshot("test", 0).embeddings)
