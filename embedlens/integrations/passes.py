"""Comparison of the labels in the batches of a pass with those of the run, and with the first pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from embedlens.errors import InputError, listed, warn
from embedlens.integrations.datasets import batch_labels
from embedlens.integrations.loaders import map_style

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embedlens.store import Recorder

_FIRST: WeakKeyDictionary[Recorder, dict[str, NDArray[Any] | None]] = WeakKeyDictionary()
"""Recorder -> split -> the labels in the batches of its first pass."""


class PassLabels:
    """The labels in the batches of one pass over a split, whose order must be that of the run.

    A stream has no row numbers: where another order shows in the labels of its batches, it is refused. The
    items of other data sets are read by their numbers; there, labels that do not fit are a warning, once.

    Parameters
    ----------
    recorder
        Recorder of the run.
    split
        Name of the split.
    loader
        Its loader, without row numbers in its batches.
    """

    def __init__(self, recorder: Recorder, split: str, loader: Iterable[Any]) -> None:
        self._recorder, self._split = recorder, split
        self._is_stream = map_style(loader) is None
        self._first = _FIRST.setdefault(recorder, {})
        self._reads = self._is_stream or split not in self._first
        self._rows: list[Any] = []
        self._labels: list[NDArray[Any]] = []

    def add(self, rows: NDArray[Any], batch: Any) -> None:
        """Keep the labels of a batch, if it has a label for each of its items."""
        if not self._reads:
            return
        found = batch_labels(batch, len(rows))
        if found is None or found.ndim != 1 or found.dtype.kind not in "iubUS":
            self._reads = False
            return
        self._rows.append(rows)
        self._labels.append(np.array(found))  # a copy: the memory of workers is not kept

    def check(self) -> None:
        """Refuse, or warn of, a pass in another order than that of the labels.

        Raises
        ------
        InputError
            A stream whose labels differ from those of the run, or of its first pass.
        """
        if not self._reads or not self._labels:
            return
        rows, labels = np.concatenate(self._rows), np.concatenate(self._labels)
        first = self._first.get(self._split)
        if first is not None and len(first) == len(labels):
            odd, wanted, place = _first_row(labels != first), first, "the first pass"
        elif self._recorder.run.is_multi_label:  # a label of a batch says nothing of the order of sets
            odd, wanted, place = None, labels, "the run"
        else:
            wanted = self._stored(rows, labels.dtype.kind in "US")
            odd, place = disagreement(labels, wanted), "the run"
        if odd is not None:
            self._report(odd, f"{labels[odd]} in the batches and {wanted[odd]} in {place}")
        self._first[self._split] = labels if self._is_stream else None

    def _stored(self, rows: NDArray[Any], as_text: bool) -> NDArray[Any]:
        run = self._recorder.run
        stored: NDArray[Any] = np.asarray(run.labels(self._split))[rows]
        if not as_text:
            return stored
        return np.array([str(run.class_names.get(int(label), label)) for label in stored])

    def _report(self, row: int, values: str) -> None:
        if self._is_stream:
            message = (
                f"split {self._split!r}: the label of row {row} is {values}; a stream gives its items in the "
                "order of the labels in every pass, or their row numbers, which rows= finds in a batch"
            )
            raise InputError(message)
        if self._recorder.ranks is None or self._recorder.ranks.leads:
            message = (
                f"split {self._split!r}: the label of row {row} is {values}; give labels in the order of the "
                "data set"
            )
            warn(message)


def disagreement(found: NDArray[Any], wanted: NDArray[Any]) -> int | None:
    """Return the first row at which two columns of labels [N] cannot be of the same items; None: they can.

    Columns of the same values must be equal. Of others (fine and coarse classes, other numbers of the same
    classes), each value of one column must always stand beside the same value of the other.
    """
    if np.array_equal(np.unique(found), np.unique(wanted)):
        return _first_row(found != wanted)
    odd = _first_row(_breaks(found, wanted))
    return None if odd is None or not _breaks(wanted, found).any() else odd


def _breaks(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows have another value in `other` than the first row of the same value in `one`."""
    _, first, group = np.unique(one, return_index=True, return_inverse=True)
    breaks: NDArray[np.bool_] = other[first[group]] != other
    return breaks


def _first_row(odd: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(odd)) if odd.any() else None


def check_shared(recorder: Recorder, loaders: Mapping[str, Any]) -> None:
    """Warn once of splits that have all items of the same data set, unless they are query and gallery.

    Parameters
    ----------
    recorder
        Recorder of the run.
    loaders
        Split name -> loader, whose data set is recorded as a whole.
    """
    if recorder in _FIRST or not (recorder.ranks is None or recorder.ranks.leads):
        return
    splits: dict[int, list[str]] = {}
    for split, loader in loaders.items():
        if (data := map_style(loader)) is not None:
            splits.setdefault(id(data), []).append(split)
    pairs = [set(pair) for pair in recorder.run.info.query_gallery]
    for names in splits.values():
        if len(names) > 1 and set(names) not in pairs:
            warn(
                f"splits {listed(names)} have the same items: their loaders have one data set, which is "
                "recorded as a whole; for a part of it give a loader of torch.utils.data.Subset"
            )
