from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.experiments.curves import Band, Curve
from embedlens.analysis.experiments.monitoring import AllTriplets, check_monitors, fixed_batches, monitor
from embedlens.objectives import LOSSES, Loss, build_loss

NAN = math.nan


def curve(values, epochs=None, name="a"):
    epochs = range(len(values)) if epochs is None else epochs
    return Curve.of(name, "loss", epoch=list(epochs), x=[float(epoch) * 10 for epoch in epochs], value=values)


def test_a_curve_is_ordered_and_leaves_out_what_is_missing_at_its_ends():
    found = curve([NAN, 3.0, 2.0, math.inf], epochs=[0, 2, 1, 3])
    assert found.epoch.tolist() == [1, 2]
    assert found.x.tolist() == [10, 20]
    assert found.value.tolist() == [2, 3]
    assert found.final == 3
    assert math.isnan(curve([NAN, NAN]).final)


@pytest.mark.parametrize(
    ("present", "gaps"),
    [
        ([0, 1, 2, 4, 5], [3]),  # one missing
        ([0, 5, 10], []),  # taken every fifth epoch
        ([0, 5, 10, 20], list(range(11, 20))),  # ... and once not
        ([0, 5, 10, 12], []),  # ... and at the end
        ([3], []),
        ([2, 9], []),
    ],
)
def test_missing_values_are_gaps_unless_the_interval_is_the_usual_one(present, gaps):
    values = [float(epoch) if epoch in present else NAN for epoch in range(22)]
    found = curve(values)
    assert found.epoch[np.isnan(found.value)].tolist() == gaps
    assert found.columns()["epoch"].tolist() == present
    assert found.columns()["value"].tolist() == [float(epoch) for epoch in present]


def test_epochs_that_were_never_recorded_are_no_gaps():
    assert not np.isnan(curve([1.0, 2.0, 3.0, 4.0], epochs=[0, 1, 2, 20]).value).any()


def test_a_band_is_mean_and_sample_deviation():
    band = Band.of("g", [curve([1.0, 2.0, 5.0]), curve([3.0, 2.0, 9.0], name="b"), curve([5.0, 2.0, 1.0])])
    assert band.mean.tolist() == [3, 2, 5]
    np.testing.assert_allclose(band.deviation, [2, 0, 4])
    assert band.runs == ("a", "b", "a")
    assert band.final == pytest.approx((5, 4))
    assert set(band.columns()) == {"epoch", "x", "mean", "deviation"}


def test_a_band_is_of_the_same_runs_everywhere():
    band = Band.of("g", [curve([1.0, 2.0, 3.0, 4.0, 5.0]), curve([3.0, NAN, 5.0, 6.0], name="b")])
    assert band.epoch.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(band.mean, [2, NAN, 4, 5])
    assert band.columns()["epoch"].tolist() == [0, 2, 3]
    assert band.final[0] == 5


def test_a_band_of_seconds_stands_at_their_mean():
    one = Curve.of("a", "m", epoch=[0, 1], x=[0, 10.0], value=[1, 2])
    other = Curve.of("b", "m", epoch=[0, 1], x=[0, 20.0], value=[1, 2])
    assert Band.of("g", [one, other]).x.tolist() == [0, 15]


def test_what_has_no_band():
    with pytest.raises(InputError, match="'g' has 1 runs; a standard deviation needs two or more"):
        Band.of("g", [curve([1.0])])
    with pytest.raises(InputError, match="'g' have no epoch in common at which loss was taken"):
        Band.of("g", [curve([1.0, 2.0]), curve([1.0], epochs=[7])])


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=9),
    classes=st.integers(2, 6),
    items=st.integers(2, 5),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_batches_hold_p_classes_of_k_different_items(sizes, classes, items, seed):
    if sum(size > 1 for size in sizes) < 2:
        return
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)) * 7, sizes))
    batches = fixed_batches(y, count=3, classes=classes, items=items, seed=seed)
    assert len(batches.rows) == 3
    assert batches.classes == min(classes, sum(size > 1 for size in sizes))
    for rows in batches.rows:
        assert len(set(rows.tolist())) == rows.size
        found, counts = np.unique(y[rows], return_counts=True)
        assert found.size == batches.classes
        assert counts.tolist() == [min(items, (y == label).sum()) for label in found]
        assert counts.min() > 1


def test_batches_depend_on_labels_and_seed_alone():
    _, y = blobs(n=90, classes=9)
    first, again = fixed_batches(y, seed=3), fixed_batches(y + 5, seed=3)
    for one, other in zip(first.rows, again.rows, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.rows[0], fixed_batches(y, seed=4).rows[0])
    assert not np.array_equal(first.rows[0], first.rows[1])
    assert (len(first.rows), first.classes, first.items, first.seed) == (32, 9, 4, 3)


def test_what_has_no_batches():
    with pytest.raises(InputError, match="0 batches of 16 classes with 4 items"):
        fixed_batches([0, 0, 1, 1], count=0)
    with pytest.raises(InputError, match="two classes of two items is the least"):
        fixed_batches([0, 0, 1, 1], classes=1)
    with pytest.raises(InputError, match="1 label has two items"):
        fixed_batches([0, 0, 1, 2])
    with pytest.raises(InputError, match="no label has two items"):
        fixed_batches([0, 1, 2])


def _triplet_by_loops(z, y, margin=0.2):
    z = z.astype(np.float64) / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
    terms = []
    for a in range(len(y)):
        for p in range(len(y)):
            for n in range(len(y)):
                if p != a and y[p] == y[a] and y[n] != y[a]:
                    d_ap, d_an = math.dist(z[a], z[p]), math.dist(z[a], z[n])
                    terms.append(max(0.0, d_ap - d_an + margin))
    return sum(terms) / len(terms)


