"""Exports are read by the libraries that they are for, and by TensorBoard's own plugin."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from exporting_support import HOSTILE, hostile_run, snapshot
from PIL import Image
from support import optional

import embedlens
from embedlens.exporting import contents, export

pytestmark = pytest.mark.slow
TYPES = pytest.mark.parametrize("dtype", ["float32", "float16"])
CLASSES = {0: "cat", 1: "=dog\\tx"}  # a run shows control characters as escapes


@pytest.fixture
def blocks(monkeypatch):
    """Blocks of four rows, so that every array is written in several."""
    monkeypatch.setattr(contents, "BLOCK_VALUES", 4 * 6)


def classes(run, split):
    return [CLASSES.get(label, str(label)) for label in run.labels(split).tolist()]


def without_nul(texts):
    return [text.replace("\0", "\\x00") for text in texts]


@TYPES
def test_parquet(tmp_path, blocks, dtype):
    pandas, parquet = optional("pandas"), optional("pyarrow.parquet")
    run = hostile_run(tmp_path / "run", dtype=dtype)
    done = export(run, "parquet", tmp_path / "out")
    assert done.epochs == (0, 1, 2)
    for split in run.splits:
        path = tmp_path / f"out/{split}.parquet"
        table = parquet.read_table(path)
        assert table.column_names == [
            "epoch", "step", "row", "label", "class", "path", "item_label", "embedding",
        ]  # fmt: skip
        kind = table.schema.field("embedding").type
        assert (kind.list_size, str(kind.value_type)) == (
            6,
            {"float32": "float", "float16": "halffloat"}[dtype],
        )
        facts = json.loads(table.schema.metadata[b"embedlens"])
        assert facts["method"] == run.method
        frame = pandas.read_parquet(path)
        for epoch in run.epochs():
            rows = frame[frame["epoch"] == epoch].sort_values("row")
            z = np.stack(rows["embedding"].to_list())
            assert z.dtype == dtype
            assert z.tobytes() == snapshot(run, split, epoch).tobytes()
            assert rows["step"].unique().tolist() == [10 * epoch]
            assert rows["label"].tolist() == run.labels(split).tolist()
            assert rows["class"].tolist() == classes(run, split)
            assert rows["path"].tolist() == run.items(split)["path"]


@TYPES
def test_anndata(tmp_path, blocks, dtype):
    anndata = optional("anndata")
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, "anndata", tmp_path / "out")
    for split in run.splits:
        read = anndata.read_h5ad(tmp_path / f"out/{split}.h5ad")
        assert list(read.layers) == ["epoch-0000", "epoch-0001", "epoch-0002"]
        for epoch in run.epochs():
            layer = read.layers[f"epoch-{epoch:04d}"]
            assert layer.dtype == dtype
            assert layer.tobytes() == snapshot(run, split, epoch).tobytes()
        assert read.X.tobytes() == snapshot(run, split).tobytes()
        assert read.obs["label"].tolist() == run.labels(split).tolist()
        assert read.obs["class"].tolist() == classes(run, split)
        assert read.obs["path"].tolist() == without_nul(run.items(split)["path"])
        assert np.array_equal(read.obsm["thumbnails"], run.thumbnails(split))
        assert read.uns["method"] == {"loss": "mine", "lr": 0.1, "nested": {}}
        facts = json.loads(read.uns["embedlens"])
        assert facts["method"] == run.method
        assert facts["steps"] == [0, 10, 20]
        one = read[read.obs["class"] == "cat"]
        assert one.n_obs == int((run.labels(split) == 0).sum())


def test_anndata_of_a_method_that_hdf5_cannot_hold_as_it_is(tmp_path):
    anndata = optional("anndata")
    method = {
        "a/b": 1,
        "big": 2**63 - 1,
        "nul": "x\0y",
        "list": [1],
        "nested": {"deep": {"lr": 0.1}},
        "f": True,
    }
    with embedlens.Recorder(tmp_path / "run", labels={"test": [0, 1]}, method=method) as recorder:
        recorder.record(0, {"test": np.eye(2)})
    export(recorder.run, "anndata", tmp_path / "out")
    read = anndata.read_h5ad(tmp_path / "out/test.h5ad")
    assert read.uns["method"] == {
        "a_b": 1,
        "big": 2**63 - 1,
        "nul": "x\\x00y",
        "nested": {"deep": {"lr": 0.1}},
        "f": True,
    }
    assert json.loads(read.uns["embedlens"])["method"] == method


@TYPES
@pytest.mark.parametrize("target", ["hdf5", "zarr"])
def test_hdf5_and_zarr(tmp_path, blocks, target, dtype):
    library = optional({"hdf5": "h5py", "zarr": "zarr"}[target])
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, target, tmp_path / "out")
    for split in run.splits:
        if target == "hdf5":
            file = library.File(tmp_path / f"out/{split}.h5", "r")
        else:
            file = library.open_group(tmp_path / f"out/{split}.zarr", mode="r")
        assert sorted(file["embeddings"]) == ["epoch-0000", "epoch-0001", "epoch-0002"]
        for epoch in run.epochs():
            array = file[f"embeddings/epoch-{epoch:04d}"]
            assert array.dtype == dtype
            assert array[:].tobytes() == snapshot(run, split, epoch).tobytes()
        assert file["epoch"][:].tolist() == [0, 1, 2]
        assert file["step"][:].tolist() == [0, 10, 20]
        assert file["label"][:].tolist() == run.labels(split).tolist()
        for name, texts in (("class", classes(run, split)), ("items/path", run.items(split)["path"])):
            read = file[name].asstr()[:] if target == "hdf5" else file[name][:]
            assert read.tolist() == without_nul(texts)
        assert file["items/label"].attrs["column"] == "label"
        assert np.array_equal(file["thumbnails"][:], run.thumbnails(split))
        assert json.loads(file.attrs["embedlens"])["method"] == run.method
        hdf5 = target == "hdf5"
        axes = [axis.label for axis in array.dims] if hdf5 else list(array.metadata.dimension_names)
        assert axes == ["item", "dim"]


@pytest.mark.parametrize("target", ["anndata", "hdf5", "zarr"])
def test_names_of_columns_are_those_of_files(tmp_path, target):
    """Columns of items may have any name; none becomes a path, a hidden file or the metadata of a store."""
    optional({"anndata": "anndata", "hdf5": "h5py", "zarr": "zarr"}[target])
    names = [
        "../../up",
        "a/b",
        "a b",
        "zarr.json",
        "_index",
        "__x",
        ".",
        "é",
        "é" * 300,
        "class",
        "item_class",
    ]
    with embedlens.Recorder(
        tmp_path / "run", labels={"test": [0, 1]}, items={"test": {name: ["x", "y"] for name in names}}
    ) as recorder:
        recorder.record(0, {"test": np.eye(2)})
    export(recorder.run, target, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]
    if target == "zarr":
        group = optional("zarr").open_group(tmp_path / "out/test.zarr", mode="r")
        assert sorted(array.attrs["column"] for _, array in group["items"].arrays()) == sorted(names)
    if target == "anndata":
        read = optional("anndata").read_h5ad(tmp_path / "out/test.h5ad")
        assert len(read.obs.columns) == 2 + len(names)


@TYPES
def test_safetensors(tmp_path, blocks, dtype):
    safetensors, torch = optional("safetensors"), optional("safetensors.torch")
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, "safetensors", tmp_path / "out", epochs=[0, 2])
    for split in run.splits:
        for epoch in (0, 2):
            path = tmp_path / f"out/{split}_{epoch:04d}.safetensors"
            tensors = torch.load_file(path)
            assert tensors["embeddings"].numpy().tobytes() == snapshot(run, split, epoch).tobytes()
            assert str(tensors["embeddings"].dtype) == f"torch.{dtype}"
            assert tensors["labels"].tolist() == run.labels(split).tolist()
            with safetensors.safe_open(path, framework="np") as file:
                assert file.metadata()["step"] == str(10 * epoch)
                assert json.loads(file.metadata()["embedlens"])["split"] == split


@TYPES
def test_csv_by_pandas(tmp_path, dtype):
    pandas = optional("pandas")
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, "csv", tmp_path / "out")
    frame = pandas.read_csv(tmp_path / "out/test.csv", float_precision="round_trip")
    z = frame.filter(regex=r"^dim_\d+$").to_numpy().astype(dtype)
    assert z.tobytes() == snapshot(run, "test").tobytes()
    assert frame["label"].tolist() == run.labels("test").tolist()


@pytest.fixture
def projector(tmp_path):
    """Call TensorBoard's plugin on the export, as its page does."""
    optional("tensorboard")
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector import projector_plugin
    from werkzeug.test import Client

    folder = str(tmp_path / "out")
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    provider = data_provider.MultiplexerDataProvider(multiplexer, folder)
    context = base_plugin.TBContext(logdir=folder, data_provider=provider, multiplexer=multiplexer)
    plugin = projector_plugin.ProjectorPlugin(context)

    def call(route, **query):
        done = Client(plugin.get_plugin_apps()[route]).get("/", query_string=query)
        assert done.status_code == 200, done.get_data()
        return done.get_data()

    return call


