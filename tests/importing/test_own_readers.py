"""Readers that need no library: safetensors, and tables of text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.importing import ImportSource, import_run
from embedlens.importing.readers import read_array
from embedlens.importing.readers.columns import numbered_columns

Z, Y = blobs(n=12, classes=3)


def write_tensors(path, arrays, **changes):
    """Write a .safetensors file by its specification; `changes` replace parts of the header."""
    header, data = {"__metadata__": {"format": "np"}}, b""
    for name, (kind, array) in arrays.items():
        raw = array.tobytes()
        entry = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        header[name] = entry | changes.get(name, {})
        data += raw
    text = changes.get("text", json.dumps(header)).encode()
    length = changes.get("length", len(text))
    path.write_bytes(length.to_bytes(8, "little") + text + data)


def test_safetensors_of_every_type(tmp_path):
    file = tmp_path / "z.safetensors"
    types = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I64": "<i8", "U8": "u1", "BOOL": "?"}
    arrays = {name: (name, (10 * Z).astype(kind)) for name, kind in types.items()}
    bits = (Z.view(np.uint32) >> 16).astype("<u2")
    write_tensors(file, arrays | {"BF16": ("BF16", bits)})
    for name, (_, array) in arrays.items():
        np.testing.assert_array_equal(read_array(file, name), array)
    expected = (Z.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    np.testing.assert_array_equal(read_array(file, "BF16"), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z": {"data_offsets": [0, 1 << 40]}}, "ends after the file"),
        ({"z": {"shape": [12, 9]}}, "has another size than its shape"),
        ({"z": {"shape": [-1, 9]}}, "has a damaged entry"),
        ({"z": {"dtype": "F8_E4M3"}}, "tensor 'z' is F8_E4M3; BOOL, "),
        ({"z": {"dtype": ["F32"]}}, "tensor 'z' is "),
        ({"length": 1 << 50}, "its header is longer than the file"),
        ({"text": "{{" + " " * 50}, "its header is no JSON"),
        ({"text": "[" * 5000}, "its header is no JSON"),
        ({"text": "[1, 2]"}, "its header does not list tensors"),
        ({"text": "{}"}, "holds no tensor"),
    ],
)
def test_damaged_safetensors(tmp_path, changes, message):
    write_tensors(tmp_path / "z.safetensors", {"z": ("F32", Z)}, **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_array(tmp_path / "z.safetensors", None)
    assert "z.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_of_a_tensor_are_checked_before_it_is_read(tmp_path):
    write_tensors(tmp_path / "z.safetensors", {"z": ("F32", Z)})
    with pytest.raises(InputError, match="12 rows, but there are 13 labels"):
        read_array(tmp_path / "z.safetensors", None, rows=13)


def table(path, *, separator=",", header=True, extra=()):
    """Write embeddings with a label, and further columns, as text."""
    names = ["label", *(name for name, _ in extra), *(f"z_{at}" for at in range(8))]
    rows = [
        [f"class {label}", *(str(column[row]) for _, column in extra), *map(repr, map(float, Z[row]))]
        for row, label in enumerate(Y)
    ]
    lines = [separator.join(row if header else row[1:]) for row in rows]
    path.write_text("\n".join([separator.join(names), *lines] if header else lines))


@pytest.mark.parametrize(("name", "separator"), [("e.csv", ","), ("e.csv", ";"), ("e.tsv", "\t")])
def test_tables_with_one_column_per_dimension(folder, name, separator):
    table(folder / name, separator=separator)
    run = import_run(ImportSource(name), folder / "run")
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, Z)
    assert run.info.class_names == {"0": "class 0", "1": "class 1", "2": "class 2"}


def test_a_table_of_numbers_alone(folder):
    table(folder / "e.tsv", separator="\t", header=False)
    np.save("y.npy", Y)
    run = import_run(ImportSource("e.tsv", "y.npy"), folder / "run")
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, Z)


def test_a_table_with_a_column_of_epochs(folder):
    lines = ["epoch,split,item,label," + ",".join(f"d{at}" for at in range(8))]
    for epoch in (0, 5):
        for split in ("train", "test"):
            for row in np.random.default_rng(epoch).permutation(12):
                numbers = ",".join(map(repr, map(float, (epoch + 1) * Z[row])))
                lines.append(f"{epoch},{split},{row},{Y[row]},{numbers}")
    (folder / "long.csv").write_text("\n".join(lines))
    run = import_run(ImportSource("long.csv", rows_key="item", items="long.csv"), folder / "run")
    assert (sorted(run.splits), run.epochs()) == (["test", "train"], [0, 5])
    for split in run.splits:
        np.testing.assert_allclose(run.snapshot(split, 5).embeddings, 6 * Z, rtol=1e-6)
        np.testing.assert_array_equal(run.labels(split), Y)
        assert run.items(split)["item"] == [str(row) for row in range(12)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label,z_0,z_1\na,1,2\nb,x,4\n", "e.csv is not readable as a table of numbers .*'x'"),
        ("label,z_0,z_1\na,1,2\nb,3\n", "e.csv:3: got 2 fields, expected 3"),
        ("label,a,b\nx,1,2\n", "e.csv has no numbered columns of numbers"),
        ("label,z_0,z_0\nx,1,2\n", "e.csv has two columns of one name"),
        ("", "e.csv has no rows"),
        ("label,z_0,z_1,y_0,y_1\na,1,2,3,4\n", "holds several columns; choose one by its key: z, y"),
        ("epoch,label,z_0,z_1\n0,a,1,2\n0.5,a,1,2\n", "e.csv: columns? .?epoch.? .* whole number"),
        ("label,z_0,z_1\na,1,2\nb,1e50,4\n", "row 1 holds infinity"),
    ],
)
def test_tables_that_hold_no_embeddings(folder, content, message):
    (folder / "e.csv").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        import_run(ImportSource("e.csv"), folder / "run")
    assert "\n" not in str(caught.value)


def test_numbered_columns():
    assert numbered_columns(["z_1", "z_0", "a", "n2", "x.1", "x.2"]) == {
        "z": ["z_0", "z_1"],
        "x": ["x.1", "x.2"],
    }
    assert numbered_columns(["0", "1", "2"]) == {"0..2": ["0", "1", "2"]}
    assert numbered_columns(["e_0_0", "e_0_1", "e_1_0", "e_1_1"]) == {
        "e_0": ["e_0_0", "e_0_1"],
        "e_1": ["e_1_0", "e_1_1"],
    }
    assert numbered_columns(["p[0]", "p[1]", "q_0", "q_2"]) == {"p": ["p[0]", "p[1]"]}
