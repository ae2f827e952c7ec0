from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from support import assert_refused, blobs, rows_of, sidecar_of, tree, write_run

import embedlens
from embedlens.analysis.verification.negatives import many_negatives
from embedlens.analysis.verification.pairs import verify_pairs
from embedlens.analysis.verification.rank_1 import closed_set_between
from embedlens.pairs import draw_pairs
from embedlens.searches import search_of
from embedlens_cli.commands.verify.command import VerifyOptions, _pairs

KEYS = {
    "n_pairs", "folds", "classes_disjoint", "accuracy", "accuracy_se", "auc", "eer", "tar_at_far_0.1",
    "tar_at_far_0.01", "tar_at_far_0.001", "tar_at_far_0.0001", "vrf_1", "vrf_1_se", "rank_1", "rank_1_se",
    "n_gallery", "n_probes", "dir_at_far_0.01", "dir_at_far_0.01_se",
    "opis", "opis_classes", "threshold_at_far_0.01", "threshold_spread_at_far_0.01", "far_spread_at_far_0.01",
    "tar_spread_at_far_0.01",
}  # fmt: skip


@pytest.mark.slow
def test_through_the_real_entry_point(program, run, folder):
    done = program("verify", "mine", "--negatives", "1,5,100", "--json")
    assert done.code == 0, done.err
    assert done.err == "run 'mine', split 'test': too few classes for 100 negatives; skipped\n"
    answer = done.json
    assert set(answer) == {"figures", "data", "summary"}
    assert all((folder / path).is_file() for path in answer["figures"] + answer["data"])
    assert set(answer["summary"]) == {"mine"}
    assert set(answer["summary"]["mine"]) == {"test"}
    numbers = answer["summary"]["mine"]["test"]["2"]
    assert set(numbers) == KEYS | {"vrf_5", "vrf_5_se"}
    snapshot = run.snapshot("test", 2)
    z, y = snapshot.embeddings, snapshot.labels
    pairs = draw_pairs(y)
    result = verify_pairs(z, pairs)
    assert numbers["accuracy"] == result.accuracy
    assert numbers["accuracy_se"] == result.accuracy_se
    assert numbers["auc"] == pytest.approx(roc_auc_score(pairs.same, result.similarity))
    assert (numbers["n_pairs"], numbers["folds"], numbers["classes_disjoint"]) == (540, 10, False)
    assert numbers["vrf_5"] == many_negatives(z, y, [5]).mean[0]
    assert numbers["tar_at_far_0.01"] > 0
    assert numbers["tar_at_far_0.001"] is None
    assert 0 < numbers["rank_1"] <= 1
    assert (numbers["n_gallery"], numbers["n_probes"]) == (6, 54)
    assert numbers["dir_at_far_0.01"] is None  # 30 impostor probes


def test_every_figure_has_its_data_and_sidecar(cli, run, folder):
    done = cli("verify", "mine", "--far", "0.2,0.5", "--format", "pdf,svg", "--json")
    made = {path.name for path in (folder / "runs/mine/figures").iterdir()}
    stems = [f"verify-{kind}" for kind in ("roc-test-epoch-0002", "dir-test-epoch-0002-far-0.2")]
    stems.append("verify-thresholds-test-epoch-0002-far-0.2")
    assert made == {f"{stem}.{ending}" for stem in stems for ending in ("pdf", "svg", "csv", "json")}
    numbers = done.json["summary"]["mine"]["test"]["2"]
    roc, dirs, points = (rows_of(folder / path) for path in done.json["data"])
    assert set(roc[0]) == {"run", "split", "epoch", "far", "tar", "threshold"}
    assert max(float(row["tar"]) for row in roc if float(row["far"]) <= 0.1) == numbers["tar_at_far_0.1"]
    (row,) = (row for row in dirs if row["far"] == "0.2")
    assert float(row["dir"]) == numbers["dir_at_far_0.2"]
    assert float(row["dir_se"]) == numbers["dir_at_far_0.2_se"]
    classes = [row for row in points if row["label"]]
    assert [row["n"] for row in classes] == ["10"] * 6
    rates = [float(row["far_at_far_0.5"]) for row in classes]
    assert np.std(rates) == pytest.approx(numbers["far_spread_at_far_0.5"])
    assert np.mean([float(row["deviation"]) for row in classes]) == pytest.approx(numbers["opis"])
    assert len([row for row in points if row["threshold"] and row["utility_low"]]) == 101
    sidecar = json.loads((folder / f"runs/mine/figures/{stems[0]}.json").read_text())
    assert sidecar["runs"] == [{"name": "mine", "path": "runs/mine", "seed": 0}]
    assert sidecar["seed"] == 0
    assert sidecar["draws"] == 10
    assert sidecar["pairs"] == "drawn by seed 0"
    (panel,) = sidecar["panels"]
    assert panel["pairs"] == {"source": "drawn by seed 0", "n": 540, "folds": 10, "classes_disjoint": False}
    assert np.mean(panel["folds"]["accuracy"]) == pytest.approx(numbers["accuracy"])
    assert panel["many_negatives"]["vrf"] == [numbers["vrf_1"]]
    assert panel["closed_set"] == {"gallery": 6, "probes": 54, "without_mate": 0}
    assert panel["open_set"]["impostor_probes"] == [30] * 10
    raw = (folder / done.json["figures"][0]).read_bytes()
    assert raw.startswith(b"%PDF")
    assert b"/Type3" not in raw


