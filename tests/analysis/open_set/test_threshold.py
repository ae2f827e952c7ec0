"""Thresholds chosen on other queries than those they are judged on."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import choose, choose_halves, identify


def ranking(seed=0, n=200):
    z, y = blobs(n=n, dim=6, classes=10, spread=1.2, seed=seed)
    return rank_labels(z, y, new_label=3)


def test_a_threshold_of_other_queries_is_judged_on_these():
    one, other = ranking(), ranking(seed=1)
    sweep = one.sweep()
    alone, honest = choose(sweep), choose(sweep, other.sweep())
    assert alone.map_at_5 == sweep.map_at_5.max() == one.map_at_5(alone.thresholds[0])
    assert honest.thresholds == (other.sweep().best(),)
    assert honest.map_at_5 == one.map_at_5(honest.thresholds[0]) <= alone.map_at_5
    n_new = int(one.is_new.sum())
    parts = (honest.map_at_5_known * (200 - n_new) + honest.map_at_5_new * n_new) / 200
    assert parts == pytest.approx(honest.map_at_5)


def test_halves_are_two_choices():
    one = ranking()
    found = choose_halves(one, seed=4)
    assert list(found.summary())[:2] == ["threshold_1", "threshold_2"]
    assert found.map_at_5 <= choose(one.sweep()).map_at_5
    assert found.summary() == choose_halves(one, seed=4).summary()
    assert found.summary() != choose_halves(one, seed=5).summary()


def test_halves_of_two_kinds_of_queries_in_closed_form():
    """All known queries alike, and all new ones: any half knows the threshold of the other."""
    z = np.concatenate([np.repeat(np.eye(4), 4, axis=0), [[1, 1, 0, 0]] * 4])
    found = choose_halves(rank_labels(z, np.repeat(np.arange(5), 4), new_label=4))
    assert found.thresholds == pytest.approx([(1 + np.sqrt(0.5)) / 2] * 2)
    assert (found.map_at_5, found.map_at_5_known, found.map_at_5_new) == (1.0, 1.0, 1.0)


def test_one_new_query_makes_no_halves():
    z, y = blobs(n=31, dim=6, classes=5)
    with pytest.raises(InputError, match="1 new query"):
        choose_halves(rank_labels(z, np.append(y[:30], 9), new_label=9))


def test_an_identification_has_the_sweep_the_choice_and_what_new_nowhere_gives():
    one, two = ranking(), ranking(seed=1)
    expected = {
        choose(one.sweep()).thresholds: identify(one),
        choose(one.sweep(), two.sweep()).thresholds: identify(one, on=two),
        choose_halves(one, seed=3).thresholds: identify(one, halves=3),
    }
    for thresholds, found in expected.items():
        assert found.choice.thresholds == thresholds
        numbers = found.summary()
        assert numbers["best_map_at_5"] == one.sweep().map_at_5.max()
        assert numbers["map_at_5"] <= numbers["best_map_at_5"]
        assert numbers["map_at_5_never_new"] == one.map_at_5(None)
