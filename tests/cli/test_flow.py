"""`scatter --flow` and `scatter --field`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, rows_of, sidecar_of, tree, write_run

from embedlens.analysis.triplets.field import field
from embedlens.analysis.triplets.flow import flow, occupied
from embedlens.analysis.triplets.nearest import follow_triplets, nearest_triplets


@pytest.fixture
def run(folder):
    return write_run(folder / "runs/mine", epochs=4, n=120)


def nearest(run, epoch, split="test"):
    return nearest_triplets(run.snapshot(split, epoch).embeddings, run.labels(split))


@pytest.mark.slow
def test_flow_and_field_through_the_real_entry_point(program, run, folder):
    done = program("scatter", "runs/mine", "--flow", "--field", "epshn", "--order", "2", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    figures = "runs/mine/figures/scatter-train+test"
    assert done.json["figures"] == [
        f"{figures}-{what}.{ending}"
        for what in ("field-epshn-order2-epoch-0003", "flow-0000-to-0003")
        for ending in ("pdf", "png")
    ]
    for path in done.json["figures"]:
        assert (folder / path).is_file()
    for path in done.json["figures"][::2]:
        assert b"/Type3" not in (folder / path).read_bytes()
    assert set(done.json["summary"]["mine"]["test"]) == {"0", "3"}


def test_the_flow_s_data_sidecar_and_summary(cli, run, folder):
    done = cli("scatter", "mine", "--flow", "--split", "test", "--format", "png", "--json")
    start, end = nearest(run, 0), nearest(run, 3)
    expected = flow(start, end, limits=occupied([start]))
    rows = rows_of(done.json["data"][0])
    assert len(rows) == expected.count.size > 0
    for name, values in expected.columns().items():
        np.testing.assert_allclose([float(row[name]) for row in rows], values, atol=1e-12)
    assert {(row["from_epoch"], row["to_epoch"]) for row in rows} == {("0", "3")}
    told = sidecar_of(done.json["figures"][0])
    assert told["epochs"] == [0, 3]
    assert told["flow"]["minimum_dots_a_bin"] == 5
    assert told["flow"]["bins_a_side"] == expected.bins
    assert told["flow"]["panels"][0]["n"] == 120
    assert told["flow"]["panels"][0]["n_thin"] == expected.n_thin
    assert told["panels"][0]["shown"] == 120
    numbers = done.json["summary"]["mine"]["test"]["3"]
    assert numbers["flow"]["mean_d_an"] == expected.mean_d_an
    assert numbers["flow"]["from_epoch"] == 0
    assert numbers["recall_at_1"] == np.mean(end.s_an < end.s_ap)
    with Image.open(done.json["figures"][0]) as image:
        assert image.size[0] == 975  # one panel: a column


def test_a_person_gets_a_table_of_the_flow(cli, run):
    done = cli("scatter", "mine", "--flow", "--flow-from", "1", "--flow-to", "2", "--format", "png")
    assert "flow of epochs" in done.out
    assert "1 to 2" in done.out
    assert "flow-0001-to-0002.png" in done.out


def test_the_flow_of_followed_triplets(cli, run, folder):
    done = cli(
        "scatter", "mine", "--flow", "--triplets", "fixed", "--split", "test", "--format", "png", "--json"
    )
    chosen = nearest(run, 3)
    start, end = (follow_triplets(run.snapshot("test", epoch).embeddings, chosen) for epoch in (0, 3))
    numbers = done.json["summary"]["mine"]["test"]["3"]
    assert numbers["flow"]["mean_d_ap"] == pytest.approx(np.mean(end.s_ap - start.s_ap))
    assert "recall_at_1" not in numbers
    assert "flow-0000-to-0003-fixed-mine-0003" in done.json["figures"][0]


def test_runs_and_splits_get_a_panel_each(cli, run, folder):
    write_run(folder / "runs/other", epochs=2, n=120)
    done = cli("scatter", "mine", "other", "--flow", "--field", "triplet", "--format", "png", "--json")
    assert done.json["figures"] == [
        "figures/scatter-mine-other-train+test-field-triplet-epoch-0001+0003.png",
        "figures/scatter-mine-other-train+test-flow-0000-to-0001+0003.png",
    ]
    panels = sidecar_of(done.json["figures"][1])["flow"]["panels"]
    assert [(panel["run"], panel["split"], panel["to_epoch"]) for panel in panels] == [
        ("mine", "train", 3), ("mine", "test", 3), ("other", "train", 1), ("other", "test", 1),
    ]  # fmt: skip


def test_the_field_s_data_and_sidecar(cli, run, folder):
    done = cli("scatter", "mine", "--field", "epshn", "--angle", "60", "--split", "test", "--json")
    assert done.json["figures"][0].endswith("scatter-test-field-epshn-angle60-epoch-0003.pdf")
    rows = rows_of(done.json["data"][0])
    dots = [row for row in rows if row["kind"] == "dot"]
    arrows = [row for row in rows if row["kind"] == "field"]
    assert len(dots) == 120
    expected = field("epshn", angle=60, limits=(-0.2, 1.0))
    np.testing.assert_allclose([float(row["d_ap"]) for row in arrows], expected.d_ap)
    np.testing.assert_allclose([float(row["d_an"]) for row in arrows], expected.d_an)
    told = sidecar_of(done.json["figures"][0])["field"]
    assert (told["loss"], told["angle_degrees"]) == ("epshn, order 1", 60)
    assert "limit of a small step" in told["meaning"]


@pytest.mark.slow
def test_no_figure_replaces_another(cli, run):
    given = (
        ["--field", "epshn"],
        ["--field", "ephn", "--order", "2", "--angle", "45", "--flow"],
        ["--flow", "--flow-from", "1"],
        ["--field", "ep", "--epoch", "all"],
    )
    common = ("--split", "test", "--format", "png", "--json")
    made = [cli("scatter", "mine", *words, *common).json["figures"] for words in given]
    assert [len(figures) for figures in made] == [1, 2, 1, 4]
    assert len({path for figures in made for path in figures}) == 8
    assert made[1][0].endswith("scatter-test-field-ephn-order2-angle45-epoch-0003.png")


def test_same_input_same_bytes(cli, run):
    for out in ("a", "b"):
        done = cli("scatter", "mine", "--flow", "--field", "epshn", "--split", "test", "--out", out)
        assert done.code == 0
    one, other = tree("a"), tree("b")
    assert one
    for name in one:
        if not name.endswith(".json"):
            assert one[name] == other[name], name


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ["--field", "epshm"],
            ["unknown loss of a field 'epshm'", "contrastive, ep, ephn, epshn, n-pair-mc, triplet"],
        ),
        (["--field", "epshn", "--angle", "181"], ["angle 181", "0 to 180"]),
        (["--field", "epshn", "--angle", "-1"], ["angle -1", "0 to 180"]),
        (["--field", "epshn", "--order", "3"], ["unknown order '3'", "1, 2"]),
        (["--field", "triplet", "--order", "2"], ["has no order", "ephn, epshn"]),
        (["--angle", "30"], ["add --field"]),
        (["--order", "2"], ["add --field"]),
        (["--flow-from", "1"], ["add --flow"]),
        (["--flow-to", "1"], ["add --flow"]),
        (["--flow", "--flow-to", "9"], ["--flow-to", "unknown epoch '9'", "0-3"]),
        (
            ["--flow", "--flow-from", "frist"],
            ["--flow-from", "unknown epoch 'frist'", "first, last, all, a number"],
        ),
        (["--flow", "--flow-from", "2", "--flow-to", "1"], ["earlier epoch to a later one"]),
        (["--flow", "--flow-from", "last"], ["earlier epoch to a later one"]),
        (["--flow", "--epoch", "2"], ["--flow-from and --flow-to"]),
        (["--flow", "--animate"], ["--animate"]),
        (["--field", "ep", "--animate"], ["--animate"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    before = tree(folder)
    assert_refused(cli("scatter", "mine", *words), *parts)
    assert tree(folder) == before


def test_a_run_of_one_epoch_has_no_flow(cli, folder):
    write_run(folder / "runs/short", epochs=1)
    assert_refused(cli("scatter", "short", "--flow"), "run 'short'", "one epoch only (0); a flow needs two")
    assert cli("scatter", "short", "--field", "epshn", "--format", "png").code == 0