def test_tables_for_people(cli, run):
    done = cli("verify", "mine", "--format", "png")
    assert done.code == 0
    for word in (
        "accuracy",
        "AUC",
        "EER",
        "TAR@FAR 0.0001",
        "VRF of 1",
        "rank-1",
        "DIR@FAR 0.01",
        "270 + 270",
        "no",
        "OPIS",
        "its spread at FAR 0.01",
    ):
        assert word in done.out
    assert "not resolved: fewer impostor pairs, or impostor probes, than 1 / FAR" in done.out
    assert "wrote runs/mine/figures/verify-roc-test-epoch-0002.png" in done.out
    assert "too few classes for 10 and 100 negatives" in done.err


@pytest.mark.slow
def test_same_input_same_bytes_and_the_seed_decides(cli, run):
    first, second = (
        cli("verify", "mine", "--out", name, "--format", "pdf", "--json").json for name in ("a", "b")
    )
    other = cli("verify", "mine", "--out", "a", "--seed", "1", "--format", "pdf", "--json").json
    assert first["summary"] == second["summary"] != other["summary"]
    assert other["figures"][0] == "a/verify-roc-mine-test-epoch-0002-seed-1.pdf"
    one, two = tree("a"), tree("b")
    for name, content in two.items():
        if not name.endswith(".json"):
            assert content == one[name], name


def test_several_runs_in_one_figure_and_every_epoch(cli, run, folder):
    write_run(folder / "runs/other", epochs=2, seed=5)
    last = cli("verify", "mine", "other", "--format", "png", "--json").json
    assert last["figures"] == [
        f"figures/verify-{kind}-mine-other-test-epoch-0001+0002.png" for kind in ("roc", "dir", "thresholds")
    ]
    assert {row["run"] for row in rows_of(folder / last["data"][0])} == {"mine", "other"}
    with Image.open(last["figures"][0]) as image:
        assert image.size[0] == 975
    every = cli("verify", "mine", "other", "--epoch", "all", "--format", "svg", "--json").json
    assert set(every["summary"]["mine"]["test"]) == {"0", "1", "2"}
    assert set(every["summary"]["other"]["test"]) == {"0", "1"}
    assert [path.split("verify-roc-")[1] for path in every["figures"][::3]] == [
        "mine-other-test-epoch-0000.svg",
        "mine-other-test-epoch-0001.svg",
        "mine-test-epoch-0002.svg",
    ]


def test_options_that_change_a_figure_stand_in_its_name(cli, run):
    words = ["--folds", "3", "--per-fold", "20", "--draws", "2", "--venue", "nature", "--width", "full"]
    answer = cli("verify", "mine", *words, "--format", "png", "--json").json
    assert [path.rsplit("/", 1)[1] for path in answer["figures"]] == [
        "verify-roc-test-epoch-0002-per-fold-20-folds-3-nature-full.png",
        "verify-dir-test-epoch-0002-draws-2-nature-full.png",
        "verify-thresholds-test-epoch-0002-nature-full.png",
    ]
    assert answer["summary"]["mine"]["test"]["2"]["n_pairs"] == 120


PAIRS = "2\t2\na\t1\t2\nb\t1\t3\na\t1\tb\t2\na\t3\tc\t1\na\t2\t3\nc\t1\t2\nb\t1\tc\t2\nb\t3\ta\t2\n"


