"""Options that all figure commands share: --names, --no-title, --no-text, and one colour for each run."""

from __future__ import annotations

import csv

import pytest
from support import assert_refused, sidecar_of, write_run

from embedlens.figures.style import line_styles

COMMANDS = (
    "scatter", "distances", "spectrum", "components", "pca-prune", "curves", "trajectory", "verify", "diff",
)  # fmt: skip


@pytest.fixture
def runs(folder):
    write_run(folder / "runs/a", epochs=3)
    write_run(folder / "runs/b", epochs=3, seed=1)


def _words(command):
    split = () if command == "curves" else ("--split", "test")
    return [command, "runs/a", "runs/b", *split, "--out", "o", "--format", "svg"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_figure_takes_names(cli, folder, runs, command):
    done = cli(
        *_words(command), "--names", "our method,baseline of 2019", "--no-title", "--no-text", "--json"
    )
    assert done.code == 0, done.err
    for path in done.json["figures"]:
        text = (folder / path).read_text()
        assert "our method" in text
        assert "baseline of 2019" in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("names", ["one", "a,b,c", "a,", "a,a"])
def test_as_many_names_as_runs(cli, runs, command, names):
    assert_refused(cli(*_words(command), "--names", names), "--names", "name")


def test_a_name_with_a_comma_stands_in_quotes(cli, folder, runs):
    done = cli(*_words("components"), "--names", ' "Smith et al. (2019), re-run", Ours', "--json")
    with (folder / done.json["data"][0]).open() as file:
        assert {row["run"] for row in csv.DictReader(file)} == {"Smith et al. (2019), re-run", "Ours"}
    for names in ('"a,b', '"a"x,b', '"",b'):
        assert_refused(cli(*_words("components"), "--names", names), "--names", "name")


def test_no_text_and_no_title(cli, folder, runs):
    plain = cli("scatter", "runs/a", "--split", "test", "--format", "svg", "--out", "o", "--json")
    bare = cli(
        "scatter", "runs/a", "--split", "test", "--format", "svg", "--out", "o2", "--no-title", "--no-text",
        "--json",
    )  # fmt: skip
    before, after = ((folder / done.json["figures"][0]).read_text() for done in (plain, bare))
    for told in ("n = 60", "a, epoch 2"):
        assert told in before
        assert told not in after


def test_a_run_has_one_colour_in_all_figures(cli, folder, runs):
    colors = [line.color.lower() for line in line_styles(["a", "b"]).values()]
    for command in ("scatter", "distances", "spectrum", "pca-prune", "curves", "trajectory", "verify"):
        lines = ("--seeds", "lines") if command == "curves" else ()
        done = cli(*_words(command), *lines, "--json")
        for path in done.json["figures"]:
            text = (folder / path).read_text()
            assert all(color in text for color in colors), (command, path)


def test_names_stand_in_the_data_through_the_real_entry_point(program, folder, runs):
    done = program(
        "components", "runs/a", "runs/b", "--names", "A,B", "--out", "o", "--format", "svg", "--json"
    )
    assert done.code == 0, done.err
    with (folder / done.json["data"][0]).open() as file:
        assert {row["run"] for row in csv.DictReader(file)} == {"A", "B"}


def test_a_heat_map_is_logarithmic_unless_told_otherwise(cli, runs):
    words = ("spectrum", "runs/a", "--epoch", "all", "--heatmap", "--format", "png", "--json")
    assert cli(*words).json["figures"][0].endswith("epoch-all-log-heatmap.png")
    assert cli(*words, "--linear").json["figures"][0].endswith("epoch-all-heatmap.png")


def test_limits_of_scatter_and_trajectory(cli, folder, runs):
    words = ("--split", "test", "--format", "svg", "--out", "o", "--json")
    for limits, expected in (("0.2,0.9", [0.2, 0.9]), ("data", None)):
        done = cli("scatter", "runs/a", *words, "--limits", limits)
        assert done.code == 0, done.err
        told = sidecar_of(done.json["figures"][0])
        low, high = told["axes"]
        assert expected is None or [low, high] == expected
        with (folder / done.json["data"][0]).open() as file:
            dots = [(float(row["s_ap"]), float(row["s_an"])) for row in csv.DictReader(file)]
        beyond = sum(not all(low <= value <= high for value in dot) for dot in dots)
        assert told["dots_out_of_sight"] == beyond
        assert (beyond == 0) == (limits == "data")
        assert cli("trajectory", "runs/a", *words, "--limits", limits).code == 0
    for command in ("scatter", "trajectory"):
        assert_refused(cli(command, "runs/a", *words, "--limits", "2,1"), "--limits '2,1'")
    assert_refused(
        cli("scatter", "runs/a", *words, "--limits", "data", "--flow"), "--limits is not for --flow"
    )


def test_limits_of_an_animation_are_those_of_all_frames(cli, runs):
    words = ("scatter", "runs/a", "--animate", "--split", "test", "--format", "png", "--out", "o", "--json")
    told = {}
    for limits in ("full", "data", "0.2,0.9"):
        files = cli(*words, "--limits", limits).json["figures"]
        (gif,) = [file for file in files if file.endswith(".gif")]
        told[limits] = sidecar_of(gif)
    assert told["full"]["axes"] == [-0.2, 1.0]
    assert -0.2 < told["data"]["axes"][0] < told["data"]["axes"][1] <= 1.0
    assert told["data"]["dots_out_of_sight"] == 0
    assert told["0.2,0.9"]["axes"] == [0.2, 0.9]
    assert f"{told['0.2,0.9']['dots_out_of_sight']:,} dots lie outside" in told["0.2,0.9"]["caption"]
