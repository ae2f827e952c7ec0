"""What `embedlens export` writes, `embedlens import` reads: embeddings, classes, items, thumbnails."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from support import blobs

import embedlens

Z, Y = blobs()
PICTURES = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
ITEMS = [f"item {row}" for row in range(60)]
LINES = {
    "csv": "x-csv/{split}.csv --labels-column class --items x-csv/{split}.csv",
    "npz": "x-npz/{split}_{epoch}.npz --key embeddings --labels x-npz/{split}_items.csv --labels-key class "
    "--items x-npz/{split}_items.csv --thumbnails x-npz/{split}_thumbnails.npy",
    "safetensors": "x-safetensors/{split}_{epoch}.safetensors --key embeddings "
    "--labels x-safetensors/{split}_items.csv --labels-key class --items x-safetensors/{split}_items.csv",
    "projector": "x-projector --key {split}_epoch-{epoch} --labels-key class",
    "parquet": "x-parquet/{split}.parquet --labels-column class --items x-parquet/{split}.parquet "
    "--thumbnails x-parquet/{split}_thumbnails.npy",
    "hdf5": "x-hdf5/{split}.h5 --key epoch-{epoch} --labels-key class "
    "--thumbnails x-hdf5/{split}.h5:thumbnails",
    "zarr": "x-zarr/{split}.zarr --key epoch-{epoch} --labels-key class "
    "--thumbnails x-zarr/{split}.zarr:thumbnails",
    "anndata": "x-anndata/{split}.h5ad --key epoch-{epoch} --labels-column class "
    "--items x-anndata/{split}.h5ad",
}
FILES = ("parquet", "hdf5", "zarr", "anndata")


@pytest.fixture
def recorded(folder):
    with embedlens.Recorder(
        "x",
        labels={"train": Y, "test": Y},
        class_names=[f"class {label}" for label in range(6)],
        items={split: {"path": ITEMS} for split in ("train", "test")},
        thumbnails={"train": PICTURES, "test": PICTURES},
    ) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"train": (epoch + 1) * Z, "test": -(epoch + 1) * Z}, step=10 * epoch)
    return recorder.run


def _check(cli, recorded, form):
    assert cli("export", "x", "--to", form, "--epoch", "all").code == 0
    done = cli("import", *shlex.split(LINES[form]), "--out", "y")
    assert (done.code, done.err) == (0, "")
    run = embedlens.open_run("y")
    assert (sorted(run.splits), run.epochs()) == (["test", "train"], [0, 1])
    assert run.info.class_names == recorded.info.class_names
    for split in run.splits:
        np.testing.assert_array_equal(run.labels(split), Y)
        for epoch in range(2):
            z = run.snapshot(split, epoch).embeddings
            np.testing.assert_array_equal(z, recorded.snapshot(split, epoch).embeddings)
        if "--items" in LINES[form] or form == "projector":
            assert run.items(split)["path"] == ITEMS
        if "--thumbnails" in LINES[form] or form == "projector":
            pictures = run.thumbnails(split)
            np.testing.assert_array_equal(pictures if pictures.ndim == 3 else pictures[..., 0], PICTURES)


@pytest.mark.parametrize("form", [form for form in LINES if form not in FILES])
def test_exports_are_imported(cli, recorded, form):
    _check(cli, recorded, form)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FILES)
def test_exports_of_libraries_are_imported(cli, recorded, form):
    from support import optional

    optional({"parquet": "pyarrow", "hdf5": "h5py"}.get(form, form))
    _check(cli, recorded, form)
