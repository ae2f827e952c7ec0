"""Checks of recorded splits, items, thumbnails and metrics; the fingerprint of a split."""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_embeddings, check_targets, shape_text, to_numpy
from embedlens.errors import InputError, shortened, unknown
from embedlens.label_sets import LabelSets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels

MOST_EPOCH = 10**9 - 1
"""The largest epoch: names of snapshots have at most nine digits."""
MOST_STEP = 10**15
"""The largest number of optimiser steps in a log."""
MOST_SPLIT_NAME = 200
"""The largest number of letters of a split's name; a folder's may have 255."""
_SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_split_name(name: object) -> None:
    """Refuse a split name that cannot be the name of a folder."""
    if not isinstance(name, str) or not _SPLIT_NAME.fullmatch(name):
        message = (
            f"split name {shortened(name)!r} cannot be a folder; use letters, digits, '_', '-' and '.', e.g. "
            "'test'"
        )
        raise InputError(message)
    if len(name) > MOST_SPLIT_NAME:
        message = (
            f"split name {shortened(name)!r} has {len(name):,} letters; {MOST_SPLIT_NAME} is the most, so "
            "that files can carry it"
        )
        raise InputError(message)


def check_thumbnails(values: ArrayLike, rows: int) -> NDArray[np.uint8]:
    """Return thumbnails as uint8 [rows, h, w] or [rows, h, w, 3]."""
    images = to_numpy(values)
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if images.dtype != np.uint8 or not fits or images.shape[0] != rows or 0 in images.shape:
        message = (
            f"thumbnails are {images.dtype} of shape {shape_text(images)}; "
            f"uint8 of shape ({rows}, h, w) or ({rows}, h, w, 3) is needed"
        )
        raise InputError(message)
    return np.ascontiguousarray(images, dtype=np.uint8)


def check_items(given: Mapping[str, Sequence[object]], rows: int) -> dict[str, list[str]]:
    """Return the columns that describe the items, one text per item, from a dict or a data frame."""
    if not hasattr(given, "keys"):
        message = (
            f"items are {type(given).__name__}; a dict of columns is needed for each split, e.g. "
            '{"test": {"path": [...]}}'
        )
        raise InputError(message)
    columns = {name: given[name] for name in given.keys()}  # noqa: SIM118 - a data frame iterates so too
    for name, column in columns.items():
        if not isinstance(name, str) or isinstance(column, str | bytes) or not hasattr(column, "__len__"):
            message = (
                f"items column {shortened(name)!r} is {type(column).__name__}; a list of one text per item, "
                "under a name that is text, is needed"
            )
            raise InputError(message)
        if len(column) != rows:
            message = f"items column {name!r} has {len(column)} rows, but the split has {rows} items"
            raise InputError(message)
    return {name: [str(value) for value in column] for name, column in columns.items()}


