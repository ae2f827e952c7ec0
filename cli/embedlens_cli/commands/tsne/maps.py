"""Maps of snapshots: computing them, their numbers and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli.commands.tsne.colours import CLASS, label_of, recorded
from embedlens_cli.common import class_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.projection.items import Sample
    from embedlens.analysis.projection.maps import Step
    from embedlens.analysis.projection.synthesis import SynthesisedMap
    from embedlens.figures.projection.maps import Map
    from embedlens.measurements.reader import Kept
    from embedlens_cli.commands.tsne.map_options import MapOptions, MapSettings
    from embedlens_cli.common.snapshots import Selected, Selection

    Maps = Mapping[Selected, "SnapshotMap"]


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotMap:
    """The map of one snapshot, and what is known of its items.

    Attributes
    ----------
    options
        What is mapped and how it is drawn.
    step
        The map, and how it follows from the one before.
    labels
        int64 [N]: what the items of the split are coloured by.
    thumbnails
        Their pictures, where these are drawn.
    highlight, names
        Labels to colour, and names of labels.
    class_names
        Names of classes, where items are coloured by class.
    synthesised
        The map with points synthesised, of which `step` has the items.
    sampled
        How the items were drawn; None: all are mapped.
    """

    options: MapOptions
    step: Step
    labels: NDArray[np.int64]
    thumbnails: NDArray[np.uint8] | None
    highlight: tuple[int, ...]
    names: Mapping[int, str]
    class_names: Mapping[int, str]
    synthesised: SynthesisedMap | None
    sampled: Sample | None

    @property
    def numbers(self) -> dict[str, int | float | str]:
        """The numbers of the map by name."""
        projection = self.step.projection
        return {
            "n": projection.item.size,
            "of": self.labels.size,
            "n_singletons": projection.n_singletons,
            **({} if self.sampled is None else self.sampled.summary()),
            **({} if self.synthesised is None else {"n_synthesised": self.synthesised.drawn.label.size}),
            "kl_divergence": projection.kl_divergence,
            "iterations": projection.iterations,
            "start": self.step.start,
            "neighbours_kept": self.step.kept,
            "residual": self.step.residual,
            "moved": self.step.moved,
            "gradient": projection.gradient,
            "at_rest": self.step.at_rest,
        }

    def drawn(self, title: str) -> Map:
        """Return the map as figures take it."""
        from embedlens.figures.projection.maps import Map

        note = "" if self.sampled is None or not self.sampled.whole_classes else classes_shown(self.sampled)
        size = self.options.thumbnail_size
        return Map(title, self.step.projection, self.labels, self.thumbnails, size, self.synthesised, note)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the table behind the map, one row per point."""
        if self.synthesised is not None:
            columns: dict[str, NDArray[Any]] = {
                **self.synthesised.columns(),
                "label": self.synthesised.labels(self.labels),
            }
        else:
            projection = self.step.projection
            columns = {**projection.columns(), "label": self.labels[projection.item]}
        return columns | class_names.columns(columns["label"], self.class_names)


def check_series(selection: Selection) -> None:
    """Refuse a run of which there is nothing to animate."""
    for label, run in selection.labelled:
        if len(run.epochs()) < 2:
            message = f"run {label!r} has one epoch only; --animate needs two or more"
            raise InputError(message)


def measure(selection: Selection, settings: MapSettings) -> dict[Selected, SnapshotMap]:
    """Map every snapshot: from scratch, or each epoch of a run from the one before."""
    from embedlens_cli.common import console

    kept = selection.kept()
    splits: dict[tuple[str, str], list[Selected]] = {}
    for one in selection:
        splits.setdefault((one.label, one.split), []).append(one)
    maps: dict[Selected, SnapshotMap] = {}
    for key, places in console.track(list(splits.items()), "mapping"):
        for part in [places] if settings.series else [[one] for one in places]:
            maps |= _map(part, settings, kept[key])
    return maps


