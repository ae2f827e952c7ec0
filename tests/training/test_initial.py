"""Training that starts from the backbone in another run's checkpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import layouts
import numpy as np
import pytest
import remote
import torch
import vision
from faults import Killed
from support import optional, write_run
from training_support import finish, snapshots, train

import embedlens
from embedlens import InputError
from embedlens.training import loop as module
from embedlens.training.backbones import check_backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.choices import NetworkChoice
from embedlens.training.config import TrainConfig
from embedlens.training.initial import read_initial
from embedlens.training.loop import TrainingLoop
from embedlens.training.methods import METHODS

SMALL = TrainConfig(data="digits", epochs=0, dim=8, classes_per_batch=5, items_per_class=90, augment=True)
METHODS_OF = {
    "plain": {},
    "divide-conquer": {"method_options": {"clusters": 2}, "loss": "triplet"},
    "dvml": {"loss": "triplet"},
    "dreml": {"method_options": {"learners": 2, "meta_classes": 4}, "loss": "softmax"},
    "hdc": {"method_options": {"heads": 2}, "loss": "contrastive"},
}


def under(method, **changes):
    return replace(SMALL, method=method, **{**METHODS_OF[method], **changes})


def state_of(path):
    return torch.load(path / "checkpoint.pt", weights_only=True)["network"]


def trunks_of(state, method):
    """The backbones in the state of a method: a dict for each, name below the backbone -> tensor."""
    first = METHODS.get(method).trunk
    prefixes = [first] if method != "dreml" else ["network.trunks.0", "network.trunks.1"]
    return [
        {name.removeprefix(f"{one}."): value for name, value in state.items() if name.startswith(f"{one}.")}
        for one in prefixes
    ]


def others_of(state, method):
    """All other tensors in the state of a method."""
    inside = "network.trunks." if method == "dreml" else METHODS.get(method).trunk
    return {name: value for name, value in state.items() if not name.startswith(inside)}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of one epoch from another seed, whose batch norm has counted batches."""
    path = tmp_path_factory.mktemp("first") / "run"
    train(path, replace(SMALL, epochs=1, seed=7))
    return path


@pytest.mark.parametrize("method", METHODS_OF)
def test_the_backbone_of_every_method_is_taken_and_heads_are_new(tmp_path, method):
    train(tmp_path / "first", under(method, seed=7))
    run = train(tmp_path / "run", replace(SMALL, init=str(tmp_path / "first")))
    (taken,) = trunks_of(state_of(tmp_path / "run"), "plain")
    assert taken
    assert_equal(taken, trunks_of(state_of(tmp_path / "first"), method)[0])
    train(tmp_path / "random", SMALL)
    assert_equal(
        others_of(state_of(tmp_path / "run"), "plain"), others_of(state_of(tmp_path / "random"), "plain")
    )
    digest = hashlib.sha256((tmp_path / "first/checkpoint.pt").read_bytes()).hexdigest()
    assert (run.method["init"], run.method["init_sha256"]) == (str(tmp_path / "first"), digest)


@pytest.mark.parametrize("method", METHODS_OF)
def test_every_method_starts_from_it_with_the_heads_that_it_has_without(first, tmp_path, method):
    train(tmp_path / "run", under(method, init=str(first)))
    train(tmp_path / "random", under(method))
    own, random = state_of(tmp_path / "run"), state_of(tmp_path / "random")
    (expected,) = trunks_of(state_of(first), "plain")
    for trunk in trunks_of(own, method):
        assert_equal(trunk, expected)
    rest = others_of(own, method)
    assert rest
    assert_equal(rest, others_of(random, method))


def test_batches_and_changes_of_images_are_the_same_with_it_and_without(first, tmp_path, monkeypatch):
    requested = []
    read = module.read_batches

    def noted(inputs, requests, device, **options):
        requests = list(requests)
        requested.append([(one.rows.tolist(), one.draw) for one in requests])
        return read(inputs, requests, device, **options)

    monkeypatch.setattr(module, "read_batches", noted)
    for init in (None, str(first)):
        train(tmp_path / f"run-{init is None}", replace(SMALL, epochs=1, init=init))
    assert requested[0] == requested[1]
    assert requested[0][0][1] is not None


def test_the_features_that_it_starts_from_are_recorded(first, tmp_path):
    run = train(tmp_path / "run", replace(SMALL, init=str(first)))
    before = embedlens.open_run(first)
    state = state_of(first)
    weight, bias = (state[f"network.embedding.{name}"].numpy() for name in ("weight", "bias"))
    for split in run.splits:
        embeddings = run.pretrained(split) @ weight.T + bias
        np.testing.assert_allclose(embeddings, before.snapshot(split, 1).embeddings, rtol=1e-4, atol=1e-4)
    assert before.pretrained("test") is None


