from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.analysis.retrieval.learners import describe_clusters

items = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 5), st.integers(0, 3)), min_size=1, max_size=40)


@given(items)
def test_sizes_purity_and_changes_by_plain_loops(rows):
    clusters, labels, before = (list(column) for column in zip(*rows, strict=True))
    found = describe_clusters(clusters, labels, n_clusters=4, before=before)
    kept = 0
    for k in range(4):
        own = [label for cluster, label in zip(clusters, labels, strict=True) if cluster == k]
        most = max((own.count(label) for label in own), default=0)
        kept += most
        assert found.sizes[k] == len(own)
        assert np.isnan(found.purity[k]) if not own else found.purity[k] == most / len(own)
    pairs = list(zip(clusters, labels, strict=True))
    assert found.alone == sum(pairs.count(pair) == 1 for pair in pairs)
    assert found.mean_purity == kept / len(rows)
    assert found.changed == sum(a != b for a, b in zip(clusters, before, strict=True)) / len(rows)
    assert {name: len(column) for name, column in found.columns().items()} == {
        "cluster": 4, "items": 4, "purity": 4,
    }  # fmt: skip


def test_the_first_clusters_have_changed_from_nothing():
    assert describe_clusters([0, 1], [0, 0], n_clusters=2).changed is None


@pytest.mark.parametrize(
    ("clusters", "labels", "before", "message"),
    [
        ([0, 1], [0, 1, 2], None, "2 clusters of items, but 3 labels"),
        ([0, 1], [0, 1], [0], "one of each per item is needed"),
        ([0, 2], [0, 1], None, "clusters go from 0 to 2; 0 to 1 is needed"),
        ([-1, 1], [0, 1], None, "clusters go from -1 to 1"),
        ([0.5, 1], [0, 1], None, "integers are needed"),
    ],
)
def test_clusters_that_cannot_be(clusters, labels, before, message):
    with pytest.raises(InputError, match=message):
        describe_clusters(clusters, labels, n_clusters=2, before=before)


def test_a_cluster_of_a_huge_number_takes_no_memory():
    with pytest.raises(InputError, match="300,000,001 clusters; 65,536 are the most"):
        describe_clusters([0, 300_000_000], [0, 1], n_clusters=300_000_001)
    found = describe_clusters(np.full(60_000, 65_535), np.arange(60_000), n_clusters=65_536)
    assert (found.sizes.sum(), found.alone) == (60_000, 60_000)
