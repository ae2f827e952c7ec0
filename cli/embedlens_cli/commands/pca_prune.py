"""The command `pca-prune`: Recall@1 by the number of leading components kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError, unknown
from embedlens.measurements.slices import slices_alone
from embedlens.moments import short_name_of
from embedlens_cli.common import completion, console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.pruning import PruningCurve
    from embedlens.csv_files import Table
    from embedlens.measurements.spectra import PrunedSlice
    from embedlens.store import Run

_COLUMNS = 12  # of Recall@1 in the table


@grouped
def pca_prune(
    *,
    dims: Annotated[
        str,
        typer.Option(help="Numbers of leading components to keep, e.g. 64,32,16; or all."),
        InName(lambda text: "dims-" + "+".join(map(str, sorted(_parse(text) or ())))),
    ] = "all",
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Decompose the uncentred embeddings (SVD), not the centred ones (PCA)."),
        InName("svd"),
    ] = False,
    fit: Annotated[
        str | None,
        typer.Option(
            help="Split that the components are fitted on.",
            show_default="train, else the split",
            autocompletion=completion.splits(),
        ),
        InName("fit-{}"),
    ] = None,
    similarity: Annotated[
        str,
        typer.Option(
            help="cosine of the coordinates that are left, or their inner product: inner.",
            autocompletion=completion.one_of("cosine", "inner"),
        ),
        InName("{}"),
    ] = "cosine",
    center: Annotated[
        bool,
        typer.Option("--center", help="Subtract the mean of the fit before the rotation."),
        InName("centred"),
    ] = False,
    slices: Annotated[options.Slices, InName("slices-{}")] = None,
    leave_out: LeaveOutOptions,
    where: SnapshotOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw Recall@1 against the number of leading principal components that are kept.

    The embeddings are normalised and rotated onto the components; with all of them kept, Recall@1 is that of
    the embeddings as they are. With --slices, the same of each slice of the embedding, beside its spectrum.
    """
    from functools import partial

    from embedlens.analysis.pruning import SIMILARITIES, pruned_recall
    from embedlens.similarity import engine_facts

    if similarity not in SIMILARITIES:
        raise unknown(similarity, "similarity", SIMILARITIES)
    style, wanted = drawn.style(), _parse(dims)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    selection.check_slices(slices)
    selection.warn_of_idle_learners(slices)
    kept = {run.path: _kept(wanted, slices, selection.runs, run) for run in selection.runs}
    basis = "svd" if svd else "pca"
    prune = partial(pruned_recall, basis=basis, similarity=similarity, center=center, device=device)
    measured = selection.measure(partial(_measure, prune=prune, fit=fit, kept=kept, slices=slices), "pruning")
    pruned = {one: results for one, results in measured.items() if results}
    facts = {
        "basis": basis,
        "similarity": similarity,
        "centered": center,
        "engine": engine_facts(device)
        | {"screen": "float32, one pass for all dims", "settle": "float64, fixed order"},
    }
    report = Report.of("pca-prune", selection, style, options=drawn, words=words, facts=facts)
    for one, results in pruned.items():
        report.enter(one, results[0].answer())
        if slices is not None:
            parts = {part.slice_.name: part.answer() for part in results if part.slice_ is not None}
            report.enter(one, {"slices": parts})
    with style.paper():
        for group in by_split(pruned, apart=selection.several_epochs):
            _save(report, group, sliced=slices is not None)
    report.end(lambda: _print_table(pruned))


def _parse(text: str) -> tuple[int, ...] | None:
    """Return the numbers of components; None for all."""
    if text == "all":
        return None
    return options.numbers(text, "dims", least=1, allowed="numbers from 1, separated by commas, or all")


def _kept(
    dims: tuple[int, ...] | None, slices: str | None, runs: Sequence[Run], run: Run
) -> tuple[int, ...] | None:
    """Return the numbers that a run has; the others are named, and refused where no run has any.

    Of what is sliced, one number at least must be within the dims of a slice.
    """
    dim = run.info.dim
    if dims is None or dim is None:
        return dims
    if all(other.info.dim is not None and min(dims) > other.info.dim for other in runs):
        sizes = ", ".join(f"{other.name!r} has {other.info.dim}" for other in runs)
        message = f"no number of --dims {','.join(map(str, dims))} is within the dims of a run: {sizes}"
        raise InputError(message)
    for slice_ in slices_alone(run, slices)[:1]:
        if min(dims) > (width := slice_.columns.stop):
            message = f"no number of --dims is within the {width} dims of a slice of run {run.name!r}"
            raise InputError(message)
    skipped = [number for number in dims if number > dim]
    if skipped:
        console.print_message(f"run {run.name!r} has {dim} dims; skipped: {', '.join(map(str, skipped))}")
    return tuple(number for number in dims if number <= dim)


