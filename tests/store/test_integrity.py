"""Checksums: what is damaged is named, in runs of this version and of earlier ones."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens import InputError, Recorder
from embedlens.store.integrity import check_archive, verify, verify_runs

Z, Y = blobs()
FIXTURE = Path(__file__).parent.parent / "fixtures/run-v1"


@pytest.fixture
def path(tmp_path):
    with Recorder(
        tmp_path / "run",
        labels={"train": Y, "test": Y},
        items={"test": {"name": [f"i{row}" for row in range(60)]}},
        thumbnails={"test": np.ones((60, 2, 2), np.uint8)},
        pretrained={"test": Z},
        extras={"meta": np.arange(30)},
    ) as recorder:
        for epoch in range(3):
            recorder.record(
                epoch,
                {"train": Z, "test": Z},
                extras={"test": {"cluster": np.arange(60)}},
                metrics={"loss": 1},
            )
    return tmp_path / "run"


def damage(path):
    return verify(embedlens.open_run(path)).damaged


def test_the_list_is_the_one_of_sha256sum(path):
    listed = dict(line.split("  ")[::-1] for line in (path / "checksums.sha256").read_text().splitlines())
    arrays = [*path.rglob("*.npy"), *path.rglob("items.csv")]
    assert listed == {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in arrays
    }
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "checksums.sha256"], cwd=path, check=True)


def test_every_flipped_bit_is_found(path):
    found = verify(embedlens.open_run(path))
    assert (found.damaged, found.unlisted) == ({}, [])
    assert found.n_verified == len([*path.rglob("*.npy"), *path.rglob("items.csv")])
    random = np.random.default_rng(0)
    for file in sorted([*path.rglob("*.npy"), *path.rglob("items.csv")]):
        whole = file.read_bytes()
        broken = bytearray(whole)
        broken[random.integers(len(whole))] ^= 1 << random.integers(8)
        file.write_bytes(broken)
        assert list(damage(path))[:1] == [str(file.relative_to(path))]
        file.write_bytes(whole)
    assert damage(path) == {}


def test_what_is_missing(path):
    (path / "splits/test/epoch-0001.npy").unlink()
    assert damage(path) == {"splits/test/epoch-0001.npy": "missing"}
    (path / "splits/test/extra/cluster-0000.npy").unlink()
    (path / "extra/meta.npy").unlink()
    assert set(damage(path)) == {
        "splits/test/epoch-0001.npy",
        "splits/test/extra/cluster-0000.npy",
        "extra/meta.npy",
    }


def test_an_epoch_whose_recording_was_cut_off_is_no_damage(path):
    (path / "splits/test/epoch-0002.npy").unlink()
    assert embedlens.open_run(path).epochs() == [0, 1]
    assert damage(path) == {}


def test_a_log_that_cannot_be_read(path):
    (path / "log.csv").write_text("epoch,loss\n0,x\n")
    assert list(damage(path)) == ["log.csv"]


def test_overwriting_and_discarding_keep_the_list_true(path):
    recorder = Recorder(
        path,
        labels={"train": Y, "test": Y},
        items={"test": {"name": [f"i{row}" for row in range(60)]}},
        resume=True,
    )
    recorder.record(1, {"train": -Z, "test": -Z}, overwrite=True)
    recorder.discard_after(1)
    text = (path / "checksums.sha256").read_text()
    assert "epoch-0002" not in text
    assert "cluster-0001" not in text
    assert damage(path) == {}


def test_a_run_of_an_earlier_version(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "run")
    found = verify(embedlens.open_run(tmp_path / "run"))
    assert found.damaged == {}
    assert "splits/test/epoch-0001.npy" in found.unlisted
    file = tmp_path / "run/splits/test/epoch-0001.npy"
    file.write_bytes(file.read_bytes()[:-4])
    assert list(damage(tmp_path / "run")) == ["splits/test/epoch-0001.npy"]


def test_a_run_of_an_earlier_version_goes_on_with_checksums(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "run")
    run = embedlens.open_run(tmp_path / "run")
    recorder = Recorder(
        run.path,
        labels={split: run.labels(split) for split in run.splits},
        items={split: run.items(split) for split in run.splits},
        resume=True,
    )
    z = {split: np.asarray(run.snapshot(split).embeddings) for split in run.splits}
    recorder.record(2, z)
    recorder.record(1, z, overwrite=True)
    found = verify(embedlens.open_run(run.path))
    assert found.damaged == {}
    assert "splits/test/epoch-0002.npy" not in found.unlisted
    assert "splits/test/epoch-0000.npy" in found.unlisted
    recorder.discard_after(0)
    assert recorder.run.epochs() == [0]


def test_an_archive_of_torch_with_a_flipped_bit(tmp_path):
    torch = pytest.importorskip("torch")
    file = tmp_path / "checkpoint.pt"
    state = {"epoch": 3, "network": {"weight": torch.arange(200.0)}, "rate": [0.5, {"a": 1}]}
    torch.save(state, file)
    check_archive(file)
    whole = file.read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for place in random.permutation(len(whole) * 8)[:400]:
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << (place % 8)
        file.write_bytes(broken)
        try:
            check_archive(file)
        except InputError:
            refused += 1
            continue
        try:
            read = torch.load(file, weights_only=True)
        except Exception:  # noqa: S112 - refused by torch, whatever it raises
            continue
        assert (read["epoch"], read["rate"]) == (3, [0.5, {"a": 1}])
        assert torch.equal(read["network"]["weight"], state["network"]["weight"])
    assert refused > 100


def test_a_run_that_is_being_recorded_can_be_verified(tmp_path):
    run = write_run(tmp_path / "run")
    assert verify(run.pinned()).damaged == {}


def test_labels_that_are_damaged_are_told_once(tmp_path):
    run = write_run(tmp_path / "run", n=40)
    labels = run.path / "splits/test/labels.npy"
    y = np.load(labels)
    np.save(labels, y[::-1])
    damaged = verify(embedlens.open_run(run.path)).damaged
    assert list(damaged) == ["splits/test/labels.npy"]


def test_damaged_files_of_several_runs_are_named_together(tmp_path):
    runs = {name: write_run(tmp_path / name, n=20) for name in ("one", "two")}
    found = verify_runs(runs)
    assert [found[name].n_verified for name in runs] == [verify(run).n_verified for run in runs.values()]
    for path in (tmp_path / "one", tmp_path / "two"):
        file = path / "splits/test/epoch-0001.npy"
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    words = "2 damaged files: .*one/splits/test.*two/splits/test.*record the run again"
    with pytest.raises(InputError, match=words):
        verify_runs(runs)
