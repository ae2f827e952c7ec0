"""Results as tables and as numbers: `columns()` has arrays of one length, `summary()` scalars by name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

import numpy as np
import pytest
from support import blobs

import embedlens
from embedlens.analysis import collapse, compression, pruning
from embedlens.analysis import drift as spaces_over_epochs
from embedlens.analysis.differences import anchors, classes, confusions, losses, outcomes
from embedlens.analysis.experiments import comparison, curves, sweep
from embedlens.analysis.open_set import classifier, ranking, threshold
from embedlens.analysis.projection import items, maps, synthesis
from embedlens.analysis.retrieval import class_sizes, clustering, geometry, learners, neighbours
from embedlens.analysis.sampling import distances as pair_distances
from embedlens.analysis.sampling import mining, theory
from embedlens.analysis.spectrum import components, epochs, intra_class, ranks, slices, values
from embedlens.analysis.statistics import intervals, paired_tests
from embedlens.analysis.triplets import distances, field, flow, nearest, paired, trajectory
from embedlens.analysis.verification import consistency, detection, negatives, pairs, rank_1
from embedlens.measurements.maps import SnapshotMap
from embedlens.measurements.verification import verify
from embedlens.results import Result
from embedlens.searches import SplitItems, search_in
from embedlens.similarity.kmeans import kmeans

Z, Y = blobs(60, dim=8, classes=6)
STEPS = np.arange(4)
X = np.linspace(0.1, 1, 4)


@cache
def _triplets():
    return nearest.nearest_triplets(Z, Y)


def _distances():
    return distances.distances(_triplets())


def _outcomes(z=Z):
    return outcomes.retrieval_outcomes(z, Y)


def _difference():
    return anchors.compare([_outcomes(Z[:, :2])], [_outcomes(Z[:, 2:4])], resamples=20)


def _ranking():
    return ranking.rank_labels(Z, Y, new_label=2)


def _records():
    return [
        sweep.Record(loss, 1e-3, dim, seed, 0.1 * seed)
        for loss in ("ep", "ms")
        for dim in (4, 8)
        for seed in (0, 1)
    ]


def _snapshot_map():
    step = maps.Step(maps.tsne(Z, perplexity=5, n_iter=10, early_exaggeration_iter=5), "pca", np.nan, np.nan)
    return SnapshotMap(step, Y, None, (0,), {0: "a"}, {0: "a"}, None, None)


def _verification():
    return verify(
        search_in(lambda split: SplitItems.of(split, Z, Y), ("test", None), place="here"), negatives=(1,)
    )


def _comparison():
    rows = [(name, seed) for name in ("a", "b") for seed in (0, 1)]
    return comparison.compare(
        comparison.RunScores(name, "a", seed, {"recall_at_1": seed / 4, "nmi": 0.5}, name == "a")
        for name, seed in rows
    )


def _synthesised_map():
    items = maps.Projection(np.arange(3), np.ones((3, 2)), 0.5, 0, 10, 0.1)
    drawn = synthesis.synthesised(Z, Y, mu=0 * Z, sigma=0 * Z, per_class=2, classes=[1, 2])
    return synthesis.SynthesisedMap(items, drawn, np.ones((4, 2)), np.ones((2, 2)))


MADE = {
    "Band": lambda: curves.Band("band", "nmi", ("a", "b"), STEPS, X, X, X),
    "Choice": lambda: threshold.choose_halves(_ranking()),
    "ClassChanges": lambda: classes.class_changes(_difference()),
    "ClassMoments": lambda: collapse.class_moments(Z, Y),
    "ClassDistances": lambda: geometry.class_distances(Z, Y),
    "ClassScatter": lambda: components.class_scatter(Z, Y),
    "ClassSizes": lambda: class_sizes.class_sizes(Y),
    "ClassSpectra": lambda: intra_class.class_spectra(Z, Y),
    "Classifier": lambda: classifier.fit_classifier(Z, Y),
    "ClosedSet": lambda: rank_1.closed_set(Z, Y),
    "Clustering": lambda: kmeans(Z, 6),
    "ClusteringScores": lambda: clustering.clustering_scores(Y, Y // 2, ami=True),
    "Clusters": lambda: learners.describe_clusters(Y, Y, n_clusters=6),
    "Comparison": _comparison,
    "Compression": lambda: compression.compress(Z, Y, compression.CodeOptions(bits=4)),
    "Confusions": lambda: confusions.confusions_of(_difference()),
    "Curve": lambda: curves.Curve("curve", "nmi", STEPS, X, X),
    "Difference": _difference,
    "DistanceHistogram": lambda: pair_distances.histogram(X),
    "Distances": _distances,
    "Drift": lambda: spaces_over_epochs.drift([Z, Z + 1], ks=(1, 3)),
    "Ecdf": lambda: distances.ecdf(_distances()),
    "Field": lambda: field.field("ep", bins=3),
    "Flow": lambda: flow.flow(_triplets(), _triplets()),
    "GradientNoise": lambda: theory.GradientNoise(8, 0.1, X, X),
    "Histogram": lambda: distances.histograms({"a": _distances()}, bins=5)["a"],
    "IntrinsicDimension": lambda: collapse.intrinsic_dimension(Z),
    "Identification": lambda: threshold.identify(_ranking()),
    "Interval": lambda: intervals.over_classes(X, STEPS),
    "Losses": lambda: losses.worst_losses(_difference(), 3),
    "LossCurve": lambda: theory.LossCurve("margin", X, X, X),
    "ManyNegatives": lambda: negatives.many_negatives(Z, Y, [1, 3]),
    "McNemar": lambda: paired_tests.mcnemar(3, 5),
    "NeuralCollapse": lambda: collapse.neural_collapse(Z, Y),
    "NewSweep": lambda: _ranking().sweep(),
    "NonzeroFraction": lambda: mining.NonzeroFraction("semihard", STEPS, X),
    "OpenSet": lambda: detection.open_set(Z, Y),
    "Outcomes": _outcomes,
    "PairVerification": lambda: pairs.PairVerification(X, X > 0.5, STEPS, X, X),
    "Paired": lambda: paired.compare(_distances(), _distances()),
    "Path": lambda: trajectory.follow([(0, Z), (1, Z)], nearest.nearest_triplets(Z[:12], Y[:12]))[0],
    "PowerLaw": lambda: ranks.power_law(X[::-1], first=1),
    "Projection": lambda: maps.Projection(np.arange(3), np.ones((3, 2)), 0.5, 0, 10, 0.1),
    "PruningCurve": lambda: pruning.pruned_recall(Z, Y, [1, 4]),
    "Retrieval": lambda: neighbours.retrieve(Z, Y, neighbours.RetrievalOptions(ks=(1, 2), at_r=True)),
    "Roc": lambda: pairs.roc(X, X > 0.5),
    "SelectedNegatives": lambda: mining.SelectedNegatives("hard", pair_distances.histogram(X), 0.5, 3),
    "Sample": lambda: items.draw_sample(Y, 10),
    "SeededScores": lambda: clustering.kmeans_scores(Z, Y, seeds=(0, 1), ami=True),
    "SliceRecalls": lambda: slices.slice_recalls(Z, Y, 4),
    "SnapshotMap": _snapshot_map,
    "Spectrum": lambda: values.spectrum(Z),
    "SpectrumEpochs": lambda: epochs.over_epochs({0: values.spectrum(Z), 1: values.spectrum(Z)}),
    "SphereDensity": lambda: theory.SphereDensity(8, X, X),
    "Sweep": lambda: sweep.summarise(_records()),
    "SynthesisedMap": _synthesised_map,
    "ThresholdConsistency": lambda: consistency.threshold_consistency(Z, Y),
    "TripletSummary": lambda: nearest.summarise(_triplets()),
    "Triplets": _triplets,
    "Verification": _verification,
}


def _with_method(name):
    """Return the names of all results that have a method of this name."""
    found = set()
    for info in pkgutil.walk_packages(embedlens.__path__, "embedlens."):
        for value in vars(importlib.import_module(info.name)).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Result)
                and inspect.isfunction(vars(value).get(name))
            ):
                found.add(value.__name__)
    return sorted(found)


def test_every_result_with_a_table_or_numbers_is_made_here():
    assert sorted({*_with_method("columns"), *_with_method("summary")}) == sorted(MADE)


@pytest.mark.parametrize("name", _with_method("columns"))
def test_columns_are_arrays_of_one_length(name):
    columns = MADE[name]().columns()
    assert columns
    assert all(isinstance(column, np.ndarray) and column.ndim == 1 for column in columns.values())
    assert len({column.size for column in columns.values()}) == 1


@pytest.mark.parametrize("name", _with_method("summary"))
def test_summaries_are_scalars_by_name(name):
    summary = MADE[name]().summary()
    assert summary
    assert all(isinstance(value, (str, int, float, np.number)) for value in summary.values())


def test_no_result_names_them_otherwise():
    assert _with_method("numbers") == _with_method("measures") == []
