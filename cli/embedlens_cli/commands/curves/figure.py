"""The figure of `embedlens curves`: panels, sidecar and caption."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from embedlens.analysis.experiments.curves import Curve
    from embedlens.artifacts import Artifacts
    from embedlens.experiments.run_metrics import Meter, RunMetrics
    from embedlens.figures.experiments.curves import CurvePanel
    from embedlens.measurements.reader import Reader
    from embedlens_cli.common.figure_style import FigureStyle


@dataclass(frozen=True, slots=True)
class CurveDrawing:
    """Draws and writes the curves of runs.

    Attributes
    ----------
    artifacts
        The files and the JSON answer; its facts are set here.
    style
        How the figure looks.
    x
        The x axis: "epoch", "step" or "seconds".
    groups
        Runs that repeat one method: name of the group -> labels of its runs.
    meter, reader
        What was computed of the snapshots, and what was left out of them.
    notify
        Called with each message about what is missing.
    """

    artifacts: Artifacts
    style: FigureStyle
    x: str
    groups: Mapping[str, Sequence[str]]
    meter: Meter
    reader: Reader
    notify: Callable[[str], None] = console.print_message

    def save(
        self, sources: Sequence[RunMetrics], metrics: Sequence[str], stem: Sequence[str]
    ) -> list[CurvePanel]:
        """Draw metrics of runs, all of which are known; return what is drawn.

        Parameters
        ----------
        sources
            The runs with their metrics.
        metrics
            Full names of the metrics.
        stem
            Parts of the file name.
        """
        from embedlens.analysis.experiments import Band
        from embedlens.experiments import curve_results
        from embedlens.figures.experiments.curves import figure as curves_figure

        lines, messages = curve_results.curves_of(sources, metrics, self.x)
        for line in messages:
            self.notify(line)
        panels = _panels(lines, self.groups, sources)
        bands = [curve for panel in panels for curve in panel.curves if isinstance(curve, Band)]
        facts = self._facts(sources)
        self.artifacts.facts = facts
        self.artifacts.summary |= curve_results.summary([*lines, *bands])
        with self.style.paper():
            size = {
                "title": sources[0].label if len(sources) == 1 else "",
                **self.style.size(len(panels)),
            }
            figure = curves_figure(panels, x=self.x, **size)
            table = curve_results.columns(lines, bands, sources)
            caption = _caption(panels, sources, facts)
            self.style.save(self.artifacts, stem, figure, table, facts={}, caption=caption)
        return panels

    def _facts(self, sources: Sequence[RunMetrics]) -> dict[str, Any]:
        """Return the entries of the sidecar."""
        from embedlens.analysis.scores import ScoreSettings
        from embedlens.artifacts import run_facts
        from embedlens.experiments import curve_results
        from embedlens.similarity import engine_facts

        return {
            "runs": curve_results.facts(sources, run_facts([source.run for source in sources])),
            "x": self.x,
            "groups": {name: list(labels) for name, labels in self.groups.items()},
            "band": "mean and sample standard deviation (divisor n - 1) over the runs of a group",
            "scores": asdict(ScoreSettings()),
            "monitor": self.meter.facts(),
            "engine": engine_facts(self.meter.device),
            **self.reader.facts,
        }


def _panels(
    lines: Sequence[Curve], groups: Mapping[str, Sequence[str]], sources: Sequence[RunMetrics]
) -> list[CurvePanel]:
    """Return one panel per metric; a training loss gets one for each loss, since their scales differ."""
    from embedlens.analysis.experiments.curves import Band
    from embedlens.experiments import curve_results
    from embedlens.figures.experiments.curves import CurvePanel, metric_label

    splits = list(dict.fromkeys(split for source in sources for split in source.run.splits))
    panels = []
    for metric, loss, shown in curve_results.comparable(lines, sources):
        label = metric_label(metric, splits) + (f" ({loss})" if loss else "")
        try:
            panels.append(CurvePanel(label, tuple(Band.in_place(shown, groups))))
        except InputError as error:
            message = f"{error}; --seeds lines draws them one by one"
            raise InputError(message) from error
    return panels


def _caption(panels: Sequence[CurvePanel], sources: Sequence[RunMetrics], facts: Mapping[str, Any]) -> str:
    """Return the caption of the figure."""
    from embedlens.captions import scores as captions
    from embedlens.captions.places import caption
    from embedlens.experiments import curve_results

    left_out, drawn = facts.get("left_out"), {curve.metric for panel in panels for curve in panel.curves}
    bands = {name: len(labels) for name, labels in facts["groups"].items()}
    what = captions.curves([panel.label for panel in panels], x=facts["x"], bands=bands)
    return caption(what, curve_results.shown(sources, drawn, counted=not left_out), left_out=left_out)
