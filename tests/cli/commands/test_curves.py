from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, once, rows_of, sidecar_of, tree, write_run

import embedlens
from embedlens.analysis.experiments.monitoring import check_monitors, fixed_batches, monitor
from embedlens.analysis.triplets.nearest import nearest_triplets, summarise
from embedlens.experiments.run_metrics import RunMetrics
from embedlens.experiments.seed_groups import group_name


def recall(run, split, epoch):
    snapshot = run.snapshot(split, epoch)
    return summarise(nearest_triplets(snapshot.embeddings, snapshot.labels)).below_diagonal


def logged_run(path, *, epochs=4, loss="triplet", seed=0, options=None, drop=(), data=0):
    """A run with a log: loss falls from 8, recall rises; `drop` names (column, epoch) cells left empty."""
    random = np.random.default_rng(100 * data + seed)
    z, y = blobs(n=60 + 6 * data, seed=data)
    method = {"loss": loss, "loss_options": options or {}, "lr": 0.1, "seed": seed, "threads": 1 + seed}
    with embedlens.Recorder(path, labels={"train": y, "test": y}, method=method) as recorder:
        for epoch in range(epochs):
            row = {"loss": 8.0 / (epoch + 1 + seed), "test_recall_at_1": 0.1 * epoch + 0.01 * seed}
            row |= {"seconds": 10.0 + epoch + seed, "step": 7.0 * epoch}
            row = {name: value for name, value in row.items() if (name, epoch) not in drop}
            if epoch == 0:
                row.pop("loss", None)
            noise = random.normal(size=z.shape).astype(np.float32) / (epoch + 1)
            recorder.record(epoch, {"train": z + noise, "test": z - noise}, metrics=row)
    return recorder.run


@pytest.fixture
def curves(cli):
    """Call the command; one format is drawn, and quickly."""
    return lambda *words: cli(*once("curves", "--format", "svg", *words))


@pytest.fixture
def run(folder):
    return logged_run(folder / "runs/mine")


@pytest.mark.slow
def test_through_the_real_entry_point(program, run, folder):
    done = program(
        "curves", "runs/mine", "--monitor", "triplet", "--metrics", "loss,nmi,train_recall_at_1", "--json"
    )
    assert done.code == 0, done.err
    assert done.err == ""
    answer = done.json
    assert set(answer) == {"figures", "data", "summary"}
    assert all((folder / path).is_file() for path in answer["figures"] + answer["data"])
    assert {path.rsplit(".", 1)[1] for path in answer["figures"]} == {"pdf", "png"}
    with Image.open([path for path in answer["figures"] if path.endswith("png")][0]) as image:
        assert abs(image.size[0] - 6.875 * 300) <= 1
    found = answer["summary"]["mine"]
    assert list(found) == ["loss", "test_nmi", "train_recall_at_1", "test_monitor_triplet"]
    assert found["loss"] == {"epoch": [1, 2, 3], "x": [1, 2, 3], "values": [4, 8 / 3, 2]}
    assert found["train_recall_at_1"]["values"] == [recall(run, "train", epoch) for epoch in range(4)]
    assert len(found["test_nmi"]["values"]) == 4


def test_by_default_loss_and_recalls_of_the_log(curves, run, folder):
    done = curves("mine", "--json")
    assert list(done.json["summary"]["mine"]) == ["loss", "test_recall_at_1"]
    assert done.json["summary"]["mine"]["test_recall_at_1"]["values"] == [0, 0.1, 0.2, pytest.approx(0.3)]
    rows = rows_of(folder / done.json["data"][0])
    assert list(rows[0]) == ["run", "metric", "epoch", "x", "value", "source"]
    assert {row["source"] for row in rows} == {"log"}
    assert [(row["epoch"], row["value"]) for row in rows][:3] == [
        ("1", "4.0"),
        ("2", str(8 / 3)),
        ("3", "2.0"),
    ]
    assert curves("mine", "--split", "train", "--json").json["summary"]["mine"].keys() == {"loss"}


