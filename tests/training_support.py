"""Training without metrics, and what a run recorded."""

from __future__ import annotations

from pathlib import Path

from embedlens.training.loop import TrainingLoop


def finish(loop, report=lambda progress: None, *, metrics=lambda embeddings, labels: {}):
    """Run a training loop to its end; by default nothing is measured and nothing reported."""
    return loop.run(metrics, report)


def train(path, config, report=lambda progress: None, *, metrics=lambda embeddings, labels: {}, **options):
    """Train at a path; return the run."""
    return finish(TrainingLoop(config, path, **options), report, metrics=metrics)


def snapshots(path):
    """All embeddings of a run, bit for bit: relative path -> bytes of the file."""
    return {
        str(file.relative_to(path)): file.read_bytes() for file in sorted(Path(path).glob("splits/*/*.npy"))
    }
