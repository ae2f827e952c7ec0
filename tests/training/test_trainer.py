from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import Killed
from PIL import Image
from support import entry_point
from torch import nn
from torch.nn import functional
from training_support import snapshots, train

import embedlens
from embedlens import InputError
from embedlens.objectives import LOSSES
from embedlens.training import loop as module
from embedlens.training.augmentation import augment
from embedlens.training.backbones.small import SmallFeatures
from embedlens.training.checkpoint import load_checkpoint, resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.optimisation import Stepper
from embedlens.training.samplers import PKSampler
from embedlens.training.streams import Draw, Purpose, stream

SMALL = TrainConfig(data="digits", epochs=3, dim=8, classes_per_batch=5, items_per_class=8, threads=2)


def count_items(embeddings, labels):
    return {"items": float(sum(len(y) for y in labels.values()))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(path, SMALL, metrics=count_items)
    return path


def test_a_run_has_epoch_0_both_splits_and_a_log(whole):
    run = embedlens.open_run(whole)
    assert run.epochs() == [0, 1, 2, 3]
    assert run.splits == ("train", "test")
    assert run.info.dim == 8
    assert run.method["loss"] == "epshn"
    assert run.method["threads"] == 2
    assert run.method["classes_per_batch"] == 5
    assert [row["epoch"] for row in run.log] == [0, 1, 2, 3]
    assert run.log[0].get("loss") is None
    assert run.log[3]["loss"] < run.log[1]["loss"]
    assert run.log[3]["lr"] == 0.001
    assert run.log[3]["items"] == 1797
    steps = len(run.labels("train")) // 40
    assert [row["step"] for row in run.log] == [0, steps, 2 * steps, 3 * steps]
    assert run.thumbnails("test").shape == (896, 16, 16)
    assert run.items("test")["class"][0] in "56789"
    state = torch.load(whole / "checkpoint.pt", weights_only=True)
    assert state["epoch"] == 3


def test_training_learns(whole):
    from embedlens.analysis.triplets.nearest import nearest_triplets, summarise

    run = embedlens.open_run(whole)
    recall = []
    for epoch in (0, -1):
        snapshot = run.snapshot("test", epoch)
        recall.append(summarise(nearest_triplets(snapshot.embeddings, snapshot.labels)).mean_ideal_distance)
    assert recall[1] < recall[0] - 0.02


def test_same_seed_same_bytes(whole, tmp_path):
    train(tmp_path / "again", SMALL)
    assert snapshots(tmp_path / "again") == snapshots(whole)
    train(tmp_path / "other", replace(SMALL, seed=1, epochs=0))
    other = snapshots(tmp_path / "other")["splits/test/epoch-0000.npy"]
    assert other != snapshots(whole)["splits/test/epoch-0000.npy"]


def test_global_random_states_are_left_alone(tmp_path):
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    train(tmp_path / "run", replace(SMALL, epochs=1, threads=1))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def _kill_at(monkeypatch, moment):
    """Make the trainer stop at one moment of epoch 2; return what is to be told of steps."""

    def die(*_args, **_options):
        raise Killed

    def report(step):
        if moment == "mid-epoch" and (step.epoch, step.step) == (2, 10):
            raise Killed
        if moment == "before the checkpoint" and (step.epoch, step.step) == (2, step.steps):
            monkeypatch.setattr(module, "save_checkpoint", die)
        if moment == "between splits" and (step.epoch, step.step) == (2, step.steps):
            place = Path.replace

            def replace(temporary, target):
                if "test/epoch" in str(target):
                    raise Killed
                return place(temporary, target)

            monkeypatch.setattr(Path, "replace", replace)
        if moment == "after epoch 1" and step.epoch == 1 and step.row:
            raise Killed

    if moment == "at the start":
        monkeypatch.setattr(module, "save_checkpoint", die)
    return report


@pytest.mark.parametrize(
    "moment",
    [
        "mid-epoch",
        "before the checkpoint",
        pytest.param("at the start", marks=pytest.mark.slow),
        pytest.param("after epoch 1", marks=pytest.mark.slow),
        pytest.param("between splits", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_ends_with_the_same_bytes(whole, tmp_path, monkeypatch, moment):
    path = tmp_path / "killed"
    with pytest.raises(Killed):
        train(path, SMALL, _kill_at(monkeypatch, moment))
    monkeypatch.undo()
    before = embedlens.open_run(path)
    assert before.epochs() in ([], [0], [0, 1], [0, 1, 2])
    run = train(path, resumed_config(path, None), resume=True)
    assert run.epochs() == [0, 1, 2, 3]
    assert snapshots(path) == snapshots(whole)
    assert [row["epoch"] for row in run.log] == [0, 1, 2, 3]
    assert not [file for file in path.rglob(".*") if file.name != ".lock"]


@pytest.mark.slow
def test_a_real_kill(whole, tmp_path):
    """SIGKILL, wherever it hits; then the command line resumes."""
    words = ["--data", "digits", "--epochs", "3", "--dim", "8", "--classes-per-batch", "5"]
    words += ["--items-per-class", "8", "--threads", "2", "--out", str(tmp_path / "run")]
    running = subprocess.Popen(
        [entry_point(), "train", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while not (tmp_path / "run/splits/test/epoch-0001.npy").exists() and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert embedlens.open_run(tmp_path / "run").epochs()[:1] == [0]
    subprocess.run(
        [entry_point(), "train", "--resume", str(tmp_path / "run")],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    assert snapshots(tmp_path / "run") == snapshots(whole)


def test_extending_equals_training_longer(whole, tmp_path):
    path = tmp_path / "run"
    train(path, replace(SMALL, epochs=1))
    train(path, resumed_config(path, 3), resume=True)
    assert snapshots(path) == snapshots(whole)
    assert [row["step"] for row in embedlens.open_run(path).log] == [
        row["step"] for row in embedlens.open_run(whole).log
    ]
    assert embedlens.open_run(path).method["epochs"] == 3
    with pytest.raises(InputError, match="has 3 epochs already"):
        resumed_config(path, 2)


def test_what_cannot_be_resumed(whole, tmp_path):
    with pytest.raises(InputError, match=r"already exists; continue it with `embedlens train --resume"):
        train(whole, SMALL)
    embedlens.Recorder(tmp_path / "mine", labels={"test": np.zeros(3, int)}, method={"loss": "mine"})
    with pytest.raises(InputError, match="only runs made by `embedlens train` resume"):
        resumed_config(tmp_path / "mine", None)
    train(tmp_path / "run", replace(SMALL, epochs=0))
    (tmp_path / "run/checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"checkpoint.pt cannot be read"):
        train(tmp_path / "run", resumed_config(tmp_path / "run", 1), resume=True)
    train(tmp_path / "lost", replace(SMALL, epochs=1))
    (tmp_path / "lost/checkpoint.pt").unlink()
    before = snapshots(tmp_path / "lost")
    with pytest.raises(InputError, match=r"checkpoint.pt is missing, but epochs up to 1 are recorded"):
        train(tmp_path / "lost", resumed_config(tmp_path / "lost", 2), resume=True)
    assert snapshots(tmp_path / "lost") == before


FREE = replace(SMALL, classes_per_batch=None, items_per_class=None, epochs=2)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.names())
def test_every_loss_trains(tmp_path, loss):
    run = train(tmp_path / "run", replace(FREE, loss=loss))
    assert run.log[2]["loss"] < run.log[1]["loss"]
    assert run.method["sampler"] == LOSSES.get(loss).samplers[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "optimizer"), [("tuplet", "adam"), ("softmax", "adam"), ("triplet", "sgd"), ("n-pair-mc", "sgd")]
)
def test_every_optimizer_trains(tmp_path, loss, optimizer):
    rate = 1e-3 if optimizer == "adam" else 2e-4 if "pair" in loss or loss == "tuplet" else 2e-3
    run = train(tmp_path / "run", replace(FREE, loss=loss, optimizer=optimizer, lr=rate))
    assert run.epochs() == [0, 1, 2]
    assert run.log[2]["loss"] < run.log[1]["loss"]
    assert run.method["sampler"] == LOSSES.get(loss).samplers[0]


def test_the_batches_of_a_run_stand_in_its_method(tmp_path):
    told = {"epochs": 0, "loss": "ep"}
    for sampler, shape in {"pk": (5, 4), "n-pair": (5, 2), "hard-class": (5, 2), "tuplet": (5, 6)}.items():
        method = train(tmp_path / sampler, replace(FREE, sampler=sampler, **told)).method
        assert (method["classes_per_batch"], method["items_per_class"]) == shape
    assert TrainConfig(loss="n-pair-mc").build_sampler(np.arange(200) // 2).classes == 64
    assert TrainConfig().build_sampler(np.arange(200) // 2).classes == 32
    assert TrainConfig(loss="tuplet").build_sampler(np.arange(200) // 2).classes == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        replace(FREE, loss="n-pair-mc", sampler="hard-class", classes_per_batch=3),
        replace(FREE, loss="proxy-nca"),
        replace(FREE, loss="margin", loss_options={"learn_beta": True}),
        replace(FREE, loss="triplet", mining="random"),
        replace(FREE, loss="pml:MultiSimilarityLoss", mining="pml:MultiSimilarityMiner"),
    ],
    ids=lambda config: config.recipe_name,
)
def test_what_looks_at_the_network_or_learns_resumes_with_the_same_bytes(tmp_path, config):
    """Embedding the candidates in between, proxies, a learnt beta, and drawn triplets."""
    train(tmp_path / "whole", config)
    train(tmp_path / "parts", replace(config, epochs=1))
    train(tmp_path / "parts", resumed_config(tmp_path / "parts", 2), resume=True)
    assert snapshots(tmp_path / "parts") == snapshots(tmp_path / "whole")


def test_a_run_of_an_earlier_version_resumes(tmp_path):
    train(tmp_path / "run", replace(SMALL, epochs=1))
    info = tmp_path / "run/run.json"
    told = json.loads(info.read_text())
    for name in ("mining", "mining_options", "sampler"):
        del told["method"][name]
    info.write_text(json.dumps(told))
    assert train(tmp_path / "run", resumed_config(tmp_path / "run", 2), resume=True).epochs() == [0, 1, 2]


def test_recipes_are_named_by_what_is_not_usual():
    assert TrainConfig(loss="triplet", mining="semi-hard", sampler="pk").recipe_name == "triplet"
    named = TrainConfig(loss="triplet", mining="pml:BatchHardMiner", sampler="n-pair").recipe_name
    assert named == "triplet-pml-BatchHardMiner-n-pair"


def test_batches_that_a_loss_cannot_use_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"loss 'tuplet' cannot learn from .* 'pk'; choose one of: tuplet"):
        train(tmp_path / "run", replace(FREE, loss="tuplet", sampler="pk"))
    with pytest.raises(InputError, match="unknown sampler 'pairs'.*choose one of: hard-class, n-pair, pk"):
        train(tmp_path / "run", replace(FREE, sampler="pairs"))
    assert not (tmp_path / "run").exists()


def test_a_diverging_loss_stops_with_its_place(tmp_path):
    with pytest.raises(
        InputError, match=r"the loss is (nan|inf) at epoch \d, step \d+; the epochs before stay recorded, try"
    ):
        train(tmp_path / "run", replace(FREE, loss="n-pair-mc", optimizer="sgd", lr=1e4, epochs=3))
    assert embedlens.open_run(tmp_path / "run").epochs()[0] == 0


def test_a_missing_gpu_is_said(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="torch sees no CUDA GPU"):
        train(tmp_path / "run", SMALL, device="cuda")
    assert not (tmp_path / "run").exists()


def test_colour_images_of_a_folder(tmp_path):
    random = np.random.default_rng(0)
    for name in "abcd":
        (tmp_path / "images" / name).mkdir(parents=True)
        for item in range(4):
            pixels = random.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{item}.png")
    config = replace(SMALL, data="folder", root=str(tmp_path / "images"), epochs=1)
    run = train(tmp_path / "run", config)
    assert run.thumbnails("train").shape == (8, 64, 64, 3)
    assert run.method["classes_per_batch"] == 2


def test_schedule_steps():
    config = replace(SMALL, lr=1.0, lr_step=2, lr_gamma=0.5)
    assert [config.lr_at(epoch) for epoch in range(1, 7)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert replace(config, lr_step=0).lr_at(100) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "adm"}, "unknown optimizer 'adm'.*choose one of: adam, adamw, sgd, rmsprop"),
        ({"dim": 0}, "dim is 0; 1 is the least"),
        ({"epochs": -1}, "epochs is -1"),
        ({"lr": 0.0}, "lr is 0.0; a number above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_a_configuration_that_cannot_be(change, message):
    with pytest.raises(InputError, match=message):
        replace(SMALL, **change)


def test_batches_hold_p_classes_of_k_items():
    labels = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    sampler = PKSampler(labels, classes=4, items=3, seed=1)
    batches = list(sampler.batches(2))
    assert len(batches) == sampler.steps == 55 // 12
    for batch in batches:
        groups = labels[batch].reshape(4, 3)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == 4
        assert 0 not in groups
        for group in batch.reshape(4, 3):
            assert len(set(group)) == min(3, (labels == labels[group[0]]).sum())
    again = PKSampler(labels, classes=4, items=3, seed=1)
    np.testing.assert_array_equal(np.stack(batches), np.stack(list(again.batches(2))))
    assert not np.array_equal(np.stack(batches), np.stack(list(again.batches(3))))
    with pytest.raises(InputError, match="two of each are the least"):
        PKSampler(labels, classes=1, items=3, seed=1)


def test_streams_are_keyed():
    draws = {
        (purpose, epoch, step): stream(0, purpose, epoch=epoch, step=step).integers(2**62)
        for purpose in Purpose
        for epoch in range(3)
        for step in range(3)
    }
    assert len(set(draws.values())) == len(draws)
    assert stream(0, Purpose.STEP, epoch=1, step=2).integers(2**62) == draws[Purpose.STEP, 1, 2]


def test_augmentation_is_light_and_repeatable():
    images = torch.zeros(6, 1, 32, 32)
    images[:, :, 12:20, 12:20] = 1
    draw = Draw(seed=0, epoch=1, step=1, size=len(images))
    first = augment(images, draw, mirrored=True)
    again = augment(images, draw, mirrored=True)
    share = augment(images[3:], replace(draw, start=3), mirrored=True)
    assert torch.equal(share, first[3:])
    assert torch.equal(first, again)
    assert not torch.equal(first, images)
    assert first.shape == images.shape
    overlap = (first * images).sum(dim=(1, 2, 3)) / images.sum(dim=(1, 2, 3))
    assert (overlap > 0.4).all()


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (28, 28), (32, 32), (64, 48)])
def test_the_small_network_takes_any_size(size):
    network = SmallFeatures(channels=3, size=size)
    assert network(torch.rand(2, 3, *size)).shape == (2, network.width)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_small_network_is_plain_blocks_in_the_layout_in_which_convolutions_are_fast(channels):
    torch.manual_seed(0)
    network = SmallFeatures(channels=channels, size=(16, 20))
    images = torch.rand(5, channels, 16, 20)
    plain = images
    for block in network.children():
        if isinstance(block, nn.Conv2d):
            plain = functional.conv2d(plain, block.weight.contiguous(), padding=1)
        elif isinstance(block, nn.BatchNorm2d):
            mean = plain.mean(dim=(0, 2, 3), keepdim=True)
            variance = plain.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
            plain = (plain - mean) / torch.sqrt(variance + block.eps)
            plain = functional.max_pool2d(plain.relu(), 2)
    maps = network.maps(images)
    assert [block.shape[2:] for block in maps] == [(8, 10), (4, 5)]
    assert all(block.stride(1) == 1 for block in maps)
    torch.testing.assert_close(maps[-1], plain, rtol=1e-4, atol=1e-5)


def test_no_checkpoint_is_the_state_before_all(tmp_path):
    network = torch.nn.Linear(1, 1)
    stepper = Stepper(TrainConfig(), network, torch.device("cpu"))
    assert load_checkpoint(tmp_path, network, stepper=stepper, device=torch.device("cpu")) == -1