def named_run(folder, **options):
    z, y = blobs(n=9, classes=3, spread=0.8)
    with embedlens.Recorder(folder / "runs/named", labels={"test": y}, **options) as recorder:
        recorder.record(0, {"test": z})
    return z, y


def test_pairs_of_a_file(cli, folder):
    # The numbers of the files are those of the rows, last row first.
    paths = [f"{name}/{name}_000{3 - row // 3}.png" for row, name in enumerate("abcabcabc")]
    z, _ = named_run(folder, items={"test": {"class": ["a", "b", "c"] * 3, "path": paths}})
    (folder / "lfw.txt").write_text(PAIRS)
    answer = cli("verify", "named", "--pairs", "lfw.txt", "--format", "svg", "--json").json
    numbers = answer["summary"]["named"]["test"]["0"]
    rows = {f"{name}{i}": 3 * (3 - i) + "abc".index(name) for name in "abc" for i in (1, 2, 3)}
    named = ["a1a2", "b1b3", "a1b2", "a3c1", "a2a3", "c1c2", "b1c2", "b3a2"]
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    similarity = [float(unit[rows[pair[:2]]] @ unit[rows[pair[2:]]]) for pair in named]
    assert numbers["auc"] == pytest.approx(roc_auc_score([1, 1, 0, 0] * 2, similarity))
    assert (numbers["n_pairs"], numbers["folds"]) == (8, 2)
    assert answer["figures"][0].endswith("verify-roc-test-epoch-0000-pairs-lfw.svg")
    sidecar = sidecar_of(answer["figures"][0])
    assert sidecar["pairs"] == "lfw.txt"


def test_missing_items_and_paths_with_suffixes(program, folder):
    paths = [f"C:\\f\\{name}\\{name}_000{3 - row // 3}_crop.png" for row, name in enumerate("abcabcabc")]
    z, y = named_run(folder, items={"test": {"class": ["a", "b", "c"] * 3, "path": paths}})
    (folder / "lfw.txt").write_text("\ufeff" + PAIRS.split("\n", 1)[1] + "a\t1\t8\n", encoding="utf-8")
    words = ["verify", "named", "--pairs", "lfw.txt", "--folds", "2", "--format", "svg", "--json"]
    assert_refused(program(*words), "lfw.txt:9: class 'a' has no item 8", "--skip-missing")
    done = program(*words, "--skip-missing")
    assert "1 of 9 pairs of lfw.txt name a missing item; skipped" in done.err
    numbers = done.json["summary"]["named"]["test"]["0"]
    rows = {f"{name}{i}": 3 * (3 - i) + "abc".index(name) for name in "abc" for i in (1, 2, 3)}
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    named = ["a1a2", "b1b3", "a1b2", "a3c1", "a2a3", "c1c2", "b1c2", "b3a2"]
    similarity = [float(unit[rows[pair[:2]]] @ unit[rows[pair[2:]]]) for pair in named]
    assert numbers["auc"] == pytest.approx(roc_auc_score([1, 1, 0, 0] * 2, similarity))
    assert numbers["n_pairs"] == 8


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"items": {"test": {"class": ["a", "b", "c"] * 3}}, "class_names": {0: "x"}}, "abc"),
        ({"class_names": {0: "a", 1: "b", 2: "c"}}, "abc"),
        ({"class_names": {0: "a", 1: "b"}}, "ab2"),
        ({}, "012"),
    ],
)
def test_where_the_names_of_classes_come_from(folder, options, names):
    named_run(folder, **options)
    run = embedlens.open_run(folder / "runs/named")
    (folder / "pairs.txt").write_text(PAIRS.translate(str.maketrans("abc", names)))
    how = VerifyOptions(pairs=folder / "pairs.txt", pairs_by="order")
    pairs = _pairs(run, search_of(run, "test"), how)
    assert pairs.a.tolist() == [0, 1, 0, 6, 3, 2, 1, 7]
    assert pairs.b.tolist() == [3, 7, 4, 2, 6, 5, 5, 3]


def test_a_file_of_one_set_is_cut_into_folds(cli, folder):
    named_run(folder)
    (folder / "dev.txt").write_text("2\n0 1 2\n1 2 3\n0 1 1 1\n2 3 1 2\n")
    assert_refused(
        cli("verify", "named", "--pairs", "dev.txt", "--pairs-by", "order"),
        "dev.txt has one set of 2 and 2 pairs",
    )
    numbers = cli(
        "verify",
        "named",
        "--pairs",
        "dev.txt",
        "--pairs-by",
        "order",
        "--folds",
        "2",
        "--negatives",
        "1",
        "--format",
        "svg",
        "--json",
    ).json
    assert numbers["summary"]["named"]["test"]["0"]["n_pairs"] == 4


