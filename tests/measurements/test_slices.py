"""Slices of the embeddings of a run, as numbers or as the run recorded them."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens import InputError
from embedlens.measurements.slices import idle_learners, number_of, parts_of, slices_alone, whole


def sliced(path, cluster, slices=((0, 4), (4, 8))):
    z, y = blobs(n=12)
    with embedlens.Recorder(path, labels={"train": y}, slices=slices) as recorder:
        recorder.record(0, {"train": z}, extras={"train": {"cluster": cluster}})
    return recorder.run


def test_parts_are_each_slice_and_then_the_first_two_three_and_all(tmp_path):
    run = write_run(tmp_path / "run", epochs=1)  # 8 dims
    names = [part.name for part in parts_of(run, "4")]
    assert names == ["1/4", "2/4", "3/4", "4/4", "1-2/4", "1-3/4", "1-4/4"]
    assert [part.name for part in slices_alone(run, "4")] == names[:4]
    assert [whole(part) for part in parts_of(run, "4")] == [False] * 6 + [True]
    assert parts_of(run, None) == [None]
    assert whole(None)


def test_recorded_slices_are_those_of_the_run(tmp_path):
    assert number_of(sliced(tmp_path / "run", np.zeros(12, int)), "recorded") == 2
    unequal = sliced(tmp_path / "unequal", np.zeros(12, int), slices=((0, 6), (6, 8)))
    with pytest.raises(InputError, match="run 'unequal' has slices of 6, 2 dims"):
        number_of(unequal, "recorded")
    with pytest.raises(InputError, match="run 'plain' has no slices of its own"):
        number_of(write_run(tmp_path / "plain", epochs=1), "recorded")


@pytest.mark.parametrize(
    ("slices", "words"), [("half", "--slices 'half'"), ("3", "run 'run'"), ("-1", "run")]
)
def test_slices_that_a_run_cannot_be_cut_into_are_refused(tmp_path, slices, words):
    run = write_run(tmp_path / "run", epochs=1)
    with pytest.raises(InputError, match=words):
        parts_of(run, slices)


def test_learners_without_items_are_named(tmp_path):
    run = sliced(tmp_path / "run", np.ones(12, int))
    assert idle_learners([(run, 0), (run, 0)], "2") == [
        "run 'run', epoch 0: no items of train were left to the learner of slice 1"
    ]
    assert idle_learners([(run, 0)], "4") == []  # not the slices of its learners
    assert idle_learners([(run, 0)], None) == []
    assert idle_learners([(sliced(tmp_path / "busy", np.arange(12) % 2), 0)], "recorded") == []
