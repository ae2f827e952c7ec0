"""`embedlens spectrum --intra-class`: the variance within each class, and whether it is the same for all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens import measurements
from embedlens.errors import InputError
from embedlens_cli.common import console
from embedlens_cli.common.figure_style import FigureStyle
from embedlens_cli.common.option_groups import FigureOptions
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedlens.analysis.spectrum.intra_class import ClassSpectra

    Results = Mapping[Selected, ClassSpectra]


def check(flags: Mapping[str, bool]) -> None:
    """Refuse options that are not of spectra within classes: flag -> whether it is given."""
    beside = next((flag for flag, on in flags.items() if on), None)
    if beside:
        message = (
            "--intra-class draws the variances of each class, centred, of one epoch on a logarithmic axis; "
            f"leave out {beside}"
        )
        raise InputError(message)


def draw(
    selection: Selection, style: FigureStyle, *, normalize: bool, options: FigureOptions, words: Iterable[str]
) -> None:
    """Decompose the classes of every snapshot, write the figures, give the answer."""
    from embedlens.figures.style import paper

    results = selection.measure(partial(_measure, normalize=normalize), "decomposing")
    facts = {
        "decomposition": "covariance of each class of two items and more",
        "normalized": normalize,
        "drawn": "eigenvalues, falling",
        "variation": "coefficient of variation over the classes of the total variance",
        "similarity": "mean over pairs of classes of tr(A B) / (|A| |B|), 1 - correlation matrix distance",
        "if_alike": "means over 20 random permutations of the deviations from class means among the classes",
        "seed": 0,
    }
    report = Report.of("spectrum", selection, style, options=options, words=words, facts=facts)
    for one, result in results.items():
        report.enter(one, result.summary())
    with paper(style.venue):
        for group in by_split(results):
            _save(report, group)
    for line in _warnings(results):
        console.print_message(line)
    report.end(lambda: _print_table(results))


def _measure(one: Selected, *, normalize: bool) -> ClassSpectra:
    """Decompose the classes of one snapshot."""
    from embedlens.analysis.spectrum.intra_class import class_spectra

    search = one.search(gallery=one.split)
    return class_spectra(search.z, search.y, normalize=normalize)


def _save(report: Report, group: Results) -> None:
    """Write the figure of one split."""
    from embedlens.captions import spaces as captions
    from embedlens.figures.spectrum.intra_class import figure as intra_class_figure

    title, names = headings(group)
    known = measurements.class_names.joint(one.run.class_names for one in group)
    panels = dict(zip(names, group.values(), strict=True))
    figure = intra_class_figure(panels, names=known, title=title, **report.style.size(len(group)))
    sizes = [{**one.facts, "shown": result.labels.size, **result.summary()} for one, result in group.items()]
    table = [{**one.facts, **_columns(result, one.run.class_names)} for one, result in group.items()]
    caption = captions.intra_class(
        [result.labels.size for result in group.values()], normalize=report.artifacts.facts["normalized"]
    )
    sizes_of = [int(result.counts.sum()) for result in group.values()]
    counts = [(n, n + result.n_alone) for n, result in zip(sizes_of, group.values(), strict=True)]
    report.add(figure, table, list(group), facts={"panels": sizes}, caption=caption, counts=counts)


def _columns(result: ClassSpectra, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the data behind one panel, with the names of the classes."""
    columns = result.columns()
    return columns | measurements.class_names.columns(columns["class"], names)


def _warnings(results: Results) -> list[str]:
    """Return which classes are left out, and of which the items do not span the space."""
    lines = []
    for one, result in results.items():
        if result.n_alone:
            lines.append(f"{one.labelled_place}: {result.n_alone:,} classes of one item are left out")
        few = int((result.counts <= result.dim).sum())
        if few:
            many = f"{few:,} of {result.labels.size:,} classes have at most D = {result.dim} items"
            lines.append(f"{one.labelled_place}: {many}; compare with *null*, not with 0 and 1")
    return lines


def _print_table(results: Results) -> None:
    """Print the numbers of every snapshot."""
    columns: tuple[str, ...] = ("run, split", "epoch", "classes", "items", "mean variance")
    columns += ("variation", "null", "similarity", "null")
    shown = ("mean_variance", "variation", "variation_if_alike", "similarity", "similarity_if_alike")
    rows = []
    for one, result in results.items():
        numbers = result.summary()
        values = [console.cell(numbers[name], ".4f") for name in shown]
        counts = f"{numbers['n_classes']:,}", f"{numbers['n']:,}"
        rows.append((f"{one.label}, {one.split}", str(one.epoch), *counts, *values))
    console.print_table(columns, rows)
    console.print_line(
        "variation of the total variance over the classes; similarity: cosine between covariances, mean over "
        "pairs of classes; null: expected if all classes had one covariance"
    )
