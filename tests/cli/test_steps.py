"""Runs that count optimiser steps: figures, captions, tables and lines name steps, not snapshots."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from schemas import faults
from support import blobs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.analysis.spectrum import spectrum
from embedlens.analysis.spectrum.epochs import over_epochs
from embedlens.analysis.triplets import follow, nearest_triplets
from embedlens.captions.places import epochs_text
from embedlens.figures.spectrum import epochs as spectrum_epochs
from embedlens.figures.triplets import panels, trajectory
from embedlens.moments import Moment, count_of, counts_steps, name_of, short_name_of

STEPS = {0: (0, 0.0), 1: (500, 0.833333), 2: (1500, 2.5)}
MOMENTS = [Moment(number, *at) for number, at in STEPS.items()]


@pytest.fixture
def run(folder):
    """A run of two splits, recorded at three steps."""
    z, y = blobs(n=48)
    with embedlens.Recorder("runs/mine", labels={"train": y, "test": y}) as recorder:
        for number, (step, trained) in STEPS.items():
            random = np.random.default_rng(number)
            noisy = z + 0.2 * random.normal(size=z.shape)
            recorder.record(
                trained, {"train": z, "test": noisy}, step=step, metrics={"loss": 1 / (1 + number)}
            )
    return embedlens.open_run("runs/mine").pinned()


def test_names():
    assert [name_of(one) for one in MOMENTS] == [
        "step 0 (epoch 0)",
        "step 500 (epoch 0.83)",
        "step 1,500 (epoch 2.5)",
    ]
    assert name_of(Moment(3, 9)) == "step 9"
    assert [short_name_of(one) for one in (MOMENTS[2], 2)] == ["step 1,500", "2"]
    assert [count_of(one) for one in (MOMENTS[2], 2)] == ["1,500", "2"]
    assert [name_of(one) for one in (4, np.int64(4))] == ["epoch 4", "epoch 4"]
    assert counts_steps(MOMENTS)
    assert not counts_steps([0, MOMENTS[1]])
    assert not counts_steps([])
    assert f"{MOMENTS[1]} {MOMENTS[1]:04d} {json.dumps(MOMENTS)}" == "1 0001 [0, 1, 2]"
    copy = pickle.loads(pickle.dumps(MOMENTS[2]))
    assert (copy, copy.step, copy.trained) == (2, 1500, 2.5)


def test_captions():
    assert epochs_text(MOMENTS[2:]) == "step 1,500 (epoch 2.5)"
    assert epochs_text(MOMENTS) == "steps 0, 500 and 1,500"
    assert epochs_text(Moment(n, 100 * n) for n in range(20)) == "20 snapshots from step 0 to 1,900"


def test_epochs_of_a_run(run):
    assert [name_of(epoch) for epoch in run.epochs()] == [name_of(one) for one in MOMENTS]
    assert run.resolve_epoch(-1).step == 1500
    assert run.renamed("other").epochs()[1].step == 500
    assert type(embedlens.open_run("runs/mine").epochs()[0]) is int
    (run.path / "log.csv").write_text("damaged")
    assert [type(epoch) for epoch in embedlens.open_run("runs/mine").pinned().epochs()] == [int] * 3


def test_runs_of_whole_epochs_keep_theirs(folder):
    """A log may have steps although the run counts epochs, as those of `embedlens train` do."""
    run = write_run(folder / "runs/a", n=24)
    embedlens.store.run.log_metrics(run, 1, {"step": 100})
    assert [type(epoch) for epoch in embedlens.open_run("runs/a").pinned().epochs()] == [int] * 3


def test_steps_without_epochs(folder):
    z, y = blobs(n=24)
    with embedlens.Recorder("runs/a", labels={"test": y}) as recorder:
        recorder.record(None, {"test": z}, step=100)
        with recorder.epoch(step=300) as epoch:
            epoch.add("test", range(24), z)
    run = embedlens.open_run("runs/a").pinned()
    assert [name_of(epoch) for epoch in run.epochs()] == ["step 100", "step 300"]
    assert (run.path / "log.csv").read_text() == "epoch,step,trained_epochs\n0,100,\n1,300,\n"


def _panels(run):
    return [
        panels.ScatterPanel("mine", "test", epoch, nearest_triplets(one.embeddings, one.labels))
        for epoch in run.epochs() for one in [run.snapshot("test", epoch)]
    ]  # fmt: skip


def test_headings_of_scatters(run):
    drawn = _panels(run)
    assert panels.heading_of(drawn[2:], "") == ["mine", "step 1,500 (epoch 2.5)"]
    strip = panels.figure_of_epochs({panel.epoch: [panel] for panel in drawn})
    assert [axes.get_title() for axes in strip.axes] == [name_of(one) for one in MOMENTS]
    still = panels.figure(drawn[:1])
    assert "step 0 (epoch 0)" in still.get_suptitle()
    panels.update_figure(still, drawn[1:2], scale=panels.scale_of([drawn[0].triplets, drawn[1].triplets]))
    assert "step 500 (epoch 0.83)" in still.get_suptitle()
    # Two runs at other steps of one number have no heading in common.
    other = panels.ScatterPanel("other", "test", Moment(2, 700), drawn[2].triplets)
    assert panels.heading_of([drawn[2], other], "") == []
    assert panels.titles_of([drawn[2], other]) == [
        "mine, test, step 1,500 (epoch 2.5)",
        "other, test, step 700",
    ]


def test_markers_of_trajectories(run):
    snapshots = [run.snapshot("test", epoch) for epoch in run.epochs()]
    chosen = nearest_triplets(snapshots[-1].embeddings, snapshots[-1].labels)
    states = [(epoch, one.embeddings) for epoch, one in zip(run.epochs(), snapshots, strict=True)]
    path = follow(states, chosen)[0]
    assert path.states == [name_of(one) for one in MOMENTS]
    apart = replace(path, s_ap=np.array([0.1, 0.4, 0.8]), s_an=np.array([0.8, 0.6, 0.2]))
    axes = trajectory.plot([apart], numbers=True)
    numbers = {text.get_text() for text in axes.texts if text.get_gid() == "epoch run"}
    assert "1,500" in numbers <= {"500", "1,500"}


def test_spectra_over_steps(run):
    values = {epoch: spectrum(run.snapshot("test", epoch).embeddings) for epoch in run.epochs()}
    series = over_epochs(values)
    assert series.epochs.tolist() == [0, 500, 1500]
    axes = spectrum_epochs.plot_heatmap(series)
    assert axes.get_xlabel() == "step"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "500", "1,500"]
    figure = spectrum_epochs.figure({"mine": series})
    assert figure.axes[-1].get_ylabel() == "step"
    assert over_epochs({int(epoch): one for epoch, one in values.items()}).unit == "epoch"


def test_scatter_and_its_files(cli, run):
    done = cli("scatter", "mine", "--split", "test", "--format", "svg", "--animate", "--json")
    assert done.code == 0, done.err
    assert list(done.json["summary"]["mine"]["test"]) == ["0", "1", "2"]
    folder = run.path / "figures"
    still = sidecar_of(folder / "scatter-test-epoch-0002.svg")
    assert (still["epochs"], still["steps"]) == ([2], [1500])
    assert still["caption"].endswith("Run mine, test split, step 1,500 (epoch 2.5), n = 48.")
    assert "steps 0, 500 and 1,500" in sidecar_of(folder / "scatter-test-animation.gif")["caption"]
    assert faults(still, "sidecar") == []
    rows = rows_of(folder / "scatter-test-animation.csv")
    assert list(rows[0])[:3] == ["run", "split", "epoch"]
    assert list(rows[0])[-1] == "step"
    assert {(row["epoch"], row["step"]) for row in rows} == {("0", "0"), ("1", "500"), ("2", "1500")}


def test_flow_between_two_steps(cli, run):
    assert cli("scatter", "mine", "--split", "test", "--format", "svg", "--flow").code == 0
    row = rows_of(run.path / "figures/scatter-test-flow-0000-to-0002.csv")[0]
    assert (row["from_step"], row["to_step"]) == ("0", "1500")


@pytest.mark.parametrize(
    "words",
    [("scatter",), ("pca-prune", "--dims", "4"), ("spectrum",), ("evaluate", "--epoch", "0,2"), ("verify",)],
)
def test_tables(cli, run, words):
    done = cli(
        words[0],
        "mine",
        "--split",
        "test",
        *words[1:],
        *(["--format", "svg"] if words[0] != "evaluate" else []),
    )
    assert done.code == 0, done.err
    assert "step 1,500" in done.out


def test_info(cli, run):
    done = cli("info", "mine")
    assert "  epochs  3 snapshots, step 0 (epoch 0) to step 1,500 (epoch 2.5)\n" in done.out
    assert cli("info", "mine", "--json").json["summary"]["mine"]["epochs"] == [0, 1, 2]


def test_curves(cli, run, folder):
    done = cli("curves", "mine", "--format", "svg")
    assert done.code == 0, done.err
    assert "step 1,500" in done.out
    sidecar = sidecar_of(run.path / "figures/curves-step.svg")
    assert sidecar["x"] == "step"
    rows = rows_of(run.path / "figures/curves-step.csv")
    assert [(row["epoch"], row["x"], row["step"]) for row in rows] == [
        ("0", "0.0", "0"), ("1", "500.0", "500"), ("2", "1500.0", "1500"),
    ]  # fmt: skip
    assert list(rows[0])[-1] == "step"
    assert cli("curves", "mine", "--format", "svg", "--x", "epoch").code == 0
    assert [row["x"] for row in rows_of(run.path / "figures/curves.csv")] == ["0.0", "0.833333", "2.5"]
    write_run(folder / "runs/other", n=24)  # counts epochs
    assert cli("curves", "mine", "other", "--format", "svg", "--metrics", "test_recall_at_1").code == 0
    (path,) = (folder / "figures").glob("curves-*.json")
    assert json.loads(path.read_text())["x"] == "epoch"


def test_a_first_step_that_is_not_zero(cli, folder):
    z, y = blobs(n=24)
    with embedlens.Recorder("runs/a", labels={"test": y}) as recorder:
        for step in (100, 300):
            recorder.record(None, {"test": z}, step=step, metrics={"loss": 1.0})
    assert cli("curves", "a", "--format", "svg", "--metrics", "loss").code == 0
    (path,) = (folder / "runs/a/figures").glob("curves*.csv")
    assert [row["x"] for row in rows_of(path)] == ["100.0", "300.0"]


def test_sampling_over_steps(cli, run):
    words = ("--split", "test", "--show", "picked,nonzero", "--batches", "2", "--format", "svg")
    done = cli("sampling", "mine", *words)
    assert done.code == 0, done.err
    assert "step 1,500" in done.out
    (path,) = (run.path / "figures").glob("sampling-*.csv")
    rows = [row for row in rows_of(path) if row["panel"] == "nonzero"]
    assert {(row["epoch"], row["step"]) for row in rows} == {("0", "0"), ("1", "500"), ("2", "1500")}


def test_watch(cli, run, monkeypatch):
    from embedlens_cli.commands.watch.figures import RunFigures

    monkeypatch.setattr(RunFigures, "_animation", lambda figures, selection: ([], []))
    done = cli("watch", "mine", "--format", "svg", "--split", "test")
    assert done.code == 0, done.err
    assert [line.split(":")[0] for line in done.out.splitlines()] == [name_of(one) for one in MOMENTS]
    assert "was closed after step 1,500 (epoch 2.5);" in done.err
    line = json.loads(
        cli("watch", "mine", "--format", "svg", "--split", "test", "--json").out.splitlines()[-1]
    )
    assert faults(line, "watch") == []
    assert (line["epoch"], line["step"], line["trained_epochs"]) == (2, 1500, 2.5)
