from __future__ import annotations

import numpy as np
import pytest
from losses_support import Together

import embedlens
from embedlens.analysis.spectrum import effective_rank, singular_values
from embedlens.experiments.collapse import run_collapsed
from embedlens.objectives import LOSSES

SMALL = ["--data", "digits", "--epochs", "2", "--dim", "4", "--threads", "1"]


@pytest.fixture
def together(monkeypatch):
    monkeypatch.setitem(LOSSES._entries, "together", Together)


def test_training_tells_and_the_log_has_it(cli, folder, together):
    done = cli("train", *SMALL, "--loss", "together", "--lr", "0.01", "--out", "runs/mine")
    assert done.code == 0
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["epoch 2"]
    assert "the space has collapsed" in done.err
    assert "of 4 dims" in done.err
    assert done.err.rstrip().endswith("; try a lower --lr (now 0.01)")
    run = embedlens.open_run("runs/mine")
    for split in ("train", "test"):
        z = np.asarray(run.snapshot(split, 1).embeddings)
        assert run.log[1][f"{split}_effective_rank"] == effective_rank(singular_values(z))
        assert run.log[1][f"{split}_mean_similarity"] > 0.95
    assert run_collapsed(run, 2)
    assert not run_collapsed(run, 0)
    again = cli("train", "--resume", "mine", "--epochs", "3", "--json")
    assert again.err == ""  # it was told before
    assert again.json["summary"]["log"][3]["train_mean_similarity"] > 0.95


def test_a_log_without_the_columns_is_completed_from_the_snapshots(cli, folder, together):
    assert cli("train", *SMALL, "--loss", "together", "--lr", "0.01", "--out", "runs/mine").code == 0
    log = folder / "runs/mine/log.csv"
    rows = [line.split(",") for line in log.read_text().splitlines()]
    kept = [at for at, name in enumerate(rows[0]) if "rank" not in name and "similarity" not in name]
    log.write_text("".join(",".join(cells[at] for at in kept) + "\n" for cells in rows))
    run = embedlens.open_run("runs/mine")
    assert "train_effective_rank" not in run.log[0]
    assert run_collapsed(run, 2)
    assert "epoch 4: the space has collapsed" in cli("train", "--resume", "mine", "--epochs", "4").err


def test_a_run_that_learns_is_told_nothing_and_curves_draw_the_columns(cli, folder):
    done = cli("train", *SMALL, "--loss", "epshn", "--out", "runs/mine")
    assert (done.code, done.err) == (0, "")
    drawn = cli(
        "curves", "mine", "--metrics", "effective_rank,train_mean_similarity", "--format", "svg", "--json"
    )
    assert drawn.code == 0, drawn.err
    names = ["test_effective_rank", "train_mean_similarity"]
    assert list(drawn.json["summary"]["mine"]) == names
    text = (folder / drawn.json["figures"][0]).read_text()
    assert ">test effective rank<" in text
    assert ">train mean similarity<" in text
    log = embedlens.open_run("runs/mine").log
    for name in names:
        assert drawn.json["summary"]["mine"][name]["values"] == [one[name] for one in log]
