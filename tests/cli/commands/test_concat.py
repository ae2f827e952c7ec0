from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs, tree, write_run

import embedlens


@pytest.fixture
def runs(folder):
    return [write_run(folder / f"runs/{name}", epochs=epochs) for name, epochs in (("a", 3), ("b", 2))]


def test_through_the_real_entry_point(program, runs, folder):
    done = program("concat", "a", "runs/b", "--out", "runs/both", "--weights", "1,3", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.json == {
        "figures": [],
        "data": [],
        "summary": {
            "name": "both", "path": "runs/both", "splits": {"train": 60, "test": 60}, "epochs": [0, 1],
            "dim": 16, "dtype": "float32", "slices": [[0, 8], [8, 16]], "parts": ["a", "b"],
            "paths": ["runs/a", "runs/b"], "weights": [1.0, 3.0],
        },
    }  # fmt: skip
    z = embedlens.open_run("runs/both").snapshot("test", 1).embeddings
    for name, columns, weight in (("a", slice(0, 8), 1 / 4), ("b", slice(8, 16), 3 / 4)):
        part = embedlens.open_run(f"runs/{name}").snapshot("test", 1).embeddings.astype(np.float64)
        unit = part / np.linalg.norm(part, axis=1, keepdims=True)
        np.testing.assert_allclose(z[:, columns], np.sqrt(weight) * unit, atol=1e-7)


def test_every_command_applies_to_the_ensemble(cli, runs):
    done = cli("concat", "a", "b", "--out", "runs/both")
    assert done.code == 0
    assert done.out.splitlines() == [
        "joined runs/both: a (8) + b (8) = 16 dims, 2 epochs, 60 in train, 60 in test",
        "next: embedlens evaluate runs/both runs/a runs/b",
    ]
    told = cli("info", "both")
    assert told.code == 0
    assert "method=concat, parts=['a', 'b']" in told.out
    assert "dims    16" in told.out
    for command in ("scatter", "evaluate", "curves"):
        assert cli(command, "both", "--json").code == 0
    assert cli("concat", "both", "a", "--json").json["summary"]["dim"] == 24


def test_epochs_and_names(cli, runs):
    last = cli("concat", "a", "b", "--epoch", "last", "--json").json["summary"]
    assert last["path"] == "runs/concat-a-b"
    assert last["epochs"] == [2]
    assert embedlens.open_run("runs/concat-a-b").method["part_epochs"] == {"2": [2, 1]}
    one = cli("concat", "a", "b", "--epoch", "1", "--weights", "2,1", "--json").json["summary"]
    assert one["path"] == "runs/concat-a-b-2-1"
    assert one["epochs"] == [1]


def test_splits_that_are_left_out_are_told(cli, folder):
    z, y = blobs()
    for name, splits in (("a", ("train", "test", "more")), ("b", ("train", "test"))):
        labels = {split: y[::-1] if (name, split) == ("b", "train") else y for split in splits}
        embedlens.Recorder(f"runs/{name}", labels=labels).record(0, dict.fromkeys(splits, z))
    done = cli("concat", "a", "b")
    assert done.err.splitlines() == [
        "split 'train' is left out: the runs hold other items there",
        "split 'more' is left out: not every run has it",
    ]
    assert embedlens.open_run("runs/concat-a-b").splits == ("test",)
    assert cli("concat", "a", "b", "--split", "test", "--out", "runs/t").err == ""


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["two different runs or more; got 0"]),
        (["a"], ["two different runs or more; got 1"]),
        (["a", "runs/a"], ["got 1 (one named twice counts once)"]),
        (["a", "missing"], ["no such run: missing"]),
        (["a", "other"], ["share no split with the same items"]),
        (["a", "b", "--out", "runs/a"], ["runs/a already exists", "another --out"]),
        (["a", "b", "--weights", "1"], ["2 runs need 2 weights", "got 1"]),
        (["a", "b", "--weights", "1,0"], ["weight 0; a number above 0"]),
        (["a", "b", "--weights", "1,-2"], ["weight -2"]),
        (["a", "b", "--weights", "1,x"], ["--weights '1,x'", "e.g. 1,2"]),
        (["a", "b", "--epoch", "2"], ["run 'b': unknown epoch '2'", "0-1, last"]),
        (["a", "b", "--epoch", "frist"], ["unknown epoch 'frist'"]),
        (["a", "b", "--split", "tset"], ["'tset'", "train, test"]),
        (["a", "late"], ["share no epoch", "'late' has 7", "--epoch last"]),
        (["a", "empty"], ["run 'empty' has no snapshot yet"]),
    ],
)
def test_what_is_refused(cli, runs, folder, words, parts):
    write_run(folder / "runs/other", n=66)
    labels = {split: runs[0].labels(split) for split in runs[0].splits}
    embedlens.Recorder("runs/empty", labels=labels)
    embedlens.Recorder("runs/late", labels=labels).record(7, dict.fromkeys(labels, blobs()[0]))
    before = tree(folder)
    assert_refused(cli("concat", *words), *parts)
    assert tree(folder) == before
    assert not [path for path in (folder / "runs").iterdir() if "concat" in path.name]
