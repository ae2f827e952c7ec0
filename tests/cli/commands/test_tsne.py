"""`embedlens tsne`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.errors import InputError
from embedlens_cli.commands.tsne import command

QUICK = ("--perplexity", "5", "--early-exaggeration-iter", "20", "--n-iter", "30", "--threads", "1")


def test_a_map_as_typed(program, folder):
    write_run("runs/one", n=80)
    done = program("tsne", *QUICK, "--format", "pdf,svg")
    assert done.code == 0, done.err
    assert "run runs/one" in done.err
    assert "80 of 80" in done.out
    stem = "runs/one/figures/tsne-test-epoch-0002-perplexity-5-early-exaggeration-iter-20-n-iter-30"
    assert b"/Type3" not in Path(f"{stem}.pdf").read_bytes()
    sidecar = json.loads(Path(f"{stem}.json").read_text())
    assert sidecar["parameters"]["perplexity"] == 5
    assert sidecar["neighbours"] == "exact, 3 x perplexity"
    assert sidecar["panels"][0]["shown"] == 80
    rows = rows_of(f"{stem}.csv")
    assert len(rows) == 80
    labels = embedlens.open_run("runs/one").labels("test")
    assert [int(row["label"]) for row in rows] == labels.tolist()


def test_all_epochs_lead_on_from_each_other(cli):
    write_run("runs/one", n=60)
    done = cli("tsne", *QUICK, "--animate", "--warm-iter", "20", "--json", "--format", "png")
    assert done.code == 0, done.err
    numbers = done.json["summary"]["one"]["test"]
    assert [numbers[str(epoch)]["start"] == "cold" for epoch in range(3)] == [True, False, False]
    assert all(numbers[epoch]["kl_divergence"] > 0 for epoch in numbers)
    assert numbers["0"]["residual"] == 0 < numbers["1"]["residual"]
    endings = [path.rsplit(".", 1)[1] for path in done.json["figures"]]
    assert sorted(endings) == ["gif", "mp4", "png", "png"]
    alone = cli("tsne", *QUICK, "--warm-iter", "20", "--json", "--format", "png")
    assert not {*alone.json["figures"]} & {*done.json["figures"]}  # the last epoch, but another map
    gif = next(path for path in done.json["figures"] if path.endswith("gif"))
    with Image.open(gif) as film:
        assert film.n_frames == 3
    strip = next(path for path in done.json["data"] if "strip" in path)
    assert {row["epoch"] for row in rows_of(strip)} == {"0", "1", "2"}


def test_equal_epochs_have_equal_maps(cli):
    z, y = blobs(n=80)
    with embedlens.Recorder("runs/same", labels={"test": y}, method={}) as recorder:
        for epoch in range(3):
            recorder.record(epoch, {"test": z})
    done = cli("tsne", *QUICK, "--animate", "--json", "--format", "png")
    assert done.code == 0, done.err
    assert "not converged" not in done.err
    numbers = done.json["summary"]["same"]["test"]
    for epoch in ("1", "2"):
        assert numbers[epoch]["iterations"] == numbers[epoch]["residual"] == numbers[epoch]["moved"] == 0
    assert numbers["0"]["at_rest"]
    assert numbers["2"]["gradient"] == pytest.approx(numbers["0"]["gradient"])
    data = next(path for path in done.json["data"] if "animation" in path)
    rows = rows_of(data)
    places = {epoch: [(r["x"], r["y"]) for r in rows if r["epoch"] == epoch] for epoch in "012"}
    assert places["0"] == places["1"] == places["2"]
    assert {row["epoch"] for row in rows if row["label"]} == {"0"}  # labels stand once
    hasty = cli("tsne", *QUICK, "--animate", "--settle-iter", "0", "--json", "--format", "png")
    assert "epoch 0: the map has not converged after 50 iterations" in hasty.err
    assert "raise --settle-iter 0" in hasty.err


def test_a_sample_is_drawn_by_class_and_printed(cli):
    write_run("runs/one", n=120)
    done = cli("tsne", *QUICK, "--sample", "60", "--json")
    numbers = done.json["summary"]["one"]["test"]["2"]
    assert (numbers["n"], numbers["of"]) == (60, 120)
    rows = rows_of(done.json["data"][0])
    assert np.bincount([int(row["label"]) for row in rows]).tolist() == [10] * 6
    assert "sample-60" in done.json["figures"][0]


def test_what_is_mapped_is_said_before_the_map_is_made(cli, monkeypatch):
    write_run("runs/one", n=120)

    def fail(*_):
        raise InputError("no map")

    monkeypatch.setattr(command, "_measure", fail)
    monkeypatch.setattr(command, "_MANY", 119)
    place = "run 'one', split 'test': "
    every = "all 120 items are mapped, which may take hours; --sample N maps some of them"
    some = "the map shows 60 of 120 items, drawn at random from each class"
    for option, said in (((), every), (("--sample", "60", "--every-class"), some)):
        done = cli("tsne", *QUICK, *option)
        assert (done.code, done.err.splitlines()[-2:]) == (2, [place + said, "embedlens: no map"])
    monkeypatch.setattr(command, "_MANY", 120)
    assert cli("tsne", *QUICK).err.splitlines()[-1:] == ["embedlens: no map"]
    for option in ((), ("--sample", "60")):  # what is wrong is said where the map is made
        assert len(cli("tsne", *QUICK, "--highlight", "none", *option).err.splitlines()) == 1


@pytest.mark.slow
def test_many_classes_are_drawn_whole_by_default(program, folder):
    z, y = blobs(n=120, classes=30)
    embedlens.Recorder("runs/many", labels={"test": y}, method={}).record(0, {"test": z})
    shown, names = {}, set()
    for option in ((), ("--whole-classes",), ("--every-class",), ("--highlight", "7,11")):
        done = program("tsne", *QUICK, "--sample", "62", "--format", "png", "--json", *option)
        assert done.code == 0, done.err
        numbers = done.json["summary"]["many"]["test"]["0"]
        rows = rows_of(done.json["data"][0])
        counts = np.bincount([int(row["label"]) for row in rows], minlength=30)
        whole = option != ("--every-class",)
        assert (numbers["n"], numbers["sampled"]) == (
            (60, "whole classes") if whole else (62, "items of every class")
        )
        assert (numbers["n_classes"], numbers["of_classes"]) == (15 if whole else 30, 30)
        assert set(counts.tolist()) == ({0, 4} if whole else {2, 3})
        drawn = "all 60 items of 15 of 30 classes, drawn at random"
        drawn = drawn if whole else "62 of 120 items, drawn at random from each class"
        assert f"run 'many', split 'test': the map shows {drawn}" in done.err
        advised = "; --every-class maps some items of every class" in done.err
        assert advised == (option not in (("--whole-classes",), ("--every-class",)))
        sidecar = sidecar_of(done.json["figures"][0])
        assert sidecar["panels"][0]["sampled"] == numbers["sampled"]
        names.add(done.json["figures"][0])
        shown[option] = counts
    assert len(names) == 4
    assert (shown[()] == shown["--whole-classes",]).all()
    assert shown["--highlight", "7,11"][[7, 11]].tolist() == [4, 4]


def test_central_thumbnails_and_highlights(cli):
    z, y = blobs(n=60, classes=6)
    pictures = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    with embedlens.Recorder(
        "runs/seen", labels={"test": y}, thumbnails={"test": pictures}, class_names={2: "cat"}
    ) as recorder:
        recorder.record(0, {"test": z})
    names = set()
    for options in (
        ("--central",),
        ("--thumbnails",),
        ("--thumbnails", "--thumbnail-size", "0.1"),
        ("--highlight", "cat,3"),
        (),
    ):
        done = cli("tsne", *QUICK, "--json", "--format", "png", *options)
        assert done.code == 0, done.err
        names.add(done.json["figures"][0])
    assert len(names) == 5
    assert_refused(cli("tsne", *QUICK, "--highlight", "dog"), "unknown class 'dog'")
    assert_refused(cli("tsne", "--highlight", "cat", "--thumbnails"), "leave out --highlight")


def test_more_classes_to_highlight_than_colours_are_refused_before_anything_is_mapped(cli, monkeypatch):
    z, y = blobs(n=60, classes=12)
    with embedlens.Recorder("runs/twelve", labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    monkeypatch.setattr("embedlens.analysis.projection.maps.tsne", None)
    every = ",".join(map(str, range(12)))
    assert_refused(
        cli("tsne", "twelve", *QUICK, "--highlight", every), "12 classes to highlight", "10 distinct colours"
    )


def test_two_runs_side_by_side(cli):
    for name in ("one", "two"):
        write_run(f"runs/{name}", n=60, seed=len(name))
    done = cli("tsne", "one", "two", *QUICK, "--json", "--format", "png")
    assert len(done.json["figures"]) == 1
    assert set(done.json["summary"]) == {"one", "two"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            ("--perplexity", "30"),
            ("run 'one'", "perplexity 30 is too large for 60 items", "19.6", "--perplexity"),
        ),
        (("--perplexity", "0"), ("perplexity is 0", "above 1")),
        (("--metric", "l1"), ("unknown metric 'l1'", "cosine, euclidean")),
        (("--init", "zeros"), ("unknown initialization 'zeros'",)),
        (("--gradient", "gpu"), ("unknown gradient 'gpu'",)),
        (("--sample", "61"), ("a sample of 61 items cannot be drawn of 60",)),
        (("--whole-classes",), ("--whole-classes says", "add --sample N")),
        (("--every-class",), ("--every-class says", "add --sample N")),
        (
            ("--sample", "14", "--whole-classes", "--highlight", "0,1"),
            ("classes to highlight have 20 items, more than a sample of 14",),
        ),
        (("--thumbnail-size", "0.1"), ("add --thumbnails",)),
        (("--thumbnails", "--thumbnail-size", "9"), ("--thumbnail-size", "less than or equal to 1")),
        (("--thumbnails", "--perplexity", "5"), ("has no thumbnails",)),
        (("--epoch", "7"), ("unknown epoch '7'",)),
        (("--sample", "4", "--every-class"), ("no perplexity is allowed", "--perplexity")),
        (("--venue", "cvrp"), ("unknown venue 'cvrp'",)),
    ],
)
def test_bad_input(cli, options, parts):
    write_run("runs/one")
    assert_refused(cli("tsne", *options), *parts)


def test_a_single_epoch_is_not_animated(cli):
    write_run("runs/one", epochs=1)
    assert_refused(cli("tsne", "--animate", *QUICK), "one epoch only")


def write_latent(path, *, latent=(0, 2)):
    """Record a run of three epochs, and mu and sigma of some of them."""
    z, y = blobs(n=72, classes=12)
    with embedlens.Recorder(path, labels={"test": y}) as recorder:
        for epoch in range(3):
            extras = {"test": {"mu": 0 * z, "sigma": 0 * z + 0.1}} if epoch in latent else {}
            recorder.record(epoch, {"test": z}, extras=extras)
    return y


@pytest.mark.slow
def test_synthesised_points_of_the_coloured_classes(program, folder):
    y = write_latent("runs/one")
    done = program("tsne", *QUICK, "--synthesised", "4", "--highlight", "3,5", "--format", "png", "--json")
    assert done.code == 0, done.err
    assert done.json["summary"]["one"]["test"]["2"]["n_synthesised"] == 8
    (data,) = done.json["data"]
    assert "synthesised-4" in data
    rows = rows_of(data)
    assert [row["kind"] for row in rows] == ["item"] * 72 + ["synthesised"] * 8 + ["class mean"] * 2
    assert [int(row["label"]) for row in rows[72:]] == [3] * 4 + [5] * 4 + [3, 5]
    assert all(y[int(row["item"])] == int(row["label"]) for row in rows[:80])
    told = sidecar_of(data)
    assert told["synthesised"]["classes"] == {"one": [3, 5]}
    assert told["synthesised"]["points"] == {"one": 8}
    assert told["panels"][0]["shown"] == 72


def test_synthesised_points_of_several_epochs_and_of_a_sample(cli):
    write_latent("runs/one", latent=(0, 1, 2))
    write_latent("runs/two", latent=(0, 1, 2))
    done = cli(
        "tsne", "one", "two", *QUICK, "--synthesised", "2", "--sample", "48", "--epoch", "all", "--json"
    )
    assert done.code == 0, done.err
    assert len(done.json["data"]) == 3
    numbers = done.json["summary"]["two"]["test"]["1"]
    assert (numbers["n"], numbers["of"], numbers["n_synthesised"]) == (48, 72, 16)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--synthesised", "0"), ("--synthesised", "greater than or equal to 1")),
        (("--synthesised", "2", "--central"), ("--synthesised draws", "leave out --central")),
        (("--synthesised", "2", "--thumbnails"), ("leave out --thumbnails",)),
        (("--synthesised", "2", "--animate"), ("leave out --animate",)),
        (("--synthesised", "2", "--color", "cluster"), ("leave out --color",)),
        (("--synthesised", "2", "--epoch", "1"), ("no mu and sigma of epoch 1, only of: 0, 2",)),
        (("--synthesised", "2", "--highlight", "77"), ("unknown class '77'",)),
    ],
)
def test_what_cannot_be_synthesised(cli, options, parts):
    write_latent("runs/one")
    assert_refused(cli("tsne", *QUICK, *options), *parts)


def test_a_run_without_latent_has_nothing_to_synthesise_from(cli):
    write_run("runs/one")
    refused = cli("tsne", *QUICK, "--synthesised", "2")
    assert_refused(refused, "run 'one'", "no mu and sigma", "train with --method dvml --record-latent")


def test_the_default_perplexity_fits_few_items(cli, folder):
    write_run("runs/one", n=90, epochs=2)
    write_run("runs/large", n=91, epochs=1)
    quick = ("--n-iter", "20", "--format", "svg", "--json")
    for words in ((), ("--animate", "--settle-iter", "10", "--warm-iter", "10")):
        done = cli("tsne", "one", *quick, *words)
        assert done.code == 0, done.err
        assert done.err.count("perplexity 29.6 for 90 items, (n - 1) / 3") == 1
        sidecar = sidecar_of(done.json["data"][0])
        assert sidecar["parameters"]["perplexity"] == 29.6
    done = cli("tsne", "large", *quick)
    assert "perplexity" not in done.err
    sidecar = sidecar_of(done.json["data"][0])
    assert sidecar["parameters"]["perplexity"] == 30
