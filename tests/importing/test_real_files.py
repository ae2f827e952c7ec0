"""Files that the real libraries write: what is imported is what was written, by every kind of key."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support import blobs, optional, rows_of

from embedlens import InputError
from embedlens.importing import ImportSource, import_run
from embedlens.importing.readers import read_array

safetensors = optional("safetensors")
h5py = optional("h5py")
pa = optional("pyarrow")
zarr = optional("zarr")
anndata = optional("anndata")
optional("tensorboard")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

Z, Y = blobs()
NAMES = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])[Y]
CLASSES = {"0": "ant", "1": "bee", "2": "cat", "3": "dog", "4": "eel", "5": "fox"}


def safetensors_file(path, dtype=np.float32):
    from safetensors.numpy import save_file

    for epoch in range(2):
        save_file({"z": ((epoch + 1) * Z).astype(dtype), "labels": Y}, f"s_{epoch}.safetensors")


def hdf5_groups(path):
    with h5py.File("g.h5", "w") as file:
        for split in ("train", "test"):
            for epoch in range(2):
                place = f"{split}/epoch_{epoch}/embeddings"
                file.create_dataset(place, data=(epoch + 1) * Z, compression="gzip", chunks=(7, 3))
            file[f"{split}/labels"] = NAMES.tolist()


def hdf5_flat(path):
    for epoch in range(2):
        with h5py.File(f"e{epoch}.hdf5", "w") as file:
            file["z"], file["labels"] = (epoch + 1) * Z, NAMES.astype("S")


def zarr_group(path, version=3):
    group = zarr.open_group("g.zarr", mode="w", zarr_format=version)
    for epoch in range(2):
        group.create_array(f"deep/epoch_{epoch}", data=(epoch + 1) * Z, chunks=(7, 3))
    group.create_array("labels", data=Y)


def zarr_zip(path):
    for epoch in range(2):
        store = zarr.storage.ZipStore(f"e{epoch}.zarr.zip", mode="w")
        group = zarr.open_group(store, mode="w")
        group.create_array("z", data=(epoch + 1) * Z)
        texts = group.create_array("labels", shape=60, dtype=str)
        texts[:] = NAMES
        store.close()


def annotated(write):
    import pandas as pd

    obs = pd.DataFrame(
        {"species": pd.Categorical(NAMES), "number": Y, "text": [str(name) for name in NAMES]},
        index=[f"item {row}" for row in range(60)],
    )
    data = anndata.AnnData(X=Z, obs=obs)
    for epoch in range(2):
        data.layers[f"epoch_{epoch}"] = data.obsm[f"emb_{epoch}"] = (epoch + 1) * Z
    write(data)


def sparse_layers(path):
    import scipy.sparse

    annotated(lambda data: None)
    data = anndata.AnnData(X=scipy.sparse.csr_matrix(Z), layers={"e_1": scipy.sparse.csc_matrix(2 * Z)})
    data.obs["label"] = NAMES
    data.layers["e_0"] = data.X
    data.write_h5ad("sparse.h5ad")


def frame(epoch, numbers=False, dtype=np.float32):
    import pandas as pd

    z = ((epoch + 1) * Z).astype(dtype)
    if numbers:
        return pd.DataFrame(z, columns=[f"z_{at}" for at in range(8)]).assign(label=NAMES, number=range(60))
    return pd.DataFrame({"z": list(z), "label": pd.Categorical(NAMES), "number": range(60)})


def frames(write, **options):
    for epoch in range(2):
        write(frame(epoch, **options), epoch)


def long_table(path):
    import pandas as pd

    both = [frame(epoch).assign(epoch=epoch) for epoch in range(2)]
    pd.concat(both).to_parquet("long.parquet", row_group_size=25)


def shuffled_table(path):
    import pandas as pd

    both = pd.concat([frame(epoch).assign(epoch=epoch) for epoch in range(2)])
    both.sample(frac=1, random_state=0).to_feather("long.feather")


def fixed_size(path):

    for epoch in range(2):
        values = pa.array(((epoch + 1) * Z).astype(np.float16).ravel())
        lists = pa.FixedSizeListArray.from_arrays(values, 8)
        table = pa.table({"z": lists, "label": pa.array(NAMES.tolist()).dictionary_encode()})
        with pa.OSFile(f"e{epoch}.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)


def arrow_stream(path):
    for epoch in range(2):
        table = pa.Table.from_pandas(frame(epoch))
        with pa.OSFile(f"e{epoch}.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)


def projector(path, labels=None, **options):
    import torch
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter("log")
    for epoch in range(2):
        z = torch.from_numpy((epoch + 1) * Z)
        writer.add_embedding(z, metadata=labels or NAMES.tolist(), global_step=epoch, **options)
    writer.close()


CASES = {
    "safetensors": (safetensors_file, {"pattern": "s_{epoch}.safetensors", "key": "z"}),
    "safetensors float64": (
        lambda path: safetensors_file(path, np.float64),
        {"pattern": "s_{epoch}.safetensors", "key": "z"},
    ),
    "hdf5 groups": (hdf5_groups, {"pattern": "g.h5", "key": "{split}/epoch_{epoch}"}),
    "hdf5 one split": (
        hdf5_groups,
        {"pattern": "g.h5", "key": "/test/epoch_{epoch}/embeddings", "labels_key": "/test/labels"},
    ),
    "hdf5 files": (hdf5_flat, {"pattern": "e{epoch}.hdf5", "key": "z"}),
    "zarr": (zarr_group, {"pattern": "g.zarr", "key": "epoch_{epoch}"}),
    "zarr 2": (lambda path: zarr_group(path, 2), {"pattern": "g.zarr", "key": "deep/epoch_{epoch}"}),
    "zarr zip": (zarr_zip, {"pattern": "e{epoch}.zarr.zip", "key": "z"}),
    "anndata layers": (
        lambda path: annotated(lambda data: data.write_h5ad("a.h5ad", compression="gzip")),
        {"pattern": "a.h5ad", "key": "epoch_{epoch}", "labels_key": "species"},
    ),
    "anndata obsm": (
        lambda path: annotated(lambda data: data.write_h5ad("a.h5ad")),
        {"pattern": "a.h5ad", "key": "obsm/emb_{epoch}", "labels_key": "obs/text"},
    ),
    "anndata zarr": (
        lambda path: annotated(lambda data: data.write_zarr("a.zarr")),
        {"pattern": "a.zarr", "key": "epoch_{epoch}", "labels_key": "species"},
    ),
    "anndata sparse": (sparse_layers, {"pattern": "sparse.h5ad", "key": "e_{epoch}"}),
    "parquet lists": (
        lambda path: frames(lambda one, epoch: one.to_parquet(f"e{epoch}.parquet")),
        {"pattern": "e{epoch}.parquet", "labels_key": "label"},
    ),
    "parquet columns": (
        lambda path: frames(lambda one, epoch: one.to_parquet(f"e{epoch}.pq"), numbers=True),
        {"pattern": "e{epoch}.pq"},
    ),
    "parquet float16": (
        lambda path: frames(lambda one, epoch: one.to_parquet(f"e{epoch}.pq"), dtype=np.float16),
        {"pattern": "e{epoch}.pq"},
    ),
    "parquet epochs": (long_table, {"pattern": "long.parquet"}),
    "feather shuffled": (shuffled_table, {"pattern": "long.feather", "rows_key": "number"}),
    "feather": (
        lambda path: frames(lambda one, epoch: one.to_feather(f"e{epoch}.feather"), numbers=True),
        {"pattern": "e{epoch}.feather", "key": "z"},
    ),
    "arrow file": (fixed_size, {"pattern": "e{epoch}.arrow"}),
    "arrow stream": (arrow_stream, {"pattern": "e{epoch}.arrow"}),
    "csv": (
        lambda path: frames(lambda one, epoch: one.to_csv(f"e{epoch}.csv", index=False), numbers=True),
        {"pattern": "e{epoch}.csv"},
    ),
    "projector": (projector, {"pattern": "log", "key": "default:{epoch}"}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_imported(folder, name):
    write, options = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(folder)
    run = import_run(ImportSource(**options), folder / "run")
    assert run.epochs() == [0, 1]
    names = {} if "safetensors" in name or name in ("zarr", "zarr 2") else CLASSES
    assert run.info.class_names == names
    tolerance = 2**-10 if "float16" in name or name == "arrow file" else 1e-6
    for split in run.splits:
        np.testing.assert_array_equal(run.labels(split), Y)
        for epoch in range(2):
            z = np.asarray(run.snapshot(split, epoch).embeddings)
            assert z.dtype == np.float32
            np.testing.assert_allclose(z, (epoch + 1) * Z, rtol=tolerance)
    assert run.splits == (("test", "train") if name == "hdf5 groups" else ("test",))


def test_bfloat16_becomes_float32(folder):
    import torch
    from safetensors.torch import save_file

    save_file({"z": torch.from_numpy(Z).bfloat16(), "labels": torch.from_numpy(Y)}, "b.safetensors")
    run = import_run(ImportSource("b.safetensors", key="z"), folder / "run")
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, torch.from_numpy(Z).bfloat16().float())


def test_a_projector_log_has_steps_columns_and_pictures(folder):
    import torch

    pictures = torch.rand(60, 3, 5, 5)
    both = [[name, str(row)] for row, name in enumerate(NAMES)]
    projector(folder, both, metadata_header=["species", "row"], label_img=pictures)
    run = import_run(ImportSource("log", labels_key="species"), folder / "run")
    assert [row["step"] for row in rows_of(run.path / "log.csv")] == ["0", "1"]
    assert run.items("test")["row"] == [str(row) for row in range(60)]
    expected = np.uint8((pictures.numpy() * 255).clip(0, 255)).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(run.thumbnails("test"), expected)


def test_what_is_no_array_of_numbers_is_refused(folder):
    import pandas as pd

    np.save("y.npy", Y)
    with h5py.File("v.h5", "w") as file:
        ragged = file.create_dataset("z", (60,), dtype=h5py.vlen_dtype(np.float32))
        ragged[0] = [1, 2]
        file["link"] = h5py.ExternalLink("other.h5", "/z")
    with pytest.raises(InputError, match=r"v.h5: 'z' holds objects"):
        import_run(ImportSource("v.h5", "y.npy", key="z"), folder / "run")
    with pytest.raises(InputError, match=r"v.h5 has no array 'link'; it holds: z"):
        import_run(ImportSource("v.h5", "y.npy", key="link"), folder / "run")
    lists = [list(row) for row in Z]
    lists[7] = lists[7][:3]
    pd.DataFrame({"z": lists}).to_parquet("r.parquet")
    with pytest.raises(InputError, match=r"r.parquet: column 'z' has lists of 8 and, in row 7, of 3 numbers"):
        import_run(ImportSource("r.parquet", "y.npy"), folder / "run")
    columns = pd.DataFrame(Z, columns=[f"z{at}" for at in range(8)])
    columns.loc[9, "z3"] = None
    columns.to_parquet("n.parquet")
    with pytest.raises(InputError, match=r"n.parquet: column 'z3' has no number in row 9"):
        import_run(ImportSource("n.parquet", "y.npy"), folder / "run")
    zarr.create_array("o.zarr", shape=(60, 2), dtype="f4", zarr_format=2, overwrite=True)
    meta = folder / "o.zarr/.zarray"
    meta.write_text(meta.read_text().replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(InputError, match=r"o.zarr.*(pickle|not a readable zarr)"):
        import_run(ImportSource("o.zarr", "y.npy"), folder / "run")


def _hdf5_bomb():
    with h5py.File("bomb.h5", "w") as file:
        file.create_dataset("z", (1 << 20, 512), "f4", chunks=(1 << 16, 64), compression="gzip")


def _hdf5_chunk_bomb():
    with h5py.File("bomb.h5", "w") as file:
        file.create_dataset("z", (10, 8), "f4", chunks=(10, 1 << 26), maxshape=(10, None), compression="gzip")


def _zarr_bomb():
    zarr.create_array("bomb.zarr", shape=(1 << 20, 512), chunks=(1 << 16, 64), dtype="f4")


def _zarr_chunk_bomb():
    zarr.create_array("bomb.zarr", shape=(10, 8), chunks=(10, 1 << 26), dtype="f4")


def _parquet_bomb():
    import pyarrow.parquet as pq

    zeros = pa.array(np.zeros(1 << 22, np.float32))
    table = pa.table({"z": pa.FixedSizeListArray.from_arrays(zeros, 1 << 10)})
    with pq.ParquetWriter("bomb.parquet", table.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(table)


def _csr_bomb():
    import scipy.sparse

    data = anndata.AnnData(X=scipy.sparse.csr_matrix((1 << 17, 1 << 10), dtype=np.float32))
    data.write_h5ad("bomb.h5ad")


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (_hdf5_bomb, "bomb.h5"), (_hdf5_chunk_bomb, "bomb.h5"), (_zarr_bomb, "bomb.zarr"),
        (_zarr_chunk_bomb, "bomb.zarr"), (_parquet_bomb, "bomb.parquet"), (_csr_bomb, "bomb.h5ad"),
    ],
)  # fmt: skip
def test_arrays_are_measured_before_memory_is_taken(folder, write, name):
    write()
    with pytest.raises(InputError, match=rf"{name} holds an array of [\d,]+ bytes in [\d,]+; no embeddings"):
        read_array(folder / name, None)
    with pytest.raises(InputError, match="rows, but there are 7 labels|holds an array of"):
        read_array(folder / name, None, rows=7)