def test_losses_by_the_names_that_lightning_gives_and_what_else_the_log_has(curves, folder):
    with embedlens.Recorder("runs/pl", labels={"val": blobs()[1]}) as recorder:
        for epoch in (1, 2):
            recorder.log(epoch, {"step": epoch, "train/loss": 2.0, "train/loss_epoch": 2.0, "val_r1": 0.5})
    done = curves("pl", "--json")
    assert list(done.json["summary"]["pl"]) == ["train/loss"]
    assert done.err == "the log also has: train/loss_epoch, val_r1; draw them by --metrics\n"
    assert curves("pl", "--metrics", "val_r1", "--json").err == ""


def test_a_run_without_a_log_computes_recall_of_every_epoch(curves, folder):
    bare = write_run(folder / "runs/bare")
    done = curves("--json")
    assert done.json["summary"] == {
        "bare": {
            "test_recall_at_1": {
                "epoch": [0, 1, 2],
                "x": [0, 1, 2],
                "values": [recall(bare, "test", epoch) for epoch in range(3)],
            }
        }
    }
    assert {row["source"] for row in rows_of(folder / done.json["data"][0])} == {"computed"}
    shown = curves()
    assert "run runs/bare (the newest" in shown.err
    assert re.search(r"bare +2 +" + f"{recall(bare, 'test', 2):.4f}", shown.out)


def test_a_logged_value_comes_first_and_what_it_lacks_is_computed(curves, folder):
    run = logged_run(folder / "runs/some", drop=[("test_recall_at_1", 2)])
    done = curves("some", "--metrics", "recall_at_1", "--split", "test,train", "--json")
    found = done.json["summary"]["some"]
    assert found["test_recall_at_1"]["values"] == [0, 0.1, recall(run, "test", 2), pytest.approx(0.3)]
    assert found["train_recall_at_1"]["values"] == [recall(run, "train", epoch) for epoch in range(4)]
    by_place = {
        (row["metric"], row["epoch"]): row["source"] for row in rows_of(folder / done.json["data"][0])
    }
    assert by_place["test_recall_at_1", "2"] == "computed"
    assert by_place["test_recall_at_1", "1"] == "log"
    (facts,) = sidecar_of(done.json["data"][0])["runs"]
    assert facts["computed"] == {"test_recall_at_1": [2], "train_recall_at_1": [0, 1, 2, 3]}


def test_queries_search_their_gallery(curves, folder):
    z, y = blobs(n=40, spread=2.0)
    other, y_other = blobs(n=30, seed=3, spread=2.0)
    labels = {"query": y, "gallery": y_other}
    recorder = embedlens.Recorder("runs/shop", labels=labels, query_gallery={"query": "gallery"})
    recorder.record(0, {"query": z, "gallery": other})
    found = curves("shop", "--metrics", "R@2", "--json").json["summary"]["shop"]
    unit, others = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (z, other))
    two = np.argsort(-unit @ others.T, axis=1)[:, :2]
    assert found == {
        "query_recall_at_2": {
            "epoch": [0],
            "x": [0],
            "values": [np.mean((y_other[two] == y[:, None]).any(axis=1))],
        }
    }


def test_missing_values_are_left_out(curves, folder):
    logged_run(folder / "runs/holes", epochs=6, drop=[("loss", 3)])
    assert curves("holes", "--metrics", "loss", "--json").json["summary"]["holes"]["loss"]["epoch"] == [
        1,
        2,
        4,
        5,
    ]


def test_seconds_are_summed_and_epoch_0_stands_at_0(curves, run, folder):
    done = curves("mine", "--x", "seconds", "--metrics", "test_recall_at_1", "--json")
    assert done.json["summary"]["mine"]["test_recall_at_1"]["x"] == [0, 11, 23, 36]
    assert done.json["figures"][0].endswith("figures/curves-test_recall_at_1-seconds.svg")
    done = curves("mine", "--x", "step", "--metrics", "loss", "--json")
    assert done.json["summary"]["mine"]["loss"]["x"] == [7, 14, 21]
    assert sidecar_of(done.json["data"][0])["x"] == "step"


