from __future__ import annotations

import csv

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, tree

import embedlens
from embedlens.analysis.spectrum.components import class_scatter
from embedlens.figures.spectrum.components import plot


@pytest.mark.slow
def test_through_the_real_entry_point(program, run, folder):
    done = program("components", "runs/mine", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    answer = done.json
    assert answer["figures"] == [
        f"runs/mine/figures/components-test-epoch-0002.{end}" for end in ("pdf", "png")
    ]
    found = class_scatter(run.snapshot("test", 2).embeddings, run.labels("test"))
    numbers = answer["summary"]["mine"]["test"]["2"]
    assert (numbers["n"], numbers["n_classes"], numbers["dim"]) == (60, 6, 8)
    assert list(numbers["components"]) == ["1", "8"]
    assert numbers["components"]["8"]["deviation"] == found.deviations[1]
    rows = rows_of(answer["data"][0])
    assert [float(row["component_1"]) for row in rows] == found.values[:, 0].tolist()
    assert [int(row["class"]) for row in rows] == found.rank.tolist()
    assert b"/Type3" not in (folder / answer["figures"][0]).read_bytes()


def test_any_component_by_number(cli, run, folder):
    names = []
    for asked, expected in {
        "2,3": ["2", "3"], "first,-2": ["1", "7"], "last": ["8"], "-1": ["8"], "8, 8": ["8"],
    }.items():  # fmt: skip
        answer = cli("components", "mine", "--component", asked, "--format", "png", "--json").json
        assert list(answer["summary"]["mine"]["test"]["2"]["components"]) == expected
        names.append(answer["figures"][0])
    assert names[0] == "runs/mine/figures/components-test-epoch-0002-component-2+3.png"
    svd = cli("components", "mine", "--svd", "--no-normalize", "--format", "svg", "--json").json
    assert svd["figures"][0].endswith("components-test-epoch-0002-svd-as-given.svg")
    assert "value (SVD, rows as given)" in (folder / svd["figures"][0]).read_text()
    sidecar = sidecar_of(svd["figures"][0])
    assert sidecar["decomposition"] == "SVD of uncentred embeddings"
    assert sidecar["panels"] == [{"run": "mine", "epoch": 2, "shown": 60, "of": 60}]


def test_several_runs_of_other_sizes_and_epochs(cli, run, folder):
    z, y = blobs(dim=4)
    embedlens.Recorder("runs/small", labels={"test": y}).record(0, {"test": z})
    answer = cli("components", "mine", "small", "--format", "svg", "--json").json
    assert answer["figures"] == ["figures/components-mine-small-test-epoch-0000+0002.svg"]
    assert list(answer["summary"]["small"]["test"]["0"]["components"]) == ["1", "4"]
    text = (folder / answer["figures"][0]).read_text()
    assert "component 4 of 4, smallest" in text
    assert "mine, epoch 2" in text


def test_every_epoch_is_a_figure_with_the_same_limits(cli, run, folder):
    answer = cli("components", "mine", "--epoch", "all", "--format", "png", "--json").json
    assert [path[-8:] for path in answer["figures"]] == ["0000.png", "0001.png", "0002.png"]
    sidecars = [sidecar_of(path) for path in answer["figures"]]
    for key, place in (("limits", 0), ("limits_smallest", 1)):
        (low, high), *others = [sidecar[key] for sidecar in sidecars]
        assert others == [[low, high]] * 2
        values = np.concatenate(
            [class_scatter(run.snapshot("test", e).embeddings, run.labels("test")).values for e in range(3)]
        )[:, place]
        assert low < values.min() < values.max() < high
        assert high - low < 1.3 * np.ptp(values)


def test_signs_are_kept_from_epoch_to_epoch(cli, folder):
    z, y = blobs()
    noise = np.random.default_rng(0).normal(size=z.shape)
    with embedlens.Recorder("runs/turned", labels={"test": y}) as recorder:
        for epoch, rows in enumerate((z, -z, z + 0.001 * noise, -z, -z + 0.001 * noise)):
            recorder.record(epoch, {"test": rows.astype(np.float32)})
    answer = cli(
        "components", "turned", "--epoch", "all", "--component", "1,2", "--format", "png", "--json"
    ).json
    values = []
    for path in answer["data"]:
        with open(path, newline="") as handle:
            values.append([float(row["component_1"]) for row in csv.DictReader(handle)])
    for one in values[1:]:
        np.testing.assert_allclose(one, values[0], atol=0.02)
    first, second = (sidecar_of(path) for path in answer["figures"][:2])
    assert "positively" in second["signs"]
    assert first["panels"] == [{"run": "turned", "epoch": 0, "shown": 60, "of": 60}]
    assert second["panels"][0]["correlation_with_epoch_before"] == pytest.approx({"1": 1.0, "2": 1.0})
    least = [answer["summary"]["turned"]["test"][str(at)]["components"]["1"]["least"] for at in range(5)]
    assert least == [min(one) for one in values]


def test_a_dead_component_is_told(cli, folder):
    z, y = blobs()
    z[:, 3] = 0
    embedlens.Recorder("runs/dead", labels={"test": y}).record(0, {"test": z})
    done = cli("components", "dead")
    assert done.code == 0
    assert "run 'dead', split 'test', epoch 0: component 8 is dead" in done.err
    assert "8 of 8" in done.out


def test_one_class_is_drawn(cli, folder):
    z, _ = blobs()
    embedlens.Recorder("runs/one", labels={"test": np.zeros(60, int)}).record(0, {"test": z})
    assert cli("components", "one").code == 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["mine", "--component", "9"], ["run 'mine': unknown component 9", "1 to 8"]),
        (["mine", "--component", "0"], ["unknown component 0"]),
        (["mine", "--component", "-9"], ["unknown component -9"]),
        (["mine", "--component", "largest"], ["--component 'largest'", "first or last"]),
        (["mine", "--component", ""], ["--component ''"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'", "0-2, last"]),
        (["mine", "--split", "x"], ["unknown split 'x'"]),
        (["mine", "--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["single"], ["run 'single', split 'test', epoch 0", "needs at least 2"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    embedlens.Recorder("runs/single", labels={"test": np.zeros(1, int)}).record(0, {"test": np.ones((1, 3))})
    before = tree(folder)
    assert_refused(cli("components", *words, "--out", "figures"), *parts)
    assert tree(folder) == before


def test_class_names_stand_at_the_axis_and_in_the_table(cli, folder):
    z, y = blobs()
    np.save("z.npy", z)
    (folder / "y.txt").write_text("".join(f"{2 * label}.0\n" for label in y))
    assert cli("import", "z.npy", "--labels", "y.txt", "--out", "run").code == 0
    result = cli("components", "run", "--component", "1", "--format", "svg", "--json")
    rows = rows_of(result.json["data"][0])
    assert [row["label"] for row in rows] == [str(2 * label) for label in y]
    assert [row["class_name"] for row in rows] == [f"{2 * label}.0" for label in y]
    names = {2 * label: f"{2 * label}.0" for label in range(6)} | {10: "$a_{$ and more than sixteen letters"}
    axes = plot(class_scatter(z, 2 * y, [1]), class_names=names)
    axes.figure.canvas.draw()
    shown = [tick.get_text() for tick in axes.get_xticklabels()]
    assert shown == ["0.0", "2.0", "4.0", "6.0", "8.0", "$a_{$ and more …"]
