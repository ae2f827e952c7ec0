"""Import of tables of labels: one-hot rows are single labels, rows of several 1 are sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from embedlens import InputError, Recorder
from embedlens.importing.run import import_run
from embedlens.importing.source import ImportSource

RANDOM = np.random.default_rng(0)
Z = RANDOM.normal(size=(30, 4)).astype(np.float32)
TABLE = RANDOM.random((30, 7)) < 0.25
SETS = [np.flatnonzero(row).tolist() for row in TABLE]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", Z)
    return tmp_path


def imported(labels, **options):
    """Import z.npy with a file of labels into a folder of its own."""
    return import_run(
        ImportSource("z.npy", labels, **options), Path(f"run-{len(list(Path().glob('run-*')))}")
    )


def test_every_kind_of_table_gives_the_same_sets(folder):
    for dtype in (bool, np.int64, np.uint8, np.float32):
        np.save("y.npy", TABLE.astype(dtype))
        assert imported("y.npy").label_sets("test").lists() == SETS
    np.savez("y.npz", labels=TABLE)
    assert imported("y.npz").label_sets("test").lists() == SETS
    for matrix in (sp.csr_matrix(TABLE), sp.csr_array(TABLE.astype(float))):
        sp.save_npz("y.npz", matrix)
        assert imported("y.npz").label_sets("test").lists() == SETS
    with Recorder("recorded", labels={"test": TABLE}) as recorder:
        recorder.record(0, {"test": Z})
    run = imported("recorded/splits/test/labels.npz")
    assert run.label_sets("test").lists() == SETS
    assert run.info.splits == recorder.run.info.splits
    assert run.info.version == 2


def test_splits_are_tables_of_one_kind(folder):
    """A one-hot split beside one of sets has sets of one; alone, both are single labels."""
    one_hot = np.eye(7)[np.arange(30) % 7]
    for split, table in (("train", one_hot), ("test", TABLE)):
        np.save(f"{split}_y.npy", table)
        np.save(f"{split}_z.npy", Z)
    run = import_run(ImportSource("{split}_z.npy", "{split}_y.npy"), folder / "both")
    assert run.label_sets("train").lists() == [[row % 7] for row in range(30)]
    assert run.label_sets("test").lists() == SETS
    np.save("test_y.npy", one_hot)
    run = import_run(ImportSource("{split}_z.npy", "{split}_y.npy"), folder / "single")
    assert run.labels("test").tolist() == [row % 7 for row in range(30)]
    assert run.info.version == 1


def test_tables_of_shards_and_row_numbers_are_joined(folder):
    order = RANDOM.permutation(30)
    for shard, rows in enumerate(np.split(order, [12])):
        np.savez(f"part_{shard}.npz", embeddings=Z[rows], labels=TABLE[rows], rows=rows)
    run = import_run(
        ImportSource("part_{shard}.npz", key="embeddings", labels_key="labels", rows_key="rows"),
        folder / "run",
    )
    assert run.label_sets("test").lists() == SETS
    np.testing.assert_array_equal(run.snapshot("test").embeddings, Z)
    np.savez("part_1.npz", embeddings=Z[order[12:]], labels=TABLE[order[12:], :3], rows=order[12:])
    with pytest.raises(InputError, match=r"labels have shape \(12, 7\)"):
        import_run(
            ImportSource("part_{shard}.npz", key="embeddings", labels_key="labels", rows_key="rows"),
            folder / "other",
        )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"indptr": [0, 5], "indices": [0, 1]}, "no CSR matrix of 0 and 1"),
        ({"indptr": [0, 2, 1], "indices": [0]}, "no CSR matrix"),
        ({"indptr": [0, 1], "indices": [-1]}, "no CSR matrix"),
        ({"indptr": [0.0, 1.0], "indices": [0]}, "no CSR matrix"),
        ({"indptr": [0, 1], "indices": [5], "shape": [1, 3]}, "no CSR matrix"),
        ({"indptr": [0, 1], "indices": [0], "data": [2.5]}, "no CSR matrix"),
        ({"indptr": [0, 1], "indices": [0], "format": np.array(b"csc")}, "no CSR matrix"),
        ({"indptr": [0, 1], "indices": [0], "shape": [1, 1 << 32]}, "1 x 4,294,967,296 labels is too large"),
    ],
)
def test_other_matrices_are_refused(folder, arrays, message):
    np.savez("y.npz", **arrays)
    with pytest.raises(InputError, match=message):
        imported("y.npz")


def test_a_sparse_matrix_of_an_own_name_is_read_by_its_key(folder):
    """Archives that hold more are read as before: by the name of an array."""
    np.savez("y.npz", indptr=np.arange(30), indices=np.arange(30) % 3)
    run = imported("y.npz", labels_key="indices")
    assert run.labels("test").tolist() == (np.arange(30) % 3).tolist()
