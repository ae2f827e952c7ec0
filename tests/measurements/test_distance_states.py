"""Initial and final states of runs, and the triplets on which they are compared."""

from __future__ import annotations

import numpy as np
from support import write_run

from embedlens.measurements.distance_states import MeasuredState, compare_states
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.measurements.triplet_states import Reference, State


def compared(runs, **reference):
    """The comparison of the last epochs, with the followed triplets in place of paired statistics."""
    labels = [run.name for run in runs]
    reader = Reader()
    places = [Selected(run.name, run, "test", 2, reader) for run in runs]
    chosen = Reference.of(runs, labels, **reference)
    calls = []

    def keep(followed, *, names):
        calls.append((followed, names))
        return []

    return compare_states(places, chosen, keep, device="cpu"), calls


def test_one_run_is_compared_with_its_initial_state(tmp_path):
    comparison, ((followed, names),) = compared([write_run(tmp_path / "one", n=30)])
    assert [(one.name, one.initial) for one in comparison.states] == [
        ("one, epoch 0", True), ("one, epoch 2", False)
    ]  # fmt: skip
    assert names == ("epoch 0", "epoch 2")
    # The triplets of the reference, which is the final state, then those of the other state.
    assert list(followed) == ["one, epoch 2", "one, epoch 0"]
    before, after = followed["one, epoch 2"]
    final = comparison.states[1].triplets
    for side in (before, after):
        assert np.array_equal(side.negative, final.negative)
    np.testing.assert_allclose(after.s_an, final.s_an, atol=1e-6)
    assert comparison.n_text == "n = 30"


def test_runs_are_compared_with_the_first_by_their_labels(tmp_path):
    runs = [write_run(tmp_path / name, n=30, seed=seed) for seed, name in enumerate(("one", "two", "three"))]
    comparison, calls = compared(runs, name="two", epoch="0")
    assert [names for _, names in calls] == [("one", "two"), ("one", "three")]
    assert [list(followed) for followed, _ in calls] == [
        ["two, epoch 0", "one, epoch 2", "two, epoch 2"],
        ["two, epoch 0", "one, epoch 2", "three, epoch 2"],
    ]
    assert list(comparison.paired) == ["two", "three"]


def test_an_initial_state_that_runs_share_stands_once(tmp_path):
    twins = [write_run(tmp_path / name, n=30) for name in ("one", "twin")]
    comparison, _ = compared([*twins, write_run(tmp_path / "other", n=30, seed=5)])
    assert [one.labels for one in comparison.states if one.initial] == [("one", "twin"), ("other",)]


def test_a_run_of_one_epoch_is_compared_with_nothing(tmp_path):
    run = write_run(tmp_path / "one", n=30, epochs=1)
    final = Selected("one", run, "test", 0, Reader())
    comparison = compare_states([final], Reference.of([run], ["one"]), None, device="cpu")
    assert [one.initial for one in comparison.states] == [False]
    assert comparison.paired == {}


def test_a_measured_state_has_the_distances_of_its_own_triplets(tmp_path):
    initial = State("one", write_run(tmp_path / "one", n=30), "test", 0, Reader())
    state = MeasuredState(("one",), initial, initial.nearest(device="cpu"))
    expected = np.hypot(1 - state.triplets.s_ap, state.triplets.s_an)
    np.testing.assert_allclose(state.distances.distance, expected, atol=1e-6)
    assert state.key == "0"
