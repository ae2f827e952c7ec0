"""Backbones, optimisation and early stop from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import layouts
import numpy as np
import pytest
import torch
import vision
from support import Result, assert_refused, brute_force, once, rows_of, tree

import embedlens
from embedlens_cli.common.training_options import _OF_RUNS, _without_folder

QUICK = ["--dim", "4", "--threads", "1", "--workers", "0", "--epochs", "1"]
BIRDS = [*QUICK, "--data", "cub200", "--root", "birds"]
HEAD = [*BIRDS, "--backbone", "features:features.npy"]


@pytest.fixture(autouse=True)
def features(folder):
    """Birds on disk, and features [24, 6] of them in the order of images.txt, their classes far apart."""
    layouts.cub200(folder / "birds")
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 1, 6))
    array = (centres + 0.7 * random.normal(size=(6, 4, 6))).reshape(24, 6).astype(np.float32)
    np.save(folder / "features.npy", array)
    return array


def train(cli, *words):
    done = cli(*once("train", *words))
    assert done.code == 0, done.err
    return done


def with_vision(*words):
    """Call the program in a process of its own in which timm can be loaded."""
    command = [sys.executable, "-W", "error", vision.__file__, *map(str, once(*words))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def share_right(z, y):
    """R@1 by plain loops."""
    return np.mean([negative[0] < positive[0] for _, positive, negative in brute_force(z, y)])


def statistics(run, name):
    """The tensors of a run's last checkpoint whose names end so."""
    state = torch.load(run.path / "checkpoint.pt", weights_only=True)["network"]
    found = [value for key, value in state.items() if key.endswith(name)]
    assert found
    return torch.cat([value.flatten() for value in found])


def test_a_head_on_features_that_exist(cli, folder, features):
    train(cli, *HEAD, "--split-by", "items", "--out", "runs/head")
    run = embedlens.open_run("runs/head")
    rows = np.arange(24)
    of_split = {"train": rows[rows % 4 < 2], "test": rows[rows % 4 >= 2]}  # as train_test_split.txt says
    for split, own in of_split.items():
        np.testing.assert_array_equal(run.pretrained(split), features[own])
        before = np.column_stack([features[own], np.ones(12)])
        for epoch in (0, 1):
            z = run.snapshot(split, epoch).embeddings
            assert z.shape == (12, 4)
            solved = np.linalg.lstsq(before, z, rcond=None)[0]
            np.testing.assert_allclose(before @ solved, z, atol=1e-5)  # linear in the features
            assert run.log[epoch][f"{split}_recall_at_1"] == share_right(z, run.labels(split))
    assert not np.array_equal(run.snapshot("test", 0).embeddings, run.snapshot("test", 1).embeddings)
    assert run.method["backbone"] == f"features:{folder / 'features.npy'}"
    assert run.thumbnails("train").shape == (12, 64, 64, 3)


def test_features_of_another_run_and_of_each_split(cli, folder, features):
    train(cli, *HEAD, "--out", "runs/one")
    for split, own in (("train", features[:12]), ("test", features[12:])):
        np.save(folder / f"parts-{split}.npy", own)
    train(cli, *BIRDS, "--backbone", "features:runs/one", "--out", "runs/other")
    train(cli, *BIRDS, "--backbone", "features:parts-{split}.npy", "--out", "runs/third")
    one, other, third = (tree(folder / f"runs/{name}/splits") for name in ("one", "other", "third"))
    assert "train/pretrained.npy" in one
    assert one == other == third
    train(cli, *HEAD)
    assert (folder / "runs/cub200-epshn-features/run.json").is_file()


def test_features_need_no_images(cli, folder):
    for image in (folder / "birds/CUB_200_2011/images").rglob("*.jpg"):
        image.unlink()
    train(cli, *HEAD, "--out", "runs/head")
    assert embedlens.open_run("runs/head").thumbnails("train") is None
    refused = cli("train", *BIRDS, "--out", "runs/small")
    assert_refused(refused, "'cub200', split 'train': 12 of 12 images are missing")