@TYPES
def test_projector(tmp_path, projector, blocks, dtype):
    run = hostile_run(tmp_path / "run", dtype=dtype)
    export(run, "projector", tmp_path / "out", epochs=[0, 2])
    assert json.loads(projector("/runs")) == ["."]
    config = json.loads(projector("/info", run="."))
    names = [entry["tensorName"] for entry in config["embeddings"]]
    assert names == [f"{split}_epoch-{epoch:04d}" for split in ("train", "test") for epoch in (0, 2)]
    for entry in config["embeddings"]:
        name = entry["tensorName"]
        split, epoch = name.split("_")[0], int(name[-4:])
        z = np.frombuffer(projector("/tensor", run=".", name=name, num_rows=100_000), np.float32)
        assert z.tobytes() == snapshot(run, split, epoch).astype(np.float32).tobytes()
        text = projector("/metadata", run=".", name=name, num_rows=100_000).decode()
        header, *rows = list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
        assert header[:4] == ["label", "class", "row", "path"]
        assert [row[0] for row in rows] == [str(label) for label in run.labels(split).tolist()]
        assert [row[2] for row in rows] == [str(number) for number in range(len(rows))]
        assert rows[8][3] == HOSTILE[8]
        width, height = entry["sprite"]["singleImageDim"]
        with Image.open(io.BytesIO(projector("/sprite_image", run=".", name=name))) as sprite:
            pixels, columns = np.asarray(sprite), sprite.width // width
        for row, image in enumerate(run.thumbnails(split)):
            top, left = height * (row // columns), width * (row % columns)
            assert np.array_equal(pixels[top : top + height, left : left + width], image)


def test_projector_of_tensors_that_begin_as_text(tmp_path, projector):
    """TensorBoard reads a tensor as text where its first line is UTF-8."""
    z = {"a": np.full((3, 4), 0.5), "b": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}
    z["b"][0, 0] = np.frombuffer(b"A\n\0@", "<f4")[0]
    with embedlens.Recorder(tmp_path / "run", labels=dict.fromkeys(z, [0, 1, 1])) as recorder:
        recorder.record(0, z)
    export(recorder.run, "projector", tmp_path / "out")
    for split in z:
        read = np.frombuffer(projector("/tensor", run=".", name=f"{split}_epoch-0000"), np.float32)
        assert read.tobytes() == snapshot(recorder.run, split).tobytes()
    assert "sprite" not in json.loads(projector("/info", run="."))["embeddings"][0]
