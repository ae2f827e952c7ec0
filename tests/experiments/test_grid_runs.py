from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from support import write_run
from training_support import train

import embedlens
from embedlens import InputError
from embedlens.experiments.grid_runs import check_grid, plan, plan_one, run_name
from embedlens.files import file_digest
from embedlens.training.config import TrainConfig

SMALL = TrainConfig(data="digits", epochs=1, dim=4, classes_per_batch=5, items_per_class=90, lr=1e-4)


def test_names_tell_what_a_grid_varies_whatever_varies():
    assert run_name(SMALL) == "digits-epshn-lr0.0001-dim4-seed0"
    assert run_name(replace(SMALL, lr=1e-5, seed=3)) == "digits-epshn-lr1e-05-dim4-seed3"
    assert run_name(replace(SMALL, lr=10000, loss="ep")) == "digits-ep-lr10000-dim4-seed0"
    assert run_name(replace(SMALL, loss_options={"order": 2})) == "digits-epshn-order2-lr0.0001-dim4-seed0"
    assert run_name(replace(SMALL, loss_options={"order": 1}, epochs=99, threads=5)) == run_name(SMALL)
    close = {run_name(replace(SMALL, lr=lr)) for lr in (0.1, 0.10000000001, np.nextafter(0.1, 1))}
    assert len(close) == 3


def test_what_stands_in_the_place_of_a_run(tmp_path):
    config = replace(SMALL, classes_per_batch=32)  # digits trains on five classes
    (new,) = plan([config], tmp_path, any_threads=True)
    assert (new.recorded, new.finished) == (-1, False)
    assert new.path == tmp_path / run_name(config)
    train(new.path, replace(config, epochs=0))
    assert embedlens.open_run(new.path).method["classes_per_batch"] == 5
    (begun,) = plan([config], tmp_path, any_threads=True)
    assert (begun.recorded, begun.finished) == (0, False)
    assert plan([replace(config, epochs=0)], tmp_path, any_threads=True)[0].finished
    plan([replace(config, loss_options={"temperature": 0.1, "order": 1})], tmp_path, any_threads=True)
    (other,) = plan([replace(config, threads=3)], tmp_path, any_threads=True)
    assert other.config.threads == 1
    for change, message in (
        ({"threads": 3}, "threads 1, not 3"),
        ({"loss_options": {"temperature": 0.2}}, "temperature 0.1, not 0.2"),
        ({"classes_per_batch": 4}, "classes_per_batch 5, not 4"),
        ({"augment": False}, "augment True, not False"),
        ({"weight_decay": 0.1}, "weight_decay 0.0, not 0.1"),
    ):
        with pytest.raises(InputError, match=f"dim4-seed0 was trained with {message}; choose another folder"):
            plan([replace(config, **change)], tmp_path, any_threads=False)


def test_what_does_not_belong_there(tmp_path):
    path = tmp_path / run_name(SMALL)
    path.mkdir()
    assert plan([SMALL], tmp_path, any_threads=True)[0].recorded == -1
    (path / "notes.txt").touch()
    with pytest.raises(InputError, match="is not a run"):
        plan([SMALL], tmp_path, any_threads=True)
    write_run(tmp_path / run_name(replace(SMALL, seed=1)))
    with pytest.raises(InputError, match=r"seed1: its run.json holds no training configuration"):
        plan([replace(SMALL, seed=1)], tmp_path, any_threads=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "mnist"}, "unknown data set 'mnist'"),
        ({"data": "folder"}, "--root"),
        ({"items_per_class": 1}, "two of each are the least"),
        ({"loss_options": {"order": 3}}, "unknown order '3'"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        check_grid([SMALL, replace(SMALL, **change)][:: -1 if "data" in change else 1])


def test_runs_that_start_from_another_run(tmp_path):
    small = replace(SMALL, epochs=0)
    train(tmp_path / "first", replace(small, seed=7))
    config = replace(small, init=str(tmp_path / "first"))
    (new,) = plan([config], tmp_path / "grid", any_threads=True)
    check_grid([new.config])
    digest = new.config.init_sha256
    assert digest == file_digest(tmp_path / "first/checkpoint.pt")
    run = train(new.path, new.config)
    assert run.method["init_sha256"] == digest
    assert plan([config], tmp_path / "grid", any_threads=True)[0].finished
    shutil.move(tmp_path / "first", tmp_path / "moved")
    (moved,) = plan([replace(config, init=str(tmp_path / "moved"))], tmp_path / "grid", any_threads=True)
    assert (moved.finished, moved.config.init_sha256) == (True, digest)

    train(tmp_path / "second", replace(small, seed=8))
    other = replace(config, init=str(tmp_path / "second"))
    ours = f"the checkpoint of {tmp_path / 'first'} with SHA-256 {digest[:12]}"
    theirs = f"the checkpoint of {other.init} with SHA-256 "
    with pytest.raises(InputError, match=f"started from {ours}, not {theirs}.*; choose another folder"):
        plan([other], tmp_path / "grid", any_threads=True)
    with pytest.raises(InputError, match=f"started from {ours}, not no other run; choose another folder"):
        plan_one(small, new.path, any_threads=True)
    train(tmp_path / "plain" / run_name(other), small)
    with pytest.raises(InputError, match=f"started from no other run, not {theirs}"):
        plan([other], tmp_path / "plain", any_threads=True)


def test_weights_that_do_not_fit_are_refused_before_any_training(tmp_path):
    train(tmp_path / "first", replace(SMALL, epochs=0))
    config = replace(SMALL, init=str(tmp_path / "first"), image_size=32)
    (planned,) = plan([config], tmp_path, any_threads=True)
    with pytest.raises(InputError, match="the backbone of run .* does not fit in 5 tensors"):
        check_grid([planned.config])
    with pytest.raises(InputError, match="no such run"):
        plan([replace(config, init=str(tmp_path / "none"))], tmp_path, any_threads=True)
