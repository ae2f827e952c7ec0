from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from support import blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder
from embedlens.store import Ranks

ROWS = {"train": 12, "test": 7}
Z = {split: blobs(n=n, classes=3)[0] for split, n in ROWS.items()}
CLUSTERS = np.arange(12) % 4


@pytest.fixture
def recorder(tmp_path):
    labels = {split: blobs(n=n, classes=3)[1] for split, n in ROWS.items()}
    return Recorder(tmp_path / "run", labels=labels)


def record(recorder, epoch, extras=None, **options):
    recorder.record(epoch, Z, extras=extras, **options)


def mapped(array):
    """Whether an array stands on a file."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def test_what_is_recorded_is_read_back(recorder):
    latent = np.random.default_rng(0).normal(size=(7, 2, 3))
    record(recorder, 0)
    record(recorder, 1, {"train": {"cluster": CLUSTERS}, "test": {"mu_1": latent}})
    record(recorder, 12, {"train": {"cluster": CLUSTERS[::-1], "sigma": np.ones((12, 2), np.float16)}})
    run = embedlens.open_run(recorder.path)
    assert run.extra_epochs("train") == {"cluster": [1, 12], "sigma": [12]}
    assert run.extra_epochs("test") == {"mu_1": [1]}
    np.testing.assert_array_equal(run.extra("train", "cluster", 1), CLUSTERS)
    np.testing.assert_array_equal(run.extra("train", "cluster", 12), CLUSTERS[::-1])
    np.testing.assert_array_equal(run.extra("test", "mu_1", 1), latent)
    assert run.extra("train", "cluster", 1).dtype == CLUSTERS.dtype
    assert run.extra("test", "mu_1", 1).dtype == np.float64
    assert run.extra("train", "sigma", 12).dtype == np.float16
    plain = np.load(recorder.path / "splits/train/extra/cluster-0001.npy", allow_pickle=False)
    np.testing.assert_array_equal(plain, CLUSTERS)
    assert run.epochs() == [0, 1, 12]
    np.testing.assert_array_equal(run.snapshot("train", 12).embeddings, Z["train"])


def test_those_of_an_epoch_that_is_written_in_batches(recorder, tmp_path):
    record(recorder, 1, {"train": {"cluster": CLUSTERS, "mu": np.ones(12)}})
    live = CLUSTERS + 1
    with recorder.epoch(1, overwrite=True) as epoch:
        epoch.add_extras({"train": {"cluster": CLUSTERS}, "test": {"mu": np.ones(7)}})
        for split, z in Z.items():
            epoch.add(split, np.arange(len(z)), z)
        epoch.add_extras({"train": {"cluster": live}})
        live += 10
    run = recorder.run
    assert run.extra_epochs("train") == {"cluster": [1]}
    assert run.extra_epochs("test") == {"mu": [1]}
    np.testing.assert_array_equal(run.extra("train", "cluster", 1), CLUSTERS + 1)
    before = tree(recorder.path)
    with pytest.raises(InputError, match="has shape"), recorder.epoch(2) as epoch:
        epoch.add_extras({"train": {"cluster": CLUSTERS[:3]}})
    with pytest.raises(InputError, match="epoch 2 is not open"):
        epoch.add_extras({})
    assert tree(recorder.path) == before
    several = Recorder(tmp_path / "several", labels={"test": [0, 1]}, ranks=Ranks(0, 2, "a"))
    with pytest.raises(InputError, match="one of several processes; extras are"), several.epoch(0) as epoch:
        epoch.add_extras({"test": {"mu": np.ones(2)}})


def test_they_are_memory_mapped_and_read_only(recorder):
    record(recorder, 0, {"train": {"cluster": CLUSTERS}})
    found = recorder.run.extra("train", "cluster", 0)
    assert mapped(found)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 3


def test_tensors_and_what_is_not_contiguous(recorder):
    wide = np.arange(48.0).reshape(4, 12).T
    given = {"cluster": torch.from_numpy(CLUSTERS), "mu": torch.ones(12, 2, requires_grad=True), "wide": wide}
    record(recorder, 0, {"train": given})
    assert recorder.run.extra("train", "cluster", 0).dtype == np.int64
    np.testing.assert_array_equal(recorder.run.extra("train", "mu", 0), np.ones((12, 2)))
    np.testing.assert_array_equal(recorder.run.extra("train", "wide", 0), wide)


def test_a_run_without_extras(tmp_path, recorder):
    old = write_run(tmp_path / "old", epochs=2)
    assert old.extra_epochs("train") == {}
    assert not list(old.path.rglob("extra"))
    with pytest.raises(InputError, match=r"^unknown extra of split 'train' 'cluster'; .*: \(none\)$"):
        old.extra("train", "cluster", 1)
    with pytest.raises(InputError, match=r"^unknown extra of the run 'meta'; choose one of: \(none\)$"):
        old.run_extra("meta")
    recorder.discard_after(-1)
    assert recorder.run.extra_epochs("test") == {}


def test_overwriting_replaces_all_extras_of_the_epoch_and_of_no_other(recorder):
    both = {"train": {"cluster": CLUSTERS, "mu": np.ones(12)}, "test": {"mu": np.ones(7)}}
    for epoch in (1, 2):
        record(recorder, epoch, both)
    record(recorder, 2, {"train": {"cluster": CLUSTERS + 1}}, overwrite=True)
    run = recorder.run
    np.testing.assert_array_equal(run.extra("train", "cluster", 2), CLUSTERS + 1)
    np.testing.assert_array_equal(run.extra("train", "cluster", 1), CLUSTERS)
    assert run.extra_epochs("train") == {"cluster": [1, 2], "mu": [1]}
    assert run.extra_epochs("test") == {"mu": [1]}
    record(recorder, 1, overwrite=True)
    assert run.extra_epochs("train") == {"cluster": [2]}


def test_an_epoch_that_is_refused_leaves_its_extras(recorder):
    record(recorder, 1, {"train": {"cluster": CLUSTERS}})
    before = tree(recorder.path)
    with pytest.raises(InputError, match="recorded already"):
        record(recorder, 1, {"train": {"cluster": CLUSTERS + 1}})
    broken = {"train": np.zeros((12, 8)), "test": Z["test"]}
    with pytest.raises(InputError, match="zero vector"):
        recorder.record(1, broken, extras={"train": {"cluster": CLUSTERS + 1}}, overwrite=True)
    assert tree(recorder.path) == before


def test_discard_after_removes_later_extras(recorder):
    for epoch in (0, 1, 2, 10000):
        record(recorder, epoch, {split: {"one": np.full(n, epoch)} for split, n in ROWS.items()})
    (recorder.path / "splits/train/extra/notes.txt").write_text("kept")
    recorder.discard_after(1)
    for split in ROWS:
        assert recorder.run.extra_epochs(split) == {"one": [0, 1]}
        assert not (recorder.path / f"splits/{split}/extra/one-0002.npy").exists()
        assert not (recorder.path / f"splits/{split}/extra/one-10000.npy").exists()
    assert (recorder.path / "splits/train/extra/notes.txt").exists()
    recorder.discard_after(-1)
    assert recorder.run.extra_epochs("train") == {}


@pytest.mark.parametrize(
    ("extras", "message"),
    [
        ({"val": {"a": np.ones(3)}}, "unknown split of extras 'val'; choose one of: train, test"),
        ({"train": {"Cluster": CLUSTERS}}, "extra 'Cluster'; a name has small letters, digits and underscor"),
        ({"train": {"../a": CLUSTERS}}, "extra '../a'; a name has"),
        ({"train": {"a-0001": CLUSTERS}}, "extra 'a-0001'; a name has"),
        ({"train": {"": CLUSTERS}}, "extra ''; a name has"),
        ({"train": {"1a": CLUSTERS}}, "extra '1a'; a name has"),
        ({"train": {"a\n": CLUSTERS}}, r"extra 'a\n'; a name has"),
        (
            {"train": {"a": np.ones((7, 2))}},
            "extra 'a' of split 'train' has shape [7, 2]; one row for each of the 12 items is needed",
        ),
        ({"train": {"a": 3}}, "extra 'a' of split 'train' has shape [1]; one row for each of the 12"),
        ({"train": {"a": np.full(12, np.nan)}}, "extra 'a' of split 'train' holds NaN or infinity"),
        ({"test": {"a": np.full(7, -np.inf, np.float16)}}, "extra 'a' of split 'test' holds NaN or infinity"),
        ({"train": {"a": ["x"] * 12}}, "extra 'a' of split 'train' holds <U1; numbers are needed"),
        ({"train": {"a": np.array([None] * 12)}}, "extra 'a' of split 'train' holds object; numbers are"),
        ({"train": {"a": np.ones(12, bool)}}, "extra 'a' of split 'train' holds bool; numbers are needed"),
        ({"train": {"a": np.ones(12, complex)}}, "extra 'a' of split 'train' holds complex128; numbers are"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_nothing_written(recorder, extras, message):
    before = tree(recorder.path)
    good = {"train": {"good": CLUSTERS}} if "train" not in extras else {}
    with pytest.raises(InputError, match="^" + re.escape(message)):
        record(recorder, 0, {**good, **extras})
    assert tree(recorder.path) == before


def test_what_is_not_there_lists_what_is(recorder):
    record(recorder, 1, {"train": {"mu": CLUSTERS, "cluster": CLUSTERS}})
    record(recorder, 3, {"train": {"cluster": CLUSTERS}})
    run = recorder.run
    with pytest.raises(InputError, match=r"^unknown extra of split 'train' 'a'; .*: cluster, mu$"):
        run.extra("train", "a", 1)
    with pytest.raises(InputError, match=r"^unknown epoch of extra 'cluster' '2'; choose one of: 1, 3$"):
        run.extra("train", "cluster", 2)
    with pytest.raises(InputError, match=r"'mu' '3'; choose one of: 1$"):
        run.extra("train", "mu", 3)
    for ask in (lambda: run.extra("val", "mu", 1), lambda: run.extra_epochs("val")):
        with pytest.raises(InputError, match=r"^run 'run': unknown split 'val'; choose one of: train, test$"):
            ask()


def test_a_broken_file_is_refused_with_its_name(recorder):
    record(recorder, 0, {"train": {"cluster": CLUSTERS}})
    file = recorder.path / "splits/train/extra/cluster-0000.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-8])
    with pytest.raises(InputError, match=r"cluster-0000\.npy: truncated"):
        recorder.run.extra("train", "cluster", 0)
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"cluster-0000\.npy: not a \.npy array"):
        recorder.run.extra("train", "cluster", 0)
    for array, shape in ((CLUSTERS[:5], r"\[5\]"), (np.array(3), r"\[\]")):
        np.save(file, array)
        with pytest.raises(InputError, match=rf"cluster-0000\.npy has shape {shape}, but .* has 12 items"):
            recorder.run.extra("train", "cluster", 0)


def run_with(path, extras, **options):
    return Recorder(path, labels={"test": np.arange(4) % 2}, extras=extras, **options)


def test_extras_of_the_run(tmp_path):
    meta = np.arange(6).reshape(2, 3)
    run = run_with(tmp_path / "run", {"meta": meta, "level": np.ones(2)}).run
    np.testing.assert_array_equal(run.run_extra("meta"), meta)
    assert mapped(run.run_extra("meta"))
    assert run.run_extra_names() == ["level", "meta"]
    with pytest.raises(InputError, match=r"^unknown extra of the run 'other'; choose one of: level, meta$"):
        run.run_extra("other")
    with pytest.raises(InputError, match=r"^unknown extra of the run '\.\./run'"):
        run.run_extra("../run")
    again = run_with(tmp_path / "run", {"meta": meta + 1}).run  # nothing is recorded: it is begun anew
    np.testing.assert_array_equal(again.run_extra("meta"), meta + 1)
    with pytest.raises(InputError, match=r"^unknown extra of the run 'level'; choose one of: meta$"):
        again.run_extra("level")
    (tmp_path / "run/extra/meta.npy").write_bytes(b"x")
    with pytest.raises(InputError, match=r"extra/meta\.npy: not a \.npy array"):
        again.run_extra("meta")


def test_extras_of_the_run_stay_when_it_is_continued(tmp_path):
    recorder = run_with(tmp_path / "run", {"meta": np.arange(3)})
    recorder.record(0, {"test": np.eye(4)})
    before = tree(tmp_path / "run")
    run_with(tmp_path / "run", {"meta": np.arange(3)}, resume=True)
    assert tree(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"level": np.zeros(2), "a": np.full(2, np.nan)}, "extra 'a' holds NaN or infinity"),
        ({"level": np.zeros(2), "A": np.zeros(2)}, "extra 'A'; a name has small letters"),
        ({"level": np.zeros(2), "a": ["x"]}, "extra 'a' holds <U1; numbers are needed"),
    ],
)
def test_extras_that_a_run_cannot_have(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        run_with(tmp_path / "run", bad)
    assert not (tmp_path / "run").exists()


def test_a_recorder_killed_over_the_extras_of_a_run_is_begun_anew(tmp_path):
    folder = tmp_path / "run" / "extra"
    folder.mkdir(parents=True)
    (folder / ".meta.npy.7.partial").write_bytes(b"x")
    np.save(folder / "level.npy", np.ones(2))
    with pytest.raises(InputError, match="already exists"):  # level.npy may be anyone's
        run_with(tmp_path / "run", {"meta": np.arange(3)})
    (tmp_path / "run/checksums.sha256").write_text(f"{'0' * 64}  extra/level.npy\n")
    run = run_with(tmp_path / "run", {"meta": np.arange(3)}).run
    np.testing.assert_array_equal(run.run_extra("meta"), np.arange(3))
    assert [path.name for path in folder.iterdir()] == ["meta.npy"]
    (tmp_path / "mine" / "extra").mkdir(parents=True)
    (tmp_path / "mine" / "extra" / "thesis.docx").write_bytes(b"x")
    with pytest.raises(InputError, match="already exists"):
        run_with(tmp_path / "mine", {})
