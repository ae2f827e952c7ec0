"""The command `spectrum`: singular values, and dead dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.spectrum import intra_class as class_spectra
from embedlens_cli.commands.spectrum import tables
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    SnapshotOptions,
    grouped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedlens.analysis.spectrum.values import Spectrum
    from embedlens.store import Run
    from embedlens_cli.commands.spectrum.tables import SnapshotSpectrum
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected


@dataclass(frozen=True, kw_only=True)
class _Snapshots(SnapshotOptions):
    """Which snapshots are decomposed; several epochs are drawn in one figure."""

    epoch: Annotated[
        str,
        typer.Option(
            help="last, a number, or all: one curve per epoch, coloured by epoch, one panel per run."
        ),
    ] = "last"


@dataclass(frozen=True, slots=True)
class _Options:
    """What is decomposed and how it is drawn."""

    svd: bool
    log: bool
    cumulative: bool
    heatmap: bool
    normalize: bool
    every_epoch: bool
    slices: str | None
    device: str

    @property
    def kind(self) -> str:
        return "svd" if self.svd else "pca"


def _is_log(log: bool | None, heatmap: bool, cumulative: bool) -> bool:
    """Return whether values are logarithmic: a heat map's are, whose first components outshine the others."""
    return heatmap and not cumulative if log is None else log


@grouped
def spectrum(
    *,
    slices: Annotated[options.Slices, InName("slices-{}")] = None,
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Decompose the uncentred embeddings (SVD), not the centred ones (PCA)."),
        InName("svd"),
    ] = False,
    log: Annotated[
        bool | None,
        typer.Option(
            "--log/--linear",
            help="Scale of the values: logarithmic or linear.",
            show_default="log for --heatmap only",
        ),
        InName(lambda *of: "log" if _is_log(*of) else "", of=("log", "heatmap", "cumulative")),
    ] = None,
    cumulative: Annotated[
        bool,
        typer.Option("--cumulative", help="Draw the cumulative fraction of the variance."),
        InName("cumulative"),
    ] = False,
    heatmap: Annotated[
        bool,
        typer.Option("--heatmap", help="With --epoch all: epochs x components as a heat map."),
        InName("heatmap"),
    ] = False,
    intra_class: Annotated[
        bool,
        typer.Option(
            "--intra-class",
            help="Draw the variance within each class, and compare it between classes.",
        ),
        InName("intra-class"),
    ] = False,
    normalize: Annotated[
        bool,
        typer.Option("--normalize/--no-normalize", help="Normalise embeddings, or take them as stored."),
        InName("as-given"),
    ] = True,
    leave_out: LeaveOutOptions,
    where: _Snapshots,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    words: FileWords,
) -> None:
    """Draw singular values, sigma / sqrt(N - 1), of one or several runs on one axes; count dead dimensions.

    Prints effective rank and rho (uncentred), participation ratio (centred), and the dims that hold 90, 95
    and 99 % of the variance.
    """
    from embedlens.devices import check_device
    from embedlens.figures.style import paper
    from embedlens_cli.common import console
    from embedlens_cli.common.report import Report, by_split
    from embedlens_cli.common.slices import warn_of_idle_learners
    from embedlens_cli.common.snapshots import Selection

    style, log_drawn = drawn.style(), _is_log(log, heatmap, cumulative)
    check_device(device)
    selection = Selection.of(where, leave_out, style.names)
    chosen = _Options(
        svd=svd, log=log_drawn, cumulative=cumulative, heatmap=heatmap, normalize=normalize,
        every_epoch=selection.several_epochs, slices=slices, device=device,
    )  # fmt: skip
    if intra_class:
        class_spectra.check(
            {"--svd": svd, "--log": bool(log), "--cumulative": cumulative, "--heatmap": heatmap,
             "--slices": slices is not None, "--epoch all": chosen.every_epoch}
        )  # fmt: skip
    _check(chosen, selection.runs)
    if intra_class:
        class_spectra.draw(selection, style, normalize=normalize, options=drawn, words=words)
        return
    warn_of_idle_learners(((one.run, one.epoch) for one in selection), slices)
    results = selection.measure(lambda one: _measure(one, chosen), "decomposing")
    report = Report.of("spectrum", selection, style, options=drawn, words=words, facts=_facts(chosen))
    for one, result in results.items():
        report.enter(one, result.summary)
    with paper(drawn.venue):
        for group in by_split(results):
            _save(report, group, chosen)
    for line in tables.warnings(results):
        console.print_message(line)
    report.end(lambda: tables.print_tables(results, chosen.kind))


