"""Progress of training: a bar with the time left on a terminal, and one row per epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from embedlens.text import escaped
from embedlens_cli.common import console as output

if TYPE_CHECKING:
    from types import TracebackType

    from embedlens.training.progress import Progress as Step

_WIDTH = 9


class TrainingProgress:
    """Shows the steps that a trainer reports.

    Parameters
    ----------
    name
        Text before the bar.
    quiet
        Whether to leave out the rows (standard output then belongs to JSON).
    """

    def __init__(self, name: str, *, quiet: bool) -> None:
        console = output.terminal(stderr=True)
        self._bar = Progress(
            TextColumn(escaped(name), markup=False),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]} of {task.fields[epochs]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=None, epoch=0, epochs=0)
        self._quiet = quiet
        self._header_shown = False

    def __enter__(self) -> TrainingProgress:
        if not self._bar.disable:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._bar.disable:  # rich before 14 writes an empty line for a bar that never was
            self._bar.stop()

    def report(self, step: Step) -> None:
        """Show one step; a finished epoch gets its row."""
        self._bar.update(
            self._task,
            total=step.epochs * step.steps,
            completed=(step.epoch - 1) * step.steps + step.step if step.epoch else 0,
            epoch=step.epoch,
            epochs=step.epochs,
        )
        if step.row is not None and not self._quiet:
            self._print_row(step.epoch, step.row)

    def _print_row(self, epoch: int, row: dict[str, float]) -> None:
        recalls = [name for name in row if name.endswith("_recall_at_1")]
        names = {"loss": "loss"} | {name: name.replace("_recall_at_1", " R@1") for name in recalls}
        if not self._header_shown:
            output.print_line(
                "epoch " + " ".join(f"{title:>{_WIDTH}}" for title in [*names.values(), "seconds"])
            )
            self._header_shown = True
        cells = [f"{row[name]:.4f}" if name in row else "-" for name in names]
        output.print_line(
            f"{epoch:>5} " + " ".join(f"{cell:>{_WIDTH}}" for cell in [*cells, f"{row['seconds']:.1f}"])
        )
