from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, rows_of, sidecar_of, tree, write_run

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.analysis.spectrum import effective_rank, participation_ratio, singular_values, spectrum
from embedlens.analysis.spectrum.intra_class import class_spectra

KEYS = {
    "n", "dim", "n_dead", "effective_rank", "participation_ratio", "rho", "dims_90", "dims_95", "dims_99",
}  # fmt: skip


def write(path, *, dim=8, dead=0, epochs=1, seed=0):
    """Record a run of some size, some dimensions of which are dead."""
    z, y = blobs(dim=dim, seed=seed, spread=1.6)
    z[:, dim - dead :] = 0
    with embedlens.Recorder(path, labels={"test": y}) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {"test": z})
    return recorder.run


@pytest.mark.slow
def test_through_the_real_entry_point(program, run, folder):
    done = program("spectrum", "runs/mine", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    answer = done.json
    assert answer["figures"] == [
        f"runs/mine/figures/spectrum-test-epoch-0002.{end}" for end in ("pdf", "png")
    ]
    numbers = answer["summary"]["mine"]["test"]["2"]
    assert set(numbers) == KEYS
    z = run.snapshot("test", 2).embeddings
    assert numbers["effective_rank"] == pytest.approx(effective_rank(singular_values(z)))
    assert numbers["participation_ratio"] == participation_ratio(spectrum(z).singular_values)
    raw = (folder / answer["figures"][0]).read_bytes()
    assert raw.startswith(b"%PDF")
    assert b"/Type3" not in raw


def test_data_and_sidecar_hold_what_is_drawn(cli, run, folder):
    answer = cli("spectrum", "mine", "--svd", "--no-normalize", "--format", "svg", "--json").json
    assert answer["figures"] == ["runs/mine/figures/spectrum-test-epoch-0002-svd-as-given.svg"]
    found = spectrum(run.snapshot("test", 2).embeddings, center=False, normalize=False)
    rows = rows_of(answer["data"][0])
    assert [int(row["component"]) for row in rows] == list(range(1, 9))
    assert [float(row["singular_value"]) for row in rows] == pytest.approx(found.singular_values.tolist())
    sidecar = sidecar_of(answer["figures"][0])
    assert sidecar["decomposition"] == "SVD of uncentred embeddings"
    assert sidecar["normalized"] is False
    assert sidecar["epochs"] == [2]
    assert sidecar["panels"] == [
        {"run": "mine", "split": "test", "epoch": 2, "shown": 60, "of": 60, "n_dead": 0}
    ]
    text = (folder / answer["figures"][0]).read_text()
    assert "SVD, rows as given" in text
    assert "mine, test, epoch 2, n = 60" in text


def test_sizes_are_overlaid(cli, folder):
    for dim in (16, 8, 4):
        write(folder / f"runs/d{dim}", dim=dim)
    answer = cli("spectrum", "d16", "d8", "d4", "--log", "--format", "png,svg", "--json").json
    assert answer["figures"][0] == "figures/spectrum-d16-d8-d4-test-epoch-0000-log.png"
    assert [answer["summary"][name]["test"]["0"]["dim"] for name in ("d16", "d8", "d4")] == [16, 8, 4]
    assert len(rows_of(answer["data"][0])) == 28
    text = (folder / answer["figures"][1]).read_text()
    assert all(f">{name}</text>" in text for name in ("d16", "d8", "d4"))
    with Image.open(answer["figures"][0]) as image:
        assert image.size[0] == 975


def test_every_way_of_drawing_has_its_own_file(cli, run, folder):
    write_run(folder / "runs/other", epochs=2, seed=4)
    ways = [
        (), ("--svd",), ("--cumulative",), ("--epoch", "all"), ("--epoch", "all", "--heatmap", "--log"),
        ("--slices", "2"), ("--epoch", "1"), ("--venue", "nature"), ("--split", "train"),
    ]  # fmt: skip
    made = [cli("spectrum", "mine", "other", *way, "--format", "png", "--json").json for way in ways]
    names = [answer["figures"][0] for answer in made]
    assert len(set(names)) == len(ways)
    assert all((folder / name).is_file() for name in names)
    assert names[4].endswith("spectrum-mine-other-test-epoch-all-log-heatmap.png")
    assert set(made[3]["summary"]["mine"]["test"]) == {"0", "1", "2"}
    assert len(rows_of(made[4]["data"][0])) == 8 * 5


def test_dead_dimensions_are_told_everywhere(cli, folder):
    write(folder / "runs/dead", dead=3)
    done = cli("spectrum", "dead", "--log", "--format", "svg")
    assert done.code == 0
    assert "run 'dead', split 'test', epoch 0: 3 of 8 dimensions are dead" in done.err
    assert (
        "3 of 8 dimensions are dead"
        in (folder / "runs/dead/figures/spectrum-test-epoch-0000-log.svg").read_text()
    )
    lines = done.out.splitlines()
    assert lines[1].split()[:5] == ["dead,", "test", "0", "60", "8"]
    assert lines[1].split()[5] == "3"
    done = cli("spectrum", "dead", "--json")
    assert done.json["summary"]["dead"]["test"]["0"]["n_dead"] == 3
    assert "3 of 8 dimensions are dead" in done.err


def test_a_collapsed_space_has_no_number_that_json_does_not_know(cli, folder):
    y = np.arange(20) % 4
    embedlens.Recorder("runs/point", labels={"test": y}).record(0, {"test": np.ones((20, 3), np.float32)})
    for way in ("--log", "--cumulative", "--svd"):
        numbers = cli("spectrum", "point", way, "--json").json["summary"]["point"]["test"]["0"]
        assert numbers["n_dead"] == (2 if way == "--svd" else 3)
        assert numbers["participation_ratio"] is None
        assert numbers["dims_90"] == (1 if way == "--svd" else None)
    assert " - " in cli("spectrum", "point").out


def test_slices(cli, folder):
    run = write(folder / "runs/mine")
    z, y = run.snapshot("test", 0).embeddings, run.labels("test")
    done = cli("spectrum", "mine", "--slices", "4", "--json")
    assert done.json["figures"][0].endswith("spectrum-test-epoch-0000-slices-4.pdf")
    numbers = done.json["summary"]["mine"]["test"]["0"]
    assert set(numbers) == KEYS | {"slices"}
    sliced = numbers["slices"]
    assert (sliced["number"], sliced["dim"]) == (4, 2)
    assert sliced["recall_at_1"] == [recall_at_k(z[:, at : at + 2], y, [1])[1] for at in (0, 2, 4, 6)]
    assert sliced["recall_at_1_joined"][-1] == recall_at_k(z, y, [1])[1]
    assert [part["dim"] for part in sliced["spectra"]] == [2] * 4
    rows = rows_of(done.json["data"][0])
    expected = [spectrum(z[:, at : at + 2]).singular_values for at in (0, 2, 4, 6)]
    assert [float(row["singular_value"]) for row in rows] == np.concatenate(expected).tolist()
    assert [row["chunk"] for row in rows] == ["1", "1", "2", "2", "3", "3", "4", "4"]
    people = cli("spectrum", "mine", "--slices", "4").out
    assert "mine, test [3/4]" in people
    assert f"{sliced['recall_at_1_joined'][2]:.4f}" in people


def test_same_input_same_bytes(cli, run):
    for folder in ("a", "b"):
        assert cli("spectrum", "mine", "--epoch", "all", "--out", folder).code == 0
    one, other = tree("a"), tree("b")
    assert {name for name in one if one[name] != other[name] and not name.endswith(".json")} == set()


def test_the_newest_run_is_meant_when_none_is_named(cli, run):
    done = cli("spectrum")
    assert "run runs/mine (the newest" in done.err
    assert "mine, test" in done.out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'", "train, test"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'", "0-2, last"]),
        (["mine", "--format", "bmp"], ["unknown format 'bmp'"]),
        (["mine", "--venue", "eccv", "--width", "column"], ["--width full"]),
        (["mine", "--log", "--cumulative"], ["leave out one of log and cumulative"]),
        (["mine", "--heatmap"], ["add --epoch all"]),
        (["mine", "--epoch", "all", "--slices", "2"], ["--slices draws one epoch"]),
        (["mine", "--slices", "3"], ["run 'mine'", "8 dims do not divide into 3 equal slices", "1, 2, 4, 8"]),
        (["mine", "--slices", "0"], ["8 dims do not divide into 0 equal slices"]),
        (["mine", "--slices", "-1"], ["8 dims do not divide into -1 equal slices"]),
        (["mine", "--slices", "two"], ["--slices"]),
        (["mine", "single", "--epoch", "all"], ["run 'single' has one epoch (0)", "leave out --epoch all"]),
        (["zeros", "--slices", "4"], ["split 'test', epoch 0", "slice 4/4 (dims 7-8)", "zero vector"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["one"], ["run 'one', split 'test', epoch 0", "needs at least 2"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    write(folder / "runs/single")
    write(folder / "runs/zeros", dead=2)
    embedlens.Recorder("runs/one", labels={"test": np.zeros(1, int)}).record(0, {"test": np.ones((1, 3))})
    before = tree(folder)
    assert_refused(cli("spectrum", *words, "--out", "figures"), *parts)
    assert tree(folder) == before


def test_variances_within_classes_through_the_real_entry_point(program, run, folder):
    done = program("spectrum", "runs/mine", "--intra-class", "--json")
    assert done.code == 0, done.err
    answer = done.json
    assert [path.rsplit("/", 1)[1] for path in answer["figures"]] == [
        f"spectrum-test-epoch-0002-intra-class.{end}" for end in ("pdf", "png")
    ]
    snapshot = run.snapshot("test", 2)
    wanted = class_spectra(snapshot.embeddings, snapshot.labels)
    assert answer["summary"]["mine"]["test"]["2"] == wanted.summary()
    rows = rows_of(answer["data"][0])
    assert [float(row["variance"]) for row in rows] == wanted.columns()["variance"].tolist()
    assert {row["class"] for row in rows} == {"0", "1", "2", "3", "4", "5"}
    sidecar = sidecar_of(answer["data"][0])
    assert sidecar["panels"][0]["variation"] == wanted.variation
    assert sidecar["decomposition"] == "covariance of each class of two items and more"


def test_variances_within_classes_of_several_runs_as_given(cli, run, folder):
    write_run("runs/other", seed=4)
    done = cli("spectrum", "mine", "other", "--intra-class", "--no-normalize", "--format", "png")
    assert done.code == 0, done.err
    assert (folder / "figures/spectrum-mine-other-test-epoch-0002-intra-class-as-given.png").is_file()
    assert "similarity" in done.out
    assert "mine, test" in done.out


def test_classes_of_one_item_are_told(cli, folder):
    z, y = blobs()
    y[:3] = 97, 98, 99
    with embedlens.Recorder("runs/few", labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    done = cli("spectrum", "few", "--intra-class", "--format", "png")
    assert "3 classes of one item are left out" in done.err
    with embedlens.Recorder("runs/alone", labels={"test": np.arange(60)}) as recorder:
        recorder.record(0, {"test": z})
    refused = cli("spectrum", "alone", "--intra-class")
    assert_refused(refused, "run 'alone', split 'test', epoch 0", "every class has one item")


@pytest.mark.parametrize(
    "options",
    [("--svd",), ("--log",), ("--cumulative",), ("--slices", "2"), ("--epoch", "all"), ("--heatmap",)],
)
def test_what_does_not_go_with_variances_within_classes(cli, run, options):
    leave = "--epoch all" if "all" in options else options[0]
    assert_refused(cli("spectrum", "mine", "--intra-class", *options), f"leave out {leave}")
