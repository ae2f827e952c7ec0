"""Maps of snapshots: figures, animations and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from embedlens import measurements
from embedlens.moments import name_of, short_name_of
from embedlens_cli.common import figure_style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from embedlens.analysis.projection.items import Sample
    from embedlens.analysis.projection.synthesis import SynthesisedMap
    from embedlens.csv_files import Table
    from embedlens.figures.projection.maps import Map
    from embedlens.measurements.maps import SnapshotMap
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected

    Maps = Mapping[Selected, SnapshotMap]
    Frame = Sequence[tuple[Selected, SnapshotMap]]


def save_stills(report: Report, maps: Maps, size: float, *, series: bool) -> None:
    """Write one figure for each epoch that every run has, the runs side by side; else one for all."""
    numbers, n_runs = sorted({one.epoch for one in maps}), len({one.label for one in maps})
    groups = [[(one, result) for one, result in maps.items() if one.epoch == number] for number in numbers]
    if any(len(group) < n_runs for group in groups):
        groups = [list(maps.items())]
    for group in groups:
        text = figure_style.epochs_text(one.epoch for one, _ in group) + ("-series" if series else "")
        figure, places = _draw(group, report.style, size), [one for one, _ in group]
        report.add(
            figure, _table(group), places, facts=_facts_of(group), epochs=text,
            **_caption(report, group, series=series),
        )  # fmt: skip


def save_animation(report: Report, maps: Maps, size: float, *, fps: float) -> None:
    """Write all epochs as GIF and MP4, and the key epochs as a strip."""
    from embedlens.captions import triplets as captions
    from embedlens.csv_files import without_repeats
    from embedlens.figures.export.animation import key_epochs, write_gif, write_mp4
    from embedlens.figures.projection.maps import figure as map_figure
    from embedlens.figures.projection.maps import limits_of

    style, every = report.style, list(maps.items())
    limits = limits_of(result.step.projection for result in maps.values())
    frames = _frames(every)
    pictures = _Pictures([frame for _, frame in sorted(frames.items())], style, size, limits)
    writers = {
        "gif": lambda path: write_gif(path, pictures, fps),
        "mp4": lambda path: write_mp4(path, pictures, fps),
    }
    facts = {**_facts_of(every), "frames": len(frames), "fps": fps}
    said = _caption(report, every, series=True, end=captions.animation())
    table = without_repeats(_table(every), ("label", measurements.class_names.COLUMN), key="item")
    report.add(writers, table, list(maps), facts=facts, epochs="animation", **said)
    keys, several = key_epochs(frames), len({one.label for one in maps}) > 1
    strip = [frames[epoch][row] for row in range(len(next(iter(frames.values())))) for epoch in keys]
    titles = [(f"{one.label}, " if several else "") + name_of(one.epoch) for one, _ in strip]
    figure = map_figure(
        [_drawn(result, title, size) for (_, result), title in zip(strip, titles, strict=True)],
        venue=style.venue, width=style.width or "full", title="" if several else _heading(strip),
        highlight=strip[0][1].highlight,
        names=measurements.class_names.joint(result.names for _, result in strip),
        limits=limits, columns=len(keys),
    )  # fmt: skip
    said = _caption(report, strip, series=True, end=captions.strip())
    places = [one for one, _ in strip]
    report.add(figure, _table(strip), places, facts=_facts_of(strip), epochs="strip", **said)


def _caption(report: Report, group: Frame, *, series: bool, end: str = "") -> dict[str, Any]:
    """Return what maps show, in sentences, and the number of items of each."""
    from embedlens.captions.spaces import tsne as caption

    said, (_, first) = report.artifacts.facts, group[0]
    whole = first.sampled is not None and first.sampled.whole_classes
    what = caption(
        [result.step.projection.perplexity for _, result in group],
        distance=said["distance"], by=said["color"], series=series, thumbnails=said["thumbnails"],
        synthesised=None if first.synthesised is None else first.synthesised.drawn.label.size,
        classes=classes_shown(first.sampled) if first.sampled is not None and whole else "",
    )  # fmt: skip
    counts = [(result.step.projection.item.size, result.labels.size) for _, result in group]
    return {"caption": f"{what} {end}".strip(), "counts": counts}


def _frames(maps: Frame) -> dict[int, Frame]:
    """Return the maps of each epoch; a run without that epoch stands at its latest before, or its first."""
    runs: dict[str, list[tuple[Selected, SnapshotMap]]] = {}
    for one, result in maps:
        runs.setdefault(one.label, []).append((one, result))
    return {
        epoch: [
            next((entry for entry in reversed(part) if entry[0].epoch <= epoch), part[0])
            for part in runs.values()
        ]
        for epoch in sorted({one.epoch for one, _ in maps})
    }


class _Pictures(Sequence[Any]):
    """Frames of an animation, each drawn when it is taken."""

    def __init__(
        self, frames: Sequence[Frame], style: figure_style.FigureStyle, size: float, limits: Any
    ) -> None:
        self._frames, self._style, self._size, self._limits = frames, style, size, limits

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: Any) -> Any:
        from embedlens.figures.export.animation import render

        figure = _draw(self._frames[number], self._style, self._size, self._limits)
        self._style.finish(figure)
        return render(figure)


def _draw(group: Frame, style: figure_style.FigureStyle, size: float, limits: Any = None) -> Figure:
    """Draw maps side by side."""
    from embedlens.figures.projection.maps import figure as map_figure
    from embedlens_cli.common.report import headings

    epochs = {name_of(one.epoch) for one, _ in group}
    titles = headings(one for one, _ in group)[1] if len(group) > 1 else [""]
    return map_figure(
        [_drawn(result, title, size) for (_, result), title in zip(group, titles, strict=True)],
        venue=style.venue,
        width=style.size(len(group))["width"],
        title=_heading(group) + (f", {min(epochs)}" if len(epochs) == 1 else ""),
        highlight=group[0][1].highlight,
        names=measurements.class_names.joint(result.names for _, result in group),
        limits=limits,
    )


def _drawn(result: SnapshotMap, title: str, size: float) -> Map:
    """Return a map as figures take it, with thumbnails of that size in inches."""
    from embedlens.figures.projection.maps import Map

    sampled = result.sampled
    note = "" if sampled is None or not sampled.whole_classes else classes_shown(sampled)
    return Map(
        title, result.step.projection, result.labels, result.thumbnails, size, result.synthesised, note
    )


def classes_shown(sampled: Sample) -> str:
    """Return how many classes a map shows."""
    return f"{sampled.n_classes:,} of {sampled.of_classes:,} classes"


def _heading(group: Frame) -> str:
    """Return what maps share: run and split."""
    (one, result), labels = group[0], {one.label for one, _ in group}
    centred = ["class means subtracted"] if result.central else []
    return ", ".join([*(labels if len(labels) == 1 else []), one.split, *centred])


def _table(group: Frame) -> Table:
    """Return the items of all maps, one block each."""
    return [{**one.facts, **result.columns()} for one, result in group]


def _facts_of(group: Frame) -> dict[str, Any]:
    """Return the entries of one figure's sidecar."""
    maps = {one.label: (one, result.synthesised) for one, result in group if result.synthesised is not None}
    facts: dict[str, Any] = {}
    if maps:
        named = {
            label: [
                measurements.class_names.name_of(number, one.run.class_names)
                for number in synthesised.drawn.classes.tolist()
            ]
            for label, (one, synthesised) in maps.items()
            if one.run.class_names
        }
        facts["synthesised"] = _synthesis_facts(
            {label: synthesised for label, (_, synthesised) in maps.items()}
        )
        facts["synthesised"] |= {"class_names": named} if named else {}
    summaries = [(one, result.summary()) for one, result in group]
    panels = [{**one.facts, **summary, "shown": summary["n"]} for one, summary in summaries]
    return {**facts, "panels": panels}


