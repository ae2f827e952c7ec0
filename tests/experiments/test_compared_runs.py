"""Runs of a comparison: what is compared, what a preset says, and the run that all start from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedlens import InputError, Recorder
from embedlens.experiments import compared_runs
from embedlens.experiments.compared_runs import Requests, Way, plan, plan_pretraining, trainable, ways_of
from embedlens.experiments.presets import PRESETS, PUBLISHED, QUICK, Preset, Regime
from embedlens.experiments.recipe import Recipe
from embedlens.objectives.losses import default_rate
from embedlens.training.methods import METHODS, method_options

RECIPE = Recipe({"data": "digits", "epochs": 1, "items_per_class": 8, "init": None}, threads=1)
EVERY = ("plain", "divide-conquer", "dvml", "dreml", "hdc")
PRESET = Preset(
    name="tried",
    pretraining_epochs=2,
    leaves_out=True,
    regimes=[
        Regime(method="plain", epochs=3),
        Regime(method="dvml", epochs=5, training={"schedule": "cosine", "clip": 1.0}, rate_factor=0.3),
        Regime(method="dvml", losses=["margin"], epochs=6, options={"first_phase": 1}),
    ],
)


def names(ways):
    return [way.name for way in ways]


def test_methods_with_a_loss_of_their_own_stand_with_that_loss_where_it_is_compared():
    assert names(ways_of(EVERY, ["triplet"])) == [
        "triplet", "triplet + divide-conquer", "triplet + dvml", "dreml", "hdc",
    ]  # fmt: skip
    assert names(ways_of(EVERY, ["triplet"], baselines=True)) == [
        "triplet", "triplet + divide-conquer", "triplet + dvml", "softmax", "dreml", "contrastive", "hdc",
    ]  # fmt: skip
    assert names(ways_of(["plain", "hdc"], ["contrastive", "triplet"])) == ["contrastive", "hdc", "triplet"]
    assert names(ways_of(["hdc"], ["triplet"], baselines=True)) == ["hdc"]  # plain is not wanted
    assert [way.group for way in ways_of(["dreml", "hdc"], [])] == ["softmax", "contrastive"]


def test_every_regime_fits_its_method():
    for name in PRESETS.names():
        for regime in PRESETS.get(name).regimes:
            assert set(regime.options) <= set(method_options(regime.method))
            assert regime.epochs > 0
        for method in METHODS.names():
            losses = METHODS.get(method).losses or ("triplet", "margin")
            for loss in losses:
                Requests(PRESETS.get(name)).config(Way(method, loss), RECIPE, 0)


def test_quick_is_what_comparisons_without_a_preset_were():
    for way in ways_of(EVERY, ["triplet", "margin"]):
        wanted = Requests().config(way, replace(RECIPE, shared={**RECIPE.shared, "epochs": 4}), 1)
        assert Requests(QUICK).config(way, RECIPE, 1) == wanted


def test_a_regime_sets_what_was_not_typed():
    config = Requests(PRESET).config(Way("dvml", "triplet"), RECIPE, 0)
    assert (config.epochs, config.schedule, config.clip) == (5, "cosine", 1.0)
    assert config.lr == pytest.approx(0.3 * default_rate("triplet", "adam"))
    assert config.method_options == {}
    assert Requests(PRESET).config(Way("dvml", "margin"), RECIPE, 0).method_options == {"first_phase": 1}
    assert Requests(PRESET).config(Way("plain", "triplet"), RECIPE, 0).epochs == 3
    assert Requests(PRESET).config(Way("hdc", None), RECIPE, 0).epochs == 3  # as plain

    typed = replace(
        RECIPE, shared={**RECIPE.shared, "clip": 7.0, "method_options": {"first_phase": 2, "learners": 3}}
    )
    requests = Requests(PRESET, {"epochs", "clip"}, dim=8, lr=0.5)
    config = requests.config(Way("dvml", "margin"), typed, 0)
    assert (config.epochs, config.dim, config.lr, config.method_options) == (1, 8, 0.5, {"first_phase": 2})
    assert requests.config(Way("dvml", "triplet"), typed, 0).clip == 7.0


def test_options_that_count_epochs_are_scaled_with_them():
    regime = Regime(method="divide-conquer", epochs=8, options={"clusters": 2, "finish": 2})
    preset = Preset(name="tried", regimes=[Regime(method="plain", epochs=8), regime])
    for epochs, finish in ((8, 2), (4, 1), (1, 0), (16, 4)):
        recipe = replace(RECIPE, shared={**RECIPE.shared, "epochs": epochs})
        config = Requests(preset, {"epochs"}).config(Way("divide-conquer", "triplet"), recipe, 0)
        assert config.method_options == {"clusters": 2, "finish": finish}


def test_all_runs_start_from_one_run_and_names_say_so(tmp_path):
    start = plan_pretraining(RECIPE, tmp_path, preset=PRESET)
    assert start.path.name == "digits-pretraining-2-epochs-softmax-lr0.001-dim64-seed0"
    assert (start.config.loss, start.config.epochs, start.config.method, start.config.init) == (
        "softmax", 2, "plain", None,
    )  # fmt: skip
    ways = ways_of(["plain", "dvml"], ["triplet"])
    runs = plan(ways, [0, 1], RECIPE, folder=tmp_path, requests=Requests(PRESET), start=start)
    assert [one.run.path.name for one in runs] == [
        f"digits-{name}triplet-init-lr{lr}-dim64-seed{seed}"
        for seed in (0, 1)
        for name, lr in (("", "0.001"), ("dvml-", "0.0003"))
    ]
    assert {one.run.config.init for one in runs} == {str(start.path.resolve())}
    alone = plan(ways, [0], RECIPE, folder=tmp_path, requests=Requests(QUICK))
    assert not {one.run.path for one in alone} & {one.run.path for one in runs}


def test_all_rows_of_the_published_preset_have_as_many_dims():
    ways = [Way(name, None if name in ("dreml", "hdc") else "triplet") for name in EVERY]
    configs = [Requests(PUBLISHED).config(way, RECIPE, 0) for way in ways]
    assert {config.dim for config in configs} == {64}
    assert configs[-1].method_options == {"heads": 2, "negative_weight": 1.0}


def test_what_starts_from_other_weights_needs_no_run_before(tmp_path):
    def start(preset=PUBLISHED, epochs=None, **shared):
        recipe = replace(RECIPE, shared={**RECIPE.shared, **shared})
        return plan_pretraining(recipe, tmp_path, preset=preset, epochs=epochs)

    assert start() is not None
    assert start(QUICK) is None
    assert start(epochs=0) is None
    assert start(init="runs/other") is None
    assert start(backbone="features:z.npy") is None
    assert start(backbone="timm:resnet18") is None
    assert start(backbone="timm:resnet18", pretrained=False) is not None
    assert start(backbone="timm:resnet18", pretrained=False, weights="some.pth") is None
    path = start(epochs=7, sampler="n-pair", mining="hard", method_options={"learners": 3}).path
    assert path.name == "digits-pretraining-7-epochs-softmax-lr0.001-dim64-seed0"


def test_a_run_before_of_more_epochs_is_refused(tmp_path):
    start = plan_pretraining(RECIPE, tmp_path, preset=PRESET)
    labels = {split: np.arange(40) % 5 for split in ("train", "test")}
    sampler = start.config.build_sampler(labels["train"])
    method = replace(start.config, classes_per_batch=sampler.classes, epochs=3).as_method()
    with Recorder(start.path, labels=labels, method=method) as recorder:
        for epoch in range(4):
            z = {split: np.eye(40, 64) + 1 for split in labels}
            recorder.record(epoch, z, metrics={"step": float(epoch)})
            if epoch == 2:
                assert plan_pretraining(RECIPE, tmp_path, preset=PRESET).finished
    with pytest.raises(InputError, match="was trained for 3 epochs, not 2, and its weights are those of the"):
        plan_pretraining(RECIPE, tmp_path, preset=PRESET)


def test_rows_that_the_data_do_not_allow_are_left_out_or_refused(tmp_path):
    """Digits have five training classes, and `small` has two depths on them."""
    ways = ways_of(["plain", "dreml", "hdc"], ["triplet"])
    runs = plan(ways, [0, 1], RECIPE, folder=tmp_path, requests=Requests(PRESET))
    told = []
    kept, reasons = trainable(runs, leave_out=True, warn=told.append)
    assert [(one.way.name, one.run.config.seed) for one in kept] == [("triplet", 0), ("triplet", 1)]
    assert list(reasons) == ["dreml", "hdc"]
    assert "lower --meta-classes to 5" in reasons["dreml"]
    assert [text.partition(":")[0] for text in told] == [
        f"{name} is left out, since it cannot be trained with these data and options" for name in reasons
    ]
    baselines = ways_of(["plain", "dreml", "hdc"], ["triplet", "contrastive"], baselines=True)
    assert [way.name for way in baselines] == ["triplet", "contrastive", "hdc", "softmax", "dreml"]
    planned = plan(baselines, [0, 1], RECIPE, folder=tmp_path, requests=Requests(PRESET))
    kept, more = trainable(planned, leave_out=True, warn=told.append)
    assert {one.way.name for one in kept} == {"triplet", "contrastive"}, "contrastive was asked for"
    assert more == {**reasons, "softmax": "it is the baseline of dreml alone"}
    with pytest.raises(
        InputError, match="^dreml cannot be trained with the options given: method 'dreml' assigns 5"
    ):
        trainable(runs, leave_out=True, warn=told.append, typed=["meta_classes", "lr"])
    with pytest.raises(InputError, match="lower --meta-classes to 5"):
        trainable(runs, leave_out=False, warn=told.append)
    assert compared_runs.ComparedRun(ways[0], runs[0].run).facts["name"] == "triplet"
