"""One writer per run: the lock file, who holds it, and what becomes of it."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from support import blobs, tree

import embedlens
from embedlens import InputError, Recorder
from embedlens.processes import Process, is_alive
from embedlens.store import log_metrics
from embedlens.store.lock import Lock, RunInUse, check_free

Z, Y = blobs()

HOLD = """
import sys, numpy as np, embedlens
recorder = embedlens.Recorder(sys.argv[1], labels={"test": np.arange(60) % 6}, resume=True)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    """Start a process that holds the lock of a run."""
    started = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lock_text(**changed):
    me = Process.current()
    said = {name: getattr(me, name) for name in ("host", "machine", "boot", "space", "pid", "started")}
    return json.dumps({**said, "claim": "0", **changed})


def dead_pid():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_another_process_is_told_who_holds_the_run(tmp_path, other):
    path = tmp_path / "run"
    with Recorder(path, labels={"test": Y}) as recorder:
        recorder.record(0, {"test": Z})
    before = {name: raw for name, raw in tree(path).items() if name != ".lock"}
    process = other(path)
    for write in (
        lambda: Recorder(path, labels={"test": Y}, resume=True),
        lambda: recorder.record(1, {"test": Z}),
        lambda: recorder.log(0, {"loss": 1.0}),
        lambda: recorder.discard_after(-1),
        lambda: check_free(path),
    ):
        with pytest.raises(
            RunInUse, match=rf"process {process.pid} on {socket.gethostname()}; wait .* delete"
        ):
            write()
    assert {name: raw for name, raw in tree(path).items() if name != ".lock"} == before
    process.communicate("\n")
    recorder.record(1, {"test": Z})
    assert recorder.run.epochs() == [0, 1]


def test_a_run_that_is_being_begun_is_refused(tmp_path):
    """Both would begin one run: the hidden folder in which it is made is locked."""
    path = tmp_path / "run"
    hidden = tmp_path / ".run.building"
    hidden.mkdir()
    (hidden / ".lock").write_text(lock_text(host="elsewhere"))
    with pytest.raises(RunInUse, match=rf"{path} is being written by process {os.getpid()} on elsewhere"):
        Recorder(path, labels={"test": Y})
    assert not path.exists()


def test_a_killed_holder_leaves_a_lock_that_is_taken_over(tmp_path, other):
    path = tmp_path / "run"
    process = other(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (path / ".lock").exists()
    Recorder(path, labels={"test": Y}, resume=True).record(0, {"test": Z})
    assert not (path / ".lock").exists()


def test_a_holder_that_has_only_to_be_reaped_is_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    until = time.monotonic() + 30
    while is_alive(process.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(process.pid)  # nobody has waited for it
    process.wait()


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ({"pid": "dead"}, True),
        ({"started": "1"}, True),  # the number was given to another process
        ({"boot": "another"}, True),
        ({"pid": "dead", "host": "elsewhere"}, False),
        ({"pid": "dead", "machine": "another"}, False),
        ({"pid": "dead", "space": "pid:[1]"}, False),  # another container
        ({"pid": 1, "started": ""}, False),
    ],
)
def test_only_a_process_that_is_certainly_gone_loses_its_lock(tmp_path, changed, stale):
    if changed.get("pid") == "dead":
        changed = {**changed, "pid": dead_pid()}
    (tmp_path / ".lock").write_text(lock_text(**changed))
    if stale:
        check_free(tmp_path)
        with Lock(tmp_path):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
        assert not (tmp_path / ".lock").exists()
        return
    with pytest.raises(RunInUse, match=r"delete .*\.lock"):
        Lock(tmp_path)
    with pytest.raises(RunInUse):
        check_free(tmp_path)


@pytest.mark.parametrize("text", ["", "x", "{}", '{"pid": "a"}'])
def test_a_lock_that_says_nothing_is_refused_by_its_name(tmp_path, monkeypatch, text):
    monkeypatch.setattr(embedlens.store.lock, "_UNREADABLE_S", 0.05)
    (tmp_path / ".lock").write_text(text)
    with pytest.raises(RunInUse, match=r"a process that is not named; .* delete .*\.lock"):
        Lock(tmp_path)


def test_recorders_of_one_process_share_the_lock(tmp_path):
    first = Recorder(tmp_path / "run", labels={"test": Y})
    second = Recorder(tmp_path / "run", labels={"test": Y}, resume=True)
    first.record(0, {"test": Z})
    del first
    gc.collect()
    assert (tmp_path / "run/.lock").exists()
    second.record(1, {"test": Z})
    second.close()
    assert not (tmp_path / "run/.lock").exists()
    second.record(2, {"test": Z})  # takes it back
    assert (tmp_path / "run/.lock").exists()
    del second
    gc.collect()
    assert not (tmp_path / "run/.lock").exists()


