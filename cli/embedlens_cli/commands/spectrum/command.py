"""The command `spectrum`: singular values, and dead dimensions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.measurements.slices import slices_alone
from embedlens.moments import short_name_of
from embedlens_cli.commands.spectrum import intra_class as class_spectra
from embedlens_cli.commands.spectrum.spectrum_options import SpectrumOptions, SpectrumSnapshots
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    LeaveOutOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from embedlens.measurements.spectra import SnapshotSpectrum

    Results = Mapping[Selected, SnapshotSpectrum]


@grouped
def spectrum(
    *,
    what: SpectrumOptions,
    leave_out: LeaveOutOptions,
    where: SpectrumSnapshots,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw singular values, sigma / sqrt(N - 1), of one or several runs on one axes; count dead dimensions.

    Prints effective rank and rho (uncentred), participation ratio (centred), and the dims that hold 90, 95
    and 99 % of the variance.
    """
    style = drawn.style()
    check_device(device)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    if what.intra_class:
        class_spectra.check(
            {"--svd": what.svd, "--log": bool(what.log), "--cumulative": what.cumulative,
             "--heatmap": what.heatmap, "--slices": what.slices is not None,
             "--epoch all": selection.several_epochs}
        )  # fmt: skip
    _check(what, selection)
    if what.intra_class:
        class_spectra.draw(selection, style, normalize=what.normalize, options=drawn, words=words)
        return
    selection.warn_of_idle_learners(what.slices)
    results = selection.measure(partial(_measure, what=what, device=device), "decomposing")
    facts = _facts(what, device)
    report = Report.of("spectrum", selection, style, options=drawn, words=words, facts=facts)
    for one, result in results.items():
        report.enter(one, result.answer())
    with style.paper():
        for group in by_split(results):
            _save(report, group, what)
    for line in _warnings(results):
        console.print_message(line)
    report.end(lambda: _print_tables(results, what.kind))


def _check(what: SpectrumOptions, selection: Selection) -> None:
    """Refuse options that do not go together, before anything is computed."""
    from embedlens.figures.spectrum.values import check_scale

    check_scale(log=what.logarithmic, cumulative=what.cumulative)
    if what.heatmap and not selection.several_epochs:
        message = "--heatmap draws epochs x components; add --epoch all"
        raise InputError(message)
    if what.slices is not None and selection.several_epochs:
        message = "--slices draws one epoch; choose --epoch last or a number"
        raise InputError(message)
    selection.check_slices(what.slices)
    for run in selection.runs if selection.several_epochs else ():
        if len(run.epochs()) == 1:
            message = (
                f"run {run.name!r} has one epoch ({run.epochs()[0]}), and spectra over epochs need two; "
                "leave out --epoch all"
            )
            raise InputError(message)


def _measure(one: Selected, what: SpectrumOptions, device: str) -> SnapshotSpectrum:
    """Decompose one snapshot, and its slices."""
    from embedlens.measurements.spectra import decompose

    # Only Recall@1 needs the gallery.
    search = one.search(gallery=one.split) if what.slices is None else one.search()
    parts = slices_alone(one.run, what.slices)
    return decompose(search, parts, center=not what.svd, normalize=what.normalize, device=device)


def _facts(what: SpectrumOptions, device: str) -> dict[str, Any]:
    """Return the entries of every sidecar."""
    from embedlens.similarity import engine_facts

    facts: dict[str, Any] = {
        "decomposition": "SVD of uncentred embeddings" if what.svd else "PCA of centred embeddings",
        "normalized": what.normalize,
        "drawn": "cumulative fraction of sigma^2" if what.cumulative else "sigma / sqrt(N - 1)",
        "seed": None,
    }
    if what.slices is not None:
        facts |= {"slices": what.slices, "compared_by": "cosine of slices as stored"}
        facts["engine"] = engine_facts(device)
    return facts


def _save(report: Report, group: Mapping[Selected, SnapshotSpectrum], what: SpectrumOptions) -> None:
    """Write the figure of one split."""
    from embedlens.captions import spaces as captions

    panels = [
        {**one.facts, "shown": result.whole.n, "of": result.whole.n, "n_dead": result.whole.n_dead}
        for one, result in group.items()
    ]
    table = [{**one.facts, **block} for one, result in group.items() for block in result.tables()]
    several = report.selection.several_epochs
    slices = next(len(result.slices) for result in group.values())
    caption = captions.spectrum(
        svd=what.svd, normalize=what.normalize, log=what.logarithmic, cumulative=what.cumulative,
        epochs=("heatmap" if what.heatmap else "curves") if several else "",
        slices=None if what.slices is None else slices,
    )  # fmt: skip
    report.add(
        _draw(report, group, what), table, list(group), facts={"panels": panels}, caption=caption,
        counts=[(result.whole.n, result.whole.n) for result in group.values()],
        epochs="epoch-all" if report.selection.epoch == "all" else None,
    )  # fmt: skip