def _synthesis_facts(maps: Mapping[str, SynthesisedMap]) -> dict[str, object]:
    """Return what a sidecar says of synthesised points: run -> classes, and how they were drawn."""
    return {
        "points": {run: one.drawn.label.size for run, one in maps.items()},
        "drawn": "class mean of z_I + z_V, z_V ~ N(mu_i, diag sigma_i^2), i an item of the class at random",
        "classes": {run: one.drawn.classes.tolist() for run, one in maps.items()},
    }


def print_table(maps: Maps) -> None:
    """Print the numbers of each map."""
    from embedlens_cli.common import console

    rows = []
    for one, result in maps.items():
        numbers, step = result.summary(), result.step
        led = (f"{step.kept:.1%}", f"{step.residual:.3f}", f"{step.moved:.1%}")
        rows.append(
            (
                f"{one.label}, {one.split}", short_name_of(one.epoch),
                f"{numbers['n']:,} of {numbers['of']:,}",
                f"{numbers['kl_divergence']:.3f}", str(numbers["iterations"]), step.start,
                *(led if step.start != "cold" else ("-", "-", "-")),
            )
        )  # fmt: skip
    columns = (
        "run, split", "epoch", "n", "KL", "iterations", "start", "neighbours kept", "residual", "moved",
    )  # fmt: skip
    console.print_table(columns, rows)
