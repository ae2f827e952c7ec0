from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.experiments.losses import ranked
from embedlens.analysis.experiments.sweep import Record, summarise

NAN = float("nan")


def grid(losses=("ep", "epshn"), rates=(1e-3, 1e-4), dims=(8, 4), seeds=(0, 1, 2), seed=0):
    random = np.random.default_rng(seed)
    return [
        Record(loss, lr, dim, number, random.uniform(), random.uniform(), random.uniform(1, 9), number == 1)
        for number in seeds
        for loss in losses
        for lr in rates
        for dim in dims
    ]


def test_mean_and_spread_are_those_of_plain_statistics():
    records = grid()
    columns = summarise(records).columns()
    assert list(columns) == [
        "loss", "lr", "dim", "mean", "deviation", "n", "n_failed", "initial", "gain", "effective_rank",
        "n_collapsed",
    ]  # fmt: skip
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    assert [row[:3] for row in rows] == [
        (loss, lr, dim) for loss in ("ep", "epshn") for dim in (4, 8) for lr in (1e-4, 1e-3)
    ]
    for loss, lr, dim, mean, deviation, n, n_failed, initial, gain, rank, n_collapsed in rows:
        own = [r for r in records if (r.loss, r.lr, r.dim) == (loss, lr, dim)]
        values = [r.value for r in own]
        assert initial == pytest.approx(statistics.mean(r.initial for r in own), abs=1e-15)
        assert gain == pytest.approx(statistics.mean(r.value - r.initial for r in own), abs=1e-15)
        assert rank == pytest.approx(statistics.mean(r.effective_rank for r in own), abs=1e-14)
        assert n_collapsed == 1
        assert mean == pytest.approx(statistics.mean(values), abs=1e-15)
        assert deviation == pytest.approx(statistics.stdev(values), abs=1e-15)
        assert (n, n_failed) == (3, 0)


def test_what_failed_is_counted_and_left_out():
    records = [
        Record("ep", 0.1, 8, 0, 0.5, 0.25), Record("ep", 0.1, 8, 1, NAN), Record("ep", 0.1, 8, 2, math.inf),
        Record("ep", 0.2, 8, 0, NAN, collapsed=True),
    ]  # fmt: skip
    result = summarise(records)
    assert result.n.tolist() == [1, 0]
    assert result.n_failed.tolist() == [2, 1]
    np.testing.assert_array_equal(result.mean, [0.5, NAN])
    np.testing.assert_array_equal(result.deviation, [NAN, NAN])
    np.testing.assert_array_equal(result.initial, [0.25, NAN])
    np.testing.assert_array_equal(result.gain, [0.25, NAN])
    np.testing.assert_array_equal(result.effective_rank, [NAN, NAN])
    assert result.n_collapsed.tolist() == [0, 0]


def test_a_mean_is_of_all_seeds_or_of_none():
    """A mean at epoch 0 over fewer seeds would make a gain between two sets of seeds."""
    records = [
        Record("ep", 0.1, 8, 0, 0.5, 0.25, 3.0), Record("ep", 0.1, 8, 1, 0.7, NAN, math.inf),
        Record("ep", 0.2, 8, 0, 0.5, 0.25, 3.0), Record("ep", 0.2, 8, 1, 0.7, 0.35, 5.0),
    ]  # fmt: skip
    result = summarise(records)
    np.testing.assert_allclose(result.mean, [0.6, 0.6])
    for name, whole in (("initial", 0.3), ("gain", 0.3), ("effective_rank", 4.0)):
        np.testing.assert_allclose(getattr(result, name), [NAN, whole])


@pytest.mark.parametrize(
    ("rates", "dims", "axis"),
    [((0.1, 0.2), (8,), "lr"), ((0.1, 0.2), (8, 4), "lr"), ((0.1,), (8, 4), "dim"), ((0.1,), (8,), "loss")],
)
def test_the_axis_is_what_varies(rates, dims, axis):
    result = summarise(grid(rates=rates, dims=dims))
    assert result.axis == axis
    assert result.dims == sorted(dims)
    assert result.losses == ["ep", "epshn"]


def test_rates_that_differ_from_loss_to_loss_alone_are_no_axis():
    one, other = grid(losses=("ep",), rates=(0.1,)), grid(losses=("hn",), rates=(0.2,))
    assert summarise(one + other).axis == "dim"
    records = [r for r in one + other if r.dim == 8]
    assert summarise(records).axis == "loss"
    assert summarise([*records, Record("hn", 0.3, 8, 0, 0.5)]).axis == "lr"


def test_losses_are_ranked_by_their_mean():
    values = {"ep": 0.5, "hn": NAN, "sct": 0.9, "nn": 0.7}
    records = [Record(loss, 0.1 + at, 8, 0, value, 0.4) for at, (loss, value) in enumerate(values.items())]
    result = ranked(summarise(records))
    assert result.losses == ["sct", "nn", "ep", "hn"]
    assert result.lr.tolist() == [2.1, 3.1, 0.1, 1.1]
    np.testing.assert_array_equal(result.mean, [0.9, 0.7, 0.5, NAN])
    np.testing.assert_array_equal(result.n_failed, [0, 0, 0, 1])
    with pytest.raises(InputError, match="a sweep over lr; losses are ranked where each has one"):
        ranked(summarise(grid()))


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 100))
def test_the_order_of_the_runs_and_the_names_of_the_seeds_do_not_matter(shuffler, shift):
    records = grid()
    moved = [replace(r, seed=r.seed + shift) for r in records]
    first = moved[0]  # the order of the losses is that of the records
    rest = moved[1:]
    shuffler.shuffle(rest)
    one = summarise(records)
    other = summarise([first, *(r for r in rest if r.loss == "ep"), *(r for r in rest if r.loss != "ep")])
    for name, column in one.columns().items():
        if name in ("mean", "deviation", "initial", "gain", "effective_rank"):
            np.testing.assert_allclose(other.columns()[name], column, atol=1e-14)
        else:
            np.testing.assert_array_equal(other.columns()[name], column)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no run to compare"),
        ([Record("ep", 0.1, 8, 0, 1.0)] * 2, "loss 'ep', lr 0.1, dim 8, seed 0 is given twice"),
        ([Record("ep", 0.0, 8, 0, 1.0)], "lr 0.0, dim 8, seed 0; a learning rate above 0"),
        ([Record("ep", NAN, 8, 0, 1.0)], "lr nan"),
        ([Record("ep", 0.1, 0, 0, 1.0)], "dim 0"),
    ],
)
def test_what_is_refused(records, message):
    with pytest.raises(InputError, match=message):
        summarise(records)
