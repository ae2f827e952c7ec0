"""What commands say of the data that they score or draw triplets of."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens.experiments.collapse import COLLAPSED
from embedlens.experiments.compared_runs import ComparedRun, Way
from embedlens.experiments.comparison import score_runs
from embedlens.experiments.grid_runs import PlannedRun
from embedlens.measurements.data_warnings import DataWarnings, collapse, warned_once
from embedlens.measurements.reader import Reader
from embedlens.searches import SplitItems, search_in, search_of
from embedlens.training.config import TrainConfig
from embedlens_cli.commands import demo
from embedlens_cli.common import console

COMMANDS = {
    "scatter": ["--format", "png"],
    "evaluate": [],
    "info": [],
    "pca-prune": ["--format", "png"],
    "verify": ["--format", "png"],
    "distances": ["--format", "png"],
    "diff": ["--format", "png"],
    "trajectory": ["--format", "png", "--no-thumbnails"],
    "curves": ["--format", "png", "--metrics", "map_at_r"],
}


def narrow(z, spread=1e-4):
    """The same items, drawn together around one direction far away."""
    return (np.ones(z.shape[1]) + spread * z).astype(np.float32)


def collapsed_run(path, splits=("train", "test"), epochs=2):
    data = {split: blobs(seed=number) for number, split in enumerate(splits)}
    with embedlens.Recorder(
        path, labels={split: y for split, (_, y) in data.items()}, method={"loss": "none"}
    ) as recorder:
        for epoch in range(epochs):
            last = epoch == epochs - 1
            recorder.record(epoch, {split: narrow(z) if last else z for split, (z, _) in data.items()})
    return recorder.run


def told(result):
    return [line for line in result.err.splitlines() if "collapsed" in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_collapsed_run_is_warned_of_once_a_split_and_an_ordinary_one_is_not(cli, folder, command):
    collapsed_run(folder / "runs/close")
    done = cli(command, "close", *COMMANDS[command])
    assert done.code == 0, done.err
    lines = told(done)
    assert lines
    assert len({line.split(": the space")[0] for line in lines}) == len(lines)
    assert all(line.startswith("warning: run 'close', split 't") and "epoch 1: " in line for line in lines)
    assert all("(mean similarity 1.000000)" in line for line in lines)
    assert all(len(line) < 200 for line in lines)
    assert any("split 'test'" in line for line in lines)
    write_run(folder / "runs/plain")
    done = cli(command, "plain", *COMMANDS[command])
    assert done.code == 0, done.err
    assert told(done) == []


def test_a_field_behind_a_collapsed_space_ends_at_the_largest_similarity(cli, folder):
    collapsed_run(folder / "runs/close", splits=("test",))
    done = cli("scatter", "close", "--field", "epshn", "--format", "png")
    assert done.code == 0, done.err
    assert len(told(done)) == 1


def test_the_program_warns_on_standard_error_and_json_stays_whole(program, folder):
    collapsed_run(folder / "runs/close")
    done = program("evaluate", "close", "--json")
    assert done.code == 0
    assert len(told(done)) == len(done.err.splitlines())
    assert "close" in done.json["summary"]


def search(z, gallery=None):
    y = np.arange(len(z)) % 3
    sides = {"query": SplitItems.of("query", z, y)}
    if gallery is not None:
        sides["gallery"] = SplitItems.of("gallery", gallery, np.arange(len(gallery)) % 3)
    return search_in(sides.__getitem__, ("query", None if gallery is None else "gallery"), place="here")


@pytest.mark.parametrize("spread", [1e-4, 0.02, 0.05, 0.5])
def test_the_number_is_that_of_plain_loops(spread):
    z = narrow(blobs(n=12)[0], spread)
    unit = z.astype(float) / np.linalg.norm(z.astype(float), axis=1, keepdims=True)
    mean = np.mean([unit[i] @ unit[j] for i in range(12) for j in range(i)])
    text = collapse(search(z))
    assert (text is not None) == (mean >= COLLAPSED)
    if text:
        assert f"mean similarity {mean:.6f})" in text


def test_a_collapsed_gallery_is_named():
    z, _ = blobs(n=12)
    assert collapse(search(z, z[:6])) is None
    assert "mean similarity of the gallery 1.000000)" in collapse(search(z, narrow(z[:6])))


def test_what_has_no_similarity_is_told_elsewhere():
    z, _ = blobs(n=4)
    assert collapse(search(z[:1], z)) is None
    z[0] = 0
    assert collapse(search(z)) is None


def copied(n=60, copies=3, seed=0):
    z, y = blobs(n=n, seed=seed)
    return np.concatenate([z, z[:copies]]), np.r_[y, y[:copies]]


def recorded(path, copies=3, epochs=1, seed=0):
    z, y = copied(copies=copies, seed=seed)
    with embedlens.Recorder(path, labels={"test": y}, method={"loss": "none"}) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {"test": z})
    return recorder.run


ADVICE = "; see --exclude-duplicates"


@pytest.mark.parametrize("command", ["evaluate", "distances", "scatter"])
def test_one_finding_of_several_runs_is_one_line(cli, folder, command):
    names = [f"run{seed:02}" for seed in range(14)]
    for seed, name in enumerate(names[:3]):
        recorded(f"runs/{name}", seed=seed)
    drawn = {
        "evaluate": [],
        "distances": ["--format", "png", "--resamples", "5"],
        "scatter": ["--format", "png"],
    }
    lines = cli(command, *names[:3], *drawn[command]).err.splitlines()
    told = [line for line in lines if "duplicates" in line]
    assert told == [
        "warning: run 'run00', split 'test', epoch 0: exact duplicates: 3 of 63 rows of 'test' equal an "
        f"earlier row of it (the same in 2 other runs: run01, run02){ADVICE}"
    ]
    if command == "evaluate":
        for seed, name in enumerate(names[3:], start=3):
            recorded(f"runs/{name}", copies=3 if seed < 13 else 5, seed=seed)
        (line,) = [one for one in cli("evaluate", *names).err.splitlines() if "duplicates" in one]
        assert "(the same in 12 other runs: run01, run02, " in line
        assert "run10 and 2 more; with other numbers in 1 other run: run13)" in line


def test_epochs_of_one_run_are_counted(cli, folder):
    recorded("runs/one", epochs=4)
    (line,) = cli("evaluate", "one", "--epoch", "all").err.splitlines()
    assert line.endswith(f"equal an earlier row of it (and at 3 other epochs){ADVICE}")


def test_commands_within_one_give_a_warning_once(folder):
    run, other = recorded("runs/one"), recorded("runs/two", copies=4)

    def command(*runs):
        warnings = DataWarnings(duplicates_excluded=False)
        for one in runs:
            warnings.check(one.name, search_of(one, "test"))
        return warnings.lines()

    with warned_once():
        assert len(command(run)) == 1
        assert command(run) == []
        (line,) = command(run, other)
        assert "4 of 64 rows" in line
        assert "'two'" in line
        assert command(run, other) == []
    assert len(command(run)) == 1
    assert len(command(run)) == 1


def test_compare_tells_once_what_its_runs_share(folder):
    names = {"ep": 0, "epshn": 1, "hn": 2}
    planned = [
        ComparedRun(Way("plain", name), PlannedRun(recorded(f"runs/{name}").path, TrainConfig(epochs=0), 0))
        for name in names
    ]
    reader = Reader()
    scores = score_runs(planned, {}, ["recall_at_1"], reader=reader)
    (line,) = reader.warnings.lines()
    assert [list(found.values) for found in scores] == [["recall_at_1"]] * 3
    assert "3 of 63 rows of 'test' equal an earlier row of it (the same in 2 other runs: epshn, hn)" in line


def test_the_demo_tells_once_what_its_commands_share(cli, folder, monkeypatch):
    runs = {order: recorded(f"runs/demo-order{order}") for order in (1, 2)}
    called = []

    def call(context, words):
        called.append(words[0])
        warnings = DataWarnings()
        for run in runs.values():
            warnings.check(run.name, search_of(run, "test"))
        console.print_warnings(warnings)

    monkeypatch.setattr(demo, "_train", lambda order, epochs, *, device: runs[order].path)
    monkeypatch.setattr(demo.calling, "call", call)
    done = cli("demo")
    assert done.code == 0, done.err
    assert len(called) > 10
    assert len([line for line in done.err.splitlines() if "duplicates" in line]) == 1
