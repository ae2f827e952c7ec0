"""Every result of an analysis has a short representation."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import embedlens.analysis
from embedlens.analysis.results import Result
from embedlens.analysis.triplets import nearest_triplets, summarise


def _results():
    for info in pkgutil.iter_modules(embedlens.analysis.__path__, "embedlens.analysis."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if inspect.isclass(value) and dataclasses.is_dataclass(value) and value.__module__ == info.name:
                yield value


WITH_ARRAYS = [
    kind for kind in _results() if any("NDArray" in str(field.type) for field in dataclasses.fields(kind))
]


def test_there_are_results():
    assert len(WITH_ARRAYS) > 30


@pytest.mark.parametrize("kind", WITH_ARRAYS, ids=lambda kind: kind.__name__)
def test_never_prints_its_arrays(kind):
    """Whatever the fields hold, the text has one line of at most 170 letters and no entry of an array."""
    assert issubclass(kind, Result)
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(made, field.name, np.full((4321, 7), 0.123456))
    text = repr(made)
    assert text.startswith(f"{kind.__name__}(")
    assert "\n" not in text
    assert len(text) <= 170
    assert "float64[4321, 7]" in text
    assert "0.12" not in text


def test_shapes_and_main_numbers():
    z = np.random.default_rng(0).normal(size=(40, 5))
    result = nearest_triplets(z, np.arange(40) % 4)
    assert "s_ap=float64[40]" in repr(result)
    assert "'nearest'" in repr(result)
    numbers = summarise(result)
    assert f"below_diagonal={numbers.below_diagonal:.4g}" in repr(numbers)
    assert "n=40" in repr(numbers)
