from __future__ import annotations

import subprocess
import sys

import pytest
from support import assert_refused, entry_point, tree, write_run

import embedlens

SMALL = ["--data", "digits", "--epochs", "1", "--dim", "4"]


@pytest.mark.slow
def test_train_through_the_real_entry_point(program, folder):
    done = program("train", *SMALL, "--loss", "epshn", "--order", "2", "--out", "runs/mine")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["epoch", "loss", "train", "R@1", "test", "R@1", "seconds"]
    assert [line.split()[0] for line in lines[1:3]] == ["0", "1"]
    assert lines[3] == "run runs/mine: 2 epochs recorded; next: embedlens scatter runs/mine"
    run = embedlens.open_run("runs/mine")
    assert run.method["loss_options"] == {"order": 2}
    assert {"train_recall_at_1", "test_recall_at_1", "loss", "lr", "seconds", "valid_share"} <= set(
        run.log[1]
    )
    assert float(lines[2].split()[3]) == pytest.approx(run.log[1]["test_recall_at_1"], abs=1e-4)
    again = program("train", *SMALL, "--out", "runs/mine")
    assert_refused(again, "runs/mine already exists", "embedlens train --resume runs/mine", "another --out")


def test_train_answers_in_json_and_names_its_run(cli, folder):
    answer = cli("train", *SMALL, "--loss", "n-pair-mc", "--json").json
    assert answer["summary"]["path"] == "runs/digits-n-pair-mc"
    assert [row["epoch"] for row in answer["summary"]["log"]] == [0, 1]
    method = embedlens.open_run("runs/digits-n-pair-mc").method
    assert method["items_per_class"] == 2
    done = cli("train", "--resume", "digits-n-pair-mc", "--epochs", "2")
    assert done.code == 0
    assert embedlens.open_run("runs/digits-n-pair-mc").epochs() == [0, 1, 2]
    assert "3 epochs recorded" in cli("train", "--resume", "digits-n-pair-mc").out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ["--loss", "tripet"],
            ["unknown loss 'tripet'", "angular, contrastive, ep, ephn, epshn, hn"],
        ),
        (
            ["--data", "mnist"],
            [
                "unknown data set 'mnist'",
                "cars196, csv, cub200, digits, fashion-mnist, folder, glyphs, inshop, lfw, sop",
            ],
        ),
        (["--loss", "triplet", "--order", "2"], ["has no option 'order'", "margin"]),
        (["--order", "3"], ["unknown order '3'"]),
        (["--loss", "pml:TripletLoss"], ["unknown loss of pytorch-metric-learning", "pml:TripletMarginLoss"]),
        (
            ["--loss", "softmax", "--mining", "hard"],
            ["has no use for mining", "learns of each class"],
        ),
        (["--loss", "margin", "--mining", "hart"], ["unknown mining 'hart'", "semi-hard-range"]),
        (["--loss", "margin", "--mining-options", "{}x"], ["--mining-options '{}x' is not a JSON object"]),
        (["--loss", "margin", "--loss-options", "[1]"], ["--loss-options '[1]' is not a JSON object"]),
        (["--loss", "margin", "--beta", "3"], ["beta is 3.0"]),
        (
            ["--loss", "margin", "--beta", "1.1", "--loss-options", '{"beta": 1.2}'],
            ["--beta and --loss-options both set beta"],
        ),
        (["--loss", "nn", "--tau", "2"], ["tau is 2.0"]),
        (["--loss", "tuplet", "--sampler", "pk"], ["cannot learn from batches", "choose one of: tuplet"]),
        (["--sampler", "hard-class", "--items-per-class", "4"], ["4 items of each class", "takes 2"]),
        (["--optimizer", "adm"], ["unknown optimizer 'adm'", "adam, adamw, sgd"]),
        (["--lr", "0"], ["lr is 0.0"]),
        (["--dim", "0"], ["dim is 0"]),
        (["--items-per-class", "1"], ["two of each are the least"]),
        (["--data", "folder"], ["--root"]),
        (["--data", "folder", "--root", "missing"], ["no such folder"]),
        (["--device", "tpu"], ["unknown device 'tpu'"]),
        (["--resume", "missing"], ["no such run"]),
        (["--resume", "runs/theirs"], ["only runs made by `embedlens train` resume"]),
        (["--resume", "runs/theirs", "--loss", "triplet"], ["--loss cannot change a run that is resumed"]),
    ],
)
def test_what_is_refused(cli, folder, words, parts):
    write_run(folder / "runs/theirs")
    before = tree(folder)
    assert_refused(cli("train", "--epochs", "1", *words), *parts)
    assert tree(folder) == before


@pytest.mark.slow
def test_losses_mining_and_batches_by_name(cli, folder):
    small = ["--data", "digits", "--epochs", "1", "--dim", "4"]
    cli("train", *small, "--loss", "n-pair-mc", "--normalize", "--out", "runs/unit")
    assert embedlens.open_run("runs/unit").method["loss_options"] == {"normalize": True}
    cli("train", *small, "--loss", "margin", "--learn-beta", "--mining", "hard", "--sampler", "n-pair")
    run = embedlens.open_run("runs/digits-margin-hard-n-pair")
    assert run.method["loss_options"] == {"learn_beta": True}
    assert run.log[1]["beta"] != 1.2
    options = '{"alpha": 3.0, "base": 0.6}'
    cli("train", *small, "--loss", "pml:MultiSimilarityLoss", "--loss-options", options)
    assert embedlens.open_run("runs/digits-pml-MultiSimilarityLoss").method["loss_options"]["base"] == 0.6


@pytest.mark.slow
def test_torchrun_trains_one_run_and_one_process_speaks(folder):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--no-python", entry_point(), "train", "--data", "digits", "--epochs", "1", "--dim", "4"]
    command += ["--threads", "1", "--out", "runs/two"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run runs/two: 2 epochs recorded") == 1
    assert embedlens.open_run("runs/two").method["processes"] == 2
    again = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert again.returncode != 0
    assert again.stderr.count("runs/two already exists; continue it with") == 1
    assert "process 0 reports the reason" not in again.stderr