def test_a_run_without_it_records_nothing_of_it(first):
    assert not {"init", "init_sha256"} & embedlens.open_run(first).method.keys()


def test_a_run_resumes_with_the_same_bytes_when_that_run_is_gone(first, tmp_path):
    shutil.copytree(first, tmp_path / "first")
    config = replace(SMALL, epochs=2, init=str(tmp_path / "first"))
    train(tmp_path / "whole", config)
    train(tmp_path / "parts", replace(config, epochs=1))
    shutil.rmtree(tmp_path / "first")
    run = train(tmp_path / "parts", resumed_config(tmp_path / "parts", 2), resume=True)
    assert snapshots(tmp_path / "parts") == snapshots(tmp_path / "whole")
    assert run.method["init_sha256"] == embedlens.open_run(tmp_path / "whole").method["init_sha256"]


def test_a_run_that_was_stopped_at_its_start_takes_the_same_weights_again(first, tmp_path, monkeypatch):
    shutil.copytree(first, tmp_path / "first")
    config = replace(SMALL, init=str(tmp_path / "first"))

    def die(*_args, **_options):
        raise Killed

    monkeypatch.setattr(module, "save_checkpoint", die)
    with pytest.raises(Killed):
        train(tmp_path / "run", config)
    monkeypatch.undo()
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    train(tmp_path / "again", resumed_config(tmp_path / "again", None), resume=True)
    train(tmp_path / "whole", config)
    assert snapshots(tmp_path / "again") == snapshots(tmp_path / "whole")
    train(tmp_path / "first", resumed_config(tmp_path / "first", 2), resume=True)
    with pytest.raises(InputError, match=r"the checkpoint of run .* has changed since it was first taken"):
        train(tmp_path / "run", resumed_config(tmp_path / "run", None), resume=True)


def refused(path, config):
    """What training at a path is refused for; nothing is written."""
    with pytest.raises(InputError) as error:
        train(path, config)
    assert not path.exists()
    return str(error.value)


def test_what_has_no_backbone_to_take(first, tmp_path):
    config = replace(SMALL, init=str(tmp_path / "first"))
    assert refused(tmp_path / "run", config) == f"no such run: {tmp_path / 'first'}"
    write_run(tmp_path / "first")
    told = refused(tmp_path / "run", config)
    assert told == (
        f"run {tmp_path / 'first'} has no checkpoint.pt, whose weights --init takes; only runs of "
        "`embedlens train` have one"
    )
    (tmp_path / "first/checkpoint.pt").write_bytes((first / "checkpoint.pt").read_bytes())
    told = refused(tmp_path / "run", config)
    assert told.startswith(f"run {tmp_path / 'first'}: its run.json holds no training configuration")


def test_a_damaged_checkpoint(first, tmp_path):
    shutil.copytree(first, tmp_path / "first")
    file = tmp_path / "first/checkpoint.pt"
    whole = file.read_bytes()
    at = whole.index(b"/data/0") + 200
    changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    torch.save({"epoch": 1}, tmp_path / "other.pt")
    for content in (b"", b"broken", whole[: len(whole) // 2], changed, (tmp_path / "other.pt").read_bytes()):
        file.write_bytes(content)
        told = refused(tmp_path / "run", replace(SMALL, init=str(tmp_path / "first")))
        assert told.startswith(f"{file} cannot be read (")
        assert told.endswith("put back a copy of it, or choose another run for --init")
    assert "(it is no checkpoint of `embedlens train`)" in told


def test_another_backbone(first, tmp_path):
    config = replace(SMALL, init=str(first), backbone="timm:resnet18")
    assert refused(tmp_path / "run", config) == (
        f"run {first} has the backbone 'small', not 'timm:resnet18'; choose the same --backbone, or another "
        "run for --init"
    )


def test_images_that_the_backbone_does_not_take(first, tmp_path):
    told = refused(tmp_path / "run", replace(SMALL, init=str(first), image_size=32))
    assert f"the backbone of run {first} does not fit in 5 tensors, the first 8.weight, which is" in told
    assert "missing there, (128, 64, 3, 3) here" in told
    assert "; that run trained on digits at their own size with 1 channel, this one is on digits" in told
    assert told.endswith(" at 32 pixels with 1 channel")
    root = layouts.csv_list(tmp_path / "data")
    config = replace(SMALL, data="csv", root=str(root), image_size=16, classes_per_batch=3, items_per_class=2)
    told = refused(tmp_path / "run", replace(config, init=str(first)))
    assert "does not fit in 1 tensor, the first 0.weight, which is (32, 1, 3, 3) there, (32, 3, " in told
    assert told.endswith("with 1 channel, this one is on csv at 16 pixels with 3 channels")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"backbone": "features:some.npy"},
            "--init is for networks; 'features:some.npy' has no weights to start from",
        ),
        (
            {"backbone": "timm:resnet18", "weights": "some.pth"},
            "--init and --weights both give the initial weights; leave one out",
        ),
    ],
)
def test_backbones_that_do_not_start_from_a_run(changes, message):
    with pytest.raises(InputError) as error:
        check_backbone(NetworkChoice(init="runs/first", **changes))
    assert str(error.value) == message


