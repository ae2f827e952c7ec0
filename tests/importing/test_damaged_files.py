"""Damaged files of every kind that is imported: a run, or one line that names the file, and never a hang."""

from __future__ import annotations

import shutil
import signal
import warnings

import numpy as np
import pytest
from mutations import damage, restore
from support import blobs, optional

from embedlens import InputError
from embedlens.importing import ImportSource, import_run

for _library in ("safetensors", "h5py", "pyarrow", "zarr", "anndata", "tensorboard"):
    optional(_library)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

_CASES, _SECONDS = 40, 30
Z, Y = blobs(n=24, dim=4, classes=4)
NAMES = [f"class {label}" for label in Y]


def safetensors_file():
    from safetensors.numpy import save_file

    save_file({"z": Z, "labels": Y}, "z.safetensors")


def hdf5_file(name="z.h5"):
    import h5py

    with h5py.File(name, "w") as file:
        file.create_dataset("a/epoch_0", data=Z, compression="gzip", chunks=(7, 3))
        file["a/epoch_1"], file["labels"] = Z, NAMES


def annotated(write):
    import anndata
    import pandas as pd

    obs = pd.DataFrame(
        {"label": pd.Categorical(NAMES), "n": range(24)}, index=[str(row) for row in range(24)]
    )
    data = anndata.AnnData(X=Z, obs=obs)
    data.layers["epoch_0"] = data.layers["epoch_1"] = Z
    write(data)


def zarr_file(zipped):
    import zarr

    store = zarr.storage.ZipStore("z.zarr.zip", mode="w") if zipped else zarr.storage.LocalStore("z.zarr")
    group = zarr.open_group(store, mode="w")
    for epoch in range(2):
        group.create_array(f"epoch_{epoch}", data=Z, chunks=(7, 3))
    group.create_array("labels", shape=24, dtype=str)[:] = np.array(NAMES)
    store.close()


def table(write, lists=True):
    import pandas as pd

    frame = pd.DataFrame({"z": list(Z)}) if lists else pd.DataFrame(Z, columns=[f"z_{at}" for at in range(4)])
    frame = frame.assign(label=pd.Categorical(NAMES), item=range(24))
    write(pd.concat([frame.assign(epoch=0), frame.assign(epoch=1)]))


def arrow_stream(data):
    import pyarrow as pa

    batches = pa.Table.from_pandas(data)
    with pa.OSFile("z.arrow", "wb") as file, pa.ipc.new_stream(file, batches.schema) as writer:
        writer.write_table(batches, max_chunksize=7)


def projector():
    import torch
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter("log")
    for epoch in range(2):
        metadata = [[name, str(row)] for row, name in enumerate(NAMES)]
        pictures = {"metadata_header": ["label", "n"], "label_img": torch.rand(24, 3, 4, 4)}
        writer.add_embedding(torch.from_numpy(Z), metadata, global_step=epoch, **pictures)
    writer.close()


KINDS = {
    "safetensors": (safetensors_file, "z.safetensors", "z"),
    "hdf5": (hdf5_file, "z.h5", "epoch_{epoch}"),
    "h5ad": (lambda: annotated(lambda data: data.write_h5ad("z.h5ad")), "z.h5ad", "epoch_{epoch}"),
    "zarr": (lambda: zarr_file(False), "z.zarr", "epoch_{epoch}"),
    "zarr zip": (lambda: zarr_file(True), "z.zarr.zip", "epoch_{epoch}"),
    "anndata zarr": (lambda: annotated(lambda data: data.write_zarr("z.zarr")), "z.zarr", "epoch_{epoch}"),
    "parquet": (
        lambda: table(lambda data: data.to_parquet("z.parquet", row_group_size=7)),
        "z.parquet",
        None,
    ),
    "feather": (
        lambda: table(lambda data: data.reset_index(drop=True).to_feather("z.feather"), False),
        "z.feather",
        None,
    ),
    "arrow": (lambda: table(arrow_stream), "z.arrow", None),
    "csv": (lambda: table(lambda data: data.to_csv("z.csv", index=False), False), "z.csv", None),
    "projector": (projector, "log", None),
}


class _Hung(BaseException):
    """An import took too long."""


def _files(place):
    return [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if file.is_file()]


def _fault(folder, source):
    """Return what is wrong with how an import ended; None: nothing."""

    def hung(*_arguments):
        raise _Hung

    shutil.rmtree(folder / "run", ignore_errors=True)
    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(_SECONDS)
    try:
        import_run(source, folder / "run")
    except InputError as error:
        text = str(error)
        if "\n" in text or len(text) > 2000:
            return f"no short line: {text[:300]!r}"
    except _Hung:
        return "hangs"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
        return f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_in_one_line(folder, capfd, kind):
    write, name, key = KINDS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write()
    source, random, faults = ImportSource(name, key=key), np.random.default_rng(5), []
    assert _fault(folder, source) is None
    assert (folder / "run").is_dir()
    files = _files(folder / name)
    contents = {file: file.read_bytes() for file in files}
    capfd.readouterr()
    for _ in range(_CASES):
        chosen = files[random.integers(len(files))]
        what = damage(chosen, random)
        fault = _fault(folder, source)
        if fault:
            faults.append(f"{what}: {fault}")
        restore(chosen, contents[chosen])
    assert faults == []
    assert capfd.readouterr().err == "", "libraries write nothing beside the error"