def test_a_refused_recorder_holds_nothing(tmp_path):
    Recorder(tmp_path / "run", labels={"test": Y}).record(0, {"test": Z})
    with pytest.raises(InputError, match="other items") as error:
        Recorder(tmp_path / "run", labels={"test": Y[::-1]}, resume=True)
    assert not (tmp_path / "run/.lock").exists()
    assert error.value is not None


def test_a_folder_that_was_removed_under_a_recorder_is_recorded_anew(tmp_path):
    """A notebook's cell that is run twice, with the folder removed by hand between."""
    path = tmp_path / "run"
    first = Recorder(path, labels={"test": Y})
    for file in sorted(path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    path.rmdir()
    second = Recorder(path, labels={"test": Y})
    second.record(0, {"test": Z})
    assert first.run.epochs() == [0]


def test_without_hard_links_the_file_is_made_exclusively(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    with Lock(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    (tmp_path / ".lock").write_text(lock_text(host="elsewhere"))
    with pytest.raises(RunInUse):
        Lock(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_of_many_that_see_one_stale_lock_one_takes_it(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom embedlens.store.lock import Lock, RunInUse\n"
        "while time.time() < float(sys.argv[2]): pass\n"
        "try:\n    Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(2)\n"
        "except RunInUse:\n    print('refused')\n"
    )
    (tmp_path / ".lock").write_text(lock_text(pid=dead_pid()))
    at = str(time.time() + 1.5)
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), at], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [process.communicate()[0].strip() for process in running]
    assert sorted(said) == ["held"] + ["refused"] * 5


LOG = """
import sys, embedlens
from embedlens.store import log_metrics
run = embedlens.open_run(sys.argv[1])
for number in range(25):
    log_metrics(run, 0, {f"{sys.argv[2]}_{number}": number})
"""


def test_log_rows_of_several_processes_are_merged(tmp_path):
    """A trainer records while others log scores: nothing is lost."""
    path = tmp_path / "run"
    recorder = Recorder(path, labels={"test": Y})
    recorder.record(0, {"test": Z})
    running = [subprocess.Popen([sys.executable, "-c", LOG, str(path), name]) for name in "ab"]
    for epoch in range(1, 25):
        recorder.record(epoch, {"test": Z}, metrics={"loss": epoch})
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    rows = recorder.run.log
    assert [row["epoch"] for row in rows] == list(range(25))
    assert [row["loss"] for row in rows[1:]] == list(range(1, 25))
    assert {name: rows[0][name] for name in rows[0] if name[0] in "ab"} == {
        f"{name}_{number}": number for name in "ab" for number in range(25)
    }
    assert not (path / ".log.lock").exists()


def test_threads_that_log_lose_nothing(tmp_path):
    recorder = Recorder(tmp_path / "run", labels={"test": Y})
    recorder.record(0, {"test": Z})

    def work(name):
        for number in range(10):
            log_metrics(recorder.run, 0, {f"{name}{number}": number})

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.run.log[0]) == 21


def test_sigterm_removes_the_lock_and_ends_as_before(tmp_path):
    script = (
        "import sys, numpy as np, embedlens, time\nfrom embedlens.store.lock import release_when_terminated\n"
        "release_when_terminated()\n"
        "r = embedlens.Recorder(sys.argv[1], labels={'test': np.arange(3)})\n"
        "print('held', flush=True)\ntime.sleep(60)\n"
    )
    path = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert (path / ".lock").exists()
    process.terminate()
    assert process.wait(timeout=30) == -signal.SIGTERM
    assert not (path / ".lock").exists()
    process.stdout.close()


def test_a_forked_child_leaves_its_parent_s_lock(tmp_path):
    with Recorder(tmp_path / "run", labels={"test": Y}):
        child = subprocess.run(  # a fork in this process would warn of its threads
            [
                sys.executable,
                "-c",
                "import os, sys, numpy as np, embedlens\n"
                "r = embedlens.Recorder(sys.argv[1], labels={'test': np.arange(3)})\n"
                "pid = os.fork()\n"
                "if pid == 0:\n    r.close(); del r; sys.exit(0)\n"
                "os.waitpid(pid, 0)\nprint(os.path.exists(sys.argv[1] + '/.lock'))\n",
                str(tmp_path / "forked"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert child.stdout == "True\n"


def test_epochs_of_a_pinned_run_stay(tmp_path):
    recorder = Recorder(tmp_path / "run", labels={"test": Y})
    recorder.record(0, {"test": Z}, extras={"test": {"cluster": np.zeros(60, int)}})
    run = embedlens.open_run(tmp_path / "run").pinned()
    recorder.record(1, {"test": -Z}, extras={"test": {"cluster": np.ones(60, int)}})
    assert (run.epochs(), run.resolve_epoch(-1), run.snapshot("test").epoch) == ([0], 0, 0)
    assert run.extra_epochs("test") == {"cluster": [0]}
    with pytest.raises(InputError, match="unknown epoch '1'"):
        run.snapshot("test", 1)
    assert embedlens.open_run(tmp_path / "run").epochs() == [0, 1]
