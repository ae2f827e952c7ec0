from __future__ import annotations

import csv
import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from support import assert_refused, brute_force, once, sidecar_of, tree

import embedlens
from embedlens import InputError
from embedlens.analysis import scores
from embedlens.experiments import collapse, grid_runs, grid_training
from embedlens.objectives import LOSSES, Loss
from embedlens.training import loop as module

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
    return cli("sweep", *once(*SMALL, "--dim", "4", *words))


def snapshots(folder):
    return {name: data for name, data in tree(folder).items() if name.endswith(".npy")}


@pytest.mark.slow
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
    initial, rank = (
        run.log[epoch][f"test_{name}"] for epoch, name in ((0, "recall_at_1"), (1, "effective_rank"))
    )
    collapsed = collapse.run_collapsed(run, 1)
    numbers = {"initial": initial, "gain": recall - initial, "effective_rank": rank}
    assert told == {
        "mean": recall, "deviation": None, "n": 1, "n_failed": 0, "n_collapsed": int(collapsed), **numbers,
        "runs": {run.name: {"seed": 0, "value": recall, **numbers, "collapsed": collapsed}},
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


@pytest.mark.slow
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
    assert "resume with the same command" in stopped.err
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


@pytest.mark.slow
def test_one_failure_does_not_lose_the_rest(cli, folder):
    words = ["--loss", "n-pair-mc,ep", "--optimizer", "sgd", "--lr", "0.0002,1e30", "--l2", "0.01"]
    words += ["--items-per-class", "2"]
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
    assert rows["folder-n-pair-mc-lr1e+30-dim4-seed0"]["collapsed"] == ""
    table = sweep(cli, *words).out
    assert "failed" in table
    alone = sweep(cli, "--loss", "n-pair-mc", *words[2:5], "1e30", *words[6:])
    assert alone.code == 2
    assert alone.err.splitlines()[-1].startswith("embedlens: every run failed; the first, folder-n-pair-mc")


@pytest.mark.slow
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
    sidecar = sidecar_of(figure)
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


class Together(Loss):
    """Draws all items together, whatever their labels."""

    default_lr: ClassVar[dict[str, float]] = {"adam": 0.02, "sgd": 0.5}

    def forward(self, z, labels):
        unit = torch.nn.functional.normalize(z, dim=1)
        loss = (unit @ unit.T - 1).square().mean()
        return loss, {"loss": loss.item()}


class Broken(Loss):
    """Cannot be trained."""

    def forward(self, z, labels):
        return z.sum() * math.nan, {"loss": math.nan}


@pytest.fixture
def few(monkeypatch):
    """All losses are a good one, one that collapses, and one that fails."""
    entries = {"broken": Broken, "ep": LOSSES.get("ep"), "together": Together}
    monkeypatch.setattr(LOSSES, "_entries", entries)
    # The space of so few noisy images is narrow with any loss.
    monkeypatch.setattr(collapse, "_NARROW", 0.9999)


@pytest.mark.slow
def test_every_loss_beside_its_own_epoch_0(cli, folder, few):
    words = ["--loss", "all", "--epochs", "2", "--seed", "0,1"]
    done = sweep(cli, *words, "--json")
    assert done.code == 0, done.err
    summary = done.json["summary"]
    assert {loss: list(rates) for loss, rates in summary.items()} == {
        "broken": ["0.001"], "ep": ["0.001"], "together": ["0.02"]
    }  # fmt: skip
    assert summary["broken"]["0.001"]["4"]["n_failed"] == 2
    for loss, lr in (("ep", "0.001"), ("together", "0.02")):
        told, run = summary[loss][lr]["4"], embedlens.open_run(f"runs/folder-{loss}-lr{lr}-dim4-seed1")
        first, last = run.log[0]["test_recall_at_1"], run.log[2]["test_recall_at_1"]
        numbers = told["runs"][run.name]
        assert (numbers["initial"], numbers["value"], numbers["gain"]) == (first, last, last - first)
        assert numbers["effective_rank"] == run.log[2]["test_effective_rank"]
        assert numbers["collapsed"] is (loss == "together")
        assert told["n_collapsed"] == (2 if loss == "together" else 0)
        every = told["runs"].values()
        for name in ("initial", "gain", "effective_rank"):
            assert told[name] == pytest.approx(np.mean([one[name] for one in every]), abs=1e-12)
    assert done.json["figures"] == [
        "figures/sweep-folder-all-dim4-seed0+1-images-items_per_class_4-threads_1-test-epoch-0002.png"
    ]
    with (folder / done.json["data"][0]).open(newline="") as handle:
        rows = {row["run"]: row for row in csv.DictReader(handle)}
    row = rows["folder-together-lr0.02-dim4-seed0"]
    assert (row["collapsed"], row["n_collapsed"]) == ("True", "2")
    assert float(row["gain"]) == float(row["value"]) - float(row["initial"])
    collapses = [line for line in done.err.splitlines() if "the space has collapsed" in line]
    assert [line.split(":")[0].split()[-1] for line in collapses] == [
        f"folder-together-lr0.02-dim4-seed{seed}" for seed in (0, 1)
    ]
    assert "seed0: failed: the loss is nan" in done.err
    ends = [line for line in done.err.splitlines() if "test R@1" in line and ", collapsed" in line]
    assert len(ends) == 2
    assert done.err.splitlines()[-1].startswith("2 of 6 runs failed: folder-broken")
    lines = sweep(cli, *words).out.splitlines()
    assert lines[0] == "test R@1, mean ± s.d. of 2 seeds, 4 dims"
    assert lines[1].split() == [
        "loss", "lr", "epoch", "0", "epoch", "2", "gain", "eff.", "rank", "collapsed"
    ]  # fmt: skip
    table = {line.split()[0]: line.split() for line in lines[2:5]}
    means = {loss: summary[loss][lr]["4"]["mean"] for loss, lr in (("ep", "0.001"), ("together", "0.02"))}
    assert list(table) == [*sorted(means, key=means.get, reverse=True), "broken"]
    assert table["broken"] == ["broken", "0.001", "-", "failed", "-", "-", "-"]
    assert table["together"][-3:] == ["2", "of", "2"]
    assert table["ep"][-1] == "-"
    told = summary["ep"]["0.001"]["4"]
    assert table["ep"][1:7] == [
        "0.001", f"{told['initial']:.4f}", f"{told['mean']:.4f}", "±", f"{told['deviation']:.4f}",
        f"{told['gain']:+.4f}",
    ]  # fmt: skip


def test_collapse_is_marked_in_a_grid_of_rates(cli, folder, few):
    words = ["--loss", "ep,together", "--lr", "0.001,0.02", "--epochs", "2"]
    summary = sweep(cli, *words, "--json").json["summary"]
    lines = sweep(cli, *words).out.splitlines()
    counts = {loss: sum(lr["4"]["n_collapsed"] for lr in rates.values()) for loss, rates in summary.items()}
    assert sum(counts.values()) in (1, 2, 3)
    for loss, count in counts.items():
        assert next(line for line in lines if line.startswith(loss)).count("(collapsed)") == count


def test_all_losses_with_rates_or_the_usual_rate_of_some(cli, folder, few):
    def listed(*words):
        runs = sweep(cli, "--dry-run", "--json", *words).json["summary"]["runs"]
        return [(run["loss"], run["lr"]) for run in runs]

    assert listed("--loss", "all", "--lr", "0.1") == [("broken", 0.1), ("ep", 0.1), ("together", 0.1)]
    assert listed("--loss", "all") == [("broken", 0.001), ("ep", 0.001), ("together", 0.02)]
    assert listed("--loss", "all", "--optimizer", "sgd")[-1] == ("together", 0.5)
    assert listed("--loss", "together,ep", "--lr", "default") == [("together", 0.02), ("ep", 0.001)]
    assert listed("--loss", "ep,all") == [("ep", 0.001), ("broken", 0.001), ("together", 0.02)]
    done = sweep(cli, "--loss", "ep", "--lr", "usual", "--json")
    assert "sweep-folder-ep-lrusual-dim4-" in done.json["figures"][0]


def test_a_score_that_is_not_logged_is_taken_at_epoch_0_too(cli, folder, few, monkeypatch):
    taken = []
    keep = scores.score
    monkeypatch.setattr(
        scores, "score", lambda *words, **more: (taken.append(words[2]), keep(*words, **more))[1]
    )
    done = sweep(cli, "--loss", "ep,together", "--lr", "default", "--metric", "nmi", "--json")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/folder-ep-lr0.001-dim4-seed0")
    first = keep(run.snapshot("test", 0).embeddings, run.labels("test"), ["nmi"])["nmi"]
    for loss, lr in (("ep", "0.001"), ("together", "0.02")):
        assert done.json["summary"][loss][lr]["4"]["initial"] == first
    assert taken.count(["nmi"]) == 3  # both runs begin with the same embeddings


def test_of_all_losses_one_that_is_refused_is_left_out(cli, folder, few, monkeypatch):
    monkeypatch.setattr(grid_training, "cost", lambda planned: "")
    keep = grid_runs.check_grid

    def check(configs):
        if any(config.loss == "broken" for config in configs):
            message = "batches of it do not fit"
            raise InputError(message)
        keep(configs)

    monkeypatch.setattr(grid_runs, "check_grid", check)
    done = sweep(cli, "--loss", "all")
    assert done.code == 0
    assert "folder-broken-lr0.001-dim4-seed0 cannot be trained: batches of it do not fit" in done.err
    assert "1 of 3 runs failed: folder-broken" in done.err
    assert_refused(sweep(cli, "--loss", "ep,broken", "--lr", "0.1"), "batches of it do not fit")
    assert_refused(sweep(cli, "--loss", "all", "--lr", "usual,0.1"), "or 'default' alone")


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
        (["--optimizer", "adm"], ["unknown optimizer 'adm'"]),
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


def test_all_losses_with_a_mining_are_those_that_take_it(cli, folder):
    done = cli("sweep", "--data", "digits", "--loss", "all", "--mining", "hard", "--dry-run", "--json")
    assert [row["loss"] for row in done.json["summary"]["runs"]] == ["contrastive", "margin", "triplet"]
    assert "losses without one of the options are left out: angular, ep, ephn" in done.err
    done = cli("sweep", "--data", "digits", "--loss", "all", "--mining", "hart", "--dry-run")
    assert_refused(done, "unknown mining 'hart'")
