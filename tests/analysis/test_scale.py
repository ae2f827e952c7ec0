"""Cosines do not depend on lengths: rows of any magnitude that floating-point numbers have give the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, brute_force

import embedlens
from embedlens.analysis import pruning, scores
from embedlens.analysis.experiments import monitoring
from embedlens.analysis.open_set import ranking as new_class
from embedlens.analysis.projection import maps as projection
from embedlens.analysis.retrieval import geometry
from embedlens.analysis.retrieval import neighbours as retrieval
from embedlens.analysis.spectrum import components
from embedlens.analysis.spectrum import intra_class as spectrum_classes
from embedlens.analysis.spectrum import values as spectrum
from embedlens.analysis.triplets import nearest as triplets
from embedlens.analysis.verification import rank_1 as identification
from embedlens.arrays import in_range, unit_rows

Z, Y = blobs(n=40, dim=6, classes=5, spread=1.0)
Z = Z.astype(np.float64)
SCALES = {
    "huge": np.full(len(Z), 2.0**700),
    "tiny": np.full(len(Z), 2.0**-700),
    "mixed": np.where(
        np.arange(len(Z)) % 3 == 0, 2.0**900, np.where(np.arange(len(Z)) % 3 == 1, 2.0**-900, 1)
    ),
}
ANALYSES = {
    "scores": lambda z: scores.score(z, Y, ["all"]),
    "nearest": lambda z: triplets.nearest_triplets(z, Y).s_an,
    "positive": lambda z: triplets.nearest_triplets(z, Y).positive,
    "spectrum": lambda z: spectrum.spectrum(z).singular_values,
    "singular": lambda z: spectrum.singular_values(z),
    "pruning": lambda z: pruning.pruned_recall(z, Y, [1, 2, 4, 6]).recall,
    "classes": lambda z: spectrum_classes.class_spectra(z, Y).variances,
    "components": lambda z: components.class_scatter(z, Y, [1, -1]).values,
    "ranking": lambda z: new_class.rank_labels(z, Y).score,
    "rank 1": lambda z: identification.closed_set(z, Y).rank_1_of_draws,
    "uniformity": lambda z: geometry.uniformity(z),
    "map": lambda z: projection.tsne(z, n_iter=20, perplexity=5).coordinates,
}


def equal(one, two):
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        return all(equal(one[name], two[name]) for name in one)
    return np.array_equal(one, two, equal_nan=True)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ANALYSES)
def test_scales_change_nothing(name, scale):
    assert equal(ANALYSES[name](Z * SCALES[scale][:, None]), ANALYSES[name](Z))


@pytest.mark.parametrize("factor", [1e200, 1e-200, 3e37, 1e-42])
def test_recall_of_any_length_is_that_of_plain_loops(factor):
    dtype = np.float64 if factor in (1e200, 1e-200) else np.float32
    z = (Z / np.abs(Z).max() * factor).astype(dtype)
    plain = brute_force(z.astype(np.float64) / factor, Y)
    wanted = np.mean([positive[0] > negative[0] for _, positive, negative in plain])
    assert 0 < wanted < 1
    assert retrieval.recall_at_k(z, Y, [1])[1] == wanted


def test_lengths_whose_squares_do_not_fit_are_refused_where_nothing_is_normalised():
    for analysis in (
        lambda z: spectrum.spectrum(z, normalize=False),
        lambda z: spectrum_classes.class_spectra(z, Y, normalize=False),
        lambda z: components.class_scatter(z, Y, [1], normalize=False),
    ):
        analysis(Z)
        with pytest.raises(embedlens.InputError, match="squares do not fit float64; normalise them"):
            analysis(Z * 1e200)


def test_monitored_losses_of_any_length():
    batches = monitoring.fixed_batches(Y, count=2)
    options = {"batches": batches, "normalize": True}
    plain = monitoring.monitor(Z, Y, monitoring.AllTriplets(), **options)
    assert np.array_equal(monitoring.monitor(Z * 2.0**300, Y, monitoring.AllTriplets(), **options), plain)


@settings(max_examples=200, deadline=None)
@given(st.integers(-1000, 1000), st.integers(0, 2**32 - 1))
def test_scaling_by_a_power_of_two_keeps_every_bit(power, seed):
    rows = np.random.default_rng(seed).normal(size=(4, 5))
    assert np.array_equal(unit_rows(np.ldexp(rows, power)), unit_rows(rows))


def test_rows_in_range_are_not_copied():
    assert in_range(Z) is Z


def test_a_cast_that_loses_a_row_is_refused_with_the_reason(tmp_path):
    for factor, dtype in ((1e200, "float32"), (1e-200, "float32"), (1e6, "float16"), (1e-9, "float16")):
        recorder = embedlens.Recorder(tmp_path / f"{factor}-{dtype}", labels={"test": Y}, dtype=dtype)
        with pytest.raises(embedlens.InputError, match=f"do not fit {dtype}; normalise the embeddings"):
            recorder.record(0, {"test": Z * factor})
