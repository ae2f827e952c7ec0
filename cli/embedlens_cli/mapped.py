"""Maps of snapshots: computing them, and writing their figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli import drawing
from embedlens_cli.colored import CLASS, class_of, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.projection import Parameters, Step
    from embedlens.artifacts import Artifacts, Table
    from embedlens.figures.projection import Map
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of every map."""

    told: Parameters
    sample: int | None
    whole_classes: bool
    central: bool
    thumbnails: bool
    highlight: tuple[str, ...]
    color: str
    device: str

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
            "whole-classes" if self.whole_classes else "",
            "central" if self.central else "",
            "thumbnails" if self.thumbnails else "",
            f"color-{self.color}" if self.color != CLASS else "",
            "highlight-" + "+".join(self.highlight) if self.highlight else "",
            *changed,
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
    central: bool

    @property
    def numbers(self) -> dict[str, int | float | str]:
        """What is said of the map."""
        projection = self.step.projection
        return {
            "n": projection.item.size,
            "of": self.labels.size,
            "n_singletons": projection.n_singletons,
            "kl_divergence": projection.kl_divergence,
            "iterations": projection.iterations,
            "start": self.step.start,
            "neighbours_kept": self.step.kept,
            "residual": self.step.residual,
        }

    def drawn(self, title: str) -> Map:
        """Return the map as figures take it."""
        from embedlens.figures.projection import Map

        return Map(title, self.step.projection, self.labels, self.thumbnails)


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
    series: bool,
) -> list[Mapped]:
    """Map every snapshot: from scratch, or each epoch of a run from the one before."""
    from embedlens_cli import output

    work = [(label, run, split) for label, run in runs.items() for split in splits]
    found = []
    for label, run, split in output.track(work, "mapping"):
        numbers = epochs[label]
        for part in [numbers] if series else [[number] for number in numbers]:
            found += _map(label, run, split, part, wish)
    return found


def _map(label: str, run: Run, split: str, epochs: Sequence[int], wish: Wish) -> list[Mapped]:
    """Map epochs of a split, each from the one before; what cannot be mapped is told with its place."""
    import numpy as np

    from embedlens.analysis.projection import sample, tsne_series

    labels = run.labels(split)
    pictures = run.thumbnails(split) if wish.thumbnails else None
    place = f"run {run.name!r}, split {split!r}"
    if wish.thumbnails and pictures is None:
        message = f"{place} has no thumbnails; leave out --thumbnails"
        raise InputError(message)
    names = {int(number): name for number, name in run.info.class_names.items()}
    colors = {
        epoch: labels if wish.color == CLASS else recorded(run, split, wish.color, epoch) for epoch in epochs
    }
    if wish.color != CLASS:
        names = {
            int(number): f"{wish.color} {number}" for color in colors.values() for number in np.unique(color)
        }
    highlight = tuple(class_of(word, colors[epochs[0]], names) for word in wish.highlight)
    steps: list[Step] = []
    try:
        rows = None
        if wish.sample is not None:
            rows = sample(labels, wish.sample, whole_classes=wish.whole_classes, seed=wish.told.seed)
        snapshots = (run.snapshot(split, epoch).embeddings for epoch in epochs)
        told = asdict(wish.told)
        for step in tsne_series(
            snapshots, labels, central=wish.central, rows=rows, device=wish.device, **told
        ):
            steps.append(step)
    except InputError as error:
        where = f"{place}, epoch {epochs[min(len(steps), len(epochs) - 1)]}"
        raise (error if run.name in str(error) else error.within(where)) from error
    return [
        Mapped(label, split, epoch, step, colors[epoch], pictures, highlight, names, wish.central)
        for epoch, step in zip(epochs, steps, strict=True)
    ]


def facts(runs: Sequence[Run], wish: Wish) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from importlib import metadata

    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    said = asdict(wish)
    return {
        "runs": run_facts(runs),
        "parameters": said.pop("told"),
        **{name: value for name, value in said.items() if name not in ("device", "highlight")},
        "distance": "Euclidean, class means subtracted" if wish.central else wish.told.metric,
        "neighbours": "exact, 3 x perplexity",
        "openTSNE": metadata.version("openTSNE"),
        "engine": engine_facts(wish.device),
    }


def summary(found: Sequence[Mapped]) -> dict[str, Any]:
    """Return the numbers of each map: run -> split -> epoch -> name -> number."""
    answer: dict[str, Any] = {}
    for one in found:
        answer.setdefault(one.run, {}).setdefault(one.split, {})[str(one.epoch)] = one.numbers
    return answer


def save_stills(artifacts: Artifacts, found: Sequence[Mapped], wish: Wish, look: drawing.Look) -> None:
    """Write one figure for each epoch asked for, the runs side by side."""
    runs = list(dict.fromkeys(one.run for one in found))
    numbers = sorted({one.epoch for one in found})
    same = all(sum(one.epoch == number for one in found) == len(runs) for number in numbers)
    groups = [[one for one in found if one.epoch == number] for number in numbers] if same else [list(found)]
    for group in groups:
        epochs = sorted({one.epoch for one in group})
        stem = [
            "tsne",
            *(runs if len(runs) > 1 else []),
            group[0].split,
            drawing.epochs_text(epochs),
            "series" if any(one.step.start != "cold" for one in group) else "",
            *wish.words,
        ]
        figure = _draw(group, look)
        look.save(artifacts, stem, figure, _table(group), _facts_of(group))


