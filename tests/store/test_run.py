from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import write_run

import embedlens
from embedlens import InputError
from embedlens.store import labels as labels_module

FIXTURE = Path(__file__).parent.parent / "fixtures" / "run-v1"


def test_the_fixture_of_version_1_opens_for_ever():
    run = embedlens.open_run(FIXTURE)
    assert (run.name, run.splits, run.epochs()) == ("run-v1", ("train", "test"), [0, 1])
    assert run.method == {"loss": "epshn", "order": 2}
    assert run.info.class_names == {"0": "a", "1": "b"}
    assert run.log == [{"epoch": 0.0, "loss": None}, {"epoch": 1.0, "loss": 0.25}]
    assert run.items("test") == {"name": ["p", "q", "r", "s"]}
    np.testing.assert_array_equal(run.labels("test"), [0, 0, 1, 1])
    np.testing.assert_array_equal(
        run.snapshot("test", 1).embeddings, np.array([[2, 0], [2, 1], [0, 2], [1, 2]], dtype=np.float32)
    )
    assert run.thumbnails("test").shape == (4, 2, 2)
    assert run.pretrained("test").shape == (4, 3)


@pytest.fixture
def path(tmp_path):
    write_run(tmp_path / "run")
    return tmp_path / "run"


def _edit(path, **changes):
    document = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**document, **changes}))


def test_what_is_no_run(tmp_path, path):
    with pytest.raises(InputError, match="no such run"):
        embedlens.open_run(tmp_path / "missing")
    with pytest.raises(InputError, match=r"is not a run: it is a folder of runs, run; name one of them"):
        embedlens.open_run(tmp_path)
    with pytest.raises(InputError, match=r"is not a run: it has no run.json"):
        embedlens.open_run(path / "splits")
    with pytest.raises(InputError, match="is not a run"):
        embedlens.open_run(path / "run.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 3}, "has version 3 of the run format; this program reads 1 and 2"),
        ({"version": 0}, "has version 0 of the run format"),
        ({"version": "1"}, "has version '1'"),
        ({"format": "other"}, "has format 'other'"),
        ({"splits": {}}, "does not follow the format"),
        ({"splits": {"../x": {"items": 1, "fingerprint": ""}}}, "cannot be a folder"),
        ({"splits": ["test"]}, "does not follow the format"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"dim": "many"}, "does not follow the format"),
    ],
)
def test_a_format_that_is_not_known(path, changes, message):
    _edit(path, **changes)
    with pytest.raises(InputError, match=message):
        embedlens.open_run(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_run_json_that_is_broken(path, text):
    (path / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"run\.json"):
        embedlens.open_run(path)


def _break(file, kind):
    raw = file.read_bytes()
    array = np.load(file)
    if kind == "truncated":
        file.write_bytes(raw[:-10])
    elif kind == "header only":
        file.write_bytes(raw[:40])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "header broken":
        file.write_bytes(raw[:12] + b"%" * 30 + raw[42:])
    elif kind == "pickle":
        file.write_bytes(pickle.dumps(array))
    elif kind == "npz":
        with file.open("wb") as handle:
            np.savez(handle, array)
    else:
        changed = {
            "object": array.astype(object),
            "integer": array.astype(np.int32),
            "rows": array[:-1],
            "dims": array[:, :-1],
            "nan": np.where(np.arange(len(array))[:, None] == 5, np.nan, array),
            "infinity": np.where(np.arange(len(array))[:, None] == 5, np.inf, array),
            "zero": np.where(np.arange(len(array))[:, None] == 5, 0, array),
        }[kind]
        np.save(file, changed, allow_pickle=True)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "truncated"),
        ("header only", "truncated|corrupt"),
        ("empty", "not a .npy array"),
        ("header broken", "corrupt"),
        ("pickle", "not a .npy array"),
        ("npz", "an .npz archive"),
        ("object", "Python objects"),
        ("integer", "embeddings are int32"),
        ("rows", "59 rows, but there are 60 labels"),
        ("dims", "7 dims; 8"),
        ("nan", "row 5 holds NaN"),
        ("infinity", "row 5 holds infinity"),
        ("zero", "row 5 is a zero vector"),
    ],
)
def test_a_snapshot_that_is_broken(path, kind, message):
    _break(path / "splits/test/epoch-0001.npy", kind)
    with pytest.raises(InputError, match=message) as caught:
        embedlens.open_run(path).snapshot("test", 1)
    assert "epoch-0001.npy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_that_are_broken(path):
    file = path / "splits/test/labels.npy"
    labels = np.load(file)
    np.save(file, labels[:-1])
    with pytest.raises(InputError, match=r"labels.npy: labels or items are not those"):
        embedlens.open_run(path).snapshot("test")
    np.save(file, labels[::-1])
    with pytest.raises(InputError, match="labels or items are not those"):
        embedlens.open_run(path).snapshot("test")
    np.save(file, labels.astype(float))
    with pytest.raises(InputError, match=r"labels.npy: labels are float64"):
        embedlens.open_run(path).snapshot("test")
    file.unlink()
    with pytest.raises(InputError, match=r"labels.npy: no such file"):
        embedlens.open_run(path).snapshot("test")


