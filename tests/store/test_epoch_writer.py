"""An epoch that is written in batches by row number: the bytes of `record`, or nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import torch
from faults import kill_at_each
from support import blobs, tree

import embedlens
from embedlens import InputError, Recorder
from embedlens.store.integrity import verify

N = 1003
Z, Y = blobs(n=N)
LABELS = {"train": Y[:40], "test": Y}


def batches(seed=0, size=64, padding=0):
    """All row numbers in an order drawn from a seed, some of them again, as a sampler gives them."""
    order = np.random.default_rng(seed).permutation(N)
    order = np.concatenate([order, order[:padding]])
    return np.split(order, range(size, order.size, size))


def add_all(epoch, **options):
    epoch.add("train", torch.arange(40), torch.from_numpy(Z[:40]).requires_grad_())
    for rows in batches(**options):
        epoch.add("test", rows, Z[rows])


def files(path):
    """All files of a run, hidden ones too, but the lock and run.json, in which the time stands."""
    return {name: raw for name, raw in tree(path).items() if name not in (".lock", "run.json")}


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path / "run", labels=LABELS) as recorder:
        yield recorder


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shuffled_and_padded_batches_give_the_bytes_of_record(tmp_path, dtype):
    with Recorder(tmp_path / "whole", labels=LABELS, dtype=dtype) as whole:
        whole.record(3, {"train": Z[:40], "test": Z}, metrics={"loss": 0.5, "lr": 0.1})
    with Recorder(tmp_path / "parts", labels=LABELS, dtype=dtype) as parts:
        with parts.epoch(3, metrics={"loss": 0.7}) as epoch:
            add_all(epoch, padding=21)
            epoch.log({"loss": 0.5, "lr": 0.1})
            assert epoch.n_repeated == 21
            assert parts.run.epochs() == []
        assert files(parts.path) == files(whole.path)
        assert parts.run.info.dim == whole.run.info.dim == 8
    assert verify(parts.run).damaged == {}


def test_rows_that_differ_by_rounding_are_one_and_the_first_stays(recorder):
    with recorder.epoch(0) as epoch:
        add_all(epoch)
        epoch.add("test", [5, 6, 6], np.stack([Z[5] * 1.001, Z[6], Z[6] * 0.999]))
        assert epoch.n_repeated == 3
    np.testing.assert_array_equal(recorder.run.snapshot("test").embeddings, Z)


def changed(row, value):
    z = Z[:3].copy()
    z[row] = value
    return z


@pytest.mark.parametrize(
    ("rows", "z", "message"),
    [
        ([0, N, -1], Z[:3], rf"split 'test', epoch 0: 2 rows \({N}, -1\) out of range; .* rows 0 to 1002"),
        ([4, 5, 4], Z[:3], r"1 row \(4\) given twice with different values"),
        ([7, 8, 9], Z[:3], r"2 rows \(7, 8\) given twice with different values"),
        ([0, 1], Z[:3], r"3 embeddings have 2 row numbers"),
        ([0.0, 1.0, 2.0], Z[:3], r"row numbers are float64 of shape \(3,\)"),
        ([[0, 1, 2]], Z[:3], r"row numbers are int64 of shape \(1, 3\)"),
        ([10, 20, 30], changed([0, 2], np.nan), r"NaN or infinity in 2 rows \(10, 30\)"),
        ([10, 20, 30], changed(1, np.inf), r"NaN or infinity in 1 row \(20\)"),
        ([10, 20, 30], changed(2, 0), r"zero vectors, which have no direction, in 1 row \(30\)"),
        ([10, 20, 30], Z[:3, :5], r"embeddings have 5 dims; 8"),
        ([10, 20, 30], Z[:3].astype(int), r"embeddings are int64"),
        ([10, 20, 30], Z[:3, 0], r"embeddings have shape \(3,\)"),
    ],
)
def test_a_batch_that_is_refused_writes_nothing_of_it(recorder, rows, z, message):
    with recorder.epoch(0) as epoch:
        epoch.add("test", [7, 8], Z[7:9] * 2)
        with pytest.raises(InputError, match=message) as error:
            epoch.add("test", rows, z)
        assert "\n" not in str(error.value)
        epoch.add("test", [7, 8], Z[7:9] * 2)
        epoch.add("train", np.arange(40), Z[:40])
        rest = np.setdiff1d(np.arange(N), [7, 8])
        epoch.add("test", rest, Z[rest])
        assert epoch.n_repeated == 2
    assert recorder.run.epochs() == [0]


def test_values_that_do_not_fit_float16_are_named_by_their_row(tmp_path):
    recorder = Recorder(tmp_path / "run", labels={"test": Y}, dtype="float16")
    epoch = recorder.epoch(0)
    with pytest.raises(InputError, match="row 20 has values of at most 1e"), epoch:
        epoch.add("test", [10, 20], np.array([[1.0, 2.0], [1e6, 1.0]]))


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ([3], r"split 'test', epoch 0: no embedding of 1 row \(3\) of 1,003; add every row"),
        (range(900, N), r"103 rows \(900, 901, .*, 909 and 93 more\) of 1,003"),
        (range(N), "epoch 0 lacks split 'test'"),
    ],
)
def test_missing_rows_leave_nothing(recorder, left_out, message):
    before = files(recorder.path)
    rows = np.setdiff1d(np.arange(N), list(left_out))
    epoch = recorder.epoch(0).__enter__()
    epoch.add("train", np.arange(40), Z[:40])
    if rows.size:
        epoch.add("test", rows, Z[rows])
    with pytest.raises(InputError, match=message):
        epoch.__exit__(None, None, None)
    assert files(recorder.path) == before
    assert recorder.run.info.dim is None


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt])
def test_an_exception_inside_leaves_nothing(recorder, raised):
    recorder.record(0, {"train": Z[:40], "test": Z}, metrics={"loss": 1.0})
    before = files(recorder.path)
    for overwrite, number in ((False, 1), (True, 0)):
        with suppress(raised), recorder.epoch(number, overwrite=overwrite) as epoch:
            add_all(epoch)
            epoch.log({"loss": 2.0})
            raise raised
        assert files(recorder.path) == before
    with recorder.epoch(0, metrics={"loss": 2.0}, overwrite=True) as epoch:
        for split, z in (("train", Z[:40]), ("test", Z)):
            epoch.add(split, np.arange(len(z)), -z)
    np.testing.assert_array_equal(recorder.run.snapshot("test").embeddings, -Z)
    assert recorder.run.log == [{"epoch": 0.0, "loss": 2.0}]


def test_what_is_refused_at_the_start_and_after_the_end(recorder):
    recorder.record(0, {"train": Z[:40], "test": Z})
    with pytest.raises(InputError, match="epoch 0 is recorded already"):
        recorder.epoch(0)
    with pytest.raises(InputError, match="metric 'loss' is 'x'"):
        recorder.epoch(1, metrics={"loss": "x"})
    with recorder.epoch(1) as epoch:
        with pytest.raises(InputError, match="unknown split 'tset'; did you mean 'test'"):
            epoch.add("tset", [0], Z[:1])
        with pytest.raises(InputError, match="epoch 1 is being written by this recorder"):
            recorder.epoch(1)
        with pytest.raises(InputError, match="epoch 1 is being written by this recorder"):
            recorder.record(1, {"train": Z[:40], "test": Z})
        recorder.log(0, {"loss": 1.0})
        add_all(epoch)
    for late in (lambda: epoch.add("test", [0], Z[:1]), lambda: epoch.log({"a": 1.0})):
        with pytest.raises(InputError, match="epoch 1 is not open; add rows and metrics inside"):
            late()
    with pytest.raises(InputError, match="epoch 1 is begun already"):
        epoch.__enter__()


def test_empty_batches_are_nothing(recorder):
    with recorder.epoch(0) as epoch:
        add_all(epoch)
        epoch.add("test", [], np.empty((0, 8), np.float32))
    assert recorder.run.epochs() == [0]


def test_a_kill_at_every_operation_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    kept = []

    def write(path):
        recorder = Recorder(path, labels=LABELS, resume=True)
        kept.append(recorder)
        with recorder.epoch(0, metrics={"loss": 1.0}, overwrite=True) as epoch:
            add_all(epoch)

    write(tmp_path / "whole")
    wanted, path = files(tmp_path / "whole"), tmp_path / "run"
    for _ in kill_at_each(monkeypatch, lambda: write(path)):
        write(path)
        assert files(path) == wanted
        shutil.rmtree(path)


KILLED = """
import os, sys, numpy as np, embedlens
recorder = embedlens.Recorder(sys.argv[1], labels={"test": np.arange(50) % 5}, resume=True)
with recorder.epoch(1) as epoch:
    epoch.add("test", np.arange(20), np.ones((20, 4)))
    os._exit(9)