def test_monitored_losses_are_those_of_fixed_batches(curves, run, folder):
    other = logged_run(folder / "runs/other", loss="n-pair-mc", seed=1)
    words = (
        "--monitor",
        "triplet,n-pair-mc",
        "--batches",
        "5",
        "--classes-per-batch",
        "4",
        "--batch-seed",
        "2",
    )
    done = curves("mine", "other", *words, "--json")
    for source in (run, other):
        found = done.json["summary"][source.name]
        assert list(found) == ["test_monitor_triplet", "test_monitor_n-pair-mc"]
        for name, loss in check_monitors(["triplet", "n-pair-mc"]).items():
            items = loss.items_per_class or 4
            batches = fixed_batches(source.labels("test"), count=5, classes=4, items=items, seed=2)
            expected = [
                monitor(
                    source.snapshot("test", epoch).embeddings, source.labels("test"), loss, batches=batches
                ).mean()
                for epoch in range(4)
            ]
            assert found[f"test_monitor_{name}"]["values"] == pytest.approx(expected, rel=1e-6)
    told = sidecar_of(done.json["data"][0])["monitor"]
    assert (told["batches"], told["classes_per_batch"], told["seed"], told["normalize"]) == (5, 4, 2, False)
    assert told["losses"]["n-pair-mc"] == {"options": {"l2": 0.002, "normalize": False}, "items_per_class": 2}
    assert "batches_5-classes_per_batch_4-seed_2" in done.json["figures"][0]


def test_normalising_changes_what_inner_products_say(curves, run):
    plain, scaled = (
        curves("mine", "--monitor", "n-pair-mc", *words, "--json").json for words in ([], ["--normalize"])
    )
    assert plain["figures"] != scaled["figures"]
    name = "test_monitor_n-pair-mc"
    assert plain["summary"]["mine"][name]["values"] != scaled["summary"]["mine"][name]["values"]


def test_seeds_of_one_method_become_a_band(curves, folder):
    names = []
    for loss in ("triplet", "epshn"):
        for seed in range(3):
            names.append(f"{loss}-s{seed}")
            logged_run(folder / f"runs/{names[-1]}", loss=loss, seed=seed)
    done = curves(*names, "--metrics", "test_recall_at_1,loss", "--json")
    summary = done.json["summary"]
    band = summary["triplet"]["loss"]
    values = [summary[name]["loss"]["values"] for name in names[:3]]
    assert band["runs"] == names[:3]
    np.testing.assert_allclose(band["values"], np.mean(values, axis=0))
    np.testing.assert_allclose(band["deviation"], np.std(values, axis=0, ddof=1))
    assert sidecar_of(done.json["data"][0])["groups"] == {"triplet": names[:3], "epshn": names[3:]}
    rows = rows_of(folder / done.json["data"][0])
    assert len(rows) == 6 * (4 + 3)
    row = next(
        row for row in rows if (row["run"], row["metric"], row["epoch"]) == ("triplet-s1", "loss", "2")
    )
    assert row["group"] == "triplet"
    assert float(row["value"]) == values[1][1]
    assert float(row["group_mean"]) == band["values"][1]
    assert float(row["group_deviation"]) == band["deviation"][1]
    shown = curves(*names)
    assert re.search(r"triplet \(3 seeds\) +3 +1\.\d+ ± 0\.\d+ +0\.3100 ± 0\.0100", shown.out)
    lines = curves(*names, "--seeds", "lines", "--json")
    assert set(lines.json["summary"]) == set(names)
    assert "lines" in lines.json["figures"][0]


