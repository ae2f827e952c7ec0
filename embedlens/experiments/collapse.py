"""The diagnosis of a collapse of the embedding space, while training and afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.experiments.epoch_metrics import leave_out_of
from embedlens.searches import search_of
from embedlens.selection import galleries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.leave_out import LeaveOut
    from embedlens.store import Run
    from embedlens.training.config import TrainConfig

COLLAPSED = 0.999
"""Mean similarity from which on a space is called collapsed, however its items are ordered within."""

_NARROW, _LOST, _LINE = 0.95, 0.5, 2.0
_SOFTER_LOSS = {"ephn": "epshn", "hn": "shn"}
_SOFTER_MINING = {"hard": "semi-hard"}


@dataclass(frozen=True, slots=True)
class Space:
    """R@1, effective rank and mean similarity of one split at one epoch."""

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
    """Return whether training has collapsed the space, to a point or to a line.

    To a point: the mean similarity is 0.95 or more, its distance from 1 is at most half of that at epoch 0,
    and R@1 is not above epoch 0's, or the mean similarity is 0.999 or more whatever R@1 is. The similarity
    alone is no criterion: an untrained network has all items at 0.90 (glyphs, 64 dims) to 0.97 (digits, 2
    dims), and an epoch of EPSHN takes them to 0.07; of few classes a space that is learnt well may stay
    narrow. Hard positives with hard negatives at too large a rate take them from 0.907 to 0.9998, and the
    effective rank from 22.7 to 1.5 (digits). R@1 is no criterion either: it is 0.988 there, since the order
    of the similarities survives in their last digits.

    To a line: the effective rank is below 2 and below half of that at epoch 0, and R@1 below epoch 0's. The
    rank alone is no criterion: two classes at opposite ends are a line, and all that can be learnt of them.

    Parameters
    ----------
    now
        The state to judge.
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
    """Detects a collapse during training: the space is collapsed for the second epoch in a row.

    A second warning follows only after the space has recovered.

    Parameters
    ----------
    run
        The run, with the epochs that it has when it resumes.
    config
        The configuration that it trains with.
    """

    def __init__(self, run: Run, config: TrainConfig) -> None:
        self._config = config
        self._first: dict[str, Space] = {}
        self._fallen: set[str] = set()
        self._again: list[str] = []
        self._warned = False
        if run.epochs()[:1] == [0]:
            out = leave_out_of(config)
            self._first = {split: Space.of_run(run, split, 0, leave_out=out) for split in _watched(run)}
            for row in run.log:
                self.see(int(row["epoch"] or 0), row)

    @property
    def collapsed(self) -> bool:
        """Whether the space is collapsed in the last epoch seen, for the second in a row at least."""
        return bool(self._again)

    def see(self, epoch: int, row: Mapping[str, float | None]) -> str | None:
        """Process the log row of an epoch; return the warning, if any."""
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
        begun = bool(self._again) and not self._warned
        self._fallen, self._warned = set(fallen), bool(fallen) and (self._warned or bool(self._again))
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


def run_collapsed(run: Run, epoch: int, *, leave_out: LeaveOut | None = None) -> bool:
    """Return whether the space of a run, in any of its splits, has collapsed at an epoch and the one before.

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


def advice(config: TrainConfig) -> str:
    """Return what to try after a collapse; what the configuration has already is not advised.

    The hardest negatives make a space collapse at too large a learning rate; where they are mined, their
    semi-hard counterpart is named. Elsewhere only a lower learning rate is.
    """
    from embedlens.objectives.losses import loss_class

    rate = f"a lower --lr (now {config.lr:g})"
    loss = loss_class(config.loss)
    mining = config.mining or loss.default_mining
    options = config.mining_options
    softer = _SOFTER_LOSS.get(config.loss)
    if softer is not None:
        return f"try semi-hard negatives (--loss {softer}), or {rate}"
    if mining == "easy-positive" and options.get("negative", "semi-hard") == "hard":
        return f'try semi-hard negatives (--mining-options \'{{"negative": "semi-hard"}}\'), or {rate}'
    if mining in _SOFTER_MINING:
        return f"try semi-hard negatives (--mining {_SOFTER_MINING[mining]}), or {rate}"
    return f"try {rate}"
