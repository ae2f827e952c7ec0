"""Following a run that another process writes: lines, figures, and when it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import remote
from schemas import faults
from support import assert_refused, blobs, entry_point, sidecar_of, write_run

import embedlens
from embedlens.store import following
from embedlens.store.following import Follower, View, Writer
from embedlens.store.lock import LOCK_NAME
from embedlens.training.config import TrainConfig
from embedlens_cli.commands.watch import command as watch_command
from embedlens_cli.commands.watch.figures import RunFigures
from embedlens_cli.commands.watch.parts import Part
from embedlens_cli.common.option_groups import FigureOptions, LeaveOutOptions

Z, Y = blobs(n=24)
QUICK = ("--every", "0.1", "--format", "png", "--split", "test")


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_a_finished_run(cli, folder):
    run = write_run(folder / "runs/mine", n=24)
    done = cli("watch", "mine", *QUICK, "--report", "--json")
    assert done.code == 0, done.err
    lines = lines_of(done.out)
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert [faults(line, "watch") for line in lines] == [[], [], []]
    assert [line["drawn"] for line in lines[:2]] == [[], []]
    assert lines[2]["drawn"] == ["scatter", "curves", "animation", "report"]
    names = {path.rsplit("/", 1)[1] for path in lines[2]["figures"]}
    assert names == {
        "scatter-test-latest.png", "curves.png", "scatter-test-animation.gif", "scatter-test-animation.mp4",
        "scatter-test-strip.png", "report.html",
    }  # fmt: skip
    assert names <= {path.name for path in (run.path / "figures").iterdir()}
    expected = embedlens.analysis.retrieval.recall_at_k(
        run.snapshot("test", 1).embeddings, run.labels("test"), [1]
    )
    assert lines[1]["recall_at_1"] == {"test": pytest.approx(expected[1])}
    assert sidecar_of(run.path / "figures/scatter-test-latest.png")["epochs"] == [2]
    assert "test_recall_at_1" in (run.path / "figures/curves.csv").read_text()
    assert done.err == "run mine was closed after epoch 2; --until-stopped waits for more\n"


def test_wrong_options(cli, folder):
    write_run(folder / "runs/mine", n=24, epochs=1)
    (folder / "a_file").write_text("x")
    assert_refused(cli("watch"), "Missing argument")
    assert_refused(cli("watch", "mine", "--every", "0"), "--every")
    assert_refused(cli("watch", "mine", "--format", "gif"), "unknown format 'gif'")
    assert_refused(cli("watch", "mine", "--split", "tset"), "unknown split 'tset'")
    assert_refused(cli("watch", "a_file"), "a_file is a file; name the directory of a run")
    (folder / "figures").mkdir()
    (folder / "figures/report.html").write_text("mine")
    refused = cli("watch", "mine", *QUICK, "--report", "--out", "figures")
    assert_refused(refused, "figures/report.html exists and is no report of embedlens")
    assert [path.name for path in (folder / "figures").iterdir()] == ["report.html"]


@pytest.fixture
def scripted(cli, monkeypatch):
    """Watch a run while a list of steps is taken, one at each pause; figures are only noted."""
    drawn = []

    def call(steps, *words, run="mine"):
        left = list(steps)

        def pause(_seconds):
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        def draw(_figures, part, view, selection):
            selection.runs[0].snapshot("test", -1)
            part.drawn(view, time.monotonic())
            drawn.append((part.name, max(view.epochs)))
            return [], []

        monkeypatch.setattr(watch_command.time, "sleep", pause)
        monkeypatch.setattr(RunFigures, "draw", draw)
        done = cli("watch", run, "--json", *words)
        assert not left
        return done, [line["epoch"] for line in lines_of(done.out)]

    call.drawn = drawn
    return call


@pytest.fixture
def remote_folder(tmp_path, monkeypatch):
    """An empty remote file system, and an empty cache."""
    monkeypatch.setenv("EMBEDLENS_CACHE", str(tmp_path / "cache"))
    remote.empty()
    yield "counted://bucket/runs"
    remote.empty()


def recorder(resume=False):
    return embedlens.Recorder("runs/mine", labels={"test": Y}, resume=resume)


def test_it_waits_for_the_run_and_ends_with_it(scripted, folder):
    state = {}

    def begin():
        state["it"] = recorder()

    def record(epoch):
        return lambda: state["it"].record(epoch, {"test": Z + epoch})

    # What is recorded in one pause is drawn together.
    steps = [
        lambda: None, begin, record(0), record(1), lambda: [record(n)() for n in (2, 3)],
        lambda: state["it"].close(),
    ]  # fmt: skip
    # The writer is this process: a lock of its own counts as none, so pretend that it is another's.
    done, epochs = with_lock_seen(scripted, steps)
    assert done.code == 0, done.err
    assert epochs == [0, 1, 2, 3]
    assert [name for name, at in scripted.drawn if name == "scatter"] == ["scatter"] * 3
    assert done.err.splitlines() == [
        "run mine is not there yet, neither here nor in runs; waiting for it (Ctrl-C ends)",
        "run mine was closed after epoch 3; --until-stopped waits for more",
    ]


def with_lock_seen(scripted, steps, *words):
    """Watch with the locks of this process taken for those of another one."""
    from embedlens.store import lock

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "_is_orphan", lambda text: False)
        real = lock.check_free

        def check(run):
            held = dict(lock._HELD)
            lock._HELD.clear()
            try:
                real(run)
            finally:
                lock._HELD.update(held)

        patch.setattr("embedlens.store.following.check_free", check)
        return scripted(steps, *words)


def test_an_epoch_recorded_again_is_drawn_again(scripted):
    write_run("runs/mine", n=24, splits=("test",), epochs=2)

    def again():
        with embedlens.Recorder("runs/mine", labels={"test": Y}, resume=True) as one:
            one.record(1, {"test": Z[::-1]}, overwrite=True)

    done, epochs = scripted([again, lambda: None], "--until-stopped")
    assert epochs == [0, 1, 1]
    assert done.code == 130
    assert done.err.splitlines() == [
        "run mine was closed after epoch 1; waiting for more (Ctrl-C ends)",
        "embedlens: stopped",
    ]


def test_a_run_at_an_address(scripted, remote_folder, folder):
    """Epochs of another process are seen at once, although listings are kept for a while."""
    address, local = f"{remote_folder}/mine", folder / "runs/mine"

    def record(z):
        with embedlens.Recorder(local, labels={"test": Y}, resume=local.exists()) as one:
            one.record(0, {"test": z}, overwrite=True)
        remote.upload(local, address)

    steps = [lambda: None, lambda: record(Z), lambda: record(Z[::-1].copy()), lambda: None]
    done, epochs = scripted(steps, "--until-stopped", run=address)
    assert done.code == 130, done.err
    assert epochs == [0, 0]
    assert "is not there yet; waiting for it" in done.err


def test_a_run_begun_anew(scripted, folder):
    write_run("runs/mine", n=24, splits=("test",), epochs=2)

    def anew():
        shutil.rmtree("runs/mine")
        write_run("runs/mine", n=24, splits=("test",), epochs=1, seed=3)

    def remove():
        shutil.rmtree("runs/mine")

    done, epochs = scripted([anew, remove, lambda: None], "--until-stopped")
    assert done.code == 130
    assert epochs == [0, 1, 0]
    assert done.err.count("was removed or begun again") == 2
    assert done.err.count("is not there yet") == 1


def test_training_that_was_stopped_is_waited_for(scripted, folder):
    run = write_run("runs/mine", n=24, epochs=2)
    (run.path / "checkpoint.pt").touch()  # a run of the built-in trainer has one

    def configure(**options):
        document = json.loads((run.path / "run.json").read_text())
        document["method"] = TrainConfig(data="digits", loss="ep", **options).as_method()
        (run.path / "run.json").write_text(json.dumps(document))

    configure(epochs=2)
    done, epochs = scripted([lambda: None, lambda: configure(epochs=1)])
    assert done.code == 0, done.err
    assert epochs == [0, 1]
    closed = "run mine was closed after epoch 1; --until-stopped waits for more"
    assert done.err.splitlines() == [
        "run mine: its training has ended at epoch 1 of 2; waiting, since it may be resumed (Ctrl-C ends)",
        closed,
    ]
    configure(epochs=9, stop_metric="loss", patience=1)
    (run.path / "log.csv").write_text("epoch,loss\n0,\n1,1.0\n2,2.0\n")  # early stopping ended it
    assert scripted([])[0].err.splitlines() == [closed]
    document = (run.path / "run.json").read_text().replace('"patience"', '"of_another_version"')
    (run.path / "run.json").write_text(document)
    assert scripted([])[0].err.splitlines() == [closed]


def test_what_all_epochs_make_pauses_for_four_times_its_duration(monkeypatch):
    views = [View("now", {n: () for n in range(count)}, None, Writer.RUNNING) for count in (1, 2)]
    slow, quick = Part("animation", slow=True, logged=False), Part("scatter", slow=False, logged=False)
    clock = [100.0]
    monkeypatch.setattr("embedlens_cli.commands.watch.parts.time.monotonic", lambda: clock[0])
    for part in (slow, quick):
        assert part.is_due(views[0], hurry=False)
        part.drawn(views[0], started=98.0)
        assert not part.is_due(views[0], hurry=True)
    clock[0] = 107.9
    assert not slow.is_due(views[1], hurry=False)
    assert slow.is_due(views[1], hurry=True)
    assert quick.is_due(views[1], hurry=False)
    clock[0] = 108.0
    assert slow.is_due(views[1], hurry=False)


def test_what_all_epochs_make_does_not_delay_the_line_of_an_epoch():
    views = [View("now", {n: () for n in range(count)}, None, Writer.RUNNING) for count in range(1, 5)]
    figures = RunFigures(FigureOptions(), [], LeaveOutOptions(), "cpu", report=True)

    def names(view, *, hurry=False):
        due = figures.due(view, hurry=hurry)
        for part in due:
            part.drawn(view, time.monotonic())
        return [part.name for part in due]

    assert names(views[0]) == ["scatter", "curves"]
    assert names(views[0]) == ["animation", "report"]
    assert names(views[0]) == []
    assert names(views[1]) == ["scatter", "curves"]
    assert names(views[2]) == ["scatter", "curves", "animation", "report"]  # never left behind for ever
    assert names(views[3], hurry=True) == ["scatter", "curves", "animation", "report"]


def test_the_log_is_read_when_it_changes(folder, monkeypatch):
    run = write_run(folder / "runs/mine", n=24, epochs=2)
    follower, reads = Follower(run.path), []
    real = following.read_log
    monkeypatch.setattr(following, "read_log", lambda file: reads.append(file) or real(file))
    assert [follower.is_logged(follower.look()) for _ in range(3)] == [True] * 3
    assert len(reads) == 1
    with embedlens.Recorder(run.path, labels={"train": Y, "test": Y}, resume=True) as one:
        one.record(2, {"train": Z, "test": Z})
        view = follower.look()
    assert follower.is_logged(view)
    assert not follower.is_logged(replace(view, epochs={**view.epochs, 3: ()}))
    assert len(reads) == 2


def test_each_epoch_is_searched_once(cli, folder, monkeypatch):
    from embedlens.measurements.triplet_states import State

    write_run(folder / "runs/mine", n=24)
    searched = []
    real = State.nearest

    def nearest(state, *, device):
        searched.append((state.split, state.epoch))
        return real(state, device=device)

    monkeypatch.setattr(State, "nearest", nearest)
    monkeypatch.setattr(
        RunFigures, "_animation", lambda figures, selection: (figures._nearest(selection), ([], []))[1]
    )
    assert cli("watch", "mine", *QUICK).code == 0
    assert searched == [("test", 0), ("test", 1), ("test", 2)]


WRITER = """
import sys, numpy as np, embedlens
from support import blobs
z, y = blobs(n=24, dim=4)
recorder = embedlens.Recorder("runs/mine", labels={"test": y, "train": y}, resume=True)
print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.partition(" ")
    if word == "record":
        recorder.record(int(number), {"test": z + int(number), "train": z}, metrics={"loss": 1.0})
    elif word == "half":
        with recorder.epoch(int(number)) as epoch:
            epoch.add("test", range(24), z)
            epoch.add("train", range(12), z[:12])
            print("half", flush=True)
            sys.stdin.readline()
    print("done", flush=True)
