from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.experiments.comparison import RunScores, compare

NAMES = ("a", "a + m", "b", "m")


def entries(values, seeds=(0, 1, 2)):
    """Scores by name and seed; None: the run failed."""
    groups = {"a": "a", "a + m": "a", "b": "b", "m": "own"}
    return [
        RunScores(name, groups[name], seed, {} if one is None else {"r": one, "nmi": 1 - one}, name in "ab")
        for seed in seeds
        for name, row in zip(NAMES, values, strict=True)
        for one in [row[seed]]
    ]


numbers = st.floats(0, 1, width=32)


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=4, max_size=4))
def test_means_deviations_and_gains_are_those_of_loops(values):
    result = compare(entries(values))
    assert result.names.tolist() == list(NAMES)
    assert result.metrics.tolist() == ["r", "nmi"]
    assert result.n.tolist() == [3] * 4
    for row, own in enumerate(values):
        assert result.mean[row, 0] == pytest.approx(statistics.mean(own), abs=1e-12)
        assert result.deviation[row, 0] == pytest.approx(statistics.stdev(own), abs=1e-7)
        assert result.mean[row, 1] == pytest.approx(1 - statistics.mean(own), abs=1e-12)
    gains = [one - other for one, other in zip(values[1], values[0], strict=True)]
    assert result.gain[1, 0] == pytest.approx(statistics.mean(gains), abs=1e-12)
    assert result.gain_deviation[1, 0] == pytest.approx(statistics.stdev(gains), abs=1e-7)
    assert np.isnan(result.gain[[0, 2, 3]]).all()
    assert result.plain.tolist() == [0, 0, 2, -1]


def test_runs_that_failed_are_left_out_of_means_and_pairs():
    result = compare(entries([[0.1, None, 0.3], [0.2, 0.9, 0.6], [None] * 3, [0.5, None, None]]))
    assert result.n.tolist() == [2, 3, 0, 1]
    np.testing.assert_allclose(result.mean[:, 0], [0.2, 1.7 / 3, np.nan, 0.5])
    assert result.gain[1, 0] == pytest.approx((0.1 + 0.3) / 2)  # of the seeds that both have
    assert np.isnan(result.deviation[[2, 3]]).all()


def test_a_score_that_is_not_finite_is_in_no_mean_and_counted():
    nan, inf = float("nan"), float("inf")
    result = compare(entries([[0.1, nan, 0.3], [0.2, 0.9, inf], [nan] * 3, [0.5, None, None]]))
    assert result.n.tolist() == [2, 2, 0, 1]
    table = {"r": [[0.1, nan, 0.3], [0.2, 0.9, 0.6]], "nmi": [[0.5, 0.6, nan], [0.7, nan, nan]]}
    given = [
        RunScores(name, "a", seed, {metric: table[metric][row][seed] for metric in table}, name == "a")
        for row, name in enumerate(("a", "a + m"))
        for seed in range(3)
    ]
    result = compare(given)
    assert result.n.tolist() == [3, 3]
    assert result.missing.tolist() == [[1, 1], [0, 2]]
    for row in range(2):
        for k, metric in enumerate(table):
            kept = [value for value in table[metric][row] if value == value]
            assert result.mean[row, k] == pytest.approx(statistics.mean(kept))
    pairs = [
        one - other for one, other in zip(*table["r"][::-1], strict=True) if one == one and other == other
    ]
    assert result.gain[1, 0] == pytest.approx(statistics.mean(pairs))
    assert result.n_gains.tolist() == [[0, 0], [2, 1]]


def test_the_columns_have_a_row_for_each_name_and_seed():
    columns = compare(entries([[0.1, 0.2, 0.3]] * 4)).columns()
    assert columns["name"].tolist() == [name for name in NAMES for _ in range(3)]
    assert columns["seed"].tolist() == [0, 1, 2] * 4
    assert columns["r"].tolist() == [0.1, 0.2, 0.3] * 4
    np.testing.assert_allclose(columns["r_mean"], 0.2)
    assert {len(column) for column in columns.values()} == {12}


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="^no run has scores; nothing can be compared$"):
        compare([RunScores("a", "a", 0, {})])
    with pytest.raises(InputError, match="^'a' has two runs of seed 0; one is compared$"):
        compare([RunScores("a", "a", 0, {"r": 1.0}), RunScores("a", "a", 0, {"r": 1.0})])
    with pytest.raises(InputError, match="^'b' has the scores nmi, not r$"):
        compare([RunScores("a", "a", 0, {"r": 1.0}), RunScores("b", "a", 0, {"nmi": 1.0})])
