from __future__ import annotations

import json
import re

import numpy as np
import pytest
from support import blobs

import embedlens
from embedlens.experiments.collapse import CollapseWatch, Space, advice, has_collapsed, run_collapsed
from embedlens.objectives import LOSSES
from embedlens.training.config import TrainConfig

START = Space(0.5, 27.8, 0.90)


def row(recall, rank, similarity, split="train"):
    return {
        f"{split}_recall_at_1": recall,
        f"{split}_effective_rank": rank,
        f"{split}_mean_similarity": similarity,
    }


def watch_of(path, *rows):
    """Follow a new run over rows; return what is told, epoch by epoch."""
    run = embedlens.Recorder(path, labels={"train": np.arange(4)}).run
    watch = CollapseWatch(run, TrainConfig(loss="ephn", dim=64, lr=0.01))
    return [watch.see(epoch, one) for epoch, one in enumerate(rows)]


@pytest.mark.parametrize(
    ("now", "before", "collapsed"),
    [
        (START, START, False),
        (Space(0.7, 4.0, 0.97), START, False),  # narrow, as few classes are, but R@1 rises
        (Space(0.7, 4.0, 0.9991), START, True),  # to a point, although R@1 rises
        (Space(0.4, 4.0, 0.97), START, True),
        (Space(0.5, 30.0, 0.949), START, False),
        (Space(0.5, 20.0, 0.951), START, True),
        (Space(0.3, 1.4, 0.98), Space(0.3, 1.5, 0.97), False),  # two dims, barely trained
        (Space(0.3, 1.1, 0.99), Space(0.3, 1.5, 0.97), True),
        (Space(0.4, 1.9, 0.60), START, True),  # to a line
        (Space(0.9, 1.9, 0.00), START, False),  # two classes at opposite ends
        (Space(0.4, 1.9, 0.60), Space(0.5, 3.0, 0.9), False),
        (Space(0.4, 2.1, 0.60), START, False),
    ],
)
def test_what_counts_as_collapse(now, before, collapsed):
    assert has_collapsed(now, before) is collapsed


def test_it_is_told_after_two_epochs_in_a_row_and_again_after_a_recovery(tmp_path):
    good, bad = row(0.8, 30.0, 0.1), row(0.4501, 1.43, 0.9912)
    told = watch_of(tmp_path / "run", row(0.5, 27.8, 0.9), good, bad, good, bad, bad, bad, good, bad, bad)
    assert [epoch for epoch, text in enumerate(told) if text] == [5, 9]
    assert told[5] == (
        "epoch 5: the space has collapsed, for the second epoch in a row (train; at epoch 0 in brackets): "
        "mean similarity 0.9912 (0.9000), effective rank 1.4 (27.8) of 64 dims, R@1 0.4501 (0.5000); try "
        "semi-hard negatives (--loss epshn), or a lower --lr (now 0.01)"
    )


def test_few_classes_whose_recall_rises_are_told_nothing(tmp_path):
    narrow = [row(0.6 + 0.1 * epoch, 3.0, 0.97 + 0.005 * epoch) for epoch in range(4)]
    assert watch_of(tmp_path / "run", row(0.5, 10.0, 0.94), *narrow) == [None] * 5


def test_another_split_in_the_epoch_before_is_not_a_row(tmp_path):
    good, bad = row(0.8, 30.0, 0.1), row(0.45, 1.4, 0.99)
    start = row(0.5, 27.8, 0.9) | row(0.5, 27.8, 0.9, "test")
    first, second = bad | row(0.8, 30.0, 0.1, "test"), good | row(0.45, 1.4, 0.99, "test")
    told = watch_of(tmp_path / "run", start, first, second, first, first)
    assert [epoch for epoch, text in enumerate(told) if text] == [4]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"loss": "epshn"}, None),
        ({"loss": "ephn"}, "--loss epshn"),
        ({"loss": "hn"}, "--loss shn"),
        ({"loss": "shn"}, None),
        ({"loss": "softmax"}, None),
        ({"loss": "triplet"}, None),  # semi-hard, as it usually is
        ({"loss": "triplet", "mining": "hard"}, "--mining semi-hard"),
        ({"loss": "triplet", "mining": "distance-weighted"}, None),
        ({"loss": "triplet", "mining": "easy-positive"}, None),
    ],
)
def test_advice_is_never_what_runs_already(options, named):
    told = advice(TrainConfig(**options, lr=0.02))
    assert told.endswith("a lower --lr (now 0.02)")
    assert (named in told) if named else ("semi-hard" not in told)
    if named:  # it can be followed
        changed = dict(options) | {named.split()[0].removeprefix("--"): named.split()[1]}
        assert changed != options
        TrainConfig(**changed).build_loss()


def test_easy_positives_with_hard_negatives_are_advised_semi_hard_ones():
    told = advice(TrainConfig(loss="triplet", mining="easy-positive", mining_options={"negative": "hard"}))
    (options,) = re.findall("--mining-options '(.*)'\\)", told)
    assert json.loads(options) == {"negative": "semi-hard"}


def test_every_loss_is_advised_something_else():
    for name in LOSSES.names():
        assert f"--loss {name})" not in advice(TrainConfig(loss=name))


def test_any_split_counts_and_epoch_0_never(tmp_path):
    start = row(0.5, 1.2, 0.999) | row(0.5, 20.0, 0.9, "test")
    later = row(0.5, 1.2, 0.999) | row(0.5, 2.0, 0.99, "test")
    told = watch_of(tmp_path / "run", start, start, later, later)
    assert told[:3] == [None, None, None]
    assert "(test;" in told[3]


def test_sweeps_call_collapsed_what_training_warns_of(tmp_path):
    """Two epochs in a row, whatever the epochs; a log with NaN is completed from the snapshots."""
    z, y = blobs(n=40, classes=4)
    narrow = (np.ones(8) + 1e-5 * z).astype(np.float32)
    nan = float("nan")
    for name, states, collapsed in (
        ("once", [z, z, narrow], False),
        ("apart", [z, narrow, z, narrow], False),
        ("twice", [z, narrow, narrow], True),
        ("before", [z, narrow, narrow, z], False),
    ):
        with embedlens.Recorder(tmp_path / name, labels={"test": y}) as recorder:
            for epoch, state in enumerate(states):
                odd = {"test_mean_similarity": nan, "test_recall_at_1": 0.5, "test_effective_rank": nan}
                recorder.record(5 * epoch, {"test": state}, metrics=odd if epoch else {})
        run = embedlens.open_run(tmp_path / name)
        assert run_collapsed(run, run.epochs()[-1]) is collapsed, name
        space = Space.of_run(run, "test", run.epochs()[-1])
        unit = states[-1].astype(float) / np.linalg.norm(states[-1].astype(float), axis=1, keepdims=True)
        pairs = [unit[i] @ unit[j] for i in range(40) for j in range(i)]
        assert space.mean_similarity == pytest.approx(np.mean(pairs))
