"""A disk without room: one line with the path, exit 2, and nothing of what was there is lost."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress

import numpy as np
import pytest
import torch
from support import assert_refused, optional, tree, write_run

from embedlens import files
from embedlens.figures.export.animation import write_mp4
from embedlens.training.checkpoint import save_checkpoint


@pytest.fixture
def small(folder):
    """A file system of 3 MB at ./small."""
    (folder / "small").mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", "small"], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    yield folder / "small"
    subprocess.run(["umount", "-l", "small"], check=True)  # torch keeps the half file open


def _fill(folder, *, leave):
    """Take all room but some bytes."""
    file = folder / "ballast"
    with file.open("wb", buffering=0) as handle, suppress(OSError):
        while True:
            handle.write(bytes(4096))
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size - leave)


@pytest.mark.parametrize("leave", [0, 4096, 20_480])
def test_figures(cli, small, leave):
    write_run(small / "a", epochs=2, splits=("test",))
    _fill(small, leave=leave)
    before = tree(small)
    for words in (["--format", "pdf"], ["--format", "svg"], ["--animate"], ["--animate", "--format", "png"]):
        done = cli("scatter", small / "a", *words, "--epoch", "all")
        if done.code:
            assert_refused(done, "no space left", "small/a/figures")
        assert not [name for name in tree(small) if "partial" in name]
        assert {name: raw for name, raw in tree(small).items() if name in before} == before
        assert not list(small.rglob("*.mp4")) or done.code == 0


def test_an_mp4_that_does_not_fit_leaves_no_file(small, capfd):
    frames = np.random.default_rng(0).integers(0, 255, (40, 200, 300, 3), dtype=np.uint8)
    _fill(small, leave=50_000)
    with (
        pytest.raises(OSError, match="No space left on device") as caught,
        files.atomic_path(small / "a.mp4") as temporary,
    ):
        write_mp4(temporary, frames, 10)
    assert caught.value.filename == str(small / "a.mp4")
    assert [path.name for path in small.iterdir()] == ["ballast"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("leave", [0, 10_000, 100_000])
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(small, leave):
    class Stepper:
        def state(self):
            return {"optimizer": {}}

    save_checkpoint(small, 1, torch.nn.Linear(4, 4), stepper=Stepper())
    before = (small / "checkpoint.pt").read_bytes()
    _fill(small, leave=leave)
    with pytest.raises(OSError, match="No space left on device") as caught:
        save_checkpoint(small, 2, torch.nn.Linear(400, 400), stepper=Stepper())
    assert caught.value.filename == str(small / "checkpoint.pt")
    assert (small / "checkpoint.pt").read_bytes() == before
    assert sorted(path.name for path in small.iterdir()) == ["ballast", "checkpoint.pt"]


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 8192, 200_000, 500_000])
def test_training(program, small, leave):
    train = ["train", "--data", "digits", "--epochs", "1", "--out", small / "a"]
    _fill(small, leave=leave)
    done = program(*train)
    if done.code:
        assert done.code == 2
        assert "no space left" in done.err.splitlines()[-1]
        assert str(small) in done.err.splitlines()[-1]
        assert "Traceback" not in done.err
    (small / "ballast").unlink()
    again = program("train", "--resume", small / "a") if (small / "a").exists() else program(*train)
    assert again.code == 0, again.err


@pytest.mark.parametrize("error", [RuntimeError("PytorchStreamWriter failed"), AttributeError("no offset")])
def test_what_a_library_says_of_a_full_disk_is_replaced(tmp_path, monkeypatch, error):
    """The probe finds the fault that the library hid; without a fault its own error stays."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)), files.atomic_path(target):
        raise error
    monkeypatch.setattr(files, "_PROBE", 1 << 62)  # more than any disk, and any memory, has
    with pytest.raises((OSError, MemoryError, OverflowError)), files.atomic_path(target):
        raise error
    assert target.read_bytes() == b"old"


TARGETS = {"csv": "", "npz": "", "projector": "", "safetensors": ""} | {
    "parquet": "pyarrow", "hdf5": "h5py", "zarr": "zarr", "anndata": "anndata",
}  # fmt: skip


@pytest.mark.parametrize(
    "target", [pytest.param(name, marks=[pytest.mark.slow] if TARGETS[name] else []) for name in TARGETS]
)
def test_an_export_that_does_not_fit_leaves_nothing(cli, small, target):
    if TARGETS[target]:
        optional(TARGETS[target])
    write_run(small / "a", epochs=2, splits=("test",))
    for leave in (0, 4096, 8192, 12_288):
        _fill(small, leave=leave)
        before = tree(small)
        done = cli("export", small / "a", "--to", target, "--epoch", "all", "--out", small / "out")
        if done.code:
            assert_refused(done, "no space left: ", "small/")
            assert ".exporting/new" not in done.err
            assert tree(small) == before
        assert leave or done.code
        shutil.rmtree(small / "out", ignore_errors=True)
    assert sorted(path.name for path in small.iterdir()) == ["a", "ballast"]
