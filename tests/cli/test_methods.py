from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, rows_of
from training_support import train

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k

DIVIDED = ["--data", "digits", "--split-by", "items", "--method", "divide-conquer", "--clusters", "2"]
DIVIDED += ["--recluster", "1", "--dim", "4", "--epochs", "2", "--items-per-class", "16", "--threads", "1"]


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """A run of Divide and Conquer; nothing below writes into it but figures."""
    from embedlens.training.config import TrainConfig

    config = TrainConfig(
        data="digits", split_by="items", method="divide-conquer", dim=4, epochs=2, items_per_class=16,
        method_options={"clusters": 2, "recluster": 1},
    )  # fmt: skip
    path = tmp_path_factory.mktemp("runs") / "divided"
    return train(path, config)


@pytest.mark.slow
def test_divide_and_conquer_through_the_real_entry_point(program, folder):
    done = program("train", *DIVIDED, "--finish", "1", "--out", "runs/divided")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/divided")
    assert run.method["method"] == "divide-conquer"
    assert run.method["method_options"] == {"clusters": 2, "recluster": 1, "finish": 1}
    assert run.info.slices == [[0, 2], [2, 4]]
    assert program("train", *DIVIDED).code == 0
    assert embedlens.open_run("runs/digits-divide-conquer-epshn").epochs() == [0, 1, 2]


@pytest.mark.slow
def test_deep_variational_metric_learning_through_the_real_entry_point(program, folder):
    weights = ["--kl-weight", "0.5", "--reconstruction-weight", "1,0", "--synthesised-weight", "0.2,0.1"]
    weights += ["--invariant-weight", "2", "--metric-reduction", "mean", "--absolute-reconstruction"]
    weights += ["--normalize-features"]
    done = program(*PIECES, "--method", "dvml", "--loss", "triplet", *weights, "--samples", "3")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/digits-dvml-triplet")
    assert run.method["method_options"] == {
        "kl_weight": "0.5", "reconstruction_weight": "1,0", "synthesised_weight": "0.2,0.1",
        "invariant_weight": "2", "samples": 3, "metric_reduction": "mean", "relative_reconstruction": False,
        "normalize_features": True,
    }  # fmt: skip
    parts = ("kl", "reconstruction", "synthesised", "invariant")
    assert sum(run.log[1][f"{part}_gradient_fraction"] for part in parts) == pytest.approx(1)
    drawn = program("curves", "digits-dvml-triplet", "--metrics", "kl_gradient_fraction", "--format", "png")
    assert drawn.code == 0, drawn.err


def test_info_tells_of_the_clusters(cli, divided):
    told = cli("info", divided.path, "--json").json["summary"]["divided"]["clusters"]["train"]
    first, last = (np.asarray(divided.extra("train", "cluster", epoch)) for epoch in (1, 2))
    assert told["2"]["sizes"] == np.bincount(last, minlength=2).tolist()
    assert told["2"]["changed"] == (first != last).mean()
    assert told["1"]["changed"] is None
    assert cli("info", divided.path, "--json").json["summary"]["divided"]["recorded_of_items"] == {
        "train": {"cluster": [1, 2]}, "test": {}
    }  # fmt: skip
    lines = cli("info", divided.path).out.splitlines()
    assert "  items   cluster of train" in lines
    row = next(line.split() for line in lines if line.startswith("2 "))
    assert row[-1] == f"{(first != last).mean():.4f}"


def test_slices_are_scored(cli, divided):
    words = ["--slices", "2", "--metrics", "R@1", "--csv", "--out", "figures"]
    table = list(csv.DictReader(cli("evaluate", divided.path, *words).out.splitlines()))
    snapshot = divided.snapshot("test")
    wanted = recall_at_k(snapshot.embeddings[:, 2:], snapshot.labels, (1,))[1]
    assert [float(value) for value in table[1].values() if value.startswith("0.")] == [wanted], table


@pytest.mark.parametrize(
    "command",
    [("evaluate", "--metrics", "R@1"), ("spectrum", "--format", "png"), ("pca-prune", "--format", "png")],
)
def test_slices_of_learners_without_items_are_reported(cli, divided, folder, command):
    shutil.copytree(divided.path, folder / "runs/alone")
    file = next((folder / "runs/alone").glob("**/*cluster*0002.npy"))
    np.save(file, np.zeros_like(np.load(file)))
    told = "epoch 2: no items of train were left to the learner of slice 2"
    assert told in cli(*command, "alone", "--slices", "recorded", "--out", "figures").err
    assert told not in cli(*command, "alone", "--slices", "4", "--out", "figures").err
    assert "no items" not in cli(*command, divided.path, "--slices", "2", "--out", "figures").err


