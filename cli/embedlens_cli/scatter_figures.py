"""The figures of `embedlens scatter`: stills, an animation, the observed flow, the field of a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli.drawing import Look, epochs_text
from embedlens_cli.scatter_data import Fixed, panel_facts, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.field import Field
    from embedlens.artifacts import Artifacts
    from embedlens.figures.panels import Panel
    from embedlens.store import Run
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the figures of one command have in common.

    Attributes
    ----------
    look
        Formats and sizes.
    names
        What file names begin with.
    fixed
        The triplets that are followed, if they are.
    reader
        What is left out.
    limits
        Limits of stills as the option says: data, full, or two numbers.
    """

    look: Look
    names: Sequence[str]
    fixed: Fixed | None
    reader: Reader
    limits: str = "full"

    def within(self, panels: Sequence[Panel]) -> tuple[float, float] | None:
        """Return the limits of these panels; None for the full range."""
        from embedlens.figures.placing.limits import choose_limits

        return choose_limits(
            self.limits, [one for panel in panels for one in (panel.triplets.s_ap, panel.triplets.s_an)]
        )

    @property
    def note(self) -> str:
        """What headings say of followed triplets."""
        return f"triplets of {self.fixed.run}, epoch {self.fixed.epoch}" if self.fixed else ""

    def size(self, panels: Sequence[Panel]) -> dict[str, Any]:
        """Return venue and width of a figure of these panels, whose epochs share a place."""
        return self.look.size(len({(panel.run, panel.split) for panel in panels}))

    def parts(self, panels: Sequence[Panel], *what: str) -> list[str]:
        """Return what tells a figure from others, for its name."""
        splits = "+".join(dict.fromkeys(panel.split for panel in panels))
        return [
            *self.names,
            splits,
            *what,
            self.fixed.stem if self.fixed else "",
            "" if self.limits == "full" else f"limits-{self.limits.replace(',', '-to-')}",
            *self.reader.leave_out.words,
        ]


@dataclass(frozen=True, slots=True)
class FieldWish:
    """The field that is asked for: a loss, its order, and the angle between the planes."""

    loss: str
    order: int | None
    angle: float

    @property
    def stem(self) -> str:
        """What file names say of it: whatever is not the default."""
        order = "-order2" if self.order == 2 else ""
        return f"field-{self.loss}{order}" + (f"-angle{self.angle:g}" if self.angle != 90 else "")

    def within(self, limits: tuple[float, float]) -> Field:
        """Return the field in the limits of a diagram; a wrong wish raises `InputError`."""
        from embedlens.analysis.field import field

        low, high = limits[0], min(limits[1], 1.0)  # there may be room above the largest similarity
        return field(self.loss, order=self.order, angle=self.angle, limits=(low, high))


def check_limits(limits: str, *, moving: bool) -> None:
    """Refuse limits that are none, before anything is computed; flows and animations have their own."""
    import numpy as np

    from embedlens.figures.placing.limits import choose_limits

    choose_limits(limits, [np.zeros(1)])
    if moving and limits != "full":
        message = "--limits is for stills; leave it out, or --flow and --animate"
        raise InputError(message)


def choose_field(loss: str | None, order: int | None, angle: float | None) -> FieldWish | None:
    """Return the field that the options ask for, checked; None where they ask for none."""
    if loss is None:
        if order is not None or angle is not None:
            message = "--order and --angle are for the field of a loss; add --field LOSS"
            raise InputError(message)
        return None
    wish = FieldWish(loss, order, 90.0 if angle is None else angle)
    wish.within((0.0, 1.0))
    return wish


def choose_span(run: Run, first: str | None, last: str | None) -> tuple[int, int]:
    """Return the two epochs of a run between which the flow is drawn; by default its first and its last."""
    from embedlens import selection

    place = f"run {run.name!r}"
    run.resolve_epoch(-1)
    epochs = run.epochs()
    if len(epochs) < 2:
        message = f"one epoch only ({epochs[0]}); a flow needs two"
        raise InputError(message).within(place)
    ends = [
        selection.choose_epoch(run, asked or default, option)
        for asked, option, default in ((first, "--flow-from", "first"), (last, "--flow-to", "last"))
    ]
    if not ends[0] < ends[1]:
        message = (
            f"--flow-from is epoch {ends[0]}, --flow-to epoch {ends[1]}; "
            "a flow goes from an earlier epoch to a later one"
        )
        raise InputError(message).within(place)
    return ends[0], ends[1]


def save_stills(
    artifacts: Artifacts,
    panels: Sequence[Panel],
    drawing: Drawing,
    *,
    one_an_epoch: bool,
    wish: FieldWish | None,
) -> None:
    """Write one figure of all panels, or one for each epoch; with the field of a loss where one is wished."""
    epochs = sorted({panel.epoch for panel in panels})
    stills = [[panel for panel in panels if panel.epoch == epoch] for epoch in epochs]
    for still in stills if one_an_epoch else [list(panels)]:
        if wish is None:
            _save_scatter(artifacts, still, drawing)
        else:
            _save_field(artifacts, still, drawing, wish)


