"""Reading of snapshots with their galleries, less what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens import InputError
from embedlens.measurements.reader import Kept, Reader
from embedlens.measurements.selected import Selected


def with_copies(path, *, copies=4):
    z, y = blobs(n=24, classes=4)
    z, y = np.concatenate([z, z[:copies]]), np.r_[y, y[:copies]]
    with embedlens.Recorder(path, labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    return recorder.run


def test_a_reader_leaves_out_classes_and_copies_and_counts_them(tmp_path):
    run = with_copies(tmp_path / "run")
    reader = Reader.of("3", exclude_duplicates=True)
    search = reader.search(run, "test", label="mine")
    rows = [row for row in range(24) if row % 4 != 3]
    assert search.query.rows.tolist() == rows
    counts = {"n_ignored": 7, "n_duplicates": 3}
    assert search.counts == counts
    items = [{"snapshot": search.place, **counts}]
    assert reader.facts["left_out"]["items"] == items
    reader.search(run, "test")  # read again, counted once
    assert reader.facts["left_out"]["items"] == items


def test_nothing_is_said_of_what_is_left_out_where_nothing_is(tmp_path):
    reader = Reader()
    reader.search(with_copies(tmp_path / "run"), "test")
    assert reader.facts == {}
    (line,) = reader.warnings.lines()
    assert line.startswith("run 'run', split 'test', epoch 0: exact duplicates: 4 of 28 rows")
    assert reader.warnings.lines() == []


def test_the_items_that_stay_are_the_same_at_all_epochs(tmp_path):
    run = with_copies(tmp_path / "run")
    kept = Reader.of(exclude_duplicates=True).kept(run, "test", 0)
    assert kept.rows.tolist() == list(range(24))
    assert kept.of(run.labels("test")).tolist() == run.labels("test")[:24].tolist()
    assert kept.row(np.array([0, 23])).tolist() == [0, 23]
    everything = Reader().kept(run, "test", 0)
    assert everything.rows is None
    assert everything.of(run.labels("test")).size == 28


def test_rows_that_stay_are_numbered_as_in_the_split():
    kept = Kept(np.array([1, 4, 6]))
    assert kept.row(np.array([2, 0])).tolist() == [6, 1]
    assert kept.of(np.arange(8) * 10).tolist() == [10, 40, 60]


def test_a_selected_snapshot_knows_its_place_and_its_gallery(tmp_path):
    run = write_run(tmp_path / "run", splits=("query", "gallery"), query_gallery={"query": "gallery"})
    one = Selected("mine", run, "query", 2, Reader())
    assert one.facts == {"run": "mine", "split": "query", "epoch": 2}
    assert one.place == "run 'run', split 'query', epoch 2"
    assert one.labelled_place == "run 'mine', split 'query', epoch 2"
    assert np.array_equal(one.snapshot.embeddings, run.snapshot("query", 2).embeddings)
    assert one.search().gallery_split == "gallery"
    assert one.search(gallery="none").gallery_split is None
    with pytest.raises(InputError, match="gallry"):
        one.search(gallery="gallry")
