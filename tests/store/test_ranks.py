"""Several processes that record one run, each its own rows: the bytes of one process, or no epoch at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from faults import kill_at_each
from support import blobs, tree

import embedlens
from embedlens import InputError, Recorder
from embedlens.store import Ranks, shared_epochs
from embedlens.store.integrity import verify

N = 1003
Z, Y = blobs(n=N)
LABELS = {"train": Y[:40], "test": Y}


def parts(rank, size=2, seed=0):
    """The rows of one rank, as torch's DistributedSampler draws them: shuffled, and padded to equal parts."""
    order = np.random.default_rng(seed).permutation(N)
    order = np.concatenate([order, order[: -N % size]])
    return order[rank::size]


def files(path):
    return {name: raw for name, raw in tree(path).items() if name not in (".lock", "run.json")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files that one process records."""
    path = tmp_path_factory.mktemp("whole") / "run"
    with Recorder(path, labels=LABELS) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"train": Z[:40] + epoch, "test": Z + epoch}, metrics={"loss": epoch})
    return files(path)


def recorder_of(path, rank, *, size=2, job="a", **options):
    return Recorder(path, labels=LABELS, ranks=Ranks(rank, size, job), **options)


def add(recorder, number, rank, *, size=2, **options):
    with recorder.epoch(number, metrics={"loss": number} if rank == 0 else {"loss": 9}, **options) as epoch:
        if rank == size - 1:
            epoch.add("train", np.arange(40), Z[:40] + number)
        for rows in np.array_split(parts(rank, size), 5):
            epoch.add("test", rows, Z[rows] + number)
    return epoch


WORKER = """
import sys, numpy as np, torch.distributed as dist
sys.path.insert(0, sys.argv[1])
import torch
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from embedlens import InputError, Recorder
from embedlens.store import Ranks
from support import blobs
z, y = blobs(n=1003)
store = "file://" + sys.argv[2] + ".store"
dist.init_process_group("gloo", init_method=store, rank=int(sys.argv[3]), world_size=2)
rank = dist.get_rank()
gather, refused = sys.argv[4] == "gather", sys.argv[5]
path = sys.argv[2] if not (gather and rank) else sys.argv[2] + "-elsewhere/run"
data = TensorDataset(torch.from_numpy(z), torch.arange(1003))
sampler = DistributedSampler(data, shuffle=True)
loader = DataLoader(data, batch_size=64, sampler=sampler)
with Recorder(path, labels={"train": y[:40], "test": y}, ranks=Ranks.of_torch(gather=gather)) as recorder:
    recorder.discard_after(-1)
    for number in range(2):
        sampler.set_epoch(number)
        with recorder.epoch(number, metrics={"loss": number if rank == 0 else 9}) as epoch:
            for x, rows in loader:
                epoch.add("test", rows, x + number)
            if rank:
                epoch.add("train", range(40), torch.from_numpy(z[:40]) + number)
        assert epoch.n_repeated == 1, epoch.n_repeated
        if not (gather and rank):
            assert recorder.run.epochs()[-1] == number
            assert recorder.run.snapshot("test").embeddings.shape == (1003, 8)
    if refused:
        try:
            with recorder.epoch(2) as epoch:
                epoch.add("train", range(40), torch.from_numpy(z[:40]))
                epoch.add("test", range(10 * rank, 10 * rank + 10), z[:10])
        except InputError as error:
            print(error, flush=True)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.parametrize("way", ["disk", "gather"])
def test_two_gloo_processes_give_the_bytes_of_one(tmp_path, whole, way):
    path = tmp_path / "run"
    command = [sys.executable, "-c", WORKER, os.path.dirname(os.path.dirname(__file__)), str(path)]
    started = [
        subprocess.Popen([*command, str(rank), way, "x"], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert files(path) == whole
    assert not (tmp_path / "run-elsewhere").exists()
    assert verify(embedlens.open_run(path)).damaged == {}
    for text in said:
        assert text.startswith("split 'test', epoch 2: no embedding of 983 rows (20, 21, "), text


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_by_hand_one_after_the_other(tmp_path, whole, size):
    path = tmp_path / "run"
    for rank in range(size):
        with recorder_of(path, rank, size=size) as recorder:
            writers = [add(recorder, number, rank, size=size) for number in range(2)]
            assert recorder.run.epochs() == ([0, 1] if rank == size - 1 else [])
            assert not (path / ".lock").exists()
    assert [writer.n_repeated for writer in writers] == [-N % size] * 2
    assert files(path) == whole
    assert recorder.run.info.dim == 8


TASK = """
import sys
sys.path.insert(0, sys.argv[1])
import importlib.util
spec = importlib.util.spec_from_file_location("test_ranks", sys.argv[2])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from pathlib import Path
with tests.recorder_of(Path(sys.argv[3]), int(sys.argv[4]), size=3) as recorder:
    for number in range(2):
        tests.add(recorder, number, int(sys.argv[4]), size=3)
"""


def test_ranks_by_hand_at_the_same_time(tmp_path, whole):
    path = tmp_path / "run"
    command = [sys.executable, "-c", TASK, os.path.dirname(os.path.dirname(__file__)), __file__, str(path)]
    started = [subprocess.Popen([*command, str(rank)]) for rank in (2, 1, 0)]
    assert [process.wait(timeout=200) for process in started] == [0, 0, 0]
    assert files(path) == whole


def test_one_rank_alone_is_one_process(tmp_path, whole):
    with recorder_of(tmp_path / "run", 0, size=1) as recorder:
        for number in range(2):
            add(recorder, number, 0, size=1)
        assert (tmp_path / "run/.lock").exists()
    assert files(tmp_path / "run") == whole


@pytest.mark.parametrize(
    ("rows", "z", "message"),
    [
        (np.arange(1000), Z[:1000], r"split 'test', epoch 0: no embedding of 3 rows \(1000, 1001, 1002\)"),
        (np.arange(N), Z * 2, r"split 'test', epoch 0: 10 rows \(0, 1, .*, 9\) given twice with different"),
        (np.arange(N), Z[:, :5], r"processes have embeddings of 8 and of 5 dims; they must agree"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_leaves_nothing(tmp_path, rows, z, message):
    recorders = [recorder_of(tmp_path / "run", rank) for rank in range(2)]
    before = files(tmp_path / "run")
    with recorders[0].epoch(0) as epoch:
        epoch.add("train", np.arange(40), Z[:40])
        epoch.add("test", np.arange(10), Z[:10])
    epoch = recorders[1].epoch(0).__enter__()
    epoch.add("test", rows, z)
    with pytest.raises(InputError, match=message):
        epoch.__exit__(None, None, None)
    assert files(tmp_path / "run") == before
    for rank, recorder in enumerate(recorders):
        add(recorder, 0, rank)
    assert recorders[0].run.epochs() == [0]


def test_wrong_ranks_and_calls(tmp_path, monkeypatch):
    for rank, size in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(InputError, match=rf"rank {rank} of {size} processes"):
            Ranks(rank, size, "a")
    with pytest.raises(InputError, match="job is empty"):
        Ranks(0, 2, "")
    with pytest.raises(InputError, match="torch.distributed has no process group"):
        Ranks.of_torch()
    monkeypatch.setattr(shared_epochs, "RUN_WAIT_S", 0.1)
    with pytest.raises(InputError, match=r"has not been begun after 0\.1 seconds; process 0 begins it"):
        recorder_of(tmp_path / "run", 1)
    recorder = recorder_of(tmp_path / "run", 0)
    with pytest.raises(InputError, match="one of 2 processes; each adds its own rows by epoch"):
        recorder.record(0, {"train": Z[:40], "test": Z})
    with pytest.raises(InputError, match="recorded for other items or labels"):
        Recorder(tmp_path / "run", labels={"test": Y}, ranks=Ranks(1, 2, "a"))
    recorder.log(0, {"loss": 1.0})
    assert recorder.run.log == [{"epoch": 0.0, "loss": 1.0}]


def test_rows_of_an_earlier_job_are_removed_by_name_and_never_mixed_in(tmp_path, whole):
    path = tmp_path / "run"
    add(recorder_of(path, 0, job="earlier"), 0, 0)
    theirs = [
        path / name for name in (".epoch-0000.shard", ".epoch-0000.rank-0-of-2.shard", "epoch-0000.shard")
    ]
    for file in theirs:
        file.write_text("theirs")
    (path / ".epoch-0000.rank-1-of-2.00000000.shard").mkdir()
    recorders = [recorder_of(path, rank, resume=True) for rank in range(2)]
    assert not [name for name in files(path) if name.endswith(".shard") and path / name not in theirs]
    add(recorders[1], 0, 1)
    assert recorders[0].run.epochs() == []  # the earlier rows of rank 0 do not count
    again = recorder_of(path, 1, resume=True)  # nor those of an earlier process of its own rank
    add(recorders[0], 0, 0)
    assert recorders[0].run.epochs() == []
    add(again, 0, 1)
    assert [file.read_text() for file in theirs] == ["theirs"] * 3
    for file in theirs:
        file.unlink()
    (path / ".epoch-0000.rank-1-of-2.00000000.shard").rmdir()
    for rank, recorder in enumerate((recorders[0], again)):
        add(recorder, 1, rank)
    assert files(path) == whole


def test_a_single_process_removes_what_several_left(tmp_path):
    path = tmp_path / "run"
    add(recorder_of(path, 0), 0, 0)
    assert any(name.endswith(".shard") for name in tree(path))
    Recorder(path, labels=LABELS, resume=True).close()
    assert not any(name.endswith(".shard") for name in tree(path))


def test_an_exception_in_one_process_leaves_nothing_of_its_part(tmp_path):
    recorders = [recorder_of(tmp_path / "run", rank) for rank in range(2)]
    before = files(tmp_path / "run")
    with suppress(KeyboardInterrupt), recorders[0].epoch(0) as epoch:
        epoch.add("test", [0], Z[:1])
        raise KeyboardInterrupt
    assert files(tmp_path / "run") == before


@pytest.mark.slow
def test_a_kill_at_every_operation_gives_the_epoch_whole_or_not_at_all(tmp_path, monkeypatch, whole):
    """Whoever dies: the next job, of another name, ends with the same bytes, and nothing is left behind."""
    path, kept, kills = tmp_path / "run", [], 0

    def job(name):
        recorders = [recorder_of(path, rank, job=name, resume=True) for rank in range(2)]
        kept.extend(recorders)
        done = recorders[0].run.epochs()
        for recorder in recorders:  # the log of the last epoch may be missing
            recorder.discard_after(done[-2] if len(done) > 1 else -1)
        for number in range(max(0, len(done) - 1), 2):
            for rank, recorder in enumerate(recorders):
                add(recorder, number, rank)

    for _ in kill_at_each(monkeypatch, lambda: job("first")):
        kills += 1
        for number in embedlens.open_run(path).epochs() if (path / "run.json").exists() else []:
            for split, n in (("train", 40), ("test", N)):
                stored = embedlens.open_run(path).snapshot(split, number).embeddings
                np.testing.assert_array_equal(stored, Z[:n] + number)
        job(f"next {kills}")
        assert files(path) == whole
        shutil.rmtree(path)
    assert kills > 60


KILLED = """
import os, sys, numpy as np, embedlens
from embedlens.store import Ranks
sys.path.insert(0, sys.argv[1])
from support import blobs
z, y = blobs(n=1003)
recorder = embedlens.Recorder(sys.argv[2], labels={"train": y[:40], "test": y}, ranks=Ranks(1, 2, "a"))
with recorder.epoch(0) as epoch:
    epoch.add("test", np.arange(500), z[:500])
    print("adding", flush=True)
    sys.stdin.readline()
"""


def test_a_process_that_is_killed_while_it_adds(tmp_path):
    path = tmp_path / "run"
    first = recorder_of(path, 0)
    command = [sys.executable, "-c", KILLED, os.path.dirname(os.path.dirname(__file__)), str(path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "adding\n"
    add(first, 0, 0)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert first.run.epochs() == []
    assert len([name for name in tree(path) if "rank-" in name]) == 2
    recorders = [recorder_of(path, rank, job="b", resume=True) for rank in range(2)]
    assert not [name for name in tree(path) if "rank-" in name]
    for rank, recorder in enumerate(recorders):
        add(recorder, 0, rank)
    assert recorders[0].run.epochs() == [0]


def test_a_damaged_shard_is_refused(tmp_path):
    path = tmp_path / "run"
    recorders = [recorder_of(path, rank) for rank in range(2)]
    add(recorders[0], 0, 0)
    shard = next(file for file in path.iterdir() if file.name.endswith(".shard"))
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(InputError, match="the rows of this process cannot be read"):
        add(recorders[1], 0, 1)
    assert recorders[0].run.epochs() == []
