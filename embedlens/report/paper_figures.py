"""Paper figures of a report: spectra, pruned Recall@1, distances and curves, as the commands draw them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from embedlens.csv_files import csv_text
from embedlens.figures.style import paper
from embedlens.moments import name_of
from embedlens.report.data import PaperFigure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.csv_files import Table
    from embedlens.measurements.selected import Selected

    Measured = Mapping[Selected, Triplets]

_FEW = 4  # sizes of the pruning curve: up to four of 8 components and more take the engine's fast way


def paper_figures(measured: Measured, *, device: str = "cpu") -> list[PaperFigure]:
    """Return the figures of the last snapshots of each split, and the curves of the logs.

    Parameters
    ----------
    measured
        Snapshot -> its nearest triplets, by run and epoch.
    device
        Of the engine: "cpu" or "cuda".
    """
    figures = []
    with paper():
        for split in dict.fromkeys(one.split for one in measured):
            own = {one: triplets for one, triplets in measured.items() if one.split == split}
            last = list({one.label: one for one in own}.values())
            figures += [_distances(own, split), _spectrum(last, split)]
            if not any(one.run.is_multi_label for one in last):  # pruning needs one label per item
                figures.append(_pruning(last, split, device=device))
        figures += _curves(list(measured))
    return figures


def _made(figure: Figure, table: Table, title: str, name: str) -> PaperFigure:
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    return PaperFigure(title, name, drawn.getvalue(), csv_text(table))


def _names(places: Sequence[Selected]) -> list[str]:
    return [f"{one.label}, {name_of(one.epoch)}" for one in places]


def _distances(measured: Measured, split: str) -> PaperFigure:
    """Draw the distances to (1, 0) at the first and the last epoch of each run."""
    from embedlens.analysis.triplets.distances import distances, histograms
    from embedlens.figures.triplets.distances import StateDistribution, figure

    ends: dict[str, list[Selected]] = {}
    for one in measured:
        ends.setdefault(one.label, []).append(one)
    shown = {_names(several)[0]: (several[0], True) for several in ends.values()}
    shown |= {name: (one, False) for several in ends.values() for one in several[-1:]
              for name in _names([one]) if name not in shown}  # fmt: skip
    counted = histograms({name: distances(measured[one]) for name, (one, _) in shown.items()})
    states = [StateDistribution(name, counted[name], initial) for name, (_, initial) in shown.items()]
    table: Table = [{**shown[name][0].facts, **counted[name].columns()} for name in shown]
    drawn = figure(states, [], n_text="", title=split, width="column")
    return _made(drawn, table, f"Distances to (1, 0), {split}", f"distances-{split}")


def _spectrum(last: Sequence[Selected], split: str) -> PaperFigure:
    from embedlens.figures.spectrum.values import figure
    from embedlens.measurements.spectra import decompose

    spectra = {name: decompose(one.search(gallery=split)).whole
               for name, one in zip(_names(last), last, strict=True)}  # fmt: skip
    table: Table = [{**one.facts, **values.columns()}
                    for one, values in zip(last, spectra.values(), strict=True)]  # fmt: skip
    return _made(figure(spectra, title=split), table, f"Singular values, {split}", f"spectrum-{split}")


def _pruning(last: Sequence[Selected], split: str, *, device: str) -> PaperFigure:
    """Draw Recall@1 of the leading components; the basis is that of the training split where there is one."""
    from embedlens.analysis.pruning import pruned_recall
    from embedlens.figures.pruning import figure

    curves: dict[str, Any] = {}
    fits = []
    for name, one in zip(_names(last), last, strict=True):
        search = one.search()
        fit = "train" if "train" in one.run.splits else split
        fits.append(fit)
        dim = search.z.shape[1]
        base = None if fit == split else one.run.snapshot(fit, one.epoch).embeddings
        dims = _sizes(dim)
        curves[name] = pruned_recall(
            search.z, search.y, dims, fit=base, gallery=search.gallery, device=device
        )
    table: Table = [{**one.facts, "fit": fit, **curve.columns()}
                    for one, fit, curve in zip(last, fits, curves.values(), strict=True)]  # fmt: skip
    drawn = figure(curves, title=split, fit=" and ".join(dict.fromkeys(fits)))
    return _made(drawn, table, f"Pruned Recall@1, {split}", f"pca-prune-{split}")


def _curves(places: Sequence[Selected]) -> list[PaperFigure]:
    """Draw the metrics that stand in the logs; no figure where there are none."""
    from embedlens.experiments import curve_results
    from embedlens.experiments.metric_names import choose_metrics
    from embedlens.experiments.run_metrics import RunMetrics, default_x
    from embedlens.figures.experiments.curves import CurvePanel, figure, metric_label

    runs = {one.label: one.run for one in places if one.run.log}
    sources = [RunMetrics.of(label, run) for label, run in runs.items()]
    if not any(source.log for source in sources):
        return []
    splits = list(dict.fromkeys(one.split for one in places))
    wanted = [name for name in choose_metrics([], sources, splits=[], monitors={})
              if any(source.values(name) for source in sources)]  # fmt: skip
    x = default_x(sources)
    lines, _ = curve_results.curves_of(sources, wanted, x)
    panels = [
        CurvePanel(metric_label(metric, splits) + (f" ({loss})" if loss else ""), tuple(several))
        for metric, loss, several in curve_results.comparable(lines, sources)
    ]
    if not panels:
        return []
    table = curve_results.columns(lines, [], sources)
    return [_made(figure(panels, x=x), table, "Curves", "curves")]


def _sizes(dim: int) -> list[int]:
    """Return the sizes of a pruning curve: all dims, and powers of two below, those of 8 and more if any."""
    powers = [2**power for power in range(14) if 2**power < dim]
    roomy = [size for size in powers if size >= 8]
    return [*(roomy or powers)[1 - _FEW :], dim]
