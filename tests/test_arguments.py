"""Every public function that takes arrays takes what can be meant in one way only, and refuses the rest."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from support import blobs

import embedlens.analysis
import embedlens.figures
import embedlens.pairs
import embedlens.similarity
from embedlens import InputError
from embedlens.analysis import differences
from embedlens.analysis.compression import CodeOptions
from embedlens.analysis.experiments import monitoring
from embedlens.analysis.open_set import classifier
from embedlens.analysis.projection import maps as projection
from embedlens.analysis.projection import synthesis
from embedlens.analysis.spectrum import slices
from embedlens.analysis.triplets import nearest as triplets
from embedlens.pairs import Pairs, draw_pairs
from embedlens.similarity.rows import Rows

Z, Y = blobs(n=40, dim=6, classes=4, spread=1.5)
Z2, _ = blobs(n=40, dim=6, classes=4, spread=1.5, seed=1)
Z, Z2 = Z.astype(np.float64), Z2.astype(np.float64)  # what a list becomes
RANDOM = np.random.default_rng(3)
FLAGS = np.arange(40) % 3 == 0
SCORES = RANDOM.normal(size=40) + FLAGS
NEIGHBOURS = RANDOM.integers(4, size=(40, 8))
SIMILARITY = -np.sort(-RANDOM.uniform(size=(40, 8)), axis=1)
SIGMA = np.array([5.0, 3.0, 2.0, 1.0])
BATCHES = monitoring.fixed_batches(Y, count=2, classes=3, items=3)
FITTED = classifier.fit_classifier(Z, Y)
CODED = CodeOptions(dims=(2, 6), bits=3, candidates=3)
SLICE = slices.slices_of(6, 2)[1][1]
DRAWN = synthesis.synthesised(Z, Y, mu=Z2, sigma=np.abs(Z2), per_class=2)
MAPPED = {"n_iter": 10, "early_exaggeration_iter": 5, "perplexity": 5}
PICTURES = RANDOM.integers(256, size=(40, 4, 4), dtype=np.uint8)
FRAMES = RANDOM.integers(256, size=(3, 16, 16, 3), dtype=np.uint8)
MAP = projection.tsne(Z, **MAPPED)
LOSSES = differences.worst_losses(
    differences.compare(
        *([differences.retrieval_outcomes(z, Y)] for z in (Z, RANDOM.normal(size=Z.shape))), resamples=5
    ),
    2,
)


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of a function: its arrays by name, and what else it takes.

    `free` are arrays of any length of their own, all others have one entry for each item. `any_rank` are
    those of any shape, `nan` those that may hold NaN, `numbered` those whose integers name something that
    must be there.
    """

    arrays: dict
    rest: dict = dataclasses.field(default_factory=dict)
    free: tuple = ()
    any_rank: tuple = ()
    nan: tuple = ()
    numbered: tuple = ()
    call: object = None

    def __call__(self, function, arrays):
        if self.call is not None:
            return flat(self.call(function, arrays))
        return flat(function(**arrays, **self.rest))


