"""The figures of `embedlens watch`: drawn again as epochs are added, each file replaced whole."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from embedlens.moments import Moment
from embedlens_cli.commands.curves.figure import CurveDrawing
from embedlens_cli.commands.report import check_replaceable, write_page
from embedlens_cli.commands.scatter import figures as scatter_figures
from embedlens_cli.commands.scatter import panels as scatter_data
from embedlens_cli.commands.watch.parts import Part
from embedlens_cli.common import calling, console, options, panels
from embedlens_cli.common.option_groups import FigureOptions, LeaveOutOptions
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Collection

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.measurements.reader import Reader
    from embedlens.store import Run
    from embedlens.store.following import View

_FPS = 2.0


@dataclass(frozen=True, kw_only=True)
class WatchedFigureOptions:
    """Where the figures of a run that is followed go, and how they look."""

    panel: ClassVar[str] = panels.OUTPUT
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=options.local_path,
            help="Where figures go.",
            show_default="figures/ in the run; ./figures for an address",
        ),
    ] = None
    formats: options.Format = "pdf,png"
    venue: options.Venue = "cvpr"
    width: options.Width = None
    title: options.Title = True
    text: options.Text = True
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each epoch and nothing else.")
    ] = False

    def figure_options(self) -> FigureOptions:
        """Return them as other commands have them."""
        return FigureOptions(**asdict(self))


@dataclass(slots=True)
class RunFigures:
    """The figures of one run that is followed.

    Attributes
    ----------
    options
        Where they go and how they look.
    splits
        The splits of scatter, animation and report; none: all.
    leave_out
        Which items are left out.
    device
        Of the engine: "cpu" or "cuda".
    report
        Whether the report is written, too.
    """

    options: FigureOptions
    splits: list[str]
    leave_out: LeaveOutOptions
    device: str
    report: bool
    reader: Reader = field(init=False)
    parts: list[Part] = field(init=False)
    _notified: set[str] = field(init=False)
    _postponed: bool = field(init=False, default=False)
    _triplets: Any = field(init=False)

    def __post_init__(self) -> None:
        from embedlens.measurements.following import KeptTriplets

        self.parts = [
            Part("scatter", slow=False, logged=False),
            Part("curves", slow=False, logged=True),
            Part("animation", slow=True, logged=False),
            *([Part("report", slow=True, logged=True)] if self.report else []),
        ]
        self.reader = self.leave_out.reader()
        self._notified = set()
        self._triplets = KeptTriplets(self.device)

    def due(self, view: View, *, hurry: bool) -> list[Part]:
        """Return what has to be drawn now to show a view.

        What is made of all epochs comes after the rest, so that the line of a new epoch does not wait for it:
        with the next call, unless `hurry` asks for everything.
        """
        due = [part for part in self.parts if part.is_due(view, hurry=hurry)]
        quick = [part for part in due if not part.slow]
        self._postponed = not hurry and not self._postponed and 0 < len(quick) < len(due)
        return quick if self._postponed else due

    def new_epochs(self, view: View) -> list[int]:
        """Return the epochs of a view that are new or recorded again since the last call."""
        new: list[int] = self._triplets.update(view.epochs)
        return new

    def selection(self, run: Run) -> Selection:
        """Return the last epoch of the run, with the splits that are drawn."""
        from embedlens.selection import choose_splits

        if (page := self._page(run)) is not None:
            check_replaceable(page)  # before anything is computed
        (run,) = self.reader.leave_out.relabelled([run])
        self.reader.leave_out.check_same_classes([run])
        splits = choose_splits([run], self.splits)
        return Selection([run], [run.name], splits, "last", self.reader, [run.name])

    def place(self, run: Run, epoch: int) -> dict[str, Any]:
        """Return what a line says of an epoch: its number, and the step where steps are counted."""
        moment = run.resolve_epoch(epoch)
        step = {"step": moment.step, "trained_epochs": moment.trained} if isinstance(moment, Moment) else {}
        return {"epoch": moment, **step}

    def recalls(self, selection: Selection) -> dict[str, dict[int, float]]:
        """Return R@1 of the splits that are evaluated: split -> epoch -> fraction."""
        from embedlens.analysis.triplets.nearest import summarise
        from embedlens.selection import evaluated_splits

        chosen = set(evaluated_splits(selection.runs, [])) & set(selection.splits) or set(selection.splits)
        found: dict[str, dict[int, float]] = {split: {} for split in selection.splits if split in chosen}
        for one, triplets in self._nearest(selection).items():
            if one.split in found:
                found[one.split][one.epoch] = summarise(triplets).below_diagonal
        return found

    def draw(self, part: Part, view: View, selection: Selection) -> tuple[list[Path], list[Path]]:
        """Draw a part; return its figures and their data. Sidecars name the command that draws it."""
        started = time.monotonic()
        words = {"animation": ["scatter", "--animate"]}.get(part.name, [part.name])
        with calling.typed([*words, str(selection.runs[0].path), *self._words(part.name, selection)]):
            files: tuple[list[Path], list[Path]] = getattr(self, f"_{part.name}")(selection)
        part.drawn(view, started)
        return files

    def _words(self, name: str, selection: Selection) -> list[str]:
        """Return the options with which another command draws a part."""
        words = self.leave_out.typed()
        if name != "curves":
            words += ["--split", ",".join(selection.splits)]
        if name == "scatter":
            words += ["--epoch", str(selection.runs[0].epochs()[-1])]
        if name == "report":
            return words
        out = [] if self.options.out is None else ["--out", str(self.options.out)]
        return [*words, *out, "--format", self.options.formats, "--venue", self.options.venue]

    def _nearest(
        self, selection: Selection, epochs: Collection[int] | None = None
    ) -> dict[Selected, Triplets]:
        """Return the nearest triplets of all epochs, or of some; each is searched once."""
        places = selection.at(lambda run: run.epochs() if epochs is None else epochs)
        return selection.measure(self._triplets, "finding triplets", places=places)

    def _scatter(self, selection: Selection) -> tuple[list[Path], list[Path]]:
        """Draw the last epoch, in files whose names do not change with it."""
        drawing = self._drawing(selection)
        with drawing.report.style.paper():
            drawing.save_stills(self._nearest(selection, selection.runs[0].epochs()[-1:]), name="latest")
        return drawing.report.artifacts.figures, drawing.report.artifacts.data

    def _animation(self, selection: Selection) -> tuple[list[Path], list[Path]]:
        """Draw all epochs as GIF and MP4, and key epochs as a strip."""
        drawing = self._drawing(selection)
        with drawing.report.style.paper():
            drawing.save_animation(self._nearest(selection), fps=_FPS)
        return drawing.report.artifacts.figures, drawing.report.artifacts.data

    def _drawing(self, selection: Selection) -> scatter_figures.Drawing:
        facts = scatter_data.command_facts(selection, None, self.device)
        report = Report.of("scatter", selection, self.options.style(), options=self.options, facts=facts)
        return scatter_figures.Drawing(report, None, "full")

    def _curves(self, selection: Selection) -> tuple[list[Path], list[Path]]:
        """Draw loss and recalls of the log, and R@1 of the triplets where the log has none."""
        from embedlens.artifacts import Artifacts, figures_folder, run_facts
        from embedlens.experiments.metric_names import choose_metrics, is_loss
        from embedlens.experiments.run_metrics import Meter, RunMetrics, default_x

        source = RunMetrics.of(selection.labels[0], selection.runs[0])
        recalls = {f"{split}_recall_at_1": own for split, own in self.recalls(selection).items()}
        source.computed.update(recalls)
        logged = choose_metrics([], [source])
        if self.reader.leave_out:  # scores in the log are those of all items
            logged = [name for name in logged if is_loss(name)]
            for name in recalls:
                source.log.pop(name, None)
        folder = figures_folder(selection.runs, self.options.out)
        artifacts = Artifacts(folder, console.command(), {"runs": run_facts(selection.runs)})
        stem = ["curves", *artifacts.named(selection.labels), *self.reader.leave_out.words]
        meter, style, x = Meter({}, {}, self.device), self.options.style(), default_x([source])
        drawing = CurveDrawing(artifacts, style, x, {}, meter, self.reader, self._notify_once)
        drawing.save([source], list(dict.fromkeys([*logged, *recalls])), stem)
        return artifacts.figures, artifacts.data

    def _notify_once(self, line: str) -> None:
        """Print a message about a metric, unless one with other epochs was printed before."""
        subject = line.partition(" at ")[0]
        if subject not in self._notified:
            console.print_message(line)
        self._notified.add(subject)

    def _report(self, selection: Selection) -> tuple[list[Path], list[Path]]:
        """Write the page in which all epochs can be explored."""
        from embedlens.report import ThumbnailOptions, gather

        page = self._page(selection.runs[0])
        if page is None:
            return [], []
        places = selection.at(lambda run: run.epochs())
        data = gather(places, device=self.device, nearest=self._triplets)
        write_page(data, page, ThumbnailOptions())
        return [page], []

    def _page(self, run: Run) -> Path | None:
        """Return the file of the report; None where none is written."""
        from embedlens.artifacts import figures_folder

        folder = figures_folder([run], self.options.out) if self.report else None
        return None if folder is None else folder / "report.html"
