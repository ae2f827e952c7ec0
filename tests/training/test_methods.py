from __future__ import annotations

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from faults import Killed
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import normalize
from training_support import train

import embedlens
from embedlens import InputError
from embedlens.objectives import Setting
from embedlens.training import loop as module
from embedlens.training.backbones import Backbone, EmbeddingNetwork
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.methods import METHODS, MethodInputs, build_method, divide_conquer, method_options
from embedlens.training.methods.divide_conquer import learnable, matched
from embedlens.training.streams import Purpose, torch_seed

# Clusters and learners


@st.composite
def clusterings(draw, most=5):
    k = draw(st.integers(1, most))
    n = draw(st.integers(1, 25))
    numbers = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    return k, np.array(draw(numbers)), np.array(draw(numbers))


def kept(before, after):
    return int((before == after).sum())


@settings(deadline=None, max_examples=150)
@given(clusterings())
def test_no_permutation_keeps_more_items_with_their_learner(drawn):
    k, before, after = drawn
    found = matched(before, after, n_clusters=k)
    best = max(kept(before, np.array(order)[after]) for order in itertools.permutations(range(k)))
    assert kept(before, found) == best
    assert found.dtype == np.int64
    pairs = {*zip(after.tolist(), found.tolist(), strict=True)}  # the same clusters under other numbers
    assert len(pairs) == len({new for new, _ in pairs}) == len({old for _, old in pairs})
    assert found.min() >= 0
    assert found.max() < k


@pytest.mark.parametrize("k", [3, 4, 7])
def test_a_relabelling_keeps_every_item_with_its_learner(k):
    """A cycle is where the inverse permutation keeps none."""
    before = np.random.default_rng(k).permutation(np.arange(10 * k) % k)
    for relabelled in [(before + 1) % k, (before + k - 1) % k, k - 1 - before]:
        np.testing.assert_array_equal(matched(before, relabelled, n_clusters=k), before)
    cycle = np.arange(k)
    cycle[:3] = [1, 2, 0]
    np.testing.assert_array_equal(matched(before, cycle[before], n_clusters=k), before)


def test_the_numbers_of_the_new_clusters_do_not_matter():
    random = np.random.default_rng(0)
    before = random.integers(0, 4, 300)
    after = np.where(random.random(300) < 0.7, before, random.integers(0, 4, 300))
    wanted = matched(before, after, n_clusters=4)
    for order in itertools.permutations(range(4)):
        np.testing.assert_array_equal(matched(before, np.array(order)[after], n_clusters=4), wanted)


def test_clusters_without_items_keep_out_of_the_way():
    before = np.array([0, 0, 0, 3, 3, 3, 3])
    np.testing.assert_array_equal(matched(before, np.array([2, 2, 2, 1, 1, 1, 1]), n_clusters=4), before)
    np.testing.assert_array_equal(matched(before, np.full(7, 1), n_clusters=4), np.full(7, 3))
    split = matched(np.zeros(7, int), np.array([0, 0, 1, 1, 1, 2, 2]), n_clusters=4)
    np.testing.assert_array_equal(split == 0, [False, False, True, True, True, False, False])


def test_what_makes_batches():
    for labels, can in (
        ([0, 0, 1, 1], True),
        ([0, 0, 0, 1], False),
        ([0, 0], False),
        ([0, 1], False),
        ([], False),
    ):
        assert learnable(np.array(labels, int)) is can


# The method by itself

WIDTH = 6


