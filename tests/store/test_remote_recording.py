"""Runs at remote addresses, written: the files of local runs, whole epochs whatever dies, one writer."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import remote
from faults import Killed, forget_locks
from remote import Counted
from support import assert_refused, blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder, open_run
from embedlens.integrations.recording import begun_run
from embedlens.processes import Process
from embedlens.store import Ranks, lock, log_metrics
from embedlens.store.concat import concatenate
from embedlens.store.integrity import verify
from embedlens.store.lock import Lock, RunInUse, check_free

X = "counted://bucket/runs/x"
Z, Y = blobs(n=30)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and an empty remote file system."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EMBEDLENS_CACHE", str(folder))
    remote.empty()
    yield folder
    remote.empty()


def kill_at_each(action):
    """Run an action, killed before every change of a remote file in turn; yield after each kill."""
    number = 0
    while True:
        count = 0

        def before(path, last=number):
            nonlocal count
            count += 1
            if count > last:
                raise Killed(path)

        Counted.before_write = staticmethod(before)
        try:
            action()
        except Killed:
            pass
        finally:
            Counted.before_write = staticmethod(lambda path: None)
        if count <= number:
            return
        forget_locks()
        yield number
        number += 1


def same(one, other):
    """Compare files of two runs but for the time of run.json."""
    dated = [{**json.loads(files["run.json"]), "created": ""} for files in (one, other)]
    assert dated[0] == dated[1]
    assert {**one, "run.json": b""} == {**other, "run.json": b""}


def test_a_recorder_writes_the_same_files(tmp_path, cache):
    for path in (tmp_path / "x", X):
        write_run(path, n=30, items={"test": {"path": [f"{i}.png" for i in range(30)]}})
        with Recorder(path, labels=write_labels(), items=write_items(), resume=True) as recorder:
            with recorder.epoch(3, metrics={"loss": 1.0}) as epoch:
                for rows in (np.arange(20, 30), np.arange(20)):
                    for split, y in write_labels().items():
                        epoch.add(split, rows, Z[rows] + y[rows, None])
            recorder.log(1, {"loss": 2.0})
            recorder.record(2, {"train": Z, "test": Z}, overwrite=True, extras={"test": {"cluster": Y}})
            recorder.discard_after(2)
        log_metrics(open_run(path), 0, {"loss": 3.0})
    same(tree(tmp_path / "x"), remote.tree(X))
    assert not [path for path in cache.rglob("*") if "staging" in path.parts and path.is_file()]


def write_labels():
    return {"train": Y, "test": blobs(n=30, seed=1)[1]}


def write_items():
    return {"test": {"path": [f"{i}.png" for i in range(30)]}}


def test_the_first_split_is_the_commit_mark_and_replacing_removes_it_first():
    recorder = Recorder(X, labels={"train": Y, "test": Y})
    remote.forget_requests()
    recorder.record(0, {"train": Z, "test": Z}, extras={"test": {"cluster": Y}})
    snapshots = [path for path in Counted.written if "epoch-" in path or "cluster" in path]
    assert snapshots[-1] == "/bucket/runs/x/splits/train/epoch-0000.npy"
    assert len(snapshots) == 3
    remote.forget_requests()
    changes = []
    Counted.before_write = staticmethod(changes.append)
    recorder.record(0, {"train": Z + 1, "test": Z + 1}, overwrite=True)
    names = [path.rpartition("splits/")[2] for path in changes if "epoch-" in path]
    assert names == [
        "train/epoch-0000.npy",
        "test/epoch-0000.npy",
        "test/epoch-0000.npy",
        "train/epoch-0000.npy",
    ]


def test_a_kill_between_uploads_leaves_whole_epochs(cache):
    first, second = {"train": Z, "test": Z + 1}, {"train": Z + 2, "test": Z + 3}

    def record():
        remote.clear()
        before, Counted.before_write = Counted.before_write, staticmethod(lambda path: None)
        with Recorder(X, labels={"train": Y, "test": Y}) as recorder:
            recorder.record(0, first)
        Counted.before_write = staticmethod(before)
        with Recorder(X, labels={"train": Y, "test": Y}, resume=True) as recorder:
            recorder.record(1, first)
            recorder.record(0, second, overwrite=True)

    seen = set()
    for number in kill_at_each(record):
        run = open_run(X)
        for epoch in run.epochs():
            read = {split: run.snapshot(split, epoch).embeddings for split in run.splits}
            whole = [all(np.array_equal(read[split], z[split]) for split in z) for z in (first, second)]
            assert any(whole), (number, epoch)
            seen.add((epoch, whole.index(True)))
        assert set(verify(run).damaged.values()) <= {"missing"}, number  # of the epoch that is replaced
        with Recorder(X, labels={"train": Y, "test": Y}, resume=True) as recorder:
            recorder.record(1, second, overwrite=True)
            recorder.record(0, second, overwrite=True)
        assert open_run(X).epochs() == [0, 1]
        assert verify(open_run(X)).n_verified == 6
        assert not [name for name in remote.tree(X) if "lock" in name or "partial" in name]
    assert number > 10
    assert seen == {(0, 0), (0, 1), (1, 0)}


def test_a_kill_before_the_run_is_begun_leaves_no_run():
    def begin():
        remote.clear()
        Recorder(X, labels={"train": Y, "test": Y}, items={"train": {"a": list("abcde") * 6}}).close()

    kills = 0
    for number in kill_at_each(begin):
        kills = number
        if "run.json" not in remote.tree(X):
            with pytest.raises(InputError, match="no such run|is not a run"):
                open_run(X)
        with Recorder(X, labels={"train": Y}) as recorder:
            recorder.record(0, {"train": Z})
        assert verify(open_run(X)).damaged == {}
        assert not [name for name in remote.tree(X) if "items.csv" in name or "test" in name]
    assert kills > 5


def test_a_failed_upload_leaves_the_epochs_that_were_there():
    recorder = Recorder(X, labels={"train": Y, "test": Y})
    recorder.record(0, {"train": Z, "test": Z})

    def refuse(path):
        if "epoch-0001" in path:
            raise ConnectionError("Connection was closed before we received a valid response")

    Counted.before_write = staticmethod(refuse)
    with pytest.raises(
        InputError, match="^counted://bucket.*/epoch-0001.npy cannot be written .*Connection was"
    ):
        recorder.record(1, {"train": Z, "test": Z})
    Counted.before_write = staticmethod(lambda path: None)
    assert open_run(X).epochs() == [0]
    recorder.record(1, {"train": Z, "test": Z})
    assert recorder.run.epochs() == [0, 1]


def test_runs_that_are_made_in_one_go_appear_whole(tmp_path, cache):
    runs = [write_run(tmp_path / name, n=30, epochs=1) for name in ("a", "b")]
    concatenate(runs, tmp_path / "both")

    def join():
        remote.clear()
        concatenate(runs, open_path(X))

    for _ in kill_at_each(join):
        assert "run.json" not in remote.tree(X) or open_run(X).epochs() == [0]
        if "run.json" not in remote.tree(X):
            concatenate(runs, open_path(X))
    done, local = remote.tree(X), tree(tmp_path / "both")
    names = [json.loads(files["run.json"])["name"] for files in (done, local)]
    assert names == ["x", "both"]
    assert {**done, "run.json": b""} == {**local, "run.json": b""}
    with pytest.raises(InputError, match=f"{X} already exists; choose another"):
        concatenate(runs, open_path(X))
    assert not list((cache / "staging").iterdir())


def open_path(address):
    from embedlens.store.locations import run_path

    return run_path(address)


def other_lock(**changed):
    me = Process.current()
    said = {name: getattr(me, name) for name in ("host", "machine", "boot", "space", "pid", "started")}
    return json.dumps(
        {**said, "host": "elsewhere", "claim": "0", "until": time.time() + 60, **changed}
    ).encode()


def test_one_writer_and_a_lock_that_is_not_renewed_is_taken_over(cli):
    Recorder(X, labels={"test": Y}).close()
    Counted().pipe_file("/bucket/runs/x/.lock", other_lock())
    with pytest.raises(
        RunInUse, match=rf"{X} is being written by process \d+ on elsewhere.*delete {X}/.lock"
    ):
        Recorder(X, labels={"test": Y}, resume=True)
    with pytest.raises(RunInUse):
        check_free(open_run(X).path)
    assert_refused(cli("train", "--resume", X), "run 'x'")
    Counted().pipe_file("/bucket/runs/x/.lock", other_lock(until=time.time() - 1))
    with Recorder(X, labels={"test": Y}, resume=True) as recorder:
        recorder.record(0, {"test": Z})
        held = json.loads(remote.tree(X)[".lock"])
        assert 500 < held["until"] - time.time() <= 600
    assert ".lock" not in remote.tree(X)


def test_a_lock_is_renewed_and_a_lost_one_is_noticed():
    recorder = Recorder(X, labels={"test": Y})
    before = json.loads(remote.tree(X)[".lock"])
    time.sleep(0.01)
    assert lock._renew_all()
    after = json.loads(remote.tree(X)[".lock"])
    assert after["until"] > before["until"]
    assert after["claim"] == before["claim"]
    recorder.record(0, {"test": Z})  # the lock is known by its new text
    Counted().pipe_file("/bucket/runs/x/.lock", other_lock())
    assert lock._renew_all()
    assert json.loads(remote.tree(X)[".lock"])["host"] == "elsewhere"
    with pytest.raises(RunInUse):
        recorder.record(1, {"test": Z})
    recorder.close()
    assert json.loads(remote.tree(X)[".lock"])["host"] == "elsewhere"
    assert not lock._renew_all()


def test_two_that_begin_at_once_are_one(monkeypatch):
    Recorder(X, labels={"test": Y}).close()
    Counted().pipe_file("/bucket/runs/x/.lock", other_lock(until=time.time() - 1))
    monkeypatch.setattr(
        Counted, "rm_file", lambda self, path: Counted.store.__setitem__(path, Counted.store[path])
    )
    Counted().pipe_file("/bucket/runs/x/.lock", other_lock())
    with pytest.raises(RunInUse):
        Lock(open_run(X).path)


def test_several_processes_record_one_run():
    ranks = [Ranks(rank, 2, "job") for rank in range(2)]
    recorders = [Recorder(X, labels={"test": Y}, ranks=one) for one in ranks]
    for rank, recorder in enumerate(recorders):
        with recorder.epoch(0) as epoch:
            rows = np.arange(rank, 30, 2)
            epoch.add("test", rows, Z[rows])
    np.testing.assert_array_equal(open_run(X).snapshot("test", 0).embeddings, Z)
    assert not [name for name in remote.tree(X) if "shard" in name]


def test_callbacks_record_at_an_address():
    recorder = begun_run(X, {"test": Y}, {})
    recorder.record(0, {"test": Z})
    recorder.record(1, {"test": Z})
    recorder.close()
    with pytest.raises(InputError, match=f"{X} already exists; this training starts at epoch 0"):
        begun_run(X, {"test": Y}, {})
    with begun_run(X, {"test": Y}, {}, epoch=1) as recorder:
        recorder.record(2, {"test": Z})
    assert open_run(X).epochs() == [0, 1, 2]


@pytest.mark.slow
def test_training_at_an_address_is_resumed(cli, folder):
    train = ("train", "--data", "digits", "--loss", "n-pair-mc", "--dim", "4")
    assert cli(*train, "--epochs", "2", "--out", "runs/x").code == 0
    done = cli(*train, "--epochs", "1", "--out", X)
    assert done.code == 0, done
    assert f"run {X}: 2 epochs recorded; next: embedlens scatter {X}" in done.out
    assert_refused(cli(*train, "--out", X), f"{X} already exists", f"embedlens train --resume {X}")
    assert cli("train", "--resume", X, "--epochs", "2").code == 0
    local, there = tree(folder / "runs/x"), remote.tree(X)
    assert local.keys() == there.keys()
    assert all(local[name] == there[name] for name in local if name.endswith(".npy"))


def test_other_file_systems_get_a_draft_that_is_renamed(tmp_path):
    import fsspec

    system = fsspec.filesystem("memory")
    with Recorder("memory://elsewhere/run", labels={"test": Y}) as recorder:
        recorder.record(0, {"test": Z})
    assert open_run("memory://elsewhere/run").epochs() == [0]
    assert not [name for name in system.find("/elsewhere") if "partial" in name]
    system.rm("/elsewhere", recursive=True)


def test_commands_that_make_runs(cli, folder):
    np.save("z_0.npy", Z)
    np.save("y.npy", Y)
    done = cli("import", "z_{epoch}.npy", "--labels", "y.npy", "--out", X)
    assert done.code == 0, done
    assert f"imported {X}: " in done.out
    assert f"embedlens scatter {X}" in done.out
    again = cli("import", "z_{epoch}.npy", "--labels", "y.npy", "--out", X)
    assert again.out == done.out
    np.save("y.npy", Y[::-1])
    assert_refused(cli("import", "z_{epoch}.npy", "--labels", "y.npy", "--out", X), X)
    assert_refused(
        cli("import", "z_{epoch}.npy", "--labels", "y.npy", "--out", "no://x"), "unknown protocol 'no'"
    )
    evaluated = cli("evaluate", X, "--metrics", "R@1", "--log")
    assert evaluated.code == 0, evaluated
    assert f"logged in {X}/log.csv" in evaluated.err + evaluated.out
    assert "R@1" in remote.tree(X)["log.csv"].decode() or "recall" in remote.tree(X)["log.csv"].decode()
    assert not list(folder.glob("counted*"))
    assert embedlens.open_run(X).epochs() == [0]
