"""Runs that are recorded by optimiser steps, with whole or fractional epochs."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs

import embedlens
from embedlens import InputError, Recorder
from embedlens.store import Ranks

Z, Y = blobs()


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path / "run", labels={"test": Y}) as recorder:
        yield recorder


def test_snapshots_of_steps_are_numbered_in_order(recorder):
    assert recorder.record(None, {"test": Z}, step=0) == 0
    assert recorder.record(0.25, {"test": Z + 1}, step=500, metrics={"loss": 1.0}) == 1
    with recorder.epoch(1.0, step=2000) as epoch:
        epoch.add("test", np.arange(60), Z + 2)
        assert epoch.epoch == 2
    with recorder.epoch(step=2500) as epoch:
        epoch.add("test", np.arange(60), Z + 3)
    run = embedlens.open_run(recorder.path)
    assert run.epochs() == [0, 1, 2, 3]
    assert [(row["epoch"], row["step"], row["trained_epochs"]) for row in run.log] == [
        (0, 0, None), (1, 500, 0.25), (2, 2000, 1.0), (3, 2500, None),
    ]  # fmt: skip
    np.testing.assert_array_equal(run.snapshot("test", 2).embeddings, Z + 2)


def test_whole_epochs_keep_their_numbers_and_have_steps(recorder):
    for epoch in (0, np.int64(4)):
        assert recorder.record(epoch, {"test": Z}, step=100 * epoch) == epoch
    assert [(row["epoch"], row["step"]) for row in recorder.run.log] == [(0, 0), (4, 400)]
    assert recorder.record(None, {"test": Z}, step=500) == 5


def test_what_is_refused(recorder):
    recorder.record(None, {"test": Z}, step=100)
    recorder.record(None, {"test": Z}, step=200)
    for call, message in (
        (
            lambda: recorder.record(None, {"test": Z}),
            "epoch is None; a whole number is needed, or",
        ),
        (lambda: recorder.epoch(0.5), "epoch is 0.5; a whole number is needed, or the number of steps"),
        (lambda: recorder.epoch(step=200), "step 200 is recorded already as epoch 1; pass overwrite"),
        (lambda: recorder.epoch(step=150), "step 150 is before step 200, which is recorded; steps ascend"),
        (
            lambda: recorder.epoch(step=300, metrics={"step": 301}),
            "'step' stands for two values",
        ),
        (lambda: recorder.epoch(step=0.5), "metric 'step' is 0.5"),
        (lambda: recorder.discard_after(), "takes the last epoch to keep, or step=N"),
        (lambda: recorder.discard_after(1, step=2), "takes the last epoch to keep, or step=N"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert recorder.run.epochs() == [0, 1]


def test_a_step_is_replaced_and_later_ones_are_discarded(recorder):
    for step in (0, 100, 200, 300):
        recorder.record(None, {"test": Z}, step=step)
    assert recorder.record(None, {"test": -Z}, step=100, overwrite=True) == 1
    np.testing.assert_array_equal(recorder.run.snapshot("test", 1).embeddings, -Z)
    recorder.discard_after(step=250)
    assert recorder.run.epochs() == [0, 1, 2]
    assert recorder.record(None, {"test": Z}, step=260) == 3
    recorder.discard_after(step=-1)
    assert recorder.run.epochs() == []
    assert recorder.record(None, {"test": Z}, step=0) == 0


def test_several_processes_number_steps_alike(tmp_path):
    for rank in range(2):
        with Recorder(tmp_path / "run", labels={"test": Y}, ranks=Ranks(rank, 2, "a")) as recorder:
            for number, step in enumerate((0, 50, 70)):
                with recorder.epoch(step=step) as epoch:
                    assert epoch.epoch == number
                    epoch.add("test", np.arange(rank, 60, 2), Z[rank::2])
    assert recorder.run.epochs() == [0, 1, 2]
    assert [row["step"] for row in recorder.run.log] == [0, 50, 70]
