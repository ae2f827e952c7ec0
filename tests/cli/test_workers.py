"""Commands with workers: the same bytes as without, errors with their place, killed workers, schedulers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import assert_refused, entry_point, optional, tree, write_run

import embedlens

LINES = [
    "evaluate a b --epoch all --metrics all",
    "scatter a b --epoch all --split test --exclude-duplicates",
    "scatter a --epoch all --split test --triplets fixed",
    "curves a b --metrics recall_at_1 --monitor triplet --batches 4",
    "pca-prune a b --epoch all --dims 8,4 --slices 2",
    "distances a b --resamples 50",
    "diff a b --resamples 50",
    "drift a b --k 1,5 --exclude-duplicates",
    "spectrum a b --epoch all",
    "spectrum a b --intra-class",
    "components a --epoch all",
    "verify a b --negatives 1,2 --draws 2 --epoch 0,2",
    "tsne a --epoch all --perplexity 5 --n-iter 50",
    "tsne a b --animate --perplexity 5 --n-iter 20 --settle-iter 50 --warm-iter 20 --split test",
    "report a b --no-figures",
    "trajectory a b --worst 2",
    "sampling a b --split test --batches 4 --exclude-duplicates",
    "identify a b --unknown-class 3 --choose-on halves",
]


@pytest.fixture
def runs(folder, monkeypatch):
    """Two runs of three epochs, one with a row that stands twice."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    write_run(folder / "runs/a", n=60)
    write_run(folder / "runs/b", n=60, seed=4)
    for epoch in range(3):
        file = folder / f"runs/a/splits/test/epoch-{epoch:04d}.npy"
        data = bytearray(file.read_bytes())
        data[-32 * 55 : -32 * 54] = data[-32 * 49 : -32 * 48]  # of the same label
        file.write_bytes(data)
    return folder


@pytest.fixture
def written(runs, program):
    """Run a command line with some workers; what it printed, and the bytes of all files that it wrote."""

    def call(line, *more):
        before = tree(runs)
        words = line.split()
        formats = [] if words[0] in ("evaluate", "report") else ["--format", "svg"]
        done = program(*words, *formats, *more)
        assert done.code == 0, done.err
        files = {name: data for name, data in tree(runs).items() if before.get(name) != data}
        for name, data in files.items():
            if name.endswith(".json"):
                files[name] = {**json.loads(data), "command": words}
            if name.endswith(".html"):
                files[name] = data.replace(" ".join(["", *more]).encode(), b"")
        for name in files:
            (runs / name).unlink()
        return done, files

    return call


def test_workers_change_no_byte(written):
    line = "evaluate a b --epoch all --metrics recall,mean_similarity"
    (alone, files), (done, same) = written(line), written(line, "--workers", "2")
    assert len(files) == 2
    assert same == files
    assert (done.out, done.err) == (alone.out, alone.err)
    assert "exact duplicates: 1 of 60 rows of 'test'" in done.err
    assert "2 other epochs" in done.err


def test_an_error_in_a_worker_names_its_place(runs, program):
    file = runs / "runs/b/splits/test/epoch-0001.npy"
    file.write_bytes(file.read_bytes()[:-8])
    alone = program("scatter", "a", "b", "--epoch", "all", "--split", "test")
    assert_refused(alone, str(Path("runs/b/splits/test/epoch-0001.npy")))
    done = program("scatter", "a", "b", "--epoch", "all", "--split", "test", "--workers", "2")
    assert done == alone
    assert not (runs / "figures").exists()


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (["--workers", "-1"], ["'--workers'", "greater than or equal to 0"]),
        (["--workers", "2", "--scheduler", "dusk"], ["unknown scheduler 'dusk'; did you mean 'dask'?"]),
        (["--scheduler", "dask"], ["--scheduler dask needs a number of workers; add --workers N"]),
        (["--scheduler", "slurm:gpu"], ["give options as NAME=VALUE"]),
    ],
)
def test_wrong_workers_are_refused(runs, cli, more, parts):
    assert_refused(cli("evaluate", "a", *more), *parts)


def test_a_series_of_maps_is_one_task(runs, cli):
    line = "tsne a --animate --split test --perplexity 5 --n-iter 20 --settle-iter 20 --warm-iter 20"
    done = cli(*line.split(), "--format", "png", "--workers", "2")
    assert done.code == 0
    assert "each map starts from the one before: one worker maps all epochs" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_any_number_of_workers_changes_no_byte(written, line):
    alone, files = written(line)
    assert files
    for workers in ("1", "2", "4") if line.startswith("evaluate") else ("2",):
        done, same = written(line, "--workers", workers)
        assert same == files
        if not line.startswith("report"):
            assert (done.out, done.err) == (alone.out, alone.err)


def _children(pid):
    """The worker processes of a program: they are forked from a server, which is its child."""
    servers = [one for one in _started(pid) if b"forkserver" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return [int(one) for server in servers for one in _started(server)]


def _started(pid):
    """The processes that one has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_counted(written, runs):
    line = "evaluate a b --epoch all --metrics recall,mean_similarity"
    alone, files = written(line)
    command = [entry_point(), *line.split(), "--workers", "2"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not (found := _children(program.pid)) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(found[0], signal.SIGKILL)
    out, err = program.communicate(timeout=300)
    assert (program.returncode, out) == (0, alone.out)
    assert "warning: a worker ended before " in err
    sidecar = json.loads((runs / "figures/scores-a-b-test-epoch-all-recall+mean_similarity.json").read_text())
    assert sidecar.pop("execution")["tasks_run_again"] in (1, 2)
    (table,) = (name for name in files if name.endswith(".csv"))
    assert (runs / table).read_bytes() == files[table]


@pytest.mark.slow
@pytest.mark.parametrize("more", [["--scheduler", "dask", "--workers", "2"], ["--scheduler", "slurm-local"]])
def test_schedulers_change_no_byte(written, runs, more):
    optional("distributed" if "dask" in more else "submitit")
    line = "evaluate a b --epoch all --metrics recall,mean_similarity"
    (alone, files), (done, same) = written(line), written(line, *more)
    assert same == files
    assert (done.out, done.err) == (alone.out, alone.err)
    assert not (runs / "embedlens-jobs").exists()


@pytest.mark.slow
def test_a_dask_cluster_that_runs(written, runs):
    distributed = optional("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(runs / "elsewhere")
    )
    with cluster:
        line = "scatter a --epoch all --split test"
        (_, files), (_, same) = written(line), written(line, "--scheduler", cluster.scheduler_address)
    assert {name: data for name, data in same.items() if not name.startswith("elsewhere")} == files


@pytest.mark.slow
def test_a_sweep_trains_runs_at_the_same_time(folder, program):
    line = "sweep --data digits --loss epshn --lr 0.001 --dim 4 --seed 0,1 --epochs 1 --threads 1"
    answers = []
    for number, more in enumerate(([], ["--workers", "2"])):
        done = program(*line.split(), "--out", f"runs{number}", "--json", *more)
        assert done.code == 0, done.err
        assert "2 of 2  digits-epshn-lr0.001-dim4-seed1: test R@1" in done.err
        answers.append(done.json["summary"])
    assert answers[0] == answers[1]
    for path in (folder / "runs0").iterdir():
        one, other = (embedlens.open_run(folder / name / path.name) for name in ("runs0", "runs1"))
        for epoch in one.epochs():
            same = one.snapshot("test", epoch).embeddings == other.snapshot("test", epoch).embeddings
            assert same.all()
