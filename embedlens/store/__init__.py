"""Run directories: the format, reading, recording, and importing what other programs left."""

from embedlens.store.recorder import Recorder, log_metrics
from embedlens.store.run import Run, Snapshot, open_run

__all__ = ["Recorder", "Run", "Snapshot", "log_metrics", "open_run"]
