"""The command `watch`: figures of a run that is being written, kept up to date from another process."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.moments import name_of
from embedlens_cli.commands.watch.figures import RunFigures, WatchedFigureOptions
from embedlens_cli.common import completion, console, ending, interrupts, options, panels
from embedlens_cli.common.option_groups import LeaveOutOptions, grouped

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlens.store.following import Follower, View

_LOG_S = 1.0  # the row of the log is written right after the snapshots of its epoch
_POLL_S = 0.05


@grouped
def watch(
    *,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Run directory or address, or name of a run below ./runs ($EMBEDLENS_RUNS); it may not be "
            "there yet.",
            autocompletion=completion.runs,
        ),
    ],
    every: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Seconds between two looks at the run.",
            min=0.1,
            max=86_400,
            rich_help_panel=panels.READ,
        ),
    ] = 5.0,
    split: options.Split = "",
    until_stopped: Annotated[
        bool,
        typer.Option(
            "--until-stopped",
            help="Wait for more epochs after the run has been closed, until Ctrl-C.",
            rich_help_panel=panels.READ,
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option("--report", help="Also write report.html, the page to explore.",
                     rich_help_panel=panels.OUTPUT),
    ] = False,
    leave_out: LeaveOutOptions,
    drawn: WatchedFigureOptions,
    device: options.Device = "cpu",
) -> None:  # fmt: skip
    """Keep scatter, curves and animation of a run up to date while another process writes it.

    One line for each epoch. It ends when the run is closed and, of embedlens train, has all its epochs; a run
    whose process was killed is waited for, since it may be resumed.
    """
    check_device(device)
    chosen = drawn.figure_options()
    chosen.style()
    splits = options.words(split)
    leave_out.reader()

    def figures() -> RunFigures:
        return RunFigures(chosen, splits, leave_out, device, report)

    _Watch(run, every, until_stopped, as_json=drawn.as_json, figures=figures).follow()


@dataclass(slots=True)
class _Watch:
    """The loop of the command: looks, draws, prints, waits.

    Attributes
    ----------
    name
        The run as typed.
    every
        Seconds between two looks.
    until_stopped
        Whether a closed run is waited for.
    as_json
        Whether lines are JSON objects.
    figures
        Returns the figures of a run of which nothing has been drawn.
    """

    name: str
    every: float
    until_stopped: bool
    as_json: bool
    figures: Callable[[], RunFigures]
    _said: str = field(init=False, default="")
    _drawn: dict[str, Any] = field(init=False, default_factory=dict)  # since the last line that names parts
    _seconds: float = field(init=False, default=0.0)

    def follow(self) -> None:
        """Follow the run, or another that takes its place, until it is complete."""
        from embedlens.measurements.data_warnings import warned_once
        from embedlens.measurements.following import begun_run
        from embedlens.selection import runs_folder
        from embedlens.store.following import Follower
        from embedlens.store.locations import is_address

        with warned_once():
            while True:
                interrupts.check()
                path = begun_run(self.name)
                if path is None:
                    where = "" if is_address(self.name) else f", neither here nor in {runs_folder()}"
                    self._say(f"run {self.name} is not there yet{where}; waiting for it (Ctrl-C ends)")
                    time.sleep(self.every)
                elif self._follow_run(Follower(path)):
                    return

    def _follow_run(self, follower: Follower) -> bool:
        """Draw a run until it is complete; return False where it is removed, or begun again."""
        figures, begun = self.figures(), ""
        while True:
            interrupts.check()
            view = self._look(follower)
            if view is None or begun not in ("", view.created):
                self._say(f"run {self.name} was removed or begun again; following what takes its place")
                return False
            begun = view.created
            try:
                if self._draw(follower, view, figures):
                    continue  # epochs may have been added meanwhile
                if self._is_complete(follower, view):
                    return True
            except (InputError, FileNotFoundError):
                if follower.look() == view:  # otherwise an epoch was removed while it was read
                    raise
                continue
            time.sleep(self.every)

    def _look(self, follower: Follower) -> View | None:
        """Return what is there now; of an epoch that is being recorded the row of the log, too."""
        from embedlens.store.following import Writer

        until = time.monotonic() + _LOG_S
        while True:
            view = follower.look()
            if view is None or view.writer is not Writer.RUNNING or time.monotonic() > until:
                return view
            if follower.is_logged(view):
                return view
            time.sleep(_POLL_S)

    def _draw(self, follower: Follower, view: View, figures: RunFigures) -> bool:
        """Draw what is new in a view, and print the lines of its new epochs; return whether there was any."""
        from embedlens.store.following import Writer

        due = figures.due(view, hurry=view.writer is not Writer.RUNNING)
        if not due or not view.epochs:
            return False
        started = time.monotonic()
        run = follower.pinned(view)
        selection = figures.selection(run)
        new = figures.new_epochs(view)
        recalls = figures.recalls(selection)
        lines = [
            {
                "run": selection.labels[0],
                **figures.place(run, epoch),
                "recall_at_1": {split: values[epoch] for split, values in recalls.items()},
            }
            for epoch in new
        ]
        for line in lines[:-1]:
            self._print({**line, "drawn": [], "figures": [], "data": [], "seconds": None})
        self._drawn |= {part.name: figures.draw(part, view, selection) for part in due}
        self._seconds += time.monotonic() - started
        for line in lines[-1:]:
            files = self._drawn.values()
            self._print({
                **line,
                "drawn": list(self._drawn),
                "figures": [path.as_posix() for paths, _ in files for path in paths],
                "data": [path.as_posix() for _, paths in files for path in paths],
                "seconds": self._seconds,
            })  # fmt: skip
            self._drawn, self._seconds = {}, 0.0
        return True

    def _print(self, facts: dict[str, Any]) -> None:
        """Print the line of an epoch."""
        from embedlens.text import for_json

        if self.as_json:
            sys.stdout.write(json.dumps(for_json(facts), ensure_ascii=False, allow_nan=False) + "\n")
        else:
            scores = ", ".join(f"{split} R@1 {value:.4f}" for split, value in facts["recall_at_1"].items())
            made = f"; drew {', '.join(facts['drawn'])} in {facts['seconds']:.1f} s" if facts["drawn"] else ""
            console.print_line(f"{name_of(facts['epoch'])}: {scores}{made}")
        ending.flush()

    def _is_complete(self, follower: Follower, view: View) -> bool:
        """Return whether nothing more is expected of a run that is drawn; say why it is waited for."""
        from embedlens.experiments.completeness import missing_epochs
        from embedlens.store.following import Writer

        if view.writer is Writer.RUNNING:
            self._said = ""
            return False
        place = f"run {self.name}"
        if view.writer is Writer.GONE:
            self._say(f"{place}: its process has ended without closing it; waiting, since it may be resumed "
                      "(Ctrl-C ends)")  # fmt: skip
            return False
        run = follower.pinned(view)
        missing = missing_epochs(run)
        if missing is not None:
            self._say(
                f"{place}: its training has ended at {missing}; waiting, since it may be resumed "
                "(Ctrl-C ends)"
            )
            return False
        last = f"after {name_of(run.epochs()[-1])}" if run.epochs() else "without an epoch"
        if self.until_stopped:
            self._say(f"{place} was closed {last}; waiting for more (Ctrl-C ends)")
            return False
        self._say(f"{place} was closed {last}; --until-stopped waits for more")
        return True

    def _say(self, text: str) -> None:
        """Print a message, unless it was the last one."""
        if text != self._said:
            console.print_message(text)
        self._said = text