"""


class WritingProcess:
    """A process that records what it is told, and is killed at the end of a ``with`` block."""

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.process.kill()
        self.process.communicate()

    def __init__(self):
        here = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
        path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER], env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, word, answer="done"):
        self.process.stdin.write(f"{word}\n")
        assert self.process.stdout.readline().strip() == answer


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_a_writer_that_is_killed_and_resumed(folder):
    """The real program beside a real writer, which is killed within an epoch, resumed, and finished."""
    with open("out", "w") as out, open("err", "w") as err:
        watch = subprocess.Popen(
            [entry_point(), "watch", "mine", "--every", "0.1", "--format", "png", "--json"],
            stdout=out, stderr=err,
        )  # fmt: skip

    def told():
        return (folder / "err").read_text()

    def seen():
        return [line["epoch"] for line in lines_of((folder / "out").read_text())]

    try:
        wait_for(lambda: "is not there yet" in told())
        with WritingProcess() as first:
            for epoch in range(2):
                first.tell(f"record {epoch}")
            wait_for(lambda: seen() == [0, 1])
            first.tell("half 2", "half")
            time.sleep(0.5)
            assert seen() == [0, 1]
        assert first.process.returncode == -signal.SIGKILL
        assert (folder / "runs/mine" / LOCK_NAME).exists()
        wait_for(lambda: "has ended without closing it" in told())
        assert watch.poll() is None
        with WritingProcess() as second:
            second.tell("record 2")
            wait_for(lambda: seen() == [0, 1, 2])
            second.tell("record 3")
            second.process.stdin.close()
            assert second.process.wait(timeout=60) == 0
            second.process.stdin = None
        assert watch.wait(timeout=60) == 0
    finally:
        watch.kill()
        watch.wait()
    assert seen() == [0, 1, 2, 3]
    assert told().splitlines() == [
        "run mine is not there yet, neither here nor in runs; waiting for it (Ctrl-C ends)",
        "run mine: its process has ended without closing it; waiting, since it may be resumed (Ctrl-C ends)",
        "run mine was closed after epoch 3; --until-stopped waits for more",
    ]
    figures = folder / "runs/mine/figures"
    assert sidecar_of(figures / "scatter-test+train-animation.gif")["epochs"] == [0, 1, 2, 3]
    assert not [path for path in (folder / "runs/mine").rglob("*.partial")]
    embedlens.open_run(folder / "runs/mine").snapshot("train", 2)


@pytest.mark.slow
def test_it_is_stopped_while_it_draws(folder):
    """Ctrl-C at any moment: status 130, and every figure is whole."""
    with WritingProcess() as writer:
        for epoch in range(3):
            writer.tell(f"record {epoch}")
        for pause in (0.0, 0.4):
            _check_stopped(folder / "runs/mine/figures", pause)
    run = embedlens.open_run(folder / "runs/mine")
    assert run.epochs() == [0, 1, 2]
    assert (run.path / LOCK_NAME).exists()  # of the writer, which was killed, too


def _check_stopped(figures, pause):
    watch = subprocess.Popen(
        [entry_point(), "watch", "mine", "--format", "png"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda: any(path.name.startswith("curves.") for path in figures.glob("*")))
        time.sleep(pause)
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        watch.kill()
        pytest.fail(f"not stopped: {watch.communicate()}")
    finally:
        watch.kill()
        watch.communicate()
    assert watch.returncode == 130, err
    assert err.endswith("embedlens: stopped\n")
    assert not [path for path in figures.iterdir() if path.name.startswith(".")]
    for picture in figures.glob("*.png"):
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82")
    for path in figures.iterdir():
        path.unlink()
