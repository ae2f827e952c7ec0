from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.differences import Hits
from embedlens.analysis.experiments.comparison import RunScores, compare
from embedlens.analysis.statistics import over_classes, over_seeds_and_classes

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


Y = np.arange(120) % 12
"""Classes of the anchors of a run."""


def right(rate, seed):
    """Flags of 120 anchors: a mean of `rate` is right, more in some classes than in others."""
    classes = np.random.default_rng(7).normal(scale=0.1, size=12)
    return np.random.default_rng(seed).random(120) < rate + classes[Y]


def with_hits(rates, seeds=(0, 1, 2), missing=()):
    """Scores and hits by name; `missing` are pairs of name and seed that failed."""
    groups = {"a": "a", "a + m": "a", "m": "own"}
    return [
        RunScores(
            name,
            groups[name],
            seed,
            {"recall_at_1": float(flags.mean())},
            name == "a",
            Hits(np.arange(120), Y, flags),
        )
        if (name, seed) not in missing
        else RunScores(name, groups[name], seed, {}, name == "a")
        for seed in seeds
        for number, (name, rate) in enumerate(rates.items())
        for flags in [right(rate, 10 * seed + number)]
    ]


@pytest.mark.parametrize(
    ("rate", "verdict"), [(0.9, "better"), (0.2, "worse"), (0.52, "undecided"), (0.5, "undecided")]
)
def test_the_difference_resamples_seeds_and_classes_in_pairs(rate, verdict):
    rates = {"a": 0.5, "a + m": rate, "m": 0.9}
    result = compare(with_hits(rates), resamples=300)
    flags = {name: [right(r, 10 * s + k) for s in range(3)] for k, (name, r) in enumerate(rates.items())}
    groups = [np.array(flags[name], float) for name in ("a", "a + m")]
    wanted = over_seeds_and_classes(*groups, Y, paired=True, resamples=300)
    assert result.differences == (None, wanted, None)
    assert result.baselines == ["", "a", ""]
    assert result.verdicts == ["", verdict, ""]
    loops = statistics.mean(
        float(new) - float(old)
        for s in range(3)
        for old, new in zip(flags["a"][s], flags["a + m"][s], strict=True)
    )
    assert result.differences[1].value == pytest.approx(loops)
    assert result.gain[1, 0] == pytest.approx(loops)
    numbers = result.by_name()
    assert numbers["a + m"]["difference"] == {"baseline": "a", "verdict": verdict, **wanted.summary()}
    assert "difference" not in numbers["a"]
    columns = result.columns()
    assert columns["baseline"].tolist() == [""] * 3 + ["a"] * 3 + [""] * 3
    assert columns["verdict"].tolist() == [""] * 3 + [verdict] * 3 + [""] * 3
    assert columns["difference_low"][3:6].tolist() == [wanted.low] * 3
    assert np.isnan(columns["difference"][[0, 8]]).all()


def test_only_seeds_that_both_have_are_in_the_difference_and_of_one_seed_classes_alone():
    rates = {"a": 0.5, "a + m": 0.6}
    result = compare(with_hits(rates, missing=[("a", 0), ("a + m", 2)]), resamples=50)
    change = right(0.6, 11).astype(float) - right(0.5, 10).astype(float)
    assert result.differences[1] == over_classes(change, Y, resamples=50)
    assert result.differences[1].n_seeds == 1
    none = compare(with_hits(rates, missing=[("a", seed) for seed in range(3)]))
    assert none.differences == (None, None)
    assert none.verdicts == ["", ""]
    assert none.baselines == ["", "a"]
    assert "verdict" not in none.columns()


def test_scores_without_hits_have_no_difference():
    result = compare(entries([[0.1, 0.2, 0.3]] * 4))
    assert result.differences == (None,) * 4
    assert result.verdicts == [""] * 4


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="^no run has scores; nothing can be compared$"):
        compare([RunScores("a", "a", 0, {})])
    with pytest.raises(InputError, match="^'a' has two runs of seed 0; one is compared$"):
        compare([RunScores("a", "a", 0, {"r": 1.0}), RunScores("a", "a", 0, {"r": 1.0})])
    with pytest.raises(InputError, match="^'b' has the scores nmi, not r$"):
        compare([RunScores("a", "a", 0, {"r": 1.0}), RunScores("b", "a", 0, {"nmi": 1.0})])
