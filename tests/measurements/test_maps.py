"""Maps of the epochs of a split, of the items that stay."""

from __future__ import annotations

import numpy as np
from support import write_run

from embedlens.analysis.projection.maps import tsne
from embedlens.measurements.maps import map_epochs
from embedlens.measurements.reader import Kept, Reader
from embedlens.measurements.selected import Selected

FEW = {"perplexity": 5, "n_iter": 10, "early_exaggeration_iter": 5}


def places(tmp_path):
    run = write_run(tmp_path / "run", n=40)
    return [Selected("run", run, "test", epoch, Reader()) for epoch in (0, 1)]


def test_items_are_numbered_as_recorded(tmp_path):
    at, kept = places(tmp_path), Kept(np.arange(4, 40))
    steps = list(map_epochs(at, kept, series=False, **FEW))
    for one, step in zip(at, steps, strict=True):
        expected = tsne(one.snapshot.embeddings[4:], one.run.labels("test")[4:], **FEW)
        assert np.array_equal(step.projection.item, expected.item + 4)
        assert np.array_equal(step.projection.columns()["x"], expected.columns()["x"])
        assert step.start == "cold"


def test_a_series_starts_from_the_map_before(tmp_path):
    steps = list(map_epochs(places(tmp_path), Kept(None), series=True, settle_iter=5, warm_iter=5, **FEW))
    assert steps[0].start == "cold"
    assert steps[1].start != "cold"