def _measure(
    one: Selected,
    *,
    prune: Callable[..., PruningCurve],
    fit: str | None,
    kept: Mapping[Path, tuple[int, ...] | None],
    slices: str | None,
) -> list[PrunedSlice]:
    """Prune one snapshot, and each slice of it; nothing where the run has none of the dims."""
    from embedlens.measurements.spectra import prune as prune_slices
    from embedlens.searches import items_of

    dims = kept[one.run.path]
    if dims == ():
        return []
    base = fit or ("train" if "train" in one.run.splits else one.split)
    if base not in one.run.splits:
        place = f"run {one.run.name!r}"
        raise unknown(base, "split to fit", one.run.splits).within(place)
    whole = one.search()
    apart = base != one.split
    items = items_of(one.run, base, one.epoch, leave_out=one.reader.leave_out) if apart else None
    return prune_slices(whole, prune, slices=slices_alone(one.run, slices), dims=dims, fit=items)


def _save(report: Report, group: Mapping[Selected, Sequence[PrunedSlice]], *, sliced: bool) -> None:
    """Write the curves of one split."""
    from embedlens.captions import spaces as captions
    from embedlens.figures.pruning import figure as pruning_figure
    from embedlens.figures.pruning import figure_of_slices

    title, names = headings(group)
    fits = " and ".join(dict.fromkeys(results[0].fit for results in group.values()))
    if sliced:
        rows = {name: (whole.curve, [(part.spectrum, part.curve) for part in parts if part.spectrum])
                for name, (whole, *parts) in zip(names, group.values(), strict=True)}  # fmt: skip
        figure = figure_of_slices(rows, **report.style.size(2), title=title, fit=fits)
    else:
        shown = {name: whole.curve for name, (whole,) in zip(names, group.values(), strict=True)}
        figure = pruning_figure(shown, **report.style.size(), title=title, fit=fits)
    every = [(one.facts | result.facts, result.curve) for one, results in group.items() for result in results]
    table: Table = [{**place, **curve.columns()} for place, curve in every]
    panels = [
        {**place, "dim": curve.dim, "shown": curve.n, "of": curve.n + curve.n_singletons}
        for place, curve in every
    ]
    said, wholes = report.artifacts.facts, [results[0] for results in group.values()]
    caption = captions.pruning(
        list(dict.fromkeys(whole.fit for whole in wholes)), svd=said["basis"] == "svd",
        similarity=said["similarity"], center=said["centered"],
        slices=len(next(iter(group.values()))) - 1 if sliced else None,
    )  # fmt: skip
    curves = [whole.curve for whole in wholes]
    counts = [(curve.n, curve.n + curve.n_singletons) for curve in curves]
    report.add(figure, table, list(group), facts={"panels": panels}, caption=caption, counts=counts)


def _print_table(pruned: Mapping[Selected, Sequence[PrunedSlice]]) -> None:
    """Print Recall@1 by components; of many numbers the powers of two and the last."""
    every = [(one, result) for one, results in pruned.items() for result in results]
    known = sorted({int(number) for _, result in every for number in result.curve.dims})
    if len(known) > _COLUMNS:
        ends = {result.curve.dims[-1] for _, result in every}
        known = [number for number in known if number & (number - 1) == 0 or number in ends]
    rows = []
    for one, result in every:
        cells = [console.cell(result.recalls.get(number), ".4f") for number in known]
        part = "" if result.slice_ is None else f" [{result.slice_.name}]"
        place = f"{one.label}, {one.split}{part}"
        rows.append((place, short_name_of(one.epoch), result.fit, f"{result.curve.n:,}", *cells))
    columns = ("run, split", "epoch", "fit", "n", *(f"R@1 of {number}" for number in known))
    console.print_table(columns, rows)
