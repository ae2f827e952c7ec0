"""Training that starts from another run's checkpoint, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import assert_refused, once, tree, write_run
from training_support import train

import embedlens
from embedlens.training.config import TrainConfig

SMALL = ["--data", "digits", "--dim", "4", "--epochs", "0", "--threads", "1", "--items-per-class", "90"]
GRID = [*SMALL, "--epochs", "1", "--loss", "epshn", "--format", "png", "--json"]


@pytest.fixture
def first(folder):
    """A run to start from, of no epoch."""
    config = TrainConfig(data="digits", epochs=0, dim=4, classes_per_batch=5, items_per_class=90, seed=7)
    return train(folder / "runs/first", config)


def test_a_run_starts_from_another_through_the_real_entry_point(program, cli, folder, first):
    done = program("train", *SMALL, "--init", "first", "--out", "runs/fine")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/fine")
    assert run.method["init"] == str(folder / "runs/first")
    assert run.pretrained("test") is not None
    told = cli("info", "fine")
    shown = f"init={folder / 'runs/first'} (SHA-256 {run.method['init_sha256'][:12]})"
    assert shown in told.out
    assert "init_sha256" not in told.out
    assert "before  pretrained features of 1,024 dims" in told.out
    assert cli("info", "fine", "--json").json["summary"]["fine"]["method"]["init_sha256"]
    done = cli("train", "--resume", "fine", "--init", "first")
    assert_refused(done, "--init cannot change a run that is resumed")
    for out, init in (("two", "runs/first"), ("three", (folder / "runs/first").as_uri())):
        cli("train", *SMALL, "--init", init, "--out", f"runs/{out}")
        assert embedlens.open_run(f"runs/{out}").method == run.method


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--init", "frist"], ["no such run: frist", "first"]),
        (["--init", "mine"], ["runs/mine has no checkpoint.pt, whose weights --init takes"]),
        (["--init", "first", "--weights", "x"], ["--init and --weights both give the initial weights"]),
        (["--init", "first", "--backbone", "features:x.npy"], ["--init is for networks", "no weights"]),
        (
            ["--init", "first", "--backbone", "timm:resnet18"],
            ["has the backbone 'small', not 'timm:resnet18'"],
        ),
        (["--init", "first", "--image-size", "32"], ["digits at their own size", "at 32 pixels"]),
        (["--init", "first", "--out", "runs/first"], ["runs/first already exists"]),
    ],
)
def test_what_a_run_cannot_start_from(cli, folder, first, words, parts):
    write_run("runs/mine", epochs=1)
    before = tree(folder)
    assert_refused(cli("train", *once(*SMALL, *words)), *parts)
    assert tree(folder) == before
    if "--out" not in words:
        assert_refused(cli("sweep", *once(*GRID, "--lr", "0.001", *words)), *parts)
        assert_refused(cli("compare", *once(*GRID, "--method", "plain", *words)), *parts)
        assert tree(folder) == before


@pytest.mark.parametrize("command", ["sweep", "compare"])
def test_a_grid_starts_from_a_run_and_knows_its_runs_again(cli, folder, first, command):
    own = {"sweep": ["--lr", "0.001", "--seed", "0,1"], "compare": ["--method", "plain", "--seed", "0,1"]}
    line = [command, *once(*GRID), *own[command]]
    done = cli(*line, "--init", "first")
    assert done.code == 0, done.err
    (figure,) = done.json["figures"]
    assert "-init_first-" in figure
    runs = [embedlens.open_run(path) for path in sorted(Path("runs").glob("digits-*"))]
    assert [run.method["seed"] for run in runs] == [0, 1]
    assert {run.method["init"] for run in runs} == {str(folder / "runs/first")}
    before = tree("runs")
    again = cli(*line, "--init", "runs/first")
    assert again.code == 0, again.err
    assert again.json["summary"] == done.json["summary"]
    assert tree("runs") == before
    train(folder / "runs/second", TrainConfig(**{**first.method, "seed": 8}))
    refused = cli(*line, "--init", "second")
    assert_refused(refused, "first with SHA-256", "second with SHA-256", "or the same --init")
    assert json.loads(Path(figure).with_suffix(".json").read_text())["command"]
