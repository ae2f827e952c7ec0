from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from support import blobs

from embedlens import InputError
from embedlens.importing import ImportSource, import_run
from embedlens.importing.readers import read_array

Z, Y = blobs(n=8, dim=3, classes=2)
T = torch.from_numpy(Z)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "form",
    [
        lambda: T.clone().requires_grad_(),
        lambda: T.to_sparse(),
        lambda: T.to_sparse_csr(),
        lambda: [T[:4], T[4:]],
        lambda: (T[:3], T[3:4], T[4:]),
        lambda: list(T),
        lambda: {"z": [T[:4], T[4:]]},
        lambda: {0: T},
    ],
    ids=["grad", "coo", "csr", "list", "tuple", "rows", "dict of batches", "int key"],
)
def test_tensors_in_every_form(tmp_path, form):
    torch.save(form(), tmp_path / "z.pt")
    np.testing.assert_array_equal(read_array(tmp_path / "z.pt", None), Z)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_tensor_has_its_real_values(tmp_path):
    torch.save(torch.quantize_per_tensor(T, 0.1, 0, torch.qint8), tmp_path / "z.pt")
    np.testing.assert_allclose(read_array(tmp_path / "z.pt", None), Z, atol=0.0501)


def test_labels_in_batches_and_lists(tmp_path):
    for content in ([torch.tensor([0, 1]), torch.tensor([1])], [0, 1, 1], list(torch.tensor([0, 1, 1]))):
        torch.save(content, tmp_path / "y.pt")
        assert read_array(tmp_path / "y.pt", None, labels=True).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ({0: 1, 1: 1}, "0", "holds a int under its key"),
        (dict.fromkeys(range(5_000), 1), None, r"7, 8, 9 and 4,990 more \(--key NAME\)"),
        ([T[:4], T[4:, :2]], None, r"do not join: shapes \(4, 3\), \(4, 2\)"),
        ([], None, "an empty list"),
        (torch.zeros(1).expand(10**6, 10**5), None, "holds an array of 400,000,000,000 bytes"),
        (torch.empty(3, 2, device="meta"), None, "meta tensor"),
    ],
)
def test_what_is_no_array_is_refused_in_one_short_line(tmp_path, content, key, message):
    torch.save(content, tmp_path / "z.pt")
    with pytest.raises(InputError, match=message) as caught:
        read_array(tmp_path / "z.pt", key)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


BOMB = """
import resource, sys
from pathlib import Path
from embedlens import InputError
from embedlens.importing.readers import read_array
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), used + (200 << 20)))
try:
    read_array(Path(sys.argv[1]), None, rows=None if sys.argv[2] == "any" else int(sys.argv[2]))
except InputError as error:
    print(error)
"""


def claim(path, shape, *, numbers):
    """Write an .npz whose one member claims a shape, and holds so many zeros."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("z.npy", "w") as member:
        member.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("latin-1"))
        for _ in range(numbers >> 22):
            member.write(bytes(4 << 22))


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")
@pytest.mark.parametrize(
    ("shape", "rows", "message"),
    [
        ((1 << 20, 80), "60", "1048576 rows, but there are 60 labels"),
        ((1 << 20, 80), "any", "holds an array of 335,544,320 bytes in"),
    ],
)
def test_an_archive_is_measured_before_memory_is_taken(tmp_path, shape, rows, message):
    claim(tmp_path / "z.npz", shape, numbers=shape[0] * shape[1])
    assert (tmp_path / "z.npz").stat().st_size < 1 << 20
    command = [sys.executable, "-c", BOMB, str(tmp_path / "z.npz"), rows]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert message in done.stdout, done.stderr


def test_a_member_that_is_not_what_it_claims(tmp_path):
    claim(tmp_path / "z.npz", (1 << 30, 1 << 10), numbers=1 << 22)
    with pytest.raises(InputError, match="z.npy is truncated or damaged"):
        read_array(tmp_path / "z.npz", None)
    header = b"\x93NUMPY\x02\x00" + (4 << 30).to_bytes(5, "little")[:4].replace(b"\0", b"\xff")
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        archive.writestr("z.npy", header)
    with pytest.raises(InputError, match="a header of 4,294,967,295 bytes"):
        read_array(tmp_path / "z.npz", None)


def test_archives_are_read_in_both_orders(tmp_path):
    for array in (Z, np.asfortranarray(Z), Z[:0], np.float32(3)):
        np.savez_compressed(tmp_path / "z.npz", array)
        np.testing.assert_array_equal(read_array(tmp_path / "z.npz", None), array)


def test_names_that_hold_numbers_are_not_left_out_in_silence(folder):
    np.save("y.npy", Y)
    for name in ("e_-1.npy", "e_0.npy", "e_best.npy"):
        np.save(name, Z)
    with pytest.warns(UserWarning, match=r"left out.*e_-1.npy, e_best.npy; epochs begin at 0"):
        assert import_run(ImportSource("e_{epoch}.npy", "y.npy"), folder / "run").epochs() == [0]
    with pytest.warns(UserWarning, match=r"has no {epoch}, so e_0.npy is imported as epoch 0"):
        import_run(ImportSource("e_0.npy", "y.npy"), folder / "one")
    with pytest.raises(InputError, match="0 labels are left after the files before it.*write {epoch} where"):
        import_run(ImportSource("e_*.npy", "y.npy"), folder / "two")


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_tensors_are_refused_and_nothing_else_is_raised(tmp_path, legacy):
    """Bits and bytes of the pickle change, lengths too; every reader of torch fails in its own way."""
    content = io.BytesIO()
    tensors = {"a": torch.randn(4, 2), "y": torch.arange(4)}
    torch.save(tensors, content, _use_new_zipfile_serialization=not legacy)
    whole, random = content.getvalue(), np.random.default_rng(0)
    file, refused = tmp_path / "z.pt", 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            place = int(random.integers(len(data) // 2 if legacy else len(data)))
            data[place : place + 1] = bytes(random.integers(0, 256, random.integers(0, 4)).astype(np.uint8))
        file.write_bytes(bytes(data))
        read = 0
        with suppress(InputError):
            read = len(read_array(file, "a"))
        refused += not read
    assert refused > 75