def test_a_checkpoint_other_than_the_one_that_is_named(first, tmp_path):
    told = refused(tmp_path / "run", replace(SMALL, init=str(first), init_sha256="0" * 64))
    assert f"the checkpoint of run {first} has changed since it was first taken (SHA-256 " in told
    assert "not 000000000000); put the former one back, or train under another name" in told


def test_a_backbone_that_saw_other_items_is_warned_of(first, tmp_path):
    loops = {
        split_by: TrainingLoop(replace(SMALL, init=str(first), split_by=split_by), tmp_path / str(split_by))
        for split_by in (None, "classes", "items")
    }
    assert not loops[None].messages
    assert not loops["classes"].messages
    (told,) = loops["items"].messages
    assert told.startswith(f"run {first} was trained on other items of digits than this run; where they are ")


def test_relative_paths_and_addresses(first, tmp_path, monkeypatch):
    monkeypatch.chdir(first.parent)
    monkeypatch.setenv("EMBEDLENS_CACHE", str(tmp_path / "cache"))
    found = read_initial(replace(SMALL, init="run"))
    assert found.path == str(first)
    remote.empty()
    try:
        train("counted://bucket/runs/first", replace(SMALL, epochs=1, seed=7))
        run = train(tmp_path / "run", replace(SMALL, init="counted://bucket/runs/first"))
        assert run.method["init"] == "counted://bucket/runs/first"
        assert_equal(trunks_of(state_of(tmp_path / "run"), "plain")[0], dict(found.tensors))
        write_run("counted://bucket/runs/mine")
        with pytest.raises(InputError, match=r"run counted://bucket/runs/mine has no checkpoint.pt"):
            train(tmp_path / "other", replace(SMALL, init="counted://bucket/runs/mine"))
    finally:
        remote.empty()


def test_a_run_of_an_earlier_version_is_taken(first, tmp_path):
    shutil.copytree(first, tmp_path / "first")
    info = tmp_path / "first/run.json"
    told = json.loads(info.read_text())
    for name in ("mining", "mining_options", "sampler", "method", "method_options", "backbone"):
        del told["method"][name]
    info.write_text(json.dumps(told))
    train(tmp_path / "run", replace(SMALL, init=str(tmp_path / "first")))
    assert_equal(trunks_of(state_of(tmp_path / "run"), "plain")[0], trunks_of(state_of(first), "plain")[0])


@pytest.mark.parametrize("frozen", [(False, True), (True, False)])
def test_a_network_of_timm_with_batch_norm_frozen_before_or_after(tmp_path, frozen):
    vision.declare_operators()
    optional("timm")
    config = TrainConfig(
        data="csv", root=str(layouts.csv_list(tmp_path / "data")), backbone="timm:test_efficientnet",
        pretrained=False, image_size=32, epochs=1, dim=4, classes_per_batch=3, items_per_class=2, lr=0.01,
    )  # fmt: skip
    before, after = frozen
    train(tmp_path / "first", replace(config, freeze_bn=before, seed=7))
    loop = TrainingLoop(
        replace(config, pretrained=True, freeze_bn=after, init=str(tmp_path / "first")), tmp_path / "run"
    )
    (expected,) = trunks_of(state_of(tmp_path / "first"), "plain")
    own = loop.method.network.features.state_dict()
    same = [name for name in own if not name.endswith("num_batches_tracked")]
    assert {name for name in expected if not name.endswith("num_batches_tracked")} == set(same)
    before = {name: own[name].clone() for name in same}
    assert_equal(before, {name: expected[name] for name in same})
    run = finish(loop)
    assert run.pretrained("train").shape == (12, 256)
    norm = [name for name in same if name.endswith("running_mean")]
    now = loop.method.network.features.state_dict()
    assert norm
    assert all(torch.equal(now[name], before[name]) == after for name in norm)
