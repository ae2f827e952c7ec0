"""Training of the runs of `compare`: what starts first, what is left out, the list of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens_cli.common import console, grids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.execution import Workers
    from embedlens.experiments.compared_runs import ComparedRun, Requests, Way
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.presets import Preset
    from embedlens.experiments.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained: ways, seeds, common recipe, folder, requests, and epochs of the run before.

    `any_threads` is whether started runs may resume with another number of threads.
    """

    ways: Sequence[Way]
    seeds: Sequence[int]
    recipe: Recipe
    folder: Path
    requests: Requests
    preset: Preset
    pretraining_epochs: int | None
    any_threads: bool

    def start(self) -> PlannedRun | None:
        """Return the run that all others start from, as it stands now."""
        from embedlens.experiments.compared_runs import plan_pretraining

        return plan_pretraining(
            self.recipe,
            self.folder,
            preset=self.preset,
            epochs=self.pretraining_epochs,
            any_threads=self.any_threads,
        )

    def runs(self, start: PlannedRun | None) -> list[ComparedRun]:
        """Return the runs as they stand now."""
        from embedlens.experiments.compared_runs import plan

        return plan(
            self.ways, self.seeds, self.recipe,
            folder=self.folder, requests=self.requests, start=start, any_threads=self.any_threads,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trained:
    """The runs of a comparison after the training.

    Attributes
    ----------
    plan
        What was planned.
    start
        The run that all others start from.
    runs
        Those that could be trained on the data.
    failed
        Why runs failed, by path.
    left_out
        Why rows were left out, by name.
    """

    plan: Plan
    start: PlannedRun | None
    runs: Sequence[ComparedRun]
    failed: Mapping[Path, str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def train(plan: Plan, device: str, *, readers: int | None, workers: Workers | None) -> Trained:
    """Train what is not trained yet: the run that all others start from, then these."""
    start = plan.start()
    runs, left_out = _trainable(plan, plan.runs(start))
    if start is not None and not start.finished:
        failed = grids.train([start], device, readers=readers, workers=workers)
        for path, reason in failed.items():
            message = f"the run that all others start from failed, {path.name}: {reason}"
            raise InputError(message)
        start = plan.start()
        runs = [one for one in plan.runs(start) if one.way.name not in left_out]
    failed = grids.train([one.run for one in runs], device, readers=readers, workers=workers)
    return Trained(plan, start, runs, failed, left_out)


def list_planned(plan: Plan, *, as_json: bool) -> None:
    """Print the runs, and stop."""
    start = plan.start()
    runs, _ = _trainable(plan, plan.runs(start))
    facts = [
        {"compared as": one.way.name, "seed": one.run.config.seed, "epochs": one.run.config.epochs}
        for one in runs
    ]
    planned = [one.run for one in runs]
    if start is not None:
        planned.insert(0, start)
        facts.insert(0, {"compared as": "pre-training", "seed": 0, "epochs": start.config.epochs})
    grids.list_runs(planned, facts, as_json=as_json)


def _trainable(plan: Plan, runs: Sequence[ComparedRun]) -> tuple[list[ComparedRun], dict[str, str]]:
    from embedlens.experiments.compared_runs import trainable

    return trainable(
        runs, leave_out=plan.preset.leaves_out, warn=console.print_message, typed=plan.requests.typed
    )
