"""What is exported and imported again is the same run: snapshots, labels, steps, items and thumbnails."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from exporting_support import hostile_run, snapshot
from support import optional, tree

import embedlens
from embedlens.exporting import export
from embedlens.exporting.folder import is_export_name

pytestmark = pytest.mark.slow
LINES = {
    "parquet": "'out/{split}.parquet' --items 'out/{split}.parquet' "
    "--thumbnails 'out/{split}_thumbnails.npy'",
    "csv": "'out/{split}.csv' --items 'out/{split}.csv' --thumbnails 'out/{split}_thumbnails.npy'",
    "npz": "'out/{split}_{epoch}.npz' --key embeddings --items 'out/{split}_items.csv' "
    "--thumbnails 'out/{split}_thumbnails.npy'",
    "safetensors": "'out/{split}_{epoch}.safetensors' --key embeddings --items 'out/{split}_items.csv' "
    "--thumbnails 'out/{split}_thumbnails.npy'",
    "hdf5": "'out/{split}.h5' --key 'embeddings/epoch-{epoch}' --thumbnails 'out/{split}.h5:thumbnails'",
    "zarr": "'out/{split}.zarr' --key 'embeddings/epoch-{epoch}' --thumbnails 'out/{split}.zarr:thumbnails'",
    "anndata": "'out/{split}.h5ad' --key 'layers/epoch-{epoch}' --items 'out/{split}.h5ad'",
    "projector": "out/projector_config.pbtxt --key '{split}_epoch-{epoch}'",
}
LIBRARIES = {"parquet": "pyarrow", "hdf5": "h5py", "zarr": "zarr", "anndata": "anndata"}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("target", LINES)
def test_import_of_an_export(cli, folder, target, dtype):
    if target in LIBRARIES:
        optional(LIBRARIES[target])
    run = hostile_run(folder / "runs/mine", dtype=dtype)
    export(run, target, "out", epochs=run.epochs())
    assert all(map(is_export_name, tree("out"))), "known, so that what a killed export leaves is removed"
    done = cli("import", *shlex.split(LINES[target]), "--dtype", dtype, "--out", "runs/again")
    assert done.code == 0, done.err
    again = embedlens.open_run("runs/again")
    assert again.epochs() == run.epochs()
    assert sorted(again.splits) == sorted(run.splits)
    for split in run.splits:
        for epoch in run.epochs():
            assert snapshot(again, split, epoch).tobytes() == snapshot(run, split, epoch).tobytes()
        assert again.labels(split).tobytes() == run.labels(split).tobytes()
        if target != "anndata":
            assert np.array_equal(again.thumbnails(split), run.thumbnails(split))
        if target in ("parquet", "anndata", "csv"):
            texts = run.items(split)["path"]
            if target != "parquet":
                texts = [text.replace("\0", "\\x00") for text in texts]
            if target == "csv":  # of which ends of lines are read alike, and blanks around cells are left out
                texts = [f"'{text}" if text.startswith(("=", "@")) else text for text in texts]
                texts = [text.replace("\r", "\n").strip() for text in texts]
            assert again.items(split)["path"] == texts
    if target in ("parquet", "csv"):
        assert [row["step"] for row in again.log] == [0, 10, 20]