def written(function, frames):
    """The bytes of an animation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation"
        function(path, frames, 10)
        return np.frombuffer(path.read_bytes(), np.uint8)


ZY = {"z": Z, "y": Y}
CALLS = {
    "analysis.differences.outcomes.retrieval_outcomes": Call(ZY),
    "analysis.retrieval.class_sizes.class_sizes": Call({"labels": Y}, free=("labels",)),
    "analysis.open_set.classifier.fit_classifier": Call(ZY),
    "analysis.open_set.classifier.probabilities": Call({"z": Z}, {"classifier": FITTED}),
    "analysis.open_set.classifier.rank_by_classifier": Call(ZY, {"classifier": FITTED}),
    "analysis.retrieval.clustering.clustering_scores": Call({"labels": Y, "clusters": Y[::-1].copy()}),
    "analysis.retrieval.clustering.kmeans_scores": Call({**ZY, "seeds": np.array([1, 2])}, free=("seeds",)),
    "analysis.retrieval.learners.describe_clusters": Call(
        {"clusters": Y, "labels": FLAGS.astype(int), "before": Y[::-1].copy()},
        {"n_clusters": 4},
    ),
    "analysis.spectrum.components.component_numbers": Call(
        {"requested": np.array([1, -1])}, {"dim": 6}, free=("requested",), numbered=("requested",)
    ),
    "analysis.spectrum.components.class_scatter": Call(
        {**ZY, "components": np.array([1, -1])}, free=("components",), numbered=("components",)
    ),
    "analysis.experiments.monitoring.fixed_batches": Call({"y": Y}),
    "analysis.experiments.monitoring.monitor": Call(
        ZY, {"loss": monitoring.AllTriplets(), "batches": BATCHES}
    ),
    "analysis.triplets.density.enclosing_levels": Call(
        {"density": np.abs(SCORES), "fractions": np.array([0.5, 0.9])},
        free=("density", "fractions"),
        any_rank=("density",),
    ),
    "analysis.triplets.density.smoothed": Call({"counts": np.abs(Z)}, {"width": 2.0}, free=("counts",)),
    "analysis.retrieval.duplicates.first_equal": Call(
        {"z": np.concatenate([Z, Z[:5]])}, call=lambda function, a: function(a["z"]), free=("z",), nan=("z",)
    ),
    "analysis.retrieval.duplicates.count_duplicates": Call(
        {**ZY, "z2": np.concatenate([Z2[:30], Z[:10]]), "y2": Y},
        call=lambda function, a: function(a["z"], a["y"], (a["z2"], a["y2"])),
        nan=("z", "z2"),
    ),
    "analysis.spectrum.factorisation.triangle": Call(
        {"origin": np.arange(6.0)}, {"rows": Rows(Z), "normalize": True}
    ),
    "analysis.spectrum.factorisation.decompose": Call({"factor": np.triu(Z[:6])}, free=("factor",)),
    "analysis.triplets.field.field": Call(
        {"s_ap": np.array([0.1, 0.5]), "s_an": np.array([0.2, 0.3])},
        call=lambda function, a: function("triplet", (a["s_ap"], a["s_an"])),
    ),
    "analysis.retrieval.geometry.class_distances": Call(ZY),
    "analysis.retrieval.geometry.uniformity": Call({"z": Z}),
    "analysis.retrieval.geometry.mean_similarity": Call({"z": Z}),
    "analysis.retrieval.geometry.tolerance": Call(ZY),
    "analysis.collapse.dimension.intrinsic_dimension": Call({"z": Z}, {"k": 3}),
    "analysis.collapse.moments.class_moments": Call(ZY),
    "analysis.collapse.neural.neural_collapse": Call(ZY),
    "analysis.collapse.scores.collapse_scores": Call(ZY, {"names": ["lidar", "alpha", "intrinsic_dim_mle"]}),
    "analysis.verification.consistency.threshold_consistency": Call(
        {**ZY, "fars": np.array([0.1, 0.5])}, free=("fars",)
    ),
    "analysis.spectrum.ranks.power_law": Call(
        {"sigma": np.array([3, 2, 1.0])}, {"first": 1}, free=("sigma",)
    ),
    "analysis.verification.rank_1.closed_set": Call(ZY),
    "analysis.verification.rank_1.closed_set_between": Call(
        {**ZY, "z2": Z2, "y2": Y},
        call=lambda function, a: function((a["z"], a["y"]), (a["z2"], a["y2"])),
    ),
    "analysis.verification.detection.open_set": Call({**ZY, "fars": np.array([0.1, 0.5])}, free=("fars",)),
    "analysis.retrieval.label_ranking.winning_labels": Call(
        {"labels": NEIGHBOURS, "weights": SIMILARITY}, nan=("weights",)
    ),
    "analysis.retrieval.label_ranking.label_precision": Call(
        {"labels": NEIGHBOURS, "s": SIMILARITY, "truth": Y, "is_new": FLAGS, "complete": ~FLAGS},
        call=lambda function, a: function(
            (a["labels"], a["s"]), a["truth"], a["is_new"], new_threshold=0.5, complete=a["complete"]
        ),
        nan=("s",),
    ),
    "analysis.retrieval.label_ranking.mean_precision": Call(
        {"scores": np.array([1, 0.5, 0.2])}, free=("scores",), nan=("scores",)
    ),
    "analysis.retrieval.label_ranking.first_labels": Call(
        {"labels": NEIGHBOURS, "similarity": SIMILARITY, "truth": Y}, nan=("similarity",)
    ),
    "analysis.open_set.ranking.rank_labels": Call(ZY, {"new_label": 2}),
    "analysis.open_set.ranking.map_at_5": Call(ZY, {"new_label": 2, "threshold": 0.5}),
    "analysis.triplets.paired.resampled_medians": Call({"values": SCORES}, free=("values",)),
    "analysis.triplets.paired.signed_rank_p": Call({"difference": SCORES}, free=("difference",)),
    "analysis.projection.maps.tsne": Call(
        {**ZY, "rows": np.arange(0, 40, 2)}, MAPPED, free=("rows",), numbered=("rows",)
    ),
    "analysis.projection.maps.tsne_series": Call(
        {"z": Z, "z2": Z2, "y": Y},
        call=lambda function, a: [
            step.projection for step in function([a["z"], a["z2"]], a["y"], central=True, **MAPPED)
        ],
    ),
    "analysis.projection.alignment.align": Call({"coordinates": Z[:, :2], "to": Z[:, 2:4]}),
    "analysis.compression.codes.asymmetric": Call({"q": Z, "z": Z2}, free=("q", "z")),
    "analysis.compression.codes.unit_rows": Call({"z": Z}),
    "analysis.compression.codes.signs": Call({"z": Z}),
    "analysis.compression.curves.compress": Call({**ZY, "fit": Z2}, {"options": CODED}, free=("fit",)),
    "analysis.compression.leading.first_dims_recall": Call(
        {**ZY, "dims": np.array([1, 3, 6])}, free=("dims",), numbered=("dims",)
    ),
    "analysis.pruning.pruned_recall": Call(
        {**ZY, "dims": np.array([1, 3, 6]), "fit": Z2}, free=("dims", "fit"), numbered=("dims",)
    ),
    "analysis.retrieval.neighbours.retrieve": Call(
        ZY, {"demands": embedlens.analysis.retrieval.RetrievalOptions(ks=(1,))}
    ),
    "analysis.retrieval.neighbours.recall_at_k": Call({**ZY, "ks": np.array([1, 4])}, free=("ks",)),
    "analysis.retrieval.per_query.at_r": Call({"positive": NEIGHBOURS > 1, "r": Y}),
    "analysis.retrieval.per_query.skewness": Call({"counts": Y}, free=("counts",)),
    "analysis.retrieval.neighbours.retrieve in a gallery": Call(
        {**ZY, "z2": Z2, "y2": Y},
        call=lambda function, a: function(
            a["z"], a["y"], embedlens.analysis.retrieval.RetrievalOptions(ks=(1,)), gallery=(a["z2"], a["y2"])
        ),
    ),
    "analysis.open_set.ranking.rank_labels in a gallery": Call(
        {**ZY, "z2": Z2, "y2": Y},
        call=lambda function, a: function(a["z"], a["y"], gallery=(a["z2"], a["y2"])),
    ),
    "analysis.sampling.distances.pair_distances": Call(ZY),
    "analysis.sampling.distances.histogram": Call({"distance": np.abs(SCORES)}, free=("distance",)),
    "analysis.sampling.mining.selected_negatives": Call(ZY, {"mining": "semi-hard", "batches": BATCHES}),
    "analysis.sampling.theory.loss_curves": Call({"distance": np.array([0.5, 1])}, free=("distance",)),
    "analysis.sampling.theory.sphere_density": Call(
        {"distance": np.array([0.5, 1])}, {"dim": 4}, free=("distance",)
    ),
    "analysis.sampling.theory.gradient_noise": Call(
        {"distance": np.array([0.5, 1])}, {"dim": 4, "scale": 0.1}, free=("distance",)
    ),
    "analysis.scores.score": Call(ZY, {"metrics": ["recall_at_1", "effective_rank", "uniformity"]}),
    "analysis.statistics.intervals.over_classes": Call({"values": SCORES, "labels": Y}, {"resamples": 20}),
    "analysis.statistics.intervals.over_seeds_and_classes": Call(
        {"first": 0.5 * SIMILARITY.T, "second": SIMILARITY.T, "labels": Y},
        call=lambda function, a: function(a["first"], a["second"], a["labels"], paired=True, resamples=20),
        free=("first", "second", "labels"),
    ),
    "analysis.spectrum.slices.take": Call({"z": Z}, {"slice_": SLICE}),
    "analysis.spectrum.slices.slice_recalls": Call(ZY, {"n_slices": 2}),
    "analysis.spectrum.values.spectrum": Call({"z": Z}),
    "analysis.spectrum.values.singular_values": Call({"z": Z}),
    "analysis.spectrum.ranks.participation_ratio": Call({"sigma": SIGMA}, free=("sigma",)),
    "analysis.spectrum.ranks.effective_rank": Call({"sigma": SIGMA}, free=("sigma",)),
    "analysis.spectrum.ranks.spectral_decay": Call({"sigma": SIGMA}, {"dim": 6}, free=("sigma",)),
    "analysis.spectrum.intra_class.class_spectra": Call(ZY),
    "analysis.projection.synthesis.synthesised": Call(
        {**ZY, "mu": Z2, "sigma": np.abs(Z2), "classes": np.array([0, 2])},
        {"per_class": 2},
        free=("classes",),
        numbered=("classes",),
    ),
    "analysis.projection.synthesis.synthesised_map": Call(
        {"z": Z, "rows": np.arange(0, 40, 2)},
        {"drawn": DRAWN, **MAPPED},
        free=("rows", "z"),
        numbered=("rows",),
    ),
    "analysis.projection.items.central_space": Call(ZY),
    "analysis.projection.items.sample": Call({"y": Y}, {"n": 10}),
    "analysis.projection.items.draw_sample": Call({"y": Y}, {"n": 10}),
    "analysis.projection.items.whole_by_default": Call({"y": Y}, {"n": 10}),
    "analysis.projection.items.points_of": Call(
        {**ZY, "rows": np.arange(0, 40, 2)}, {"central": True}, free=("rows",), numbered=("rows",)
    ),
    "analysis.triplets.trajectory.follow": Call(
        {"z": Z, "z2": Z2},
        call=lambda function, a: function([(0, a["z"]), (1, a["z2"])], triplets.nearest_triplets(Z, Y)),
    ),
    "analysis.triplets.trajectory.take": Call(
        {"anchors": np.array([3, 5])},
        {"triplets": triplets.nearest_triplets(Z, Y)},
        free=("anchors",),
        numbered=("anchors",),
    ),
    "analysis.triplets.nearest.nearest_triplets": Call(ZY),
    "analysis.triplets.nearest.follow_triplets": Call({"z": Z}, {"chosen": triplets.nearest_triplets(Z, Y)}),
    "analysis.triplets.nearest.Triplets": Call(
        {name: values for name, values in triplets.nearest_triplets(Z, Y).columns().items()},
        {"n_singletons": 0},
    ),
    "analysis.verification.negatives.standard_error": Call(
        {"values": SCORES}, free=("values",), nan=("values",)
    ),
    "analysis.verification.pairs.verify_pairs": Call(
        {"z": Z, "a": np.arange(40), "b": np.arange(40)[::-1].copy(), "same": FLAGS, "fold": Y},
        call=lambda function, a: function(
            a["z"], Pairs(a["a"], a["b"], a["same"], a["fold"], disjoint=False, source="")
        ),
        free=("z",),
        numbered=("a", "b"),
    ),
    "analysis.verification.pairs.roc": Call({"similarity": SCORES, "same": FLAGS}),
    "analysis.verification.negatives.many_negatives": Call(
        {**ZY, "negatives": np.array([1, 2])}, free=("negatives",), numbered=("negatives",)
    ),
    "figures.differences.losses.figure": Call(
        {"pictures": PICTURES, "gallery": PICTURES[::-1].copy()},
        free=("pictures", "gallery"),
        call=lambda function, a: [
            np.asarray(art.get_array()) for art in function(LOSSES, **a).axes[0].get_images()
        ],
    ),
    "figures.export.animation.write_gif": Call(
        {"frames": FRAMES}, call=lambda function, a: written(function, a["frames"]), free=("frames",)
    ),
    "figures.export.animation.write_mp4": Call(
        {"frames": FRAMES}, call=lambda function, a: written(function, a["frames"]), free=("frames",)
    ),
    "figures.style.class_colors": Call(
        {"labels": Y, "highlight": np.array([1, 2])}, free=("labels", "highlight"), numbered=("highlight",)
    ),
    "figures.projection.maps.plot": Call(
        {"labels": Y, "thumbnails": PICTURES},
        {"result": MAP},
        call=lambda function, a: [
            np.asarray(art.get_extent())
            for art in function(MAP, labels=a["labels"], thumbnails=a["thumbnails"]).images
        ],
    ),
    "pairs.random_pairs.class_numbers": Call({"labels": Y}),
    "pairs.random_pairs.draw_pairs": Call({"y": Y}, {"folds": 2, "per_fold": 5}),
    "pairs.names.ItemNames": Call(
        {"labels": Y},
        call=lambda function, a: function(
            a["labels"], [str(label) for label in Y.tolist()], by_order=True
        ).row("2", "3"),
    ),
    "similarity.engine.search": Call(
        {**ZY, "depth": np.full(40, 3), "cutoffs": np.array([1, 2])},
        free=("cutoffs",),
        any_rank=("depth",),
        call=lambda function, a: function(a["z"], a["y"], depth=a["depth"], cutoffs=a["cutoffs"]).rank,
    ),
    "similarity.engine.nearest": Call(ZY),
    "similarity.hamming.hamming_search": Call(
        {**ZY, "depth": np.full(40, 3), "cutoffs": np.array([1, 2])},
        free=("cutoffs",),
        any_rank=("depth",),
        call=lambda function, a: function(a["z"], a["y"], depth=a["depth"], cutoffs=a["cutoffs"]).rank,
    ),
    "analysis.drift.matrices.drift": Call(
        {"z": Z, "z2": Z2}, call=lambda function, a: function([a["z"], a["z2"]], ks=(1, 5)).columns()
    ),
    "analysis.drift.spaces.space_of": Call(
        {"z": Z, "rows": np.arange(0, 40, 2)},
        free=("z", "rows"),
        numbered=("rows",),
        call=lambda function, a: function(a["z"], rows=a["rows"]).block(slice(0, 9), np.float64),
    ),
    "similarity.rows.pair_similarity": Call(
        {"z": Z, "a": np.array([1, 2]), "b": np.array([3, 4])}, free=("z",), numbered=("a", "b")
    ),
    "similarity.kmeans.kmeans": Call({"z": Z}, {"n_clusters": 4}),
}


def functions():
    """All public functions of the API by name: analyses, figures, pairs, and what `similarity` names."""
    for package in (embedlens.analysis, embedlens.figures):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.startswith("embedlens.figures.layout"):
                continue  # parts of figures, of no use by themselves
            yield from members(info.name)
    for name in embedlens.pairs.__all__:
        yield entry(getattr(embedlens.pairs, name))
    for name in embedlens.similarity.__all__:
        if inspect.isfunction(getattr(embedlens.similarity, name)):
            yield entry(getattr(embedlens.similarity, name))
    yield entry(importlib.import_module("embedlens.similarity.kmeans").kmeans)


def members(module):
    for name, value in vars(importlib.import_module(module)).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module:
            if inspect.isfunction(value):
                yield entry(value)


def entry(value):
    return f"{value.__module__}.{value.__name__}".removeprefix("embedlens."), value


def takes_arrays(function):
    if not inspect.isfunction(function):
        return False
    parameters = inspect.signature(function).parameters.values()
    return any(part in str(p.annotation) for p in parameters for part in ("ArrayLike", "NDArray"))


WITHIN = {  # take what `compress`, `tsne`, a film, `closed_set` and `open_set` have made and checked
    "analysis.compression.leading.leading_scores", "analysis.pruning.check_dims",
    "analysis.retrieval.geometry.check_class_sizes",
    "analysis.projection.optimisation.optimised", "figures.export.stamp.stamp_dots",
    "figures.export.stamp.without_alpha",
    *(f"analysis.verification.rank_1.{name}" for name in ("check_draws", "one_of_each", "identify")),
}  # fmt: skip


def test_every_function_that_takes_arrays_is_in_the_table():
    missing = [name for name, value in functions() if takes_arrays(value) and name not in {*CALLS, *WITHIN}]
    assert not missing
    assert sum(takes_arrays(value) for _, value in functions()) > 50


def function_of(name):
    module, _, symbol = name.split()[0].rpartition(".")
    return getattr(importlib.import_module(f"embedlens.{module}"), symbol)


def flat(value):
    """What a call gave, as arrays, in the order of its fields."""
    if dataclasses.is_dataclass(value):
        return [part for f in dataclasses.fields(value) for part in flat(getattr(value, f.name))]
    if isinstance(value, dict):
        return [part for one in value.items() for part in flat(one)]
    if isinstance(value, list | tuple) or inspect.isgenerator(value):
        return [part for one in value for part in flat(one)]
    if type(value).__name__ == "SearchResult":
        return flat([value.rank, value.positive, value.negative])
    return [np.asarray(value)]


def alike(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
        for a, b in zip(one, other, strict=True)
    )


def same_in_another_form(values):
    """The same numbers as other array-likes."""
    yield "list", values.tolist()
    yield "tuple", tuple(values.tolist())
    yield "tensor", torch.from_numpy(values.copy())
    yield "list of tensors", list(torch.from_numpy(values.copy()))
    yield "strided", np.repeat(values, 2, axis=0)[::2]
    yield "other byte order", values.astype(values.dtype.newbyteorder())
    if values.dtype.kind == "f":
        yield "tensor with gradient", torch.from_numpy(values.copy()).requires_grad_()
        yield "sparse tensor", torch.from_numpy(values.copy()).to_sparse()
    if values.dtype.kind in "iu":
        yield "int32", values.astype(np.int32)
    if values.dtype.kind in "iu" and values.min() >= 0:
        yield "uint8", values.astype(np.uint8)
    if values.dtype.kind == "b":
        yield "0 and 1", values.astype(np.int64)
        yield "list of 0 and 1", values.astype(int).tolist()
        yield "uint8", values.astype(np.uint8)
        yield "0.0 and 1.0", values.astype(np.float32)


def of_another_kind(values, call, name):
    """Array-likes that cannot be meant."""
    yield "text", values.astype(str)
    yield "None", np.full(values.shape, None)
    yield "list of None", [None] * len(values)
    yield "no array", None
    yield "ragged", [values.tolist(), [1]]
    yield "complex", values.astype(complex)
    yield "masked", np.ma.array(values, mask=np.arange(values.size).reshape(values.shape) == 0)
    if name not in call.any_rank:
        yield "one more axis", values[..., None]
        yield "one axis less", values[0]
    if values.dtype.kind == "f" and name not in call.nan:
        yield "NaN", np.full_like(values, np.nan)
    if values.dtype.kind in "iu":
        yield "halves", values + 0.5
    if values.dtype.kind == "b":
        yield "twos", values * 2
    if name in call.numbered:
        yield "out of range", values * 100_000 + 100_000
        yield "below the range", values - 100_000
        yield "mask", np.ones(40, bool)
    if name not in call.free and len(call.arrays) > 1:
        yield "one row less", values[:-1]
        yield "one row more", np.concatenate([values, values[-1:]])


OPTIONAL = {
    "analysis.projection.maps.tsne": ("y", "rows"),
    "analysis.compression.curves.compress": ("fit",),
    "analysis.pruning.pruned_recall": ("dims", "fit"),
    "analysis.projection.synthesis.synthesised": ("classes",),
    "analysis.projection.synthesis.synthesised_map": ("rows",),
    "analysis.projection.items.points_of": ("rows",),
    "analysis.drift.spaces.space_of": ("rows",),
    "analysis.retrieval.learners.describe_clusters": ("before",),
    "figures.projection.maps.plot": ("labels", "thumbnails"),
    "figures.differences.losses.figure": ("gallery",),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_forms_of_the_same_numbers_give_the_same(name):
    function, call = function_of(name), CALLS[name]
    wanted = call(function, call.arrays)
    for argument, values in call.arrays.items():
        for form, given in same_in_another_form(values):
            found = call(function, {**call.arrays, argument: given})
            assert alike(found, wanted), (argument, form)


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_meant_is_refused_in_one_line(name):
    function, call = function_of(name), CALLS[name]
    for argument, values in call.arrays.items():
        for form, given in of_another_kind(values, call, argument):
            if form == "no array" and argument in OPTIONAL.get(name, ()):
                continue
            try:
                call(function, {**call.arrays, argument: given})
            except InputError as error:
                lines = str(error).splitlines()
            else:
                lines = []
            assert len(lines) == 1, (argument, form)


EMPTY = {
    "analysis.open_set.classifier.probabilities": "z",
    "analysis.triplets.density.enclosing_levels": "fractions",
    "analysis.triplets.density.smoothed": "counts",
    "analysis.spectrum.factorisation.decompose": "factor",
    "analysis.verification.detection.open_set": "fars",
    "analysis.verification.consistency.threshold_consistency": "fars",
    "analysis.retrieval.label_ranking.mean_precision": "scores",
    "analysis.triplets.paired.signed_rank_p": "difference",
    "analysis.retrieval.neighbours.recall_at_k": "ks",
    "analysis.sampling.distances.histogram": "distance",
    "analysis.sampling.theory.loss_curves": "distance",
    "analysis.sampling.theory.sphere_density": "distance",
    "analysis.sampling.theory.gradient_noise": "distance",
    "analysis.spectrum.slices.take": "z",
    "analysis.spectrum.values.singular_values": "z",
    "analysis.spectrum.ranks.participation_ratio": "sigma",
    "analysis.spectrum.ranks.power_law": "sigma",
    "analysis.projection.items.points_of": "rows",
    "analysis.verification.negatives.standard_error": "values",
    "figures.style.class_colors": "highlight",
    "similarity.engine.search": "cutoffs",
    "similarity.hamming.hamming_search": "cutoffs",
}  # fmt: skip
"""Arguments for which no number at all has a meaning; every other function refuses it."""


@pytest.mark.parametrize("name", CALLS)
def test_empty_arrays_are_refused_or_have_a_result(name):
    function, call = function_of(name), CALLS[name]
    for argument, values in call.arrays.items():
        for form, given in (("no rows", values[:0]), ("no list", [])):
            refusal = None
            try:
                call(function, {**call.arrays, argument: given})
            except InputError as error:
                refusal = str(error)
            meant = EMPTY.get(name) == argument
            if refusal is None:
                assert meant, (argument, form)
            else:
                assert len(refusal.splitlines()) == 1, (argument, form)
                assert not meant or form == "no list", (argument, form)


def test_pairs_marked_by_0_and_1_are_those_marked_by_bools():
    s, same = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), np.array([1, 1, 0, 1, 0, 0])
    wins = [a > b for a in s[same == 1] for b in s[same == 0]]
    for given in (same, same.astype(bool), same.astype(np.uint8), same.tolist(), torch.from_numpy(same)):
        assert embedlens.analysis.verification.roc(s, given).auc == pytest.approx(np.mean(wins))
    assert round(float(np.mean(wins)), 3) == 0.889
    drawn = draw_pairs(Y, folds=2, per_fold=10)
    given = dataclasses.replace(drawn, same=drawn.same.astype(int))
    one, other = (embedlens.analysis.verification.verify_pairs(Z, pairs) for pairs in (drawn, given))
    assert other.accuracy == one.accuracy