def items(n_classes=6, each=16, modes=4, spread=0.1, seed=0):
    """Features [N, WIDTH] in groups that hold items of every class, and labels."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), each)
    features = 3 * np.eye(WIDTH)[np.arange(labels.size) % modes]
    features += 0.5 * random.normal(size=(n_classes, WIDTH))[labels]
    features += spread * random.normal(size=features.shape)
    return features.astype(np.float32), labels


FEATURES, LABELS = items()


def made(labels=LABELS, *, linear=False, dim=8, epochs=6, config=None, **options):
    torch.manual_seed(0)
    network = nn.Linear(WIDTH, WIDTH) if linear else nn.Identity()
    settings = {"data": "csv", "dim": dim, "epochs": epochs, "classes_per_batch": 3, "items_per_class": 4}
    chosen = TrainConfig(method="divide-conquer", method_options=options, **{**settings, **(config or {})})
    return build_method(MethodInputs(chosen, Backbone(network, WIDTH, {}, pretrained=False), labels))


def embedder(features=FEATURES, seen=None):
    def embed_all(part):
        if seen is not None:
            seen.append(part)
        with torch.no_grad():
            return part(torch.from_numpy(features)).numpy()

    return embed_all


def no_look(rows):
    raise AssertionError("these batches do not look at the network")


def batches(method, epoch):
    return list(method.batches(epoch, no_look))


def weights(part):
    return [parameter.detach().clone() for parameter in part.parameters()]


def same(a, b):
    return all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW])
def test_a_learner_s_gradient_touches_its_own_slice_alone(optimizer):
    method = made(linear=True, clusters=4)
    method.begin(1, embedder())
    chosen = optimizer(method.parameters(), lr=0.01, weight_decay=0.1)
    drawn = batches(method, 1)
    for batch in [*drawn, *drawn]:  # the second time round every head has moments of its own
        heads = [weights(head) for head in method.network.heads]
        backbone = weights(method.network.features)
        chosen.zero_grad()
        outputs = method.network(torch.from_numpy(FEATURES[batch.rows]), batch.learner)
        assert outputs.shape == (len(batch.rows), 2)
        loss, logs = method.loss(outputs, torch.from_numpy(LABELS[batch.rows]), batch.learner)
        loss.backward()
        assert logs["loss"] == pytest.approx(loss.item())
        for number, head in enumerate(method.network.heads):
            for parameter in head.parameters():
                assert (parameter.grad is not None) == (number == batch.learner)
        chosen.step()
        for number, head in enumerate(method.network.heads):
            assert same(weights(head), heads[number]) == (number != batch.learner)
        assert not same(weights(method.network.features), backbone)
    assert {batch.learner for batch in drawn} == {0, 1, 2, 3}


def test_batches_go_round_robin_and_hold_items_of_one_cluster():
    method = made(clusters=4)
    method.begin(1, embedder())
    clusters = method.clusters.numpy()
    assert set(clusters) == {0, 1, 2, 3}
    order = []
    for epoch in (1, 2):
        drawn = batches(method, epoch)
        assert len(drawn) == method.steps == LABELS.size // 12
        for batch in drawn:
            assert (clusters[batch.rows] == batch.learner).all()
            assert len(set(LABELS[batch.rows])) == 3
            order.append(batch.learner)
    assert order == [step % 4 for step in range(2 * method.steps)]
    again = batches(method, 2)
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(again, drawn, strict=True))
    assert not np.array_equal(batches(method, 1)[0].rows, drawn[0].rows)


def test_every_learner_has_its_turn_where_an_epoch_has_fewer_steps():
    method = made(clusters=4, config={"classes_per_batch": 6, "items_per_class": 5})
    assert method.steps == 3
    method.begin(1, embedder())
    order = [batch.learner for epoch in range(1, 5) for batch in batches(method, epoch)]
    assert order == [0, 1, 2, 3] * 3


def test_the_recorded_embedding_is_unit_slices_side_by_side():
    method = made(linear=True, clusters=4, dim=12)
    x = torch.from_numpy(FEATURES)
    features = method.network.features(x)
    slices = [normalize(features @ head.weight.T + head.bias) for head in method.network.heads]
    torch.testing.assert_close(method(x), torch.cat(slices, dim=1))
    assert method.slices == [(0, 3), (3, 6), (6, 9), (9, 12)]
    for number, one in enumerate(slices):
        torch.testing.assert_close(normalize(method.network(x, number)), one)


def test_the_items_are_clustered_when_it_is_due():
    method = made(clusters=2, recluster=3, finish=2, epochs=9)
    due = []
    for epoch in range(1, 10):
        seen = []
        before = method.clusters.clone()
        method.begin(epoch, embedder(seen=seen))
        if seen:
            due.append(epoch)
            assert seen == [method.network.features]
        else:
            assert torch.equal(method.clusters, before)
    assert due == [1, 4, 7]
    assert method.messages == []


def test_clusters_are_those_of_k_means_on_the_chosen_space(monkeypatch):
    asked = []
    find = divide_conquer.kmeans

    def kmeans(z, k, **options):
        asked.append((z, options["seed"]))
        return find(z, k, **options)

    monkeypatch.setattr(divide_conquer, "kmeans", kmeans)
    method = made(clusters=2, cluster_on="embedding", config={"seed": 5})
    method.begin(1, embedder())
    z, seed = asked[0]
    np.testing.assert_array_equal(z, embedder()(method))
    wanted = find(z, 2, seed=seed).labels
    np.testing.assert_array_equal(method.clusters.numpy(), wanted)
    method.begin(3, embedder())
    assert asked[1][1] != seed


def test_after_a_clustering_under_other_numbers_items_keep_their_learners(monkeypatch):
    method = made(clusters=3, dim=6)
    first = np.arange(LABELS.size) % 3
    for epoch, labels in ((1, first), (3, (first + 1) % 3), (5, (first + 2) % 3)):
        result = SimpleNamespace(labels=labels, centroids=np.eye(3, dtype=np.float32))
        monkeypatch.setattr(divide_conquer, "kmeans", lambda *_, result=result, **__: result)
        method.begin(epoch, embedder())
        np.testing.assert_array_equal(method.clusters.numpy(), first)


def test_a_loss_that_takes_embeddings_as_they_are_gets_unit_slices():
    method = made(linear=True, clusters=2, config={"loss": "n-pair-mc", "items_per_class": 2})
    rows = np.concatenate([np.flatnonzero(LABELS == label)[:2] for label in range(3)])
    labels = torch.from_numpy(LABELS[rows])
    outputs = method.network(torch.from_numpy(FEATURES[rows]), 0)
    loss, _ = method.loss(outputs, labels, 0)
    assert loss.item() == pytest.approx(method.objective[0](normalize(outputs), labels)[0].item())
    assert loss.item() == pytest.approx(method.loss(3 * outputs, labels, 0)[0].item())


def test_the_end_trains_the_whole_embedding_from_all_items():
    method = made(linear=True, clusters=2, finish=1, epochs=2)
    for epoch, whole in ((1, False), (2, True)):
        method.begin(epoch, embedder())
        drawn = batches(method, epoch)
        assert len(drawn) == method.steps
        assert all((batch.learner is None) == whole for batch in drawn)
    clusters = method.clusters.numpy()
    assert any(len(set(clusters[batch.rows])) == 2 for batch in drawn)
    rows = drawn[0].rows
    outputs = method.network(torch.from_numpy(FEATURES[rows]))
    loss, _ = method.loss(outputs, torch.from_numpy(LABELS[rows]), None)
    loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.network.parameters())
    scaled = method.loss(outputs * torch.tensor([1.0] * 4 + [5.0] * 4), torch.from_numpy(LABELS[rows]), None)
    assert scaled[0].item() == pytest.approx(loss.item(), rel=1e-5)  # the slices are made unit each


def test_without_an_end_there_is_no_loss_of_the_whole():
    assert len(made(clusters=2).objective) == 2
    assert len(made(clusters=2, finish=1).objective) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clusters": 3}, "3 clusters do not divide 8 dims into equal slices; choose one of: 1, 2, 4, 8"),
        ({"clusters": 16}, "16 clusters do not divide 8 dims into equal slices; choose one of: 1, 2, 4, 8"),
        ({"clusters": 0}, "clusters is 0; a whole number from 1 is needed"),
        ({"clusters": 2.0}, "clusters is 2.0; a whole number from 1 is needed"),
        ({"recluster": 0}, "recluster is 0; a whole number from 1 is needed"),
        ({"finish": -1}, "finish is -1; a whole number from 0 is needed"),
        (
            {"cluster_on": "pixels"},
            "unknown space to cluster on 'pixels'; choose one of: penultimate, embedding",
        ),
        (
            {"cluster": 2},
            "method 'divide-conquer' has no option 'cluster'; it has clusters, recluster, finish, cluster_on",
        ),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(InputError) as refused:
        made(**options)
    assert str(refused.value) == message


def test_more_clusters_than_items_and_unknown_methods():
    with pytest.raises(InputError, match=r"^8 clusters of 4 items; choose fewer$"):
        made(np.array([0, 0, 1, 1]), clusters=8)
    backbone = Backbone(nn.Identity(), WIDTH, {}, pretrained=False)
    with pytest.raises(
        InputError, match=r"^unknown method 'conquer'; choose one of: .*divide-conquer.*plain"
    ):
        build_method(MethodInputs(TrainConfig(method="conquer"), backbone, LABELS))
    with pytest.raises(
        InputError,
        match=r"^method 'plain' has no option 'clusters'; it has none; it is an option of divide-conquer$",
    ):
        build_method(MethodInputs(TrainConfig(method_options={"clusters": 2}), backbone, LABELS))
    assert {"plain", "divide-conquer"} <= set(METHODS.names())
    assert method_options("plain") == {}
    usual = {"clusters": 4, "recluster": 2, "finish": 0, "cluster_on": "penultimate"}
    assert method_options("divide-conquer") == usual


def put(monkeypatch, clusters, centroids):
    """Make k-means find these clusters."""
    result = SimpleNamespace(labels=np.array(clusters), centroids=np.array(centroids, np.float32))
    monkeypatch.setattr(divide_conquer, "kmeans", lambda *_, **__: result)


def test_a_cluster_without_two_classes_joins_the_nearest_that_has_them(monkeypatch):
    #          usable      pure    usable      singles
    labels = [0, 0, 1, 1, 2, 2, 0, 0, 3, 3, 1, 2]
    found = [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
    centres = [
        [0, 0],
        [1, 0],
        [9, 0],
        [2, 0],
    ]  # the singles are nearest to the pure one, which is none to join
    put(monkeypatch, found, centres)
    method = made(np.array(labels), clusters=4)
    z = np.ones((12, WIDTH), np.float32)
    method.begin(1, embedder(z))
    wanted = [0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 0, 0]
    np.testing.assert_array_equal(method.clusters.numpy(), wanted)
    assert len(method.messages) == 1
    assert method.messages[0].startswith("epoch 1: 2 of 4 clusters have no two classes of two items; each")
    assert {batch.learner for epoch in (1, 2) for batch in batches(method, epoch)} == {0, 2}
    put(monkeypatch, found, [[0, 0], [8, 0], [9, 0], [7, 0]])
    method.begin(3, embedder(z))
    np.testing.assert_array_equal(method.clusters.numpy(), [0, 0, 0, 0, *[2] * 8])
    assert len(method.messages) == 1  # told once


def test_without_a_usable_cluster_one_learner_has_all(monkeypatch):
    labels = np.array([0, 0, 0, 1, 1, 1])
    put(monkeypatch, labels, [[0, 0], [1, 0]])
    method = made(labels, clusters=2)
    method.begin(1, embedder(np.ones((6, WIDTH), np.float32)))
    assert method.clusters.tolist() == [0] * 6
    assert method.messages == ["epoch 1: no cluster has two classes of two items; one learner has all"]
    assert all(set(labels[batch.rows]) == {0, 1} for batch in batches(method, 1))


@pytest.mark.parametrize("cluster_on", ["penultimate", "embedding"])
def test_features_that_are_zero_or_all_alike_end_no_run(cluster_on):
    z = FEATURES.copy()
    z[3:6] = 0  # what the small network makes of a black image
    method = made(clusters=4, cluster_on=cluster_on)
    method.begin(1, embedder(z))
    assert len(batches(method, 1)) == method.steps
    method.begin(3, embedder(np.ones_like(z)))
    assert len(batches(method, 3)) == method.steps


def test_the_largest_seeds_cluster():
    for seed in (2**31 - 1, 2**31 - 2, 2**40):
        method = made(clusters=2, config={"seed": seed})
        method.begin(1, embedder())
        assert set(method.clusters.tolist()) == {0, 1}


# Runs


def arrays(path):
    """All that is recorded of embeddings and besides."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*.npy"))}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Labels without images, trained on features; a wide step makes clusters change."""
    return of_features(tmp_path_factory.mktemp("data"), FEATURES, LABELS)


def of_features(folder, features, labels, **options):
    last = labels.max()
    rows = [f"{label},{'test' if label > last - 2 else 'train'}" for label in labels]
    (folder / "items.csv").write_text("\n".join(["label,split", *rows]))
    np.save(folder / "all.npy", features)
    usual = {
        "data": "csv", "root": str(folder / "items.csv"), "backbone": f"features:{folder / 'all.npy'}",
        "dim": 8, "epochs": 4, "classes_per_batch": 3, "items_per_class": 4, "lr": 0.05,
        "method": "divide-conquer", "method_options": {"clusters": 2, "cluster_on": "embedding"},
    }  # fmt: skip
    return TrainConfig(**{**usual, **options})


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(path, config)
    return path


def test_what_a_run_records(whole):
    run = embedlens.open_run(whole)
    assert run.epochs() == [0, 1, 2, 3, 4]
    assert json.loads((whole / "run.json").read_text())["slices"] == [[0, 4], [4, 8]]
    assert run.method["method"] == "divide-conquer"
    assert run.method["method_options"] == {"clusters": 2, "cluster_on": "embedding"}
    assert run.extra_epochs("train") == {"cluster": [1, 2, 3, 4]}
    assert run.extra_epochs("test") == {}
    clusters = {epoch: run.extra("train", "cluster", epoch) for epoch in (1, 2, 3, 4)}
    for found in clusters.values():
        assert found.shape == run.labels("train").shape
        assert set(found.tolist()) == {0, 1}
    np.testing.assert_array_equal(clusters[1], clusters[2])
    np.testing.assert_array_equal(clusters[3], clusters[4])
    assert (clusters[2] != clusters[3]).any()
    for split, epoch in itertools.product(run.splits, run.epochs()):
        slices = run.snapshot(split, epoch).embeddings.reshape(-1, 2, 4)
        np.testing.assert_allclose(np.linalg.norm(slices, axis=2), 1, rtol=1e-5)
    assert all(row["loss"] > 0 for row in run.log[1:])


@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
@pytest.mark.parametrize("moment", ["mid-epoch", "before the checkpoint"])
def test_killed_and_resumed_ends_with_the_same_bytes(whole, config, tmp_path, monkeypatch, moment, epoch):
    """At a clustering, and between two."""

    def die(*_args, **_options):
        raise Killed

    def report(step):
        if moment == "mid-epoch" and (step.epoch, step.step) == (epoch, 3):
            raise Killed
        if moment != "mid-epoch" and (step.epoch, step.step) == (epoch, step.steps):
            monkeypatch.setattr(module, "save_checkpoint", die)

    path = tmp_path / "killed"
    with pytest.raises(Killed):
        train(path, config, report)
    monkeypatch.undo()
    found = embedlens.open_run(path).extra_epochs("train").get("cluster", [])
    assert found == list(range(1, epoch if moment == "mid-epoch" else epoch + 1))
    train(path, resumed_config(path, None), resume=True)
    assert arrays(path) == arrays(whole)


def test_extending_equals_training_longer(whole, config, tmp_path):
    train(tmp_path / "run", replace(config, epochs=1))
    train(tmp_path / "run", resumed_config(tmp_path / "run", 4), resume=True)
    assert arrays(tmp_path / "run") == arrays(whole)


def options_of(config, **changed):
    return replace(config, method_options={**config.method_options, **changed})


def heads(path):
    state = torch.load(path / "checkpoint.pt", weights_only=True)["network"]
    return [state[f"network.heads.{k}.weight"] for k in range(2)]


def test_a_run_whose_end_was_extended_is_clustered(config, tmp_path):
    """No clustering was due in the one epoch of its end, nor is in the second."""
    path = tmp_path / "run"
    ending = options_of(replace(config, epochs=1), finish=1)
    assert train(path, ending).extra_epochs("train") == {}
    run = train(path, resumed_config(path, 3), resume=True)
    assert run.extra_epochs("train") == {"cluster": [2, 3]}
    assert set(run.extra("train", "cluster", 2).tolist()) == {0, 1}


def test_the_last_epochs_change_every_slice(config, tmp_path):
    ending = options_of(replace(config, epochs=2), finish=1)
    weights = {}

    def report(step):
        if step.row is None and (step.epoch, step.step) == (2, 1):
            weights["first"] = heads(tmp_path / "run")

    run = train(tmp_path / "run", ending, report)
    weights["last"] = heads(tmp_path / "run")
    assert not any(map(torch.equal, weights["first"], weights["last"]))
    assert run.extra_epochs("train") == {"cluster": [1, 2]}
    np.testing.assert_array_equal(run.extra("train", "cluster", 1), run.extra("train", "cluster", 2))


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "margin", "loss_options": {"learn_beta": True}},
        {"loss": "proxy-nca"},
        {"loss": "n-pair-mc", "items_per_class": None},
        {"loss": "n-pair-mc", "items_per_class": None, "sampler": "hard-class"},
        {"loss": "triplet"},
    ],
    ids=lambda change: "-".join(str(value) for value in change.values() if isinstance(value, str)),
)
def test_losses_train_and_resume_with_the_same_bytes(config, tmp_path, change):
    chosen = options_of(replace(config, epochs=2, lr=0.01, **change), recluster=1)
    run = train(tmp_path / "whole", chosen)
    assert run.extra_epochs("train") == {"cluster": [1, 2]}
    train(tmp_path / "parts", replace(chosen, epochs=1))
    train(tmp_path / "parts", resumed_config(tmp_path / "parts", 2), resume=True)
    assert arrays(tmp_path / "parts") == arrays(tmp_path / "whole")
    state = torch.load(tmp_path / "whole/checkpoint.pt", weights_only=True)["network"]
    if "learn_beta" in change.get("loss_options", {}):
        betas = [value for name, value in state.items() if name.endswith("beta")]
        assert len({value.item() for value in betas}) == len(betas) == 2


@pytest.mark.parametrize("clusters", [2, 4, 8])
def test_pure_clusters_end_no_run(tmp_path, clusters):
    """Four training classes far from each other: k-means finds the classes, or parts of one."""
    labels = np.repeat(np.arange(6), 8)
    features = 5 * np.eye(6)[labels] + 0.01 * np.random.default_rng(0).normal(size=(48, 6))
    chosen = of_features(tmp_path, features.astype(np.float32), labels, epochs=3)
    method = {"clusters": clusters, "recluster": 1}
    messages = []

    def report(step):
        if step.message:
            messages.append((step.epoch, step.message))

    run = train(tmp_path / "run", replace(chosen, method_options=method), report)
    assert run.epochs() == [0, 1, 2, 3]
    assert len({epoch for epoch, _ in messages}) == len(messages)
    assert messages or clusters == 2
    for epoch in (1, 2, 3):
        found = run.extra("train", "cluster", epoch)
        assert all(learnable(run.labels("train")[found == k]) for k in np.unique(found))


def test_refusals_leave_no_run(config, tmp_path):
    for chosen, message in (
        (options_of(config, clusters=3), "3 clusters do not divide 8 dims"),
        (options_of(config, cluster=3), "has no option 'cluster'"),
        (replace(config, method="divide"), "unknown method 'divide'"),
    ):
        with pytest.raises(InputError, match=message):
            train(tmp_path / "run", chosen)
        assert not (tmp_path / "run").exists()


def plain(config):
    return replace(config, method="plain", method_options={}, epochs=2)


def test_the_plain_method_is_one_layer_one_loss_and_one_sampler(config, tmp_path):
    """Against a loop written out; the losses of its steps draw nothing."""
    chosen = replace(plain(config), loss="proxy-nca", seed=3)
    run = train(tmp_path / "run", chosen)
    assert run.info.slices == []
    assert run.extra_epochs("train") == {}
    train_rows = LABELS < 4
    x, y = torch.from_numpy(FEATURES[train_rows]), LABELS[train_rows]
    torch.manual_seed(torch_seed(3, Purpose.WEIGHTS))
    network = EmbeddingNetwork(nn.Identity(), width=WIDTH, dim=8)
    loss = chosen.build_loss(Setting(8, np.unique(y)))
    optimizer = torch.optim.Adam([*network.parameters(), *loss.parameters()], lr=chosen.lr)
    sampler = chosen.build_sampler(y)
    for epoch in (1, 2):
        for rows in sampler.batches(epoch):
            optimizer.zero_grad()
            loss(network(x[rows]), torch.from_numpy(y[rows]))[0].backward()
            optimizer.step()
    wanted = network(x).detach().numpy()
    np.testing.assert_allclose(run.snapshot("train").embeddings, wanted, rtol=1e-4, atol=1e-5)


def test_a_run_of_a_version_without_methods_resumes(config, tmp_path):
    train(tmp_path / "whole", plain(config))
    train(tmp_path / "run", replace(plain(config), epochs=1))
    info = tmp_path / "run/run.json"
    told = json.loads(info.read_text())
    for name in ("method", "method_options"):
        del told["method"][name]
    info.write_text(json.dumps(told))
    assert resumed_config(tmp_path / "run", None).method == "plain"
    train(tmp_path / "run", resumed_config(tmp_path / "run", 2), resume=True)
    assert arrays(tmp_path / "run") == arrays(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("cluster_on", ["penultimate", "embedding"])
def test_digits_through_the_small_network(tmp_path, cluster_on):
    options = {"clusters": 2, "recluster": 1, "finish": 1, "cluster_on": cluster_on}
    chosen = TrainConfig(
        data="digits", epochs=3, dim=8, classes_per_batch=5, items_per_class=16, threads=2,
        method="divide-conquer", method_options=options,
    )  # fmt: skip
    run = train(tmp_path / "whole", chosen)
    assert run.extra_epochs("train") == {"cluster": [1, 2, 3]}
    assert run.info.slices == [[0, 4], [4, 8]]

    def report(step):
        if (step.epoch, step.step) == (2, 5):
            raise Killed

    with pytest.raises(Killed):
        train(tmp_path / "parts", chosen, report)
    train(tmp_path / "parts", resumed_config(tmp_path / "parts", None), resume=True)
    assert arrays(tmp_path / "parts") == arrays(tmp_path / "whole")
