"""Rows of scores: means over runs, the flat table, numbers by place, and the best of several."""

from __future__ import annotations

import math
import statistics

import pytest

from embedlens.analysis.experiments import RunScores, compare
from embedlens.experiments.comparison import mean_rows as compared_rows
from embedlens.experiments.score_rows import ScoreRow, best, mean_rows, summary


def rows(values, *, split="test", part=""):
    return [ScoreRow(name, split, 3, {"nmi": x, "n": 8}, part=part) for name, x in values.items()]


def test_means_are_of_groups_whose_runs_all_have_a_row():
    several = rows({"a0": 0.2, "a1": 0.6, "b0": 0.1})
    (mean,) = mean_rows(several, {"a": ["a0", "a1"], "b": ["b0", "b1"]})
    assert (mean.run, mean.seeds, mean.members) == ("a", 2, ("a0", "a1"))
    assert mean.values == {"nmi": pytest.approx(0.4), "n": 8}
    assert mean.spread == {"nmi": pytest.approx(statistics.stdev([0.2, 0.6]))}
    assert mean.record["nmi_std"] == mean.spread["nmi"]
    assert "n_std" not in mean.record
    assert mean.without("nmi").values == {"n": 8}


def test_what_is_not_finite_is_in_no_mean_and_counted():
    (mean,) = mean_rows(rows({"a0": 0.2, "a1": math.nan}), {"a": ["a0", "a1"]})
    assert mean.values["nmi"] == 0.2
    assert mean.missing == {"nmi": (1, 2)}
    assert mean.record["nmi_missing"] == 1
    assert mean.numbers["nmi"]["missing"] == 1
    assert mean.numbers["n"] == {"mean": 8, "std": 0.0, "seeds": 2}


def test_numbers_of_slices_stand_beside_those_of_the_whole():
    parts = [one for part in ("1/3", "1-2/3", "1-3/3") for one in rows({"a": len(part) / 10}, part=part)]
    place = summary([*parts, *rows({"a": 0.9}, split="train")])["a"]
    assert place["test"]["3"]["nmi"] == 0.5  # all slices side by side are the embedding
    assert list(place["test"]["3"]["slices"]) == ["1/3", "1-2/3", "1-3/3"]
    assert place["train"] == {"3": {"nmi": 0.9, "n": 8}}


def test_the_best_are_equal_as_printed_and_at_one_place():
    several = rows({"a": 0.5004, "b": 0.5, "c": 0.499, "d": math.inf})
    assert best(several, "nmi", digits=3) == several[:2]
    assert best(several, "nmi", digits=4) == several[:1]
    assert best([*several, *rows({"a": 0.1}, split="train")], "nmi", digits=3) == []
    assert best(several[:1], "nmi", digits=3) == []


def test_rows_of_a_comparison_are_its_means_over_seeds():
    table = {"ep": [0.5, 0.7], "ms": [0.4], "failed": []}
    result = compare(
        RunScores(name, "loss", seed, {"nmi": value}, name == "ep")
        for name, values in table.items()
        for seed, value in enumerate(values)
    )
    first, second = compared_rows(result, split="test", epochs={"ep": 4, "ms": 4})
    assert (first.run, first.split, first.epoch) == ("ep", "test", 4)
    assert first.values["nmi"] == pytest.approx(0.6)
    assert first.spread["nmi"] == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert second.spread == {}  # of one seed
    assert not first.seeds
    numbers = result.by_name()
    assert numbers["ms"]["seeds"] == 1
    assert numbers["ms"]["nmi"]["gain"] == pytest.approx(-0.1)
    assert math.isnan(numbers["ep"]["nmi"]["gain"])
