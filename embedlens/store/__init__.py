"""Run directories: the format, reading and recording."""

from embedlens.store.epoch_writer import EpochWriter
from embedlens.store.ranks import Ranks
from embedlens.store.recorder import Recorder
from embedlens.store.relabelled import UNLABELLED
from embedlens.store.run import Run, log_metrics, open_run
from embedlens.store.snapshot import Snapshot

__all__ = ["UNLABELLED", "EpochWriter", "Ranks", "Recorder", "Run", "Snapshot", "log_metrics", "open_run"]