def _map(places: Sequence[Selected], settings: MapSettings, kept: Kept) -> dict[Selected, SnapshotMap]:
    """Map epochs of a split, each from the one before; errors name the place."""
    import numpy as np

    from embedlens.figures.style import class_colors

    what, (run, split) = settings.options, (places[0].run, places[0].split)
    labels, by_class = run.labels(split), what.color == CLASS
    pictures = run.thumbnails(split) if what.thumbnails else None
    if what.thumbnails and pictures is None:
        message = f"run {run.name!r}, split {split!r} has no thumbnails; leave out --thumbnails"
        raise InputError(message)
    colors = [labels if by_class else recorded(one, what.color) for one in places]
    numbers = [] if by_class else np.unique(np.concatenate(colors)).tolist()
    names = run.class_names if by_class else {number: f"{what.color} {number}" for number in numbers}
    there = kept.of(colors[0])
    highlight = tuple(label_of(word, there, names) for word in what.highlighted)
    steps: list[tuple[Step, SynthesisedMap | None]] = []
    try:
        class_colors(there, highlight)  # refuses too many before anything is computed
        sampled = _sample(kept.of(labels), settings, highlight if by_class else ())
        rows = None if sampled is None else sampled.rows
        for step in _steps(places, settings, kept, rows=rows, highlight=highlight):
            steps.append(step)
    except InputError as error:
        at = places[min(len(steps), len(places) - 1)].place
        if str(error).startswith("perplexity "):
            error = InputError(f"{error}; change --perplexity")
        raise (error if run.name in str(error) else error.within(at)) from error
    classes = run.class_names if by_class else {}
    return {
        one: SnapshotMap(what, step, color, pictures, highlight, names, classes, synthesised, sampled)
        for one, color, (step, synthesised) in zip(places, colors, steps, strict=True)
    }


def _steps(
    places: Sequence[Selected],
    settings: MapSettings,
    kept: Kept,
    *,
    rows: NDArray[np.int64] | None,
    highlight: Sequence[int],
) -> Iterator[tuple[Step, SynthesisedMap | None]]:
    """Yield the maps of epochs, and what was synthesised in each; `rows` are those of the items that stay."""
    from embedlens.analysis.projection.maps import Step
    from embedlens.experiments.latent_maps import latent_map
    from embedlens.figures.style import class_colors
    from embedlens.measurements.maps import map_epochs

    options, parameters = settings.options, settings.passed
    if options.synthesised is None:
        steps = map_epochs(
            places, kept, series=settings.series, rows=rows, central=options.central, device=options.device,
            **parameters,
        )  # fmt: skip
        yield from ((step, None) for step in steps)
        return
    shown = kept.rows if rows is None else kept.row(rows)
    for one in places:
        labels = one.run.labels(one.split)
        classes = [*class_colors(labels if shown is None else labels[shown], highlight)]
        result = latent_map(
            one.snapshot, one.run, per_class=options.synthesised, classes=classes, rows=shown,
            device=options.device, **parameters,
        )  # fmt: skip
        yield Step(result.items, "cold", 0.0, 0.0), result


def _sample(labels: NDArray[np.int64], settings: MapSettings, highlight: Sequence[int]) -> Sample | None:
    """Return the items to map, None for all; classes to highlight are among them."""
    from embedlens.analysis.projection.items import draw_sample

    size, whole = settings.options.sample, settings.options.whole_classes
    if size is None:
        return None
    return draw_sample(labels, size, whole_classes=whole, first=highlight, seed=settings.parameters.seed)


def classes_shown(sampled: Sample) -> str:
    """Return how many classes a map shows."""
    return f"{sampled.n_classes:,} of {sampled.of_classes:,} classes"


def sample_warnings(maps: Maps) -> list[str]:
    """Return a line for each split of which whole classes are mapped by default."""
    lines = [
        f"run {one.label!r}, split {one.split!r}: the map shows all items of {classes_shown(result.sampled)}"
        ", drawn at random; --every-class maps some items of every class"
        for one, result in maps.items()
        if result.sampled is not None and result.sampled.whole_classes and result.sampled.by_default
    ]
    return list(dict.fromkeys(lines))


def restless(maps: Maps, settings: MapSettings) -> list[str]:
    """Return a line for each first map of a series that ended before it was at rest."""
    from embedlens.analysis.projection.maps import rest_of

    parameters = settings.parameters
    return [
        f"{one.labelled_place}: the map has not converged after {first.iterations:,} iterations (gradient "
        f"{first.gradient:.1e}, converged from {rest_of(parameters, first.item.size):.0e}), so later maps "
        f"may move for that alone; raise --settle-iter {parameters.settle_iter}"
        for one, result in maps.items()
        for first in [result.step.projection]
        if settings.series and result.step.start == "cold" and not result.step.at_rest
    ]