def test_the_pretrained_state_is_where_paths_begin(cli, folder, features):
    train(cli, *HEAD, "--epochs", "0", "--out", "runs/head")
    run = embedlens.open_run("runs/head")
    assert run.epochs() == [0]
    labels = run.labels("test")
    told = cli("distances", "head", "--format", "png", "--json").json["summary"]["head"]["test"]
    assert list(told) == ["pretrained", "0"]
    for state, z in (("pretrained", features[12:]), ("0", run.snapshot("test", 0).embeddings)):
        ideal = [np.hypot(1 - p[0], n[0]) for _, p, n in brute_force(z, labels)]
        assert told[state]["mean_distance"] == pytest.approx(np.mean(ideal), abs=1e-6)
    paths = cli("trajectory", "head", "--anchor", "5", "--format", "png", "--json").json
    start = paths["summary"]["head"]["test"]["pretrained"]["5"]
    unit = features[12:] / np.linalg.norm(features[12:], axis=1, keepdims=True)
    assert start["s_ap"] == pytest.approx(unit[5] @ unit[start["positive"]], abs=1e-6)
    assert start["s_an"] == pytest.approx(unit[5] @ unit[start["negative"]], abs=1e-6)
    drawn = cli("scatter", "head", "--format", "png", "--json").json["summary"]["head"]["test"]
    assert drawn["0"]["recall_at_1"] == share_right(run.snapshot("test", 0).embeddings, labels)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--backbone", "features:none.npy"], ["no such file of features: ", "none.npy"]),
        (["--backbone", "features:short.npy"], ["short.npy has 23 rows, but the data set has 24 items"]),
        (["--backbone", "features:part-{split}.npy"], ["part-train.npy has 24 rows, but split 'train' has"]),
        (["--backbone", "features:flat.npy"], ["flat.npy", "shape (N, D)"]),
        (["--backbone", "features:nan.npy"], ["nan.npy", "row 3"]),
        (["--backbone", "features:birds"], ["no pretrained features in", "birds; a run has them"]),
        (["--backbone", "features:words.npy"], ["words.npy"]),
        (["--backbone", "features:features.npy", "--image-size", "32"], ["--image-size is for images"]),
        (["--backbone", "features:features.npy", "--freeze-bn"], ["--freeze-bn is for timm backbones"]),
        (["--backbone", "features:features.npy", "--weights", "w"], ["--weights is for timm backbones"]),
        (["--backbone", "features:features.npy", "--hidden", "6,x"], ["hidden is '6,x'; numbers from 1 to"]),
        (["--hidden", "6"], ["--hidden is for features backbones; 'small' has no use for it"]),
        (["--backbone", "feature:features.npy"], ["unknown backbone 'feature:features.npy'"]),
        (["--backbone", "timm"], ["unknown backbone 'timm'", "timm:NAME"]),
        (["--backbone", "small:2"], ["unknown backbone 'small:2'"]),
    ],
)
def test_features_that_do_not_fit(cli, folder, features, words, parts):
    np.save(folder / "short.npy", features[:23])
    np.save(folder / "part-train.npy", features)
    np.save(folder / "flat.npy", features[:, 0])
    broken = features.copy()
    broken[3, 1] = np.nan
    np.save(folder / "nan.npy", broken)
    (folder / "words.npy").write_text("six features")
    before = tree(folder)
    assert_refused(cli(*once("train", *BIRDS, *words)), *parts)
    assert tree(folder) == before
    assert not (folder / "runs").exists()


