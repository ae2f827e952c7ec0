"""Concatenation of the embeddings of runs on the same data into one run."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import in_range
from embedlens.errors import InputError, unknown
from embedlens.store.ownership import building, is_taken
from embedlens.store.recorder import Recorder
from embedlens.store.run import Run, open_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK_VALUES = 1 << 22


def concatenate(
    runs: Sequence[Run],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    epochs: Mapping[int, Sequence[int]] | None = None,
    splits: Sequence[str] | None = None,
) -> Run:
    """Concatenate the embeddings of runs into a new run, which appears whole or not at all.

    Each embedding is normalised and scaled by sqrt(w / sum of w), w its weight. So the rows have length 1,
    and their cosine similarity is the weighted mean of the cosine similarities in the runs. One epoch is in
    memory at a time.

    Labels, items, thumbnails, class names and query and gallery splits are copied. Pretrained features are
    copied if all runs have them: once if they are equal, else concatenated as embeddings are. run.json names
    runs and weights in its method, and the dimensions of each run in its slices.

    Parameters
    ----------
    runs
        Two or more runs on the same items.
    out
        Directory of the new run, which must not exist.
    weights
        One weight per run, above 0; equal by default.
    epochs
        Epoch of the new run -> the epoch of each run; by default the epochs that all runs have.
    splits
        Splits to concatenate; by default those that all runs have with the same items.

    Raises
    ------
    InputError
        Fewer than two runs, an existing `out`, different items, a wrong number of weights or one that is not
        above 0, or no epoch in common.
    """
    if len(runs) < 2:
        message = f"two different runs or more are joined; got {len(runs)}"
        raise InputError(message)
    if is_taken(out):
        message = f"{out} already exists; choose another --out"
        raise InputError(message)
    given = _check_weights(runs, weights)
    fractions = [weight / math.fsum(given) for weight in given]
    names = _choose_splits(runs, splits or ())
    joined = dict(epochs) if epochs else {epoch: [epoch] * len(runs) for epoch in shared_epochs(runs)}
    method: dict[str, Any] = {
        "method": "concat",
        "parts": [run.name for run in runs],
        "paths": [run.path.as_posix() for run in runs],
        "weights": given,
    }
    if any(set(parts) != {epoch} for epoch, parts in joined.items()):
        method["part_epochs"] = {str(epoch): list(parts) for epoch, parts in joined.items()}
    with (
        building(out) as folder,
        _recorder(runs, names, fractions, path=folder, name=out.name, method=method) as recorder,
    ):
        for epoch, parts in joined.items():
            recorder.record(
                epoch,
                {
                    split: join(
                        [run.snapshot(split, part).embeddings for run, part in zip(runs, parts, strict=True)],
                        fractions,
                    )
                    for split in names
                },
            )
    return open_run(out)


def shared_splits(runs: Sequence[Run]) -> list[str]:
    """Return the splits that all runs have with the same items; none raises `InputError`."""
    named = [split for split in runs[0].splits if all(split in run.splits for run in runs)]
    prints = {split: {run.info.splits[split].fingerprint for run in runs} for split in named}
    shared = [split for split in named if len(prints[split]) == 1]
    if not shared:
        listed = ", ".join(repr(run.name) for run in runs)
        message = f"runs {listed} share no split with the same items; runs on the same data are needed"
        raise InputError(message)
    return shared


def _choose_splits(runs: Sequence[Run], requested: Sequence[str]) -> list[str]:
    """Return the requested splits, which must have the same items in all runs; by default all such splits."""
    shared = shared_splits(runs)
    for split in requested:
        if split not in shared:
            raise unknown(split, "split with the same items in all runs", shared)
    return [split for split in shared if split in requested or not requested]


def shared_epochs(runs: Sequence[Run]) -> list[int]:
    """Return the epochs that all runs have, ascending; none raises `InputError`."""
    shared = sorted(set.intersection(*(set(run.epochs()) for run in runs)))
    if not shared:
        listed = "; ".join(f"{run.name!r} has {_span(run.epochs())}" for run in runs)
        message = f"the runs share no epoch ({listed}); --epoch last joins the last one of each"
        raise InputError(message)
    return shared


def _span(epochs: Sequence[int]) -> str:
    if not epochs:
        return "none"
    return str(epochs[0]) if len(epochs) == 1 else f"{len(epochs)} from {epochs[0]} to {epochs[-1]}"


def _check_weights(runs: Sequence[Run], weights: Sequence[float] | None) -> list[float]:
    """Return one weight per run; `InputError` for a wrong number of them or one that is not above 0."""
    given = [1.0] * len(runs) if weights is None else [float(weight) for weight in weights]
    if len(given) != len(runs):
        message = f"{len(runs)} runs need {len(runs)} weights, in their order; got {len(given)}"
        raise InputError(message)
    for weight in given:
        if not 0 < weight < math.inf:
            message = f"weight {weight:g}; a number above 0 is needed"
            raise InputError(message)
    return given


def _recorder(
    runs: Sequence[Run],
    splits: Sequence[str],
    fractions: Sequence[float],
    *,
    path: Path,
    name: str,
    method: Mapping[str, Any],
) -> Recorder:
    """Return the recorder of the new run; thumbnails and class names are those of the first run with any."""
    for run in runs:
        if run.info.dim is None:
            message = f"run {run.name!r} has no snapshot yet"
            raise InputError(message)
    edges = [0, *accumulate(int(run.info.dim or 0) for run in runs)]
    thumbnails = {split: [run.thumbnails(split) for run in runs] for split in splits}
    labels: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for run in reversed(runs):
        labels |= run.info.class_names
        named = ((query, other) for query, other in run.info.query_gallery if query != other)
        pairs |= {query: other for query, other in named if {query, other} <= set(splits)}
    return Recorder(
        path,
        labels={split: runs[0].targets(split) for split in splits},
        items={split: runs[0].items(split) for split in splits},
        thumbnails={
            split: next(images for images in found if images is not None)
            for split, found in thumbnails.items()
            if any(images is not None for images in found)
        },
        pretrained=_pretrained(runs, splits, fractions),
        class_names={int(label): text for label, text in labels.items()},
        query_gallery=pairs,
        slices=list(pairwise(edges)),
        dtype="float16" if all(run.info.dtype == "float16" for run in runs) else "float32",
        method=method,
        name=name,
    )


def _pretrained(
    runs: Sequence[Run], splits: Sequence[str], fractions: Sequence[float]
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return the pretrained features of the splits of which every run has them."""
    found = {}
    for split in splits:
        features = [array for array in (run.pretrained(split) for run in runs) if array is not None]
        if len(features) == len(runs):
            equal = all(np.array_equal(features[0], other) for other in features[1:])
            found[split] = features[0] if equal else join(features, fractions)
    return found


def join(parts: Sequence[NDArray[np.floating[Any]]], fractions: Sequence[float]) -> NDArray[np.float32]:
    """Return concatenated embeddings: unit rows of each part times the root of its fraction of the weight.

    Parameters
    ----------
    parts
        Embeddings [N, D_k] of the same items, not necessarily normalised.
    fractions
        One per part, above 0, with sum 1.

    Returns
    -------
    ndarray
        float32 [N, sum of D_k].
    """
    edges = [0, *accumulate(part.shape[1] for part in parts)]
    joined = np.empty((len(parts[0]), edges[-1]), np.float32)
    step = max(1, _BLOCK_VALUES // edges[-1])
    for start in range(0, len(joined), step):
        rows = slice(start, start + step)
        for part, fraction, (left, right) in zip(parts, fractions, pairwise(edges), strict=True):
            block = in_range(np.asarray(part[rows], np.float64))
            norms = np.linalg.norm(block, axis=1, keepdims=True)
            joined[rows, left:right] = block * (math.sqrt(fraction) / norms)
    return joined
