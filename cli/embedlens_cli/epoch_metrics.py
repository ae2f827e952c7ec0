"""What the trainer logs of every epoch beside its loss, and the warning when the space collapses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.searches import ID, Side, search_in, search_of
from embedlens.selection import galleries
from embedlens_cli.collapse_advice import advice
from embedlens_cli.data_warnings import COLLAPSED
from embedlens_cli.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.leave_out import Labels, LeaveOut
    from embedlens.store import Run
    from embedlens.training.config import TrainConfig
    from embedlens.training.datasets.base import ImageDataset
    from embedlens.training.trainer import Metrics
    from embedlens.training.trainer import Progress as Step

_SPACE = ("effective_rank", "mean_similarity")
_NARROW, _LOST, _LINE = 0.95, 0.5, 2.0


def check_stop_metric(name: str | None) -> None:
    """Refuse a column that no log has, before anything is written; splits are not known yet."""
    endings = ("loss", "recall_at_1", *_SPACE, "accuracy")
    if name is not None and not name.endswith(endings):
        columns = ", ".join(f"test_{ending}" for ending in endings[1:])
        message = f"no log has a column {name!r} to stop by; choose loss, or of any split, e.g. {columns}"
        raise InputError(message)


def check_left_out(config: TrainConfig) -> None:
    """Refuse, before anything is written, to leave out classes that the data lack, or all of a split."""
    out = Reader.of_config(config).leave_out
    if out.ignored or out.distractors:
        data = config.load_data()
        labels = _labels_left_out(data, config)
        for split, part in data.splits.items():
            if np.isin(part.labels, np.r_[labels.ignored, labels.distractors]).all():
                message = f"data {config.data!r}: no item of split {split!r} is left to score; leave out less"
                raise InputError(message)


def _labels_left_out(data: ImageDataset, config: TrainConfig) -> Labels:
    known = sorted({label for part in data.splits.values() for label in part.labels.tolist()})
    names = {label: data.class_names.get(label, str(label)) for label in known}
    return Reader.of_config(config).leave_out.labels_among(names, f"data {config.data!r}")


def metrics_of(data: ImageDataset, config: TrainConfig) -> Metrics:
    """Return what the trainer is handed: `epoch_metrics` with the queries and the ids of the data set."""
    ids = {split: part.items[ID] for split, part in data.splits.items() if ID in part.items}
    return partial(
        epoch_metrics,
        query_gallery=data.query_gallery,
        ids=ids,
        leave_out=_labels_left_out(data, config),
        duplicates=config.exclude_duplicates,
    )


def epoch_metrics(
    embeddings: Mapping[str, NDArray[np.float32]],
    labels: Mapping[str, NDArray[np.int64]],
    query_gallery: Mapping[str, str] | None = None,
    *,
    ids: Mapping[str, Sequence[str]] | None = None,
    leave_out: Labels | None = None,
    duplicates: bool = False,
) -> dict[str, float]:
    """Return R@1, effective rank and mean similarity of every split.

    A query split is searched for in its gallery; R@1 of a gallery alone is not asked for. Labels and
    duplicates that are left out are so in all of them, by the rule of `embedlens.searches`.
    """
    pairs = query_gallery or {}
    recalls: dict[str, float] = {}
    spaces: dict[str, float] = {}

    def side(name: str) -> Side:
        return Side.of(name, embeddings[name], labels[name], ids=(ids or {}).get(name))

    for split in embeddings:
        searched = split not in pairs.values() or split in pairs
        splits = split, pairs.get(split)
        try:
            search = search_in(
                side, splits, place=f"split {split!r}", labels=leave_out, duplicates=duplicates
            )
            found = search.score(["recall_at_1", *_SPACE] if searched else _SPACE)
        except InputError as error:  # training went astray: NaN, infinity or zero vectors
            message = f"the embeddings of split {split!r} cannot be compared ({error}); try a lower --lr"
            raise InputError(message) from error
        if searched:
            recalls[f"{split}_recall_at_1"] = found["recall_at_1"]
        spaces |= {f"{split}_{name}": found[name] for name in _SPACE}
    return recalls | spaces


@dataclass(frozen=True, slots=True)
class Space:
    """What one epoch made of the embeddings of one split: R@1, effective rank and mean similarity."""

    recall_at_1: float
    effective_rank: float
    mean_similarity: float

    @classmethod
    def of_row(cls, row: Mapping[str, float | None], split: str) -> Space | None:
        """Read a row of the log; None where it does not have all of them as finite numbers."""
        values = {name: row.get(f"{split}_{name}") for name in cls.__slots__}
        known = {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
        return cls(**known) if len(known) == len(values) else None

    @classmethod
    def of_run(cls, run: Run, split: str, epoch: int, *, leave_out: LeaveOut | None = None) -> Space:
        """Read an epoch's row of the log, or measure its snapshot where the log lacks these columns.

        `leave_out` is what the log leaves out.
        """
        row = next((row for row in run.log if row["epoch"] == epoch), {})
        found = cls.of_row(row, split)
        if found is not None:
            return found
        values = search_of(run, split, epoch, leave_out=leave_out).score(cls.__slots__)
        return cls(*(values[name] for name in cls.__slots__))


def has_collapsed(now: Space, before: Space) -> bool:
    """Say whether training has drawn the space together, to a point or to a line.

    To a point: the mean similarity is 0.95 or more, its distance from 1 is at most half of that at epoch 0,
    and R@1 is not above epoch 0's, or the mean similarity is 0.999 or more whatever R@1 is. The similarity
    alone does not tell: an untrained network has all items at 0.90 (glyphs, 64 dims) to 0.97 (digits, 2
    dims), and an epoch of EPSHN takes them to 0.07; of few classes a space that is learnt well may stay
    narrow. Hard positives with hard negatives at too large a rate take them from 0.907 to 0.9998, and the
    effective rank from 22.7 to 1.5 (digits). R@1 does not tell either: it is 0.988 there, since the order of
    the similarities survives in their last digits.

    To a line: the effective rank is below 2 and below half of that at epoch 0, and R@1 below epoch 0's. The
    rank alone does not tell: two classes at opposite ends are a line, and all that can be learnt of them.

    Parameters
    ----------
    now
        The state that is asked about.
    before
        The same split at epoch 0.
    """
    to_a_point = (
        now.mean_similarity >= _NARROW
        and 1 - now.mean_similarity <= _LOST * (1 - before.mean_similarity)
        and (now.recall_at_1 <= before.recall_at_1 or now.mean_similarity >= COLLAPSED)
    )
    to_a_line = (
        now.effective_rank < min(_LINE, before.effective_rank * _LOST)
        and now.recall_at_1 < before.recall_at_1
    )
    return to_a_point or to_a_line


class CollapseWatch:
    """Follows a run epoch by epoch; speaks when its space is collapsed for a second epoch in a row.

    It speaks again only after the space recovered.

    Parameters
    ----------
    run
        The run, with the epochs that it has when it goes on.
    config
        What it trains with.
    """

    def __init__(self, run: Run, config: TrainConfig) -> None:
        self._config = config
        self._first: dict[str, Space] = {}
        self._fallen: set[str] = set()
        self._again: list[str] = []
        self._told = False
        if run.epochs()[:1] == [0]:
            out = Reader.of_config(config).leave_out
            self._first = {split: Space.of_run(run, split, 0, leave_out=out) for split in _watched(run)}
            for row in run.log:
                self.see(int(row["epoch"] or 0), row)

    @property
    def collapsed(self) -> bool:
        """Whether the space is collapsed in the last epoch seen, for the second in a row at least."""
        return bool(self._again)

    def see(self, epoch: int, row: Mapping[str, float | None]) -> str | None:
        """Take in an epoch's row of the log; return what is to be told, if anything is."""
        names = [name.removesuffix("_effective_rank") for name in row if name.endswith("_effective_rank")]
        spaces = {name: space for name in names if (space := Space.of_row(row, name)) is not None}
        if epoch == 0:
            self._first |= spaces
            return None
        fallen = [
            name for name, space in spaces.items()
            if name in self._first and has_collapsed(space, self._first[name])
        ]  # fmt: skip
        self._again = [name for name in fallen if name in self._fallen]
        begun = bool(self._again) and not self._told
        self._fallen, self._told = set(fallen), bool(fallen) and (self._told or bool(self._again))
        return self._text(epoch, spaces, self._again[0]) if begun else None

    def _text(self, epoch: int, spaces: Mapping[str, Space], split: str) -> str:
        now, before = spaces[split], self._first[split]
        return (
            f"epoch {epoch}: the space has collapsed, for the second epoch in a row ({split}; at epoch 0 in "
            f"brackets): mean similarity "
            f"{now.mean_similarity:.4f} ({before.mean_similarity:.4f}), effective rank "
            f"{now.effective_rank:.1f} ({before.effective_rank:.1f}) of {self._config.dim} dims, R@1 "
            f"{now.recall_at_1:.4f} ({before.recall_at_1:.4f}); {advice(self._config)}"
        )

    def watch(self, report: Callable[[Step], None], tell: Callable[[str], None]) -> Callable[[Step], None]:
        """Return a report of training steps that also tells of a collapse, and what the method remarks."""

        def both(step: Step) -> None:
            report(step)
            if step.remark:
                tell(step.remark)
            told = None if step.row is None else self.see(step.epoch, step.row)
            if told:
                tell(told)

        return both


def run_collapsed(run: Run, epoch: int, *, leave_out: LeaveOut | None = None) -> bool:
    """Say whether the space of a run, in any of its splits, has collapsed at an epoch and the one before.

    It is the rule by which training warns (`CollapseWatch`): a space that is narrow at one epoch may recover.
    `leave_out` is what the log leaves out.
    """

    def collapsed(split: str, at: int) -> bool:
        now, first = (Space.of_run(run, split, number, leave_out=leave_out) for number in (at, 0))
        return has_collapsed(now, first)

    before = max((number for number in run.epochs() if number < epoch), default=None)
    if before is None:
        return False
    return any(all(collapsed(split, at) for at in (epoch, before)) for split in _watched(run))


def _watched(run: Run) -> list[str]:
    """Return the splits that have an R@1: all but the galleries of others."""
    searched = galleries(run).values()
    return [split for split in run.splits if split not in searched]