def test_timm_that_is_not_installed(cli, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    refused = cli("train", *BIRDS, "--backbone", "timm:test_efficientnet")
    assert_refused(refused, "timm backbones need the extra vision", "pip install 'embedlens[vision]'")
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_torchvision_that_does_not_load(program, folder):
    done = program("train", *BIRDS, "--backbone", "timm:test_efficientnet", "--no-pretrained")
    if done.code == 0:
        pytest.skip("torchvision loads here")
    assert_refused(
        done, "torchvision does not fit this torch, ", "builds of torch and torchvision that belong"
    )
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_a_network_of_timm_with_frozen_batch_norm(folder):
    words = ["--backbone", "timm:test_efficientnet", "--no-pretrained", "--image-size", "32", "--freeze-bn"]
    done = with_vision("train", *BIRDS, *words, "--lr", "0.001")
    assert done.code == 0, done.err
    assert len(done.err.splitlines()) == 2  # numbers of images that are not those published
    run = embedlens.open_run("runs/cub200-epshn-test_efficientnet")
    assert run.epochs() == [0, 1]
    told = {name: run.method[name] for name in ("backbone", "pretrained", "freeze_bn", "image_size", "lr")}
    assert told == {
        "backbone": "timm:test_efficientnet", "pretrained": False, "freeze_bn": True, "image_size": 32,
        "lr": 0.001,
    }  # fmt: skip
    assert run.pretrained("train") is None
    first, last = (run.snapshot("test", epoch).embeddings for epoch in (0, 1))
    assert not np.array_equal(first, last)
    assert not statistics(run, "running_mean").any()  # as they were made
    assert (statistics(run, "running_var") == 1).all()


@pytest.mark.slow
def test_a_network_of_timm_as_it_is(folder):
    """Batch norm learns, workers change nothing, and a run goes on; the rate is a tenth of the usual one."""
    words = ["--backbone", "timm:test_efficientnet", "--no-pretrained", "--image-size", "32"]
    for out, more in {"one": [], "two": ["--workers", "2"], "long": ["--epochs", "2"]}.items():
        done = with_vision("train", *BIRDS, *words, *more, "--out", f"runs/{out}")
        assert done.code == 0, done.err
    one, two, long = (tree(folder / f"runs/{name}/splits") for name in ("one", "two", "long"))
    assert one == two
    run = embedlens.open_run("runs/one")
    assert statistics(run, "running_mean").any()
    assert run.method["lr"] == pytest.approx(0.0001)
    done = with_vision("train", "--resume", "one", "--epochs", "2", "--workers", "2")
    assert done.code == 0, done.err
    assert tree(folder / "runs/one/splits") == long


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--backbone", "timm:resnet18x"], ["unknown timm network 'resnet18x'; is it one of "]),
        (["--backbone", "timm:test_vit", "--image-size", "30"], ["cannot take images of 30 pixels"]),
        (["--backbone", "timm:test_vit", "--weights", "none.pt"], ["no such file of weights", "none.pt"]),
        (["--backbone", "timm:test_vit", "--weights", "features.npy"], ["cannot be read as weights"]),
    ],
)
def test_what_timm_refuses(folder, words, parts):
    assert_refused(with_vision("train", *BIRDS, "--no-pretrained", *words), *parts)
    assert not (folder / "runs").exists()


def test_early_stop_tells_why(cli, folder):
    words = [*HEAD, "--epochs", "9", "--lr", "1e-9", "--stop-metric", "test_recall_at_1", "--patience", "2"]
    done = train(cli, *words, "--out", "runs/told")
    run = embedlens.open_run("runs/told")
    assert run.epochs() == [0, 1, 2]
    best = run.log[0]["test_recall_at_1"]
    reason = f"epoch 2: test_recall_at_1 has been no better since epoch 0, {best:.4f}; training ends"
    on = "; resume with --resume runs/told --stop-metric none"
    assert done.err.splitlines()[-1] == reason + on
    assert "training ends" not in done.out
    assert "3 epochs recorded" in done.out
    answer = train(cli, *words, "--out", "runs/json", "--json")
    assert answer.json["summary"]["stopped"] == reason
    assert len(answer.json["summary"]["log"]) == 3
    again = train(cli, "--resume", "told", "--json").json["summary"]
    assert (again["stopped"], len(again["log"])) == (reason, 3)


def test_options_of_the_optimisation(cli, folder):
    words = [
        "--epochs", "4", "--schedule", "cosine", "--warmup", "2", "--lr", "0.001", "--clip", "0.01",
        "--precision", "bfloat16", "--embedding-l2", "0.5", "--optimizer", "rmsprop", "--weight-decay", "0.1",
    ]  # fmt: skip
    train(cli, *HEAD, *words, "--out", "runs/changed")
    run = embedlens.open_run("runs/changed")
    expected = {
        "epochs": 4, "schedule": "cosine", "warmup": 2.0, "lr": 0.001, "clip": 0.01,
        "precision": "bfloat16", "embedding_l2": 0.5, "optimizer": "rmsprop", "weight_decay": 0.1,
    }  # fmt: skip
    method = json.loads((run.path / "run.json").read_text())["method"]
    assert {name: method[name] for name in expected} == expected
    # One step an epoch: it rises for two, and falls half the way to 0 at the beginning of the last.
    assert [row["lr"] for row in run.log[1:]] == pytest.approx([0.0005, 0.001, 0.001, 0.0005])
    z = run.snapshot("train", 0).embeddings
    penalty = 0.5 * np.mean(np.sum(z.astype(float) ** 2, axis=1))
    assert run.log[1]["embedding_l2"] == pytest.approx(penalty, rel=0.02)  # in bfloat16
    assert all(row["gradient_norm"] > 0 for row in run.log[1:])
    steps = ["--epochs", "3", "--lr", "0.001", "--lr-step", "1", "--lr-gamma", "0.5"]
    train(cli, *HEAD, *steps, "--out", "runs/stepped")
    log = embedlens.open_run("runs/stepped").log
    assert [row["lr"] for row in log[1:]] == pytest.approx([0.001, 0.0005, 0.00025])
    assert "gradient_norm" not in log[1]


