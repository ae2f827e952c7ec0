"""Run directories: the format, reading, recording, and importing what other programs left."""

from embedlens.store.epoch_writer import EpochWriter
from embedlens.store.ranks import Ranks
from embedlens.store.recorder import Recorder
from embedlens.store.run import Run, Snapshot, log_metrics, open_run

__all__ = ["EpochWriter", "Ranks", "Recorder", "Run", "Snapshot", "log_metrics", "open_run"]