def test_what_is_not_there_is_told_with_the_choices(path):
    run = embedlens.open_run(path)
    with pytest.raises(InputError, match="unknown split 'tets'.*choose one of: train, test"):
        run.snapshot("tets")
    with pytest.raises(InputError, match="unknown epoch '9'; choose one of: 0-2, last"):
        run.snapshot("test", 9)
    with pytest.raises(InputError, match="unknown epoch '-9'"):
        run.snapshot("test", -9)
    shutil.rmtree(path / "splits/train")
    with pytest.raises(InputError, match="no snapshot yet"):
        run.snapshot("test")


def test_a_broken_log_is_told(path):
    (path / "log.csv").write_text("epoch,loss\n0,low\n")
    with pytest.raises(InputError, match=r"log.csv, line 2"):
        _ = embedlens.open_run(path).log


@pytest.mark.parametrize("shape", [(60, 0, 0), (60, 4, 0, 3), (60, 0, 4)])
def test_thumbnails_without_a_pixel_are_refused(path, shape):
    np.save(path / "splits/test/thumbnails.npy", np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"thumbnails.npy: thumbnails are uint8 of shape"):
        embedlens.open_run(path).thumbnails("test")


@pytest.mark.parametrize("file", ["run.json", "log.csv", "splits/test/items.csv"])
def test_a_file_that_an_editor_saved_with_a_byte_order_mark(tmp_path, file):
    items = {"test": {"name": [f"n{i}" for i in range(4)]}}
    with embedlens.Recorder(tmp_path / "run", labels={"test": [0, 0, 1, 1]}, items=items) as recorder:
        recorder.record(0, {"test": np.eye(4)}, metrics={"loss": 2.0})
    path = tmp_path / "run" / file
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    run = embedlens.open_run(tmp_path / "run")
    assert run.items("test") == items["test"]
    assert [(row["epoch"], row["loss"]) for row in run.log] == [(0, 2.0)]
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, np.eye(4))


@pytest.mark.parametrize("name", ["labels.npy", "items.csv"])
def test_labels_are_compared_once_and_again_after_a_change(tmp_path, monkeypatch, name):
    items = {"test": {"name": [f"item {row}" for row in range(60)]}}
    run = write_run(tmp_path / "r", splits=("test",), items=items)
    compared = []
    original = labels_module.fingerprint
    monkeypatch.setattr(
        labels_module, "fingerprint", lambda *given: (compared.append(1), original(*given))[1]
    )
    for epoch in run.epochs():
        run.snapshot("test", epoch)
    embedlens.open_run(run.path).labels("test")
    assert len(compared) == 1
    file = run.path / "splits" / "test" / name
    content = file.read_bytes()
    file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    with pytest.raises(InputError, match="not those that run.json was written for"):
        run.labels("test")
    file.write_bytes(content)
    run.labels("test")
