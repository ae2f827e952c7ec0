"""Runs at remote addresses, read: the same results as of local ones, and as few bytes as are needed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import remote
from remote import Counted
from support import assert_refused, tree, write_run

import embedlens
from embedlens import InputError
from embedlens.selection import choose_runs, run_names
from embedlens.store.integrity import verify
from embedlens.store.locations import is_address, run_path
from embedlens.store.remote_cache import cached

X = "counted://bucket/runs/x"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and an empty remote file system."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EMBEDLENS_CACHE", str(folder))
    remote.empty()
    yield folder
    remote.empty()


@pytest.fixture
def both(folder):
    """A run in the folder, and its copy at an address."""
    run = write_run(folder / "runs/x", n=400, dtype="float32")
    remote.upload(folder / "runs/x", X)
    return run


def test_a_run_at_an_address_is_the_same_run(both):
    run = embedlens.open_run(X)
    assert run.epochs() == both.epochs() == [0, 1, 2]
    assert run.log == both.log
    assert run.disk_bytes() == both.disk_bytes()
    for epoch in run.epochs():
        one, other = run.snapshot("test", epoch), both.snapshot("test", epoch)
        np.testing.assert_array_equal(one.embeddings, other.embeddings)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert repr(run) == repr(both).replace(repr(str(both.path)), repr(X))
    assert run.path.as_posix() == str(run.path) == X
    assert verify(run).n_verified == verify(both).n_verified == 8
    assert verify(run).damaged == {}
    assert run.renamed("y").pinned().epochs() == [0, 1, 2]


def test_what_is_sent_of_a_run_is_its_address(both):
    for run in (both, embedlens.open_run(X).pinned()):
        sent = pickle.dumps(run)
        assert len(sent) < 1_000
        other = pickle.loads(sent)
        assert (other.path, other.epochs()) == (run.path, [0, 1, 2])
        snapshots = other.snapshot("test", 1), run.snapshot("test", 1)
        np.testing.assert_array_equal(*(one.embeddings for one in snapshots))


def test_new_epochs_are_seen_and_a_replaced_file_is_read_again(both):
    run = embedlens.open_run(X)
    assert run.epochs() == [0, 1, 2]
    labels = {split: both.labels(split) for split in both.splits}
    with embedlens.Recorder(both.path, labels=labels, resume=True) as recorder:
        z = {split: both.snapshot(split, 0).embeddings + 1 for split in both.splits}
        recorder.record(3, z)
        recorder.record(0, z, overwrite=True)
    remote.upload(both.path, X)
    run = embedlens.open_run(X)
    assert run.epochs() == [0, 1, 2, 3]
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, z["test"])


@pytest.mark.parametrize(
    "words",
    [
        ["info", "RUN", "--json"],
        ["evaluate", "RUN", "--metrics", "R@1,map_at_r", "--epoch", "all", "--out", "OUT", "--json"],
        ["scatter", "RUN", "--out", "OUT", "--format", "svg"],
        ["report", "RUN", "--out", "OUT/page.html", "--no-figures", "--json"],
        ["curves", "RUN", "--metrics", "R@1", "--out", "OUT", "--format", "svg"],
    ],
    ids=lambda words: words[0],
)
def test_commands_write_the_same_of_an_address(cli, both, folder, words):
    texts, files = [], []
    for run, out in (("runs/x", "out-1"), (X, "out-2")):
        done = cli(*[word.replace("RUN", run).replace("OUT", out) for word in words])
        assert done.code == 0, done
        texts.append(done.out.replace(X, "runs/x").replace("out-2/", "out-1/"))
        files.append(tree(folder / out) if (folder / out).is_dir() else {})
    assert texts[0] == texts[1]
    assert files[0].keys() == files[1].keys()
    for name, content in files[1].items():
        if name.endswith((".json", ".html")):
            assert X.encode() in content
            content = content.replace(X.encode(), b"runs/x").replace(b"out-2", b"out-1")
        assert content == files[0][name], name
    assert not list(folder.glob("counted*"))


def test_figures_of_an_address_go_to_the_working_folder(cli, both, folder):
    assert cli("scatter", X, "--format", "svg").code == 0
    assert [path.suffix for path in sorted((folder / "figures").iterdir())] == [".csv", ".json", ".svg"]
    refused = cli("scatter", X, "--out", "s3://bucket/figures")
    assert_refused(refused, "'--out': s3://bucket/figures is an address; name a local path")
    page = cli("report", X, "--out", "s3://bucket/page.html")
    assert_refused(page, "'--out': s3://bucket/page.html is an address")


def test_only_the_needed_bytes_are_read_and_only_once(cli, folder):
    run = write_run(folder / "runs/x", n=4000)
    remote.upload(folder / "runs/x", X)
    needed = ("run.json", "log.csv", "splits/test/labels.npy", "splits/test/epoch-0002.npy")
    size = sum((run.path / name).stat().st_size for name in needed)
    command = ("evaluate", X, "--metrics", "R@1", "--split", "test", "--json")
    first = cli(*command)
    assert first.code == 0, first
    assert sum(count for _, count in Counted.read) <= 1.05 * size
    remote.forget_requests()
    assert cli(*command) == first
    assert Counted.read == []
    assert 0 < len(Counted.listed) < 20


def test_names_of_runs_below_an_address(cli, both, monkeypatch):
    monkeypatch.setenv("EMBEDLENS_RUNS", "counted://bucket/runs/")
    assert run_names() == ["x"]
    assert [str(run.path) for run in choose_runs([])] == [X]
    assert [str(run.path) for run in choose_runs(["x", X, X + "/"])] == [X]
    assert cli("info").code == 0
    assert_refused(cli("info", "xy"), "no such run: xy; it is neither here nor in counted://bucket/runs")
    assert_refused(cli("info", "counted://bucket/runs/xx1"), "no such run: counted://bucket/runs/xx1")
    assert_refused(cli("info", "counted://bucket/runs"), "counted://bucket/runs is not a run")


def test_addresses_that_cannot_be_read_are_refused_in_one_line(cli, both, monkeypatch):
    assert_refused(cli("info", "nothing://bucket/x"), "unknown protocol 'nothing'")
    assert_refused(cli("info", "adl://bucket/x"), "adl:// addresses need adlfs; install it by: pip install")

    def fail(kind, text):
        def ls(self, path, detail=True, **options):
            raise kind(text)

        monkeypatch.setattr(Counted, "ls", ls)
        return cli("info", X)

    class NoCredentialsError(Exception):
        pass

    assert_refused(fail(PermissionError, "Forbidden"), f"{X} cannot be read", "check the rights")
    assert_refused(fail(NoCredentialsError, "Unable to locate credentials"), "set the credentials")
    assert_refused(fail(ConnectionError, "Could not connect. Really\n"), "Could not connect", "the network")


def test_damage_is_named_by_its_address(cli, both):
    file = Counted.store["/bucket/runs/x/splits/test/epoch-0002.npy"]
    content = file.getvalue()
    Counted().pipe_file("/bucket/runs/x/splits/test/epoch-0002.npy", content[:-4])
    with pytest.raises(InputError, match=f"^{X}/splits/test/epoch-0002.npy: truncated"):
        embedlens.open_run(X).snapshot("test")
    assert_refused(cli("info", X, "--verify"), f"1 damaged file: {X}/splits/test/epoch-0002.npy")


def test_what_an_address_is(both, folder):
    assert is_address("s3://bucket/x")
    for text in ("runs/x", r"C:\runs\x", "C:/runs/x", "c://x"[:2], "/a://b", Path("s3://bucket")):
        assert not is_address(text), text
    assert run_path(f"file://{folder}/runs/x") == folder / "runs/x"
    assert run_path("file:///C:/runs/x") == Path("C:/runs/x")
    assert embedlens.open_run(f"file://{folder}/runs/x").epochs() == [0, 1, 2]
    with pytest.raises(InputError, match="an address has two slashes"):
        embedlens.open_run(Path("s3://bucket/x"))


def test_local_runs_import_no_fsspec(both):
    code = "import sys, embedlens; embedlens.open_run('runs/x').epochs(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=both.path.parent.parent,
    )
    assert "embedlens.store.run" in done.stdout.split()
    assert not {"fsspec", "embedlens.store.remote_paths"} & set(done.stdout.split())


def test_the_cache_is_bounded_and_keeps_what_is_used(cache, monkeypatch):
    def fill(name, size=1000):
        return cached((name, size, "mark"), lambda path: path.write_bytes(bytes(size)))

    monkeypatch.setenv("EMBEDLENS_CACHE_GB", "3e-6")
    files = [fill(f"{number}") for number in range(5)]
    assert all(file.exists() for file in files)  # used a moment ago
    for age, file in enumerate(files):
        os.utime(file, (1e9 - age, 1e9 - age))
    fill("0")  # used again
    last = fill("6")
    assert [file.exists() for file in files] == [True, True, False, False, False]
    assert last.exists()
    assert cached(("7", 10, "mark"), lambda path: path.write_bytes(b"other")) is None
    assert not list(cache.rglob("*.partial"))
    monkeypatch.setenv("EMBEDLENS_CACHE_GB", "much")
    with pytest.raises(InputError, match="EMBEDLENS_CACHE_GB is 'much'"):
        fill("8")


def test_threads_and_processes_share_the_cache(both, cache):
    runs = [embedlens.open_run(X) for _ in range(8)]
    found = []
    threads = [
        threading.Thread(target=lambda run=run: found.append(run.snapshot("test").embeddings.sum()))
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert not list(cache.rglob("*.partial"))
