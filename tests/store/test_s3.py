"""Runs in S3, by a server of moto on the loopback: reading, training, kills, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from support import assert_refused, entry_point, optional, tree, write_run

from embedlens import Recorder, open_run
from embedlens.store.integrity import verify

optional("s3fs")
server = optional("moto.server")
boto3 = optional("boto3")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

RUNS = "s3://bucket/runs"
TRAIN = ("--data", "digits", "--loss", "n-pair-mc", "--dim", "4")


@pytest.fixture(scope="module")
def endpoint():
    """The address of an S3 server with one bucket."""
    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(endpoint, tmp_path, monkeypatch):
    """An empty bucket, and the environment by which it is found."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "EMBEDLENS_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="bucket")
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    return client


def names(client, prefix):
    """The relative paths of all objects below a prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix + "/")
    return [entry["Key"].removeprefix(prefix + "/") for page in pages for entry in page.get("Contents", [])]


def objects(client, prefix):
    """All objects below a prefix to which nothing writes: relative path -> bytes."""
    return {
        name: client.get_object(Bucket="bucket", Key=f"{prefix}/{name}")["Body"].read()
        for name in names(client, prefix)
    }


def upload(client, folder, prefix):
    for name, content in tree(folder).items():
        client.put_object(Bucket="bucket", Key=f"{prefix}/{name}", Body=content)


def test_commands_write_the_same_of_a_run_in_s3(bucket, cli, folder):
    write_run(folder / "runs/x")
    upload(bucket, folder / "runs/x", "runs/x")
    for words in (
        ("info", "RUN", "--json"),
        ("evaluate", "RUN", "--metrics", "R@1,nmi", "--out", "OUT", "--json"),
        ("scatter", "RUN", "--format", "svg", "--out", "OUT", "--json"),
        ("curves", "RUN", "--metrics", "R@1", "--format", "svg", "--out", "OUT", "--json"),
        ("report", "RUN", "--no-figures", "--out", "OUT/page.html", "--json"),
    ):
        answers = []
        for run, out in (("runs/x", "out-1"), (f"{RUNS}/x", "out-2")):
            done = cli(*[word.replace("RUN", run).replace("OUT", out) for word in words])
            assert done.code == 0, done
            answers.append(done.out.replace(f"{RUNS}/x", "runs/x").replace("out-2", "out-1"))
        assert answers[0] == answers[1]
    one, other = tree(folder / "out-1"), tree(folder / "out-2")
    assert one == {
        name: content.replace(f"{RUNS}/x".encode(), b"runs/x").replace(b"out-2", b"out-1")
        for name, content in other.items()
    }
    assert not list(folder.glob("s3*"))


def test_a_recorder_writes_the_same_objects(bucket, tmp_path):
    for path in (tmp_path / "x", f"{RUNS}/x"):
        write_run(path)
    local, remote = tree(tmp_path / "x"), objects(bucket, "runs/x")
    for files in (local, remote):
        files["run.json"] = {**json.loads(files["run.json"]), "created": ""}
    assert local == remote


def test_one_process_writes_a_run(bucket, program):
    run = write_run(f"{RUNS}/x")
    labels = {split: run.labels(split) for split in run.splits}
    with Recorder(f"{RUNS}/x", labels=labels, resume=True):
        assert json.loads(objects(bucket, "runs/x")[".lock"])["until"] > time.time()
        with pytest.raises(bucket.exceptions.ClientError, match="PreconditionFailed"):
            bucket.put_object(Bucket="bucket", Key="runs/x/.lock", Body=b"", IfNoneMatch="*")
        refused = program("evaluate", f"{RUNS}/x", "--metrics", "R@1")
        assert refused.code == 0, refused  # reading needs no lock
        code = f"import embedlens; embedlens.Recorder({RUNS + '/x'!r}, labels={{'a': [0, 1]}}, resume=True)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"{RUNS}/x is being written by process {os.getpid()} on" in done.stderr
    assert ".lock" not in names(bucket, "runs/x")


def test_training_straight_to_s3(bucket, cli, folder):
    assert cli("train", *TRAIN, "--epochs", "2", "--out", "runs/x").code == 0
    done = cli("train", *TRAIN, "--epochs", "1", "--out", f"{RUNS}/x")
    assert done.code == 0, done
    assert f"run {RUNS}/x: 2 epochs recorded; next: embedlens scatter {RUNS}/x" in done.out
    again = cli("train", *TRAIN, "--out", f"{RUNS}/x")
    assert_refused(again, f"{RUNS}/x already exists", f"embedlens train --resume {RUNS}/x")
    resumed = cli("train", "--resume", f"{RUNS}/x", "--epochs", "2")
    assert resumed.code == 0, resumed
    local, remote = tree(folder / "runs/x"), objects(bucket, "runs/x")
    assert local.keys() == remote.keys()
    for name in local:
        assert local[name] == remote[name] or not name.endswith(".npy"), name
    assert not list(folder.glob("s3*"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "terminate"])
def test_a_killed_training_leaves_whole_epochs_and_is_resumed(bucket, cli, folder, how):
    words = [entry_point(), "train", *TRAIN, "--epochs", "500", "--out", f"{RUNS}/x"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not any("epoch-0001" in name for name in names(bucket, "runs/x")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    run = open_run(f"{RUNS}/x")
    assert (".lock" in names(bucket, "runs/x")) == (how == signal.SIGKILL)
    last = run.epochs()[-1]
    assert run.epochs() == list(range(last + 1))
    assert all(run.snapshot(split, epoch).epoch == epoch for split in run.splits for epoch in run.epochs())
    more = ("--epochs", str(last + 1))
    done = cli("train", "--resume", f"{RUNS}/x", "--stop-metric", "train_recall_at_1", "--patience", "1")
    assert done.code == 0, done
    resumed = open_run(f"{RUNS}/x")
    assert len(resumed.epochs()) > last
    assert verify(resumed).damaged == {}
    assert cli("train", *TRAIN, *more, "--out", "runs/y").code == 0
    same = min(last + 1, resumed.epochs()[-1])
    one, other = resumed.snapshot("test", same), open_run("runs/y").snapshot("test", same)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)


def test_what_cannot_be_reached_is_one_line(bucket, program, folder):
    write_run(f"{RUNS}/x", n=20)
    assert_refused(program("info", f"{RUNS}/y"), f"no such run: {RUNS}/y")
    assert_refused(program("info", "s3://nobucket/x"), "no such run: s3://nobucket/x")
    refused = program("train", *TRAIN, "--out", "s3://nobucket/x")
    assert_refused(refused, "s3://nobucket/x/.lock cannot be written", "bucket does not exist")
    environment = {name: value for name, value in os.environ.items() if not name.endswith(("KEY", "KEY_ID"))}
    assert_refused(
        program("info", f"{RUNS}/x", env={**environment, "HOME": str(folder)}),
        "cannot be read",
        "credentials",
    )
    closed = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    assert_refused(program("info", f"{RUNS}/x", env=closed), "cannot be read", "Could not connect")


def test_names_of_runs_in_a_bucket(bucket, cli, monkeypatch):
    write_run(f"{RUNS}/mine", n=20)
    write_run(f"{RUNS}/other", n=20)
    monkeypatch.setenv("EMBEDLENS_RUNS", RUNS)
    newest = cli("info")
    assert newest.code == 0, newest
    assert newest.out.startswith("run other ")
    assert_refused(cli("info", "othr"), "it is neither here nor in s3://bucket/runs; did you mean 'other'")
    done = cli("concat", "mine", "other")
    assert done.code == 0, done
    assert open_run(f"{RUNS}/concat-mine-other").epochs() == [0, 1, 2]