def save_animation(
    artifacts: Artifacts, found: Sequence[Mapped], wish: Wish, look: drawing.Look, *, fps: float
) -> None:
    """Write all epochs as GIF and MP4, and the key epochs as a strip."""
    from embedlens.figures.animation import key_epochs, write_gif, write_mp4
    from embedlens.figures.projection import compare, limits_of

    limits = limits_of(one.step.projection for one in found)
    frames = _frames(found)
    runs = list(dict.fromkeys(one.run for one in found))
    pictures = _Pictures([frame for _, frame in sorted(frames.items())], look, limits)
    writers = {
        "gif": lambda path: write_gif(path, pictures, fps),
        "mp4": lambda path: write_mp4(path, pictures, fps),
    }
    several = runs if len(runs) > 1 else []
    stem = look.stem(["tsne", *several, found[0].split, "animation", *wish.words])
    told = {**_facts_of(found), "frames": len(frames), "fps": fps}
    artifacts.save(stem, writers, _table(found), facts=told)
    keys = key_epochs(frames)
    strip = [frames[epoch][place] for place in range(len(runs)) for epoch in keys]
    titles = [f"{one.run}, epoch {one.epoch}" if several else f"epoch {one.epoch}" for one in strip]
    figure = compare(
        [one.drawn(title) for one, title in zip(strip, titles, strict=True)],
        venue=look.venue, width=look.width or "full", title="" if several else _heading(strip),
        highlight=strip[0].highlight, names=strip[0].names, limits=limits, columns=len(keys),
    )  # fmt: skip
    look.save(
        artifacts,
        ["tsne", *several, found[0].split, "strip", *wish.words],
        figure,
        _table(strip),
        _facts_of(strip),
    )


def _frames(found: Sequence[Mapped]) -> dict[int, list[Mapped]]:
    """Return the maps of each epoch; a run without that epoch stands at its latest before, or its first."""
    runs: dict[str, list[Mapped]] = {}
    for one in found:
        runs.setdefault(one.run, []).append(one)
    return {
        epoch: [
            next((one for one in reversed(part) if one.epoch <= epoch), part[0]) for part in runs.values()
        ]
        for epoch in sorted({one.epoch for one in found})
    }


class _Pictures(Sequence[Any]):
    """Frames of an animation, each drawn when it is asked for."""

    def __init__(self, frames: Sequence[Sequence[Mapped]], look: drawing.Look, limits: Any) -> None:
        self._frames, self._look, self._limits = frames, look, limits

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: Any) -> Any:
        from embedlens.figures.animation import render

        return render(_draw(self._frames[number], self._look, self._limits))


def _draw(group: Sequence[Mapped], look: drawing.Look, limits: Any = None) -> Any:
    """Draw maps side by side."""
    from embedlens.figures.projection import compare

    epochs = {one.epoch for one in group}
    several = len(group) > 1
    titles = [
        one.run + (f", epoch {one.epoch}" if len(epochs) > 1 else "") if several else "" for one in group
    ]
    return compare(
        [one.drawn(title) for one, title in zip(group, titles, strict=True)],
        venue=look.venue,
        width=look.size(len(group))["width"],
        title=_heading(group) + (f", epoch {min(epochs)}" if len(epochs) == 1 else ""),
        highlight=group[0].highlight,
        names=group[0].names,
        limits=limits,
    )


def _heading(group: Sequence[Mapped]) -> str:
    """Return what maps share: run and split."""
    runs = list(dict.fromkeys(one.run for one in group))
    centred = ["class means subtracted"] if group[0].central else []
    return ", ".join([*(runs if len(runs) == 1 else []), group[0].split, *centred])


def _table(group: Sequence[Mapped]) -> Table:
    """Return the items of all maps, one block each."""
    return [
        {
            "run": one.run,
            "split": one.split,
            "epoch": one.epoch,
            **one.step.projection.columns(),
            "label": one.labels[one.step.projection.item],
        }
        for one in group
    ]


def _facts_of(group: Sequence[Mapped]) -> dict[str, Any]:
    """Return what the sidecar of one figure says."""
    return {
        "epochs": sorted({one.epoch for one in group}),
        "panels": [
            {"run": one.run, "split": one.split, "epoch": one.epoch, **one.numbers, "shown": one.numbers["n"]}
            for one in group
        ],
    }


def print_table(found: Sequence[Mapped]) -> None:
    """Print what is said of each map."""
    from embedlens_cli import output

    rows = []
    for one in found:
        numbers = one.numbers
        led = one.step.start != "cold"
        rows.append(
            (
                f"{one.run}, {one.split}", str(one.epoch), f"{numbers['n']:,} of {numbers['of']:,}",
                f"{numbers['kl_divergence']:.3f}", str(numbers["iterations"]), one.step.start,
                *((f"{one.step.kept:.1%}", f"{one.step.residual:.3f}") if led else ("-", "-")),
            )
        )  # fmt: skip
    columns = ("run, split", "epoch", "n", "KL", "iterations", "start", "neighbours kept", "residual")
    output.print_table(columns, rows)
