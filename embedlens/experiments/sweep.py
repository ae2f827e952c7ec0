"""Scores of the runs of a sweep: at the last epoch and before training, and which runs have collapsed."""

from __future__ import annotations

import hashlib
import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.analysis.experiments import sweep as analysis
from embedlens.analysis.experiments.sweep import Record, Sweep
from embedlens.errors import unknown
from embedlens.execution import run_tasks
from embedlens.experiments.collapse import Space, run_collapsed
from embedlens.leave_out import LeaveOut
from embedlens.searches import search_of
from embedlens.selection import galleries
from embedlens.store import open_run
from embedlens.store.format import info_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from embedlens.execution import Workers
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.readings import Readings
    from embedlens.searches import Search
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class Score:
    """The score that runs are compared by.

    Attributes
    ----------
    metric, split
        Name of the score, as of `embedlens.analysis.scores`, and the split that is scored.
    device
        "cpu" or "cuda".
    leave_out
        Which items are left out, as in the runs' logs.
    search
        Reads a split of a run at an epoch, less these items; None: `embedlens.searches.search_of`.
    known
        Scores of snapshots that were read, by a hash of their content.
    """

    metric: str
    split: str
    device: str = "cpu"
    leave_out: LeaveOut = field(default_factory=LeaveOut)
    search: Callable[[Run, str, int], Search] | None = None
    known: dict[bytes, float] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """Its column in log.csv."""
        return f"{self.split}_{self.metric}"

    def of(self, run: Run, epoch: int) -> tuple[float, str]:
        """Return the score of one epoch, from the log where it has it, and where it came from.

        The runs of a seed begin with the same embeddings, which are scored once.
        """
        logged = next((row.get(self.column) for row in run.log if row["epoch"] == epoch), None)
        if logged is not None and math.isfinite(logged):
            return logged, "log"
        read = self.search or partial(search_of, leave_out=self.leave_out)
        search = read(run, self.split, epoch)
        sides = [search.query, *([] if search.other is None else [search.other])]
        parts = [part.tobytes() for side in sides for part in (side.z, side.y)]
        content = hashlib.blake2b(b"".join(parts)).digest()
        if content not in self.known:
            self.known[content] = search.score([self.metric], device=self.device)[self.metric]
        return self.known[content], "computed"


def compared_split(planned: Sequence[PlannedRun], split: str | None) -> str:
    """Return the split that the runs of a grid are compared on; one that the data lack is refused.

    None requested: that with queries, or test. It is known before the first run is trained.
    """
    recorded = next((one.path for one in planned if info_file(one.path).is_file()), None)
    if recorded is not None:
        run = open_run(recorded)
        known, queries = list(run.splits), list(galleries(run))
    else:
        data = planned[0].config.load_data()
        known, queries = list(data.splits), list(data.query_gallery)
    if split is not None and split not in known:
        raise unknown(split, "split", known)
    return split or next(iter([*queries, *(name for name in known if name != "train"), *known]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run of the grid with its score, or why it has none.

    Attributes
    ----------
    value, initial
        The score at the last epoch of the grid and at epoch 0; NaN where the run failed.
    effective_rank, collapsed
        Of the split that is compared; of the run, in any of its splits.
    source
        "log" or "computed".
    items
        Number of items that were scored.
    failure
        Why the run has no value; empty where it has one.
    """

    planned: PlannedRun
    value: float = math.nan
    initial: float = math.nan
    effective_rank: float = math.nan
    collapsed: bool = False
    source: str = ""
    items: int = 0
    failure: str = ""

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.planned.path.name

    @property
    def point(self) -> tuple[str, float, int, int]:
        """Loss, learning rate, dims and seed."""
        config = self.planned.config
        return config.loss, config.lr, config.dim, config.seed

    @property
    def record(self) -> Record:
        """The run as the analysis takes it."""
        return Record(*self.point, self.value, self.initial, self.effective_rank, self.collapsed)


def measure(
    planned: Sequence[PlannedRun],
    failed: Mapping[Path, str],
    score: Score,
    *,
    reader: Readings | None = None,
    executor: Workers | Executor | None = None,
    follow: Callable[[Sequence[PlannedRun]], Iterable[PlannedRun]] | None = None,
) -> list[Outcome]:
    """Return the score of each run at epoch 0 and at the last epoch of the grid.

    Parameters
    ----------
    planned
        The runs of the grid.
    failed
        Why runs failed, by path, as `train_runs` returns it; they have no score.
    score
        The score.
    reader
        Reads the runs, and collects the warnings about their data; None: `score.search` does.
    executor
        Where runs are scored, as of `embedlens.execution.run_tasks`; None: in this process.
    follow
        Returns the runs one by one, and shows the progress; None: nothing is shown.
    """
    trained = [one for one in planned if one.path not in failed]
    outcomes = []
    with closing(run_tasks(partial(_scored, score, reader), trained, executor=executor)) as results:
        for one in follow(planned) if follow else planned:
            if one.path in failed:
                outcomes.append(Outcome(one, failure=failed[one.path]))
                continue
            outcome, apart = next(results)
            outcomes.append(replace(outcome, planned=one))
            if reader is not None:
                reader.add(apart)
    return outcomes


def _scored(score: Score, reader: Readings | None, one: PlannedRun) -> tuple[Outcome, Any]:
    """Return the score of a run, and what its reader collected."""
    apart = None
    if reader is not None:
        apart = reader.fresh()
        score = replace(score, search=apart.search)
    run, epoch = open_run(one.path), one.config.epochs
    value, source = score.of(run, epoch)
    if not math.isfinite(value):
        return Outcome(one, failure=f"{score.metric} is {value:g} at epoch {epoch}"), apart
    out = score.leave_out
    rank = Space.of_run(run, score.split, epoch, leave_out=out).effective_rank
    numbers = value, score.of(run, 0)[0], rank, run_collapsed(run, epoch, leave_out=out)
    return Outcome(one, *numbers, source, run.info.splits[score.split].items), apart


def summarise(outcomes: Iterable[Outcome]) -> Sweep:
    """Return means and deviations over the seeds of each loss, learning rate and dim."""
    return analysis.summarise(outcome.record for outcome in outcomes)
