"""The trainer with the default metrics of an epoch and the warning of a collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens import errors
from embedlens.experiments.collapse import CollapseWatch
from embedlens.experiments.epoch_metrics import metrics_of
from embedlens.training.loop import TrainingLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlens.store import Run
    from embedlens.training.loop import Metrics
    from embedlens.training.progress import Progress


class Trainer(TrainingLoop):
    """Trains one run as `embedlens train` does; parameters and attributes are those of `TrainingLoop`.

    Attributes
    ----------
    collapsed
        Whether the space is collapsed at the last epoch, for the second in a row at least, in any split;
        False before `run`, and where the metrics are the caller's own.
    """

    collapsed: bool = False

    def __repr__(self) -> str:
        where = f"{str(self.path)!r}, device {self.team.device.type}"
        if not self.team.leads:
            return f"Trainer({where}: {self.config})"
        recorded = self.recorder.run.epochs()
        state = f"epoch {recorded[-1]} of {self.config.epochs}" if recorded else "not begun"
        return f"Trainer({where}, {state}: {self.config})"

    def run(
        self,
        metrics: Metrics | None = None,
        report: Callable[[Progress], None] | None = None,
        *,
        warn: Callable[[str], None] | None = None,
    ) -> Run:
        """Train from the checkpoint, or from the start, to the last epoch; return the run.

        Parameters
        ----------
        metrics
            Measures each epoch; the numbers go into log.csv. None: R@1, effective rank and mean similarity
            of every split, with a warning when the space collapses.
        report
            Called with the progress at every step; None: nothing is reported.
        warn
            Called with each message for the user; None: each is an `InputWarning`.

        Raises
        ------
        InputError
            A loss that is NaN or infinite, embeddings that cannot be compared, or a class to leave out of
            the metrics that the data lack.
        """
        measure = metrics_of(self.data, self.config) if metrics is None else metrics
        if not self.team.leads:
            return super().run(measure, _report_nothing)
        send = warn or errors.warn
        for message in self.messages:
            send(message)
        watch = CollapseWatch(self.recorder.run, self.config) if metrics is None else None
        step = report or _report_nothing

        def both(progress: Progress) -> None:
            step(progress)
            if progress.message:
                send(progress.message)
            if watch is not None and progress.row is not None:
                collapse = watch.see(progress.epoch, progress.row)
                if collapse is not None:
                    send(collapse)

        try:
            return super().run(measure, both)
        finally:
            self.collapsed = watch is not None and watch.collapsed


def _report_nothing(progress: Progress) -> None:
    """Ignore the progress."""
