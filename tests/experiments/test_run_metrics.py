"""Metrics of runs: those of the log, and those computed from the snapshots where the log has none."""

from __future__ import annotations

import pytest
from support import blobs, brute_force

import embedlens
from embedlens.errors import InputError
from embedlens.experiments.metric_names import choose_metrics
from embedlens.experiments.run_metrics import Meter, RunMetrics, unscored
from embedlens.searches import search_of


@pytest.fixture
def metrics(tmp_path):
    """A run of three epochs, whose log has R@1 at epoch 1 alone."""
    z, y = blobs(spread=1.5)
    with embedlens.Recorder(tmp_path / "mine", labels={"test": y}) as recorder:
        for epoch in range(3):
            told = {"test_recall_at_1": 0.25} if epoch == 1 else {"loss": 1.0}
            recorder.record(epoch, {"test": z}, metrics=told)
    return RunMetrics.of("mine", recorder.run)


def compute(metrics, names, **options):
    tasks = unscored([metrics], names, **options)
    for task in tasks:
        task.add(Meter({}, {}).measure(search_of(metrics.run, task.split, task.epoch), list(task.scores)))
    return [task.epoch for task in tasks]


def test_what_the_log_lacks_is_computed_as_by_plain_loops(metrics):
    z, y = blobs(spread=1.5)
    found = brute_force(z, y)
    recall = sum(positive[0] > negative[0] for _, positive, negative in found) / len(found)
    assert choose_metrics([], [metrics]) == ["loss", "test_recall_at_1"]
    assert compute(metrics, ["loss", "test_recall_at_1"]) == [0, 2]
    assert metrics.values("test_recall_at_1") == {0: recall, 1: 0.25, 2: recall}
    curve = metrics.curve("test_recall_at_1", metrics.positions("epoch"))
    assert curve.value.tolist() == [recall, 0.25, recall]


def test_where_items_are_left_out_no_score_of_a_log_counts(metrics):
    assert compute(metrics, ["test_recall_at_1"], without_log=True) == [0, 1, 2]
    assert metrics.values("test_recall_at_1")[1] != 0.25


def test_an_unknown_metric_is_refused(metrics):
    with pytest.raises(InputError, match="unknown metric 'recal'"):
        choose_metrics(["recal"], [metrics])
