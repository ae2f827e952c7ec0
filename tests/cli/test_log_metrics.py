"""Scores that training logs on demand are those of `evaluate`, and stay so on resume."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs

import embedlens
from embedlens import InputError
from embedlens.experiments.epoch_metrics import check_stop_metric, epoch_metrics
from embedlens.training.early_stop import stop_reason

TRAIN = ("train", "--data", "digits", "--loss", "triplet", "--dim", "4", "--threads", "1", "--json")
NAMES = "nc1,opis,intrinsic_dim_twonn"


def logged(run, epoch, split="test"):
    row = next(row for row in run.log if row["epoch"] == epoch)
    return [row[f"{split}_{name}"] for name in NAMES.split(",")]


@pytest.mark.slow
def test_a_log_has_the_scores_that_are_named_after_a_resume_too(program, cli, folder):
    done = program(*TRAIN, "--epochs", "1", "--log-metrics", f"{NAMES}, recall_at_1", "--out", "runs/mine")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/mine")
    assert run.method["log_metrics"] == f"{NAMES},recall_at_1"
    assert cli("train", "--resume", "mine", "--epochs", "2", "--json").code == 0
    for epoch in (0, 2):
        answer = cli("evaluate", "mine", "--metrics", NAMES, "--epoch", epoch, "--json").json
        scores = answer["summary"]["mine"]["test"][str(epoch)]
        assert logged(run, epoch) == [scores[name] for name in NAMES.split(",")]
    assert list(run.log[0]).count("test_recall_at_1") == 1
    assert_refused(cli("train", "--resume", "mine", "--log-metrics", "nc1"), "--log-metrics cannot change")


def test_runs_without_the_option_have_neither_columns_nor_an_entry(cli, folder):
    assert cli(*TRAIN, "--epochs", "0", "--out", "runs/plain").code == 0
    run = embedlens.open_run("runs/plain")
    assert "log_metrics" not in run.method
    assert not any(name.endswith("nc1") for name in run.log[0])


def test_unknown_scores_and_those_without_a_better_side_are_refused_before_training(cli, folder):
    assert_refused(cli(*TRAIN, "--log-metrics", "nc3"), "unknown metric 'nc3'")
    assert_refused(cli(*TRAIN, "--stop-metric", "test_opis"), "no log has a column 'test_opis'")
    line = (*TRAIN, "--log-metrics", "nc1", "--stop-metric", "test_nc1")
    assert_refused(cli(*line), "neither high nor low is better for 'test_nc1'")
    assert_refused(
        cli("sweep", "--data", "digits", "--log-metrics", "nc3", "--dry-run"), "unknown metric 'nc3'"
    )
    check_stop_metric("test_opis", ["opis"])
    assert not list(folder.glob("runs/*"))


def test_spreads_and_opis_are_better_low():
    log = [
        {"epoch": epoch, "test_opis": 0.1 + 0.1 * epoch, "test_far_spread": 0.1 * epoch} for epoch in range(3)
    ]
    for name in ("test_opis", "test_far_spread"):
        assert stop_reason(log, name, 2) is not None
        assert stop_reason(log[::-1][:1], name, 2) is None


def test_galleries_have_none_and_data_without_a_score_are_named():
    z, y = blobs(n=40)
    pairs = {"query": "gallery"}
    found = epoch_metrics(
        {"query": z, "gallery": z}, {"query": y, "gallery": y}, pairs, others=["nc1", "map_at_r"]
    )
    assert {name for name in found if name.endswith(("nc1", "map_at_r"))} == {"query_nc1", "query_map_at_r"}
    alike = {"query": np.zeros(40, int), "gallery": y}
    with pytest.raises(InputError, match="'query': all items have one label.*; --log-metrics nc1 cannot be"):
        epoch_metrics({"query": z, "gallery": z}, alike, pairs, others=["nc1"])
