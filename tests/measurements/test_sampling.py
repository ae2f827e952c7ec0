"""What sampling does on a split, as numbers by epoch."""

from __future__ import annotations

import numpy as np
from support import blobs

from embedlens.analysis.experiments import fixed_batches
from embedlens.analysis.sampling.distances import histogram, pair_distances
from embedlens.analysis.sampling.mining import SelectedNegatives, selected_negatives
from embedlens.measurements.sampling import SplitSampling

Z, Y = blobs(40, dim=4, classes=4)


def test_numbers_of_pairs_and_strategies_by_epoch():
    batches = fixed_batches(Y, count=2, classes=3, items=2)
    mined = {
        epoch: [selected_negatives(Z, Y, name, batches=batches) for name in ("hard", "random")]
        for epoch in (0, 4)
    }
    pairs = pair_distances(Z, Y)
    one = SplitSampling("a", "test", 4, [4], {4: pairs}, mined, batches, (2, 2))
    assert list(one.answer()) == ["0", "4"]  # mined at every epoch, drawn at one
    assert set(one.epoch_answer(0)) == {"mining"}
    numbers = one.epoch_answer(4)
    assert numbers["effective_dim"] == pairs.effective_dim
    assert numbers["negative_pairs"]["of"] == pairs.n_negative
    assert numbers["positive_pairs"]["mean_distance"] == pairs.positive.mean
    assert numbers["mining"]["hard"] == mined[4][0].summary()
    facts = one.facts(4)
    assert (facts["batches"], facts["classes_per_batch"], facts["items_in_batches"]) == (2, 3, 12)
    assert one.idle() == {}


def test_a_split_that_nothing_is_mined_of_has_no_batches():
    one = SplitSampling("a", "test", 4, [1], {}, {}, None, (0, 0))
    assert one.facts(1) == {"run": "a", "epoch": 1, "dim": 4}


def test_strategies_that_select_nothing_stand_in_their_own_order():
    def selects(**counts):
        return [SelectedNegatives(name, histogram(np.full(n, 0.5)), 0.0, 0) for name, n in counts.items()]

    mined = {0: selects(hard=1, random=0, easy=1), 1: selects(hard=0, random=0, easy=2)}
    idle = SplitSampling("a", "test", 4, [1], {}, mined, None, (0, 0)).idle()
    assert list(idle.items()) == [("hard", [1]), ("random", [0, 1])]
