"""What became of the runs of a sweep: their scores at the end and before training, and what collapsed."""

from __future__ import annotations

import hashlib
import math
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed, unknown
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.sweep import Record
    from embedlens.store import Run
    from embedlens.training.grid import Planned
    from embedlens_cli.reading import Reader

_RISING = ("recall_at", "r_precision", "map_at", "knn_accuracy", "nmi", "f1", "ami")
_NAMED = 4  # runs at most in the command that is told next


@dataclass(frozen=True, slots=True)
class Score:
    """What runs are compared by; snapshots that were scored are remembered by their content."""

    metric: str
    split: str
    device: str
    reader: Reader
    known: dict[bytes, float] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """Its column in log.csv."""
        return f"{self.split}_{self.metric}"

    @property
    def label(self) -> str:
        """How papers spell it."""
        from embedlens.figures.curves import metric_label

        return metric_label(self.column, (self.split,))

    def of(self, run: Run, epoch: int) -> tuple[float, str]:
        """Return the score of one epoch, from the log where it has it, and where it came from.

        The runs of a seed begin with the same embeddings, which are scored once.
        """
        logged = next((row.get(self.column) for row in run.log if row["epoch"] == epoch), None)
        if logged is not None and math.isfinite(logged):
            return logged, "log"
        search = self.reader.search(run, self.split, epoch)
        sides = [search.query, *([] if search.other is None else [search.other])]
        parts = [part.tobytes() for side in sides for part in (side.z, side.y)]
        content = hashlib.blake2b(b"".join(parts)).digest()
        if content not in self.known:
            self.known[content] = search.score([self.metric], device=self.device)[self.metric]
        return self.known[content], "computed"


def check_score(metric: str, device: str) -> tuple[str, str]:
    """Return the score that was asked for, and the device; one unknown, or several, are refused."""
    from embedlens.analysis.scores import check_metrics
    from embedlens.devices import check_device

    found = check_metrics(options.words(metric))
    if len(found) > 1:
        message = f"--metric {metric!r} is {len(found)} scores ({', '.join(found)}); choose one of them"
        raise InputError(message)
    return found[0], check_device(device)


def compared_split(planned: Sequence[Planned], split: str | None) -> str:
    """Return the split that the runs of a grid are compared on; one that the data lack is refused.

    None asked for: that with queries, or test. It is known before the first run is trained.
    """
    from embedlens.selection import galleries
    from embedlens.store import open_run
    from embedlens.store.format import info_file

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

    planned: Planned
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
        """What the analysis is given."""
        from embedlens.analysis.sweep import Record

        return Record(*self.point, self.value, self.initial, self.effective_rank, self.collapsed)

    def facts(self) -> dict[str, Any]:
        """Return what the sidecar says of the run."""
        config = self.planned.config
        told: dict[str, Any] = {"name": self.name, "path": self.planned.path.as_posix(), "seed": config.seed}
        told |= {"loss": config.loss, "loss_options": config.loss_options, "lr": config.lr, "dim": config.dim}
        told |= {name: getattr(config, name) for name in PER_LOSS}
        return told | ({"failure": self.failure} if self.failure else {"source": self.source})


PER_LOSS = ("mining", "mining_options", "sampler", "classes_per_batch", "items_per_class")
"""What of a configuration may differ from loss to loss, beside its options and learning rate."""


def measure(planned: Sequence[Planned], failed: Mapping[Path, str], score: Score) -> list[Outcome]:
    """Return the score of each run at epoch 0 and at the last epoch of the grid; failed ones stay without."""
    from embedlens.store import open_run
    from embedlens_cli import output
    from embedlens_cli.epoch_metrics import Space, run_collapsed

    outcomes = []
    for one in output.track(planned, "scoring"):
        if one.path in failed:
            outcomes.append(Outcome(one, failure=failed[one.path]))
            continue
        run, epoch = open_run(one.path), one.config.epochs
        value, source = score.of(run, epoch)
        if not math.isfinite(value):
            outcomes.append(Outcome(one, failure=f"{score.metric} is {value:g} at epoch {epoch}"))
            continue
        out = score.reader.leave_out
        rank = Space.of_run(run, score.split, epoch, leave_out=out).effective_rank
        numbers = value, score.of(run, 0)[0], rank, run_collapsed(run, epoch, leave_out=out)
        outcomes.append(Outcome(one, *numbers, source, run.info.splits[score.split].items))
    score.reader.warnings.tell()
    return outcomes


def tell_failures(outcomes: Sequence[Outcome]) -> None:
    """Say which runs have no value."""
    from embedlens_cli import output

    names = [outcome.name for outcome in outcomes if outcome.failure]
    of = output.count_text(len(outcomes), "run")
    if names:
        output.remark(f"{len(names)} of {of} failed: {listed(names)}")
    for text, name in (("score at epoch 0", "initial"), ("effective rank", "effective_rank")):
        odd = [one.name for one in outcomes if not one.failure and not math.isfinite(getattr(one, name))]
        if odd:
            output.remark(
                f"the {text} is NaN or infinite in {len(odd)} of {of}, and means that hold it are left out: "
                f"{listed(odd)}"
            )


def next_command(outcomes: Sequence[Outcome], score: Score) -> str:
    """Return what is worth typing next: pruning where sizes were compared, else a scatter of the best."""
    good = [outcome for outcome in outcomes if not outcome.failure]
    rising = score.metric.startswith(_RISING)
    ranked = sorted(good, key=lambda outcome: outcome.value, reverse=True) if rising else good
    loss, lr, _, seed = ranked[0].point
    sizes = [one for one in good if one.point[:2] == (loss, lr) and one.point[3] == seed]
    if len(sizes) > 1:
        command, runs = "pca-prune", sorted(sizes, key=lambda one: -one.planned.config.dim)
    else:
        first = {one.planned.config.loss: one for one in reversed(ranked)}
        best = [one for one in ranked if first[one.planned.config.loss] is one]
        command, runs = "scatter", best[:_NAMED]
    return shlex.join(["embedlens", command, *(one.planned.path.as_posix() for one in runs)])
