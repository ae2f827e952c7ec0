"""Nothing that this program did not write is removed, whatever begins, resumes, fails or is interrupted."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support import blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder
from embedlens.importing import ImportSource, import_run
from embedlens.store.concat import concatenate
from embedlens.store.ownership import building_folder, clear, is_unbegun

Z, Y = blobs()
LABELS = {"train": Y, "test": Y}
BOTH = {"train": Z, "test": Z}
CLUSTER = {"test": {"cluster": np.arange(60)}}
NAMES = (
    "notes.txt",
    "model.ckpt",
    "weights.pt",
    "foo.npy",
    "epoch-best.npy",
    "foo-0001.npy",
    ".hidden.partial",
)


def plant(path):
    """Put foreign files, and a foreign folder with one, into every folder of a run; return them by path."""
    folders = [path, *(folder for folder in path.rglob("*") if folder.is_dir())]
    for name in ("splits/mine", "splits/mine/extra", "splits/test/extra", "extra"):
        (path / name).mkdir(parents=True, exist_ok=True)
        folders.append(path / name)
    (path / "splits/mine/labels.npy").write_bytes(b"mine")
    planted = {path / "splits/mine/labels.npy": b"mine"}
    for number, folder in enumerate(dict.fromkeys(folders)):
        (folder / "theirs").mkdir(exist_ok=True)
        for file in [*(folder / name for name in NAMES), folder / "theirs" / "epoch-0001.npy"]:
            planted[file] = f"{number} {file.name}".encode()
            file.write_bytes(planted[file])
    return planted


def survive(planted, old=None, new=None):
    for file, content in planted.items():
        place = file if old is None else new / file.relative_to(old)
        assert place.read_bytes() == content, place


def begun(path, **options):
    """A run without a snapshot, whose recorder is gone."""
    Recorder(path, labels=LABELS, extras={"meta": np.arange(3)}, **options).close()
    return path


def recorded(path):
    with Recorder(path, labels=LABELS, extras={"meta": np.arange(3)}) as recorder:
        for epoch in range(3):
            recorder.record(epoch, BOTH, metrics={"loss": epoch}, extras=CLUSTER)
    return path


def test_what_cannot_be_written_is_refused_before_anything_is_removed(tmp_path):
    path = tmp_path / "u"
    begun(path)
    before = tree(path)
    planted = plant(path)
    with pytest.raises(InputError, match="cannot be written to run.json"):
        Recorder(path, labels=LABELS, method={"d": object()})
    survive(planted)
    assert {name: raw for name, raw in tree(path).items() if path / name not in planted} == before


def test_a_run_begun_anew_keeps_what_is_not_its_own(tmp_path):
    path = tmp_path / "u"
    begun(path)
    planted = plant(path)
    recorder = Recorder(path, labels={"test": Y[::-1]})
    recorder.record(0, {"test": Z})
    recorder.record(0, {"test": -Z}, overwrite=True)
    survive(planted)
    assert recorder.run.epochs() == [0]
    assert not (path / "splits/train/labels.npy").exists()
    assert not (path / "extra/meta.npy").exists()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace", "unlink"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_failures_and_interruptions_remove_nothing_of_others(tmp_path, monkeypatch, failure, call, at):
    path = tmp_path / "u"
    begun(path)
    planted = plant(path)
    own = getattr(os, call)
    calls = []

    def fail(*args, **options):
        calls.append(args)
        if len(calls) == at + 1:
            raise failure
        return own(*args, **options)

    monkeypatch.setattr(os, call, fail)
    with suppress(type(failure)):
        Recorder(path, labels={"test": Y})
    monkeypatch.undo()
    assert len(calls) > at
    survive(planted)
    Recorder(path, labels={"test": Y}).record(0, {"test": Z})
    survive(planted)
    assert embedlens.open_run(path).epochs() == [0]


def test_resuming_discarding_and_overwriting(tmp_path):
    path = recorded(tmp_path / "u")
    planted = plant(path)
    recorder = Recorder(path, labels=LABELS, resume=True)
    recorder.record(1, BOTH, overwrite=True)
    recorder.discard_after(0)
    recorder.record(1, BOTH, extras=CLUSTER)
    recorder.discard_after(-1)
    survive(planted)
    assert recorder.run.epochs() == []
    assert not list(path.rglob("cluster-*.npy"))


def test_a_file_with_the_name_of_a_snapshot_that_was_not_recorded(tmp_path):
    path = recorded(tmp_path / "u")
    foreign = [path / "splits/test/epoch-0007.npy", path / "splits/test/extra/mine-0007.npy"]
    for file in foreign:
        file.write_bytes(b"mine")
    recorder = Recorder(path, labels=LABELS, resume=True)
    for write in (
        lambda: recorder.discard_after(0),
        lambda: recorder.record(7, BOTH),
        lambda: recorder.record(7, BOTH, overwrite=True),
    ):
        with pytest.raises(InputError, match=r"epoch-0007\.npy was not recorded in this run; move it"):
            write()
    foreign[0].unlink()
    with pytest.raises(InputError, match=r"mine-0007\.npy was not recorded in this run; move it"):
        recorder.record(7, BOTH, extras={"test": {"mine": np.arange(60)}})
    recorder.discard_after(0)
    assert foreign[1].read_bytes() == b"mine"
    assert recorder.run.epochs() == [0]


@pytest.mark.parametrize("name", ["splits/test/labels.npy", "extra/meta.npy"])
def test_a_foreign_file_where_one_of_the_run_belongs_is_refused(tmp_path, name):
    path = tmp_path / "u"
    Recorder(path, labels={"other": Y}).close()
    (path / name).parent.mkdir(parents=True)
    (path / name).write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{name} is not a file of this run; move it"):
        Recorder(path, labels=LABELS, extras={"meta": np.arange(3)})
    assert (path / name).read_bytes() == b"mine"


def test_an_existing_folder_of_the_user_stays_when_beginning_fails(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(
        "embedlens.store.format.write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        Recorder(tmp_path / "empty", labels=LABELS)
    with pytest.raises(KeyboardInterrupt):
        Recorder(tmp_path / "new", labels=LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def dump(folder, *, epochs=2, broken=False):
    folder.mkdir()
    np.save(folder / "y.npy", Y)
    for epoch in range(epochs):
        np.save(folder / f"e{epoch}.npy", Z * np.nan if broken and epoch == 1 else Z)
    return ImportSource(str(folder / "e{epoch}.npy"), str(folder / "y.npy"))


def test_imports_and_joins_that_fail_keep_what_stands_in_their_hidden_folder(tmp_path):
    parts = [write_run(tmp_path / name, epochs=2) for name in "ab"]
    source = dump(tmp_path / "dump", broken=True)
    kept, planted = tree(tmp_path / "dump"), {}
    for make, out in (
        (lambda out: import_run(source, out), tmp_path / "imported"),
        (lambda out: concatenate(parts, out, epochs={0: [0, 0], 1: [0, 9]}), tmp_path / "joined"),
    ):
        hidden = building_folder(out)
        begun(hidden)  # left by a process that was killed
        planted[out] = plant(hidden)
        with pytest.raises(InputError):
            make(out)
        survive(planted[out])
        assert not out.exists()
    assert tree(tmp_path / "dump") == kept
    good = dump(tmp_path / "good")
    import_run(good, tmp_path / "imported")
    hidden = building_folder(tmp_path / "imported")
    assert not hidden.exists()
    survive(planted[tmp_path / "imported"], hidden, tmp_path / "imported")
    assert embedlens.open_run(tmp_path / "imported").epochs() == [0, 1]


def test_an_interrupted_import_removes_its_own_files_alone(tmp_path, monkeypatch):
    source, out = dump(tmp_path / "dump"), tmp_path / "out"
    hidden = building_folder(out)
    record = Recorder.record

    def stop(self, epoch, *args, **options):
        if epoch == 1:
            (hidden / "splits/test/notes.txt").write_text("theirs")
            raise KeyboardInterrupt
        record(self, epoch, *args, **options)

    monkeypatch.setattr(Recorder, "record", stop)
    with pytest.raises(KeyboardInterrupt):
        import_run(source, out)
    assert tree(hidden) == {"splits/test/notes.txt": b"theirs", "checksums.sha256": b""}
    monkeypatch.undo()
    run = import_run(source, out)
    assert run.epochs() == [0, 1]
    assert (out / "splits/test/notes.txt").read_text() == "theirs"


def test_unlinked_sources_survive_an_import_by_links(tmp_path):
    source = dump(tmp_path / "dump")
    kept = tree(tmp_path / "dump")
    run = import_run(source, tmp_path / "out", link=True)
    Recorder(run.path, labels={"test": Y}, resume=True).record(0, {"test": -Z}, overwrite=True)
    assert tree(tmp_path / "dump") == kept


def test_which_folders_are_those_of_a_run_to_be(tmp_path):
    assert not is_unbegun(tmp_path / "nothing")
    path = recorded(tmp_path / "run")
    assert not is_unbegun(path)
    (path / "run.json").unlink()
    assert is_unbegun(path)  # it has its list of checksums
    clear(path)
    assert list(path.iterdir()) == []
    assert is_unbegun(path)
    (path / "notes.txt").touch()
    assert not is_unbegun(path)


def test_a_list_that_names_files_elsewhere_removes_none_of_them(tmp_path):
    path = begun(tmp_path / "u")
    theirs = [tmp_path / "labels.npy", path / "notes.txt", path / "labels.npy"]
    for file in theirs:
        file.write_text("theirs")
    names = ["../labels.npy", "notes.txt", "splits/../labels.npy", str(tmp_path / "labels.npy")]
    with (path / "checksums.sha256").open("a") as handle:
        handle.writelines(f"{'0' * 64}  {name}\n" for name in names)
    Recorder(path, labels=LABELS)
    assert [file.read_text() for file in theirs] == ["theirs"] * 3


def test_no_tree_is_removed_anywhere():
    root = Path(embedlens.__file__).parent.parent
    files = [*root.glob("embedlens/**/*.py"), *root.glob("cli/**/*.py")]
    assert len(files) > 200
    for file in files:
        assert "rmtree" not in file.read_text(), file