def test_what_is_no_repetition(curves, folder):
    logged_run(folder / "runs/a", seed=0)
    logged_run(folder / "runs/b", seed=1, options={"margin": 0.3})
    logged_run(folder / "runs/c", seed=0)
    logged_run(folder / "runs/d", seed=2, data=1)
    for names in (("a", "b"), ("a", "c"), ("a", "d")):
        assert set(curves(*names, "--json").json["summary"]) == set(names)
    write_run(folder / "runs/e", seed=0)
    assert set(curves("a", "e", "--metrics", "test_recall_at_1", "--json").json["summary"]) == {
        "a",
        "e",
    }


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["triplet-s0", "triplet-s1"], "triplet"),
        (["npairs0", "npairs1"], "npairs"),
        (["seed10-hard", "seed11-hard"], "hard"),
        (["dim64-seed1", "dim64-seed22"], "dim64"),
        (["a-s0-long", "a-s1-long"], "a-long"),
        (["runs/seed0/x", "runs/seed1/x"], "runs-x"),
        (["cat", "dog"], ""),
        (["s1", "s2"], ""),
        (["mine", "m-imp"], ""),
        (["base-alpha", "base-amber"], "base"),
        (["alpha-run", "beta-rerun"], ""),
        (["x run", "y run"], "run"),
        (["mb0", "mb12"], "mb"),
    ],
)
def test_groups_are_named_by_what_their_runs_share(labels, name):
    assert group_name(labels) == name


def test_groups_without_a_name_say_their_runs(curves, folder):
    for seed, name in enumerate(("cat", "dog")):
        logged_run(folder / f"runs/{name}", seed=seed)
    assert set(curves("cat", "dog", "--json").json["summary"]) == {"cat", "dog", "cat to dog"}


def test_renamed_runs_are_never_grouped(curves, folder):
    for seed in range(2):
        logged_run(folder / f"runs/m{seed}", seed=seed)
    assert set(curves("m0", "m1", "--json").json["summary"]) == {"m0", "m1", "m"}
    renamed = curves("m0", "m1", "--names", '"Ours, 2019",Base', "--json").json
    assert set(renamed["summary"]) == {"Ours, 2019", "Base"}
    assert sidecar_of(renamed["data"][0])["groups"] == {}


def _labels(monkeypatch):
    """Collect the y labels of the panels that are drawn."""
    from embedlens.figures.experiments import curves as figures

    found, draw = [], figures.figure

    def spy(panels, **options):
        found.extend((panel.label, [curve.name for curve in panel.curves]) for panel in panels)
        return draw(panels, **options)

    monkeypatch.setattr(figures, "figure", spy)
    return found


def test_losses_of_other_kinds_share_no_panel(curves, folder, monkeypatch):
    drawn = _labels(monkeypatch)
    logged_run(folder / "runs/a")
    logged_run(folder / "runs/b", loss="epshn")
    logged_run(folder / "runs/c", loss="epshn", options={"order": 2})
    curves("a", "b", "c", "--monitor", "triplet", "--batches", "2", "--metrics", "loss,test_recall_at_1")
    assert drawn == [
        ("loss (triplet)", ["a"]),
        ("loss (epshn)", ["b"]),
        ("loss (epshn, order=2)", ["c"]),
        ("test R@1", ["a", "b", "c"]),
        ("test triplet loss", ["a", "b", "c"]),
    ]
    drawn.clear()
    curves("b")
    assert drawn == [("loss", ["b"]), ("test R@1", ["b"])]


def test_a_run_that_lacks_a_metric_is_left_out_there_and_named(curves, run, folder):
    write_run(folder / "runs/bare")
    done = curves("mine", "bare", "--json")
    assert list(done.json["summary"]["mine"]) == ["loss", "test_recall_at_1"]
    assert list(done.json["summary"]["bare"]) == ["test_recall_at_1"]
    assert "run bare has no loss" in done.err


def test_names_of_many_runs_stay_short_and_differ(curves, folder):
    names = [f"a-run-with-a-rather-long-name-{letter}" for letter in "abc"]
    for number, name in enumerate(names):
        logged_run(folder / "runs" / name, options={"margin": number})
    one = curves(*names, "--json").json["figures"][0]
    other = curves(*names[::-1], "--json").json["figures"][0]
    assert re.fullmatch(r"figures/curves-3_runs_[0-9a-f]{8}\.svg", one)
    assert one != other


