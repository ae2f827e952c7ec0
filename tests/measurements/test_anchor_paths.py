"""Which anchors are followed, and the paths of their triplets through all states."""

from __future__ import annotations

import numpy as np
import pytest
from support import write_run

from embedlens import InputError
from embedlens.analysis.triplets.trajectory import random_anchors, worst_anchors
from embedlens.measurements.anchor_paths import Anchors, follow_anchors
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.measurements.triplet_states import Reference, State


def snapshots(runs):
    reader = Reader()
    return [Selected(run.name, run, "test", epoch, reader) for run in runs for epoch in run.epochs()]


def test_each_anchor_has_a_path_in_every_run_of_the_same_three_items(tmp_path):
    runs = [write_run(tmp_path / name, n=30, seed=seed) for seed, name in enumerate(("one", "two"))]
    reference = Reference.of(runs, ["one", "two"])
    found = follow_anchors(snapshots(runs), reference, Anchors("rows", rows=(4, 7)), device="cpu")
    near = reference.state("test", Reader()).nearest(device="cpu")
    for row, one in zip((4, 7), found, strict=True):
        assert [path.run for path in one.paths] == ["one", "two"]
        for path in one.paths:
            assert path.epoch.tolist() == [0, 1, 2]
            assert (path.anchor, path.positive, path.negative) == (
                row,
                near.positive[row],
                near.negative[row],
            )
        assert one.classes[0] == one.classes[1] == f"class {row % 6}"
        assert one.items["negative_class"] == f"class {near.negative[row] % 6}"


def test_anchors_are_chosen_among_the_triplets_of_the_reference(tmp_path):
    state = State("one", write_run(tmp_path / "one", n=30), "test", 2, Reader())
    near = state.nearest(device="cpu")
    chosen = {
        kind: Anchors(kind, count=3, seed=1).choose(near, state, device="cpu").tolist()
        for kind in ("worst", "random", "moved")
    }
    assert chosen["worst"] == worst_anchors(near, 3).tolist()
    assert chosen["random"] == random_anchors(near, 3, seed=1).tolist()
    first, last = (
        state.initial.follow(near, device="cpu"),
        state.follow(near, device="cpu"),
    )
    far = [np.hypot(1 - one.s_ap, one.s_an) for one in (first, last)]
    assert set(chosen["moved"]) == set(near.anchor[np.argsort(-np.abs(far[0] - far[1]))[:3]].tolist())


def test_classes_are_named_by_the_items_or_by_the_run(tmp_path):
    run = write_run(tmp_path / "one", n=30, class_names={0: "zero"})
    (one,) = follow_anchors(
        snapshots([run]), Reference.of([run], ["one"]), Anchors("rows", rows=(6,)), device="cpu"
    )
    assert one.classes[0] == "zero"


def test_a_row_that_is_no_anchor_is_refused_with_its_place(tmp_path):
    run = write_run(tmp_path / "one", n=30)
    with pytest.raises(InputError, match="run 'one', split 'test'"):
        follow_anchors(
            snapshots([run]), Reference.of([run], ["one"]), Anchors("rows", rows=(99,)), device="cpu"
        )


def test_file_names_and_sidecars_say_which_anchors():
    assert Anchors("rows", rows=(4, 7)).stem == "anchor-4+7"
    assert Anchors("random", count=3, seed=2).stem == "random-3-seed-2"
    assert Anchors("worst", count=3).facts["anchors"] == "farthest from (1, 0) at the reference epoch"
    assert (Anchors("rows", rows=(4, 7)).size, Anchors("worst", count=3).size) == (2, 3)