def _check(chosen: _Options, runs: Sequence[Run]) -> None:
    """Refuse options that do not go together, before anything is computed."""
    from embedlens.figures.spectrum.values import check_scale
    from embedlens_cli.common.slices import check_slices

    check_scale(log=chosen.log, cumulative=chosen.cumulative)
    if chosen.heatmap and not chosen.every_epoch:
        message = "--heatmap draws epochs x components; add --epoch all"
        raise InputError(message)
    if chosen.slices is not None and chosen.every_epoch:
        message = "--slices draws one epoch; choose --epoch last or a number"
        raise InputError(message)
    check_slices(runs, chosen.slices)
    for run in runs if chosen.every_epoch else ():
        if len(run.epochs()) == 1:
            message = (
                f"run {run.name!r} has one epoch ({run.epochs()[0]}), and spectra over epochs need two; "
                "leave out --epoch all"
            )
            raise InputError(message)


def _measure(one: Selected, chosen: _Options) -> SnapshotSpectrum:
    """Decompose one snapshot, and its chunks."""
    from embedlens.analysis.spectrum.slices import slice_recalls, take
    from embedlens_cli.common.slices import chunks_alone

    if chosen.slices is None:
        # Only Recall@1 needs the gallery.
        return tables.SnapshotSpectrum(*_decompose(one.search(gallery=one.split).z, chosen))
    search, parts = one.search(), chunks_alone(one.run, chosen.slices)
    recalls = slice_recalls(search.z, search.y, len(parts), gallery=search.gallery, device=chosen.device)
    chunks = [_decompose(take(search.z, chunk), chosen) for chunk in parts]
    return tables.SnapshotSpectrum(*_decompose(search.z, chosen), chunks, recalls)


def _decompose(z: NDArray[Any], chosen: _Options) -> tuple[Spectrum, dict[str, float]]:
    """Return the spectrum to draw, and the numbers of both kinds."""
    from embedlens.analysis.spectrum.values import spectrum as decompose

    centred = decompose(z, normalize=chosen.normalize)
    return centred.uncentred() if chosen.svd else centred, centred.summary(chosen.kind)


def _facts(chosen: _Options) -> dict[str, Any]:
    """Return what every sidecar says."""
    from embedlens.similarity import engine_facts

    facts: dict[str, Any] = {
        "decomposition": "SVD of uncentred embeddings" if chosen.svd else "PCA of centred embeddings",
        "normalized": chosen.normalize,
        "drawn": "cumulative share of sigma^2" if chosen.cumulative else "sigma / sqrt(N - 1)",
        "seed": None,
    }
    if chosen.slices is not None:
        facts |= {"slices": chosen.slices, "compared_by": "cosine of chunks as stored"}
        facts["engine"] = engine_facts(chosen.device)
    return facts


def _save(report: Report, group: Mapping[Selected, SnapshotSpectrum], chosen: _Options) -> None:
    """Write the figure of one split."""
    panels = [
        {**one.facts, "shown": result.whole.n, "of": result.whole.n, "n_dead": result.whole.n_dead}
        for one, result in group.items()
    ]
    figure, table = _draw(report, group, chosen), tables.table_of(group)
    epochs = "epoch-all" if report.selection.epoch == "all" else None
    report.add(figure, table, list(group), facts={"panels": panels}, epochs=epochs)


def _draw(report: Report, group: Mapping[Selected, SnapshotSpectrum], chosen: _Options) -> Figure:
    """Draw the runs of one split: spectra on one axes, or one panel per run over epochs, or chunks."""
    from embedlens.analysis.spectrum.epochs import over_epochs
    from embedlens.figures.spectrum import epochs as spectrum_epochs
    from embedlens.figures.spectrum import slices
    from embedlens.figures.spectrum import values as curves

    title, names = tables.headings_with_sizes(group)
    runs = list(dict.fromkeys(one.label for one in group))
    panels = len(runs) if chosen.every_epoch else 1 if chosen.slices is None else 2
    drawn: dict[str, Any] = {
        "log": chosen.log, "cumulative": chosen.cumulative, "title": title, **report.style.size(panels),
    }  # fmt: skip
    if chosen.every_epoch:
        series = {
            run: over_epochs({one.epoch: result.whole for one, result in group.items() if one.label == run})
            for run in runs
        }
        return spectrum_epochs.figure(series, heatmap=chosen.heatmap, **drawn)
    named = dict(zip(names, group.values(), strict=True))
    if chosen.slices is not None:
        parts = {
            name: ([part for part, _ in result.chunks], result.recalls)
            for name, result in named.items()
            if result.recalls is not None
        }
        return slices.figure(parts, **drawn)
    return curves.figure({name: result.whole for name, result in named.items()}, **drawn)
