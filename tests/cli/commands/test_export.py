from __future__ import annotations

import csv

import numpy as np
import pytest
from exporting_support import hostile_run
from support import assert_refused, tree, write_run

import embedlens


@pytest.fixture
def run(folder):
    return hostile_run(folder / "runs/mine")


def test_through_the_real_entry_point(program, run, folder):
    done = program("export", "--to", "csv", "--split", "test", "--out", "tables", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.json == {
        "figures": [],
        "data": [],
        "summary": {
            "run": "mine", "target": "csv", "path": "tables", "splits": {"test": 20}, "epochs": [2],
            "files": ["tables/export.json", "tables/test.csv", "tables/test_thumbnails.npy"],
            "reading": 'pandas.read_csv("tables/test.csv")',
        },
    }  # fmt: skip
    with (folder / "tables/test.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    z = np.array([[row[f"dim_{d}"] for d in range(6)] for row in rows]).astype(np.float32)
    assert np.array_equal(z, embedlens.open_run("runs/mine").snapshot("test", -1).embeddings)


def test_what_is_printed(cli, run):
    done = cli("export", "mine", "--to", "npz", "--epoch", "0,-1")
    assert done.code == 0
    assert done.err == ""
    first, *files, last = done.out.splitlines()
    assert first == "exported mine-npz (npz): 2 epochs, 30 in train, 20 in test"
    assert [line.split()[0] for line in files] == [
        "export.json", "test_0000.npz", "test_0002.npz", "test_items.csv", "test_thumbnails.npy",
        "train_0000.npz", "train_0002.npz", "train_items.csv", "train_thumbnails.npy",
    ]  # fmt: skip
    assert last == 'next: numpy.load("mine-npz/train_0002.npz")["embeddings"]'
    assert "newest; name another" in cli("export", "--to", "projector").err


def test_bad_input_is_refused_and_nothing_is_written(cli, run, folder):
    write_run(folder / "runs/other", epochs=1)
    before = tree(folder)
    for words, said in (
        (("mine", "--to", "parqet"), "unknown export format 'parqet'; did you mean 'parquet'?"),
        (
            ("mine", "other", "--to", "npz"),
            "export writes one run; got 2: export each to a folder of its own",
        ),
        (("mine",), "Missing option '--to'"),
        (("mine", "--to", "npz", "--split", "val"), "unknown split 'val'"),
        (("mine", "--to", "npz", "--epoch", "7"), "unknown epoch '7'"),
        (("mine", "--to", "npz", "--out", "runs"), "runs already exists and is no export of embedlens"),
        (("mine", "--to", "npz", "--out", "."), ". already exists and is no export of embedlens"),
        (("nothing", "--to", "npz"), "no such run: nothing"),
    ):
        assert_refused(cli("export", *words), said)
    assert tree(folder) == before


def test_a_library_that_is_missing_names_its_extra(cli, run, monkeypatch, folder):
    before = tree(folder)
    for target, library in (("parquet", "pyarrow"), ("zarr", "zarr"), ("hdf5", "h5py"), ("anndata", "h5py")):
        monkeypatch.setitem(__import__("sys").modules, library, None)
        done = cli("export", "mine", "--to", target)
        assert_refused(done, f"needs {library}; install it by: pip install 'embedlens[files]'")
    assert tree(folder) == before
