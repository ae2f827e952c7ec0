"""The command `identify`: open-set identification, MAP@5 against the threshold of the unknown class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError, shortened
from embedlens.moments import name_of
from embedlens_cli.common import completion, console, options
from embedlens_cli.common.figure_style import epochs_text
from embedlens_cli.common.option_groups import (
    FigureOptions,
    InName,
    LeaveOutOptions,
    OneEpochOptions,
    WorkerOptions,
    file_words,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.measurements.open_set import Ensemble, OpenSetResult, OpenSetSettings
    from embedlens.store import Run


@dataclass(frozen=True, kw_only=True)
class IdentifyOptions:
    """Options of the classifier, the gallery, and the items on which the threshold is chosen."""

    unknown_class: Annotated[options.UnknownClass, InName("new-{}")] = None
    classifier: Annotated[
        bool,
        typer.Option(
            "--classifier",
            help="Rank the classes by a softmax classifier, fitted on the gallery's embeddings, not by "
            "neighbours.",
        ),
        InName("classifier"),
    ] = False
    gallery: Annotated[
        str | None,
        typer.Option(
            help="Split to search; none: the split itself. With --classifier the split to fit on.",
            show_default="what the run names, else none; with --classifier else train",
            autocompletion=completion.splits("none"),
        ),
        InName("gallery-{}"),
    ] = None
    choose_on: Annotated[
        str | None,
        typer.Option(
            help="Split that the threshold is selected on; halves: each half of the items selects it for "
            "the other.",
            show_default="the same items: optimistically biased",
            autocompletion=completion.splits("halves"),
        ),
        InName("chosen-on-{}"),
    ] = None
    c: Annotated[
        float,
        typer.Option(
            "--c",
            help="With --classifier: inverse regularisation strength C of the logistic regression.",
            min=1e-9,
        ),
        InName("c-{:g}"),
    ] = 10.0
    seed: Annotated[int, typer.Option(help="Seed of the halves.", min=0), InName("seed-{}")] = 0

    @property
    def words(self) -> list[str]:
        """Part of file names."""
        c = ["c"] if self.classifier else []
        seed = ["seed"] if self.choose_on == "halves" else []
        return file_words(self, ["unknown_class", "gallery", "classifier", *c, "choose_on", *seed])

    def settings(self) -> OpenSetSettings:
        """Return the settings that the library takes."""
        from embedlens.measurements.open_set import OpenSetSettings

        return OpenSetSettings(**vars(self))


@grouped
def identify(
    *,
    where: OneEpochOptions,
    how: IdentifyOptions,
    joined: Annotated[
        bool | None,
        typer.Option(
            "--joined/--no-joined",
            help="Add the ensemble of several runs: their unit embeddings concatenated.",
            show_default="where the runs hold the same items",
        ),
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Draw MAP@5 of the items of known and unknown classes, too.")
    ] = False,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
) -> None:
    """Draw MAP@5 against the threshold below which an item is assigned to the unknown class.

    Classes are ranked by first appearance among the neighbours, or by a classifier's probabilities.
    """
    from embedlens.leave_out import check_same_class
    from embedlens.measurements.open_set import ensembles_of, identify_items
    from embedlens.selection import choose_epoch

    style = drawn.style()
    check_device(device)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    if how.unknown_class is not None:
        check_same_class(selection.runs, how.unknown_class, "--unknown-class")
    settings = how.settings()
    places = {label: (run, choose_epoch(run, where.epoch)) for label, run in selection.labelled}
    ensembles = ensembles_of(
        places, selection.splits, reader=selection.reader, joined=_can_join(selection.runs, joined)
    )
    function = partial(identify_items, how=settings, device=device)
    results = selection.measure(function, "identifying", places=ensembles)
    facts = _facts(settings, device)
    report = Report.of("identify", selection, style, options=drawn, words=how.words, facts=facts)
    for ensemble, one in results.items():
        splits = report.artifacts.summary.setdefault(ensemble.label, {})
        splits.setdefault(ensemble.split, {})[ensemble.epoch] = one.answer()
    with style.paper():
        for split in selection.splits:
            group = {ensemble: one for ensemble, one in results.items() if ensemble.split == split}
            _save(report, group, how, parts=parts)
    _warn(results, how)
    report.end(lambda: _print(results))


def _can_join(runs: Sequence[Run], joined: bool | None) -> bool:
    """Say whether runs are joined; where that is requested and impossible, it is refused."""
    from embedlens.measurements.open_set import check_joined

    if joined is False or len(runs) == 1:
        if joined:
            message = "--joined needs two runs or more; got one"
            raise InputError(message)
        return False
    try:
        check_joined(runs)
    except InputError as error:
        if joined:
            raise
        console.print_message(f"not joined: {error}")
        return False
    return True


def _facts(how: OpenSetSettings, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
    from embedlens.similarity import engine_facts

    ranked = {"classifier": "softmax, scikit-learn, L-BFGS, unit embeddings", "c": how.c}
    return {
        "new_label": how.unknown_class,
        "chosen_on": how.choose_on or "the same items",
        "seed": how.halves,
        "threshold": "middle of the best step; of equal ones the middle, the lower of two",
        **(ranked if how.classifier else {"engine": engine_facts(device)}),
    }


def _save(
    report: Report, group: Mapping[Ensemble, OpenSetResult], how: IdentifyOptions, *, parts: bool
) -> None:
    """Write the curves of one split."""
    from embedlens.captions import scores as captions
    from embedlens.figures.open_set.ranking import figure as ranking_figure

    first, one = next(iter(group.items()))
    names = [ensemble.label for ensemble in group]
    epochs = sorted({epoch for ensemble in group for epoch in ensemble.epochs})
    searched = "" if one.gallery is None else f"{'fitted on' if how.classifier else 'gallery'} {one.gallery}"
    left_out = how.unknown_class and (one.new_class or how.unknown_class)
    unknown = shortened(left_out) if left_out else ""
    title = [
        *(names if len(names) == 1 else ()),
        first.split,
        searched,
        *([name_of(epochs[0])] if len(epochs) == 1 else ()),
        unknown and f"unknown class {unknown}",
    ]
    figure = ranking_figure(
        {ensemble.label: result.result.sweep for ensemble, result in group.items()},
        choices={ensemble.label: result.result.choice for ensemble, result in group.items()},
        parts=parts,
        scores="probability" if how.classifier else "similarity",
        title=", ".join(filter(None, title)),
        **report.style.size(),
    )
    table = [{**ensemble.facts, **result.result.sweep.columns()} for ensemble, result in group.items()]
    panels = [ensemble.facts | result.answer() for ensemble, result in group.items()]
    words = [*report.words, "parts" if parts else ""]
    stem = ["identify", *report.artifacts.named(names), first.split, epochs_text(epochs), *words]
    facts = {"split": first.split, "epochs": epochs, "panels": panels}
    what = captions.ranking(unknown=unknown, classifier=how.classifier, chosen_on=how.choose_on)
    text = report.caption(what, [ensemble.shown(result.n) for ensemble, result in group.items()])
    report.style.save(report.artifacts, stem, figure, table, facts=facts, caption=text)


def _warn(results: Mapping[Ensemble, OpenSetResult], how: IdentifyOptions) -> None:
    """Say what the numbers must be taken with."""
    if how.choose_on is None:
        console.print_message(
            "each threshold is selected on the items that it is evaluated on, so MAP@5 is optimistically "
            "biased; --choose-on halves, or a split, evaluates it on other items"
        )
    for ensemble, one in results.items():
        if one.classifier is not None and not one.classifier.converged:
            console.print_message(
                f"the classifier of {ensemble.label} stopped after {one.classifier.iterations} steps "
                "before it converged; a smaller --c converges sooner"
            )


def _print(results: Mapping[Ensemble, OpenSetResult]) -> None:
    """Print MAP@5 of the items of known and unknown classes."""
    rows = []
    for ensemble, one in results.items():
        sweep, choice = one.result.sweep, one.result.choice
        scores = (choice.map_at_5, choice.map_at_5_known, choice.map_at_5_new)
        rows.append((
            f"{ensemble.label}, {ensemble.split}", ensemble.epoch_name, one.gallery or "-",
            f"{sweep.n_known:,}", f"{sweep.n_new:,}", f"{one.result.never:.4f}",
            ", ".join(f"{value:.4f}" for value in choice.thresholds),
            *(console.cell(value, ".4f") for value in scores),
        ))  # fmt: skip
    fitted = any(one.classifier is not None for one in results.values())
    columns = (
        "run, split", "epoch", "fitted on" if fitted else "gallery", "known", "unknown", "without threshold",
        "threshold", "MAP@5", "of known", "of unknown",
    )  # fmt: skip
    console.print_table(columns, rows)