@pytest.mark.parametrize(
    "words",
    [
        ["--precision", "bfloat16"], ["--clip", "0.001", "--optimizer", "sgd"], ["--optimizer", "sgd"],
        ["--weight-decay", "0.5"], ["--embedding-l2", "0.5"], ["--optimizer", "adamw", "--lr", "0.01"],
    ],
)  # fmt: skip
def test_options_that_change_what_is_learnt(cli, folder, words):
    train(cli, *HEAD, "--epochs", "2", "--out", "runs/usual")
    train(cli, *HEAD, "--epochs", "2", *words, "--out", "runs/changed")
    runs = [embedlens.open_run(f"runs/{name}") for name in ("usual", "changed")]
    first, last = ([run.snapshot("test", epoch).embeddings for run in runs] for epoch in (0, 2))
    np.testing.assert_array_equal(*first)
    assert not np.array_equal(*last)


def test_a_sweep_is_named_after_what_is_changed(cli, folder):
    layouts.csv_list(folder / "list")
    words = [*QUICK, "--image-size", "16", "--data", "csv", "--root", "list/birds.csv", "--loss", "ep"]
    words += ["--lr", "0.001,0.01", "--schedule", "cosine", "--format", "png"]
    done = cli("sweep", *words, "--json")
    assert done.code == 0, done.err
    names = {path: Path(path).name for path in done.json["figures"] + done.json["data"]}
    assert {name.rsplit(".", 1)[1] for name in names.values()} == {"png", "csv"}
    for path, name in names.items():
        assert (folder / path).is_file()
        assert "-schedule_cosine-" in name
        assert "-birds.csv-" in name
        assert name.startswith("sweep-csv-ep-lr0.001+0.01-dim4-")
    assert {path.name for path in (folder / "runs").iterdir()} == {
        f"csv-ep-lr{lr}-dim4-seed0" for lr in ("0.001", "0.01")
    }
    rows = rows_of(next(folder / path for path in names if path.endswith("csv")))
    recalls = {
        run.method["lr"]: run.log[1]["test_recall_at_1"]
        for run in map(embedlens.open_run, (folder / "runs").iterdir())
    }
    assert {float(row["lr"]): float(row["value"]) for row in rows if row.get("seed") == "0"} == recalls
    again = cli("sweep", *[word for word in words if word not in ("--schedule", "cosine")])
    assert_refused(again, "was trained with schedule cosine, not step", "--out")


@pytest.mark.parametrize("command", ["sweep", "compare --preset published --method plain,divide-conquer"])
def test_a_grid_on_features_that_are_missing_is_refused_before_any_run(cli, folder, command):
    done = cli(*command.split(), *BIRDS, "--backbone", "features:nowhere", "--loss", "triplet", "--dry-run")
    assert_refused(done, "no such file of features", "nowhere")


@pytest.mark.parametrize(
    ("backbone", "named"),
    [("features:deep/in/birds.npy", "birds"), ("features:deep/birds/{split}.npy", "birds"),
     ("features:runs/birds", "birds"), ("timm:resnet18", None), ("small", None)],
)  # fmt: skip
def test_figures_of_features_are_named_without_their_folder(backbone, named):
    wanted = backbone if named is None else f"features:{named}"
    assert _without_folder(backbone) == wanted


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_help_lists_every_shared_option_once(cli, command):
    text = cli(command, "--help").out
    listed = [name for names in re.findall(r"^  ((?:--[a-z0-9-]+[ /,]+)+)", text, re.M)
              for name in re.findall(r"--[a-z0-9-]+", names)]  # fmt: skip
    assert sorted(set(listed)) == sorted(listed)
    shared = {f"--{name.replace('_', '-')}" for name in _OF_RUNS}
    assert shared <= set(listed)
    assert {"--no-augment", "--no-pretrained"} <= set(listed)
    assert ("--stop-metric" in listed) == (command == "train")
