from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, sidecar_of, write_run

import embedlens
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.similarity.lloyd import FAISS_VERSIONS

DEFAULT = [
    "n",
    "n_singletons",
    "nmi",
    "f1",
    *(f"recall_at_{k}" for k in (1, 2, 4, 8)),
    "r_precision",
    "map_at_r",
]


def test_evaluate_prints_the_default_scores_of_the_last_epoch(folder, program):
    run = write_run(folder / "runs/mine")
    result = program("evaluate", "--json")
    assert result.code == 0, result.err
    snapshot = run.snapshot("test", -1)
    expected = score(snapshot.embeddings, snapshot.labels, ["default"])
    answer = result.json
    assert list(answer["summary"]["mine"]) == ["test"]
    assert answer["summary"]["mine"]["test"] == {"2": pytest.approx(expected)}
    assert list(expected) == DEFAULT
    assert answer["figures"] == []
    sidecar = json.loads((folder / answer["data"][0].replace(".csv", ".json")).read_text())
    assert sidecar["engine"]["screen"].startswith(("bfloat16", "float32"))
    assert sidecar["settings"]["seeds"] == [1234]
    assert sidecar["scored"] == [{"run": "mine", "split": "test", "epoch": 2, "gallery": None}]


def test_table_has_a_row_an_epoch_with_the_loss(folder, cli):
    run = embedlens.Recorder(folder / "runs/a", labels={"test": blobs()[1]}, method={"loss": "x"})
    for epoch in range(3):
        run.record(epoch, {"test": blobs(spread=2.0 - epoch / 2)[0]}, metrics={"loss": 1.5 - epoch})
    result = cli("evaluate", "--epoch", "all", "--metrics", "nmi,R@1,recall@10")
    lines = result.out.splitlines()
    assert lines[0].split() == ["epoch", "loss", "NMI", "R@1", "R@10", "n", "n", "singletons"]
    assert [line.split()[:2] for line in lines[1:4]] == [["0", "1.5000"], ["1", "0.5000"], ["2", "-0.5000"]]
    assert "runs/a" in result.err


def test_csv_is_the_saved_table_and_log_gets_the_values(folder, cli):
    run = write_run(folder / "runs/mine")
    result = cli(
        "evaluate", "--epoch", "all", "--split", "train,test", "--metrics", "f1,map_at_r", "--csv", "--log"
    )
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [(row["split"], row["epoch"]) for row in rows] == [
        (s, e) for s in ("train", "test") for e in "012"
    ]
    (saved,) = (folder / "runs/mine/figures").glob("*.csv")
    assert list(csv.DictReader(saved.read_text().splitlines())) == rows
    logged = {
        (row["epoch"], split): row[f"{split}_map_at_r"] for row in run.log for split in ("train", "test")
    }
    assert logged == {(int(row["epoch"]), row["split"]): float(row["map_at_r"]) for row in rows}
    assert "test_n" not in run.log[0]
    assert "logged in runs/mine/log.csv" in result.err
    before = [dict(row) for row in run.log]
    assert cli("evaluate", "--epoch", "1", "--metrics", "hubness", "--log").code == 0
    assert [{k: v for k, v in row.items() if k != "test_hubness"} for row in run.log] == before


def test_seeds_of_one_method_have_a_mean_and_a_standard_deviation(folder, cli):
    for seed in range(3):
        write_run(folder / f"runs/loss-s{seed}", epochs=1, splits=("test",), seed=0)
        info = folder / f"runs/loss-s{seed}/run.json"
        info.write_text(info.read_text().replace('"seed": 0', f'"seed": {seed}'))
        z = blobs(seed=0)[0] + np.random.default_rng(seed).normal(size=(60, 8))
        np.save(folder / f"runs/loss-s{seed}/splits/test/epoch-0000.npy", z.astype(np.float32))
    names = [f"loss-s{seed}" for seed in range(3)]
    result = cli("evaluate", *names, "--metrics", "r_precision", "--json")
    values = [result.json["summary"][name]["test"]["0"]["r_precision"] for name in names]
    assert len(set(values)) == 3
    group = result.json["groups"]["loss"]["test"]["0"]["r_precision"]
    assert group == {
        "mean": pytest.approx(np.mean(values)),
        "std": pytest.approx(np.std(values, ddof=1)),
        "seeds": 3,
    }
    table = cli("evaluate", *names, "--metrics", "r_precision")
    assert f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}" in table.out
    paper = cli("evaluate", *names, "--metrics", "r_precision", "--latex")
    assert f"{100 * np.mean(values):.1f} $\\pm$ {100 * np.std(values, ddof=1):.1f}" in paper.out
    assert "% loss: mean of loss-s0, loss-s1, loss-s2\n" in paper.out
    assert "loss-s0 " not in paper.out
    assert "loss-s0 &" not in paper.out
    named = ["--metrics", "r_precision", "--names", 'A,"B, C",D']
    for words in ([], ["--latex"], ["--csv"], ["--json"]):
        renamed = cli("evaluate", *names, *named, *words).out
        assert "B, C" in renamed
        assert "mean of" not in renamed
        assert "loss-s0" not in renamed
        assert '"groups"' not in renamed
    assert (folder / "figures/scores-A-B_C-D-test-epoch-0000-r_precision.csv").is_file()