"""


def test_what_a_killed_writer_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    path = tmp_path / "run"
    Recorder(path, labels={"test": np.arange(50) % 5}).close()
    before = tree(path)
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == 9
    assert any(name.endswith(".partial") for name in tree(path))
    theirs = path / "splits/test/.epoch-best.npy.partial"
    theirs.write_text("theirs")
    with Recorder(path, labels={"test": np.arange(50) % 5}, resume=True) as recorder:
        assert recorder.run.epochs() == []
    assert tree(path) == {**before, "splits/test/.epoch-best.npy.partial": b"theirs"}


GROWTH = """
import resource, sys, numpy as np, embedlens
n, dim = int(sys.argv[2]), 256
random = np.random.default_rng(0)
recorder = embedlens.Recorder(sys.argv[1], labels={"test": np.arange(n) % 5})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with recorder.epoch(0) as epoch:
    for rows in np.split(random.permutation(n), n // 100):
        epoch.add("test", rows, random.normal(size=(100, dim)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    grown = []
    for n in (1000, 100_000):  # 1 and 100 MB
        command = [sys.executable, "-c", GROWTH, str(tmp_path / str(n)), str(n)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        grown.append(int(done.stdout))
    assert grown[1] - grown[0] < 10_000, grown  # KiB
    assert embedlens.open_run(tmp_path / "100000").epochs() == [0]
