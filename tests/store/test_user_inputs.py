from __future__ import annotations

import argparse
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from embedlens import InputError, Recorder, open_run

WORDS = ["owl", "ant", "owl", "ant"]
NAMES = {"0": "ant", "1": "owl"}


@dataclasses.dataclass
class Optimiser:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)


def recorded(path, labels, **options):
    with Recorder(path, labels=labels, **options):
        return open_run(path)


@pytest.mark.parametrize(
    "words", [WORDS, np.array(WORDS), np.array(WORDS, dtype="S"), np.array(WORDS, dtype=object), tuple(WORDS)]
)
def test_labels_that_are_text_are_numbered(tmp_path, words):
    run = recorded(tmp_path / "run", {"test": words, "train": ["owl", "owl"]})
    assert run.labels("test").tolist() == [1, 0, 1, 0]
    assert run.labels("train").tolist() == [1, 1]
    assert run.info.class_names == NAMES
    Recorder(tmp_path / "run", labels={"test": words, "train": ["owl", "owl"]}, resume=True).close()


@pytest.mark.parametrize(
    "names",
    [["ant", "owl"], {0: "ant", 1: "owl"}, {"0": "ant", "1": "owl"}, {"ant": 0, "owl": np.int64(1)},
     {"test": ["ant", "owl"]}, np.array(["ant", "owl"])],
)  # fmt: skip
def test_class_names_in_every_form(tmp_path, names):
    assert recorded(tmp_path / "run", {"test": [1, 0]}, class_names=names).info.class_names == NAMES
    words = recorded(tmp_path / "words", {"test": ["owl", "ant"]}, class_names=names)
    assert words.labels("test").tolist() == [1, 0]


def test_a_method_of_a_namespace_or_a_dataclass(tmp_path):
    given = argparse.Namespace(loss="triplet", optimiser=Optimiser(), data=SimpleNamespace(size=3))
    run = recorded(tmp_path / "run", {"test": [1, 0]}, method=given)
    optimiser = {"lr": 0.1, "betas": [0.9, 0.99]}
    assert run.method == {"loss": "triplet", "optimiser": optimiser, "data": {"size": 3}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": "ant"}, "class_names are str; a list"),
        ({"class_names": {"ant": "owl"}}, "class_names have the label 'ant'"),
        ({"class_names": {"ant": 0, "owl": 0}}, "give label 0 to 'ant' and to 'owl'"),
        ({"class_names": [None]}, "the name of label '?0'? is NoneType"),
        ({"class_names": ["ant"], "labels": {"test": ["owl"]}}, "'owl' is not among the class_names"),
        ({"items": {"test": ["a", "b"]}}, "items are list; a dict of columns"),
        ({"items": ["a", "b"]}, "items are list; a dict by split"),
        ({"items": {"test": {"path": "ab"}}}, "items column 'path' is str"),
        ({"method": 3}, "method is int; a dict, a namespace or a dataclass"),
        ({"labels": {"a" * 1_000: [0, 1]}}, "has 1,000 letters; 200 is the most"),
        ({"labels": {"a b" * 1_000: [0, 1]}}, "cannot be a folder"),
        ({"labels": {"test": np.array([b"\xff"])}}, "byte strings that are not UTF-8"),
        ({"labels": {3: [0, 1]}}, "split name '3' cannot be a folder"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(tmp_path, options, message):
    with pytest.raises(InputError, match=message) as caught:
        Recorder(tmp_path / "run", **{"labels": {"test": [0, 1]}, **options})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert not (tmp_path / "run").exists()
