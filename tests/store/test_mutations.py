"""Damaged files of every kind: whatever reads them ends with 0 or 2 and one line, and never hangs.

300 cases, drawn from a seed, in one process; a sample of them through the installed program.
"""

from __future__ import annotations

import shutil
import signal

import numpy as np
import pytest
from mutations import damage, restore
from support import blobs

import embedlens

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

_SECONDS = 30
_READING = [
    "info a", "info a --json", "info", "scatter a", "scatter a --epoch all", "evaluate a", "evaluate a b",
    "evaluate a --metrics all", "evaluate a --epoch all --json", "curves a", "curves a b --json",
    "distances a", "trajectory a", "spectrum a --slices 2", "components a", "pca-prune a --dims 2,1",
    "verify a", "identify a", "sampling a", "tsne a --thumbnails 5", "tsne a", "concat a b --out joined",
    "evaluate a --log", "info a --verify",
]  # fmt: skip


class _Hung(BaseException):
    """A command took too long."""


@pytest.fixture
def timed(cli):
    """Call the command line in this process, for so many seconds at most."""

    def hung(*_arguments):
        raise _Hung

    def call(*words):
        before = signal.signal(signal.SIGALRM, hung)
        signal.alarm(_SECONDS)
        try:
            return cli(*words)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return call


def _write(path, seed, *, sets=False):
    """Record a small run that has everything a run may have; with sets of labels if `sets`."""
    data = {
        split: blobs(n=24, dim=4, classes=4, seed=seed + at) for at, split in enumerate(("train", "test"))
    }
    labels = {split: y for split, (_, y) in data.items()}
    names = [f"item {row}" for row in range(24)]
    pictures = np.random.default_rng(seed).integers(0, 255, (24, 6, 6), dtype=np.uint8)
    with embedlens.Recorder(
        path,
        labels={split: [{label, label % 2} for label in y.tolist()] for split, y in labels.items()}
        if sets
        else labels,
        method={"loss": "none", "seed": seed, "lr": 0.1, "options": {"order": [1, 2]}},
        items={split: {"class": names, "file": names} for split in labels},
        thumbnails=dict.fromkeys(labels, pictures),
        pretrained={split: z for split, (z, _) in data.items()},
        class_names={label: f"class {label}" for label in range(4)},
        slices=[(0, 2), (2, 4)],
        query_gallery={"test": "train"} if seed % 2 else None,
        extras={"meta": np.arange(4)},
    ) as recorder:
        for epoch in range(3):
            clusters = {split: {"cluster": y % 2} for split, y in labels.items()}
            embeddings = {split: z + np.float32(epoch) for split, (z, _) in data.items()}
            recorder.record(epoch, embeddings, extras=clusters, metrics={"loss": 1 / (1 + epoch)})


def _fault(done):
    """Return what is wrong with how a command ended; None: nothing."""
    lines = done.err.strip().splitlines()
    if done.code not in (0, 2):
        return f"exit {done.code}"
    if "Traceback" in done.err or "internal error" in done.err:
        return "a traceback or an internal error"
    errors = [line for line in lines if line.startswith("embedlens: ")]
    if len(errors) != (done.code == 2):
        return f"{len(errors)} lines of error"
    if max(map(len, lines), default=0) > 2000:
        return "a line of more than 2,000 letters"
    return None


def _try(call, words, what, faults):
    """Run one case and note what is wrong."""
    try:
        done = call(*words)
    except _Hung:
        faults.append(f"{' '.join(map(str, words))}: {what}: hangs")
        return
    fault = _fault(done)
    if fault:
        faults.append(f"{' '.join(map(str, words))}: {what}: {fault}: {done.err[-300:]!r}")


def _files(folder):
    found = [file for file in sorted(folder.rglob("*")) if file.is_file() and "figures" not in file.parts]
    return [file for file in found if file.name not in ("lock", "joined")]


@pytest.mark.parametrize(("seed", "sets"), [(0, False), (1, False), (2, True)])
def test_commands_that_read_damaged_runs(timed, folder, seed, sets):
    random, faults = np.random.default_rng(seed), []
    _write(folder / "runs/a", seed, sets=sets)
    _write(folder / "runs/b", seed, sets=sets)
    kept = folder / "kept"
    shutil.copytree(folder / "runs", kept)
    for _ in range(100):
        shutil.rmtree(folder / "runs")
        shutil.copytree(kept, folder / "runs")
        shutil.rmtree(folder / "joined", ignore_errors=True)
        files = _files(folder / "runs/a")
        # run.json and log.csv are two files of many, and hold most of what can go wrong
        weighted = files + [file for file in files if file.name in ("run.json", "log.csv", "labels.npz")] * 5
        what = damage(weighted[random.integers(len(weighted))], random)
        _try(timed, _READING[random.integers(len(_READING))].split(), what, faults)
    assert faults == []


def test_import_of_damaged_files(timed, folder):
    random, faults = np.random.default_rng(2), []
    z, y = blobs(n=24, dim=4, classes=4)
    np.savez(folder / "e_0.npz", a=z)
    np.save(folder / "e_0.npy", z)
    np.save(folder / "y.npy", y)
    (folder / "y.csv").write_text("file,label\n" + "".join(f"f{row},{row % 4}\n" for row in range(24)))
    (folder / "y.txt").write_text("".join(f"class {row % 4}\n" for row in range(24)))
    contents = {file: file.read_bytes() for file in folder.iterdir()}
    for _ in range(60):
        pattern = f"e_{{epoch}}.{['npy', 'npz'][random.integers(2)]}"
        labels = ["y.npy", "y.csv", "y.txt"][random.integers(3)]
        chosen = [folder / pattern.format(epoch=0), folder / labels][random.integers(2)]
        what = damage(chosen, random)
        shutil.rmtree(folder / "new", ignore_errors=True)
        _try(timed, ["import", pattern, "--labels", labels, "--out", "new"], what, faults)
        restore(chosen, contents[chosen])
    assert faults == []


def test_resuming_damaged_runs(timed, folder):
    random, faults = np.random.default_rng(3), []
    assert timed("train", "--data", "digits", "--epochs", "1", "--out", "kept").code == 0
    for _ in range(40):
        shutil.rmtree(folder / "a", ignore_errors=True)
        shutil.copytree(folder / "kept", folder / "a")
        files = _files(folder / "a")
        weighted = files + [file for file in files if file.suffix in (".json", ".pt", ".csv")] * 3
        what = damage(weighted[random.integers(len(weighted))], random)
        _try(timed, ["train", "--resume", "a", "--epochs", "1"], what, faults)
    assert faults == []


def test_a_sample_through_the_program(program, folder):
    random, faults = np.random.default_rng(4), []
    _write(folder / "runs/b", 0)
    for _ in range(8):
        shutil.rmtree(folder / "runs/a", ignore_errors=True)
        _write(folder / "runs/a", 0)
        files = _files(folder / "runs/a")
        what = damage(files[random.integers(len(files))], random)
        _try(program, _READING[random.integers(len(_READING))].split(), what, faults)
    assert faults == []