def test_runs_of_other_default_splits_are_warned_of_and_the_table_names_the_split(folder, cli):
    z, y = blobs()
    with embedlens.Recorder(
        folder / "runs/imp",
        labels={"train": y, "query": y, "gallery": y},
        query_gallery={"query": "gallery"},
        class_names={0: "zero"},
    ) as recorder:
        recorder.record(0, {"train": z, "query": z, "gallery": z})
    write_run(folder / "runs/mine", epochs=1)
    warning = (
        "warning: the default split of these runs together is train; of each alone imp: query, mine: test; "
        "choose with --split"
    )
    for command in (["evaluate", "--metrics", "R@1"], ["evaluate", "--metrics", "R@1", "--latex"]):
        result = cli(*command, "mine", "imp")
        assert result.err.count(warning.replace("imp: query, mine: test", "mine: test, imp: query")) == 1
        assert "split train, epoch 0" in result.out
    assert cli("spectrum", "imp", "mine", "--format", "svg").err.count(warning) == 1
    drawn = cli("scatter", "imp", "mine", "--format", "svg").err
    assert "together is train; of each alone imp: train+query+gallery, mine: train+test" in drawn
    for words in (["--split", "train"], []):
        alone = ["mine"] if not words else ["mine", "imp"]
        quiet = cli("evaluate", *alone, *words, "--metrics", "R@1")
        assert "default split" not in quiet.err
        assert f"split {'test' if not words else 'train'}, epoch 0" in quiet.out


def test_a_run_without_a_seed_does_not_part_those_that_have_one(folder, cli):
    for name, method in (("x1", {"seed": 1}), ("x2", {"seed": 2}), ("bare", {})):
        recorder = embedlens.Recorder(folder / f"runs/{name}", labels={"test": blobs()[1]}, method=method)
        recorder.record(0, {"test": blobs(seed=len(name))[0]})
    result = cli("evaluate", "x1", "x2", "bare", "--metrics", "R@1", "--csv")
    rows = list(csv.DictReader(result.out.splitlines()))
    assert [row["run"] for row in rows] == ["x1", "x2", "bare", "x"]
    assert rows[3]["n"] == "60"
    assert "n_std" not in rows[3]


def test_other_settings_are_other_files(folder, cli):
    write_run(folder / "runs/mine", epochs=1)
    for words in ([], ["--macro"], ["--gallery", "train"], ["--kmeans-seeds", "1,2"], ["--knn", "3"]):
        assert cli("evaluate", "--metrics", "map_at_r,nmi", *words).code == 0
    assert len(list((folder / "runs/mine/figures").glob("*.csv"))) == 5


def test_long_lists_of_metrics_are_other_files(folder, cli):
    write_run(folder / "runs/mine", epochs=1)
    every = "recall_at_1,recall_at_2,recall_at_3,recall_at_4,recall_at_5,recall_at_6"
    names = {cli("evaluate", "--metrics", f"{every},{k}", "--json").json["data"][0] for k in ("R@7", "R@8")}
    assert len(names) == 2


def test_info_searches_the_gallery_as_evaluate_does(folder, cli):
    (z, y), (z_g, y_g) = blobs(n=40, spread=2.0), blobs(n=70, spread=2.0, seed=1)
    labels = {"query": y, "gallery": y_g}
    recorder = embedlens.Recorder(folder / "runs/shop", labels=labels, query_gallery={"query": "gallery"})
    recorder.record(0, {"query": z, "gallery": z_g})
    told = cli("info", "--json").json["summary"]["shop"]["splits"]
    assert told["query"]["recall_at_1"] == score(z, y, ["R@1"], gallery=(z_g, y_g))["recall_at_1"]
    assert told["gallery"]["recall_at_1"] == score(z_g, y_g, ["R@1"])["recall_at_1"]


