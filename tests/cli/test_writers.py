"""Commands that write a run which another process writes, and commands that read one meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from support import assert_refused, blobs, tree, write_run

import embedlens
from embedlens.processes import Process
from embedlens.store import Run

Z, Y = blobs()
TINY = ("--data", "digits", "--epochs", "1", "--dim", "4", "--threads", "1")


def hold(run, name=".lock"):
    """Leave the lock of a process of another host, which nobody can judge."""
    run.mkdir(parents=True, exist_ok=True)
    me = Process.current()
    said = {key: getattr(me, key) for key in ("machine", "boot", "space", "started")}
    (run / name).write_text(json.dumps({**said, "host": "node7", "pid": 4321, "claim": "a"}))


@pytest.fixture
def dump(folder):
    np.save(folder / "y.npy", Y)
    np.save(folder / "e0.npy", Z)
    return ("import", "e{epoch}.npy", "--labels", "y.npy", "--out", "runs/a")


def refused(result, place):
    assert_refused(
        result, f"{place} is being written by process 4321 on node7", "wait for it or stop it", "delete"
    )


def test_a_second_import_or_join_of_one_name(cli, folder, dump):
    for name in ("a", "b"):
        write_run(folder / "runs/parts" / name, epochs=1)
    hold(folder / "runs/.a.building")
    before = tree(folder)
    refused(cli(*dump), "runs/a")
    refused(cli("concat", "runs/parts/a", "runs/parts/b", "--out", "runs/a"), "runs/a")
    assert tree(folder) == before


def test_a_second_trainer_or_sweep_of_one_run(cli, folder):
    hold(folder / "runs/.mine.building")
    refused(cli("train", *TINY, "--out", "runs/mine"), "runs/mine")
    assert cli("train", *TINY, "--out", "runs/done").code == 0
    hold(folder / "runs/done")
    before = tree(folder / "runs/done")
    refused(cli("train", "--resume", "runs/done", "--epochs", "2"), "runs/done")
    assert tree(folder / "runs/done") == before


def test_a_second_sweep(cli, folder):
    grid = ("sweep", "--data", "digits", "--epochs", "1", "--dim", "4", "--loss", "ep", "--lr", "0.001,0.002")
    hold(folder / "runs/digits-ep-lr0.002-dim4-seed0")
    refused(cli(*grid), "runs/digits-ep-lr0.002-dim4-seed0")
    assert [path.name for path in (folder / "runs").iterdir()] == ["digits-ep-lr0.002-dim4-seed0"]


def test_scores_are_logged_while_a_run_is_recorded(program, folder):
    run = write_run(folder / "runs/mine", epochs=2)
    hold(run.path)
    done = program("evaluate", "runs/mine", "--log", "--metrics", "recall_at_1")
    assert done.code == 0, done.err
    assert run.log[-1]["test_recall_at_1"] > 0


def test_info_is_of_one_epoch_while_a_trainer_records(cli, folder, monkeypatch):
    """A new epoch arrives between the questions that a command asks."""
    y = np.arange(60) % 6
    recorder = embedlens.Recorder("runs/mine", labels={"train": y, "test": y})
    good = np.eye(6, 8, dtype=np.float32)[y]
    recorder.record(0, {"train": good, "test": good})
    bad = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    targets = Run.targets

    def arrive(self, split):
        if recorder.run.epochs() == [0]:
            recorder.record(1, {"train": bad, "test": bad})
        return targets(self, split)

    monkeypatch.setattr(Run, "targets", arrive)
    facts = cli("info", "mine", "--json").json["summary"]["mine"]
    assert recorder.run.epochs() == [0, 1]
    assert facts["epochs"] == [0]
    assert [facts["splits"][split]["recall_at_1"] for split in ("train", "test")] == [1.0, 1.0]


def test_verify_names_what_is_damaged(program, folder):
    run = write_run(folder / "runs/mine")
    done = program("info", "mine", "--verify", "--json")
    assert done.code == 0, done.err
    count = len([*run.path.rglob("*.npy")])
    assert done.json["summary"]["mine"]["files"] == {"verified": count, "without_checksum": []}
    for epoch in (1, 2):
        file = run.path / f"splits/train/epoch-000{epoch}.npy"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    result = program("info", "mine", "--verify")
    assert_refused(result, "2 damaged files: runs/mine/splits/train/epoch-0001.npy (other bytes than were ")
    assert "splits/train/epoch-0002.npy" in result.err


def test_verify_as_text(cli, folder):
    run = write_run(folder / "runs/mine", epochs=1)
    assert "files   4 files as written" in cli("info", "mine", "--verify").out
    (run.path / "checksums.sha256").unlink()
    assert "0 files as written; 4 without a checksum" in cli("info", "mine", "--verify").out


def test_resume_begins_anew_what_was_stopped_before_its_options_were_recorded(cli, folder):
    (folder / "runs/mine/splits/test").mkdir(parents=True)
    np.save(folder / "runs/mine/splits/test/labels.npy", Y)
    done = cli("train", "--resume", "mine", *TINY)
    assert done.code == 0, done.err
    assert "runs/mine was stopped before its options were recorded; it begins again" in done.err
    assert embedlens.open_run("runs/mine").epochs() == [0, 1]
    (folder / "runs/other").mkdir()
    (folder / "runs/other/notes.txt").touch()
    assert_refused(cli("train", "--resume", "other"), "other is not a run")


def test_an_import_that_was_stopped_at_its_end_is_repeated(cli, dump):
    assert cli(*dump, "--link").code == 0
    again = cli(*dump, "--link")
    assert again.code == 0, again.err
    assert "imported runs/a: 1 epoch" in again.out


def test_a_key_of_the_method_has_one_value(cli, dump):
    assert_refused(
        cli(*dump, "--method", "lr=1", "--method", "lr=2"), "--method gives 'lr' two values, '1' and '2'"
    )
    assert cli(*dump, "--method", "lr=1", "--method", "lr=1").code == 0


@pytest.mark.slow
def test_two_imports_at_once(folder, dump):
    """One makes the run; the other says that it is being made, or finds it made."""
    for epoch in range(1, 60):
        np.save(folder / f"e{epoch}.npy", Z)
    command = [sys.executable, "-c", "from embedlens_cli.main import main; main()", *dump]
    running = [subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [(process.communicate()[1], process.returncode) for process in running]
    assert {code for _, code in ended} <= {0, 2}
    assert 0 in {code for _, code in ended}
    assert all("is being written by" in said for said, code in ended if code)
    assert embedlens.open_run(folder / "runs/a").epochs() == list(range(60))
    assert [path.name for path in (folder / "runs").iterdir()] == ["a"]
