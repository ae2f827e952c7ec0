"""Training killed at file operations, damaged checkpoints and missing snapshots."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from faults import EXIT_SCRIPT, Faults, Killed, forget_locks
from support import tree

import embedlens
from embedlens import InputError
from embedlens.experiments.grid_runs import plan, run_name
from embedlens.store.integrity import verify
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.loop import TrainingLoop

SMALL = TrainConfig(
    data="digits", dim=4, epochs=1, classes_per_batch=5, items_per_class=4, threads=1, augment=False
)


def train(path, config=SMALL, *, metrics=lambda embeddings, labels: {}, told=None):
    """Train, or resume what stands there; messages go to `told`."""
    resume = (path / "run.json").is_file()
    trainer = TrainingLoop(resumed_config(path, config.epochs) if resume else config, path, resume=resume)

    def report(progress):
        if progress.message and told is not None:
            told.append(progress.message)

    return trainer.run(metrics, report)


def arrays(path):
    return {name: raw for name, raw in tree(path).items() if name.endswith((".npy", ".pt", ".sha256"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("kills") / "run"
    train(path)
    return path


def kill(path, monkeypatch, at, kept):
    """Train until a file operation; return whether the training got there."""
    with monkeypatch.context() as patch:
        faults = Faults(patch, at, only=("replace", "rename", "fsync", "unlink", "link"))
        try:
            kept.append(train(path))
        except Killed as error:
            kept.append(error)
            return True
        finally:
            forget_locks()
        return faults.count > at


def go_on(path, whole):
    run = train(path)
    assert arrays(path) == arrays(whole)
    assert [row["epoch"] for row in run.log] == [0, 1]
    assert not [file for file in path.parent.rglob(".*") if file.name != "run"]
    assert verify(run).damaged == {}


@pytest.mark.parametrize("at", [3, 20, 34, 45])
def test_training_killed_at_a_file_operation(whole, tmp_path, monkeypatch, at):
    assert kill(tmp_path / "run", monkeypatch, at, [])
    go_on(tmp_path / "run", whole)


@pytest.mark.slow
def test_training_killed_at_every_file_operation(whole, tmp_path, monkeypatch):
    path, kept, at = tmp_path / "run", [], 0
    while kill(path, monkeypatch, at, kept):
        go_on(path, whole)
        shutil.rmtree(path)
        at += 1
    assert at > 40


@pytest.mark.slow
@pytest.mark.parametrize("at", [25, 60, 100])
def test_a_process_that_ends_at_once_resumes_from_the_command_line(tmp_path, at):
    words = ["--data", "digits", "--epochs", "1", "--dim", "4", "--threads", "1"]
    start = [sys.executable, "-c", EXIT_SCRIPT]

    def call(*rest):
        return subprocess.run([*start, *rest], cwd=tmp_path, capture_output=True, check=False).returncode

    assert call("100000", "train", *words, "--out", "whole") == 0
    assert call(str(at), "train", *words, "--out", "run") == 9
    again = ["--resume", "run"] if (tmp_path / "run").exists() else [*words, "--out", "run"]
    assert call("100000", "train", *again) == 0
    # Inside a checkpoint stands the name of the temporary file, and so the number of the process.
    ended, wanted = (
        {n: raw for n, raw in arrays(tmp_path / name).items() if n != "checkpoint.pt"}
        for name in ("run", "whole")
    )
    assert ended == wanted
    assert verify(embedlens.open_run(tmp_path / "run")).damaged == {}


def test_a_damaged_checkpoint_is_refused(whole, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    file = path / "checkpoint.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    before = tree(path)
    with pytest.raises(
        InputError, match=r"checkpoint.pt cannot be read \(damaged: .*\); put back a copy of it"
    ):
        train(path, replace(SMALL, epochs=2))
    changed = {"run.json"}  # it says the number of epochs asked for
    assert {n: b for n, b in tree(path).items() if n not in changed} == {
        n: b for n, b in before.items() if n not in changed
    }
    assert list(verify(embedlens.open_run(path)).damaged) == ["checkpoint.pt"]


def test_a_missing_snapshot_is_named_when_training_resumes(whole, tmp_path):
    path, told = tmp_path / "run", []
    shutil.copytree(whole, path)
    (path / "splits/test/epoch-0000.npy").unlink()
    run = train(path, replace(SMALL, epochs=2), told=told)
    assert told == ["snapshots of epochs 0 are missing; training resumes without them"]
    assert run.epochs() == [1, 2]


@pytest.mark.parametrize("name", ["loss", "lr", "step", "seconds", "epoch"])
def test_metrics_cannot_replace_what_the_trainer_logs(tmp_path, name):
    with pytest.raises(InputError, match=f"metric '{name}' (stands for two values|is)"):
        train(tmp_path / "run", metrics=lambda embeddings, labels: {name: -7.0})


def test_a_run_killed_between_its_last_snapshot_and_its_row_is_not_finished(whole, tmp_path):
    path = tmp_path / run_name(SMALL)
    shutil.copytree(whole, path)
    assert plan([SMALL], tmp_path, any_threads=True)[0].finished
    log = path / "log.csv"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:2]) + "\n")
    (found,) = plan([SMALL], tmp_path, any_threads=True)
    assert (found.recorded, found.finished) == (0, False)
    embedlens.store.log_metrics(embedlens.open_run(path), 1, {"test_recall_at_1": 0.5})
    assert not plan([SMALL], tmp_path, any_threads=True)[0].finished


def test_a_folder_without_run_json_that_a_killed_recorder_left_is_trained_in(whole, tmp_path):
    path = tmp_path / "run"
    (path / "splits/test").mkdir(parents=True)
    np.save(path / "splits/test/labels.npy", np.arange(3))
    train(path)
    assert arrays(path) == arrays(whole)
