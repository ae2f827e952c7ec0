"""t-SNE maps of the epochs of a run, of the items that stay, and what they are coloured by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.projection.items import draw_sample
from embedlens.analysis.projection.maps import Step, tsne, tsne_series
from embedlens.errors import InputError, unknown
from embedlens.experiments.latent_maps import latent_map
from embedlens.measurements.class_names import columns as columns_of_names
from embedlens.results import Result
from embedlens.selection import class_choices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.projection.items import Sample
    from embedlens.analysis.projection.synthesis import SynthesisedMap
    from embedlens.measurements.reader import Kept
    from embedlens.measurements.selected import Selected
    from embedlens.store import Run

CLASS = "class"
"""What items are coloured by, unless it is something that the method recorded."""


@dataclass(frozen=True, kw_only=True, repr=False)
class MapPlan(Result):
    """Options of the maps of a run.

    Attributes
    ----------
    parameters
        Options of `analysis.projection.maps.tsne` by name; their seed is also that of the sample.
    coloured
        Function of labels [n] and labels to highlight: returns the labels to colour, and refuses too many.
    series
        Whether each map starts from the one before.
    sample, whole_classes
        Number of items to map, None for all; whether all items of some classes or some of every class.
    central
        Whether the mean of its class is subtracted from every item first.
    thumbnails
        Whether the pictures of the items are needed.
    synthesised
        Number of points to draw around the mean of each coloured class; None: none.
    color, highlighted
        What items are coloured by, "class" or the name of what was recorded; classes to colour, as typed.
    device
        Of the engine: "cpu" or "cuda".
    """

    parameters: Mapping[str, Any]
    coloured: Callable[[NDArray[np.int64], Sequence[int]], Iterable[int]]
    series: bool = False
    sample: int | None = None
    whole_classes: bool | None = None
    central: bool = False
    thumbnails: bool = False
    synthesised: int | None = None
    color: str = CLASS
    highlighted: Sequence[str] = ()
    device: str = "cpu"

    @property
    def seed(self) -> int:
        """Seed of the sample."""
        return int(self.parameters.get("seed", 0))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SnapshotMap(Result):
    """The map of one snapshot, and what is known of its items.

    Attributes
    ----------
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
    central
        Whether the mean of its class was subtracted from every item.
    """

    step: Step
    labels: NDArray[np.int64]
    thumbnails: NDArray[np.uint8] | None
    highlight: tuple[int, ...]
    names: Mapping[int, str]
    class_names: Mapping[int, str]
    synthesised: SynthesisedMap | None
    sampled: Sample | None
    central: bool = False

    def summary(self) -> dict[str, int | float | str]:
        """Return the numbers of the map by name."""
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
        return columns | columns_of_names(columns["label"], self.class_names)


def map_split(places: Sequence[Selected], plan: MapPlan, kept: Kept) -> dict[Selected, SnapshotMap]:
    """Map the epochs of a split; errors name the place.

    Parameters
    ----------
    places
        The snapshots, by epoch.
    plan
        How each map is made.
    kept
        The items that are not left out.

    Raises
    ------
    InputError
        No thumbnails, a class or colour that is not there, or too few items for the perplexity.
    """
    run, split = places[0].run, places[0].split
    labels, by_class = run.labels(split), plan.color == CLASS
    pictures = run.thumbnails(split) if plan.thumbnails else None
    if plan.thumbnails and pictures is None:
        message = f"run {run.name!r}, split {split!r} has no thumbnails; leave out --thumbnails"
        raise InputError(message)
    colors = [labels if by_class else recorded(one, plan.color) for one in places]
    numbers = [] if by_class else np.unique(np.concatenate(colors)).tolist()
    names = run.class_names if by_class else {number: f"{plan.color} {number}" for number in numbers}
    there = kept.of(colors[0])
    highlight = tuple(label_of(word, there, names) for word in plan.highlighted)
    steps: list[tuple[Step, SynthesisedMap | None]] = []
    try:
        plan.coloured(there, highlight)  # refuses too many before anything is computed
        sampled = sample_of(kept.of(labels), plan, highlight if by_class else ())
        rows = None if sampled is None else sampled.rows
        for step in _steps(places, plan, kept, rows=rows, highlight=highlight):
            steps.append(step)
    except InputError as error:
        at = places[min(len(steps), len(places) - 1)].place
        if str(error).startswith("perplexity "):
            error = InputError(f"{error}; change --perplexity")
        raise (error if run.name in str(error) else error.within(at)) from error
    classes = run.class_names if by_class else {}
    return {
        one: SnapshotMap(step, color, pictures, highlight, names, classes, synthesised, sampled, plan.central)
        for one, color, (step, synthesised) in zip(places, colors, steps, strict=True)
    }


def sample_of(labels: NDArray[np.int64], plan: MapPlan, first: Sequence[int] = ()) -> Sample | None:
    """Return the sample of items with these labels that a plan maps; None: all of them."""
    if plan.sample is None:
        return None
    whole = plan.whole_classes
    return draw_sample(labels, plan.sample, whole_classes=whole, first=first, seed=plan.seed)


def _steps(
    places: Sequence[Selected],
    plan: MapPlan,
    kept: Kept,
    *,
    rows: NDArray[np.int64] | None,
    highlight: Sequence[int],
) -> Iterator[tuple[Step, SynthesisedMap | None]]:
    """Yield the maps of epochs, and what was synthesised in each; `rows` are those of the items that stay."""
    if plan.synthesised is None:
        steps = map_epochs(
            places, kept, series=plan.series, rows=rows, central=plan.central, device=plan.device,
            **plan.parameters,
        )  # fmt: skip
        yield from ((step, None) for step in steps)
        return
    shown = kept.rows if rows is None else kept.row(rows)
    for one in places:
        labels = one.run.labels(one.split)
        classes = [*plan.coloured(labels if shown is None else labels[shown], highlight)]
        result = latent_map(
            one.snapshot, one.run, per_class=plan.synthesised, classes=classes, rows=shown,
            device=plan.device, **plan.parameters,
        )  # fmt: skip
        yield Step(result.items, "cold", 0.0, 0.0), result


def map_epochs(places: Sequence[Selected], kept: Kept, *, series: bool, **options: Any) -> Iterator[Step]:
    """Yield the map of each epoch of a split, whose items are numbered as recorded.

    Parameters
    ----------
    places
        The snapshots, by epoch.
    kept
        The items that stay; `rows` among the options number these.
    series
        Whether each map starts from the one before; otherwise all start from scratch.
    **options
        Those of `analysis.projection.maps.tsne`.
    """
    labels = kept.of(places[0].run.labels(places[0].split))
    snapshots = (kept.of(one.snapshot.embeddings) for one in places)
    if series:
        steps: Iterator[Step] = iter(tsne_series(snapshots, labels, **options))
    else:
        steps = (Step(tsne(one, labels, **options), "cold", 0.0, 0.0) for one in snapshots)
    for step in steps:
        placed = replace(step.projection, item=kept.row(step.projection.item))
        yield replace(step, projection=placed)


def coloured_splits(runs: Sequence[Run], chosen: Sequence[str], color: str, *, named: bool) -> Sequence[str]:
    """Return the splits for which every run has recorded what items are coloured by.

    Parameters
    ----------
    runs, chosen
        The runs, and the splits that are meant.
    color
        "class", which all splits have, or the name of what the method recorded.
    named
        Whether the splits were named, so that each of them must have it.
    """
    if color == CLASS:
        return chosen
    splits = [split for split in runs[0].splits if all(color in run.extra_epochs(split) for run in runs)]
    if not splits:
        known = sorted({name for run in runs for split in run.splits for name in run.extra_epochs(split)})
        if color in known:
            message = f"{color!r} is not recorded by every run of the map; draw those that have it apart"
            raise InputError(message)
        raise unknown(color, "colour", [CLASS, *known])
    for split in chosen if named else ():
        if split not in splits:
            message = f"{color!r} is recorded of {', '.join(splits)}, not of {split}"
            raise InputError(message)
    return chosen if named else splits


def recorded(place: Selected, name: str) -> NDArray[np.int64]:
    """Return integers [N] that the method recorded with a snapshot, by their name."""
    array = place.run.extra(place.split, name, place.epoch)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = (
            f"{name!r} of split {place.split!r} is {array.dtype} {list(array.shape)}; "
            "one whole number per item is needed"
        )
        raise InputError(message)
    return array.astype("int64")


def label_of(word: str, labels: NDArray[np.int64], names: Mapping[int, str]) -> int:
    """Return the label meant by a number or by the name of a class."""
    by_name = {name: label for label, name in names.items()}
    if word in by_name:
        return by_name[word]
    if word.lstrip("-").isdecimal() and int(word) in labels:
        return int(word)
    present = {label: names.get(label, str(label)) for label in np.unique(labels).tolist()}
    raise unknown(word, "class", class_choices(present))
