from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import torch
from support import blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder


@pytest.fixture
def data():
    return blobs()


def test_what_is_recorded_is_read_back(tmp_path, data):
    z, y = data
    items = {"test": {"name": [f"item, {row}\r\n\r{row}" for row in range(len(y))]}}
    thumbnails = np.random.default_rng(0).integers(0, 255, (len(y), 4, 5, 3)).astype(np.uint8)
    recorder = Recorder(
        tmp_path / "run",
        labels={"test": y},
        method={"loss": "mine", "lr": np.float64(0.5)},
        items=items,
        thumbnails={"test": thumbnails},
        pretrained={"test": z[:, :3]},
        class_names={0: "zero"},
    )
    recorder.record(0, {"test": z}, metrics={"loss": 1.5})
    recorder.record(3, {"test": 2 * z}, metrics={"loss": 0.5, "lr": 0.1})
    run = embedlens.open_run(tmp_path / "run")
    assert run.name == "run"
    assert run.method == {"loss": "mine", "lr": 0.5}
    assert run.splits == ("test",)
    assert run.epochs("test") == [0, 3]
    assert run.log == [
        {"epoch": 0.0, "loss": 1.5, "lr": None},
        {"epoch": 3.0, "loss": 0.5, "lr": 0.1},
    ]
    assert run.items("test") == items["test"]
    assert run.info.class_names == {"0": "zero"}
    np.testing.assert_array_equal(run.thumbnails("test"), thumbnails)
    np.testing.assert_array_equal(run.pretrained("test"), z[:, :3])
    snapshot = run.snapshot("test", -1)
    assert snapshot.epoch == 3
    assert snapshot.embeddings.dtype == np.float32
    np.testing.assert_array_equal(snapshot.embeddings, 2 * z)
    np.testing.assert_array_equal(snapshot.labels, y)
    plain = np.load(tmp_path / "run/splits/test/epoch-0000.npy", allow_pickle=False)
    np.testing.assert_array_equal(plain, z)


def test_snapshots_are_memory_mapped(tmp_path):
    run = write_run(tmp_path / "run")
    embeddings = run.snapshot("test").embeddings
    base = embeddings
    while not isinstance(base, np.memmap):
        base = base.base
    assert not embeddings.flags.writeable


@pytest.mark.parametrize(
    "convert",
    [
        lambda z: z.astype(np.float64),
        lambda z: z.astype(">f4"),
        np.asfortranarray,
        torch.from_numpy,
        lambda z: torch.from_numpy(z).requires_grad_(),
        lambda z: torch.from_numpy(z).double(),
    ],
)
def test_any_float_type_is_cast(tmp_path, data, convert):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"test": torch.from_numpy(y)})
    recorder.record(0, {"test": convert(z)})
    np.testing.assert_array_equal(recorder.run.snapshot("test").embeddings, z)


def test_bfloat16_and_float16(tmp_path, data):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"test": y}, dtype="float16")
    recorder.record(0, {"test": torch.from_numpy(z).bfloat16()})
    stored = recorder.run.snapshot("test").embeddings
    assert stored.dtype == np.float16
    np.testing.assert_allclose(stored, z, rtol=2**-8)


def test_the_store_takes_any_labels(tmp_path, data):
    z, _ = data
    for number, y in enumerate((np.zeros(60, int), np.arange(60), np.full(60, -5), np.arange(60) + 2**40)):
        recorder = Recorder(tmp_path / str(number), labels={"test": y})
        recorder.record(0, {"test": z})
        np.testing.assert_array_equal(recorder.run.snapshot("test").labels, y)


