"""Grids, comparisons and sweeps from Python, without the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from losses_support import Together

import embedlens
from embedlens import InputError
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.errors import InputWarning
from embedlens.experiments import compared_runs, comparison, grid_runs, sweep
from embedlens.experiments.grid import Grid, all_losses
from embedlens.experiments.grid_training import Callbacks, check_runs, cost, train_runs
from embedlens.experiments.recipe import Recipe
from embedlens.measurements.reader import Reader
from embedlens.objectives import LOSSES

SMALL = Recipe({"data": "digits", "epochs": 1, "items_per_class": 8}, threads=1)


def test_configurations_of_a_grid():
    grid = Grid(("triplet", "epshn"), (0.1, None), (4, 8), (0, 1))
    recipe = Recipe({"data": "digits", "epochs": 3}, {"margin": 0.3, "order": 2}, threads=1)
    configs = grid.configs(recipe)
    expected = product((0, 1), ("triplet", "epshn"), (4, 8), (0.1, 0.001))
    assert [(one.seed, one.loss, one.dim, one.lr) for one in configs] == list(expected)
    options = {"triplet": {"margin": 0.3}, "epshn": {"order": 2}}
    assert all(one.loss_options == options[one.loss] for one in configs)
    assert {(one.data, one.epochs, one.threads) for one in configs} == {("digits", 3, 1)}
    with pytest.raises(InputError, match=r"no loss of the grid \(epshn\) has an option 'margin'"):
        Grid(("epshn",)).configs(Recipe(loss_options={"margin": 0.3}))
    assert Grid(("pml:TripletMarginLoss",)).configs(Recipe({}, {"margin": 0.3}, threads=1))


def test_of_every_loss_those_that_fit_are_left():
    grid = Grid(all_losses(), every=True)
    told = []
    fitting = grid.configs(Recipe({"mining": "hard"}, threads=1), warn=told.append)
    assert [one.loss for one in fitting] == ["contrastive", "margin", "triplet"]
    assert len(told) == 1
    assert "epshn" in told[0]
    with pytest.warns(InputWarning, match="left out"):
        grid.configs(Recipe({"mining": "hard"}, threads=1))


def test_the_default_rate_is_that_of_the_loss_and_a_tenth_for_large_networks():
    small = SMALL.config("triplet", dim=4).lr
    large = Recipe({"backbone": "timm:resnet18"}, threads=1).config("triplet", dim=4).lr
    assert large == pytest.approx(small / 10)


def test_a_method_takes_its_own_options():
    recipe = Recipe({"method_options": {"clusters": 2, "learners": 3}})
    assert recipe.under("divide-conquer").shared["method_options"] == {"clusters": 2}
    assert recipe.under("dreml").shared["method_options"] == {"learners": 3}
    assert recipe.under("plain").default_loss == "epshn"
    assert recipe.under("dreml").default_dim == 24


def test_a_sweep_from_python(tmp_path, monkeypatch):
    monkeypatch.setitem(LOSSES._entries, "together", Together)
    planned = grid_runs.plan(
        Grid(("epshn", "together"), (0.001,), (4,), (0, 1)).configs(SMALL), tmp_path, any_threads=True
    )
    assert cost(planned) == "4 runs of 1 epoch on digits: 4 epochs to train"
    reports, warned = [], []
    assert train_runs(planned, Callbacks(reports.append, warned.append)) == {}
    assert reports[0] == cost(planned)
    assert [text[:6] for text in reports[1:]] == [f"{number} of 4" for number in range(1, 5)]
    assert warned == []
    planned = grid_runs.plan([one.config for one in planned], tmp_path, any_threads=True)
    assert check_runs(planned) == ([], {})
    assert cost(planned).endswith("all finished")
    score = sweep.Score("recall_at_1", sweep.compared_split(planned, None))
    outcomes = sweep.measure(planned, {}, score)
    for one in outcomes:
        run = embedlens.open_run(one.planned.path)
        for epoch, value in ((0, one.initial), (1, one.value)):
            snapshot = run.snapshot("test", epoch)
            assert value == recall_at_k(snapshot.embeddings, snapshot.labels, [1])[1]
    alone, apart = Reader(), Reader()
    score = sweep.Score("nmi", "test")  # no log has it
    with ThreadPoolExecutor(2) as pool:
        several = sweep.measure(planned, {}, score, reader=apart, executor=pool)
    assert several == sweep.measure(planned, {}, replace(score, known={}), reader=alone)
    assert {one.source for one in several} == {"computed"}
    assert list(apart.warnings.lines()) == list(alone.warnings.lines())
    result = sweep.summarise(outcomes)
    values = {one.planned.config.loss: [] for one in outcomes}
    for one in outcomes:
        values[one.planned.config.loss].append(one.value)
    means = [np.mean(values[loss]) for loss in result.loss]
    assert result.mean == pytest.approx(means)


def test_a_run_that_fails_is_warned_of_and_the_others_go_on(tmp_path):
    configs = [SMALL.config(loss, dim=4, lr=lr) for loss, lr in (("nn", 1e30), ("epshn", 0.001))]
    planned = grid_runs.plan(configs, tmp_path, any_threads=True)
    with pytest.warns(InputWarning, match="1 of 2 .* failed: ") as caught:
        failed = train_runs(planned)
    assert len(caught) == 1
    assert list(failed) == [planned[0].path]
    outcomes = sweep.measure(planned, failed, sweep.Score("recall_at_1", "test"))
    assert [bool(one.failure) for one in outcomes] == [True, False]


def test_a_comparison_from_python(tmp_path):
    ways = compared_runs.ways_of(["plain", "divide-conquer"], ["triplet"])
    assert [way.name for way in ways] == ["triplet", "triplet + divide-conquer"]
    recipe = Recipe({**SMALL.shared, "method_options": {"clusters": 2}}, threads=1)
    runs = compared_runs.plan(ways, [0], recipe, folder=tmp_path, requests=compared_runs.Requests(dim=4))
    failed = train_runs([one.run for one in runs])
    scores = comparison.score_runs(runs, failed, ["recall_at_1"])
    with ThreadPoolExecutor(2) as pool:
        apart = comparison.score_runs(runs, failed, ["recall_at_1"], reader=Reader(), executor=pool)
    assert [(one.split, one.values) for one in apart] == [(one.split, one.values) for one in scores]
    for one, other in zip(apart, scores, strict=True):
        np.testing.assert_array_equal(one.hits.right, other.hits.right)
    result = comparison.summarise(runs, scores)
    assert result.names.tolist() == [way.name for way in ways]
    assert result.mean[:, 0].tolist() == [found.values["recall_at_1"] for found in scores]
    with pytest.raises(InputError, match="every run failed; the first, .*: why"):
        comparison.score_runs(runs, {one.run.path: "why" for one in runs}, ["recall_at_1"])
    with pytest.raises(InputError, match="no method of the comparison has an option 'clusters'"):
        compared_runs.plan(ways[:1], [0], recipe, folder=tmp_path)
