"""Differences in R@1 of two groups of runs, from the anchors that are right in each."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.differences import Hits, compare, recall_interval, retrieval_outcomes, shared_anchors

Y = np.arange(60) % 6
RUNS = [retrieval_outcomes(blobs(n=60, dim=4, classes=6, spread=2.0, seed=seed)[0], Y) for seed in range(4)]
HITS = [one.hits for one in RUNS]


def test_hits_are_the_anchors_of_rank_1():
    for one, hits in zip(RUNS, HITS, strict=True):
        assert hits.anchor.tolist() == one.triplets.anchor.tolist()
        assert hits.label.tolist() == Y[hits.anchor].tolist()
        assert hits.right.tolist() == [rank == 1 for rank in one.rank.tolist()]
        assert 0 < hits.right.mean() < 1


@pytest.mark.parametrize(("count", "paired"), [(1, False), (2, True), (2, False)])
def test_the_interval_is_that_of_diff(count, paired):
    sides = slice(0, count), slice(2, 2 + count)
    found = recall_interval(*(HITS[side] for side in sides), paired=paired, resamples=200)
    wanted = compare(*(RUNS[side] for side in sides), paired=paired, resamples=200).interval
    assert found == wanted
    means = [np.mean([hits.right.mean() for hits in HITS[side]]) for side in sides]
    assert found.value == pytest.approx(means[1] - means[0])


def test_anchors_that_not_all_runs_have_are_left_out():
    few = Hits(*(array[5:] for array in (HITS[1].anchor, HITS[1].label, HITS[1].right)))
    shared = shared_anchors([HITS[0], few])
    assert shared.anchor.tolist() == HITS[0].anchor[5:].tolist()
    assert [place[0] for place in shared.places] == [5, 0]
    found = recall_interval([HITS[0]], [few], resamples=10)
    assert found.n == few.anchor.size
    assert found.value == pytest.approx(few.right.mean() - HITS[0].right[5:].mean())


def test_what_has_no_difference():
    with pytest.raises(InputError, match="^0 and 1 runs; a comparison needs one or more on each side$"):
        recall_interval([], HITS[:1])
    other = Hits(HITS[0].anchor + 100, HITS[0].label, HITS[0].right)
    with pytest.raises(InputError, match="^the runs share no anchor"):
        recall_interval(HITS[:1], [other])
    other = Hits(HITS[0].anchor, HITS[0].label + 1, HITS[0].right)
    with pytest.raises(InputError, match="^an anchor has other classes in some of the runs"):
        recall_interval(HITS[:1], [other])