def _save_scatter(artifacts: Artifacts, panels: Sequence[Panel], drawing: Drawing) -> None:
    from embedlens.figures.panels import plot_grid
    from embedlens.figures.triplets import scale_of

    scale = scale_of((panel.triplets for panel in panels), limits=drawing.within(panels))
    figure = plot_grid(
        panels, **drawing.size(panels), note=drawing.note, scale=scale, inset=drawing.limits == "full"
    )
    parts = drawing.parts(panels, epochs_text(panel.epoch for panel in panels))
    facts = {**panel_facts(panels), "axes": list(scale.limits)}
    facts["dots_out_of_sight"] = sum(_outside(panel, scale.limits) for panel in panels)
    drawing.look.save(artifacts, parts, figure, table_of(panels), facts)


def _outside(panel: Panel, limits: tuple[float, float]) -> int:
    """Return how many dots of a panel lie beyond its axes."""
    low, high = limits
    x, y = panel.triplets.s_ap, panel.triplets.s_an
    return int(((x < low) | (x > high + 1e-9) | (y < low) | (y > high + 1e-9)).sum())


def _save_field(artifacts: Artifacts, panels: Sequence[Panel], drawing: Drawing, wish: FieldWish) -> None:
    """Write the scatter with the field behind it, and the arrows beside the dots in the data."""
    from embedlens.figures.field import plot_field
    from embedlens.figures.triplets import scale_of

    scale = scale_of((panel.triplets for panel in panels), limits=drawing.within(panels))
    field = wish.within(scale.limits)
    figure = plot_field(panels, field, **drawing.size(panels), scale=scale, note=drawing.note)
    facts = {
        **panel_facts(panels),
        "field": {
            "loss": field.loss,
            "angle_degrees": field.angle,
            "arrows": field.s_ap.size,
            "meaning": "change of (S_ap, S_an) per unit of the learning rate, in the limit of a small step",
        },
    }
    table = [{"kind": "dot", **block} for block in table_of(panels)]
    table.append({"kind": "field", **field.columns()})
    parts = drawing.parts(panels, wish.stem, epochs_text(panel.epoch for panel in panels))
    drawing.look.save(artifacts, parts, figure, table, facts)


def save_flow(artifacts: Artifacts, starts: Sequence[Panel], ends: Sequence[Panel], drawing: Drawing) -> None:
    """Write the flow of each run and split, and add its numbers to the summary."""
    from embedlens.analysis.flow import flow, occupied
    from embedlens.figures.flow import out_of_sight, plot_flows

    limits = occupied(panel.triplets for panel in starts)
    flows = [flow(a.triplets, b.triplets, limits=limits) for a, b in zip(starts, ends, strict=True)]
    figure = plot_flows(starts, ends, flows, **drawing.size(starts), note=drawing.note)
    table, told = [], []
    for start, end, found in zip(starts, ends, flows, strict=True):
        place = {"run": start.run, "split": start.split, "from_epoch": start.epoch, "to_epoch": end.epoch}
        numbers = {
            "n": found.n,
            "n_thin": found.n_thin,
            "arrows": found.count.size,
            "mean_d_ap": found.mean_d_ap,
            "mean_d_an": found.mean_d_an,
        }
        table.append({**place, **found.columns()})
        told.append({**place, **numbers})
        artifacts.summary[end.run][end.split][str(end.epoch)]["flow"] = {"from_epoch": start.epoch, **numbers}
    window = figure.axes[0].get_xlim()
    facts: dict[str, Any] = {
        **panel_facts([*starts, *ends]),
        "flow": {
            "bins_a_side": flows[0].bins,
            "square": list(limits),
            "minimum_dots_a_bin": flows[0].minimum,
            "panels": told,
        },
        "axes": list(window),
        "dots_out_of_sight": sum(
            out_of_sight(a.triplets, b.triplets, window) for a, b in zip(starts, ends, strict=True)
        ),
    }
    spans = [
        "+".join(f"{epoch:04d}" for epoch in sorted({panel.epoch for panel in side}))
        for side in (starts, ends)
    ]
    drawing.look.save(artifacts, drawing.parts(starts, "flow", "-to-".join(spans)), figure, table, facts)


def save_animation(artifacts: Artifacts, panels: Sequence[Panel], drawing: Drawing, *, fps: float) -> None:
    """Write all epochs as GIF and MP4, and the key epochs as a strip."""
    from embedlens.figures.animation import key_epochs, write_gif, write_mp4
    from embedlens.figures.moving.film import Film
    from embedlens.figures.panels import frames_of, plot_strip

    look = drawing.look
    frames = frames_of(panels)
    film = Film(frames, **drawing.size(panels), note=drawing.note, finish=look.finish)
    writers = {
        "gif": lambda path: write_gif(path, film, fps),
        "mp4": lambda path: write_mp4(path, film, fps),
    }
    facts = {**panel_facts(panels), "frames": len(frames), "fps": fps}
    stem = look.stem(drawing.parts(panels, "animation"))
    artifacts.save(stem, writers, table_of(panels), facts=facts)
    keys = key_epochs({panel.epoch for panel in panels})
    columns = {epoch: shown for epoch, shown in frames.items() if epoch in keys}
    strip = plot_strip(columns, venue=look.venue, width=look.width or "full", note=drawing.note)
    shown = list(dict.fromkeys(panel for column in columns.values() for panel in column))
    look.save(artifacts, drawing.parts(panels, "strip"), strip, table_of(shown), panel_facts(shown))
