from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, brute_force, tree

import embedlens
from embedlens.training import trainer as module

TRAIN = ["--data", "folder", "--root", "images", "--threads", "1", "--items-per-class", "4"]
SMALL = [*TRAIN, "--epochs", "1", "--format", "png"]
FOUR = [f"folder-{loss}-lr{lr}-dim4-seed0" for loss in ("ep", "epshn") for lr in ("0.0001", "0.001")]


@pytest.fixture(autouse=True)
def images(folder):
    """Ten classes of four noisy grey images, five for training."""
    random = np.random.default_rng(0)
    for name in "abcdefghij":
        (folder / "images" / name).mkdir(parents=True)
        shape = random.integers(0, 200, (16, 16))
        for item in range(4):
            pixels = (shape + random.integers(0, 56, (16, 16))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{item}.png")


def sweep(cli, *words):
    return cli("sweep", *SMALL, "--dim", "4", *words)


def snapshots(folder):
    return {name: data for name, data in tree(folder).items() if name.endswith(".npy")}


def test_through_the_real_entry_point_and_again(program, cli, folder):
    done = program("sweep", *SMALL, "--dim", "4", "--lr", "0.001,1e-4,0.0001", "--json")
    assert done.code == 0, done.err
    assert done.err.splitlines()[0] == "4 runs of 1 epoch on folder: 4 epochs to train"
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(FOUR)
    answer = done.json
    assert all((folder / path).is_file() for path in answer["figures"] + answer["data"])
    assert set(answer["summary"]) == {"ep", "epshn"}
    assert list(answer["summary"]["ep"]) == ["0.0001", "0.001"]
    told = answer["summary"]["epshn"]["0.001"]["4"]
    run = embedlens.open_run("runs/folder-epshn-lr0.001-dim4-seed0")
    pairs = brute_force(run.snapshot("test", 1).embeddings, run.labels("test"))
    recall = np.mean([negative[0] < positive[0] for _, positive, negative in pairs])
    assert told == {
        "mean": recall, "deviation": None, "n": 1, "n_failed": 0,
        "runs": {run.name: {"seed": 0, "value": recall}},
    }  # fmt: skip
    before = tree(folder / "runs")
    again = sweep(cli, "--lr", "0.0001,0.001")
    assert again.code == 0
    assert again.err.splitlines() == ["4 runs of 1 epoch on folder: all finished"]
    assert "test R@1, epoch 1" in again.out
    assert tree(folder / "runs") == before
    larger = sweep(cli, "--loss", "ep", "--lr", "0.0001,0.001", "--seed", "0,1", "--json")
    assert larger.err.splitlines()[0] == "4 runs of 1 epoch on folder, 2 finished: 2 epochs to train"
    after = tree(folder / "runs")
    assert before.items() <= after.items()
    numbers = larger.json["summary"]["ep"]["0.001"]["4"]
    values = [one["value"] for one in numbers["runs"].values()]
    assert numbers["n"] == len(values) == 2
    assert numbers["mean"] == pytest.approx(np.mean(values), abs=1e-15)
    assert numbers["deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-15)


def test_a_stopped_grid_is_completed_with_the_same_bytes(cli, folder, monkeypatch):
    """Stopped in the second run, after its first snapshots; another run is unfinished, one barely begun."""
    saved = []

    def stop(*words, **options):
        saved.append(words)
        if len(saved) == 4:
            raise KeyboardInterrupt
        return keep(*words, **options)

    keep = module.save_checkpoint
    rates = ["--loss", "ep", "--lr", "0.0001,0.001,0.01,0.02"]
    assert sweep(cli, *rates, "--out", "whole").code == 0
    monkeypatch.setattr(module, "save_checkpoint", stop)
    stopped = sweep(cli, *rates)
    assert stopped.code == 130
    assert "go on with the same command" in stopped.err
    assert stopped.out == ""
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    listed = sweep(cli, *rates, "--dry-run", "--json").json["summary"]["runs"]
    assert [one["state"] for one in listed] == ["finished", "finished", "new", "new"]
    short = ["train", *TRAIN, "--dim", "4", "--loss", "ep", "--lr", "0.01", "--epochs", "0"]
    assert cli(*short, "--out", "runs/folder-ep-lr0.01-dim4-seed0").code == 0
    barely = folder / "runs/folder-ep-lr0.02-dim4-seed0/splits/train"
    barely.mkdir(parents=True)
    (barely / ".labels.npy.1.partial").touch()
    table = sweep(cli, *rates, "--dry-run").out
    assert "unfinished, epoch 0 of 1" in table
    assert "4 runs of 1 epoch on folder, 2 finished: 2 epochs to train" in table
    assert sweep(cli, *rates).code == 0
    assert snapshots(folder / "runs") == snapshots(folder / "whole")


def test_longer_and_shorter(cli, folder):
    words = ["--loss", "ep", "--lr", "0.001"]
    value = sweep(cli, *words, "--json").json["summary"]["ep"]["0.001"]["4"]["mean"]
    longer = sweep(cli, *words, "--epochs", "2")
    assert longer.err.splitlines()[0] == "1 run of 2 epochs on folder: 1 epoch to train"
    assert embedlens.open_run("runs/folder-ep-lr0.001-dim4-seed0").epochs() == [0, 1, 2]
    shorter = sweep(cli, *words, "--json")
    assert "all finished" in shorter.err
    assert shorter.json["summary"]["ep"]["0.001"]["4"]["mean"] == value
    names = sorted(path.name for path in (folder / "figures").glob("*.png"))
    assert [name.rsplit("-", 2)[1:] for name in names] == [["epoch", "0001.png"], ["epoch", "0002.png"]]
    train = ["train", *TRAIN, "--dim", "4", "--loss", "ep", "--lr", "0.001"]
    assert cli(*train, "--epochs", "2", "--out", "alone/folder-ep-lr0.001-dim4-seed0").code == 0
    assert snapshots(folder / "alone") == snapshots(folder / "runs")


def test_one_failure_does_not_lose_the_rest(cli, folder):
    words = ["--loss", "n-pair-mc,ep", "--optimizer", "sgd", "--lr", "0.0002,1e30", "--l2", "0.01"]
    done = sweep(cli, *words, "--json")
    assert done.code == 0
    failed = done.json["summary"]["n-pair-mc"]["1e+30"]["4"]
    assert (failed["mean"], failed["n"], failed["n_failed"]) == (None, 0, 1)
    reason = failed["runs"]["folder-n-pair-mc-lr1e+30-dim4-seed0"]["failure"]
    assert "NaN" in reason or "nan" in reason
    assert "try a lower --lr" in reason
    assert f"folder-n-pair-mc-lr1e+30-dim4-seed0: failed: {reason}" in done.err
    assert done.err.splitlines()[-1].startswith("1 of 4 runs failed") or "2 of 4 runs failed" in done.err
    assert done.json["summary"]["n-pair-mc"]["0.0002"]["4"]["n"] == 1
    options = [
        embedlens.open_run(f"runs/folder-{loss}-lr0.0002-dim4-seed0").method["loss_options"]
        for loss in ("n-pair-mc", "ep")
    ]
    assert options == [{"l2": 0.01}, {}]  # an option goes to the losses that have it
    with (folder / done.json["data"][0]).open(newline="") as handle:
        rows = {row["run"]: row for row in csv.DictReader(handle)}
    assert rows["folder-n-pair-mc-lr1e+30-dim4-seed0"]["value"] == ""
    assert rows["folder-n-pair-mc-lr1e+30-dim4-seed0"]["mean"] == ""
    table = sweep(cli, *words).out
    assert "failed" in table
    alone = sweep(cli, "--loss", "n-pair-mc", *words[2:5], "1e30", *words[6:])
    assert alone.code == 2
    assert alone.err.splitlines()[-1].startswith("embedlens: every run failed; the first, folder-n-pair-mc")


def test_dims_are_compared_by_any_score_and_then_pruned(cli, folder):
    words = ["--loss", "ep", "--lr", "0.001", "--dim", "8,4,8", "--seed", "0,1", "--metric", "nmi"]
    done = cli("sweep", *SMALL, *words, "--split", "train", "--json")
    assert done.code == 0, done.err
    (figure,) = done.json["figures"]
    assert figure == (
        "figures/sweep-folder-ep-lr0.001-dim4+8-seed0+1-images-items_per_class_4-threads_1"
        "-nmi-train-epoch-0001.png"
    )
    run = embedlens.open_run("runs/folder-ep-lr0.001-dim8-seed1")
    snapshot = run.snapshot("train", 1)
    nmi = embedlens.analysis.scores.score(snapshot.embeddings, snapshot.labels, ["nmi"])["nmi"]
    assert done.json["summary"]["ep"]["0.001"]["8"]["runs"][run.name]["value"] == nmi
    sidecar = json.loads((folder / figure).with_suffix(".json").read_text())
    assert sidecar["metric"] == "nmi"
    assert sidecar["split"] == "train"
    assert sidecar["epochs"] == [1]
    assert (sidecar["shown"], sidecar["of"]) == (20, 20)
    assert {one["source"] for one in sidecar["runs"]} == {"computed"}
    assert [one["seed"] for one in sidecar["runs"]] == [0, 0, 1, 1]
    assert sidecar["training"]["data"] == "folder"
    assert sidecar["engine"]["device"] == "cpu"
    assert list(done.json["summary"]["ep"]["0.001"]) == ["4", "8"]
    values = [
        (one["value"], one["seed"])
        for dim in done.json["summary"]["ep"]["0.001"].values()
        for one in dim["runs"].values()
    ]
    best = [f"runs/folder-ep-lr0.001-dim{dim}-seed{max(values)[1]}" for dim in (8, 4)]
    told = cli("sweep", *SMALL, *words, "--split", "train")
    assert told.out.splitlines()[-1] == f"next: embedlens pca-prune {' '.join(best)}"


def test_without_options_the_grid_of_the_notebook_is_listed(cli, folder):
    done = cli("sweep", "--dry-run")
    lines = done.out.splitlines()
    assert lines[-1] == "10 runs of 8 epochs on glyphs: 80 epochs to train"
    rates = ("0.0001", "0.0002", "0.0004", "0.0008", "0.0016")
    assert [line.split()[0] for line in lines[1:-1]] == [
        f"runs/glyphs-{loss}-lr{lr}-dim64-seed0" for loss in ("ep", "epshn") for lr in rates
    ]
    assert {line.split()[-1] for line in lines[1:-1]} == {"new"}
    assert {name.split("/")[0] for name in tree(folder)} == {"images"}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--loss", "tripet"], ["unknown loss 'tripet'", "contrastive, ep, ephn"]),
        (["--loss", ","], ["--loss ',' names no loss"]),
        (["--lr", "0.1,0"], ["--lr '0.1,0'; numbers above 0"]),
        (["--lr", "0.1,-1"], ["--lr '0.1,-1'"]),
        (["--lr", "fast"], ["--lr 'fast'"]),
        (["--lr", "inf"], ["--lr 'inf'"]),
        (["--lr", "nan"], ["--lr 'nan'"]),
        (["--lr", ""], ["--lr ''"]),
        (["--dim", "8,0"], ["--dim '8,0'; whole numbers from 1"]),
        (["--dim", "8.5"], ["--dim '8.5'"]),
        (["--seed", "-1"], ["--seed '-1'; whole numbers from 0"]),
        (["--epochs", "0"], ["--epochs"]),
        (["--loss", "ep", "--order", "2"], ["no loss of the grid (ep) has an option 'order'"]),
        (["--order", "3"], ["unknown order '3'"]),
        (["--optimizer", "adamw"], ["unknown optimizer 'adamw'"]),
        (["--items-per-class", "1"], ["two of each are the least"]),
        (["--root", "missing"], ["no such folder"]),
        (["--data", "mnist"], ["unknown data set 'mnist'"]),
        (["--metric", "recal"], ["unknown metric 'recal'"]),
        (["--metric", "recall"], ["--metric 'recall' is 4 scores", "choose one"]),
        (["--split", "tset"], ["unknown split 'tset'", "train, test"]),
        (["--format", "bmp"], ["unknown format 'bmp'"]),
        (["--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["--device", "tpu"], ["unknown device 'tpu'"]),
        (["--out", "notes"], ["notes/folder-ep-lr0.001-dim4-seed0 is not a run"]),
    ],
)
def test_what_is_refused_before_anything_trains(cli, folder, words, parts):
    (folder / "notes/folder-ep-lr0.001-dim4-seed0").mkdir(parents=True)
    (folder / "notes/folder-ep-lr0.001-dim4-seed0/notes.txt").touch()
    before = tree(folder)
    assert_refused(sweep(cli, "--loss", "ep,epshn", "--lr", "0.001", *words), *parts)
    assert tree(folder) == before


def test_a_run_of_another_configuration_is_refused_by_name(cli, folder):
    assert sweep(cli, "--loss", "ep", "--lr", "0.001").code == 0
    before = tree(folder)
    done = sweep(cli, "--loss", "ep", "--lr", "0.0001,0.001", "--temperature", "0.2")
    assert_refused(done, "folder-ep-lr0.001-dim4-seed0 was trained with temperature 0.1, not 0.2", "--out")
    assert tree(folder) == before
