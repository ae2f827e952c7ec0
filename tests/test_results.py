"""Every result of an analysis has a short representation."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
import torch
from support import blobs

import embedlens
from embedlens.analysis.experiments import curves
from embedlens.analysis.retrieval import geometry, neighbours
from embedlens.analysis.triplets.nearest import nearest_triplets, summarise
from embedlens.results import Result
from embedlens.training.config import TrainConfig
from embedlens.training.datasets import load_dataset
from embedlens.training.samplers import SAMPLERS, build_sampler


def _modules():
    for info in pkgutil.walk_packages(embedlens.__path__, "embedlens."):
        yield importlib.import_module(info.name)


def _subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def _dataclasses():
    for module in _modules():
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and dataclasses.is_dataclass(value)
                and value.__module__ == module.__name__
            ):
                yield value


DATA = list(_dataclasses())
# A dataclass with slots is made twice; the first class of its name has no module that knows it.
RESULTS = sorted({*_subclasses(Result)} & {*DATA}, key=lambda kind: (kind.__module__, kind.__name__))
OWN = ("Artifacts", "Setting", "Stamp")  # what no function for users returns


def test_there_are_results():
    assert len(RESULTS) > 70
    assert {kind.__name__ for kind in _subclasses(Result)} == {kind.__name__ for kind in RESULTS}


def test_all_that_holds_arrays_or_results_is_a_result():
    """A dataclass of arrays, or of one text or number per item, has no long representation."""
    held = {"NDArray", *(kind.__name__ for kind in RESULTS)} - {"Path"}  # which pathlib has, too
    missing = [
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in DATA
        if kind.__dataclass_params__.repr and not kind.__name__.startswith("_") and kind.__name__ not in OWN
        and any(
            held & set(re.findall(r"\w+", str(field.type)))
            for field in dataclasses.fields(kind) if "Callable" not in str(field.type)
        )
    ]  # fmt: skip
    assert missing == []


HELD = [
    (np.full((4321, 7), 0.123456), "float64[4321, 7]"),
    (torch.full((4321, 7), 0.123456), "torch.float32[4321, 7]"),
    ([0.123456] * 4321, "list[4321]"),
    (dict.fromkeys(range(4321), "0.123456"), "dict[4321]"),
    ("0.123456" * 4321, "…"),
]


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_never_prints_what_it_holds(kind):
    """Whatever the fields hold, the text has one line of at most 170 letters and no entry of an array."""
    for value, shown in HELD:
        made = object.__new__(kind)
        for field in dataclasses.fields(kind):
            object.__setattr__(made, field.name, value)
        text = repr(made)
        assert text.startswith(f"{kind.__name__}(")
        assert "\n" not in text
        assert len(text) <= 170
        assert shown in text
        assert shown == "…" or "0.12" not in text


def test_a_snapshot_and_a_run_of_many_names(tmp_path):
    y = np.arange(500)
    names = {label: f"class {label}" for label in range(500)}
    with embedlens.Recorder(tmp_path / "run", labels={"test": y}, class_names=names) as recorder:
        recorder.record(0, {"test": np.ones((500, 3), np.float32)})
    assert repr(recorder.run.snapshot("test")) == (
        "Snapshot(classes=500, epoch=0, run='run', split='test', "
        "embeddings=float32[500, 3], targets=int64[500])"
    )
    assert len(repr(recorder.run.info)) <= 170


def test_shapes_and_main_numbers():
    z = np.random.default_rng(0).normal(size=(40, 5))
    result = nearest_triplets(z, np.arange(40) % 4)
    assert "s_ap=float64[40]" in repr(result)
    assert "'nearest'" in repr(result)
    numbers = summarise(result)
    assert f"below_diagonal={numbers.below_diagonal:.4g}" in repr(numbers)
    assert "n=40" in repr(numbers)


def test_few_numbers_and_texts_are_shown():
    scores = neighbours.retrieve(*blobs(60), neighbours.RetrievalOptions(ks=(1, 2)))
    assert f"recall={{1: {scores.recall[1]:.4g}, 2: {scores.recall[2]:.4g}}}" in repr(scores)
    band = curves.Band("band", "nmi", ("a", "b"), *[np.arange(4)] * 4)
    assert "runs=['a', 'b']" in repr(band)
    assert "runs=tuple[5]" in repr(dataclasses.replace(band, runs=tuple("abcde")))


def test_a_configuration_shows_what_differs_from_the_default():
    assert repr(TrainConfig()) == "TrainConfig(data='glyphs', loss='epshn')"
    config = TrainConfig(data="digits", dim=16, loss_options={"order": 2})
    assert repr(config) == "TrainConfig(data='digits', dim=16, loss='epshn', loss_options={'order': 2})"
    assert eval(repr(config)) == config  # noqa: S307


def test_data_sets_samplers_and_registries():
    data = load_dataset("digits")
    assert repr(data) == "ImageDataset(train 901 items of 5 classes, test 896 items of 5 classes)"
    sampler = build_sampler("pk", data.splits["train"].labels, classes=5, items=4, seed=0)
    assert repr(sampler) == "PKSampler(classes=5, items=4, steps=45)"
    assert repr(SAMPLERS) == "Registry('sampler': hard-class, n-pair, pk, tuplet)"


def test_numbers_of_numpy_are_shown_as_numbers():
    made = geometry.ClassDistances(np.float32(0.123456), np.int64(7), np.bool_(True), np.zeros(3))
    shown = "alignment=0.1235, pi_intra=7, pi_inter=True, pi_ratio=float64[3]"
    assert repr(made) == f"ClassDistances({shown})"