def _bad(z, kind):
    z = z.copy()
    if kind == "nan":
        z[7, 2] = np.nan
    if kind == "infinity":
        z[7, 2] = -np.inf
    if kind == "zero":
        z[7] = 0
    change = {
        "object": lambda: z.astype(object),
        "integer": lambda: z.astype(np.int64),
        "bool": lambda: z > 0,
        "complex": lambda: z.astype(complex),
        "flat": lambda: z[:, 0],
        "rows": lambda: z[:-1],
        "dims": lambda: z[:, :-1],
        "no dims": lambda: z[:, :0],
    }
    return change[kind]() if kind in change else z


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "split 'test', epoch 1: row 7 holds NaN"),
        ("infinity", "split 'test', epoch 1: row 7 holds infinity"),
        ("zero", "row 7 is a zero vector"),
        ("object", "embeddings are Python objects"),
        ("integer", "embeddings are int64"),
        ("bool", "embeddings are bool"),
        ("complex", "embeddings are complex128"),
        ("flat", r"shape \(60,\)"),
        ("rows", "59 rows, but there are 60 labels"),
        ("dims", "7 dims; 8, as in the rest of the run"),
        ("no dims", "0 dims"),
    ],
)
def test_bad_embeddings_leave_the_run_as_it_was(tmp_path, data, kind, message):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"train": y, "test": y})
    recorder.record(0, {"train": z, "test": z})
    before = tree(tmp_path)
    with pytest.raises(InputError, match=message):
        recorder.record(1, {"train": z, "test": _bad(z, kind)}, metrics={"loss": 1})
    assert tree(tmp_path) == before


def test_float16_overflow_is_named(tmp_path, data):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"test": y}, dtype="float16")
    with pytest.raises(InputError, match=r"row 0 has values of at most .*, which do not fit float16"):
        recorder.record(0, {"test": z * 1e6})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(60), "labels are float64"),
        (np.zeros((60, 1), int), r"shape \(60, 1\)"),
        (np.zeros(0, int), "empty"),
        (np.array(["a", ""] * 30), "the label of row 1 is empty"),
        (np.array([2**63] * 60, dtype=np.uint64), "does not fit int64"),
    ],
)
def test_bad_labels_make_no_folder(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        Recorder(tmp_path / "run", labels={"test": labels})
    assert not (tmp_path / "run").exists()


def test_contents_must_fit(tmp_path, data):
    z, y = data
    labels = {"test": y}
    with pytest.raises(InputError, match="60 items"):
        Recorder(tmp_path / "run", labels=labels, items={"test": {"name": ["x"]}})
    with pytest.raises(InputError, match="thumbnails are float32"):
        Recorder(tmp_path / "run", labels=labels, thumbnails={"test": z})
    with pytest.raises(InputError, match="unknown split 'tset'; did you mean 'test'"):
        Recorder(tmp_path / "run", labels=labels, items={"tset": {}})
    with pytest.raises(InputError, match="unknown dtype 'int8'"):
        Recorder(tmp_path / "run", labels=labels, dtype="int8")
    with pytest.raises(InputError, match="cannot be a folder"):
        Recorder(tmp_path / "run", labels={"../test": y})
    with pytest.raises(InputError, match="name no split"):
        Recorder(tmp_path / "run", labels={})
    with pytest.raises(InputError, match="cannot be written to run.json"):
        Recorder(tmp_path / "run", labels=labels, method={"loss": float("nan")})
    assert not (tmp_path / "run").exists()


def test_an_epoch_is_recorded_once(tmp_path, data):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"test": y})
    recorder.record(0, {"test": z})
    with pytest.raises(InputError, match="epoch 0 is recorded already"):
        recorder.record(0, {"test": -z})
    recorder.record(0, {"test": -z}, overwrite=True)
    np.testing.assert_array_equal(recorder.run.snapshot("test", 0).embeddings, -z)
    with pytest.raises(InputError, match="epoch -1 is negative"):
        recorder.record(-1, {"test": z})
    with pytest.raises(InputError, match="lacks split 'test'"):
        recorder.record(1, {})
    with pytest.raises(InputError, match="unknown split 'train'"):
        recorder.record(1, {"test": z, "train": z})


def test_an_epoch_counts_when_all_its_splits_are_there(tmp_path):
    run = write_run(tmp_path / "run")
    (tmp_path / "run/splits/test/epoch-0002.npy").unlink()
    assert run.epochs() == [0, 1]
    assert run.snapshot("train").epoch == 1


def test_a_reader_sees_what_is_recorded_later(tmp_path, data):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"test": y})
    recorder.record(0, {"test": z})
    run = embedlens.open_run(tmp_path / "run")
    recorder.record(1, {"test": z})
    assert run.epochs() == [0, 1]


