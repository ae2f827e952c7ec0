"""Snapshots measured one by one, with the warnings and counts that their readers collect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from support import blobs

import embedlens
from embedlens import InputError
from embedlens.measurements import Reader, Selected, measure
from embedlens.measurements.triplet_states import State, triplets_of


@pytest.fixture
def places(tmp_path):
    """The epochs of a run that has a row twice, and a class to leave out."""
    z, y = blobs(n=24, classes=4)
    with embedlens.Recorder(tmp_path / "mine", labels={"test": np.r_[y, y[0]]}) as recorder:
        for epoch in range(3):
            noisy = z + epoch
            recorder.record(epoch, {"test": np.concatenate([noisy, noisy[:1]])})
    reader = Reader.of("3")
    return [Selected("A", recorder.run, "test", epoch, reader) for epoch in range(3)]


def size(one):
    return one.search().z.shape[0]


def refuse(one):
    if one.epoch == 1:
        message = "one is refused"
        raise InputError(message)
    return one.epoch


@pytest.mark.parametrize("workers", [0, 2])
def test_readers_get_warnings_and_counts_in_the_order_of_the_snapshots(places, workers):
    with ThreadPoolExecutor(2) as pool:
        found = list(measure(size, places, executor=pool if workers else None))
    assert found == [(one, 19) for one in places]
    reader = places[0].reader
    items = [{"snapshot": one.place, "n_ignored": 6} for one in places]
    assert reader.facts["left_out"]["items"] == items
    (line,) = reader.warnings.lines()
    assert line.startswith("run 'mine', split 'test', epoch 0: exact duplicates: 1 of 19 rows")
    assert "and at 2 other epochs" in line


def test_a_snapshot_is_measured_with_a_reader_of_its_own(places):
    for one, reader in measure(lambda one: one.reader, places):
        assert reader is not one.reader
        assert reader.leave_out == one.reader.leave_out


def test_an_error_names_the_snapshot_once(places):
    results = measure(refuse, places)
    assert next(results)[1] == 0
    with pytest.raises(InputError, match="^run 'mine', split 'test', epoch 1: one is refused$"):
        next(results)
    with pytest.raises(InputError, match="^run 'mine': unknown split 'tset'"):
        list(measure(lambda one: one.run.snapshot("tset"), places))


def test_errors_of_some_files_name_these(places, tmp_path):
    def read(one):
        message = f"{tmp_path / 'pairs.txt'}, line 2: no pair"
        raise InputError(message)

    with pytest.raises(InputError, match=r"^.*pairs\.txt, line 2"):
        list(measure(read, places, files=[tmp_path / "pairs.txt"]))


def test_states_are_measured_as_snapshots_are(places):
    states = [State.of(one) for one in places]
    found = [triplets.s_ap for _, triplets in measure(partial(State.nearest, device="cpu"), states)]
    expected = [triplets.s_ap for _, triplets in measure(partial(triplets_of, device="cpu"), places)]
    assert np.array_equal(found, expected)