def test_a_gallery_split_is_the_gallery_of_rank_1(cli, folder):
    data = {
        "query": blobs(n=40, classes=8, spread=1.2),
        "gallery": blobs(n=35, classes=7, spread=1.2, seed=0),
    }
    labels = {split: y for split, (_, y) in data.items()}
    named = {"query": "gallery"}
    with embedlens.Recorder(folder / "runs/shop", labels=labels, query_gallery=named) as recorder:
        recorder.record(0, {split: z for split, (z, _) in data.items()})
    done = cli("verify", "shop", "--negatives", "1", "--format", "svg", "--json")
    assert set(done.json["summary"]["shop"]) == {"query"}
    numbers = done.json["summary"]["shop"]["query"]["0"]
    assert numbers["rank_1"] == closed_set_between(data["query"], data["gallery"]).rank_1
    assert numbers["rank_1_se"] is None
    assert (numbers["n_probes"], numbers["n_gallery"]) == (35, 35)
    assert done.err == "run 'shop', split 'query': 5 queries have no mate in the gallery; left out\n"
    within = cli("verify", "shop", "--split", "gallery", "--negatives", "1", "--format", "svg", "--json")
    assert within.json["summary"]["shop"]["gallery"]["0"]["rank_1_se"] is not None


def test_the_newest_run_is_meant_when_none_is_named(cli, run):
    done = cli("verify", "--format", "png")
    assert done.code == 0
    assert "run runs/mine (the newest" in done.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'", "train, test"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'", "0-2, last"]),
        (["mine", "--format", "bmp"], ["unknown format 'bmp'"]),
        (["mine", "--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["mine", "--negatives", "two"], ["--negatives 'two'", "e.g. 1,10"]),
        (["mine", "--negatives", ""], ["--negatives ''"]),
        (["mine", "--negatives", "0,1"], ["--negatives '0,1'", "positive"]),
        (["mine", "--negatives", "6,7"], ["negatives 6, 7; with 6 classes each number may be 1 to 5"]),
        (["mine", "--far", "x"], ["--far 'x'"]),
        (["mine", "--far", "nan"], ["--far 'nan'"]),
        (["mine", "--far", "2"], ["run 'mine', split 'test', epoch 2", "FAR 2;"]),
        (["mine", "--folds", "1"], ["--folds"]),
        (["mine", "--folds", "271"], ["270 pairs of a kind, too few for 271 folds; use 270 folds or fewer"]),
        (["mine", "--pairs", "none.txt"], ["none.txt: no such file"]),
        (["mine", "--pairs", "header.txt"], ["header.txt:1: the first line is 'pairs'"]),
        (
            ["mine", "--pairs", "unknown.txt", "--pairs-by", "order"],
            ["unknown.txt:3: no item is of class 'Bob'", "0, 1, 2, 3, 4"],
        ),
        (["mine", "--pairs", "unknown.txt", "--folds", "4"], ["has 2 folds"]),
        (["mine", "--pairs", "unknown.txt"], ["class '0' have no numbers", "--pairs-by order"]),
        (["mine", "--pairs-by", "rows"], ["unknown --pairs-by 'rows'; choose one of: name, order"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    (folder / "header.txt").write_text("pairs\n")
    (folder / "unknown.txt").write_text("2 1\n0 1 2\n0 1 Bob 2\n")
    before = tree(folder)
    assert_refused(cli("verify", *words), *parts)
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("y", "parts"),
    [
        (np.zeros(6, int), ["run 'wrong', split 'test', epoch 0: all items have one label"]),
        (np.arange(6), ["no label has two items"]),
        (np.array([0, 0, 1, 1, 2, 3]), ["2 pairs of a kind, too few for 10 folds; use 2 folds or fewer"]),
        (np.array([0, 0, 0, 0, 0, 0]), ["one label"]),
    ],
)
def test_runs_that_cannot_be_verified(cli, folder, y, parts):
    z = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    with embedlens.Recorder("runs/wrong", labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    assert_refused(cli("verify", "wrong"), *parts)
    assert not (folder / "runs/wrong/figures").exists()
