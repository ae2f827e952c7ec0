from __future__ import annotations

import json
import time

import numpy as np
import pytest
from support import assert_refused, write_run

import embedlens
from embedlens import InputError
from embedlens.store import schema


@pytest.fixture
def path(tmp_path):
    write_run(tmp_path / "run", class_names={0: "a", 5: "f"}, slices=[(0, 3), (3, 8)])
    return tmp_path / "run"


def _edit(path, key, text):
    """Put JSON text in the place of a key, a.b.c."""
    document = json.loads((path / "run.json").read_text())
    *parents, last = key.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = "@HERE@"
    (path / "run.json").write_text(json.dumps(document).replace('"@HERE@"', text))


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("splits.test.items", "9" * 5000, "splits.test.items is a number of 5,000 digits"),
        ("splits.test.items", "Infinity", "splits.test.items is Infinity"),
        ("splits.test.items", "NaN", "splits.test.items is NaN"),
        ("splits.test.items", "1e999", "splits.test.items is 1e999, which is infinite"),
        ("splits.test.items", "60.0", "splits.test.items is 60.0; a whole number from 1"),
        ("splits.test.items", "true", "splits.test.items is True"),
        ("splits.test.items", "0", "splits.test.items is 0"),
        ("splits.test.items", "-3", "splits.test.items is -3"),
        ("splits.test.items", "10000000000000", "whole number from 1 to 1,000,000,000,000"),
        ("splits.test", "[60]", "splits.test is a list of 1; an object"),
        ("splits.test.fingerprint", "7", "splits.test.fingerprint is 7; text"),
        ("dim", "9" * 19, "dim is"),
        ("dim", "9", "slices is a list of 2; an end at the run's 9 dims"),
        ("method.lr", "1" * 400, "method.lr is a number of 400 digits"),
        ("method", "[]", "method is a list of 0; an object"),
        ("name", "null", "name is None; text"),
        ("name", json.dumps("x" * 1001), "name is 'xxx"),
        ("created", "{}", "created is an object"),
        ("class_names", '{"cat": "a"}', "class_names has the label 'cat'; an integer"),
        ("class_names", '{"1": 5}', "class_names.1 is 5; text"),
        ("query_gallery", '[["test"]]', "query_gallery[0] is a list of 1; a pair"),
        ("query_gallery", '[["test", "train", "test"]]', "query_gallery[0] is a list of 3; a pair"),
        ("query_gallery", '[["test", "none"]]', "query_gallery[0] is 'none'; a split (train, test)"),
        ("slices", "[[0, 3], [4, 8]]", "slices are"),
        ("slices", "[3, 8]", "slices is a list of 2; a list of pairs"),
    ],
)
def test_each_key_is_checked_and_named(path, key, text, part):
    _edit(path, key, text)
    with pytest.raises(InputError) as caught:
        embedlens.open_run(path)
    message = str(caught.value)
    assert "run.json does not follow the format: " in message
    assert part in message
    assert len(message) < 600


@pytest.mark.parametrize("text", ["[" * 500_000 + "]" * 500_000, '{"a":' * 40 + "1" + "}" * 40])
def test_many_levels(path, text):
    _edit(path, "method.deep", text)
    with pytest.raises(InputError, match="nested more than 32 levels"):
        embedlens.open_run(path)


def test_a_missing_key_is_named(path):
    document = json.loads((path / "run.json").read_text())
    del document["created"]
    (path / "run.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="created is missing"):
        embedlens.open_run(path)


def test_a_file_of_a_gibibyte_is_not_read(path):
    with (path / "run.json").open("r+b") as file:
        file.truncate(1 << 30)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"run.json has more than 1,\d+,\d+ bytes"):
        embedlens.open_run(path)
    assert time.monotonic() - began < 1


def test_class_names_of_many_items_have_room(tmp_path):
    n = 20_000
    names = {label: "m." + "x" * 60 + str(label) for label in range(n)}
    with embedlens.Recorder(tmp_path / "run", labels={"test": np.arange(n)}, class_names=names) as recorder:
        recorder.record(0, {"test": np.ones((n, 2))})
    assert (tmp_path / "run/run.json").stat().st_size > schema.MOST_BYTES
    assert len(embedlens.open_run(tmp_path / "run").info.class_names) == n


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ({"note": "x" * (1 << 21)}, "run.json would have"),
        ({"n": 1 << 80}, "method.n is a number of 25 digits"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, method, part):
    with pytest.raises(InputError, match=part):
        embedlens.Recorder(tmp_path / "run", labels={"test": [0, 1]}, method=method)
    assert not (tmp_path / "run/run.json").exists()


def test_a_split_that_searches_itself_has_no_gallery(path):
    _edit(path, "query_gallery", '[["test", "test"], ["test", "train"]]')
    assert embedlens.open_run(path).info.query_gallery == [["test", "train"]]


def test_keys_of_later_versions_are_left_alone(path):
    document = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(document | {"later": {"a": [1]}}))
    assert embedlens.open_run(path).epochs() == [0, 1, 2]


def test_a_broken_run_does_not_hide_the_others(cli, folder):
    for name in ("a", "b", "z"):
        write_run(folder / "runs" / name)
    _edit(folder / "runs/z", "splits.test.items", "9" * 5000)
    (folder / "runs/b/run.json").write_text("[" * 100_000)
    done = cli("info")
    assert done.code == 0
    assert done.out.startswith("run a")
    assert_refused(cli("info", "z"), "splits.test.items is a number of 5,000 digits")


def test_names_of_snapshots_that_no_writer_made_are_not_snapshots(path):
    file = path / "splits/test/epoch-0001.npy"
    for split in ("train", "test"):
        for name in ("9" * 19, "00001", "1234567890"):
            (path / f"splits/{split}/epoch-{name}.npy").write_bytes(file.read_bytes())
    assert embedlens.open_run(path).epochs() == [0, 1, 2]
    with pytest.raises(InputError, match="epoch is 1e\\+19; 999,999,999 is the largest"):
        embedlens.Recorder(path.parent / "new", labels={"test": [0]}).record(10**19, {"test": [[1.0]]})


def test_class_names_alone_may_take_more_than_all_other_keys(tmp_path):
    """100,000 classes need more than 1 MiB; a method of that size is refused."""
    labels = {"test": np.arange(100_000)}
    names = {label: f"identity {label:06d}" for label in range(100_000)}
    run = embedlens.Recorder(tmp_path / "run", labels=labels, class_names=names).run
    file = run.path / "run.json"
    assert 2.5 * schema.MOST_BYTES < file.stat().st_size < 4 * schema.MOST_BYTES
    assert embedlens.open_run(run.path).class_names[99_999] == "identity 099999"
    text = "x" * schema.MOST_BYTES
    with pytest.raises(
        InputError, match=r"cannot be written: method takes 1,048,6\d\d of .* 1,048,576 is the"
    ):
        embedlens.Recorder(tmp_path / "long", labels=labels, method={"notes": text})
    assert not (tmp_path / "long").exists()
    _edit(run.path, "method", json.dumps({"notes": text}))
    with pytest.raises(InputError, match="does not follow the format: method takes 1,048,6"):
        embedlens.open_run(run.path)
