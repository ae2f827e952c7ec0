"""Progress of embedding by checkpoints: a bar on a terminal, and one line per checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from embedlens.text import escaped
from embedlens_cli.common import console as output

if TYPE_CHECKING:
    from embedlens.experiments.checkpoints import EmbeddingProgress


class CheckpointProgress:
    """Shows the progress that `embed_checkpoints` reports.

    Parameters
    ----------
    quiet
        Whether to leave out the lines (standard output then belongs to JSON).

    Attributes
    ----------
    embedded
        Paths of the checkpoints that were embedded.
    """

    def __init__(self, *, quiet: bool) -> None:
        console = output.terminal(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[place]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, place="reading the data")
        self._quiet = quiet
        self.embedded: list[str] = []

    def __enter__(self) -> CheckpointProgress:
        if not self._bar.disable:
            self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if not self._bar.disable:  # rich before 14 writes an empty line for a bar that never was
            self._bar.stop()

    def report(self, progress: EmbeddingProgress) -> None:
        """Show one batch; a checkpoint whose epoch is recorded gets its line."""
        checkpoint = progress.checkpoint
        self._bar.update(
            self._task,
            description=escaped(checkpoint.path.name),
            total=progress.count * progress.items,
            completed=(progress.number - 1) * progress.items + progress.done,
            place=f"checkpoint {progress.number} of {progress.count}",
        )
        if progress.done < progress.items:
            return
        self.embedded.append(checkpoint.path.as_posix())
        if not self._quiet:
            output.print_line(f"{checkpoint.label}: {checkpoint.path}")
