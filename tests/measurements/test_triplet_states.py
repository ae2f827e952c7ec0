"""States of runs in which triplets are chosen or followed."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, brute_force, write_run

import embedlens
from embedlens import InputError
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.measurements.triplet_states import (
    FixedTriplets,
    Reference,
    State,
    check_same_triplets,
    galleries,
    states_of,
    triplets_of,
)


def pretrained_run(path):
    z, y = blobs(n=20)
    features = {"test": blobs(n=20, dim=5, seed=3)[0]}
    with embedlens.Recorder(path, labels={"test": y}, pretrained=features) as recorder:
        recorder.record(1, {"test": z})
    return recorder.run


def test_triplets_are_numbered_as_recorded_whatever_is_left_out(tmp_path):
    run = write_run(tmp_path / "run", n=30)
    z, y = run.snapshot("test", 2).embeddings, run.labels("test")
    left = np.flatnonzero(y != 2)
    near = State("run", run, "test", 2, Reader.of("2")).nearest(device="cpu")
    expected = brute_force(z[left], y[left])
    assert near.anchor.tolist() == [left[anchor] for anchor, _, _ in expected]
    assert near.positive.tolist() == [left[positive] for _, (_, positive), _ in expected]
    assert near.negative.tolist() == [left[negative] for _, _, (_, negative) in expected]


def test_followed_triplets_are_those_items_in_another_state(tmp_path):
    run = write_run(tmp_path / "run", n=30)
    start, end = (State("run", run, "test", epoch, Reader()) for epoch in (0, 2))
    chosen = end.nearest(device="cpu")
    followed = start.follow(chosen, device="cpu")
    z = start.embeddings.astype(float)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(followed.s_ap, (unit[chosen.anchor] * unit[chosen.positive]).sum(1), atol=1e-6)
    np.testing.assert_allclose(followed.s_an, (unit[chosen.anchor] * unit[chosen.negative]).sum(1), atol=1e-6)


def test_pretrained_features_are_the_first_state(tmp_path):
    run = pretrained_run(tmp_path / "run")
    place = Selected("mine", run, "test", 1, Reader())
    first, last = states_of([place])["mine"]
    assert (first.name, last.name) == ("pretrained", "epoch 1")
    assert first.embeddings.shape == (20, 5)
    assert first.equals(last.initial)
    assert not first.equals(last)
    plain = State("run", write_run(tmp_path / "plain", n=20), "test", 2, Reader())
    assert plain.initial.epoch == 0


def test_runs_of_other_items_or_galleries_are_refused(tmp_path):
    one, same = write_run(tmp_path / "one"), write_run(tmp_path / "same", seed=4)
    check_same_triplets([one, same], ["test"])
    with pytest.raises(InputError, match="pairs are needed"):
        check_same_triplets([one, write_run(tmp_path / "more", n=66)], ["test"], "pairs are needed")
    splits = ("test", "train")
    apart = write_run(tmp_path / "apart", splits=splits, query_gallery={"test": "train"})
    with pytest.raises(InputError, match="in different galleries"):
        check_same_triplets([one, apart], ["test"])
    assert galleries([one, apart], ["test"]) == {"one": {"test": None}, "apart": {"test": "train"}}


def test_the_reference_is_the_last_epoch_of_the_first_run_unless_another_is_named(tmp_path):
    runs, labels = [write_run(tmp_path / name) for name in ("one", "two")], ["A", "B"]
    default = Reference.of(runs, labels)
    assert (default.label, default.epoch, default.stem) == ("A", 2, "")
    other = Reference.of(runs, labels, name="B", epoch="1")
    assert (other.name, other.stem) == ("B, epoch 1", "chosen-B-0001")
    assert other.facts == {"run": "B", "epoch": 1}
    state = other.state("test", Reader())
    assert (state.run, state.split, state.epoch) == (runs[1], "test", 1)
    with pytest.raises(InputError, match="reference run 'C'"):
        Reference.of(runs, labels, name="C")


def test_fixed_triplets_are_the_same_items_at_every_epoch(tmp_path):
    runs = [write_run(tmp_path / name, n=30, seed=seed) for seed, name in enumerate(("one", "two"))]
    reader = Reader()
    fixed = FixedTriplets.of(Reference.of(runs, ["A", "B"], name="B"), ["test"], reader=reader)
    assert fixed.facts == {"run": "two", "epoch": 2}
    assert fixed.stem == "fixed-two-0002"
    first = Selected("A", runs[0], "test", 0, reader)
    followed, own = triplets_of(first, fixed), triplets_of(first)
    assert np.array_equal(followed.negative, fixed.triplets["test"].negative)
    assert np.array_equal(own.negative, State.of(first).nearest(device="cpu").negative)
    assert not np.array_equal(followed.negative, own.negative)
