"""Memory that analyses take per row: no whole copy in float64, and nothing that grows with N^2."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch

from embedlens import arrays
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.retrieval import duplicates, geometry
from embedlens.analysis.retrieval.clustering import kmeans_scores
from embedlens.analysis.retrieval.duplicates import count_duplicates
from embedlens.analysis.retrieval.geometry import class_distances, mean_similarity
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.analysis.spectrum.values import spectrum
from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.similarity import negatives, screen

DIM, SIZE = 64, 10  # dimensions, items of a class
HALF, SINGLE, DOUBLE = 2 * DIM, 4 * DIM, 8 * DIM  # bytes of a row in float16, float32 and float64
LISTS = 2 * SIZE * (4 + 8)  # of R-precision: the rows and similarities of positives and negatives
SCREENED = 2 * SINGLE + HALF  # the rows as they are, normalised, and in the type that screens
FEW = 6 * DIM  # numbers of each row: labels, order, norms, class ranges, what is found; less than a copy

ANALYSES = {
    "duplicates": (count_duplicates, HALF),
    "mean similarity": (lambda z, _: mean_similarity(z), HALF),
    "class distances": (class_distances, HALF + 4 * DOUBLE // SIZE),
    "spectrum": (lambda z, _: spectrum(z), SINGLE + HALF),
    "nearest triplets": (nearest_triplets, SCREENED + FEW),
    "retrieval": (partial(retrieve, demands=RetrievalOptions(ks=(1, 8), at_r=True)), SCREENED + LISTS + FEW),
    "pruning": (partial(pruned_recall, dims=(8, 16)), SINGLE + DOUBLE // 2 + SCREENED // 4 + FEW),
    "k-means": (partial(kmeans_scores, iterations=3), 3 * SINGLE),
}
"""An analysis of embeddings and labels, and how many bytes each further row may take."""


def embeddings(rows):
    random = np.random.default_rng(0)
    y = np.arange(rows) % (rows // SIZE)
    centres = random.standard_normal((rows // SIZE, DIM), dtype=np.float32)
    return (centres[y] + random.standard_normal((rows, DIM), dtype=np.float32)).astype(np.float16), y


def peak(function, rows):
    z, y = embeddings(rows)
    tracemalloc.start()
    function(z, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.fixture
def small_blocks(monkeypatch):
    """Make small what has a fixed size, so that what grows with the rows is the peak.

    One thread alone computes: whether the blocks of two coincide depends on what else the machine does.
    """
    for module, name, value in (
        (arrays, "_BLOCK_VALUES", 1 << 18), (duplicates, "_ROWS", 1 << 12), (geometry, "_ROWS", 1 << 12),
        (screen, "_TABLE_BYTES", 1 << 22), (negatives, "_ENTRIES", 1 << 18),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ANALYSES)
def test_a_further_row_takes_no_copy_in_float64(name):
    function, most = ANALYSES[name]
    function(*embeddings(2_000))  # loads and compiles what it needs
    few, many = 20_000, 40_000
    assert (peak(function, many) - peak(function, few)) / (many - few) < most


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["duplicates", "mean similarity"])
def test_checks_of_a_snapshot_hold_blocks_of_it_alone(name):
    """`info` and every command that scores check a snapshot first."""
    assert peak(ANALYSES[name][0], 80_000) < 80_000 * SINGLE / 2
