"""Metrics of an epoch: R@1, effective rank and mean similarity of every split, and others on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.leave_out import LeaveOut
from embedlens.searches import search_in
from embedlens.split_items import ID, SplitItems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.leave_out import LeftOutLabels
    from embedlens.searches import Search
    from embedlens.training.config import TrainConfig
    from embedlens.training.datasets.base import ImageDataset
    from embedlens.training.loop import Metrics

GEOMETRY = ("effective_rank", "mean_similarity")


NEITHER = (
    "pi_intra", "pi_inter", "pi_ratio", "rho", "hubness", "tolerance", "nc1", "nc2_norms", "nc2_angles",
    "nc2_max_angles", "alpha", "intrinsic_dim_twonn", "intrinsic_dim_mle",
)  # fmt: skip
"""Scores of which neither high nor low is better, so that no training stops by them."""


def check_stop_metric(name: str | None, logged: Sequence[str] = ()) -> None:
    """Refuse a column to stop by, before anything is written; splits are not known yet.

    Parameters
    ----------
    name
        The column.
    logged
        Scores that are logged on demand.

    Raises
    ------
    InputError
        A column that no log has, or one that is not better high or low.
    """
    endings = ("loss", "recall_at_1", *GEOMETRY, "accuracy", *logged)
    if name is not None and name.endswith(NEITHER) and name.endswith(endings):
        message = (
            f"neither high nor low is better for {name!r}; stop by loss or a score such as test_recall_at_1"
        )
        raise InputError(message)
    if name is not None and not name.endswith(endings):
        columns = ", ".join(f"test_{ending}" for ending in endings[1:])
        message = f"no log has a column {name!r} to stop by; choose loss, or of any split, e.g. {columns}"
        raise InputError(message)


def logged_metrics(config: TrainConfig) -> list[str]:
    """Return the names of the scores that a training run logs besides the default ones.

    Raises
    ------
    InputError
        An unknown name.
    """
    if not config.log_metrics:
        return []
    from embedlens.analysis.scores import check_metrics

    return [
        name
        for name in check_metrics(config.log_metrics.split(","))
        if name not in ("recall_at_1", *GEOMETRY)
    ]


def leave_out_of(config: TrainConfig) -> LeaveOut:
    """Return which items the metrics of a training run leave out."""
    return LeaveOut.of(
        config.ignore_label, config.distractor_label, exclude_duplicates=config.exclude_duplicates
    )


def check_left_out(config: TrainConfig) -> None:
    """Refuse to leave out classes that the data lack, or a whole split, before anything is written."""
    out = leave_out_of(config)
    if out.ignored or out.distractors:
        data = config.load_data()
        labels = _labels_left_out(data, config)
        for split, part in data.splits.items():
            if np.isin(part.labels, np.r_[labels.ignored, labels.distractors]).all():
                message = f"data {config.data!r}: no item of split {split!r} is left to score; leave out less"
                raise InputError(message)


def _labels_left_out(data: ImageDataset, config: TrainConfig) -> LeftOutLabels:
    known = sorted({label for part in data.splits.values() for label in part.labels.tolist()})
    names = {label: data.class_names.get(label, str(label)) for label in known}
    return leave_out_of(config).labels_among(names, f"data {config.data!r}")


def metrics_of(data: ImageDataset, config: TrainConfig) -> Metrics:
    """Return the default metrics of a trainer: `epoch_metrics` with the galleries and ids of the data set."""
    ids = {split: part.items[ID] for split, part in data.splits.items() if ID in part.items}
    return partial(
        epoch_metrics,
        query_gallery=data.query_gallery,
        ids=ids,
        leave_out=_labels_left_out(data, config),
        duplicates=config.exclude_duplicates,
        others=logged_metrics(config),
    )


def epoch_metrics(
    embeddings: Mapping[str, NDArray[np.float32]],
    labels: Mapping[str, NDArray[np.int64]],
    query_gallery: Mapping[str, str] | None = None,
    *,
    ids: Mapping[str, Sequence[str]] | None = None,
    leave_out: LeftOutLabels | None = None,
    duplicates: bool = False,
    others: Sequence[str] = (),
) -> dict[str, float]:
    """Return R@1, effective rank, mean similarity and `others` of every split.

    A query split is searched for in its gallery; of a gallery alone R@1 and `others` are not requested.
    Labels and duplicates that are left out are so in all of them, by the rule of `embedlens.searches`.
    """
    pairs = query_gallery or {}
    recalls: dict[str, float] = {}
    spaces: dict[str, float] = {}
    rest: dict[str, float] = {}

    def side(name: str) -> SplitItems:
        return SplitItems.of(name, embeddings[name], labels[name], ids=(ids or {}).get(name))

    for split in embeddings:
        searched = split not in pairs.values() or split in pairs
        splits = split, pairs.get(split)
        try:
            search = search_in(
                side, splits, place=f"split {split!r}", labels=leave_out, duplicates=duplicates
            )
            found = search.score(["recall_at_1", *GEOMETRY] if searched else GEOMETRY)
        except InputError as error:  # training went astray: NaN, infinity or zero vectors
            message = f"the embeddings of split {split!r} cannot be compared ({error}); try a lower --lr"
            raise InputError(message) from error
        if searched:
            recalls[f"{split}_recall_at_1"] = found["recall_at_1"]
            more = _others(search, others) if others else {}
            rest |= {f"{split}_{name}": more[name] for name in others}
        spaces |= {f"{split}_{name}": found[name] for name in GEOMETRY}
    return recalls | spaces | rest


def _others(search: Search, names: Sequence[str]) -> dict[str, float]:
    """Return scores that are logged on demand; the reason where the data have no such score."""
    try:
        return search.score(names)
    except InputError as error:
        message = (
            f"{error}; --log-metrics {','.join(names)} cannot be logged: leave out what the data do not have"
        )
        raise InputError(message) from error