def test_latex_escapes_names_and_prints_the_best_in_bold(folder, cli):
    write_run(folder / "runs/my_method", epochs=3)
    write_run(folder / "runs/50%", epochs=1)
    result = cli("evaluate", "my_method", "50%", "--metrics", "R@1,rho", "--epoch", "0", "--latex")
    assert r"\toprule" in result.out
    assert result.out.count(r"\\") == 3
    assert r"my\_method & " in result.out
    assert r"50\% & " in result.out
    assert result.out.count(r"\textbf{") == 2  # equal at epoch 0
    assert r"$\rho$" in result.out


def test_kmeans_seeds_and_options_reach_the_scores(folder, cli):
    run = write_run(folder / "runs/mine", epochs=1)
    result = cli(
        "evaluate", "--metrics", "nmi,knn_accuracy,map_at_5,map_at_r,rho", "--kmeans-seeds", "1,2,3",
        "--knn", "3", "--weighted", "--macro", "--unknown-threshold", "0.5", "--rho-k", "2", "--json",
    )  # fmt: skip
    found = result.json["summary"]["mine"]["test"]["0"]
    snapshot = run.snapshot("test", 0)
    settings = ScoreSettings(seeds=(1, 2, 3), knn=3, weighted=True, macro=True, new_threshold=0.5, rho_k=2)
    names = ["nmi", "knn_accuracy", "map_at_5", "map_at_r", "rho"]
    assert found == pytest.approx(score(snapshot.embeddings, snapshot.labels, names, settings=settings))
    assert found["nmi_std"] >= 0
    plain = score(snapshot.embeddings, snapshot.labels, names)
    assert all(found[name] != plain[name] for name in ("nmi", "map_at_5", "rho"))


def test_groups_stand_for_scores_of_collapse_and_take_their_options(folder, cli):
    run = write_run(folder / "runs/mine", epochs=1, n=120)
    options = ("--id-k", "5", "--alpha-range", "2-6", "--spread-far", "0.1")
    line = ("evaluate", "mine", "--metrics", "neural_collapse,dimension,threshold_consistency", *options)
    result = cli(*line, "--json")
    snapshot = run.snapshot("test", 0)
    names = [
        "nc1", "nc2_norms", "nc2_angles", "nc2_max_angles", "effective_rank", "lidar", "alpha",
        "intrinsic_dim_twonn", "intrinsic_dim_mle", "opis", "threshold_spread", "far_spread", "tar_spread",
    ]  # fmt: skip
    settings = ScoreSettings(id_k=5, alpha_range=(2, 6), spread_far=0.1)
    expected = score(snapshot.embeddings, snapshot.labels, names, settings=settings)
    assert result.json["summary"]["mine"]["test"]["0"] == pytest.approx(expected)
    assert set(expected) == {*names, "alpha_from", "alpha_to"}
    assert sidecar_of(result.json["data"][0])["settings"]["alpha_range"] == [2, 6]
    assert "id-k-5-alpha-range-2-6-spread-far-0.1" in result.json["data"][0]
    shown = cli(*line).out
    assert all(title in shown for title in ("NC1", "NC2 max angles", "LiDAR", "TwoNN", "OPIS", "alpha to"))


def test_scores_that_are_nan_have_their_reason_below_the_table(folder, cli):
    with embedlens.Recorder("runs/alike", labels={"test": np.arange(30) % 3}) as recorder:
        recorder.record(0, {"test": np.ones((30, 4), np.float32)})
    shown = cli("evaluate", "alike", "--metrics", "nc1,lidar,alpha,intrinsic_dim_mle,opis").out
    assert "NC1, LiDAR: NaN where all class means are one point" in shown
    assert "alpha: NaN where fewer than two directions" in shown
    assert "MLE dim: NaN where fewer than 3 items are distinct" in shown
    assert "OPIS: NaN where fewer than two classes have a positive" in shown
    answer = cli("evaluate", "alike", "--metrics", "nc1,opis", "--json").json["summary"]["alike"]["test"]["0"]
    assert answer == {"nc1": None, "opis": None}


