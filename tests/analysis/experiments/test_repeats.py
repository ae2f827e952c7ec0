from __future__ import annotations

import math
import statistics

from embedlens.analysis.experiments.repeats import over_runs


def test_means_and_deviations_are_those_of_the_finite_values():
    scores = [{"nmi": 0.5, "loss": 2.0}, {"nmi": 0.7, "loss": math.nan}, {"nmi": 0.9, "loss": 4.0}]
    found = over_runs(scores)
    assert list(found) == ["nmi", "loss"]
    for name, values in (("nmi", [0.5, 0.7, 0.9]), ("loss", [2.0, 4.0])):
        assert math.isclose(found[name].mean, statistics.mean(values))
        assert math.isclose(found[name].deviation, statistics.stdev(values))
        assert (found[name].n, found[name].n_missing) == (3, 3 - len(values))


def test_only_scores_that_all_runs_have_are_averaged():
    assert list(over_runs([{"a": 1.0, "b": 1.0}, {"b": 2.0, "c": 1.0}])) == ["b"]
    assert over_runs([]) == {}


def test_one_value_has_no_deviation_and_none_no_mean():
    found = over_runs([{"a": 1.0, "b": math.inf}])
    assert found["a"].mean == 1.0
    assert math.isnan(found["a"].deviation)
    assert math.isnan(found["b"].mean)
    assert found["b"].n_missing == 1
