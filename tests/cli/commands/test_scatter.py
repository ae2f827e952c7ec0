from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, brute_force, read_mp4, rows_of, sidecar_of, tree, write_run

import embedlens

KEYS = {
    "n", "n_singletons", "recall_at_1", "above_diagonal", "top_right", "right_boundary",
    "mean_ideal_distance",
}  # fmt: skip


EPOCHS = 4  # of the run


def test_through_the_real_entry_point(program, run, folder):
    done = program("scatter", "runs/mine", "--animate", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    answer = done.json
    assert set(answer) == {"figures", "data", "summary"}
    assert all((folder / path).is_file() for path in answer["figures"] + answer["data"])
    assert {path.rsplit(".", 1)[1] for path in answer["figures"]} == {"pdf", "png", "gif", "mp4"}
    numbers = answer["summary"]["mine"]["test"]["3"]
    assert set(numbers) == KEYS
    z, y = run.snapshot("test", 3).embeddings, run.labels("test")
    pairs = [(positive[0], negative[0]) for _, positive, negative in brute_force(z, y)]
    assert numbers["recall_at_1"] == np.mean([n < p for p, n in pairs])
    assert set(answer["summary"]["mine"]["train"]) == {"0", "1", "2", "3"}


def test_every_figure_has_its_data_and_sidecar(cli, run, folder):
    done = cli("scatter", "mine", "--animate", "--format", "pdf,svg", "--json")
    made = {path.name for path in (folder / "runs/mine/figures").iterdir()}
    stems = ["scatter-train+test-epoch-0003", "scatter-train+test-animation", "scatter-train+test-strip"]
    endings = [("pdf", "svg"), ("gif", "mp4"), ("pdf", "svg")]
    expected = {
        f"{stem}.{end}" for stem, ends in zip(stems, endings, strict=True) for end in (*ends, "csv", "json")
    }
    assert made == expected
    sidecar = json.loads((folder / "runs/mine/figures" / f"{stems[0]}.json").read_text())
    assert sidecar["command"][:3] == ["embedlens", "scatter", "mine"]
    assert sidecar["runs"] == [{"name": "mine", "path": "runs/mine", "seed": 0}]
    assert sidecar["epochs"] == [3]
    assert sidecar["panels"][0] == {"run": "mine", "split": "train", "epoch": 3, "shown": 60, "of": 60}
    assert sidecar["engine"]["device"] == "cpu"
    assert sidecar["versions"]["embedlens"] == embedlens.__version__
    rows = rows_of(folder / done.json["data"][0])
    assert len(rows) == 120
    shares = [float(row["s_an"]) < float(row["s_ap"]) for row in rows if row["split"] == "test"]
    assert np.mean(shares) == done.json["summary"]["mine"]["test"]["3"]["recall_at_1"]
    raw = (folder / done.json["figures"][0]).read_bytes()
    assert raw.startswith(b"%PDF")
    assert b"/Type3" not in raw
    assert b"<text" in (folder / done.json["figures"][1]).read_bytes()


def test_animation_has_a_frame_an_epoch_and_the_dots_move(cli, run, folder):
    answer = cli("scatter", "mine", "--animate", "--json").json
    gif, mp4 = ([path for path in answer["figures"] if path.endswith(end)][0] for end in ("gif", "mp4"))
    with Image.open(gif) as image:
        assert image.n_frames == 4
        size = image.size
        frames = []
        for number in range(4):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    assert size[0] % 2 == size[1] % 2 == 0
    assert abs(size[0] - 6.875 * 160) <= 2
    assert len(read_mp4(mp4, size)) == 4
    blue = [(frame[..., 2] - frame[..., 0]) > 60 for frame in frames]
    assert all(mask.sum() > 50 for mask in blue)
    places = [np.argwhere(mask).mean(axis=0) for mask in blue]
    steps = np.abs(np.diff(places, axis=0)).sum(axis=1)
    assert (steps > 0.5).all()
    for one, other in zip(frames, frames[1:], strict=False):
        assert (one[: size[1] // 12] != other[: size[1] // 12]).any()  # the epoch's number


def test_the_data_of_an_animation_name_followed_items_once(cli, run, folder):
    done = cli("scatter", "mine", "--split", "test", "--triplets", "fixed", "--animate", "--json")
    rows = rows_of(next(path for path in done.json["data"] if "animation" in path))
    assert len(rows) == 4 * 60
    assert all(row["anchor"] and row["s_ap"] and row["s_an"] for row in rows)
    assert {row["epoch"] for row in rows if row["positive"] and row["negative"]} == {"0"}
    assert {row["epoch"] for row in rows if not row["positive"] and not row["negative"]} == {"1", "2", "3"}


def test_same_input_same_bytes(cli, run, folder):
    first = cli("scatter", "mine", "--out", "a")
    second = cli("scatter", "mine", "--out", "b")
    assert first.code == second.code == 0
    one, other = tree("a"), tree("b")
    for name in one:
        if not name.endswith(".json"):
            assert one[name] == other[name], name


def test_several_runs_side_by_side(cli, run, folder):
    write_run(folder / "runs/other", epochs=2, seed=5)
    done = cli("scatter", "mine", "other", "--split", "test", "--animate", "--json")
    assert set(done.json["summary"]) == {"mine", "other"}
    assert set(done.json["summary"]["other"]["test"]) == {"0", "1"}
    assert "figures/scatter-mine-other-test-epoch-0001+0003.pdf" in done.json["figures"]
    with Image.open([path for path in done.json["figures"] if path.endswith("gif")][0]) as image:
        assert image.n_frames == 4


def test_runs_of_one_name_are_told_apart(cli, folder):
    for place in ("a", "b"):
        write_run(folder / place / "same")
    assert set(cli("scatter", "a/same", "b/same", "--json").json["summary"]) == {"a/same", "b/same"}


def test_epochs_are_chosen(cli, run):
    assert set(cli("scatter", "mine", "--epoch", "1", "--json").json["summary"]["mine"]["test"]) == {"1"}
    every = cli("scatter", "mine", "--epoch", "all", "--format", "png", "--json").json
    assert [path.rsplit("-", 1)[1] for path in every["figures"]] == [f"000{n}.png" for n in range(4)]


def test_the_newest_run_is_meant_when_none_is_named(cli, run, folder):
    newer = write_run(folder / "runs/newer")
    embedlens.Recorder(folder / "runs/empty", labels={"test": np.zeros(3, int)})
    done = cli("scatter")
    assert done.code == 0
    assert "run runs/newer (the newest" in done.err
    assert "newer, test" in done.out
    assert newer.info.created > run.info.created
    assert set(cli("scatter", "--json").json["summary"]) == {"newer"}


def test_runs_are_found_where_the_environment_says(cli, folder, monkeypatch):
    write_run(folder / "elsewhere/theirs")
    monkeypatch.setenv("EMBEDLENS_RUNS", "elsewhere")
    assert set(cli("scatter", "--json").json["summary"]) == {"theirs"}
    assert cli("scatter", "theirs").code == 0


def test_fixed_triplets_are_the_same_items_everywhere(cli, run, folder):
    write_run(folder / "runs/other", epochs=4)
    done = cli(
        "scatter", "mine", "other", "--triplets", "fixed", "--reference-epoch", "2", "--epoch", "0", "--json"
    )
    numbers = done.json["summary"]["mine"]["test"]["0"]
    assert "recall_at_1" not in numbers
    assert 0 < numbers["below_diagonal"] <= 1
    with (folder / done.json["data"][0]).open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "test"]
    chosen = embedlens.analysis.triplets.nearest_triplets(
        run.snapshot("test", 2).embeddings, run.labels("test")
    )
    for name in ("mine", "other"):
        assert [int(row["positive"]) for row in rows if row["run"] == name] == chosen.positive.tolist()
    sidecar = sidecar_of(done.json["figures"][0])
    assert sidecar["reference"] == {"run": "mine", "epoch": 2}
    again = cli("scatter", "mine", "other", "--triplets", "fixed", "--reference-run", "other", "--json")
    assert again.code == 0
    assert "fixed-other-0003" in again.json["figures"][0]


def test_one_panel_is_a_column_wide_and_a_run_named_twice_is_drawn_once(cli, run, folder):
    done = cli("scatter", "mine", "runs/mine", "--split", "test", "--format", "png", "--json")
    assert done.json["figures"] == ["runs/mine/figures/scatter-test-epoch-0003.png"]
    with Image.open(done.json["figures"][0]) as image:
        assert image.size[0] == 975


def test_venue_and_width_set_the_size_and_stand_in_the_name(cli, run):
    done = cli("scatter", "mine", "--split", "test", "--venue", "nature", "--width", "column", "--json")
    assert done.json["figures"][0].endswith("epoch-0003-nature-column.pdf")


def test_singletons_are_counted(cli, folder):
    z, y = blobs()
    y = y.copy()
    y[7] = 99
    embedlens.Recorder("runs/s", labels={"test": y}).record(0, {"test": z})
    numbers = cli("scatter", "s", "--json").json["summary"]["s"]["test"]["0"]
    assert (numbers["n"], numbers["n_singletons"]) == (59, 1)


def _wrong(folder, name):
    """Make a run that is wrong in one way."""
    z, y = blobs()
    labels = {"one class": np.zeros(60, int), "no positives": np.arange(60)}.get(name, y)
    recorder = embedlens.Recorder("runs/wrong", labels={"test": labels})
    recorder.record(0, {"test": z})
    file = folder / "runs/wrong/splits/test/epoch-0000.npy"
    if name == "truncated":
        file.write_bytes(file.read_bytes()[:-9])
    if name == "nan":
        z[3] = np.nan
        np.save(file, z)
    if name == "version":
        text = (folder / "runs/wrong/run.json").read_text()
        (folder / "runs/wrong/run.json").write_text(text.replace('"version": 1', '"version": 7'))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["."], ["is not a run"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'", "train, test"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'", "0-3, last"]),
        (["mine", "--epoch", "frist"], ["unknown epoch 'frist'", "last, all, a number"]),
        (["mine", "--format", "pdf,bmp"], ["unknown format 'bmp'", "pdf, png, svg"]),
        (["mine", "--format", ""], ["no format given"]),
        (["mine", "--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["mine", "--venue", "eccv", "--width", "column"], ["--width full"]),
        (["mine", "--triplets", "random"], ["unknown kind of triplets 'random'", "nearest, fixed"]),
        (["mine", "--triplets", "fixed", "--reference-run", "x"], ["unknown reference run 'x'"]),
        (
            ["mine", "--triplets", "fixed", "--reference-epoch", "all"],
            ["--reference-epoch", "several epochs"],
        ),
        (["mine", "other", "--triplets", "fixed"], ["hold other items in split"]),
        (["mine", "--reference-epoch", "1"], ["add --triplets fixed"]),
        (["mine", "--fps", "0"], ["--fps"]),
        (["mine", "--colour"], ["--colour"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'", "cpu, cuda"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    write_run(folder / "runs/other", n=66)
    before = tree(folder)
    assert_refused(cli("scatter", *words, "--out", "figures"), *parts)
    assert tree(folder) == before
    assert not (folder / "figures").exists()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("one class", ["run 'wrong', split 'test', epoch 0", "all items have one label"]),
        ("no positives", ["no label has two items"]),
        ("truncated", ["epoch-0000.npy", "truncated"]),
        ("nan", ["epoch-0000.npy", "row 3 holds NaN"]),
        ("version", ["version 7"]),
    ],
)
def test_runs_that_are_wrong(cli, folder, name, parts):
    _wrong(folder, name)
    assert_refused(cli("scatter", "runs/wrong"), *parts)
    assert not (folder / "runs/wrong/figures").exists()


def test_an_implied_run_is_not_named_beside_an_error(cli, run):
    assert_refused(cli("scatter", "--epoch", "9"), "run 'mine': unknown epoch '9'")


def test_no_run_at_all(cli):
    assert_refused(cli("scatter"), "no run with a snapshot in runs", "embedlens train")