def fingerprint(labels: Labels, items: Mapping[str, Sequence[str]]) -> str:
    """Return a digest of a split's labels and items; equal digests mean the same item in every row."""
    parts = [labels.indptr, labels.indices] if isinstance(labels, LabelSets) else [labels]
    digest = hashlib.sha256(b"".join(part.astype("<i8").tobytes() for part in parts))
    digest.update(json.dumps(dict(items), sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()


def check_mapping(given: object, what: str, example: str) -> None:
    """Refuse anything but a mapping split -> value; `example` is a value for the message."""
    if not isinstance(given, Mapping):
        message = f'{what} are {type(given).__name__}; a dict by split is needed, e.g. {{"test": {example}}}'
        raise InputError(message)


def check_epoch_number(epoch: object) -> int:
    """Return an epoch as int; `InputError` unless it is a whole number from 0 with at most nine digits."""
    try:
        number = operator.index(epoch)  # type: ignore[arg-type]
    except TypeError as error:
        message = f"epoch is {epoch!r}; a whole number is needed"
        raise InputError(message) from error
    if number < 0:
        message = f"epoch {number} is negative; epochs start at 0, the state before training"
        raise InputError(message)
    if number > MOST_EPOCH:
        message = f"epoch is {number:.3g}; {MOST_EPOCH:,} is the largest"
        raise InputError(message)
    return number


def check_metric(name: str, value: Any) -> float:
    """Return a metric as a number; a tensor may still be attached to its graph."""
    try:
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        message = f"metric {name!r} is {value!r}; a number is needed"
        raise InputError(message) from error


def check_row(epoch: int, metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return an epoch's metrics as numbers by name, without `epoch`, which is a column of its own.

    Raises
    ------
    InputError
        A name that is no text or empty; a value that is no number; `epoch` other than the row's; `step` that
        is no whole number.
    """
    for name in metrics:
        if not isinstance(name, str) or not name.strip():
            message = f"metric name {name!r}; a text such as 'loss' is needed"
            raise InputError(message)
    row = {name: check_metric(name, value) for name, value in metrics.items()}
    if row.pop("epoch", epoch) != epoch:
        message = (
            f"metric 'epoch' is {float(metrics['epoch']):g}, but epoch {epoch} is recorded; 'epoch' is the "
            "log's own column, leave it out or choose another name"
        )
        raise InputError(message)
    step = row.get("step", 0.0)
    if not step.is_integer() or not 0 <= step <= MOST_STEP:
        message = f"metric 'step' is {step:g}; it counts optimiser steps, choose another name"
        raise InputError(message)
    return row


def join_metrics(*parts: Mapping[str, float]) -> dict[str, float]:
    """Return metrics of several sources as one row; one name with two values is refused."""
    row: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            if name in row and row[name] != value:
                message = f"metric {name!r} stands for two values, {row[name]:g} and {value:g}; rename one"
                raise InputError(message)
            row[name] = value
    return row


def check_step(recorded: float | None, given: float | None) -> None:
    """Refuse a number of steps that differs from the one in the row."""
    if recorded is not None and given is not None and recorded != given:
        message = (
            f"metric 'step' is {given:g}, but {recorded:g} steps are recorded; 'step' is the log's own "
            "column, leave it out or choose another name"
        )
        raise InputError(message)


def check_slices(slices: Sequence[Sequence[int]] | None) -> list[list[int]]:
    """Return the slices of an embedding as [start, stop]; they must follow one another from dimension 0."""
    try:
        pairs = [[operator.index(start), operator.index(stop)] for start, stop in slices or ()]
    except (TypeError, ValueError):
        pairs = [[-1, -1]]
    follow = all(start == stop for (_, stop), (start, _) in itertools.pairwise([[0, 0], *pairs]))
    if not follow or any(start >= stop for start, stop in pairs):
        message = f"slices are {slices!r}; pairs (start, stop) that follow one another from 0 are needed"
        raise InputError(message)
    return pairs


def check_contents(
    labels: Mapping[str, ArrayLike],
    *,
    items: Mapping[str, Mapping[str, Sequence[object]]],
    thumbnails: Mapping[str, ArrayLike],
    pretrained: Mapping[str, ArrayLike],
) -> dict[str, dict[str, Any]]:
    """Check labels, items, thumbnails and features of each split, before any file is written."""
    check_mapping(labels, "labels", "y")
    if not labels:
        message = 'labels name no split; pass e.g. labels={"test": y}'
        raise InputError(message)
    described = {"items": items, "thumbnails": thumbnails, "pretrained": pretrained}
    for what, given in described.items():
        check_mapping(given, what, '{"path": [...]}' if what == "items" else "array")
        for split in set(given) - set(labels):
            raise unknown(split, "split", labels)
    contents: dict[str, dict[str, Any]] = {}
    for split, values in labels.items():
        check_split_name(split)
        try:
            checked = check_targets(values)
            contents[split] = {"labels": checked, "items": check_items(items.get(split, {}), checked.size)}
            if split in thumbnails:
                contents[split]["thumbnails"] = check_thumbnails(thumbnails[split], checked.size)
            if split in pretrained:
                contents[split]["pretrained"] = check_embeddings(
                    pretrained[split], rows=checked.size, dim=None, dtype="float32"
                )
        except InputError as error:
            place = f"split {split!r}"
            raise error.within(place) from error
    return contents


def check_query_gallery(pairs: Mapping[str, str], splits: Iterable[str]) -> list[list[str]]:
    """Return the pairs of query and gallery splits; unknown and equal splits of a pair are refused."""
    known = list(splits)
    for query, gallery in pairs.items():
        for split in (query, gallery):
            if split not in known:
                raise unknown(split, "split of query_gallery", known)
        if query == gallery:
            message = (
                f"query_gallery names split {query!r} as its own gallery; leave it out, for without a "
                "gallery the items of a split search each other"
            )
            raise InputError(message)
    return [list(pair) for pair in pairs.items()]