def _draw(report: Report, group: Mapping[Selected, SnapshotSpectrum], what: SpectrumOptions) -> Figure:
    """Draw the runs of one split: spectra on one axes, or one panel per run over epochs, or slices."""
    from embedlens.analysis.spectrum.epochs import over_epochs
    from embedlens.figures.spectrum import epochs as spectrum_epochs
    from embedlens.figures.spectrum import slices
    from embedlens.figures.spectrum import values as curves

    title, names = _headings_with_sizes(group)
    runs = list(dict.fromkeys(one.label for one in group))
    panels = len(runs) if report.selection.several_epochs else 1 if what.slices is None else 2
    drawn: dict[str, Any] = {
        "log": what.logarithmic, "cumulative": what.cumulative, "title": title, **report.style.size(panels),
    }  # fmt: skip
    if report.selection.several_epochs:
        series = {
            run: over_epochs({one.epoch: result.whole for one, result in group.items() if one.label == run})
            for run in runs
        }
        return spectrum_epochs.figure(series, heatmap=what.heatmap, **drawn)
    named = dict(zip(names, group.values(), strict=True))
    if what.slices is not None:
        parts = {
            name: ([part for part, _ in result.slices], result.recalls)
            for name, result in named.items()
            if result.recalls is not None
        }
        return slices.figure(parts, **drawn)
    return curves.figure({name: result.whole for name, result in named.items()}, **drawn)


def _headings_with_sizes(results: Results) -> tuple[str, list[str]]:
    """Return the title of a figure and the name of each snapshot; one of them says the number of items."""
    title, names = headings(results)
    sizes = [f", n = {result.whole.n:,}" for result in results.values()]
    if len(set(sizes)) == 1:
        return title + sizes[0], names
    return title, [name + size for name, size in zip(names, sizes, strict=True)]


def _warnings(results: Results) -> list[str]:
    """Return where dimensions are dead, one line for each snapshot or slice."""
    from embedlens.figures.spectrum.values import dead_text

    lines = []
    for one, result in results.items():
        place = one.labelled_place
        parts = {place: result.whole} | {
            f"{place}, slice {number}": part for number, (part, _) in enumerate(result.slices, 1)
        }
        lines += [f"{name}: {dead_text(part)}" for name, part in parts.items() if part.n_dead]
    return lines


def _print_tables(results: Results, kind: str) -> None:
    """Print the numbers of every snapshot, and of every slice."""
    total = "variance" if kind == "pca" else "sigma^2"
    heading: tuple[str, ...] = ("run, split", "epoch", "n", "dims", "dead", "eff. rank", "part. ratio", "rho")
    heading += ("dims for 90 %", "95 %", "99 %")
    rows, of_slices = [], []
    for one, result in results.items():
        name = f"{one.label}, {one.split}"
        rows.append((name, short_name_of(one.epoch), *_cells(result.numbers)))
        if result.recalls is not None:
            for number, (_, numbers) in enumerate(result.slices):
                recalls = f"{result.recalls.alone[number]:.4f}", f"{result.recalls.joined[number]:.4f}"
                place = f"{name} [{number + 1}/{len(result.slices)}]"
                of_slices.append((place, *recalls, *_cells(numbers)[1:]))
    console.print_table(heading, rows)
    if of_slices:
        console.print_line("")
        console.print_table((heading[0], "R@1", "R@1 with the slices before", *heading[3:]), of_slices)
    console.print_line(
        f"effective rank and rho uncentred, participation ratio centred; dims for a fraction of the {total}"
    )


def _cells(numbers: dict[str, float]) -> list[str]:
    """Return the cells of numbers in a row; one that is not defined is a dash."""
    counts = [f"{numbers[name]:,.0f}" for name in ("n", "dim", "n_dead")]
    values = [f"{numbers[name]:.2f}" for name in ("effective_rank", "participation_ratio")]
    dims = [f"{numbers[f'dims_{share}']:.0f}" for share in (90, 95, 99)]
    return ["-" if cell == "nan" else cell for cell in (*counts, *values, f"{numbers['rho']:.4f}", *dims)]
