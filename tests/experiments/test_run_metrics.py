"""Metrics of runs: those of the log, and those computed from the snapshots where the log has none."""

from __future__ import annotations

import pytest
from support import blobs, brute_force

import embedlens
from embedlens.errors import InputError
from embedlens.experiments.metric_names import choose_metrics, other_columns
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


def logged(path, rows, *, snapshots=False):
    """A run whose log has these rows, with snapshots or without."""
    z, y = blobs()
    with embedlens.Recorder(path, labels={"val": y}) as recorder:
        for epoch, row in enumerate(rows, 1):
            if snapshots:
                recorder.record(epoch, {"val": z}, metrics=row)
            else:
                recorder.log(epoch, row)
    return RunMetrics.of("mine", recorder.run)


LIGHTNING = {
    "step": 10, "lr-Adam": 0.1, "train/loss": 2, "train/loss_step": 3, "train/loss_epoch": 2,
    "val/loss": 4, "val_r1": 0.5, "val_loss_epoch": 1, "lossless": 1,
}  # fmt: skip


def test_losses_are_known_by_their_names_and_drawn_once(tmp_path):
    """Lightning logs one loss as NAME, as NAME_step of the last batch, and as NAME_epoch."""
    run = logged(tmp_path / "mine", [LIGHTNING, {**LIGHTNING, "train/loss": 1, "train/loss_epoch": 1}])
    assert choose_metrics([], [run]) == ["train/loss", "val/loss", "val_loss_epoch"]
    drawn = choose_metrics([], [run])
    assert other_columns(drawn, [run]) == [
        "lr-Adam",
        "train/loss_step",
        "train/loss_epoch",
        "val_r1",
        "lossless",
    ]
    other = logged(tmp_path / "other", [{**LIGHTNING, "train/loss_epoch": 5}])
    assert "train/loss_epoch" in choose_metrics([], [run, other])  # not the same values


def test_a_log_without_loss_and_recall_shows_its_own_columns(tmp_path):
    row = {"step": 1, "lr": 0.1} | {f"val_m{number}": 0.5 for number in range(6)}
    own = [f"val_m{number}" for number in range(4)]
    assert choose_metrics([], [logged(tmp_path / "alone", [row])]) == own
    with_snapshots = logged(tmp_path / "mine", [row], snapshots=True)
    assert choose_metrics([], [with_snapshots]) == [*own, "val_recall_at_1"]


def test_an_unknown_metric_names_the_columns_that_contain_it_first(tmp_path):
    run = logged(tmp_path / "mine", [{f"val_m{number}": 0.5 for number in range(12)} | LIGHTNING])
    expected = r"unknown metric 'Loss'; did you mean 'train/loss' or .* choose one of: train/loss, "
    with pytest.raises(InputError, match=expected):
        choose_metrics(["Loss"], [run])
