"""Budgets of runs: steps, seconds and parameters, against the trainer's own."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import embedlens
from embedlens.experiments import Trainer
from embedlens.experiments.budgets import Budget, budget_of, mean_budget, parameters_of
from embedlens.training.config import TrainConfig

CONFIG = TrainConfig(data="digits", loss="triplet", dim=6, epochs=3, items_per_class=8)
DIVIDED = replace(
    CONFIG, method="divide-conquer", method_options={"clusters": 2, "finish": 1, "recluster": 1}
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A divided run, and the number of steps of each learner (None: of all), counted in training."""
    trainer, taken = Trainer(DIVIDED, tmp_path_factory.mktemp("budgets") / "run"), Counter()
    loss = trainer.method.loss

    def counted(outputs, labels, learner):
        taken[learner] += 1
        return loss(outputs, labels, learner)

    trainer.method.loss = counted
    run = trainer.run(metrics=lambda embeddings, labels: {})
    return (
        run,
        taken,
        sum(p.numel() for group in trainer.stepper.optimizer.param_groups for p in group["params"]),
    )


def test_steps_and_seconds_are_those_of_the_log(trained):
    run, taken, _ = trained
    found = budget_of(run, DIVIDED)
    assert found.steps == run.log[-1]["step"] == sum(taken.values())
    assert found.seconds == pytest.approx(sum(row["seconds"] for row in run.log[1:]))
    assert found.learners == (taken[0], taken[1])
    assert found.together == taken[None] == found.steps / 3
    fewer = budget_of(run, replace(DIVIDED, epochs=2))
    assert fewer.steps == pytest.approx(2 * found.steps / 3)
    assert fewer.seconds == pytest.approx(run.log[1]["seconds"] + run.log[2]["seconds"])


def test_parameters_are_those_of_the_optimiser(trained, tmp_path):
    *_, divided = trained
    others = [
        replace(CONFIG, loss="softmax"),
        replace(CONFIG, method="dvml"),
        replace(CONFIG, method="hdc", loss="contrastive", method_options={"heads": 2}),
    ]
    wanted = []
    for number, config in enumerate(others):
        optimizer = Trainer(config, tmp_path / str(number)).stepper.optimizer
        wanted.append(sum(p.numel() for group in optimizer.param_groups for p in group["params"]))
    assert parameters_of([DIVIDED, *others, replace(DIVIDED, seed=4)]) == [divided, *wanted, divided]


def test_without_the_data_parameters_are_not_known(tmp_path):
    gone = replace(CONFIG, data="folder", root=str(tmp_path / "gone"))
    assert parameters_of([gone, gone]) == [None, None]


def test_a_log_without_steps_has_none(tmp_path):
    labels = {"test": np.arange(8) % 2}
    with embedlens.Recorder(tmp_path / "run", labels=labels) as recorder:
        for epoch in range(4):
            recorder.record(epoch, {"test": np.eye(8) + 1}, metrics={"loss": 1.0})
    found = budget_of(recorder.run, DIVIDED)
    assert math.isnan(found.steps)
    assert math.isnan(found.seconds)
    assert found.learners == ()


def test_means_over_seeds():
    seeds = [Budget(20, 3.0, (4, 6), 10), Budget(20, 5.0, (5, 5), 10)]
    assert mean_budget(seeds) == {
        "steps": 20, "seconds": 4.0, "steps_of_a_learner": [4, 6], "steps_together": 10,
    }  # fmt: skip
    assert mean_budget([Budget(20, math.nan), Budget(20, 3.0)]) == {"steps": 20, "seconds": 3.0}
    assert math.isnan(mean_budget([])["steps"])