def test_resume_continues_and_guards(tmp_path, data):
    z, y = data
    Recorder(tmp_path / "run", labels={"test": y}, method={"lr": 1}).record(0, {"test": z})
    (tmp_path / "run/splits/test/.epoch-0001.npy.7.partial").write_bytes(b"left by a kill")
    with pytest.raises(InputError, match="already exists; pass resume=True"):
        Recorder(tmp_path / "run", labels={"test": y})
    with pytest.raises(InputError, match="other items or labels"):
        Recorder(tmp_path / "run", labels={"test": y[::-1]}, resume=True)
    recorder = Recorder(tmp_path / "run", labels={"test": y}, resume=True)
    recorder.record(1, {"test": z})
    assert recorder.run.epochs() == [0, 1]
    assert recorder.run.method == {"lr": 1}
    assert not list(tmp_path.rglob("*.partial"))
    recorder.discard_after(0)
    assert recorder.run.epochs() == [0]


def test_resume_may_start(tmp_path, data):
    z, y = data
    Recorder(tmp_path / "run", labels={"test": y}, resume=True).record(0, {"test": z})
    assert embedlens.open_run(tmp_path / "run").epochs() == [0]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_no_space_left_leaves_nothing_half_written(tmp_path, data, monkeypatch, call):
    z, y = data
    recorder = Recorder(tmp_path / "run", labels={"train": y, "test": y})
    recorder.record(0, {"train": z, "test": z})
    before = tree(tmp_path)

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        recorder.record(1, {"train": z, "test": z})
    with pytest.raises(OSError, match="No space left"):
        Recorder(tmp_path / "other", labels={"test": y})
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert not (tmp_path / "other").exists()
    assert recorder.run.epochs() == [0]


def test_what_is_no_dict_epoch_or_number(tmp_path, data):
    z, y = data
    with pytest.raises(InputError, match="labels are ndarray; a dict by split is needed"):
        Recorder(tmp_path / "run", labels=y)
    recorder = Recorder(tmp_path / "run", labels={"test": y})
    before = tree(tmp_path)
    with pytest.raises(InputError, match="embeddings are ndarray; a dict by split is needed"):
        recorder.record(0, z)
    with pytest.raises(InputError, match="epoch is 0.5; a whole number is needed"):
        recorder.record(0.5, {"test": z})
    with pytest.raises(InputError, match="metric 'loss' is 'low'; a number is needed"):
        recorder.record(0, {"test": z}, metrics={"loss": "low"})
    assert tree(tmp_path) == before
    recorder.record(np.int64(0), {"test": z}, metrics={"loss": torch.ones(1, requires_grad=True).sum()})
    recorder.record(1, {"test": z})
    assert recorder.run.log == [{"epoch": 0.0, "loss": 1.0}, {"epoch": 1.0, "loss": None}]


def test_a_run_without_a_snapshot_is_begun_anew(tmp_path, data):
    z, y = data
    with pytest.raises(InputError, match="row 0 holds NaN"):
        Recorder(tmp_path / "run", labels={"old": y}).record(0, {"old": z * np.nan})
    Recorder(tmp_path / "run", labels={"test": y[::-1]}).record(0, {"test": z})
    run = embedlens.open_run(tmp_path / "run")
    assert (run.splits, run.epochs()) == (("test",), [0])
    assert not (tmp_path / "run/splits/old").exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "dog", None, "cat"], "split 'test': the label of row 2 is None, others are text"),
        ([b"cat", "dog", float("nan"), "cat"], "the label of row 2 is nan"),
        ([0, "dog", "dog", "cat"], "the label of row 0 is 0"),
        ([0, 1, None, 1], "the label of row 2 is None; one integer for every item is needed"),
    ],
)
def test_labels_that_are_no_text_are_named_by_row(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        Recorder(tmp_path / "run", labels={"test": np.array(labels, dtype=object)})
    assert not (tmp_path / "run").exists()


def test_a_run_whose_first_epoch_failed_is_begun_anew(tmp_path):
    z, y = blobs()
    bad = z.copy()
    bad[3] = np.nan
    with (
        pytest.raises(InputError, match="row 3 holds NaN"),
        Recorder(tmp_path / "a", labels={"test": y}) as one,
    ):
        one.record(0, {"test": bad}, metrics={"loss": 1.0})
    with Recorder(tmp_path / "a", labels={"test": y[:50]}) as again:
        again.record(0, {"test": z[:50]})
    assert again.run.epochs() == [0]
    with pytest.raises(InputError, match="already exists; pass resume=True"):
        Recorder(tmp_path / "a", labels={"test": y})
