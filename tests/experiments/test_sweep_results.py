"""Results of a sweep: rows, numbers by name, facts, and the runs that are worth a look."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from embedlens.experiments.grid_runs import PlannedRun
from embedlens.experiments.sweep import Outcome, Score, summarise
from embedlens.experiments.sweep_results import facts, numbers_of, records, summary, worth_a_look
from embedlens.training.config import TrainConfig


def outcome(loss="ep", dim=4, seed=0, value=0.5, **more):
    config = TrainConfig(loss=loss, lr=1e-3, dim=dim, seed=seed, epochs=2)
    planned = PlannedRun(Path(f"runs/{loss}-dim{dim}-seed{seed}"), config, 2)
    return Outcome(planned, value, **{"initial": 0.25, "effective_rank": 3.0, "items": 40, **more})


FAILED = outcome(seed=2, value=math.nan, failure="NaN loss")
RUNS = [outcome(seed=0, value=0.5), outcome(seed=1, value=0.75), FAILED, outcome("ms", value=0.6)]


def test_a_row_for_each_run_with_the_means_of_its_combination():
    rows = records(RUNS, summarise(RUNS))
    assert [row["run"] for row in rows] == [one.name for one in RUNS]
    first, _, failed, _ = rows
    assert (first["loss"], first["lr"], first["dim"], first["epoch"]) == ("ep", 1e-3, 4, 2)
    assert (first["value"], first["gain"], first["mean"], first["mean_gain"]) == (0.5, 0.25, 0.625, 0.375)
    assert (first["n"], first["n_failed"]) == (2, 1)
    assert failed["value"] == failed["gain"] == ""
    assert rows[3]["deviation"] == ""  # of one seed


def test_numbers_by_loss_rate_and_dims():
    numbers = summary(RUNS, summarise(RUNS))
    assert list(numbers) == ["ep", "ms"]
    place = numbers["ep"]["0.001"]["4"]
    assert place["mean"] == 0.625
    assert place["runs"][RUNS[1].name] == {"seed": 1, **numbers_of(RUNS[1])}
    assert place["runs"][FAILED.name] == {
        "seed": 2, "value": None, "initial": None, "gain": None, "effective_rank": None, "collapsed": None,
        "failure": "NaN loss",
    }  # fmt: skip


def test_facts_are_those_that_runs_share_and_those_of_each():
    found = facts([FAILED, *RUNS[:2]], Score("recall_at_1", "test"))
    assert (found["shown"], found["split"], found["epochs"]) == (40, "test", [2])
    assert not {"loss", "lr", "dim", "seed", "mining"} & found["training"].keys()
    assert found["runs"][0]["failure"] == "NaN loss"
    assert found["runs"][1]["path"] == "runs/ep-dim4-seed0"
    assert "failure" not in found["runs"][1]


@pytest.mark.parametrize(("metric", "first"), [("recall_at_1", "d"), ("uniformity", "a")])
def test_the_best_run_of_each_loss_is_worth_a_look_four_at_most(metric, first):
    runs = [outcome(loss, value=value) for loss, value in zip("abcde", (1, 2, 3, 9, 5), strict=True)]
    compared, best = worth_a_look([*runs, outcome("a", seed=1, value=0.5), FAILED], metric)
    assert compared == "losses"
    assert len(best) == 4
    assert best[0].planned.config.loss == first
    assert len({one.planned.config.loss for one in best}) == 4


def test_dims_that_were_compared_are_looked_at_from_the_largest():
    runs = [outcome(dim=4), outcome(dim=16, value=0.4), outcome(dim=8, value=0.7), outcome("ms", value=0.1)]
    compared, sizes = worth_a_look(runs, "nmi")
    assert compared == "dims"
    assert [one.planned.config.dim for one in sizes] == [16, 8, 4]
