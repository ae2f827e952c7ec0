"""Maps of the epochs of a split, of the items that stay."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens import InputError
from embedlens.analysis.projection.items import draw_sample
from embedlens.analysis.projection.maps import tsne
from embedlens.measurements.maps import MapPlan, coloured_splits, map_epochs, map_split, recorded
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


def coloured(labels, highlight):
    """The colours of every class, as figures without a limit would give them."""
    return np.unique(labels)


def test_a_split_is_mapped_with_what_its_items_are_coloured_by(tmp_path):
    at = places(tmp_path)
    plan = MapPlan(parameters={**FEW, "seed": 2}, coloured=coloured, sample=30, highlighted=("3", "1"))
    maps = map_split(at[:1], plan, Kept(None))
    (one,) = maps.values()
    drawn = draw_sample(at[0].run.labels("test"), 30, first=(3, 1), seed=2)
    assert one.highlight == (3, 1)
    assert one.sampled.rows.tolist() == drawn.rows.tolist()
    assert set(one.step.projection.item.tolist()) <= set(drawn.rows.tolist())
    assert one.summary()["of"] == 40
    columns = one.columns()
    assert columns["label"].tolist() == at[0].run.labels("test")[one.step.projection.item].tolist()


def test_errors_of_a_map_name_its_place(tmp_path):
    at = places(tmp_path)
    wide = MapPlan(parameters={"perplexity": 500}, coloured=coloured)
    with pytest.raises(
        InputError, match="run 'run', split 'test', epoch 0: perplexity .*; change --perplexity"
    ):
        map_split(at, wide, Kept(None))
    with pytest.raises(InputError, match="has no thumbnails"):
        map_split(at, MapPlan(parameters=FEW, coloured=coloured, thumbnails=True), Kept(None))
    with pytest.raises(InputError, match="unknown class '9'"):
        map_split(at, MapPlan(parameters=FEW, coloured=coloured, highlighted=["9"]), Kept(None))


def clustered(path, *, splits=("train", "test")):
    z, y = blobs(n=20)
    with embedlens.Recorder(path, labels={"train": y, "test": y}) as recorder:
        extras = {split: {"cluster": np.arange(20) % 2, "weight": np.ones(20)} for split in splits}
        recorder.record(0, {"train": z, "test": z}, extras=extras)
    return recorder.run


def test_items_are_coloured_by_what_every_run_has_recorded_of_the_split(tmp_path):
    runs = [clustered(tmp_path / "one"), clustered(tmp_path / "two", splits=["train"])]
    both = ("train", "test")
    assert coloured_splits(runs, both, "class", named=False) == both
    assert list(coloured_splits(runs, both, "cluster", named=False)) == ["train"]
    with pytest.raises(InputError, match="'cluster' is recorded of train, not of test"):
        coloured_splits(runs, both, "cluster", named=True)
    with pytest.raises(InputError, match="unknown colour 'clustr'"):
        coloured_splits(runs, both, "clustr", named=False)
    one = Selected("one", runs[0], "test", 0, Reader())
    assert recorded(one, "cluster").tolist() == [0, 1] * 10
    with pytest.raises(InputError, match="one whole number per item"):
        recorded(one, "weight")
