"""Every command that scores compares a snapshot with its gallery, the same items everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of

import embedlens
from embedlens.store import format as layout


def recall_at_1(query, gallery, *, itself=None):
    """R@1 by plain loops; `itself(i, j)` says that gallery row j is query i, and is not compared."""
    (z, y), (z_g, y_g) = query, gallery
    hits = []
    for i, (a, label) in enumerate(zip(z.astype(float), y, strict=True)):
        best = {True: -2.0, False: -2.0}
        for j, (b, other) in enumerate(zip(z_g.astype(float), y_g, strict=True)):
            if itself is None or not itself(i, j):
                s = a @ b / np.sqrt((a @ a) * (b @ b))
                best[label == other] = max(best[label == other], s)
        if best[True] > -2:
            hits.append(best[True] > best[False])
    return sum(hits) / len(hits), len(hits)


def shop(path, query, gallery, *, epochs=1, **options):
    """Record a run whose queries are looked up in a gallery."""
    labels = {"query": query[1], "gallery": gallery[1]}
    with embedlens.Recorder(
        path, labels=labels, query_gallery={"query": "gallery"}, method={"loss": "none"}, **options
    ) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {"query": query[0], "gallery": gallery[0]})
    return recorder.run


@pytest.fixture
def pair():
    return blobs(n=32, spread=2.5), blobs(n=70, spread=2.5, seed=1)


def number(answer, *names):
    """The number that stands under some names, one after the other."""
    for name in names:
        answer = answer[name]
    return answer


RECALLS = {
    "info": (("info", "shop", "--json"), ("shop", "splits", "query", "recall_at_1")),
    "evaluate": (("evaluate", "shop", "--metrics", "R@1", "--json"), ("shop", "query", "0", "recall_at_1")),
    "curves": (("curves", "shop", "--json"), ("shop", "query_recall_at_1", "values", 0)),
    "pca-prune": (("pca-prune", "shop", "--json"), ("shop", "query", "0", "recall_at_1", "8")),
    "spectrum": (
        ("spectrum", "shop", "--slices", "2", "--split", "query", "--json"),
        ("shop", "query", "0", "slices", "recall_at_1_joined", 1),
    ),
    "scatter": (
        ("scatter", "shop", "--split", "query", "--format", "png", "--json"),
        ("shop", "query", "0", "recall_at_1"),
    ),
    "verify": (("verify", "shop", "--draws", "2", "--json"), ("shop", "query", "0", "rank_1")),
}


@pytest.mark.parametrize("name", RECALLS)
def test_every_command_has_the_same_recall(folder, cli, pair, name):
    shop("runs/shop", *pair)
    expected, _ = recall_at_1(*pair)
    alone, _ = recall_at_1(pair[0], pair[0], itself=lambda i, j: i == j)
    assert expected != alone
    words, place = RECALLS[name]
    done = cli(*words)
    assert done.code == 0, done.err
    assert number(done.json["summary"], *place) == expected


def test_identify_ranks_by_the_gallery(folder, cli, pair):
    (z, y), gallery = pair
    shop("runs/shop", (z, y), (gallery[0][gallery[1] != 5], gallery[1][gallery[1] != 5]))
    found = cli("identify", "shop", "--json").json["summary"]["shop"]["query"]["0"]
    scored = cli("evaluate", "shop", "--metrics", "map_at_5", "--unknown-threshold", "-1", "--json")
    assert found["gallery"] == "gallery"
    assert found["n_new"] == int((y == 5).sum())
    assert found["map_at_5_never_new"] == pytest.approx(
        scored.json["summary"]["shop"]["query"]["0"]["map_at_5"], abs=1e-12
    )


@pytest.mark.slow
def test_training_logs_and_sweeps_compare_query_and_gallery(folder, cli, program):
    random = np.random.default_rng(0)
    (folder / "d").mkdir()
    from PIL import Image

    lines = ["path,label,split"]
    for row in range(48):
        label, split = row % 4, ("train", "query", "gallery")[row // 4 % 3]
        image = random.integers(0, 90, (16, 16), np.uint8)
        image[4 * label : 4 * label + 4] += 150
        Image.fromarray(image).save(folder / "d" / f"{row}.png")
        lines.append(f"{row}.png,{label},{split}")
    (folder / "d/d.csv").write_text("\n".join(lines) + "\n")
    words = (
        "--data", "csv", "--root", "d/d.csv", "--epochs", "1", "--loss", "triplet", "--dim", "4",
        "--threads", "1", "--json",
    )  # fmt: skip
    refused = cli("sweep", *words, "--lr", "0.001", "--split", "test", "--dry-run")
    assert_refused(refused, "unknown split 'test'", "train, query, gallery")
    done = program("sweep", *words, "--lr", "0.001")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    (value,) = [float(row["value"]) for row in rows_of(folder / answer["data"][0]) if row.get("value")]
    (run,) = [embedlens.open_run(path) for path in (folder / "runs").iterdir()]
    scored = cli("evaluate", run.name, "--metrics", "R@1", "--json").json["summary"]
    expected = scored[run.name]["query"]["1"]["recall_at_1"]
    assert run.log[-1]["query_recall_at_1"] == value == expected
    snapshots = [run.snapshot(split) for split in ("query", "gallery")]
    assert expected == recall_at_1(*((one.embeddings, one.labels) for one in snapshots))[0]


def test_a_split_that_is_its_own_gallery_is_refused_and_harmless(folder, cli):
    z, y = blobs(spread=3.0)
    with pytest.raises(embedlens.InputError, match="'test' as its own gallery; leave it out"):
        embedlens.Recorder("runs/own", labels={"test": y}, query_gallery={"test": "test"})
    run = embedlens.Recorder("runs/own", labels={"test": y})
    run.record(0, {"test": z})
    file = layout.info_file(run.run.path)
    document = json.loads(file.read_text()) | {"query_gallery": [["test", "test"]]}
    file.write_text(json.dumps(document))
    expected, _ = recall_at_1((z, y), (z, y), itself=lambda i, j: i == j)
    assert expected < 1
    own = "own", "test", "0", "recall_at_1"
    assert number(cli("info", "--json").json["summary"], "own", "splits", "test", "recall_at_1") == expected
    assert number(cli("evaluate", "--json").json["summary"], *own) == expected
    assert number(cli("curves", "--json").json["summary"], "own", "test_recall_at_1", "values", 0) == expected


# Exact duplicates and items of one id


def test_a_split_that_is_its_own_gallery_finds_two_of_ten_where_it_would_find_all(folder, cli):
    """Five pairs around a circle: one stands together, the items of the others each beside another class."""
    y = np.array([0, 0, 1, 2, 3, 4, 1, 2, 3, 4])
    angle = np.repeat(np.arange(5) * 2 * np.pi / 5, 2) + np.tile([0, 0.01], 5)
    z = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    with embedlens.Recorder("runs/own", labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    file = folder / "runs/own/run.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps(document | {"query_gallery": [["test", "test"]]}))
    evaluate = cli("evaluate", "own", "--metrics", "R@1", "--json").json["summary"]["own"]["test"]["0"]
    info = cli("info", "own", "--json").json["summary"]["own"]["splits"]["test"]
    curves = cli("curves", "own", "--format", "png", "--json").json["summary"]["own"]["test_recall_at_1"]
    assert evaluate["recall_at_1"] == info["recall_at_1"] == curves["values"][0] == 0.2


def test_a_copy_in_the_gallery_is_counted_and_left_out(folder, cli, pair):
    (z, y), (z_g, y_g) = pair
    copied = np.concatenate([z_g, z[:20], z[:3]]), np.r_[y_g, y[:20], (y[:3] + 1) % 6]
    shop("runs/shop", (z, y), copied)
    done = cli("evaluate", "shop", "--metrics", "R@1,map_at_r,knn_accuracy,map_at_5", "--json")
    assert "20 of 32 queries equal a row of gallery 'gallery'" in done.err
    assert "3 of 93 rows of 'gallery' equal an earlier row of it" in done.err
    assert "--exclude-duplicates" in done.err
    found = done.json["summary"]["shop"]["query"]["0"]
    assert found["recall_at_1"] == recall_at_1((z, y), copied)[0]

    kept = cli("evaluate", "shop", "--metrics", "R@1", "--exclude-duplicates", "--json")
    numbers = kept.json["summary"]["shop"]["query"]["0"]
    expected, n = recall_at_1(
        (z, y), copied, itself=lambda i, j: y[i] == copied[1][j] and (z[i] == copied[0][j]).all()
    )
    assert (numbers["recall_at_1"], numbers["n"]) == (expected, n)
    assert expected < found["recall_at_1"]
    assert kept.json["data"][0].endswith("-exclude-duplicates.csv")


def test_copies_within_a_split_are_counted_and_left_out(folder, cli):
    z, y = blobs(spread=3.0)
    padded = np.concatenate([z, z[:12]]), np.r_[y, y[:12]]
    recorder = embedlens.Recorder("runs/padded", labels={"test": padded[1]})
    recorder.record(0, {"test": padded[0]})
    expected, n = recall_at_1((z, y), (z, y), itself=lambda i, j: i == j)
    for words in (("evaluate", "--metrics", "R@1"), ("pca-prune",), ("spectrum", "--slices", "2"), ("info",)):
        assert "12 of 72 rows of 'test' equal an earlier row of it" in cli(*words, "--json").err
    done = cli("evaluate", "--metrics", "all", "--exclude-duplicates", "--json")
    assert done.err == ""
    found = done.json["summary"]["padded"]["test"]["0"]
    assert (found["recall_at_1"], found["n"], found["n_duplicates"]) == (expected, n, 12)
    clean = embedlens.Recorder("runs/clean", labels={"test": y})
    clean.record(0, {"test": z})
    other = cli("evaluate", "clean", "--metrics", "all", "--json").json["summary"]["clean"]["test"]["0"]
    assert {name: found[name] for name in other} == other  # clusters, distances and spectra, too


def test_commands_of_triplets_warn_of_duplicates(folder, cli):
    z, y = blobs(spread=3.0)
    recorder = embedlens.Recorder("runs/padded", labels={"test": np.r_[y, y[:12]]})
    for epoch in range(3):
        recorder.record(epoch, {"test": np.concatenate([z, z[:12]])})
    told = "12 of 72 rows of 'test' equal an earlier row of it"
    for words in (("scatter",), ("distances",), ("trajectory",), ("curves",), ("verify", "--draws", "2")):
        done = cli(*words, "--format", "png", "--json")
        assert done.err.count(told) == 1, words
    assert "(and at 2 other epochs)" in cli("curves", "--format", "png").err


def test_one_id_is_one_item(folder, cli, pair):
    (z, y), (z_g, y_g) = pair
    moved = z[:20] + 0.01  # other crops of the queries: not equal, but the same items
    items = {
        "query": {"id": [f"item {row}" for row in range(32)]},
        "gallery": {"id": [f"other {row}" for row in range(70)] + [f"item {row}" for row in range(20)]},
    }
    gallery = np.concatenate([z_g, moved]), np.r_[y_g, y[:20]]
    shop("runs/shop", (z, y), gallery, items=items)
    plain = shop("runs/plain", (z, y), gallery)
    expected, _ = recall_at_1((z, y), gallery, itself=lambda i, j: j == 70 + i)
    for name in ("info", "evaluate", "pca-prune", "spectrum", "curves", "verify", "scatter"):
        words, place = RECALLS[name]
        done = cli(*words)
        assert number(done.json["summary"], *place) == expected, name
        assert (
            "20 of 32 queries are in gallery 'gallery', too; each is searched without its own copy"
            in done.err
        )
        assert all(len(line) < 200 for line in done.err.splitlines() if "warning: run" in line), name
    found = cli("evaluate", plain.name, "--json").json["summary"]["plain"]["query"]["0"]
    assert found["recall_at_1"] != expected


# Ignored and distractor labels


def market(seed=0):
    """Queries, and a gallery that holds junk (-1) and distractors (0), as Market-1501 does."""
    random = np.random.default_rng(seed)
    (z, y), (z_g, y_g) = blobs(n=32, spread=2.0), blobs(n=64, spread=2.0, seed=1)
    junk = z[random.permutation(32)[:15]] + 0.05 * random.normal(size=(15, 8))
    distractors = z[random.permutation(32)[:5]] + 0.05 * random.normal(size=(5, 8))
    gallery = np.concatenate([z_g, junk, distractors]).astype(np.float32)
    return (z, y + 1), (gallery, np.r_[y_g + 1, np.full(15, -1), np.zeros(5, int)])


@pytest.mark.parametrize("option", [("--ignore-label", "-1"), ("--ignore-label=-1",)])
def test_junk_is_ignored_and_distractors_stay_in_the_gallery(folder, cli, option):
    query, gallery = market()
    shop("runs/shop", query, gallery)
    keep = gallery[1] != -1
    expected, n = recall_at_1(query, (gallery[0][keep], gallery[1][keep]))
    assert expected != recall_at_1(query, gallery)[0]
    for name in ("evaluate", "pca-prune", "spectrum", "curves", "verify", "scatter"):
        words, place = RECALLS[name]
        done = cli(*words, *option, "--distractor-label", "0")
        assert done.code == 0, done.err
        answer = done.json
        assert number(answer["summary"], *place) == expected, name
        sidecar = sidecar_of(answer["data"][0])
        assert sidecar["left_out"]["ignored_labels"] == ["-1"]
        assert sidecar["left_out"]["distractor_labels"] == ["0"]
        (items,) = sidecar["left_out"]["items"]
        assert {key: items[key] for key in items if key != "snapshot"} in (
            {"n_ignored": 15, "n_ignored_in_gallery": 15, "n_distractors": 5},
        )
        assert "ignore-label--1-distractor-label-0" in answer["data"][0]
    row = cli("evaluate", "shop", *option, "--distractor-label", "0", "--json").json["summary"]["shop"]
    assert {k: row["query"]["0"][k] for k in ("n", "n_ignored", "n_distractors")} == {
        "n": n, "n_ignored": 15, "n_distractors": 5,
    }  # fmt: skip
    both = cli("evaluate", "shop", "--metrics", "R@1", "--ignore-label=-1,0", "--json")
    known = gallery[1] > 0
    without = recall_at_1(query, (gallery[0][known], gallery[1][known]))[0]
    assert number(both.json["summary"], "shop", "query", "0", "recall_at_1") == without


def test_distractors_of_one_split_are_found_and_ask_nothing(folder, cli):
    z, y = blobs(spread=3.0)
    recorder = embedlens.Recorder("runs/one", labels={"test": y})
    recorder.record(0, {"test": z})
    asks = np.flatnonzero(y != 2)
    expected, n = recall_at_1((z[asks], y[asks]), (z, y), itself=lambda i, j: asks[i] == j)
    done = cli("evaluate", "--metrics", "R@1,nmi,map_at_5", "--distractor-label", "2", "--json")
    found = done.json["summary"]["one"]["test"]["0"]
    assert (found["recall_at_1"], found["n"], found["n_distractors"]) == (expected, n, 10)
    assert found["n"] == 50


def test_every_score_of_a_row_is_of_the_same_items(folder, cli):
    z, y = blobs(spread=2.0)
    for name, rows in (("all", np.arange(60)), ("less", np.flatnonzero(y != 4))):
        embedlens.Recorder(f"runs/{name}", labels={"test": y[rows]}).record(0, {"test": z[rows]})
    less = cli("evaluate", "less", "--metrics", "all", "--json").json["summary"]["less"]["test"]["0"]
    done = cli("evaluate", "all", "--metrics", "all", "--ignore-label", "4", "--json")
    found = done.json["summary"]["all"]["test"]["0"]
    assert found.pop("n_ignored") == 10
    assert found == less
    done = cli("evaluate", "all", "--metrics", "all", "--unknown-class", "4", "--json")
    new = done.json["summary"]["all"]["test"]["0"]
    assert (new["n"], new["n_singletons"], new["n_new"]) == (50, 0, 10)
    assert new["map_at_5"] == pytest.approx(less["map_at_5"] * 50 / 60)  # ten more, never right
    assert {name: new[name] for name in less if name != "map_at_5"} == {
        name: less[name] for name in less if name != "map_at_5"
    }


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--ignore-label", "9"), ("unknown class '9'",)),
        (("--ignore-label", "1", "--distractor-label", "1,2"), ("label 1", "choose one")),
        (("--ignore-label", "0,1,2,3,4,5"), ("no item of split 'test' is left",)),
        (("--distractor-label", "0,1,2,3,4,5"), ("no item of split 'test' is left",)),
    ],
)
def test_what_cannot_be_left_out_is_refused(folder, cli, words, parts):
    z, y = blobs()
    embedlens.Recorder("runs/one", labels={"test": y}).record(0, {"test": z})
    assert_refused(cli("evaluate", "one", *words), *parts)


def test_verify_without_a_gallery_takes_no_distractors(folder, cli):
    z, y = blobs()
    embedlens.Recorder("runs/one", labels={"test": y}).record(0, {"test": z})
    assert_refused(cli("verify", "one", "--distractor-label", "1"), "searches no gallery", "--ignore-label")
    done = cli("verify", "one", "--ignore-label", "1", "--draws", "2", "--json")
    assert done.json["summary"]["one"]["test"]["0"]["n_gallery"] == 5


def test_scattered_queries_have_their_triplets_in_the_gallery(folder, cli, pair):
    (z, y), (z_g, y_g) = pair
    shop("runs/shop", *pair, epochs=2)
    words = ("scatter", "shop", "--split", "query", "--format", "png")
    done = cli(*words, "--ignore-label", "3", "--json")
    similarity = z @ z_g.T / np.linalg.norm(z, axis=1)[:, None] / np.linalg.norm(z_g, axis=1)
    for row in rows_of(folder / done.json["data"][0]):
        i, p, n = int(row["anchor"]), int(row["positive"]), int(row["negative"])
        assert y[i] != 3
        assert p == np.where(y_g == y[i], similarity[i], -2).argmax()
        assert n == np.where((y_g != y[i]) & (y_g != 3), similarity[i], -2).argmax()
        assert float(row["s_ap"]) == pytest.approx(similarity[i, p])
        assert float(row["s_an"]) == pytest.approx(similarity[i, n])
    near = cli(*words, "--json").json["data"][0]
    fixed = cli(*words, "--triplets", "fixed", "--json").json["data"][0]  # one state, so the same dots
    assert near != fixed
    assert rows_of(folder / near) == rows_of(folder / fixed)