def test_a_map_is_coloured_by_cluster(cli, divided):
    done = cli(
        "tsne",
        divided.path,
        "--color",
        "cluster",
        "--n-iter",
        "50",
        "--format",
        "png",
        "--out",
        "figures",
        "--json",
    )
    assert done.code == 0, done.err
    (name,) = [Path(path) for path in done.json["data"] if path.endswith(".csv")]
    assert name.name == "tsne-divided-train-epoch-0002-color-cluster-n-iter-50.csv"
    rows = rows_of(name)
    clusters = np.asarray(divided.extra("train", "cluster", 2))
    assert [int(row["label"]) for row in rows] == clusters[[int(row["item"]) for row in rows]].tolist()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--method", "divide"], ["unknown method 'divide'", "divide-conquer, dreml, dvml, hdc, plain"]),
        (["--clusters", "2"], ["method 'plain' has no option 'clusters'"]),
        (["--method", "divide-conquer", "--clusters", "3"], ["3 clusters do not divide 64 dims", "1, 2, 4"]),
        (["--method", "divide-conquer", "--clusters", "0"], ["clusters is 0"]),
        (["--method", "divide-conquer", "--recluster", "0"], ["recluster is 0"]),
        (["--method", "divide-conquer", "--finish", "-1"], ["finish is -1"]),
        (["--method", "divide-conquer", "--cluster-on", "pixels"], ["'pixels'", "penultimate, embedding"]),
        (["--method", "dvml", "--first-phase", "-1"], ["first_phase is -1; a whole number from 0"]),
        (["--method", "dvml", "--samples", "0"], ["samples is 0; a whole number from 1"]),
        (["--method", "dvml", "--kl-weight", "1,2,3"], ["kl_weight is '1,2,3'; a number from 0", "two"]),
        (["--method", "dvml", "--reconstruction-weight", "-1"], ["reconstruction_weight is '-1'"]),
        (["--method", "dvml", "--synthesised-weight", "inf"], ["synthesised_weight is 'inf'"]),
        (["--method", "dvml", "--invariant-weight", ""], ["invariant_weight is ''"]),
        (["--method", "dvml", "--metric-reduction", "max"], ["unknown metric reduction 'max'", "sum, mean"]),
        (
            ["--method", "dvml", "--loss", "epshn", "--metric-reduction", "sum"],
            ["loss 'epshn' is no sum over triplets", "train with one of the losses margin, triplet"],
        ),
        (["--samples", "2"], ["method 'plain' has no option 'samples'"]),
    ],
)
def test_what_is_refused(cli, folder, words, parts):
    assert_refused(cli("train", "--data", "digits", *words), *parts)
    assert not Path("runs").exists()


def test_colours_that_are_not_there(cli, divided):
    where = ["--out", "figures"]
    assert_refused(cli("tsne", divided.path, "--color", "colour", *where), "unknown colour", "class, cluster")
    assert_refused(
        cli("tsne", divided.path, "--color", "cluster", "--epoch", "0", *where), "choose one of: 1, 2"
    )
    assert_refused(
        cli("tsne", divided.path, "--color", "cluster", "--split", "test", *where),
        "recorded of train, not of test",
    )


PIECES = ["train", "--data", "digits", "--epochs", "1", "--items-per-class", "8", "--threads", "1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "name", "slices"),
    [
        (["dreml", "--learners", "2", "--meta-classes", "3"], "digits-dreml-softmax", [[0, 3], [3, 6]]),
        (
            ["hdc", "--heads", "2", "--dim", "6", "--margin", "0.9"],
            "digits-hdc-contrastive",
            [[0, 3], [3, 6]],
        ),
    ],
)
def test_methods_of_pieces_through_the_real_entry_point(program, folder, words, name, slices):
    done = program(*PIECES, "--method", *words)
    assert done.code == 0, done.err
    run = embedlens.open_run(f"runs/{name}")
    assert run.info.slices == slices
    assert run.info.dim == 6
    if words[0] == "dreml":
        assert run.run_extra("meta_classes").shape == (2, 5)
    else:
        assert run.method["loss_options"] == {"margin": 0.9}
    told = program("info", name)
    assert "slices  2 of 3 dims each (--slices recorded)" in told.out
    assert ("once    meta_classes, 2 x 5" in told.out) == (words[0] == "dreml")
    scored = program("evaluate", name, "--slices", "recorded", "--metrics", "R@1", "--csv")
    assert [line.split(",")[0] for line in scored.out.splitlines()[1:]] == [name] * 3
    pruned = program("pca-prune", name, "--slices", "recorded")
    assert pruned.code == 0, pruned.err
    assert f"{name}, test [2/2]" in pruned.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["hdc", "--loss", "triplet"],
            "method 'hdc' trains with the loss contrastive, not triplet; leave it out",
        ),
        (
            ["dreml", "--loss", "epshn"],
            "method 'dreml' trains with the loss softmax, not epshn; leave it out",
        ),
        (["dreml", "--temperature", "1"], "loss 'softmax' has no option 'temperature'"),
        (
            ["dreml", "--meta-classes", "6"],
            "method 'dreml' assigns 5 training classes to 6 meta_classes; lower --meta-classes to 5, or "
            "leave the method out",
        ),
        (
            ["dreml", "--meta-classes", "3", "--dim", "64"],
            "8 learners of 3 meta-classes make 24 dims, not 64",
        ),
        (
            ["hdc", "--dim", "64"],
            "3 heads do not divide 64 dims into equal slices; choose one of: 1, 2, 4, 8",
        ),
        (["hdc"], "as many depths as heads, 3; backbone 'small' shows 2 here"),
        (["hdc", "--heads", "2", "--hard-shares", "1"], "hard_shares are '1'; 2 heads need as many numbers"),
        (
            ["hdc", "--learners", "2"],
            "method 'hdc' has no option 'learners'; it has heads, hard_shares, cascade, negative_weight",
        ),
        (
            ["hdc", "--heads", "2", "--negative-weight", "0"],
            "negative_weight is 0.0; a number above 0 is needed",
        ),
        (["hdc", "--heads", "2", "--mining", "hard"], "method 'hdc' chooses the pairs itself"),
    ],
)
def test_methods_of_pieces_refuse_what_they_cannot_use(cli, words, message):
    assert_refused(cli(*PIECES, "--method", *words), message)
    assert not Path("runs").exists()