def _n_pair_by_loops(z, y, l2=0.002):
    z = z.astype(np.float64)
    pairs = [np.flatnonzero(y == label) for label in np.unique(y)]
    total = 0.0
    for a, p in pairs:
        total += math.log(1 + sum(math.exp(z[a] @ z[q] - z[a] @ z[p]) for _, q in pairs if q != p))
    return total / len(pairs) + l2 * (z**2).sum(axis=1).mean()


def test_the_monitored_triplet_loss_is_that_of_plain_loops():
    z, y = blobs(n=40, classes=5, spread=2.0)
    batches = fixed_batches(y, count=3, classes=4, items=3)
    found = monitor(z, y, check_monitors(["triplet"])["triplet"], batches=batches)
    expected = [_triplet_by_loops(z[rows], y[rows]) for rows in batches.rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert AllTriplets()(torch.ones(3, 2), torch.zeros(3))[1] == {"loss": 0.0}


@pytest.mark.parametrize("normalize", [False, True])
def test_the_monitored_n_pair_loss_takes_embeddings_as_stored_or_normalised(normalize):
    z, y = blobs(n=40, classes=5, spread=0.7)
    batches = fixed_batches(y, count=3, classes=4, items=2)
    found = monitor(z, y, build_loss("n-pair-mc"), batches=batches, normalize=normalize)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True) if normalize else z
    pairs = []
    for rows in batches.rows:  # either item of a pair may be the anchor; the loss takes one of the two ways
        labels = y[rows]
        ways = (rows, rows.reshape(-1, 2)[:, ::-1].ravel())
        pairs.append([_n_pair_by_loops(unit[way], labels) for way in ways])
    for value, ways in zip(found, pairs, strict=True):
        assert min(abs(value - way) / way for way in ways) < 1e-4


def test_equal_losses_for_equal_embeddings_of_any_stored_kind(tmp_path):
    z, y = blobs(n=60)
    loss, batches = check_monitors(["epshn"])["epshn"], fixed_batches(y)
    np.save(tmp_path / "z.npy", z.astype(np.float16))
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    half = monitor(mapped, y, loss, batches=batches)
    np.testing.assert_array_equal(
        half, monitor(z.astype(np.float16).astype(np.float32), y, loss, batches=batches)
    )
    assert half.shape == (32,)


def test_a_loss_that_draws_is_the_same_every_time_and_torch_s_state_is_left_alone():
    class Drawing(Loss):
        def forward(self, z, labels):
            return z.sum(), {"loss": float(torch.rand(()))}

    z, y = blobs()
    before = torch.get_rng_state()
    first, again = (monitor(z, y, Drawing(), batches=fixed_batches(y)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(set(first.tolist())) == 32
    assert torch.equal(torch.get_rng_state(), before)


def test_losses_that_cannot_be_monitored(monkeypatch):
    class Learning(Loss):
        def __init__(self):
            super().__init__()
            self.proxies = torch.nn.Parameter(torch.ones(2))

        def forward(self, z, labels):
            return z.sum(), {"loss": 0.0}

    monkeypatch.setitem(LOSSES._entries, "learning", Learning)
    with pytest.raises(InputError, match="loss 'learning' learns parameters together with the network"):
        check_monitors(["learning"])
    with pytest.raises(InputError, match="unknown loss 'tripet'.*choose one of: angular, contrastive"):
        check_monitors(["tripet"])
    assert list(check_monitors(["triplet", "contrastive", "triplet"])) == ["triplet", "contrastive"]


def test_a_loss_that_overflows_is_refused():
    z, y = blobs()
    with pytest.raises(InputError, match="not finite on these embeddings"):
        monitor(z * 1e30, y, build_loss("n-pair-mc"), batches=fixed_batches(y, items=2))
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        monitor(z, y, build_loss("n-pair-mc"), batches=fixed_batches(y, items=2), device="tpu")


def taken(values):
    epochs = list(range(len(values)))
    there = [value is not None for value in values]
    numbers = [NAN if value is None else value for value in values]
    return Curve.of("a", "loss", epoch=epochs, x=epochs, value=numbers, taken=there)


def test_a_value_that_is_not_finite_breaks_the_line_wherever_it_stands():
    found = taken([1.0, None, NAN, None, 2.0, None, 3.0, math.inf])
    assert {2, 7} < set(found.epoch.tolist())
    assert np.isnan(found.value[np.isin(found.epoch, [2, 7])]).all()
    assert found.not_finite.tolist() == [2, 7]
    assert math.isnan(found.final)
    assert found.columns()["epoch"].tolist() == [0, 2, 4, 6, 7]
    nothing = taken([NAN, -math.inf])
    assert nothing.epoch.tolist() == nothing.not_finite.tolist() == [0, 1]
    assert np.isnan(nothing.value).all()


def test_a_band_breaks_where_one_of_its_runs_is_not_finite():
    band = Band.of("g", [taken([1.0, None, 3.0, None, 5.0, 6.0]), taken([3.0, None, NAN, None, 7.0, NAN])])
    assert band.not_finite.tolist() == [2, 5]
    assert band.epoch.tolist() == [0, 2, 4, 5]
    np.testing.assert_array_equal(band.mean, [2, NAN, 6, NAN])
    assert all(math.isnan(value) for value in band.final)
    assert np.isnan(Band.of("g", [taken([NAN, NAN]), taken([NAN, NAN])]).mean).all()


def test_monitored_losses_do_not_depend_on_the_number_of_threads():
    z, y = np.random.default_rng(0).normal(size=(600, 128)).astype(np.float32), np.arange(600) % 60
    drawn = fixed_batches(y, count=4, classes=40, items=8, seed=0)
    loss = check_monitors(["triplet"])["triplet"]
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(monitor(z, y, loss, batches=drawn))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
