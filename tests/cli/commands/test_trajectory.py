from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, brute_force, cosine, rows_of, sidecar_of, tree, write_run

import embedlens

FIGURES = "runs/mine/figures"
PNG = ("--format", "png", "--json")


EPOCHS = 4  # of the run


def distance(z, triplet):
    anchor, positive, negative = triplet
    return np.hypot(1 - cosine(z, anchor, positive), cosine(z, anchor, negative))


def chosen_by(run, epoch, split="test"):
    """The nearest triplets of an epoch, by plain loops."""
    rows = brute_force(run.snapshot(split, epoch).embeddings, run.labels(split))
    return [(anchor, positive[1], negative[1]) for anchor, positive, negative in rows]


def record(path, *, epochs=3, seed=0, labels=None, first=0, **options):
    """A run with a split test only, whose classes draw together."""
    z, y = blobs(seed=seed)
    y = y if labels is None else labels
    with embedlens.Recorder(path, labels={"test": y}, method={"seed": seed}, **options) as recorder:
        for epoch in range(first, first + epochs):
            recorder.record(epoch, {"test": z + 0.3 * epoch * np.eye(6, 8)[y % 6]})
    return recorder.run


@pytest.mark.slow
def test_through_the_real_entry_point(program, run, folder):
    done = program("trajectory", "runs/mine", "--anchor", "7,12", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    stem = f"{FIGURES}/trajectory-test-epochs-0000-0003-anchor-7+12"
    assert done.json["figures"] == [f"{stem}.pdf", f"{stem}.png"]
    assert done.json["data"] == [f"{stem}.csv"]
    numbers = done.json["summary"]["mine"]["test"]
    assert set(numbers) == {"0", "3"}
    for triplet in (chosen_by(run, 3)[7], chosen_by(run, 3)[12]):
        for epoch in ("0", "3"):
            z, told = run.snapshot("test", int(epoch)).embeddings, numbers[epoch][str(triplet[0])]
            assert (told["positive"], told["negative"]) == triplet[1:]
            assert told["s_ap"] == pytest.approx(cosine(z, *triplet[:2]), abs=1e-9)
            assert told["ideal_distance"] == pytest.approx(distance(z, triplet), abs=1e-9)
            assert told["class"] == f"class {run.labels('test')[triplet[0]]}"
    raw = (folder / f"{stem}.pdf").read_bytes()
    assert raw.startswith(b"%PDF")
    assert b"/Type3" not in raw
    rows = rows_of(folder / f"{stem}.csv")
    assert len(rows) == 8
    assert [row["state"] for row in rows[:4]] == [f"epoch {epoch}" for epoch in range(4)]
    assert float(rows[3]["s_ap"]) == numbers["3"]["7"]["s_ap"]
    sidecar = json.loads((folder / f"{stem}.json").read_text())
    assert sidecar["reference"] == {"run": "mine", "epoch": 3}
    assert (sidecar["shown"], sidecar["of"]) == (2, 60)
    assert sidecar["states"] == {"mine": [f"epoch {epoch}" for epoch in range(4)]}
    assert sidecar["engine"]["device"] == "cpu"


def anchors(done):
    (run,) = list(done.json["summary"])[:1]
    return [int(anchor) for anchor in next(iter(done.json["summary"][run]["test"].values()))]


def test_the_default_is_the_four_most_moved(cli, run):
    done = cli("trajectory", *PNG)
    first, last = (run.snapshot("test", epoch).embeddings for epoch in (0, 3))
    moved = [abs(distance(last, triplet) - distance(first, triplet)) for triplet in chosen_by(run, 3)]
    found = anchors(done)
    assert len(found) == 4
    assert sorted(np.array(moved)[found])[::-1] == pytest.approx(sorted(moved)[::-1][:4], abs=1e-9)
    assert done.json["figures"][0].endswith("-moved-4.png")
    assert anchors(cli("trajectory", "--moved", "2", *PNG)) == found[:2]


def test_the_worst_are_the_farthest_at_the_reference_epoch(cli, run):
    done = cli("trajectory", "mine", "--worst", "3", "--reference-epoch", "1", *PNG)
    z = run.snapshot("test", 1).embeddings
    far = [distance(z, triplet) for triplet in chosen_by(run, 1)]
    assert np.array(far)[anchors(done)] == pytest.approx(sorted(far)[::-1][:3], abs=1e-9)
    assert done.json["figures"][0].endswith("worst-3-chosen-mine-0001.png")


def test_random_anchors_depend_on_the_seed_alone(cli, run, folder):
    one, other = (cli("trajectory", "--random", "3", *words, *PNG) for words in ((), ("--seed", "8")))
    assert anchors(one) == anchors(cli("trajectory", "--random", "3", "--seed", "0", *PNG))
    assert anchors(one) != anchors(other)
    assert other.json["figures"][0].endswith("random-3-seed-8.png")
    sidecar = sidecar_of(other.json["figures"][0])
    assert sidecar["seed"] == 8


def test_runs_are_followed_on_the_triplets_of_the_reference(cli, folder):
    mine, other = record("runs/mine"), record("runs/other", epochs=2, first=3)
    words = ["trajectory", "mine", "other", "--anchor", "5", *PNG]
    done = cli(*words)
    assert done.json["figures"][0] == "figures/trajectory-mine-other-test-epochs-0000-0004-anchor-5.png"
    assert {run: list(of["test"]) for run, of in done.json["summary"].items()} == {
        "mine": ["0", "2"],
        "other": ["3", "4"],
    }
    for run, reference in ((mine, []), (other, ["--reference-run", "other"])):
        told = cli(*words, *reference).json["summary"]
        items = {
            (state["5"]["positive"], state["5"]["negative"])
            for of in told.values()
            for state in of["test"].values()
        }
        assert items == {chosen_by(run, -1)[5][1:]}
    names = {path.name for path in (folder / "figures").glob("*.png")}
    assert len(names) == 2


def test_the_pretrained_state_comes_first_whatever_its_dims(cli, folder):
    features = np.random.default_rng(0).normal(size=(60, 3))
    record("runs/mine", epochs=1, pretrained={"test": features})
    done = cli("trajectory", "mine", "--anchor", "5", *PNG)
    numbers = done.json["summary"]["mine"]["test"]
    assert list(numbers) == ["pretrained", "0"]
    told = numbers["pretrained"]["5"]
    assert told["s_ap"] == pytest.approx(cosine(features.astype(np.float32), 5, told["positive"]), abs=1e-9)
    assert "pretrained: " in cli("trajectory", "mine", "--anchor", "5", "--format", "png").out


def test_pictures_make_another_figure_and_class_names_are_told(cli, folder):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    names = {label: f"bird {label}" for label in range(6)}
    record("runs/mine", thumbnails={"test": pictures}, class_names=names)
    files = []
    for words in ((), ("--no-thumbnails",)):
        done = cli("trajectory", "mine", "--anchor", "5", "--format", "png", *words, "--json")
        files += done.json["figures"]
        assert done.json["summary"]["mine"]["test"]["0"]["5"]["class"] == "bird 5"
    assert files[1].endswith("-no-thumbnails.png")
    sizes = []
    for file in files:
        with Image.open(file) as image:
            sizes.append(image.size)
            blue = np.asarray(image.convert("RGB")).astype(int)
            assert ((blue[..., 2] - blue[..., 0]) > 120).sum() > 20
    assert sizes[0][0] == sizes[1][0] == 975
    assert "bird 5" in cli("trajectory", "mine", "--anchor", "5", "--format", "png").out


def test_a_person_reads_rows_classes_and_both_ends(cli, run):
    done = cli("trajectory", "--anchor", "7", "--venue", "nature", "--width", "column")
    assert done.code == 0
    assert "run runs/mine (the newest" in done.err
    (row,) = [line for line in done.out.splitlines() if line.startswith("mine, test")]
    assert "7 (class 1)" in row
    assert "epoch 0: " in row
    assert "epoch 3: " in row
    assert "anchor-7-nature-column.pdf" in done.out


def test_same_input_same_bytes(cli, run):
    for out in ("a", "b"):
        assert cli("trajectory", "--moved", "1", "--out", out).code == 0
    one, other = tree("a"), tree("b")
    assert all(one[name] == other[name] for name in one if not name.endswith(".json"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'"]),
        (["mine", "--anchor", "60"], ["run 'mine', split 'test': there is no row 60", "rows 0 to 59"]),
        (["mine", "--anchor", "five"], ["--anchor 'five'", "row numbers"]),
        (["mine", "--anchor=-1"], ["--anchor '-1'"]),
        (["mine", "--anchor", ""], ["give row numbers"]),
        (["mine", "--anchor", "1", "--worst", "2"], ["--anchor and --worst exclude each other"]),
        (["mine", "--random", "1", "--moved", "2"], ["--random and --moved exclude each other"]),
        (["mine", "--worst", "0"], ["--worst"]),
        (["mine", "--moved", "0"], ["--moved"]),
        (["mine", "--random", "13"], ["13 anchors requested; 1 to 12 fit"]),
        (["mine", "--seed", "1"], ["--seed is for anchors drawn at random"]),
        (["mine", "--reference-epoch", "9"], ["--reference-epoch", "unknown epoch '9'", "0-3, last"]),
        (["mine", "--reference-epoch", "all"], ["--reference-epoch", "'all' may be several epochs"]),
        (["mine", "--reference-run", "nime"], ["unknown reference run 'nime'", "choose one of: mine"]),
        (["mine", "other"], ["hold other items in split 'test'"]),
        (["mine", "--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["mine", "--format", "bmp"], ["unknown format 'bmp'"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["single"], ["run 'single' has one state (epoch 0); a path needs two"]),
        (["alone", "--anchor", "4"], ["row 4 is the only item of its class and has no positive"]),
        (["alone", "--random", "12"], ["12 anchors requested; there are 2"]),
        (["one-class"], ["all items have one label"]),
        (["empty"], ["run 'empty' has no snapshot yet"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    write_run(folder / "runs/other", n=66)
    record("runs/single", epochs=1)
    record("runs/alone", labels=np.array([0, 0, *range(1, 59)]))
    record("runs/one-class", labels=np.zeros(60, int))
    embedlens.Recorder("runs/empty", labels={"test": np.arange(60) % 3})
    before = tree(folder)
    assert_refused(cli("trajectory", *words, "--out", "figures"), *parts)
    assert tree(folder) == before
    assert not (folder / "figures").exists()
