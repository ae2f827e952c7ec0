"""A run with whatever formats stumble over."""

from __future__ import annotations

import numpy as np

import embedlens

HOSTILE = ["=1+1", "a\tb", "c\nd", "e\rf", "g\0h", '"q",', "é", "", " x ", "-3", "@who", "\u2028z"]


def hostile_run(path, *, dtype="float32", epochs=3):
    """A run with steps, class names, thumbnails, and texts that formats stumble over."""
    random = np.random.default_rng(0)
    labels = {"train": np.arange(30) % 5, "test": np.arange(20) % 4}
    items = {
        split: {"path": [HOSTILE[i % len(HOSTILE)] for i in range(y.size)], "label": ["x"] * y.size}
        for split, y in labels.items()
    }
    images = {
        split: random.integers(0, 255, (y.size, 5, 7, 3)).astype(np.uint8) for split, y in labels.items()
    }
    with embedlens.Recorder(
        path, labels=labels, items=items, thumbnails=images, dtype=dtype,
        class_names={0: "cat", 1: "=dog\tx"}, method={"loss": "mine", "lr": 0.1, "nested": {"a": None}},
    ) as recorder:  # fmt: skip
        for epoch in range(epochs):
            scale = 10.0 ** np.linspace(-4, 4, 6)
            z = {split: scale * random.normal(size=(y.size, 6)) for split, y in labels.items()}
            recorder.record(epoch, z, metrics={"step": 10 * epoch, "loss": np.nan})
    return recorder.run


def snapshot(run, split, epoch=-1):
    return np.asarray(run.snapshot(split, epoch).embeddings)
