"""What the metrics of training leave out is what `evaluate` leaves out, and stays so on resume."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs, sidecar_of

import embedlens
from embedlens.experiments.epoch_metrics import epoch_metrics
from embedlens.leave_out import LeftOutLabels
from embedlens.training.config import TrainConfig

OPTIONS = ("--ignore-label", "-1", "--distractor-label", "0", "--exclude-duplicates")
NEW = {"ignore_label": "-1", "distractor_label": "0", "exclude_duplicates": True}


@pytest.fixture
def words(folder):
    """Options of a small training with queries and a gallery that holds junk, distractors and a copy."""
    random = np.random.default_rng(0)
    (folder / "d").mkdir()
    lines = ["path,label,split"]
    for row in range(48):
        label, split = row % 4 + 1, ("train", "query", "gallery")[row // 4 % 3]
        image = random.integers(0, 230, (16, 16), np.uint8)
        image[4 * label - 4 : 4 * label] += 25
        Image.fromarray(image).save(folder / "d" / f"{row}.png")
        lines.append(f"{row}.png,{label},{split}")
        if split == "gallery":
            other = random.integers(0, 255, (16, 16), np.uint8)
            Image.fromarray(other).save(folder / "d" / f"other{row}.png")
            lines.append(f"other{row}.png,{-(row % 2)},gallery")
    for row in (4, 8):  # a query, and an item of the gallery itself
        (folder / "d" / f"copy{row}.png").write_bytes((folder / "d" / f"{row}.png").read_bytes())
        lines.append(f"copy{row}.png,1,gallery")
    (folder / "d/d.csv").write_text("\n".join(lines) + "\n")
    return (
        "--data", "csv", "--root", "d/d.csv", "--epochs", "1", "--loss", "triplet", "--dim", "4",
        "--threads", "1", "--json",
    )  # fmt: skip


def columns(run, epoch):
    row = next(row for row in run.log if row["epoch"] == epoch)
    return [row[f"query_{name}"] for name in ("recall_at_1", "effective_rank", "mean_similarity")]


def scores(cli, run, epoch, *options):
    metrics = "recall_at_1,effective_rank,mean_similarity"
    answer = cli("evaluate", run.path, "--metrics", metrics, "--epoch", epoch, *options, "--json").json
    told = answer["summary"][run.name]["query"][str(epoch)]
    return [told[name] for name in metrics.split(",")]


@pytest.mark.slow
def test_a_log_is_what_evaluate_says_with_the_same_options_after_a_resume_too(program, cli, folder, words):
    done = program("train", *words, *OPTIONS, "--out", "runs/mine")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/mine")
    assert {name: run.method[name] for name in NEW} == NEW
    assert_refused(cli("train", "--resume", "mine", "--ignore-label", "0"), "--ignore-label cannot change")
    assert cli("train", "--resume", "mine", "--epochs", "2", "--json").code == 0
    for epoch in (0, 1, 2):
        assert columns(run, epoch) == scores(cli, run, epoch, *OPTIONS)
    assert any(columns(run, epoch) != scores(cli, run, epoch) for epoch in (0, 1, 2))


def test_a_sweep_has_the_options_and_another_one_is_another_grid(cli, folder, words):
    grid = ("sweep", *words, "--lr", "0.001", "--metric", "map_at_r", "--format", "png")
    done = cli(*grid, *OPTIONS)
    assert done.code == 0, done.err
    (run,) = [embedlens.open_run(path) for path in (folder / "runs").iterdir()]
    assert columns(run, 1) == scores(cli, run, 1, *OPTIONS)
    numbers = done.json["summary"]["triplet"]["0.001"]["4"]["runs"][run.name]
    evaluated = cli("evaluate", run.path, "--metrics", "map_at_r", *OPTIONS, "--json").json["summary"]
    assert numbers["value"] == evaluated[run.name]["query"]["1"]["map_at_r"]
    assert "ignore_label_-1" in done.json["figures"][0]
    sidecar = sidecar_of(done.json["data"][0])
    assert sidecar["left_out"]["ignored_labels"] == ["-1"]
    assert_refused(cli(*grid), "was trained with ignore_label -1, not None")


def test_a_comparison_has_the_options(cli, folder, words):
    done = cli(
        "compare", *words, *OPTIONS, "--method", "plain", "--seed", "0", "--metrics", "R@1", "--format", "png"
    )
    assert done.code == 0, done.err
    (run,) = [embedlens.open_run(path) for path in (folder / "runs").iterdir()]
    mean = done.json["summary"]["triplet"]["recall_at_1"]["mean"]
    assert mean == columns(run, 1)[0] == scores(cli, run, 1, *OPTIONS)[0]
    sidecar = sidecar_of(done.json["data"][0])
    assert sidecar["left_out"]["items"][0]["n_ignored"] == 8


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--ignore-label", "9"), ("data 'csv': unknown class '9'",)),
        (("--ignore-label", "0", "--distractor-label", "0"), ("label 0", "choose one")),
        (("--ignore-label", "1,2,3,4"), ("no item of split 'train' is left to score",)),
    ],
)
@pytest.mark.parametrize("command", ["train", "sweep", "compare"])
def test_what_cannot_be_left_out_is_refused_before_anything_is_written(
    cli, folder, words, command, options, parts
):
    more = {"train": [], "sweep": ["--lr", "0.001"], "compare": ["--method", "plain", "--seed", "0"]}
    assert_refused(cli(command, *words, *more[command], *options), *parts)
    assert not (folder / "runs").exists()


def test_a_configuration_without_the_options_is_written_as_before():
    plain = TrainConfig().as_method()
    assert not set(NEW) & set(plain)
    assert TrainConfig.from_method(plain) == TrainConfig()
    told = TrainConfig(**NEW).as_method()
    assert {name: told[name] for name in NEW} == NEW
    assert TrainConfig.from_method(told) == TrainConfig(**NEW)


def test_numbers_of_an_epoch_are_those_of_plain_loops():
    (z, y), (z_g, y_g) = blobs(n=24, classes=4, spread=2.0), blobs(n=40, classes=5, spread=2.0, seed=1)
    z_g[:6], y_g[:6] = z[:6], y[:6]  # copies of queries
    z_g[39], y_g[39] = z_g[8], y_g[8]
    labels = {"query": y, "gallery": y_g}
    found = epoch_metrics(
        {"query": z, "gallery": z_g}, labels, {"query": "gallery"},
        leave_out=LeftOutLabels(np.array([4]), np.array([3])), duplicates=True,
    )  # fmt: skip
    hits = []
    for i in range(24):
        if y[i] == 3:
            continue
        best = {True: -2.0, False: -2.0}
        for j in range(39):
            if y_g[j] == 4 or (y_g[j] == y[i] and (z_g[j] == z[i]).all()):
                continue
            a, b = z[i].astype(float), z_g[j].astype(float)
            same = bool(y_g[j] == y[i])
            best[same] = max(best[same], a @ b / np.sqrt((a @ a) * (b @ b)))
        hits.append(best[True] > best[False])
    assert found["query_recall_at_1"] == np.mean(hits)
    unit = z[y != 3].astype(float) / np.linalg.norm(z[y != 3].astype(float), axis=1, keepdims=True)
    pairs = [unit[i] @ unit[j] for i in range(len(unit)) for j in range(i)]
    assert found["query_mean_similarity"] == pytest.approx(np.mean(pairs))
