from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, once, rows_of, sidecar_of

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k

SMALL = ["compare", "--data", "digits", "--epochs", "1", "--threads", "1", "--items-per-class", "8"]
SMALL += ["--loss", "triplet", "--method", "plain,divide-conquer,hdc", "--clusters", "2", "--heads", "2"]
SMALL += ["--dim", "4", "--seed", "0,1", "--metrics", "recall_at_1,nmi"]
NAMES = ("triplet", "triplet + divide-conquer", "hdc")
RUNS = ("digits-triplet", "digits-divide-conquer-triplet", "digits-hdc-contrastive")


def run_of(name, seed):
    return embedlens.open_run(f"runs/{RUNS[NAMES.index(name)]}-lr0.001-dim4-seed{seed}")


@pytest.mark.slow
def test_a_comparison_through_the_real_entry_point(program, folder):
    done = program(*SMALL, "--json", "--format", "png")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    summary = answer["summary"]
    assert tuple(summary) == NAMES
    scores = {}
    for name in NAMES:
        found = []
        for seed in (0, 1):
            snapshot = run_of(name, seed).snapshot("test", 1)
            found.append(recall_at_k(snapshot.embeddings, snapshot.labels, (1,))[1])
        scores[name] = found
        assert summary[name]["seeds"] == 2
        assert summary[name]["recall_at_1"]["mean"] == pytest.approx(np.mean(found))
        assert summary[name]["recall_at_1"]["deviation"] == pytest.approx(np.std(found, ddof=1))
    gain = np.mean(scores[NAMES[1]]) - np.mean(scores[NAMES[0]])
    assert summary[NAMES[1]]["recall_at_1"]["gain"] == pytest.approx(gain)
    assert summary["hdc"]["recall_at_1"]["gain"] is None
    difference = summary[NAMES[1]]["difference"]
    assert difference["baseline"] == "triplet"
    assert difference["value"] == pytest.approx(gain)
    assert (difference["n_seeds"], difference["n_classes"]) == (2, 5)
    low, high = difference["low"], difference["high"]
    assert difference["verdict"] == ("better" if low > 0 else "worse" if high < 0 else "undecided")
    assert not {"triplet", "hdc"} & {name for name in NAMES if "difference" in summary[name]}
    both = [[run_of(name, seed).path.as_posix() for seed in (0, 1)] for name in NAMES[:2]]
    again = program("diff", *both[0], *both[1], "--split", "test", "--json", "--format", "png")
    assert again.code == 0, again.err
    (diff,) = [splits["test"]["1"] for splits in json.loads(again.out)["summary"].values()]
    assert (low, high) == (diff["low"], diff["high"])
    steps = run_of("triplet", 0).log[-1]["step"]
    assert {row["steps"] for row in summary.values()} == {steps}
    seconds = [run_of("triplet", seed).log[-1]["seconds"] for seed in (0, 1)]
    assert summary["triplet"]["seconds"] == pytest.approx(np.mean(seconds))
    assert summary[NAMES[1]]["steps_of_a_learner"] == [steps // 2, steps - steps // 2]

    (figure,), (data, table) = answer["figures"], answer["data"]
    assert Path(figure).is_file()
    assert "-seed-0+1-dim-4-metrics-recall_at_1_nmi-" in figure
    assert "clusters_2" in figure
    rows = rows_of(data)
    assert [(row["name"], row["seed"]) for row in rows] == [(n, s) for n in NAMES for s in "01"]
    assert [float(row["recall_at_1"]) for row in rows] == [one for n in NAMES for one in scores[n]]
    assert [row["verdict"] for row in rows] == ["", "", *[difference["verdict"]] * 2, "", ""]
    assert {float(row["steps"]) for row in rows} == {steps}
    assert [float(row["seconds"]) for row in rows[:2]] == seconds
    assert {row["name"]: int(row["parameters"]) for row in rows} == {
        name: row["parameters"] for name, row in summary.items()
    }
    text = Path(table).read_text()
    assert r"\begin{tabular}" in text
    assert f"{100 * np.mean(scores['hdc']):.1f}" in text
    assert f"{100 * gain:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]" in text
    assert f"{summary['hdc']['parameters']:,}" in text
    sidecar = sidecar_of(figure)
    assert sidecar["epoch"] == 1
    assert [run["seed"] for run in sidecar["runs"]] == [0, 0, 0, 1, 1, 1]

    stamps = {file: file.stat().st_mtime_ns for file in Path("runs").rglob("*.npy")}
    again = program(*SMALL, "--latex", "--format", "png")
    assert again.code == 0, again.err
    assert "6 runs of 1 epoch on digits: all finished" in again.err
    assert again.out.strip() == text.strip()
    assert {file: file.stat().st_mtime_ns for file in Path("runs").rglob("*.npy")} == stamps

    told = program(*SMALL, "--format", "png").out
    assert told.startswith("preset quick: 1 epoch from random weights\n")
    assert "epoch 1, 4 dims, mean and standard deviation of 2 seeds, per cent" in told
    row = next(line for line in told.splitlines() if f"{100 * gain:+.2f} [" in line)
    assert row.split()[-4:-1] == [
        difference["verdict"],
        f"{steps:.0f}",
        f"{summary['triplet']['parameters']:,}",
    ]
    assert "without a baseline in this comparison: hdc (of contrastive)\n" in told
    assert f"triplet + divide-conquer: each learner has {steps / 2:.0f} of these steps\n" in told


PUBLISHED = ["compare", "--preset", "published", "--data", "digits", "--epochs", "1", "--threads", "1"]
PUBLISHED += ["--loss", "triplet", "--method", "plain,divide-conquer,dreml", "--clusters", "2", "--dim", "4"]
PUBLISHED += [
    "--pretraining-epochs",
    "1",
    "--seed",
    "0",
    "--items-per-class",
    "8",
    "--metrics",
    "recall_at_1,nmi",
]


@pytest.mark.slow
def test_the_published_preset_trains_a_run_before_and_leaves_out_what_the_data_do_not_allow(cli, folder):
    done = cli(*PUBLISHED, "--json", "--format", "png")
    assert done.code == 0, done.err
    assert (
        "dreml is left out, since it cannot be trained with these data and options: 8 learners of 8"
        in done.err
    )
    assert tuple(done.json["summary"]) == ("triplet", "triplet + divide-conquer")
    sidecar = sidecar_of(done.json["data"][0])
    start = sidecar["starts_from"]
    assert start["path"] == "runs/digits-pretraining-1-epochs-softmax-lr0.001-dim64-seed0"
    assert list(sidecar["rows_left_out"]) == ["dreml", "softmax"]
    latex = Path(done.json["data"][0]).with_suffix(".tex").read_text()  # named as the table and the figure
    assert f"% preset published: 1 epoch from {Path(start['path']).name} (1 epoch of softmax, " in latex
    assert sidecar["preset"] == "published"
    init = {run["method"]["init"] for run in sidecar["runs"]}
    assert init == {str(Path(start["path"]).resolve())}
    assert done.json["summary"]["triplet + divide-conquer"]["difference"]["n_seeds"] == 1

    stamps = {file: file.stat().st_mtime_ns for file in Path("runs").rglob("*.npy")}
    told = cli(*PUBLISHED, "--format", "png")
    assert told.code == 0, told.err
    assert {file: file.stat().st_mtime_ns for file in Path("runs").rglob("*.npy")} == stamps
    name = Path(start["path"]).name
    assert told.out.startswith(f"preset published: 1 epoch from {name} (1 epoch of softmax, ")
    assert "95 % interval over classes alone (one seed)" in told.out
    assert "left out: dreml: 8 learners of 8 meta-classes" in told.out
    assert "left out: softmax: it is the baseline of dreml alone" in told.out
    quick = cli(*once(*PUBLISHED, "--preset", "quick"), "--dry-run")  # in the same folder
    assert_refused(quick, "--pretraining-epochs is of --preset published")
    again = cli(*once(*PUBLISHED, "--preset", "published", "--init", start["path"]), "--dry-run", "--json")
    assert_refused(again, "--pretraining-epochs is of a run that is trained before")


def test_the_runs_of_the_published_preset_can_be_listed(cli, folder):
    rows = cli(*PUBLISHED, "--dry-run", "--json").json["summary"]["runs"]
    assert [row["compared as"] for row in rows] == [
        "pre-training", "triplet", "triplet + divide-conquer",
    ]  # fmt: skip
    names = [Path(row["run"]).name for row in rows]
    assert names[0] == "digits-pretraining-1-epochs-softmax-lr0.001-dim64-seed0"
    assert names[1:] == [
        f"digits-{name}-init-lr0.001-dim4-seed0" for name in ("triplet", "divide-conquer-triplet")
    ]
    assert not Path("runs").exists()


def test_the_runs_can_be_listed_before(cli):
    rows = json.loads(cli(*SMALL, "--dry-run", "--json").out)["summary"]["runs"]
    assert [row["compared as"] for row in rows] == [*NAMES, *NAMES]
    assert [Path(row["run"]).name for row in rows][:3] == [f"{run}-lr0.001-dim4-seed0" for run in RUNS]
    assert {row["state"] for row in rows} == {"new"}
    listed = cli(*SMALL, "--dry-run").out
    assert "6 runs of 1 epoch on digits: 6 epochs to train" in listed
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "plain,conquer"], "unknown method 'conquer'; choose one of: divide-conquer, dreml, "),
        (["--method", ","], "--method names none; choose some of: divide-conquer"),
        (["--loss", "tripet"], "unknown loss 'tripet'"),
        (["--metrics", "recal"], "unknown metric 'recal'"),
        (["--learners", "3"], "no method of the comparison has an option 'learners'; leave it out"),
        (["--clusters", "3"], "3 clusters do not divide 4 dims into equal slices; choose one of: 1, 2, 4"),
        (["--heads", "4"], "hard_shares are left at their defaults; 4 heads need as many numbers"),
        (["--dim", "0"], "dim is 0; 1 is the least"),
        (["--seed", "x"], "--seed 'x'; whole numbers from 0 are needed"),
        (["--preset", "quik"], "unknown preset 'quik'; did you mean 'quick'?"),
        (
            ["--pretraining-epochs", "2"],
            "--pretraining-epochs is of --preset published; 'quick' trains nothing",
        ),
        (["--latex", "--json"], "--latex and --json exclude each other; choose one"),
        (["--format", "gif"], "unknown format 'gif'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(cli, more, message):
    assert_refused(cli(*once(*SMALL, *more)), message)
    assert not Path("runs").exists()


def test_a_run_trained_otherwise_is_in_the_way(cli, folder):
    from embedlens.store import Recorder
    from embedlens.training.config import TrainConfig

    config = TrainConfig(
        data="digits", loss="triplet", dim=4, epochs=1, items_per_class=8, classes_per_batch=5, lr_step=3
    )
    path = folder / "runs" / f"{RUNS[0]}-lr0.001-dim4-seed0"
    labels = np.repeat(np.arange(5), 20)
    with Recorder(path, labels={"train": labels, "test": labels}, method=config.as_method()) as recorder:
        recorder.record(0, {split: np.eye(100, 4) + 1 for split in ("train", "test")})
    assert_refused(cli(*SMALL), "was trained with lr_step 3, not 0; choose another folder with --out")


def test_dims_that_few_have_are_named_with_their_methods():
    from types import SimpleNamespace

    from embedlens.experiments.compared_runs import Way
    from embedlens.experiments.comparison import dims_text, epochs_text

    given = [("plain", 64), ("dvml", 64), ("hdc", 66), ("plain", 64), ("dvml", 64), ("hdc", 66)]
    planned = [
        SimpleNamespace(
            way=Way(method, "triplet"), run=SimpleNamespace(config=SimpleNamespace(dim=dim, epochs=dim // 8))
        )
        for method, dim in given
    ]
    assert dims_text(planned[:2]) == "64 dims"
    assert dims_text(planned) == "64 dims (hdc: 66)"
    assert epochs_text(planned) == "epoch 8"
    planned[1].run.config.epochs = 12
    assert epochs_text(planned) == "epoch 8 (dvml: 12)"
