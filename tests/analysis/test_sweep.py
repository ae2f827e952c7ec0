from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.sweep import Record, summarise

NAN = float("nan")


def grid(losses=("ep", "epshn"), rates=(1e-3, 1e-4), dims=(8, 4), seeds=(0, 1, 2), seed=0):
    random = np.random.default_rng(seed)
    return [
        Record(loss, lr, dim, number, random.uniform())
        for number in seeds
        for loss in losses
        for lr in rates
        for dim in dims
    ]


def test_mean_and_spread_are_those_of_plain_statistics():
    records = grid()
    columns = summarise(records).columns()
    assert list(columns) == ["loss", "lr", "dim", "mean", "deviation", "n", "n_failed"]
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    assert [row[:3] for row in rows] == [
        (loss, lr, dim) for loss in ("ep", "epshn") for dim in (4, 8) for lr in (1e-4, 1e-3)
    ]
    for loss, lr, dim, mean, deviation, n, n_failed in rows:
        values = [r.value for r in records if (r.loss, r.lr, r.dim) == (loss, lr, dim)]
        assert mean == pytest.approx(statistics.mean(values), abs=1e-15)
        assert deviation == pytest.approx(statistics.stdev(values), abs=1e-15)
        assert (n, n_failed) == (3, 0)


def test_what_failed_is_counted_and_left_out():
    records = [
        Record("ep", 0.1, 8, 0, 0.5), Record("ep", 0.1, 8, 1, NAN), Record("ep", 0.1, 8, 2, math.inf),
        Record("ep", 0.2, 8, 0, NAN),
    ]  # fmt: skip
    result = summarise(records)
    assert result.n.tolist() == [1, 0]
    assert result.n_failed.tolist() == [2, 1]
    np.testing.assert_array_equal(result.mean, [0.5, NAN])
    np.testing.assert_array_equal(result.deviation, [NAN, NAN])


@pytest.mark.parametrize(
    ("rates", "dims", "axis"),
    [((0.1, 0.2), (8,), "lr"), ((0.1, 0.2), (8, 4), "lr"), ((0.1,), (8, 4), "dim"), ((0.1,), (8,), "loss")],
)
def test_the_axis_is_what_varies(rates, dims, axis):
    result = summarise(grid(rates=rates, dims=dims))
    assert result.axis == axis
    assert result.dims == sorted(dims)
    assert result.losses == ["ep", "epshn"]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 100))
def test_the_order_of_the_runs_and_the_names_of_the_seeds_do_not_matter(shuffler, shift):
    records = grid()
    moved = [Record(r.loss, r.lr, r.dim, r.seed + shift, r.value) for r in records]
    first = moved[0]  # the order of the losses is that of the records
    rest = moved[1:]
    shuffler.shuffle(rest)
    one = summarise(records)
    other = summarise([first, *(r for r in rest if r.loss == "ep"), *(r for r in rest if r.loss != "ep")])
    for name, column in one.columns().items():
        if name in ("mean", "deviation"):
            np.testing.assert_allclose(other.columns()[name], column, atol=1e-14)
        else:
            np.testing.assert_array_equal(other.columns()[name], column)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no run to compare"),
        ([Record("ep", 0.1, 8, 0, 1.0)] * 2, "loss 'ep', lr 0.1, dim 8, seed 0 is there twice"),
        ([Record("ep", 0.0, 8, 0, 1.0)], "lr 0.0, dim 8, seed 0; a learning rate above 0"),
        ([Record("ep", NAN, 8, 0, 1.0)], "lr nan"),
        ([Record("ep", 0.1, 0, 0, 1.0)], "dim 0"),
    ],
)
def test_what_is_refused(records, message):
    with pytest.raises(InputError, match=message):
        summarise(records)
