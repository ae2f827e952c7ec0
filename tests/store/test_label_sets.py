"""Runs whose items have sets of labels: version 2 of the format."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from mutations import damage

import embedlens
from embedlens import InputError, LabelSets
from embedlens.store.integrity import verify

FIXTURE = Path(__file__).parent.parent / "fixtures" / "run-v2"
SETS = [{"cat", "dog"}, {"dog"}, set(), {"bird", "cat"}]
TABLE = np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]])
NAMES = ["bird", "cat", "dog"]
NUMBERS = [[1, 2], [2], [], [0, 1]]
Z = np.eye(4, dtype=np.float32)


def recorded(path, labels, **options):
    with embedlens.Recorder(path, labels=labels, **options) as recorder:
        recorder.record(0, dict.fromkeys(labels, Z))
    return embedlens.open_run(path)


def test_the_fixture_of_version_2_opens_for_ever():
    run = embedlens.open_run(FIXTURE)
    assert (run.info.version, run.splits, run.epochs()) == (2, ("test",), [0, 1])
    assert run.label_sets("test").lists() == [[1, 2], [1], [], [0, 2]]
    assert run.class_names == {0: "blue", 1: "red", 2: "round"}
    assert run.snapshot("test", 1).embeddings.tolist() == [[3, 2], [2, 3], [2, 2], [2, 2]]
    assert not verify(run).damaged


@pytest.mark.parametrize(
    "labels",
    [
        SETS, [sorted(one) for one in SETS], [tuple(one) for one in SETS], [frozenset(one) for one in SETS],
        [{text.encode() for text in one} for one in SETS], NUMBERS, [np.array(row, int) for row in NUMBERS],
        np.array([np.array(row, int) for row in NUMBERS], dtype=object), TABLE, TABLE.astype(bool),
        TABLE.astype(np.float32), torch.from_numpy(TABLE), sp.csr_matrix(TABLE), sp.coo_array(TABLE),
        LabelSets.of_lists(NUMBERS),
    ],
)  # fmt: skip
def test_every_form_of_label_sets_is_stored_alike(tmp_path, labels):
    run = recorded(tmp_path / "run", {"test": labels}, class_names=NAMES)
    document = json.loads((tmp_path / "run/run.json").read_text())
    assert document["version"] == 2
    assert not (tmp_path / "run/splits/test/labels.npy").exists()
    with np.load(tmp_path / "run/splits/test/labels.npz") as stored:
        assert stored["indptr"].tolist() == [0, 2, 3, 3, 5]
        assert stored["indices"].tolist() == [1, 2, 2, 0, 1]
    assert run.is_multi_label
    assert run.label_sets("test").lists() == NUMBERS
    assert run.class_names == dict(enumerate(NAMES))
    assert "test 4 items of 3 classes" in repr(run)
    assert repr(run.snapshot("test")).startswith("Snapshot(classes=3")
    assert not verify(run).damaged
    assert not verify(run).unlisted


def test_texts_are_numbered_alike_in_all_splits_without_class_names(tmp_path):
    run = recorded(tmp_path / "run", {"train": SETS, "test": [{"ant"}, {"dog"}, {"ant", "cat"}, {"emu"}]})
    assert run.class_names == dict(enumerate(["ant", "bird", "cat", "dog", "emu"]))
    assert run.label_sets("test").lists() == [[0], [3], [0, 2], [4]]


def test_a_split_of_single_labels_beside_one_of_sets_has_sets_of_one(tmp_path):
    run = recorded(tmp_path / "run", {"train": [3, 1, 1, 0], "test": NUMBERS})
    assert run.label_sets("train").lists() == [[3], [1], [1], [0]]
    assert run.info.version == 2


def test_one_hot_tables_and_single_labels_stay_version_1(tmp_path):
    one_hot = recorded(tmp_path / "one", {"test": np.eye(4)[[2, 0, 0, 3]]})
    plain = recorded(tmp_path / "two", {"test": [2, 0, 0, 3]})
    for run in (one_hot, plain):
        assert run.info.version == json.loads((run.path / "run.json").read_text())["version"] == 1
        assert run.labels("test").tolist() == [2, 0, 0, 3]
        assert run.label_sets("test").lists() == [[2], [0], [0], [3]]
        assert not run.is_multi_label
    assert one_hot.info.splits == plain.info.splits


def test_single_labels_are_refused_wherever_they_are_asked_for(tmp_path):
    run = recorded(tmp_path / "run", {"test": SETS})
    for read in (lambda: run.labels("test"), lambda: run.snapshot("test").labels):
        with pytest.raises(InputError, match=r"run 'run', split 'test'.*sets of labels \(multi-label\)"):
            read()
    assert run.targets("test") == run.snapshot("test").targets == run.label_sets("test")


def test_a_run_resumes_with_the_same_sets_alone(tmp_path):
    recorded(tmp_path / "run", {"test": SETS})
    with embedlens.Recorder(tmp_path / "run", labels={"test": SETS}, resume=True) as recorder:
        recorder.record(1, {"test": Z})
    other = [{"cat"}, *SETS[1:]]
    with pytest.raises(InputError, match="recorded for other items or labels"):
        embedlens.Recorder(tmp_path / "run", labels={"test": other}, class_names=NAMES, resume=True)
    assert embedlens.open_run(tmp_path / "run").epochs() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([{1}, 2, set(), {3}], "the labels of row 1 are 2; where some items have a set of labels"),
        ([[1, 1], [2], [3], [4]], "row 0 has label 1 twice"),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], "every item has the list of 0 and 1"),
        ([[0, 1, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]], r"row 0 has label 1 twice.*numpy.asarray"),
        ([{"a"}, {1}, {2}, {"b"}], "labels are texts in some sets and integers in others"),
        ([{-1}, {1}, {2}, {3}], "row 0 has label -1; integers from 0, or texts, are needed"),
        ([{1.5}, {1}, {2}, {3}], "row 0 has label 1.5"),
        ([{""}, {"a"}, {"b"}, {"c"}], "row 0 has label ''"),
        ([set()] * 4, "no item has a label"),
        (sp.csr_matrix(2 * TABLE), "holds other numbers than 0 and 1"),
        (
            TABLE * 0.5,
            r"'test': labels have shape \(4, 3\) and hold other numbers than 0 and 1; .* a set for each",
        ),
        (2 * TABLE - 1, r"labels have shape \(4, 3\) and hold other numbers than 0 and 1"),
        ([[1], [2], [3], [4]], r"labels have shape \(4, 1\)"),
    ],
)
def test_wrong_label_sets_are_refused_by_name(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        embedlens.Recorder(tmp_path / "run", labels={"test": labels})
    assert not (tmp_path / "run").exists()


def test_a_set_with_a_label_without_a_class_name_is_refused(tmp_path):
    with pytest.raises(InputError, match="label 'dog' is not among the class_names"):
        embedlens.Recorder(tmp_path / "run", labels={"test": SETS}, class_names=["bird", "cat"])


def _archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _compressed():
    stream = io.BytesIO()
    np.savez_compressed(stream, indptr=np.array([0, 1, 1, 1, 1]), indices=np.array([0]))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a damaged .npz archive"),
        (b"PK\x03\x04 and no more", "a damaged .npz archive"),
        (_archive(indptr=np.arange(5)), "has no array 'indices', it has indptr.npy"),
        (_archive(indptr=np.arange(5), indices=np.arange(4.0)), "indices is float64"),
        (_archive(indptr=np.arange(5), indices=np.zeros((2, 2), int)), "indices is int64 of shape"),
        (_archive(indptr=np.array([0, 9, 1, 2, 4]), indices=np.arange(4)), "indptr must ascend"),
        (_archive(indptr=np.array([0, 2, 2, 2, 2]), indices=np.array([1, 0])), "do not ascend"),
        (_archive(indptr=np.arange(5), indices=np.array([0, 1, 2, 9])), "not those that run.json was"),
        (_archive(indptr=np.arange(4), indices=np.arange(3)), "not those that run.json was"),
        (_archive(indptr=np.arange(5), indices=np.array([None] * 4)), "an array of Python objects"),
        (_compressed(), "labels.npz is compressed"),
        (b"PK\x03\x04" + bytes(400_000), "has more than 327,680 bytes"),
    ],
)
def test_damaged_files_of_label_sets_are_refused(tmp_path, content, message):
    run = recorded(tmp_path / "run", {"test": SETS})
    (run.path / "splits/test/labels.npz").write_bytes(content)
    with pytest.raises(InputError, match=message):
        run.targets("test")
    assert list(verify(run).damaged) == ["splits/test/labels.npz"]


def test_random_damage_ends_in_an_error_of_one_line_or_in_the_same_labels(tmp_path):
    random = np.random.default_rng(0)
    run = recorded(tmp_path / "run", {"test": SETS})
    file = run.path / "splits/test/labels.npz"
    content = file.read_bytes()
    refused = 0
    for _ in range(150):
        damage(file, random)
        fault = ""
        try:
            assert run.targets("test").lists() == NUMBERS
        except InputError as error:
            fault = str(error)
        refused += bool(fault)
        assert "\n" not in fault
        if file.is_dir():
            file.rmdir()
        file.unlink(missing_ok=True)
        file.write_bytes(content)
    assert refused > 100


def test_equal_sets_give_equal_bytes(tmp_path):
    runs = [recorded(tmp_path / name, {"test": SETS}) for name in "ab"]
    one, other = ((run.path / "splits/test/labels.npz").read_bytes() for run in runs)
    assert one == other
    assert zipfile.ZipFile(runs[0].path / "splits/test/labels.npz").testzip() is None


def test_an_unfinished_attempt_to_record_sets_is_cleared(tmp_path, monkeypatch):
    from embedlens.store import format as layout

    def full(*_given):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(layout, "write_info", full)
        with pytest.raises(OSError, match="No space left"):
            embedlens.Recorder(tmp_path / "run", labels={"test": SETS})
    assert not list((tmp_path).rglob("labels.npz"))
    assert recorded(tmp_path / "run", {"test": SETS}).epochs() == [0]
