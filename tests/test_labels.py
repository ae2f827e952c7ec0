from __future__ import annotations

import pytest

from embedlens import InputError
from embedlens.errors import InputWarning
from embedlens.labels import number_labels


def numbered(*texts):
    labels, names = number_labels({"test": texts})
    return labels["test"].tolist(), names


def test_whole_numbers_stand_as_they_are():
    assert numbered("10", "2", "1") == ([10, 2, 1], {})
    assert numbered("007", "-1") == ([7, -1], {7: "007"})
    texts = [f"{n}.0" for n in range(12)]
    assert numbered(*texts) == (list(range(12)), dict(enumerate(texts)))
    labels, names = number_labels({"train": ["1", "2"], "test": ["1.0", "3.0"]})
    assert (labels["train"].tolist(), labels["test"].tolist()) == ([1, 2], [1, 3])
    assert names == {3: "3.0"}


def test_names_are_numbered_in_sorted_order_and_kept():
    assert numbered("owl", "ant", "owl") == ([1, 0, 1], {0: "ant", 1: "owl"})


def test_other_numbers_are_numbered_in_numeric_order_with_a_warning():
    with pytest.warns(InputWarning, match="not whole"):
        assert numbered("10.5", "9.5") == ([1, 0], {0: "9.5", 1: "10.5"})
    big = ["12345678901234567891", "12345678901234567890"]
    with pytest.warns(InputWarning, match="numeric order"):
        assert numbered(*big)[0] == [1, 0]


def test_numbers_written_in_two_ways_are_refused():
    with pytest.raises(InputError, match="'01' and '1' are one number"):
        numbered("1", "01")
