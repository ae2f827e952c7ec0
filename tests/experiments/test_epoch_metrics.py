from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import blobs, brute_force

from embedlens import InputError
from embedlens.analysis.spectrum import effective_rank, singular_values
from embedlens.experiments.epoch_metrics import epoch_metrics


def test_numbers_are_those_of_plain_loops():
    data = {"train": blobs(n=40), "test": blobs(n=30, seed=1)}
    found = epoch_metrics({k: z for k, (z, _) in data.items()}, {k: y for k, (_, y) in data.items()})
    assert list(found) == [
        "train_recall_at_1", "test_recall_at_1", "train_effective_rank", "train_mean_similarity",
        "test_effective_rank", "test_mean_similarity",
    ]  # fmt: skip
    for split, (z, y) in data.items():
        assert found[f"{split}_recall_at_1"] == np.mean([n[0] < p[0] for _, p, n in brute_force(z, y)])
        assert found[f"{split}_effective_rank"] == effective_rank(singular_values(z))
        unit = z / np.linalg.norm(z.astype(float), axis=1, keepdims=True)
        pairs = [a @ b for a, b in itertools.combinations(unit, 2)]
        assert found[f"{split}_mean_similarity"] == pytest.approx(np.mean(pairs), abs=1e-12)


def test_embeddings_that_cannot_be_compared_are_named():
    z, y = blobs(n=20)
    for bad in (np.nan, 0):
        z[3] = bad
        with pytest.raises(InputError, match="split 'train' cannot be compared .*; try a lower --lr"):
            epoch_metrics({"train": z}, {"train": y})
