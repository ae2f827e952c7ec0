"""Maps of snapshots: writing their figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from embedlens_cli import class_names, drawing
from embedlens_cli.synthesising import facts_of

if TYPE_CHECKING:
    from embedlens.artifacts import Artifacts, Table
    from embedlens_cli.mapped import Mapped, Wish


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
            *artifacts.named(runs),
            group[0].split,
            drawing.epochs_text(epochs),
            "series" if any(one.series for one in group) else "",
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
    stem = look.stem(["tsne", *artifacts.named(runs), found[0].split, "animation", *wish.words])
    told = {**_facts_of(found), "frames": len(frames), "fps": fps}
    artifacts.save(stem, writers, _table(found), facts=told)
    keys = key_epochs(frames)
    strip = [frames[epoch][place] for place in range(len(runs)) for epoch in keys]
    titles = [f"{one.run}, epoch {one.epoch}" if several else f"epoch {one.epoch}" for one in strip]
    figure = compare(
        [one.drawn(title) for one, title in zip(strip, titles, strict=True)],
        venue=look.venue, width=look.width or "full", title="" if several else _heading(strip),
        highlight=strip[0].highlight, names=class_names.joint(one.names for one in strip), limits=limits,
        columns=len(keys),
    )  # fmt: skip
    look.save(
        artifacts,
        ["tsne", *artifacts.named(runs), found[0].split, "strip", *wish.words],
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

        figure = _draw(self._frames[number], self._look, self._limits)
        self._look.finish(figure)
        return render(figure)


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
        names=class_names.joint(one.names for one in group),
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
            **one.columns(),
        }
        for one in group
    ]


def _facts_of(group: Sequence[Mapped]) -> dict[str, Any]:
    """Return what the sidecar of one figure says."""
    maps = {one.run: one.synthesised for one in group if one.synthesised is not None}
    named = {
        one.run: [class_names.told(label, one.names) for label in one.synthesised.drawn.classes.tolist()]
        for one in group
        if one.synthesised is not None and one.names
    }
    return {
        **({"synthesised": facts_of(maps) | ({"class_names": named} if named else {})} if maps else {}),
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
                *(
                    (f"{one.step.kept:.1%}", f"{one.step.residual:.3f}", f"{one.step.moved:.1%}")
                    if led
                    else ("-", "-", "-")
                ),
            )
        )  # fmt: skip
    columns = (
        "run, split", "epoch", "n", "KL", "iterations", "start", "neighbours kept", "residual", "moved",
    )  # fmt: skip
    output.print_table(columns, rows)
