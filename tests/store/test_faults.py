"""A kill at every file operation: the next start ends with the same bytes, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from faults import EXIT_SCRIPT, Faults, Killed, forget_locks, kill_at_each
from support import blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder
from embedlens.importing import ImportSource, import_run
from embedlens.store.concat import concatenate
from embedlens.store.integrity import verify

Z, Y = blobs(n=12, classes=3)
LABELS = {"train": Y, "test": Y}
CLUSTER = {"test": {"cluster": np.arange(12)}}


def record_all(path, *, keep=None):
    """A training script that can be started again at any time; `keep` holds its recorder, as a kill does."""
    recorder = Recorder(
        path,
        labels=LABELS,
        items={"test": {"name": [f"i{row}" for row in range(12)]}},
        thumbnails={"test": np.zeros((12, 2, 2), np.uint8)},
        extras={"meta": np.arange(3)},
        resume=True,
    )
    if keep is not None:
        keep.append(recorder)
    done = recorder.run.epochs()
    recorder.discard_after(done[-2] if len(done) > 1 else -1)
    for epoch in range(max(0, len(done) - 1), 3):
        recorder.record(
            epoch, {"train": Z + epoch, "test": Z - epoch}, metrics={"loss": epoch}, extras=CLUSTER
        )


def contents(path):
    """All files of a run but run.json, in which the time stands; hidden ones too."""
    return {name: raw for name, raw in tree(path).items() if name not in ("run.json", ".lock")}


def check_readable(path):
    """What stands there can be read, or is no run at all; a reader sees whole epochs only."""
    try:
        run = embedlens.open_run(path)
    except InputError:
        assert not (path / "run.json").exists()
        return
    for epoch in run.epochs():
        for split, sign in (("train", 1), ("test", -1)):
            np.testing.assert_array_equal(run.snapshot(split, epoch).embeddings, Z + sign * epoch)
    assert verify(run).damaged == {}


@pytest.mark.slow
def test_recording_killed_at_every_operation_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    record_all(tmp_path / "whole")
    wanted = contents(tmp_path / "whole")
    path, kept = tmp_path / "run", []
    kills = 0
    for _ in kill_at_each(monkeypatch, lambda: record_all(path, keep=kept)):
        kills += 1
        check_readable(path)
        record_all(path)
        assert contents(path) == wanted
        assert embedlens.open_run(path).log == embedlens.open_run(tmp_path / "whole").log
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run", "whole"]
        shutil.rmtree(path)
    assert kills > 80


def test_a_kill_after_a_kill(tmp_path, monkeypatch):
    """What the second start removes and writes may be cut off as well."""
    record_all(tmp_path / "whole")
    path, kept = tmp_path / "run", []
    for first in range(5, 60, 11):
        with monkeypatch.context() as patch:
            Faults(patch, first)
            with pytest.raises(Killed):
                record_all(path, keep=kept)
        forget_locks()
        for _ in kill_at_each(monkeypatch, lambda: record_all(path, keep=kept), step=7):
            check_readable(path)
        record_all(path)
        assert contents(path) == contents(tmp_path / "whole")
        shutil.rmtree(path)


def test_a_run_begun_anew_killed_at_every_operation(tmp_path, monkeypatch):
    path, kept = tmp_path / "run", []

    def begin_old():
        if path.exists():
            shutil.rmtree(path)
        Recorder(path, labels={"old": Y}, extras={"old": np.arange(3)}).close()
        (path / "notes.txt").write_text("theirs")

    begin_old()
    for _ in kill_at_each(monkeypatch, lambda: kept.append(Recorder(path, labels=LABELS))):
        with Recorder(path, labels=LABELS) as recorder:
            run = recorder.run
        assert run.splits == ("train", "test")
        assert run.labels("test").tolist() == Y.tolist()
        assert not (path / "splits/old").exists()
        assert not list(path.rglob("old*"))
        assert (path / "notes.txt").read_text() == "theirs"
        begin_old()


@pytest.mark.parametrize("link", [False, True])
def test_an_import_killed_at_every_operation_can_be_repeated(tmp_path, monkeypatch, link):
    source = tmp_path / "dump"
    source.mkdir()
    np.save(source / "y.npy", Y)
    for epoch in range(2):
        np.save(source / f"e{epoch}.npy", Z + epoch)
    kept = tree(source)
    what = ImportSource(str(source / "e{epoch}.npy"), str(source / "y.npy"))
    import_run(what, tmp_path / "whole", link=link)
    out = tmp_path / "run"
    for _ in kill_at_each(monkeypatch, lambda: import_run(what, out, link=link)):
        assert import_run(what, out, link=link).epochs() == [0, 1]
        assert contents(out) == contents(tmp_path / "whole")
        assert tree(source) == kept
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dump", "run", "whole"]
        shutil.rmtree(out)


def test_an_import_is_repeated_only_where_it_made_the_run(tmp_path):
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "e0.npy", Z)
    what = ImportSource(str(tmp_path / "e{epoch}.npy"), str(tmp_path / "y.npy"))
    import_run(what, tmp_path / "run", method={"loss": "a"})
    before = tree(tmp_path / "run")
    assert import_run(what, tmp_path / "run", method={"loss": "a"}).epochs() == [0]
    for change in (
        lambda: import_run(what, tmp_path / "run", method={"loss": "b"}),
        lambda: import_run(what, tmp_path / "run", method={"loss": "a"}, dtype="float16"),
    ):
        with pytest.raises(InputError, match="already exists; choose another --out"):
            change()
    np.save(tmp_path / "e0.npy", Z + 1)
    with pytest.raises(InputError, match="already exists"):
        import_run(what, tmp_path / "run", method={"loss": "a"})
    np.save(tmp_path / "e0.npy", Z)
    np.save(tmp_path / "e1.npy", Z)
    with pytest.raises(InputError, match="already exists"):
        import_run(what, tmp_path / "run", method={"loss": "a"})
    assert tree(tmp_path / "run") == before


@pytest.mark.slow
def test_a_join_killed_at_every_operation_can_be_repeated(tmp_path, monkeypatch):
    parts = [write_run(tmp_path / name, epochs=1, n=12) for name in "ab"]
    concatenate(parts, tmp_path / "whole")
    out = tmp_path / "run"
    for _ in kill_at_each(monkeypatch, lambda: concatenate(parts, out)):
        if not out.exists():
            concatenate(parts, out)
        assert contents(out) == contents(tmp_path / "whole")
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "b", "run", "whole"]
        shutil.rmtree(out)


def test_readers_and_the_newest_run_ignore_what_is_being_made(tmp_path, monkeypatch):
    from embedlens.selection import newest_run

    monkeypatch.setenv("EMBEDLENS_RUNS", str(tmp_path))
    write_run(tmp_path / "done", epochs=1, n=12)
    write_run(tmp_path / ".later.building", epochs=1, n=12)
    assert newest_run().name == "done"


def test_a_leftover_goes_only_if_its_process_has_ended(tmp_path):
    from embedlens.files import temporary_path, write_text

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = temporary_path(tmp_path / "a.txt").name
    names = {
        own.replace(f".{os.getpid()}-", f".{dead.pid}-"): False,
        own.replace(f".{os.getpid()}-", f".{os.getppid()}-"): True,
        f".a.txt.{dead.pid}-00000000.partial": True,  # another host's
        ".a.txt.partial": True,
        f"a.txt.{dead.pid}.partial": True,
    }
    for name in names:
        (tmp_path / name).touch()
    write_text(tmp_path / "b.txt", "b")
    assert {name: (tmp_path / name).exists() for name in names} == names


@pytest.mark.parametrize("at", [12, 31, 44])
def test_a_process_that_ends_at_once_while_importing(tmp_path, at):
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "e0.npy", Z)
    words = ["import", "e{epoch}.npy", "--labels", "y.npy", "--out", "runs/a"]
    run = [sys.executable, "-c", EXIT_SCRIPT]
    killed = subprocess.run([*run, str(at), *words], cwd=tmp_path, capture_output=True, check=False)
    assert killed.returncode == 9, killed.stderr
    again = subprocess.run([*run, "100000", *words], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a"]
    assert verify(embedlens.open_run(tmp_path / "runs/a")).damaged == {}
