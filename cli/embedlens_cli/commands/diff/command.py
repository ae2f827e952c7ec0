"""The command `diff`: items that one run retrieves and another does not, by class and confusion."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError, listed
from embedlens_cli.commands.diff.figures import Drawn, save_split
from embedlens_cli.commands.diff.tables import print_tables
from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    RunOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.measurements.differences import Sides, SplitDifference

_WHY = "a difference is that of the same items"
_MOST = 15  # classes at either end: twice as many rows fit a page of every venue


class TwoRunOptions(RunOptions):
    """Options of the runs that are compared, as typed; other options name their epochs."""

    epoch: ClassVar[str] = "last"


@grouped
def diff(
    *,
    where: TwoRunOptions,
    from_epoch: Annotated[
        str | None,
        typer.Option(
            metavar="EPOCH",
            help="Epoch of the first run; of a single run, the earlier one that is compared.",
            show_default="last; of a single run first",
            autocompletion=completion.epochs("first", "last"),
        ),
    ] = None,
    to_epoch: Annotated[
        str | None,
        typer.Option(
            metavar="EPOCH",
            help="Epoch of the second run; of a single run, the later one that is compared.",
            show_default="last",
            autocompletion=completion.epochs("first", "last"),
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            help="Number of classes, and of confusions, that are drawn at either end.", min=1, max=_MOST
        ),
    ] = 8,
    losses: Annotated[
        int | None,
        typer.Option(
            help="Number of the worst losses that are listed, and drawn where a run has thumbnails; 0: none.",
            min=0,
            show_default="8, as far as they fit the page",
        ),
    ] = None,
    resamples: Annotated[
        int,
        typer.Option(help="Bootstrap resamples for the interval.", min=1, max=1_000_000),
        InName("{}-resamples"),
    ] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0), InName("seed-{}")] = 0,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Compare two runs, or two epochs of one run, item by item: R@1 and rank of the nearest positive.

    An item is won where the nearest neighbour has its class in the second run alone, lost where it has it in
    the first alone. The interval of the difference resamples classes, since items of one class share
    neighbours. More than two runs are two groups that differ in the seed alone; the interval then resamples
    seeds, too.
    """
    from embedlens.measurements.class_names import joint
    from embedlens.measurements.differences import difference_of, outcomes_of, sides_of
    from embedlens.measurements.triplet_states import check_same_triplets

    style = drawn.style()
    check_device(device)
    most_losses = _number_of_losses(losses, **style.size(2))
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    _check_different(selection)
    check_same_triplets(selection.runs, selection.splits, _WHY)
    sides = sides_of(selection.labelled, from_epoch=from_epoch, to_epoch=to_epoch)
    places = [
        place
        for split in selection.splits
        for side in (sides.first, sides.second)
        for place in side.places(split, selection.reader)
    ]
    measured = selection.measure(partial(outcomes_of, device=device), "searching", places=places)
    found = {
        split: difference_of(measured, sides, split, most_losses=most_losses, resamples=resamples, seed=seed)
        for split in selection.splits
    }
    facts = _facts(selection, sides, device) | {"resamples": resamples, "seed": seed}
    report = Report.of("diff", selection, style, options=drawn, words=words, facts=facts)
    with style.paper():
        for split, one in found.items():
            _enter(report, sides, split, one)
            own = [place for place in places if place.split == split]
            save_split(report, Drawn(sides, split, own, top, one.anchors.anchor.size), one)
    names = joint(run.class_names for run in selection.runs)
    report.end(lambda: print_tables(sides, found, names))


def _number_of_losses(typed: int | None, *, venue: str, width: str) -> int:
    """Return how many losses are drawn; more than fit a page are refused."""
    from embedlens.figures.differences.losses import MOST, check_count, most_of_page

    if typed:
        check_count(typed, venue, width)
    return min(MOST, most_of_page(venue, width)) if typed is None else typed


def _check_different(selection: Selection) -> None:
    """Refuse names of which one run is left: it has no difference to itself."""
    if len(selection.typed) > 1 and len(selection.runs) == 1:
        message = (
            f"the names {listed(selection.typed)} leave one run with snapshots, {selection.runs[0].name!r}; "
            "name two, or one with --from-epoch and --to-epoch"
        )
        raise InputError(message)


def _facts(selection: Selection, sides: Sides, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
    from embedlens.analysis.statistics.intervals import CONFIDENCE
    from embedlens.analysis.statistics.paired_tests import MCNEMAR
    from embedlens.measurements.triplet_states import galleries
    from embedlens.similarity import engine_facts

    return {
        "first": sides.first.facts,
        "second": sides.second.facts,
        "paired": sides.paired,
        "galleries": galleries(selection.runs, selection.splits),
        "confidence": CONFIDENCE,
        "test": MCNEMAR,
        "engine": engine_facts(device),
    }


def _enter(report: Report, sides: Sides, split: str, found: SplitDifference) -> None:
    """Put the numbers into the JSON answer, at the second side."""
    numbers: Mapping[str, Any] = {
        **found.anchors.summary(),
        "interval": found.anchors.interval.summary(),
        "classes": found.classes.summary(),
        "confusions": found.confusions.summary(),
    }
    report.entry(sides.second.label, split, "+".join(map(str, sides.second.epochs))).update(numbers)
