"""Exports that need no other library: exact values, hostile texts, whole folders."""

from __future__ import annotations

import csv
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from exporting_support import HOSTILE, hostile_run, snapshot
from faults import kill_at_each
from PIL import Image
from schemas import faults
from support import rows_of, tree, write_run

import embedlens
from embedlens import InputError
from embedlens.exporting import TARGETS, contents, export
from embedlens.exporting import folder as folders
from embedlens.exporting.targets import projector, sprites
from embedlens.store import log

PLAIN = ("csv", "npz", "projector", "safetensors")


@pytest.fixture
def run(tmp_path):
    return hostile_run(tmp_path / "runs/mine")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_csv_has_every_value_exactly(tmp_path, dtype):
    run = hostile_run(tmp_path / "run", dtype=dtype)
    done = export(run, "csv", tmp_path / "out", epochs=[0, -1])
    assert done.epochs == (0, 2)
    for split in run.splits:
        rows = rows_of(tmp_path / f"out/{split}.csv")
        n = run.labels(split).size
        assert list(rows[0])[:8] == ["epoch", "step", "row", "label", "class", "path", "item_label", "dim_0"]
        assert [(row["epoch"], row["step"], row["row"]) for row in rows] == [
            (str(epoch), str(10 * epoch), str(i)) for epoch in (0, 2) for i in range(n)
        ]
        values = np.array([[float(row[f"dim_{d}"]) for d in range(6)] for row in rows]).astype(dtype)
        expected = np.concatenate([snapshot(run, split, epoch) for epoch in (0, 2)])
        assert values.tobytes() == expected.tobytes()
        assert [int(row["label"]) for row in rows[:n]] == run.labels(split).tolist()
        assert {row["class"] for row in rows if row["label"] == "1"} == {"'=dog\\tx"}
        assert {row["class"] for row in rows if row["label"] == "3"} == {"3"}
        texts = [row["path"] for row in rows[:n]]
        formulas = {"=1+1": "'=1+1", "@who": "'@who", "g\0h": "g\\x00h"}
        assert texts == [formulas.get(text, text) for text in run.items(split)["path"]]
        assert np.array_equal(np.load(tmp_path / f"out/{split}_thumbnails.npy"), run.thumbnails(split))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_npz_is_what_numpy_reads(tmp_path, dtype):
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, "npz", tmp_path / "out", splits=["test"], epochs=run.epochs())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "export.json", "test_0000.npz", "test_0001.npz", "test_0002.npz", "test_items.csv",
        "test_thumbnails.npy",
    ]  # fmt: skip
    for epoch in run.epochs():
        with np.load(tmp_path / f"out/test_{epoch:04d}.npz", allow_pickle=False) as archive:
            assert archive["embeddings"].dtype == dtype
            assert archive["embeddings"].tobytes() == snapshot(run, "test", epoch).tobytes()
            assert archive["labels"].tolist() == run.labels("test").tolist()
            facts = json.loads(str(archive["facts"]))
        assert (facts["epoch"], facts["step"], facts["split"]) == (epoch, 10 * epoch, "test")
        assert facts["method"] == run.method
        assert facts["log"] == [{"epoch": one, "step": 10 * one, "loss": None} for one in run.epochs()]
        assert facts["class_names"] == {"0": "cat", "1": "=dog\\tx"}
    with (tmp_path / "out/test_items.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["row", "label", "class", "path", "item_label"]
    assert [row[3] for row in rows][2:9] == [text.replace("\0", "\\x00") for text in HOSTILE[2:9]]


def test_safetensors_follow_the_format(tmp_path, run):
    export(run, "safetensors", tmp_path / "out", splits=["test"])
    data = (tmp_path / "out/test_0002.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    assert header["embeddings"]["shape"] == [20, 6]
    start, stop = header["embeddings"]["data_offsets"]
    assert body[start:stop] == snapshot(run, "test").tobytes()
    assert stop == len(body)
    start, stop = header["labels"]["data_offsets"]
    assert body[start:stop] == run.labels("test").tobytes()
    assert header["__metadata__"]["epoch"] == "2"
    assert header["__metadata__"]["step"] == "20"
    assert json.loads(header["__metadata__"]["embedlens"])["method"] == run.method


def test_projector(tmp_path, run):
    export(run, "projector", tmp_path / "out", epochs=[0, 2])
    config = (tmp_path / "out/projector_config.pbtxt").read_text()
    assert config.count("tensor_name") == 4
    lines = (tmp_path / "out/test_metadata.tsv").read_bytes().decode().split("\n")
    assert lines[0].split("\t") == ["label", "class", "row", "path", "item_label"]
    assert len(lines) == 22
    assert lines[-1] == ""
    assert all(line.count("\t") == 4 for line in lines[:-1])
    paths = [line.split("\t")[3] for line in lines[1:-1]]
    assert paths[:5] == ["=1+1", "a\\tb", "c\\nd", "e\\rf", "g\\x00h"]
    for epoch in (0, 2):
        raw = (tmp_path / f"out/test_epoch-{epoch:04d}.bytes").read_bytes()
        assert raw == snapshot(run, "test", epoch).astype(np.float32).tobytes()
    with Image.open(tmp_path / "out/test_sprite.png") as sprite:
        assert sprite.size == (5 * 7, 4 * 5)
        pixels = np.asarray(sprite)
    for row, image in enumerate(run.thumbnails("test")):
        top, left = 5 * (row // 5), 7 * (row % 5)
        assert np.array_equal(pixels[top : top + 5, left : left + 7], image)


def ascii_only(random):
    return random.choice(np.array([0.125, 0.5, 2.0], np.float32), (4, 6))  # bytes 00 00 00 3e, 3f, 40


def line_of_ascii(random):
    z = random.normal(size=(4, 6)).astype(np.float32)
    z[0, 0] = np.frombuffer(b"A\n\0@", "<f4")[0]  # later lines are no text, but the first is read first
    return z


@pytest.mark.parametrize("first", [ascii_only, line_of_ascii])
def test_tensors_that_tensorboard_takes_for_text_are_written_as_text(tmp_path, first):
    z = first(np.random.default_rng(0))
    with embedlens.Recorder(tmp_path / "run", labels={"test": [0, 0, 1, 1]}) as recorder:
        recorder.record(0, {"test": z})
    export(recorder.run, "projector", tmp_path / "out")
    text = (tmp_path / "out/test_epoch-0000.tsv").read_text()
    read = np.array([line.split("\t") for line in text.splitlines()]).astype(float).astype(np.float32)
    assert read.tobytes() == z.tobytes()
    assert 'tensor_path: "test_epoch-0000.tsv"' in (tmp_path / "out/projector_config.pbtxt").read_text()
    assert not list((tmp_path / "out").glob("*.bytes"))


def test_more_rows_than_the_projector_shows_are_warned_of(tmp_path, run, monkeypatch):
    monkeypatch.setattr(projector, "MOST_ROWS", 25)
    with pytest.warns(
        embedlens.errors.InputWarning, match="'train' has 30 rows; the projector shows the first 25"
    ):
        export(run, "projector", tmp_path / "out")
    assert len((tmp_path / "out/train_epoch-0002.bytes").read_bytes()) == 30 * 6 * 4


@pytest.mark.parametrize(
    ("count", "size", "columns", "cell"),
    [
        (1, (28, 28), 1, (28, 28)),
        (100_000, (64, 64), 317, (25, 25)),
        (60_502, (32, 16), 246, (32, 16)),
        (4, (9000, 3), 2, (4096, 1)),
        (1, (16384, 8192), 1, (8192, 4096)),
    ],
)
def test_sprites_fit(count, size, columns, cell):
    assert sprites.grid(count, size) == (columns, cell)
    assert columns * max(cell) <= sprites.SIDE
    assert columns**2 >= count


def test_large_sprites_are_scaled_down(tmp_path, monkeypatch):
    monkeypatch.setattr(sprites, "SIDE", 32)
    images = np.repeat(np.arange(9, dtype=np.uint8) * 20, 16 * 20).reshape(9, 16, 20)
    assert sprites.write_sprite(tmp_path / "s.png", images, most=100) == (10, 8)
    with Image.open(tmp_path / "s.png") as sprite:
        assert (sprite.size, sprite.mode) == ((30, 24), "L")
        assert np.array_equal(np.asarray(sprite)[::8, ::10].ravel(), np.arange(9) * 20)


@pytest.mark.parametrize("target", PLAIN)
def test_an_export_is_replaced_by_the_same_of_later_epochs(tmp_path, run, target):
    export(run, target, tmp_path / "out", epochs=[0])
    before = tree(tmp_path / "out")
    assert faults(json.loads(before["export.json"]), "export", "#/$defs/folder") == []
    assert all(map(folders.is_export_name, before)), "known, so that what a killed export leaves is removed"
    export(run, target, tmp_path / "out", epochs=[1])
    assert tree(tmp_path / "out") != before
    export(run, target, tmp_path / "out", epochs=[0])
    assert tree(tmp_path / "out") == before, "the same export has the same bytes"
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == ["out"]


def test_what_is_not_the_same_export_stays(tmp_path, run):
    out = tmp_path / "out"
    other = write_run(tmp_path / "runs/other")
    export(run, "npz", out)
    before = tree(out)

    def refused(words, run=run, target="npz", **options):
        with pytest.raises(InputError, match=words):
            export(run, target, out, **options)

    refused("is another export .npz of mine, created ", target="csv")
    refused("is another export .npz of mine, created ", run=other)
    refused("unknown split", splits=["val"])
    refused("unknown epoch", epochs=[9])
    refused("nothing to export: no epoch is named", epochs=[])
    refused("unknown export format 'parqet'; did you mean 'parquet'", target="parqet")
    assert tree(out) == before
    (out / "note.txt").write_text("mine")
    refused("has files that are not of the export .note.txt.; move them")
    (out / "note.txt").unlink()
    (out / "test_items.csv").write_text("edited")
    refused("has files that were changed .test_items.csv.; move them")
    assert (out / "test_items.csv").read_text() == "edited"


@pytest.mark.parametrize("kind", ["file", "folder", "run", "link", "damaged"])
def test_what_is_no_export_stays(tmp_path, run, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "run":
        write_run(out, epochs=1)
    elif kind == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.mkdir()
        (out / "export.json").write_text('{"format": "another"}' if kind == "folder" else "{")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="already exists and is no export of embedlens"):
        export(run, "npz", out)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("out", ["s3://bucket/out", Path("s3://bucket/out")])
def test_addresses_are_refused(folder, run, out):
    with pytest.raises(InputError, match="exports are written to a local folder"):
        export(run, "npz", out)
    assert not Path("s3:").exists()


def test_an_empty_folder_is_taken(tmp_path, run):
    (tmp_path / "out").mkdir()
    export(run, "npz", tmp_path / "out")
    assert (tmp_path / "out/export.json").is_file()


def test_a_list_of_files_elsewhere_removes_nothing(tmp_path, run):
    out = tmp_path / "out"
    export(run, "npz", out)
    (tmp_path / "precious").write_text("mine")
    document = json.loads((out / "export.json").read_text())
    document["files"]["../precious"] = "0" * 64
    (out / "export.json").write_text(json.dumps(document))
    export(run, "npz", out)
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path, run, monkeypatch, existing):
    out = tmp_path / "out"
    if existing:
        export(run, "npz", out, epochs=[0])
    before = tree(tmp_path)
    (run.path / "splits/test/epoch-0002.npy").write_bytes(b"damaged")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="epoch-0002.npy"):
        export(run, "npz", out)
    assert tree(tmp_path) == before
    assert out.exists() == existing


def test_a_kill_at_any_file_operation_is_cleared_by_the_next(tmp_path, run, monkeypatch):
    out, old = tmp_path / "out", tmp_path / ".out.exporting/old"
    export(run, "npz", tmp_path / "new", epochs=[1], splits=["test"])
    export(run, "npz", out, epochs=[0], splits=["test"])
    before, after = tree(out), tree(tmp_path / "new")
    moments = set()
    for _ in kill_at_each(monkeypatch, lambda: export(run, "npz", out, epochs=[1], splits=["test"])):
        # Between two renames the older export stands in the hidden folder, from which the next puts it back.
        moments.add("out" if out.exists() else "old")
        assert tree(out if out.exists() else old) in (before, after)
        with pytest.raises(InputError, match="unknown epoch"):
            export(run, "npz", out, epochs=[9])
        export(run, "npz", out, epochs=[0], splits=["test"])
        assert tree(out) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out", "runs"]
    assert moments == {"out", "old"}


def test_files_of_others_in_the_hidden_folder_stay(tmp_path, run):
    room = tmp_path / ".out.exporting"
    (room / "new/more").mkdir(parents=True)
    (room / "new/test_0000.npz").write_text("of a killed export")
    (room / "new/more/note.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"\.out\.exporting has files that are not of an export .new.; move them"
    ):
        export(run, "npz", tmp_path / "out")
    assert tree(room) == {"new/more/note.txt": b"mine"}
    (room / "new").rename(room / "note")
    with pytest.raises(InputError, match="not of an export .note.; move them"):
        export(run, "npz", tmp_path / "out")
    assert tree(room) == {"note/more/note.txt": b"mine"}


@pytest.mark.parametrize("target", PLAIN)
def test_memory_does_not_grow_with_items(tmp_path, monkeypatch, target):
    monkeypatch.setattr(contents, "BLOCK_VALUES", 1 << 10)
    monkeypatch.setattr(log, "_MOST_BYTES", 1 << 16)  # a buffer of this size is taken to read it
    monkeypatch.setattr(folders, "_MOST_BYTES", 1 << 16)
    n, dim = 800, 256
    random = np.random.default_rng(0)
    with embedlens.Recorder(tmp_path / "run", labels={"test": np.arange(n) % 7}) as recorder:
        recorder.record(0, {"test": random.normal(size=(n, dim))})
    tracemalloc.start()
    try:
        export(recorder.run, target, tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n * dim * 4, "less than one snapshot"


def test_targets_name_how_they_are_read(tmp_path, run):
    assert TARGETS.names() == [
        "anndata", "csv", "hdf5", "npz", "parquet", "projector", "safetensors", "zarr",
    ]  # fmt: skip
    done = export(run, "npz", tmp_path / "out", splits=["test"])
    assert done.reading == f'numpy.load("{tmp_path}/out/test_0002.npz")["embeddings"]'
    assert done.splits == {"test": 20}


def test_epochs_are_all_where_a_file_holds_several():
    assert [name for name in TARGETS.names() if TARGETS.get(name).several] == [
        "anndata", "hdf5", "parquet", "zarr",
    ]  # fmt: skip
