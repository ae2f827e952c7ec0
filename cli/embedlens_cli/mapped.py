"""Maps of snapshots: computing them, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli import class_names
from embedlens_cli.colored import CLASS, class_of, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.projection import Parameters, Step
    from embedlens.analysis.synthesis import SynthesisedMap
    from embedlens.figures.projection import Map
    from embedlens.store import Run
    from embedlens_cli.map_items import Sampled
    from embedlens_cli.reading import Kept, Reader

_SAID_ELSEWHERE = ("device", "highlight", "synthesised", "left_out")
THUMBNAIL_SIZE = 0.2
"""Side of a picture, inches, unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of every map."""

    told: Parameters
    sample: int | None
    whole_classes: bool | None
    central: bool
    thumbnails: bool
    thumbnail_size: float
    highlight: tuple[str, ...]
    color: str
    synthesised: int | None
    device: str
    left_out: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """What is not the default, for file names."""
        changed = [
            f"{name.replace('_', '-')}-{value:g}"
            if isinstance(value, float)
            else f"{name.replace('_', '-')}-{value}"
            for name, value in self.told.changed().items()
            if name != "n_jobs"
        ]
        return [
            f"sample-{self.sample}" if self.sample else "",
            {True: "whole-classes", False: "every-class", None: ""}[self.whole_classes],
            "central" if self.central else "",
            "thumbnails" if self.thumbnails else "",
            f"size-{self.thumbnail_size:g}" if self.thumbnail_size != THUMBNAIL_SIZE else "",
            f"synthesised-{self.synthesised}" if self.synthesised else "",
            f"color-{self.color}" if self.color != CLASS else "",
            "highlight-" + "+".join(self.highlight) if self.highlight else "",
            *changed,
            *self.left_out,
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The map of one snapshot, which that is, and what is known of its items."""

    run: str
    split: str
    epoch: int
    step: Step
    labels: NDArray[np.int64]
    thumbnails: NDArray[np.uint8] | None
    highlight: tuple[int, ...]
    names: Mapping[int, str]
    class_names: Mapping[int, str]
    central: bool
    thumbnail_size: float
    synthesised: SynthesisedMap | None
    series: bool
    sampled: Sampled | None

    @property
    def numbers(self) -> dict[str, int | float | str]:
        """What is said of the map."""
        projection = self.step.projection
        return {
            "n": projection.item.size,
            "of": self.labels.size,
            "n_singletons": projection.n_singletons,
            **({} if self.sampled is None else self.sampled.numbers),
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
        from embedlens.figures.projection import Map

        return Map(
            title, self.step.projection, self.labels, self.thumbnails, self.thumbnail_size, self.synthesised,
            "" if self.sampled is None else self.sampled.note,
        )  # fmt: skip

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the table behind the map, a row a point."""
        if self.synthesised is not None:
            found = self.synthesised.columns(self.labels)
        else:
            projection = self.step.projection
            found = {**projection.columns(), "label": self.labels[projection.item]}
        return found | class_names.columns(found["label"], self.class_names)


def check_series(runs: Mapping[str, Run]) -> None:
    """Refuse a run of which there is nothing to animate."""
    for label, run in runs.items():
        if len(run.epochs()) < 2:
            message = f"run {label!r} has one epoch only; --animate needs two or more"
            raise InputError(message)


def measure(
    runs: Mapping[str, Run],
    splits: Sequence[str],
    epochs: Mapping[str, Sequence[int]],
    wish: Wish,
    *,
    reader: Reader,
    series: bool,
) -> list[Mapped]:
    """Map every snapshot: from scratch, or each epoch of a run from the one before."""
    from embedlens_cli import output

    work = [(label, run, split) for label, run in runs.items() for split in splits]
    found = []
    for label, run, split in output.track(work, "mapping"):
        numbers = epochs[label]
        kept = reader.kept(run, split, numbers[0])
        for part in [numbers] if series else [[number] for number in numbers]:
            found += _map((label, run, split), part, wish, kept=kept, series=series)
    return found


def _map(
    where: tuple[str, Run, str], epochs: Sequence[int], wish: Wish, *, kept: Kept, series: bool
) -> list[Mapped]:
    """Map epochs of a split, each from the one before; what cannot be mapped is told with its place."""
    import numpy as np

    from embedlens.figures.style import class_colors
    from embedlens_cli.map_items import sampled_rows

    label, run, split = where
    labels = run.labels(split)
    pictures = run.thumbnails(split) if wish.thumbnails else None
    place = f"run {run.name!r}, split {split!r}"
    if wish.thumbnails and pictures is None:
        message = f"{place} has no thumbnails; leave out --thumbnails"
        raise InputError(message)
    names = run.class_names
    colors = {
        epoch: labels if wish.color == CLASS else recorded(run, split, wish.color, epoch) for epoch in epochs
    }
    if wish.color != CLASS:
        names = {
            int(number): f"{wish.color} {number}" for color in colors.values() for number in np.unique(color)
        }
    there = kept.of(colors[epochs[0]])
    highlight = tuple(class_of(word, there, names) for word in wish.highlight)
    steps: list[tuple[Step, SynthesisedMap | None]] = []
    try:
        class_colors(there, highlight)  # refuses too many before anything is computed
        rows, sampled = sampled_rows(kept.of(labels), wish, highlight if wish.color == CLASS else ())
        asked = _Steps(wish, kept, rows, highlight, series)
        for step in asked.of(run, split, epochs):
            steps.append(step)
    except InputError as error:
        at = f"{place}, epoch {epochs[min(len(steps), len(epochs) - 1)]}"
        raise (error if run.name in str(error) else error.within(at)) from error
    return [
        Mapped(
            label, split, epoch, step, colors[epoch], pictures, highlight, names,
            run.class_names if wish.color == CLASS else {}, wish.central,
            wish.thumbnail_size, synthesised, series, sampled,
        )
        for epoch, (step, synthesised) in zip(epochs, steps, strict=True)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Makes the maps of a split; `rows` are those of the items that stay."""

    wish: Wish
    kept: Kept
    rows: NDArray[np.int64] | None
    highlight: Sequence[int]
    series: bool

    def of(self, run: Run, split: str, epochs: Sequence[int]) -> Iterator[tuple[Step, SynthesisedMap | None]]:
        """Yield the maps of epochs, and what was synthesised in each; items are rows of the split."""
        from embedlens.analysis.projection import Step
        from embedlens_cli.synthesising import synthesised_map

        wish = self.wish
        if wish.synthesised is None:
            for step in self._plain(run, split, epochs):
                placed = replace(step.projection, item=self.kept.row(step.projection.item))
                yield replace(step, projection=placed), None
            return
        rows = self.kept.rows if self.rows is None else self.kept.row(self.rows)
        for epoch in epochs:
            found = synthesised_map(
                run, split, epoch, per_class=wish.synthesised, rows=rows, highlight=self.highlight,
                told=wish.told, device=wish.device,
            )  # fmt: skip
            yield Step(found.items, "cold", 0.0, 0.0), found

    def _plain(self, run: Run, split: str, epochs: Sequence[int]) -> Iterator[Step]:
        """Yield the maps of the items that stay, which are numbered among themselves."""
        from embedlens.analysis.projection import Step, tsne, tsne_series

        wish, labels = self.wish, self.kept.of(run.labels(split))
        snapshots = (self.kept.of(run.snapshot(split, epoch).embeddings) for epoch in epochs)
        told = {"central": wish.central, "rows": self.rows, "device": wish.device, **asdict(wish.told)}
        if self.series:
            yield from tsne_series(snapshots, labels, **told)
        else:
            yield from (Step(tsne(one, labels, **told), "cold", 0.0, 0.0) for one in snapshots)


def facts(runs: Sequence[Run], wish: Wish) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from importlib import metadata

    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    said = asdict(wish)
    return {
        "runs": run_facts(runs),
        "parameters": said.pop("told"),
        **{name: value for name, value in said.items() if name not in _SAID_ELSEWHERE},
        "distance": "Euclidean, class means subtracted" if wish.central else wish.told.metric,
        "neighbours": "exact, 3 x perplexity",
        "openTSNE": metadata.version("openTSNE"),
        "engine": engine_facts(wish.device),
    }


def restless(found: Sequence[Mapped], told: Parameters) -> list[str]:
    """Say which first maps of a series ended before they were at rest."""
    from embedlens.analysis.projection import rest_of

    return [
        f"run {one.run!r}, split {one.split!r}, epoch {one.epoch}: the map is not at rest after "
        f"{first.iterations:,} iterations (gradient {first.gradient:.1e}, at rest from "
        f"{rest_of(told, first.item.size):.0e}), so later maps may move for that alone; raise "
        f"--settle-iter {told.settle_iter}"
        for one in found
        for first in [one.step.projection]
        if one.series and one.step.start == "cold" and not one.step.at_rest
    ]


def summary(found: Sequence[Mapped]) -> dict[str, Any]:
    """Return the numbers of each map: run -> split -> epoch -> name -> number."""
    answer: dict[str, Any] = {}
    for one in found:
        answer.setdefault(one.run, {}).setdefault(one.split, {})[str(one.epoch)] = one.numbers
    return answer
