from __future__ import annotations

import numpy as np
import pytest

from embedlens.analysis.retrieval.class_sizes import class_sizes


def sizes_of(sizes):
    return class_sizes(np.repeat(np.arange(len(sizes)), sizes))


def bars(sizes):
    found = sizes_of(sizes).histogram()
    assert sum(bar["classes"] for bar in found) == len(sizes)
    assert sum(bar["items"] for bar in found) == sum(sizes)
    return {(bar["from"], bar["to"]): bar["classes"] for bar in found}


SKEWED = [1] * 9 + [2] * 5 + [3, 3, 4, 5, 8, 9, 16, 17, 70]


def test_bars_of_class_sizes():
    assert bars([12, 16, 12, 500]) == {(12, 12): 2, (16, 16): 1, (500, 500): 1}
    assert bars(SKEWED) == {
        (1, 1): 9, (2, 2): 5, (3, 3): 2, (4, 4): 1,
        (5, 8): 2, (9, 16): 2, (17, 32): 1, (33, 64): 0, (65, 70): 1,
    }  # fmt: skip
    assert list(bars([6, *range(40, 49)])) == [(6, 8), (9, 16), (17, 32), (33, 48)]
    assert bars(range(20, 40)) == {
        (20, 22): 3, (23, 25): 3, (26, 28): 3, (29, 31): 3, (32, 34): 3, (35, 37): 3, (38, 39): 2
    }  # fmt: skip
    assert bars([1]) == {(1, 1): 1}


def test_numbers_of_class_sizes():
    found = sizes_of(SKEWED).summary()
    assert (found["least"], found["median"], found["largest"]) == (1, 2.0, 70)
    assert found["mean"] == pytest.approx(np.mean(SKEWED))
    assert sizes_of(SKEWED).n_singletons == 9
    two = class_sizes([7, -1, 7, 3, -1, 5])
    assert two.columns()["class"].tolist() == [-1, 3, 5, 7]
    assert two.columns()["items"].tolist() == [2, 1, 1, 2]
    assert (two.smallest, two.largest) == (1, 0)
