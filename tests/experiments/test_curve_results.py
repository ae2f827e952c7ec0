"""Curves of runs as panels, tables and numbers, and what is missing of them."""

from __future__ import annotations

import numpy as np
import pytest
from support import write_run

from embedlens import InputError
from embedlens.analysis.experiments import Band
from embedlens.experiments.curve_results import (
    columns,
    comparable,
    curves_of,
    facts,
    not_finite_in_log,
    summary,
)
from embedlens.experiments.run_metrics import RunMetrics
from embedlens.store import log_metrics


@pytest.fixture
def sources(folder):
    """Two runs of three epochs: one logs a NaN, the other no learning rate."""
    found = []
    for seed in (0, 1):
        run = write_run(f"runs/s{seed}", seed=seed, epochs=3, splits=("test",))
        for epoch in range(3):
            log_metrics(run, epoch, {"loss": 3.0 - epoch + seed} | ({"rate": 0.5} if seed == 0 else {}))
        found.append(RunMetrics.of(f"s{seed}", run))
    found[0].log["loss"].pop(1)
    found[0].not_finite["loss"] = [1]
    found[1].computed["test_nmi"] = {2: 0.25}
    return found


def test_every_metric_of_every_run_that_has_it(sources):
    lines, messages = curves_of(sources, ["loss", "rate"], "epoch")
    assert [(line.name, line.metric) for line in lines] == [("s0", "loss"), ("s1", "loss"), ("s0", "rate")]
    assert messages == [
        "run s0: loss is NaN or infinite at 1 of 3 epochs (1); the line is broken there",
        "run s1 has no rate and is left out there",
    ]
    with pytest.raises(InputError, match="no run has a value of 'nmi'"):
        curves_of(sources, ["nmi"], "epoch")


def test_messages_say_what_is_drawn_of_what_is_not_finite(sources):
    one = sources[0]
    one.computed["loss"] = {1: 0.5}
    assert not_finite_in_log(one, "loss", drawn=True)[0].endswith("(1); computed from the snapshots instead")
    one.not_finite["odd"] = list(range(12))
    (text,) = not_finite_in_log(one, "odd", drawn=False)
    assert "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 11); nothing is drawn of it" in text
    assert not_finite_in_log(one, "rate", drawn=True) == []


def test_losses_of_different_kinds_stand_apart(sources, monkeypatch):
    lines, _ = curves_of(sources, ["loss"], "epoch")
    assert comparable(lines, sources) == [("loss", "", lines)]
    monkeypatch.setattr(
        "embedlens.experiments.curve_results.training_loss", lambda method: ("ep", "ms")[method["seed"]]
    )
    assert comparable(lines, sources) == [("loss", "ep", lines[:1]), ("loss", "ms", lines[1:])]


def test_the_table_has_the_band_beside_its_runs(sources):
    lines, _ = curves_of(sources, ["loss", "test_nmi"], "epoch")
    band = Band.of("s", lines[:2])
    first, second, computed = columns(lines, [band], sources)
    assert first["run"] == "s0"
    assert first["group"] == second["group"] == "s"
    assert second["group_mean"].tolist()[0] == np.mean([3.0, 4.0])
    assert second["source"].tolist() == ["log"] * 3
    assert computed["source"].tolist() == ["computed"]
    assert "group" not in computed
    numbers = summary([*lines, band])
    assert numbers["s1"]["loss"]["values"] == [4.0, 3.0, 2.0]
    assert numbers["s0"]["loss"]["not_finite"] == [1]
    assert numbers["s"]["loss"]["runs"] == ["s0", "s1"]


def test_facts_say_what_was_computed(sources):
    first, second = facts(sources, [{"path": "a"}, {"path": "b"}])
    assert (first["path"], first["name"], first["not_finite"]) == ("a", "s0", {"loss": [1]})
    assert second["computed"] == {"test_nmi": [2]}
    assert second["items"]["test"] == len(sources[1].run.labels("test"))


def test_scores_that_are_undefined_in_some_snapshots_are_named(sources):
    sources[1].computed["test_nc1"] = {0: 0.5, 1: float("nan"), 2: float("nan")}
    _, messages = curves_of(sources[1:], ["test_nc1"], "epoch")
    assert messages == [
        "run s1: test_nc1 is NaN or infinite at 2 of 3 epochs (1, 2); the line is broken there"
    ]
    sources[1].computed["test_nc1"] = {0: float("nan")}
    (text,) = curves_of(sources[1:], ["test_nc1"], "epoch")[1]
    assert text.endswith("at 1 of 1 epochs (0); nothing is drawn of it")