def test_wrong_options_of_collapse_are_refused(folder, cli):
    write_run("runs/mine", epochs=1)
    for text in ("5", "9-3", "0-5", "a-b"):
        assert_refused(cli("evaluate", "mine", "--alpha-range", text), f"--alpha-range '{text}'", "11-500")
    assert_refused(cli("evaluate", "mine", "--metrics", "nc3"), "unknown metric 'nc3'")
    assert_refused(cli("evaluate", "mine", "--metrics", "opis", "--spread-far", "0"), "FAR 0")
    assert_refused(cli("evaluate", "mine", "--id-k", "1"), "--id-k")


def test_scores_of_kmeans_name_the_releases_of_faiss_that_give_the_same(folder, cli):
    write_run("runs/mine", epochs=1)
    done = cli("evaluate", "mine", "--metrics", "nmi,R@1", "--json").json
    assert done["kmeans_equals_faiss"] == FAISS_VERSIONS
    assert sidecar_of(done["data"][0])["kmeans_equals_faiss"] == "1.15"
    pinned = (Path(__file__).parents[3] / "constraints.txt").read_text()
    assert f"faiss-cpu=={FAISS_VERSIONS}." in pinned
    assert "kmeans_equals_faiss" not in cli("evaluate", "mine", "--metrics", "R@1", "--json").json


def test_losses_of_different_trainings_share_no_column(folder, cli):
    for name, loss in (("a", "triplet"), ("b", "triplet"), ("c", "margin")):
        z, y = blobs()
        run = embedlens.Recorder(folder / "runs" / name, labels={"test": y}, method={"loss": loss, "n": name})
        run.record(0, {"test": z}, metrics={"loss": 0.5})
    heading = [cli("evaluate", *names, "--metrics", "R@1").out.splitlines()[0] for names in ("ab", "abc")]
    assert ["loss" in line.split() for line in heading] == [True, False]


def test_a_new_label_leaves_the_gallery(folder, cli):
    names = {label: f"whale {label}" for label in range(5)} | {5: "nobody"}
    run = write_run(folder / "runs/mine", epochs=1, class_names=names)
    snapshot = run.snapshot("test", 0)
    settings = ScoreSettings(new_threshold=0.5, new_label=5)
    expected = score(snapshot.embeddings, snapshot.labels, ["map_at_5"], settings=settings)
    for word in ("nobody", "5"):
        found = cli(
            "evaluate",
            "--metrics",
            "map_at_5",
            "--unknown-threshold",
            "0.5",
            "--unknown-class",
            word,
            "--json",
        )
        assert found.json["summary"]["mine"]["test"]["0"] == expected
        sidecar = sidecar_of(found.json["data"][0])
        assert sidecar["new_label"] == word
    assert (expected["n"], expected["n_new"]) == (50, 10)
    without = cli("evaluate", "--metrics", "map_at_5", "--unknown-class", "5", "--json").json["summary"][
        "mine"
    ]
    assert without["test"]["0"]["map_at_5"] <= 50 / 60  # `new` is nowhere, and right for ten of sixty


def test_the_table_says_of_what_map_at_5_is_a_mean(folder, cli):
    run = write_run(folder / "runs/mine", epochs=1, n=60)
    note = "MAP@5 is the mean over n + n new queries"
    words = ["evaluate", "--metrics", "map_at_5,R@1", "--new-label", "2"]
    values = cli(*words, "--json").json["summary"]["mine"]["test"]["0"]
    assert (values["n"], values["n_new"]) == (50, 10)
    snapshot = run.snapshot("test", 0)
    at_5 = score(snapshot.embeddings, snapshot.labels, ["map_at_5"], settings=ScoreSettings(new_label=2))
    assert values["map_at_5"] == at_5["map_at_5"]
    assert cli(*words).out.count(note) == 1
    assert f"% {note}" in cli(*words, "--latex").out
    assert note not in cli("evaluate", "--metrics", "map_at_5,R@1").out


COMMANDS_OF_CLASSES = (
    "evaluate --metrics map_at_5 --unknown-class",
    "identify --unknown-class",
    "evaluate --metrics R@1 --ignore-label",
    "spectrum --ignore-label",
    "scatter --distractor-label",
    "curves --metrics test_recall_at_1 --ignore-label",
)


