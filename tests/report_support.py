"""Runs and pages that tests of reports share."""

from __future__ import annotations

import json
import re

import numpy as np
from support import blobs

import embedlens
from embedlens.measurements import Reader, Selected

RUNS = ["first", "second"]
"""Names of the runs of the example."""


def places_of(*runs, splits=None):
    """Every snapshot of some runs, or those of some splits."""
    reader = Reader()
    return [
        Selected(run.name, run, split, epoch, reader)
        for run in runs
        for split in (splits or run.splits)
        for epoch in run.epochs()
    ]


def header_in(page):
    """The JSON header of a page, and its blocks by name."""
    stored = dict(re.findall(r'<script type="text/plain" id="([^"]+)">(.*?)</script>', page, re.DOTALL))
    return json.loads(stored.pop("header")), stored


def record(path, *, epochs=3, n=60, seed=0, pull=0.4, classes=6, y=None, **options):
    """A run of one split whose classes draw together; `seed` says in which way the items start."""
    z, labels = blobs(n=n, classes=classes, spread=1.0)
    labels = labels if y is None else y
    z = z + 0.3 * np.random.default_rng(seed).normal(size=z.shape)
    method = {"loss": "triplet", "seed": seed}
    with embedlens.Recorder(path, labels={"test": labels}, method=method, **options) as recorder:
        for epoch in range(epochs):
            moved = z + pull * epoch * np.eye(len(np.unique(labels)) + 2, z.shape[1])[labels % 8]
            recorder.record(epoch, {"test": moved.astype(np.float32)}, metrics={"loss": 1 / (epoch + 1)})
    return recorder.run


def dataset(example, split="test"):
    """What a report shows of a split of the example."""
    return next(one for one in example.data.datasets if one.items.split == split)


def series(example, run, split="test"):
    """The triplets of a run of the example."""
    return dataset(example, split).series[run]


def table(page, place):
    """The texts of the cells of a table of the page."""
    return page.js(
        "place => [...document.querySelectorAll(place + ' tbody tr')].map(line =>"
        " [...line.cells].map(cell => cell.innerText.trim()))",
        place,
    )