def test_same_input_same_bytes(curves, run, folder):
    for out in ("a", "b"):
        assert (
            curves("mine", "--monitor", "epshn", "--batches", "2", "--metrics", "loss", "--out", out).code
            == 0
        )
    one, other = tree("a"), tree("b")
    assert set(one) == set(other)
    assert any(name.endswith(".svg") for name in one)
    for name in one:
        assert name.endswith(".json") or one[name] == other[name], name


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (
            ["mine", "--metrics", "recal"],
            ["unknown metric 'recal'", "one of: test_recall_at_1, loss, ", "nmi"],
        ),
        (["mine", "--metrics", "test_recal"], ["unknown metric 'test_recal'"]),
        (["mine", "--metrics", "epoch"], ["unknown metric 'epoch'"]),
        (
            ["mine", "--monitor", "tripet"],
            ["unknown loss 'tripet'; did you mean 'triplet'? choose one of: angular, contrastive"],
        ),
        (["mine", "--monitor", "tuplet"], ["needs batches of its own (tuplet); monitor triplet"]),
        (["mine", "--monitor", "softmax"], ["learns parameters together with the network"]),
        (["mine", "--x", "hours"], ["unknown x axis 'hours'", "epoch, step, seconds"]),
        (["mine", "--seeds", "dots"], ["unknown way to draw seeds 'dots'", "band, lines"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'", "train, test"]),
        (["mine", "--batches", "0"], ["--batches"]),
        (["mine", "--format", "bmp"], ["unknown format 'bmp'"]),
        (["mine", "--venue", "eccv", "--width", "column"], ["--width full"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["mine", "bare", "--x", "seconds"], ["run 'bare': its log has no column 'seconds'", "--x epoch"]),
        (["bare", "--x", "step"], ["run 'bare': its log has no column 'step'"]),
        (["empty"], ["run 'empty' has neither a log nor a snapshot"]),
        (["holes", "--x", "seconds"], ["run 'holes': its log has no 'seconds' at epoch 2"]),
        (["one", "--monitor", "triplet"], ["run 'one', split 'test', epoch 0", "needs two classes"]),
        (["one", "--metrics", "recall_at_1"], ["run 'one', split 'test', epoch 0"]),
        (["far1", "far2", "--metrics", "extra"], ["no epoch in common", "--seeds lines"]),
    ],
)
def test_what_is_refused(curves, run, folder, words, parts):
    write_run(folder / "runs/bare")
    logged_run(folder / "runs/holes", drop=[("seconds", 2)])
    embedlens.Recorder("runs/empty", labels={"test": np.zeros(3, int)})
    embedlens.Recorder("runs/one", labels={"test": np.zeros(60, int)}).record(0, {"test": blobs()[0]})
    for seed in (1, 2):
        recorder = embedlens.Recorder(
            f"runs/far{seed}", labels={"test": np.arange(60) % 6}, method={"seed": seed}
        )
        recorder.record(seed, {"test": blobs()[0]}, metrics={"extra": 1.0})
    before = tree(folder)
    assert_refused(curves(*words, "--out", "figures"), *parts)
    assert tree(folder) == before


def test_no_run_at_all(curves):
    assert_refused(curves(), "no run with a snapshot in runs")


def test_a_log_without_snapshots_can_be_drawn_but_not_computed(curves, run, folder):
    for file in folder.glob("runs/mine/splits/*/epoch-*.npy"):
        file.unlink()
    assert curves("mine", "--metrics", "loss", "--json").json["summary"]["mine"]["loss"]["epoch"] == [
        1,
        2,
        3,
    ]
    assert_refused(curves("mine", "--metrics", "nmi"), "no run has a value of 'test_nmi'")


def test_infinite_losses_of_a_log_are_missing(folder, run):
    text = (folder / "runs/mine/log.csv").read_text().replace("4.0", "inf", 1)
    (folder / "runs/mine/log.csv").write_text(text)
    assert set(RunMetrics.of("mine", run).values("loss")) == {2, 3}


def test_losses_under_a_method_are_not_drawn_with_the_loss_alone():
    from embedlens.experiments.run_metrics import training_loss

    assert training_loss({"loss": "triplet", "method": "plain"}) == "triplet"
    assert training_loss({"loss": "triplet", "method": "dvml", "loss_options": {"margin": 0.1}}) == (
        "dvml, triplet, margin=0.1"
    )


def diverged(path, losses):
    z, y = blobs(n=30)
    with embedlens.Recorder(path, labels={"test": y}) as recorder:
        for epoch, loss in enumerate(losses):
            recorder.record(epoch, {"test": z}, metrics={"loss": loss, "test_recall_at_1": 0.5})
    return recorder.run


def test_nan_in_a_log_is_told_and_breaks_the_line(curves, folder):
    nan = float("nan")
    diverged("runs/wild", [3.0, nan, 2.0, nan, 1.0, float("inf")])
    done = curves("wild", "--metrics", "loss", "--json")
    assert done.code == 0
    assert (
        "run wild: loss is NaN or infinite at 3 of 6 epochs (1, 3, 5); the line is broken there" in done.err
    )
    found = done.json["summary"]["wild"]["loss"]
    assert found["epoch"] == [0, 1, 2, 3, 4, 5]
    assert found["values"] == [3.0, None, 2.0, None, 1.0, None]
    assert found["not_finite"] == [1, 3, 5]
    cells = [row["value"] for row in rows_of(folder / done.json["data"][0])]
    assert cells == ["3.0", "nan", "2.0", "nan", "1.0", "nan"]
    assert sidecar_of(done.json["data"][0])["runs"][0]["not_finite"] == {"loss": [1, 3, 5]}
    assert re.search(r"wild +5 +nan", curves("wild", "--metrics", "loss").out)


def test_a_column_of_nan_is_drawn_empty(curves, folder):
    diverged("runs/wild", [float("nan")] * 12)
    done = curves("wild", "--metrics", "loss", "--json")
    assert done.code == 0
    assert "loss is NaN or infinite at 12 of 12 epochs (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 11)" in done.err
    assert "nothing is drawn of it" in done.err
    assert done.json["summary"]["wild"]["loss"]["values"] == [None] * 12
    assert list(curves("wild", "--json").json["summary"]["wild"]) == ["loss", "test_recall_at_1"]


def test_nan_that_snapshots_can_mend_is_computed_and_told(curves, folder):
    z, y = blobs(n=30)
    with embedlens.Recorder("runs/gap", labels={"test": y}) as recorder:
        for epoch in range(3):
            recorder.record(epoch, {"test": z}, metrics={"test_recall_at_1": 0.5 if epoch else float("nan")})
    done = curves("gap", "--json")
    assert "at 1 of 3 epochs (0); computed from the snapshots instead" in done.err
    assert done.json["summary"]["gap"]["test_recall_at_1"]["values"][0] == recall(recorder.run, "test", 0)


def test_seeds_of_which_one_diverged(curves, folder):
    for seed, losses in enumerate(([3.0, 2.0, 1.0], [5.0, float("nan"), 3.0])):
        z, y = blobs(n=30)
        method = {"loss": "triplet", "seed": seed}
        with embedlens.Recorder(f"runs/s{seed}", labels={"test": y}, method=method) as recorder:
            for epoch, loss in enumerate(losses):
                recorder.record(epoch, {"test": z}, metrics={"loss": loss})
    done = curves("s0", "s1", "--metrics", "loss", "--json")
    (band,) = [one["loss"] for one in done.json["summary"].values() if "runs" in one["loss"]]
    assert band["values"] == [4.0, None, 2.0]
    assert band["not_finite"] == [1]
    assert "run s1: loss is NaN or infinite at 1 of 3 epochs (1)" in done.err
