"""The command lines of docs/guides/importing.md, run as they stand there on files of the real libraries."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import blobs, optional

import embedlens

for _library in ("safetensors", "h5py", "pyarrow", "zarr", "anndata", "tensorboard"):
    optional(_library)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

GUIDE = Path(__file__).parent.parent.parent / "docs/guides/importing.md"
LINES = re.findall(r"^\| [^|\n]+ \| `(embedlens import [^`\n]+)` \|$", GUIDE.read_text(), re.MULTILINE)
Z, Y = blobs(n=30, classes=3)
NAMES = np.array(["ant", "bee", "cat"])[Y]


def write_arrays(epoch, z):
    import h5py
    import torch
    import zarr
    from safetensors.numpy import save_file

    for split in ("train", "test"):
        np.save(f"npy/{split}_{epoch}.npy", z)
        with h5py.File("all.h5", "a") as file:
            file[f"{split}/epoch_{epoch}/embeddings"] = z
            if not epoch:
                file[f"{split}/labels"] = NAMES.tolist()
    np.savez(f"npz/{epoch}.npz", z=z, y=NAMES)
    torch.save({"z": [torch.from_numpy(z[:20]), torch.from_numpy(z[20:])], "y": Y.tolist()}, f"pt/{epoch}.pt")
    save_file({"z": z, "y": Y}, f"st/{epoch}.safetensors")
    group = zarr.open_group("all.zarr", mode="a")
    group.create_array(f"epoch_{epoch}", data=z)
    if not epoch:
        group.create_array("labels", data=Y)
    for shard, start, stop in ((0, 0, 6), (2, 6, 20), (10, 20, 30)):
        np.save(f"shards/{epoch}-{shard}.npy", z[start:stop])
    order = np.random.default_rng(epoch).permutation(30)
    for rank in range(2):
        rows = order[rank::2]
        np.savez(f"ranks/{epoch}-{rank}.npz", z=z[rows], y=NAMES[rows], idx=rows)
    np.save(f"steps/{epoch * 500}.npy", z)


def write_tables(epoch, z):
    import pandas as pd

    lists = pd.DataFrame({"vector": list(z), "species": pd.Categorical(NAMES), "item": range(30)})
    lists.to_parquet(f"lists/{epoch}.parquet")
    columns = pd.DataFrame(z, columns=[f"z_{at}" for at in range(8)]).assign(species=NAMES)
    columns.to_feather(f"columns/{epoch}.feather")
    columns.to_csv(f"csv/{epoch}.csv", index=False)
    long = lists.sample(frac=1, random_state=epoch).rename(columns={"species": "label"})
    return long.assign(epoch=epoch)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """All files that the guide names."""
    import anndata
    import pandas as pd
    import torch
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in (
            "npy",
            "npz",
            "pt",
            "st",
            "lists",
            "columns",
            "csv",
            "shards",
            "ranks",
            "steps",
            "images",
        ):
            Path(name).mkdir()
        cells = anndata.AnnData(
            X=Z, obs=pd.DataFrame({"species": NAMES}, index=[f"c{row}" for row in range(30)])
        )
        cells.obsm["X_scvi"] = Z[:, :4]
        writer, long = SummaryWriter("logs"), []
        for epoch in range(3):
            z = ((epoch + 1) * Z).astype(np.float32)
            write_arrays(epoch, z)
            long.append(write_tables(epoch, z))
            cells.layers[f"epoch_{epoch}"] = z
            header = {"metadata_header": ["species", "n"], "label_img": torch.rand(30, 3, 4, 4)}
            metadata = [[name, str(row)] for row, name in enumerate(NAMES)]
            writer.add_embedding(torch.from_numpy(z), metadata, global_step=epoch, **header)
        writer.close()
        pd.concat(long).to_parquet("long.parquet")
        cells.write_h5ad("cells.h5ad")
        np.save("labels.npy", Y)
        for split in ("train", "test"):
            np.save(f"npy/{split}_labels.npy", Y)
        lines = [f"images/{29 - row}.png,{name}" for row, name in enumerate(NAMES)]
        Path("birds.csv").write_text("\n".join(["path,species", *lines]))
        for row in range(30):
            Image.fromarray(np.full((4, 4, 3), row, np.uint8)).save(f"images/{row}.png")
    return folder


def test_the_guide_has_a_line_for_each_format():
    endings = (
        "npy",
        "npz",
        "pt",
        "safetensors",
        "h5",
        "zarr",
        "parquet",
        "feather",
        "csv",
        "h5ad",
        "logs",
        "{shard}",
    )
    assert all(any(ending in line for line in LINES) for ending in (*endings, "{step}", "--rows-key"))


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_guide(cli, files, monkeypatch, tmp_path, line):
    monkeypatch.chdir(files)
    done = cli(*shlex.split(line)[1:], "--out", tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    run = embedlens.open_run(tmp_path / "run")
    assert len(run.epochs()) == (1 if "X_scvi" in line else 3)
    for split in run.splits:
        np.testing.assert_array_equal(run.labels(split), Y)
        for epoch in run.epochs():
            z = run.snapshot(split, epoch).embeddings
            np.testing.assert_allclose(z, (epoch + 1) * Z[:, : z.shape[1]], rtol=1e-6)


def test_pictures_of_the_guide(cli, files, monkeypatch, tmp_path):
    command = re.search(
        r"^embedlens (import [^`]*birds\.csv --thumbnails images) --out", GUIDE.read_text(), re.MULTILINE
    )
    monkeypatch.chdir(files)
    done = cli(*shlex.split(command[1].replace("\\\n", " ")), "--out", tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    pictures = embedlens.open_run(tmp_path / "run").thumbnails("test")
    assert pictures[:, 0, 0, 0].tolist() == list(range(29, -1, -1))
