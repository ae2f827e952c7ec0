from __future__ import annotations

import io
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from support import assert_refused, write_run

import embedlens
from embedlens import InputError
from embedlens.files import read_npy, read_table, read_text
from embedlens.npy import read_array_header


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        np.zeros((0, 4), dtype=np.int64),
        np.float64(3),
        np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]),
    ],
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_headers_are_numpy_s(tmp_path, array, version):
    array = np.asarray(array)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version=version)
    with (tmp_path / "a.npy").open("rb") as file:
        header = read_array_header(file, "a.npy")
        assert file.tell() == header.size
    assert (header.dtype, header.shape, header.nbytes) == (array.dtype, array.shape, array.nbytes)
    read = read_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype


def _with_header(text, version=1):
    raw = text.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(raw)) + raw


def test_a_header_of_python_2(tmp_path):
    raw = _with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }")
    (tmp_path / "a.npy").write_bytes(raw + np.ones(2, dtype="<f4").tobytes())
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), [[1], [1]])


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 4_000_000_000), "a header of 4,000,000,000 bytes; 65,536"),
        (b"\x93NUMPY\x07\x00" + b"\x00" * 20, "unknown version"),
        (b"\x93NUM", "not a .npy array"),
        (b"\x93NUMPY\x01", "unknown version"),
        (b"\x93NUMPY\x01\x00\x50", "truncated"),
        (b"\x93NUMPY\x01\x00\x50\x00{'descr'", "truncated"),
        (_with_header("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}"), "Python objects"),
        (_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}"), "corrupt"),
        (_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}"), "corrupt"),
        (_with_header("{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}"), "corrupt"),
        (_with_header("{'descr': 'zz', 'fortran_order': False, 'shape': (3,)}"), "corrupt"),
        (_with_header("0x1or 2"), "corrupt"),
        (_with_header("(" * 9000), "corrupt"),
        (
            _with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693952, 4)}"),
            "truncated",
        ),
        (_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**9,)}"), "corrupt"),
    ],
)
def test_damaged_headers_are_one_line(tmp_path, raw, part):
    (tmp_path / "a.npy").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        read_npy(tmp_path / "a.npy")
    assert part in str(caught.value)
    assert "a.npy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_headers_are_read_from_streams_that_cannot_seek():
    raw = io.BytesIO()
    np.save(raw, np.zeros((5, 2), dtype=np.float32))

    class Member(io.RawIOBase):
        def read(self, size=-1):
            return raw.read(size)

    raw.seek(0)
    assert read_array_header(Member(), "member").nbytes == 40


def test_text_and_tables_have_bounds(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n")
    assert read_text(file, limit=8) == "a,b\n1,2\n"
    assert read_table(file, limit=8) == [(1, ["a", "b"]), (2, ["1", "2"])]
    with pytest.raises(InputError, match="more than 7 bytes"):
        read_text(file, limit=7)
    with pytest.raises(InputError, match="is a folder"):
        read_text(tmp_path, limit=7)


@pytest.mark.parametrize("name", ["epoch-0002.npy", "labels.npy"])
def test_a_pipe_does_not_hang(program, folder, name):
    write_run(folder / "runs/a")
    file = folder / "runs/a/splits/test" / name
    file.unlink()
    os.mkfifo(file)
    assert_refused(program("evaluate", "a"), name, "is a pipe, socket or device")


def test_pairs_from_a_pipe_do_not_hang(cli, folder):
    write_run(folder / "runs/a")
    os.mkfifo(folder / "pairs.txt")
    assert_refused(cli("verify", "a", "--pairs", "pairs.txt"), "pairs.txt", "is a pipe, socket or device")


def test_snapshots_in_the_other_byte_order_are_read(tmp_path):
    run = write_run(tmp_path / "run")
    file = tmp_path / "run/splits/test/epoch-0001.npy"
    array = np.load(file)
    np.save(file, array.astype(">f4"))
    read = embedlens.open_run(tmp_path / "run").snapshot("test", 1).embeddings
    assert read.dtype == np.float32
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    np.save(file, array.astype(np.float64))
    with pytest.raises(InputError, match="embeddings are float64; float32 or float16"):
        run.snapshot("test", 1)


def test_items_have_bounds(tmp_path):
    run = write_run(tmp_path / "run", items={"test": {"name": [f"n{row}" for row in range(60)]}})
    file = tmp_path / "run/splits/test/items.csv"
    text = file.read_text()
    for broken, part in {
        "name,name\n": "two columns are named 'name'",
        text + "a,b\n": "rows have different numbers of cells",
        text.replace("n59", "x" * 131_073): "field larger than field limit",
    }.items():
        file.write_text(broken)
        with pytest.raises(InputError, match=part):
            run.items("test")
    with file.open("r+b") as handle:
        handle.truncate(1 << 30)
    with pytest.raises(InputError, match="more than 3,997,696 bytes"):
        run.items("test")


def test_importing_files_stays_light():
    script = "import sys, embedlens.files; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
