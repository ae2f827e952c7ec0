"""log.csv keeps its own columns, whatever metrics are called."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, tree

from embedlens import InputError, Recorder
from embedlens.store import log_metrics
from embedlens.store.checks import join_metrics

Z, Y = blobs()


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "run", labels={"test": Y})


def test_an_epoch_of_another_number_is_refused_and_nothing_written(recorder):
    before = tree(recorder.path)
    with pytest.raises(InputError, match="metric 'epoch' is 1, but epoch 0 is recorded; .* leave it out or"):
        recorder.record(0, {"test": Z}, metrics={"epoch": 1, "loss": 0.5})
    assert tree(recorder.path) == before
    for epoch in range(3):
        recorder.record(epoch, {"test": Z}, metrics={"epoch": np.int64(epoch), "loss": 0.5})
    assert recorder.run.log == [{"epoch": float(epoch), "loss": 0.5} for epoch in range(3)]
    for log in (lambda row: recorder.log(1, row), lambda row: log_metrics(recorder.run, 1, row)):
        for value in (2, 1.5, float("nan")):
            with pytest.raises(InputError, match="metric 'epoch' is"):
                log({"epoch": value})
        log({"epoch": 1, "more": 2})
    assert [row["epoch"] for row in recorder.run.log] == [0, 1, 2]


def test_steps_are_counted_once(recorder):
    for value in (1.5, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="metric 'step' is .*; it counts optimiser steps"):
            recorder.record(0, {"test": Z}, metrics={"step": value})
    assert recorder.run.epochs() == []
    recorder.record(0, {"test": Z}, metrics={"step": 10})
    recorder.log(0, {"step": 10, "loss": 1})
    with pytest.raises(InputError, match="metric 'step' is 20, but 10 steps are recorded"):
        recorder.log(0, {"step": 20})
    with pytest.raises(InputError, match="metric 'step' is 20, but 10 steps are recorded"):
        log_metrics(recorder.run, 0, {"step": 20})
    recorder.record(0, {"test": Z}, metrics={"step": 20}, overwrite=True)
    assert recorder.run.log == [{"epoch": 0.0, "step": 20.0, "loss": 1.0}]


def test_a_step_that_was_logged_before_is_checked_before_anything_is_written(recorder):
    recorder.log(0, {"step": 10})
    before = tree(recorder.path)
    with pytest.raises(InputError, match="10 steps are recorded"):
        recorder.record(0, {"test": Z}, metrics={"step": 20})
    assert tree(recorder.path) == before


@pytest.mark.parametrize("name", ["", " ", 3, None])
def test_names_that_are_no_text(recorder, name):
    with pytest.raises(InputError, match="metric name .*; a text such as 'loss' is needed"):
        recorder.record(0, {"test": Z}, metrics={name: 1.0})


def test_a_name_that_stands_for_two_values():
    assert join_metrics({"loss": 1, "lr": 2}, {"loss": 1}, {"more": 3}) == {"loss": 1, "lr": 2, "more": 3}
    for name in ("loss", "seconds", "step"):
        with pytest.raises(InputError, match=f"metric '{name}' stands for two values, 1 and 2; rename one"):
            join_metrics({name: 1}, {name: 2})
