"""What the integrations share, without any framework: joined classes, the start of a run, metrics."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys

import numpy as np
import pytest
import torch

from embedlens import InputError, integrations
from embedlens.errors import InputWarning
from embedlens.integrations.recording import (
    begun_run,
    check_given_labels,
    check_options,
    joined,
    labels_by_split,
    leads,
    pairs_by_split,
    plain_metrics,
)

LABELS = {"test": [0, 1]}
Z = {"test": np.eye(2, dtype=np.float32)}


class Framework:
    def __init__(self):
        self.ready = True

    def hook(self):
        return "framework"

    def other(self):
        return "framework"


class Own:
    def __new__(cls, *given, **options):
        return object.__new__(joined(cls, Framework))

    def __init__(self, name):
        super().__init__()
        self.name = name

    def hook(self):
        return "own"


class Derived(Own):
    def hook(self):
        return "derived"


@pytest.mark.parametrize(("kind", "answer"), [(Own, "own"), (Derived, "derived")])
def test_a_class_is_one_of_the_framework_when_it_is_used(kind, answer):
    made = kind("x")
    assert isinstance(made, kind)
    assert isinstance(made, Framework)
    assert (made.ready, made.hook(), made.other()) == (True, answer, "framework")
    assert type(made) is type(kind("y"))
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert type(again) is type(made)
        assert vars(again) == vars(made)


@pytest.mark.parametrize("name", [name for name in integrations.__all__ if name != "record_embeddings"])
def test_help_shows_the_arguments_of_a_class(name):
    parameters = inspect.signature(getattr(integrations, name)).parameters
    assert next(iter(parameters)) == "path"
    assert list(parameters)[-1] == "options"


def test_metrics_are_the_numbers_under_the_names_of_the_log():
    given = {
        "loss": torch.tensor(0.5, requires_grad=True), "learning_rate": np.float32(0.25), "n": np.array([2]),
        "name": "3", "confusion": np.eye(2), "many": torch.ones(3), "nothing": None, "epoch": 0.5, "step": 3,
    }  # fmt: skip
    assert plain_metrics(given) == {"loss": 0.5, "lr": 0.25, "n": 2.0}
    assert plain_metrics(None) == {}


def test_a_run_is_begun_once_and_continued_by_what_was_trained(tmp_path):
    path = tmp_path / "run"
    with begun_run(path, LABELS, {"method": {"loss": "none"}}) as recorder:
        for epoch in range(4):
            recorder.record(epoch, Z, step=10 * epoch)
    with pytest.raises(InputError, match="already exists; this training starts at epoch 0"):
        begun_run(path, LABELS, {})
    with begun_run(path, LABELS, {}, epoch=2) as recorder:
        assert recorder.run.epochs() == [0, 1, 2]
    with begun_run(path, LABELS, {}, step=15) as recorder:
        assert recorder.run.epochs() == [0, 1]
        assert recorder.run.method == {"loss": "none"}
    for start in ({"epoch": 0}, {"step": 0}):
        with begun_run(path, LABELS, {"resume": True}, **start) as recorder:  # from the start again
            assert recorder.run.epochs() == []
            recorder.record(0, Z, step=0)


def test_a_resumed_training_without_a_run_is_a_warning(tmp_path):
    with pytest.warns(InputWarning, match="the run has no epochs 0 to 2, since the training resumes"):
        begun_run(tmp_path / "a", LABELS, {}, epoch=2, step=20).close()
    with pytest.warns(InputWarning, match="the run has no epoch 0, since the training resumes"):
        begun_run(tmp_path / "b", LABELS, {}, step=20).close()


def test_a_path_with_another_recorder_and_a_folder_that_is_no_run(tmp_path):
    with begun_run(tmp_path / "run", LABELS, {}) as recorder:
        recorder.record(0, Z)
        with pytest.raises(InputError, match=r"other splits \(test\); give all splits .* to one recorder"):
            begun_run(tmp_path / "run", {"train": [0, 1]}, {})
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "ckpts" / "model.ckpt").touch()
    for options in ({}, {"resume": True}):
        with pytest.raises(InputError, match="ckpts already exists and is no run; choose another name"):
            begun_run(tmp_path / "ckpts", LABELS, options)


@pytest.mark.parametrize("labels", [np.arange(3), torch.arange(3), [0, 1]])
def test_labels_are_given_by_split(labels):
    kind = type(labels).__name__
    with pytest.raises(InputError, match=rf'labels is a {kind}; give labels for .* labels=\{{"test": y\}}'):
        labels_by_split(labels)
    with pytest.raises(InputError, match=f"labels is a {kind}"):
        integrations.MetricLearningHooks("x", {"test": Z["test"]}, labels)


def test_given_labels_are_of_known_splits_and_of_their_number():
    check_given_labels({"test": [0, 1]}, {"test": 2, "train": None})
    check_given_labels({"train": [0, 1]}, {"test": 2, "train": None})
    with pytest.raises(InputError, match="unknown split of labels 'tset'; did you mean 'test'"):
        check_given_labels({"tset": [0, 1]}, {"test": 2})
    with pytest.raises(
        InputError, match="split 'test': 2 labels for 9 items of the data set; give one label"
    ):
        check_given_labels({"test": [0, 1]}, {"test": 9})


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("TrainerEmbeddingCallback", "transformers", "transformers"),
        ("EmbeddingEvaluator", "sentence_transformers", "sentence-transformers"),
        ("KerasEmbeddingCallback", "keras", "keras"),
    ],
)
def test_a_missing_framework_is_named_with_its_extra(monkeypatch, tmp_path, name, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    message = rf"needs {library}; install it by: pip install 'embedlens\[{extra}\]'"
    with pytest.raises(InputError, match=message):
        getattr(integrations, name)(tmp_path / "run", {})


def test_leads_is_process_0_also_before_torch_distributed_begins(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert leads()
    monkeypatch.setenv("RANK", "1")
    assert not leads()


def test_options_of_the_recorder_are_checked_before_training():
    class Owner:
        def __init__(self, path, *, every=1, **options):
            pass

    check_options(Owner, {"class_names": ["a"]})
    for name, hint in (("evry", "every"), ("classnames", "class_names")):
        with pytest.raises(InputError, match=f"unknown argument '{name}'; did you mean '{hint}'"):
            check_options(Owner, {name: 1})


def test_labels_stand_in_the_pairs_of_a_class_without_labels_of_its_own():
    class Pairs:
        def __init__(self, path, data, **options):
            pass

    class Own(Pairs):
        def __init__(self, path, data, *, labels=None, **options):
            pass

    with pytest.raises(InputError, match=r"labels are given beside the inputs; give \(inputs, labels\)"):
        check_options(Pairs, {"labels": {"test": [1]}})
    check_options(Own, {"labels": {"test": [1]}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a"], r"texts is a list; give \(texts, labels\) for each split"),
        ({"test": ["a", "b", "c"]}, r"texts: split 'test' is no pair; give \(texts, labels\)"),
        ({"test": ["a", "b"]}, r"texts: split 'test' is no pair; give \(texts, labels\)"),
    ],
)
def test_pairs_of_inputs_and_labels(given, message):
    with pytest.raises(InputError, match=message):
        pairs_by_split(given, "texts", of="texts")
    assert pairs_by_split({"a": (["x"], [1])}, "texts", of="texts") == ({"a": ["x"]}, {"a": [1]})
