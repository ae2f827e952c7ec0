from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.experiments.monitoring import fixed_batches
from embedlens.analysis.sampling.mining import STRATEGIES, NonzeroFraction, selected_negatives
from embedlens.objectives.miners import MINERS


def data(n=120, spread=0.9):
    z, y = blobs(n=n, dim=8, classes=6, spread=spread)
    return z, y, fixed_batches(y, count=5, classes=4, items=3)


def by_loops(z, y, batches):
    """Of every anchor, positive and negative of the batches: (batch, anchor, positive), d_ap, d_an."""
    rows = np.asarray(z, np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = []
    for number, batch in enumerate(batches.rows):
        for a in batch:
            for p in batch:
                for n in batch:
                    if a != p and y[a] == y[p] and y[a] != y[n]:
                        d_ap, d_an = (float(np.linalg.norm(rows[a] - rows[o])) for o in (p, n))
                        found.append(((number, a, p), d_ap, d_an))
    return found


def test_all_triplets_are_those_of_plain_loops():
    z, y, batches = data()
    loop = by_loops(z, y, batches)
    for margin in (0.1, 0.5):
        result = selected_negatives(z, y, "all", batches=batches, margin=margin)
        assert result.n == len(loop) == 5 * 12 * 2 * 9
        assert result.distances.mean == pytest.approx(np.mean([d for _, _, d in loop]))
        assert result.nonzero == np.mean([d_ap - d_an + margin > 0 for _, d_ap, d_an in loop])
        assert result.n_skipped == 0


def test_hard_picks_the_nearest_negative_of_every_positive_pair():
    z, y, batches = data()
    nearest = {}
    for key, d_ap, d_an in by_loops(z, y, batches):
        nearest[key] = min(nearest.get(key, (9.0, 0.0)), (d_an, d_ap))
    result = selected_negatives(z, y, "hard", batches=batches, margin=0.3)
    assert result.n == len(nearest)
    assert result.distances.mean == pytest.approx(np.mean([d for d, _ in nearest.values()]))
    assert result.nonzero == np.mean([d_ap - d_an + 0.3 > 0 for d_an, d_ap in nearest.values()])


def test_semi_hard_takes_the_margin_and_always_has_a_loss():
    z, y, batches = data()
    for margin in (0.1, 0.5):
        loop = [key for key, d_ap, d_an in by_loops(z, y, batches) if 0 < d_an - d_ap < margin]
        result = selected_negatives(z, y, "semi-hard", batches=batches, margin=margin)
        assert result.n == len(loop)
        assert result.nonzero == 1
        assert result.n_skipped == 5 * 12 * 2 - len(set(loop))


def test_random_negatives_have_the_mean_of_all_and_weighted_ones_are_nearer():
    z, y = blobs(n=600, dim=64, classes=30, spread=2.0)
    batches = fixed_batches(y, count=6, classes=16, items=4)
    mean = {
        name: selected_negatives(z, y, name, batches=batches).distances.mean for name in (*STRATEGIES, "all")
    }
    assert mean["random"] == pytest.approx(mean["all"], abs=0.02)
    assert mean["hard"] < mean["distance-weighted"] < mean["random"]


def test_every_strategy_is_known_and_those_of_the_package_are_too():
    z, y, batches = data()
    assert set(STRATEGIES) == set(MINERS.names()) - {"all"}
    for name in (*STRATEGIES, "pml:BatchHardMiner"):
        result = selected_negatives(z, y, name, batches=batches)
        assert result.mining == name
        assert 0 < result.n
        assert 0 <= result.nonzero <= 1


def test_draws_depend_on_the_seed_and_the_batch_alone():
    z, y, batches = data()
    torch.manual_seed(3)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first = selected_negatives(z, y, "random", batches=batches)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.manual_seed(4)
    np.testing.assert_array_equal(
        selected_negatives(z, y, "random", batches=batches).distances.count, first.distances.count
    )
    other = fixed_batches(y, count=5, classes=4, items=3, seed=1)
    assert (selected_negatives(z, y, "random", batches=other).distances.count != first.distances.count).any()


def test_only_the_rows_of_the_batches_are_read():
    z, y, batches = data()
    torn = z.copy()
    torn[np.setdiff1d(np.arange(len(z)), np.concatenate(batches.rows))] = np.nan
    assert np.isnan(torn).any()
    one, other = (
        selected_negatives(z, y, "hard", batches=batches),
        selected_negatives(torn, y, "hard", batches=batches),
    )
    assert one.distances.mean == other.distances.mean


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["all", "hard", "easy-positive"]))
def test_rotation_scaling_and_names_of_labels_do_not_matter(seed, mining):
    z, y, batches = data()
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(8, 8)))[0]
    moved = (z.astype(np.float64) * random.uniform(0.2, 5, size=(len(z), 1))) @ turn
    first = selected_negatives(z, y, mining, batches=batches)
    other = selected_negatives(moved, (y + 3) * 2**30, mining, batches=batches)
    assert other.n == first.n
    assert other.distances.mean == pytest.approx(first.distances.mean)
    assert other.nonzero == pytest.approx(first.nonzero, abs=2 / first.n)


def test_a_strategy_that_picks_nothing_has_no_mean():
    """Opposite classes: no negative is within reach of distance-weighted mining."""
    z, y = np.array([[1.0, 0], [1, 0.01], [-1, 0], [-1, 0.01]]), np.array([0, 0, 1, 1])
    result = selected_negatives(z, y, "distance-weighted", batches=fixed_batches(y, count=2))
    assert (result.n, result.n_skipped) == (0, 8)
    assert np.isnan(result.distances.mean)
    assert np.isnan(result.nonzero)
    share = NonzeroFraction.of({0: result})
    assert share.columns()["epoch"].size == 0


def test_shares_over_epochs_stand_in_their_order():
    z, y, batches = data()
    states = {2: z, 0: np.ones_like(z), 1: z + 5}
    shares = {
        epoch: selected_negatives(state, y, "random", batches=batches) for epoch, state in states.items()
    }
    result = NonzeroFraction.of(shares)
    assert result.mining == "random"
    np.testing.assert_array_equal(result.epoch, [0, 1, 2])
    np.testing.assert_array_equal(result.fraction, [shares[epoch].nonzero for epoch in range(3)])
    assert result.fraction[0] == 1
    assert result.fraction[2] < result.fraction[1]
    np.testing.assert_array_equal(result.columns()["share"], result.fraction)


def test_refused():
    z, y, batches = data()
    with pytest.raises(InputError, match="unknown mining 'hrad'"):
        selected_negatives(z, y, "hrad", batches=batches)
    for margin in (0, -1, 2.1, float("inf")):
        with pytest.raises(InputError, match="margin is"):
            selected_negatives(z, y, "hard", batches=batches, margin=margin)
    with pytest.raises(InputError, match="NaN"):
        selected_negatives(z * np.nan, y, "hard", batches=batches)