@pytest.mark.parametrize("command", COMMANDS_OF_CLASSES)
def test_a_number_that_names_another_class_in_another_run_is_refused(folder, cli, command):
    z, y = blobs()
    names = {"a": {0: "cat", 1: "dog"}, "b": {0: "dog", 1: "cat"}, "c": {}}
    for run, classes in names.items():
        with embedlens.Recorder(folder / f"runs/{run}", labels={"test": y}, class_names=classes) as recorder:
            recorder.record(0, {"test": z})
    drawn = [] if command.startswith("evaluate") else ["--format", "svg"]
    name, *words = command.split()
    assert_refused(
        cli(name, "a", "b", *drawn, *words, "0"), words[-1], "'cat' in run 'a'", "'dog' in run 'b'"
    )
    for runs, word in ((["a", "b"], "cat"), (["a", "c"], "0"), (["a"], "0")):
        assert cli(name, *runs, *drawn, *words, word).code == 0


def test_query_and_gallery_splits(folder, cli):
    (z, y), (z_g, y_g) = blobs(n=40, spread=2.0), blobs(n=70, spread=2.0, seed=1)
    run = embedlens.Recorder(
        folder / "runs/shop", labels={"query": y, "gallery": y_g}, query_gallery={"query": "gallery"}
    )
    run.record(0, {"query": z, "gallery": z_g})
    expected = score(z, y, ["recall"], gallery=(z_g, y_g))
    found = cli("evaluate", "--metrics", "recall", "--json").json["summary"]["shop"]
    assert found == {"query": {"0": pytest.approx(expected)}}
    within = cli("evaluate", "--metrics", "recall", "--gallery", "none", "--json").json["summary"]["shop"]
    assert within["query"]["0"] == pytest.approx(score(z, y, ["recall"]))
    assert within != found
    other = cli("evaluate", "--split", "gallery", "--gallery", "query", "--metrics", "recall", "--json")
    expected = score(z_g, y_g, ["recall"], gallery=(z, y))
    assert other.json["summary"]["shop"]["gallery"]["0"] == pytest.approx(expected)


def test_infinite_scores_are_null_in_json(folder, cli):
    z = np.concatenate([np.eye(4), np.eye(4)])
    recorder = embedlens.Recorder(folder / "runs/a", labels={"test": np.arange(8) // 4})
    recorder.record(0, {"test": z})
    found = cli("evaluate", "--metrics", "pi_ratio", "--json").json["summary"]["a"]["test"]["0"]
    assert found == {"pi_ratio": None}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--metrics", "recal"], ["unknown metric 'recal'", "recall_at_K", "all"]),
        (["--metrics", ","], ["no metric given"]),
        (["--metrics", "R@0"], ["Recall@0", "at least 1"]),
        (["--ks", "1,x"], ["--ks '1,x'", "cub, sop"]),
        (["--kmeans-seeds", "a"], ["--kmeans-seeds 'a'"]),
        (["--kmeans-seeds", "99999999999"], ["seed"]),
        (["--log", "--macro"], ["--log writes scores under their plain names", "--macro"]),
        (["--log", "--kmeans-seeds", "1,2"], ["--kmeans-seeds"]),
        (["--latex", "--csv"], ["--latex and --csv exclude each other"]),
        (["--csv", "--json"], ["--csv and --json exclude each other"]),
        (["--metrics", "map_at_5", "--unknown-class", "7"], ["unknown class '7'", "0, 1, 2, 3, 4, 5"]),
        (
            ["--unknown-class", "1"],
            ["--unknown-class is for map_at_5", "--metrics map_at_5", "--ignore-label"],
        ),
        (["--log", "--unknown-class", "1"], ["--log", "--unknown-class"]),
        (["--split", "tets"], ["unknown split 'tets'", "test"]),
        (["--gallery", "shop"], ["unknown gallery split 'shop'", "none"]),
        (["--epoch", "9"], ["unknown epoch", "last"]),
        (["--knn", "0"], ["--knn"]),
        (["--device", "gpu"], ["unknown device 'gpu'"]),
        (["nowhere"], ["no such run: nowhere"]),
    ],
)
def test_wrong_input_is_told_in_one_line(folder, cli, words, parts):
    write_run(folder / "runs/mine", epochs=1)
    assert_refused(cli("evaluate", *words), *parts)


def test_one_class_is_told_with_its_place(folder, cli):
    recorder = embedlens.Recorder(folder / "runs/one", labels={"test": np.zeros(5, int)})
    recorder.record(0, {"test": blobs(n=5)[0]})
    assert_refused(cli("evaluate"), "run 'one', split 'test', epoch 0", "one label")


def test_a_split_of_query_gallery_that_is_not_there_is_refused():
    with pytest.raises(embedlens.InputError, match="unknown split of query_gallery 'q'"):
        embedlens.Recorder("never", labels={"test": [0, 1]}, query_gallery={"q": "test"})
