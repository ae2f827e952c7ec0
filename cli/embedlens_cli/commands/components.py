"""The command `components`: the values of items in single components, by class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens import measurements
from embedlens.errors import InputError
from embedlens.moments import short_name_of
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    InName,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.spectrum.components import ClassScatter
    from embedlens.measurements.reader import Kept
    from embedlens.store import Run

    Scatters = Mapping[Selected, ClassScatter]

_ENDS = {"first": 1, "last": -1}
_SIGNS = (
    "arbitrary at the first epoch of a run; at every later one the scores correlate positively with those of "
    "the same component at the epoch before"
)


@grouped
def components(
    *,
    component: Annotated[
        str,
        typer.Option(
            help="Numbers from 1 (the largest), comma-separated; first, last, or -1 (the last), -2, ..."
        ),
        InName(
            lambda text: f"component-{'+'.join(options.words(text))}" if _numbers(text) != [1, -1] else ""
        ),
    ] = "first,last",
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Decompose the uncentred embeddings (SVD), not the centred ones (PCA)."),
        InName("svd"),
    ] = False,
    where: SnapshotOptions,
    normalize: Annotated[
        bool,
        typer.Option("--normalize/--no-normalize", help="Normalise embeddings, or take them as stored."),
        InName("as-given"),
    ] = True,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw each item's value, (z - mean) V, in the largest and the smallest component, by class.

    Classes are in the order of their labels. Panels have the same y limits, one row per run; the smallest
    component has its own, the same for all runs. Over several epochs each component keeps its sign.
    """
    from embedlens.figures.style import paper
    from embedlens.measurements.component_signs import aligned

    style, numbers = drawn.style(), _numbers(component)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    _check(selection.runs, numbers)
    measure = partial(_measure, kept=selection.kept(), numbers=numbers, center=not svd, normalize=normalize)
    results = aligned(selection.measure(measure, "decomposing"))
    facts = {
        "decomposition": "SVD of uncentred embeddings" if svd else "PCA of centred embeddings",
        "normalized": normalize,
        "drawn": "(z - mean) V",
        "signs": _SIGNS,
        "seed": None,
    }
    report = Report.of("components", selection, style, options=drawn, words=words, facts=facts)
    for one, result in results.items():
        report.enter(one, {**result.summary(), "components": result.by_component()})
    with paper(drawn.venue):
        for group in by_split(results):
            _save_split(report, group)
    _warn(results)
    report.end(lambda: _print(results))


def _measure(
    one: Selected,
    *,
    kept: Mapping[tuple[str, str], Kept],
    numbers: Sequence[int],
    center: bool,
    normalize: bool,
) -> ClassScatter:
    """Return the values of the items of one snapshot in some components."""
    from embedlens.analysis.spectrum.components import class_scatter

    items = kept[one.label, one.split]
    z, y = items.of(one.snapshot.embeddings), items.of(one.snapshot.labels)
    return class_scatter(z, y, numbers, center=center, normalize=normalize)


def _numbers(text: str) -> list[int]:
    """Return the numbers of components; from the end they are negative."""
    try:
        numbers = [_ENDS.get(word) or int(word) for word in options.words(text)]
    except ValueError:
        numbers = []
    if not numbers:
        message = f"--component {text!r}; give numbers from 1, first or last, separated by commas"
        raise InputError(message)
    return numbers


def _check(runs: Sequence[Run], numbers: Sequence[int]) -> None:
    """Refuse components that a run does not have, before anything is computed."""
    from embedlens.analysis.spectrum.components import component_numbers

    for run in runs:
        try:
            component_numbers(numbers, run.info.dim or 0)
        except InputError as error:
            place = f"run {run.name!r}"
            raise error.within(place) from error


def _save_split(report: Report, results: Scatters) -> None:
    """Write the figure of a split, or one of each epoch; all have the same limits."""
    from embedlens.captions import spaces as captions
    from embedlens.figures.spectrum.components import figure as components_figure
    from embedlens.figures.spectrum.components import limits_of, limits_of_smallest
    from embedlens.measurements.component_signs import sign_correlations

    limits, own = limits_of(results.values()), limits_of_smallest(results.values())
    correlations = sign_correlations(results)
    for group in by_split(results, apart=report.selection.several_epochs):
        title, names = headings(group)
        figure = components_figure(
            dict(zip(names, group.values(), strict=True)), limits=limits, limits_smallest=own, title=title,
            class_names={name: one.run.class_names for name, one in zip(names, group, strict=True)},
            **report.style.size(max(result.components.size for result in group.values()) * len(group)),
        )  # fmt: skip
        table = [
            {**one.facts, **result.columns()}
            | measurements.class_names.columns(result.classes[result.rank], one.run.class_names)
            for one, result in group.items()
        ]
        panels = [
            {"run": one.label, "epoch": one.epoch, "shown": result.rank.size}
            | {"of": one.run.info.splits[one.split].items}
            | correlations.get(one, {})
            for one, result in group.items()
        ]
        smallest = None if own is None else list(own)
        facts = {"panels": panels, "limits": list(limits), "limits_smallest": smallest}
        numbers = dict.fromkeys(number for result in group.values() for number in result.components.tolist())
        caption = captions.components(
            list(numbers), svd=report.artifacts.facts["decomposition"].startswith("SVD"),
            normalize=report.artifacts.facts["normalized"],
        )  # fmt: skip
        counts = [(result.rank.size, one.run.info.splits[one.split].items) for one, result in group.items()]
        report.add(figure, table, list(group), facts=facts, caption=caption, counts=counts)


def _warn(results: Scatters) -> None:
    """Say which of the components drawn are dead."""
    for one, result in results.items():
        for number in result.components[result.dead].tolist():
            console.print_message(f"{one.labelled_place}: component {number} is dead")


def _print(results: Scatters) -> None:
    """Print how far each component reaches."""
    rows = [
        (
            f"{one.label}, {one.split}",
            short_name_of(one.epoch),
            f"{result.rank.size:,}",
            f"{result.classes.size:,}",
            f"{number} of {result.dim}",
            *(f"{values[name]:.3g}" for name in ("deviation", "least", "greatest")),
        )
        for one, result in results.items()
        for number, values in result.by_component().items()
    ]
    heading = ("run, split", "epoch", "n", "classes", "component", "sigma/sqrt(N-1)", "least", "greatest")
    console.print_table(heading, rows)
