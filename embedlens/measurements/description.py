"""Description of a run: what it holds, the sizes of its classes, and R@1 of its last epoch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.retrieval.class_sizes import class_sizes
from embedlens.analysis.retrieval.learners import describe_clusters
from embedlens.errors import InputError, InputWarning, listed, shortened
from embedlens.label_sets import LabelSets
from embedlens.store import UNLABELLED

MOST_SEARCHED = 200_000
"""Items of a split, at most, whose R@1 a description computes; its time grows with their square."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedlens.label_sets import Labels
    from embedlens.measurements.reader import Reader
    from embedlens.store import Run


def describe_run(run: Run, reader: Reader, device: str = "cpu") -> dict[str, Any]:
    """Return what a run holds: method, dims, epochs, splits, class sizes, R@1 of the last epoch, clusters.

    What is damaged is left out, with a warning.

    Parameters
    ----------
    run
        The run.
    reader
        Reads its snapshots, and notes the warnings about their data.
    device
        Of the engine: "cpu" or "cuda".
    """
    try:
        features = run.pretrained(run.splits[0])
    except InputError as error:
        warnings.warn(str(error), InputWarning, stacklevel=2)
        features = None
    return {
        "name": run.name,
        "path": run.path.as_posix(),
        "created": run.info.created,
        "method": run.method,
        "dim": run.info.dim,
        "dtype": run.info.dtype,
        "pretrained_dim": None if features is None else features.shape[1],
        "epochs": run.epochs(),
        "splits": {split: _describe_split(run, split, reader, device) for split in run.splits},
        "disk_bytes": run.disk_bytes(),
        "clusters": _clusters(run),
        "slices": run.info.slices,
        "recorded_of_items": {split: run.extra_epochs(split) for split in run.splits},
        "recorded_once": {name: list(run.run_extra(name).shape) for name in run.run_extra_names()},
    }


def _labelled(labels: Labels) -> Labels:
    """Return the labels of items that have one; of label sets all."""
    return labels if isinstance(labels, LabelSets) else labels[labels != UNLABELLED]


def _describe_split(run: Run, split: str, reader: Reader, device: str) -> dict[str, Any]:
    """Return what a split holds; R@1 is None, with the reason, where it is not computed."""
    facts = split_facts(_labelled(run.targets(split)), run.class_names)
    if not run.epochs():
        return {**facts, "recall_at_1": None, "why": "no snapshot yet"}
    if facts["items"] > MOST_SEARCHED:
        why = f"{facts['items']:,} items take minutes; embedlens evaluate --metrics recall_at_1 computes it"
        return {**facts, "recall_at_1": None, "why": why}
    try:
        result = reader.search(run, split).score(["R@1"], device=device)
    except InputError as error:
        return {**facts, "recall_at_1": None, "why": str(error)}
    return {**facts, "n_singletons": int(result["n_singletons"]), "recall_at_1": result["recall_at_1"]}


def split_facts(labels: Labels, names: Mapping[int, str]) -> dict[str, Any]:
    """Return what `class_facts` does; of label sets, an item counts in the class of each of its labels."""
    if not isinstance(labels, LabelSets):
        return class_facts(labels, names)
    counts = labels.counts
    return class_facts(labels.indices, names) | {
        "items": len(labels),
        "label_sets": {
            "mean_labels": float(counts.mean()), "most_labels": int(counts.max()),
            "without_label": int((counts == 0).sum()),
        },
    }  # fmt: skip


def class_facts(labels: NDArray[np.int64], names: Mapping[int, str]) -> dict[str, Any]:
    """Return numbers of items and classes, the sizes of classes, the smallest and the largest one.

    `names`: label -> name; where there are any, a short list of the classes is given.
    """
    split_sizes = class_sizes(labels)
    known = [shortened(names.get(label) or str(label)) for label in split_sizes.classes.tolist() if names]
    return {
        "items": int(labels.size),
        "classes": split_sizes.classes.size,
        "n_singletons": split_sizes.n_singletons,
        "class_sizes": {**split_sizes.summary(), "histogram": split_sizes.histogram()},
        "named": listed(known) if known else "",
        **{
            f"{which}_class": {
                "label": int(split_sizes.classes[at]),
                "name": names.get(int(split_sizes.classes[at]), str(split_sizes.classes[at])),
                "items": int(split_sizes.sizes[at]),
            }
            for which, at in (("smallest", split_sizes.smallest), ("largest", split_sizes.largest))
        },
    }


def _clusters(run: Run) -> dict[str, Any]:
    """Return what became of the clusters of each split over the epochs, where the method has some."""
    facts_by_split: dict[str, Any] = {}
    for split in run.splits:
        epochs = run.extra_epochs(split).get("cluster", [])
        parts = {}
        for epoch in epochs:
            try:
                parts[epoch] = np.asarray(run.extra(split, "cluster", epoch))
            except InputError as error:
                warnings.warn(f"split {split!r}: {error}", InputWarning, stacklevel=2)
        n_clusters = len(run.info.slices) or 1 + max((int(part.max()) for part in parts.values()), default=0)
        before = None
        for epoch, part in parts.items():
            try:
                result = describe_clusters(part, run.labels(split), n_clusters=n_clusters, before=before)
            except InputError as error:
                message = f"split {split!r}, epoch {epoch}: what is recorded as cluster is left out: {error}"
                warnings.warn(message, InputWarning, stacklevel=2)
                continue
            before = part
            facts_by_split.setdefault(split, {})[str(epoch)] = {
                "sizes": result.sizes.tolist(), "purity": result.mean_purity, "alone": result.alone,
                "changed": result.changed,
            }  # fmt: skip
    return facts_by_split
