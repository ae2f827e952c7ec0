"""The figures of `embedlens scatter`: stills, an animation, the observed flow, the field of a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens_cli.commands.scatter.panels import panel_facts, table_of
from embedlens_cli.common.figure_style import epochs_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.figure import Figure

    from embedlens.analysis.triplets.field import Field
    from embedlens.csv_files import Table
    from embedlens.figures.triplets.panels import ScatterPanel
    from embedlens.measurements.triplet_states import FixedTriplets
    from embedlens_cli.commands.scatter.panels import SnapshotTriplets
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected


@dataclass(frozen=True, slots=True)
class LossField:
    """The field to draw: a loss, its order, and the angle between the planes."""

    loss: str
    order: int | None
    angle: float

    @property
    def stem(self) -> str:
        """Part of file names: what is not the default."""
        order = "-order2" if self.order == 2 else ""
        return f"field-{self.loss}{order}" + (f"-angle{self.angle:g}" if self.angle != 90 else "")

    def within(self, limits: tuple[float, float]) -> Field:
        """Return the field in the limits of a diagram; wrong options raise `InputError`."""
        from embedlens.analysis.triplets.field import field

        low, high = limits[0], min(limits[1], 1.0)  # there may be room above the largest similarity
        return field(self.loss, order=self.order, angle=self.angle, limits=(low, high))


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws and writes the figures of one command.

    Attributes
    ----------
    report
        Writes them.
    fixed
        The triplets that are followed, if they are.
    limits
        Limits of scatters as the option says: data, full, or two numbers.
    """

    report: Report
    fixed: FixedTriplets | None
    limits: str

    def save_stills(
        self, results: SnapshotTriplets, field: LossField | None = None, *, name: str | None = None
    ) -> None:
        """Write one figure of all snapshots, or one per epoch; with the field of a loss if one is named.

        A name stands in the file name of dots alone in place of the epochs.
        """
        epochs = sorted({one.epoch for one in results})
        several = self.report.selection.several_epochs
        stills = [{one: results[one] for one in results if one.epoch == epoch} for epoch in epochs]
        for still in stills if several else [results]:
            if field is None:
                self._save_scatter(still, name)
            else:
                self._save_field(still, field)

    def _save_scatter(self, results: SnapshotTriplets, name: str | None) -> None:
        from embedlens.figures.triplets.nearest import scale_of
        from embedlens.figures.triplets.panels import figure as scatter_figure

        scale = scale_of(results.values(), limits=self._limits_of(results))
        figure = scatter_figure(
            _panels(results), **self._size(results), note=self._note, scale=scale, inset=self.limits == "full"
        )
        hidden = _outside(results, scale.limits)
        facts = {"axes": list(scale.limits), "dots_out_of_sight": hidden}
        what = self._caption(results, hidden=hidden)
        self._save(figure, results, epochs=name, facts=facts, caption=what)

    def _save_field(self, results: SnapshotTriplets, chosen: LossField) -> None:
        """Write the scatter with the field behind it, and the arrows beside the dots in the data."""
        from embedlens.captions import triplets as captions
        from embedlens.figures.triplets.field import figure as field_figure
        from embedlens.figures.triplets.nearest import scale_of

        scale = scale_of(results.values(), limits=self._limits_of(results))
        field = chosen.within(scale.limits)
        figure = field_figure(_panels(results), field, **self._size(results), scale=scale, note=self._note)
        facts = {
            "loss": field.loss,
            "angle_degrees": field.angle,
            "arrows": field.s_ap.size,
            "meaning": "change of (S_ap, S_an) per unit of the learning rate, in the limit of a small step",
        }
        table = [{"kind": "dot", **block} for block in table_of(results)]
        table.append({"kind": "field", **field.columns()})
        epochs = f"{chosen.stem}-{epochs_text(one.epoch for one in results)}"
        what = f"{self._caption(results, contours=False)} {captions.field(field.loss, field.angle)}"
        self._save(figure, results, table=table, epochs=epochs, facts={"field": facts}, caption=what)

    def save_flow(self, starts: SnapshotTriplets, ends: SnapshotTriplets) -> None:
        """Write the flow of each run and split, and add its numbers to the JSON answer."""
        from embedlens.analysis.triplets.flow import flow, occupied
        from embedlens.captions import triplets as captions
        from embedlens.figures.triplets.flow import figure as flow_figure
        from embedlens.figures.triplets.flow import out_of_sight

        limits = occupied(starts.values())
        sides = list(zip(starts.values(), ends.values(), strict=True))
        flows = [flow(*pair, limits=limits) for pair in sides]
        figure = flow_figure(_panels(starts), _panels(ends), flows, **self._size(starts), note=self._note)
        table, panels = [], []
        for start, end, one in zip(starts, ends, flows, strict=True):
            place = {
                "run": start.label, "split": start.split, "from_epoch": start.epoch, "to_epoch": end.epoch
            }  # fmt: skip
            numbers = {
                "n": one.n,
                "n_thin": one.n_thin,
                "arrows": one.count.size,
                "mean_d_ap": one.mean_d_ap,
                "mean_d_an": one.mean_d_an,
            }
            table.append({**place, **one.columns()})
            panels.append({**place, **numbers})
            self.report.enter(end, {"flow": {"from_epoch": start.epoch, **numbers}})
        window = figure.axes[0].get_xlim()
        hidden = sum(out_of_sight(*pair, window) for pair in sides)
        facts = {
            "flow": {
                "bins_a_side": flows[0].bins,
                "square": list(limits),
                "minimum_dots_a_bin": flows[0].minimum,
                "panels": panels,
            },
            "axes": list(window),
            "dots_out_of_sight": hidden,
        }
        spans = ["+".join(f"{epoch:04d}" for epoch in sorted({one.epoch for one in side}))
                 for side in (starts, ends)]  # fmt: skip
        both = {**starts, **ends}
        what = self._caption(both, hidden=hidden, contours=False) + " " + captions.flow(flows[0].minimum)
        name = f"flow-{'-to-'.join(spans)}"
        self._save(figure, both, table=table, epochs=name, facts=facts, caption=what)

    def save_animation(self, results: SnapshotTriplets, *, fps: float) -> None:
        """Write all epochs as GIF and MP4, and the key epochs as a strip."""
        from embedlens.captions import triplets as captions
        from embedlens.csv_files import without_repeats
        from embedlens.figures.export.animation import key_epochs, write_gif, write_mp4
        from embedlens.figures.export.film import Film
        from embedlens.figures.triplets.nearest import scale_of
        from embedlens.figures.triplets.panels import figure_of_epochs, frames_of

        style, panels = self.report.style, _panels(results)
        frames = frames_of(panels)
        scale = scale_of(results.values(), limits=self._limits_of(results))
        film = Film(frames, **self._size(results), scale=scale, note=self._note, finish=style.finish)
        writers = {"gif": lambda to: write_gif(to, film, fps), "mp4": lambda to: write_mp4(to, film, fps)}
        hidden = _outside(results, scale.limits)
        facts = {"frames": len(frames), "fps": fps, "axes": list(scale.limits), "dots_out_of_sight": hidden}
        what = f"{self._caption(results, hidden=hidden)} {captions.animation()}"
        table = without_repeats(table_of(results), ("positive", "negative"), key="anchor")
        self._save(writers, results, table=table, epochs="animation", facts=facts, caption=what)
        keys = key_epochs({one.epoch for one in results})
        columns = {epoch: shown for epoch, shown in frames.items() if epoch in keys}
        strip = figure_of_epochs(
            columns, venue=style.venue, width=style.width or "full", scale=scale, title=self._note
        )
        places = dict(zip(panels, results, strict=True))
        shown = dict.fromkeys(places[panel] for column in columns.values() for panel in column)
        kept = {one: results[one] for one in shown}
        what = self._caption(results, hidden=_outside(kept, scale.limits))
        self._save(strip, kept, epochs="strip", facts={}, caption=f"{what} {captions.strip()}")

    def _save(
        self,
        figure: Figure | Mapping[str, Any],
        results: SnapshotTriplets,
        *,
        facts: Mapping[str, Any],
        caption: str,
        table: Table | None = None,
        epochs: str | None = None,
    ) -> None:
        """Write a figure; its data are the dots where no table is given."""
        panels = panel_facts(results)
        self.report.add(
            figure, table_of(results) if table is None else table, list(results),
            epochs=epochs, every_run=True, facts={"panels": panels, **facts}, caption=caption,
            counts=[(panel["shown"], panel["of"]) for panel in panels],
        )  # fmt: skip

    def _caption(self, results: SnapshotTriplets, *, hidden: int = 0, contours: bool = True) -> str:
        """Return what the dots are, in sentences."""
        from embedlens.captions.triplets import scatter
        from embedlens.figures.triplets.density import ENCLOSED
        from embedlens.figures.triplets.nearest import HISTOGRAM_ABOVE, RASTERISE_ABOVE

        return scatter(
            [result.s_ap.size for result in results.values()],
            crowds=(RASTERISE_ABOVE, HISTOGRAM_ABOVE),
            fixed=self.fixed.facts if self.fixed else None,
            galleries=self.report.artifacts.facts["galleries"],
            enclosed=ENCLOSED if contours else (),
            hidden=hidden,
        )

    def _limits_of(self, results: SnapshotTriplets) -> tuple[float, float] | None:
        """Return the limits of these snapshots; None for the full range."""
        from embedlens.figures.layout.limits import choose_limits

        values = [one for result in results.values() for one in (result.s_ap, result.s_an)]
        return choose_limits(self.limits, values)

    @property
    def _note(self) -> str:
        """What headings say of followed triplets."""
        return f"triplets of {self.fixed.reference.run.name}, {self.fixed.name}" if self.fixed else ""

    def _size(self, results: Iterable[Selected]) -> dict[str, Any]:
        """Return venue and width of a figure with one panel per run and split."""
        return self.report.style.size(len({(one.label, one.split) for one in results}))


def _panels(results: SnapshotTriplets) -> list[ScatterPanel]:
    from embedlens.figures.triplets.panels import ScatterPanel

    return [ScatterPanel(one.label, one.split, one.epoch, result) for one, result in results.items()]


def _outside(results: SnapshotTriplets, limits: tuple[float, float]) -> int:
    """Return how many dots lie beyond the axes."""
    low, high = limits[0], limits[1] + 1e-9
    places = [(one.s_ap, one.s_an) for one in results.values()]
    return sum(int(((x < low) | (x > high) | (y < low) | (y > high)).sum()) for x, y in places)
