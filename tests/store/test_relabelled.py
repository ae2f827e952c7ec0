"""Runs whose labels are the values of a column of items.csv."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from support import blobs

import embedlens
from embedlens import InputError
from embedlens.label_sets import LabelSets
from embedlens.store import UNLABELLED
from embedlens.store.relabelled import relabelled

COLUMNS = {
    "train": {
        "kind": ["dog", "cat", "", "dog", "cat", "eel"],
        "camera": ["2", "1", "1", "2", "", "7"],
        "path": [f"{i}.png" for i in range(6)],
        "none": [""] * 6,
        "only": ["a"] * 6,
    },
    "test": {
        "kind": ["eel", "eel", "cat", "ant"],
        "camera": ["7", "7", "1", "1"],
        "path": [f"{i}.jpg" for i in range(4)],
        "none": [" "] * 4,
    },
}


@pytest.fixture
def run(tmp_path):
    z, _ = blobs(n=10)
    labels = {"train": np.arange(6) % 2, "test": np.arange(4) % 2}
    with embedlens.Recorder(tmp_path / "one", labels=labels, items=COLUMNS) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"train": z[:6], "test": z[6:]})
    return recorder.run


def test_names_are_numbered_alike_in_all_splits(run):
    found = relabelled(run, "kind")
    assert found.labels("train").tolist() == [2, 1, UNLABELLED, 2, 1, 3]
    assert found.labels("test").tolist() == [3, 3, 1, 0]
    assert found.class_names == {0: "ant", 1: "cat", 2: "dog", 3: "eel"}
    assert found.snapshot("test").labels.tolist() == [3, 3, 1, 0]
    assert (found.n_unlabelled("train"), found.n_unlabelled("test")) == (1, 0)
    assert not found.is_multi_label


def test_whole_numbers_stand_as_they_are(run):
    found = relabelled(run, "camera")
    assert found.labels("train").tolist() == [2, 1, 1, 2, UNLABELLED, 7]
    assert found.class_names == {}


def test_everything_else_is_that_of_the_run(run):
    found = relabelled(run, "kind")
    assert found.items("train") == run.items("train")
    assert (found.snapshot("test").embeddings == run.snapshot("test").embeddings).all()
    assert (found.name, found.epochs(), found.splits) == (run.name, run.epochs(), run.splits)
    for other in (found.renamed("two"), found.pinned(), pickle.loads(pickle.dumps(found))):
        assert other.labels("train").tolist() == found.labels("train").tolist()
        assert other.class_names == found.class_names
    assert found.renamed("two").name == "two"
    assert found.renamed("two").pinned().name == "two"


def test_a_column_gives_sets_of_labels_one_label_each(tmp_path):
    z, _ = blobs(n=4)
    sets = LabelSets.of_lists([[0], [0, 1], [], [1]])
    recorder = embedlens.Recorder(
        tmp_path / "sets", labels={"test": sets}, items={"test": {"kind": list("abab")}}
    )
    recorder.record(0, {"test": z})
    assert relabelled(recorder.run, "kind").labels("test").tolist() == [0, 1, 0, 1]


def test_what_is_no_column_of_labels_is_refused(run, tmp_path):
    for column, message in (
        ("kimd", "run 'one': unknown column of items.csv 'kimd'; did you mean 'kind'?"),
        ("path", "column 'path' of items.csv has a different value for each of 10 items"),
        ("none", "column 'none' of items.csv is empty"),
    ):
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            relabelled(run, column)
    with pytest.raises(InputError, match="run 'one', split 'test': unknown column of items.csv 'only'"):
        relabelled(run, "only").labels("test")
    z, y = blobs(n=6)
    plain = embedlens.Recorder(tmp_path / "plain", labels={"test": y})
    plain.record(0, {"test": z})
    with pytest.raises(InputError, match="no column 'kind': the run has no items.csv"):
        relabelled(plain.run, "kind")
