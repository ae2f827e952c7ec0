"""Training from the command line on data sets in the layouts that people have on disk."""

from __future__ import annotations

import gzip
import json
import shutil

import layouts
import numpy as np
import pytest
from layouts import each
from support import assert_refused, brute_force, once, rows_of, tree

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.training.datasets import load_dataset

SMALL = ["--image-size", "16", "--dim", "4", "--threads", "1"]
QUICK = [*SMALL, "--workers", "0", "--epochs", "1"]


def photographs(root):
    """train/ and test/ with one folder a class each."""
    for kind, (label, number) in enumerate(layouts.numbered(range(6))):
        part = "train" if label < 3 else "test"
        layouts.picture(root / part / "aebdcf"[label] / f"{number}.jpg", label, kind)
    return root


def mnist(root):
    """The four files of Fashion-MNIST, one of them compressed; every class is a noisy grey of its own."""
    root.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 20)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = (20 * labels[:, None, None] + random.integers(0, 20, (n, 28, 28))).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            raw = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes() + array.tobytes()
            (root / f"{part}-{name}-ubyte").write_bytes(raw)
    file = root / "t10k-labels-idx1-ubyte"
    (root / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    return root


def unlike(name, *splits):
    """What is told of splits whose counts are not those published."""
    return [
        f"{name}: {place} has {items} items of {classes} classes here, as published {of} of {of_classes}"
        for place, items, classes, of, of_classes in splits
    ]


LAYOUTS = {
    "cub200": (
        layouts.cub200, {"train": each(1, 2, 3), "test": each(101, 102, 103)},
        {"class": "001.Bird_1", "path": "images/001.Bird_1/Bird_1_0007.jpg"},
        unlike("cub200", ("split train", 12, 3, "5,864", 100), ("split test", 12, 3, "5,924", 100)),
    ),
    "cars196": (
        layouts.cars196, {"train": each(1, 2, 3), "test": each(99, 100, 101)},
        {"class": "Car 1 2012", "path": "car_ims/000001.jpg"},
        unlike("cars196", ("split train", 12, 3, "8,054", 98), ("split test", 12, 3, "8,131", 98)),
    ),
    "cars196, devkit": (
        layouts.cars_devkit,
        {"train": 2 * each(1, 2, 3, times=2), "test": 2 * each(99, 100, 101, times=2)},
        {"class": "Car 1 2012", "path": "cars_train/00001.jpg"},
        unlike("cars196", ("split train", 12, 3, "8,054", 98), ("split test", 12, 3, "8,131", 98)),
    ),
    "sop": (
        layouts.sop, {"train": each(1, 2, 3), "test": each(11, 12, 13)},
        {
            "class": "1", "super_class": "coffee_maker",
            "path": "coffee_maker_final/111200000001_0.JPG",
        },
        unlike(
            "sop", ("split train", 12, 3, "59,551", "11,318"), ("split test", 12, 3, "60,502", "11,316")
        ),
    ),
    "inshop": (
        layouts.inshop,
        {"train": each(2, 4, 5), "query": each(7, 8, 9, times=2), "gallery": each(7, 8, 9, times=2)},
        {"class": "id_00000002", "path": "Img/img/WOMEN/Blouses_Shirts/id_00000002/02_1_front.jpg"},
        unlike(
            "inshop", ("split train", 12, 3, "25,882", "3,997"), ("split query", 6, 3, "14,218", "3,985"),
            ("split gallery", 6, 3, "12,612", "3,985"),
        ),
    ),
    "lfw": (
        layouts.lfw, {"train": each(0, 2, 4), "test": each(1, 3, 5)},
        {"class": "Ann_Lee", "path": "lfw/Ann_Lee/Ann_Lee_0001.jpg"},
        unlike("lfw", ("the whole", 24, 6, "13,233", "5,749")),
    ),
    "folder": (
        photographs, {"train": each(0, 1, 4), "test": each(2, 3, 5)},
        {"class": "a", "path": "train/a/0.jpg"}, [],
    ),
    "csv": (
        layouts.csv_list, {"train": each(0, 4, 1), "test": each(3, 2, 5)},
        {"class": "a-bird", "path": "photos/0-0.jpg", "photographer": "Ms 0"}, [],
    ),
    "fashion-mnist": (
        mnist, {"train": list(range(5)) * 6, "test": list(range(5, 10)) * 6}, {"class": "T-shirt/top"}, [],
    ),
}  # fmt: skip
"""Name of a layout -> who builds it, the labels expected, the first training item, and what is told."""


@pytest.fixture
def birds(folder):
    return layouts.cub200(folder / "birds")


def exchange(one, other):
    """Let two images change places."""
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def share_right(z, y, gallery=None):
    """R@1 by plain loops."""
    if gallery is None:
        return np.mean([negative[0] < positive[0] for _, positive, negative in brute_force(z, y)])
    best = [max(range(len(gallery[0])), key=lambda row: cosine(a, gallery[0][row])) for a in z]
    return np.mean([gallery[1][row] == label for row, label in zip(best, y, strict=True)])


def cosine(a, b):
    a, b = (np.asarray(vector, dtype=np.float64) for vector in (a, b))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def items_of(run, split):
    """The rows of items.csv."""
    return rows_of(run.path / "splits" / split / "items.csv")


def train(cli, *words):
    done = cli("train", *once(*QUICK, *words))
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_through_training_and_scores(cli, folder, layout):
    build, labels, first, remarks = LAYOUTS[layout]
    data, root = layout.partition(",")[0], build(folder / "data")
    tested = [split for split in labels if split != "train"]
    if data != "fashion-mnist":  # two images of two classes change places: not all neighbours are right
        images = load_dataset(data, root).splits[tested[-1]].images.paths
        exchange(images[0], images[-1])
    done = train(cli, "--data", data, "--root", root)
    assert done.err.splitlines() == remarks
    assert "as published" not in done.out
    assert done.out.splitlines()[0].split() == ["epoch", "loss", "train", "R@1", tested[0], "R@1", "seconds"]
    assert "2 epochs recorded" in done.out
    run = embedlens.open_run(f"runs/{data}-epshn")
    assert {split: run.labels(split).tolist() for split in run.splits} == labels
    assert run.epochs() == [0, 1]
    assert items_of(run, "train")[0] == {**first}
    for split in run.splits:
        pictures = run.thumbnails(split)
        assert pictures.shape[0] == len(labels[split])
        assert pictures.shape[1:] == ((28, 28) if data == "fashion-mnist" else (64, 64, 3))
        assert pictures.dtype == np.uint8
        assert pictures.std(axis=tuple(range(1, pictures.ndim))).all()
    assert run.method["root"] == str(root.resolve())
    pairs = {"query": "gallery"} if data == "inshop" else {}
    scored = [split for split in run.splits if split != "gallery"]
    assert dict(run.info.query_gallery) == pairs
    for row in run.log:
        z = {split: run.snapshot(split, int(row["epoch"])).embeddings for split in run.splits}
        assert [name for name in row if name.endswith("_recall_at_1")] == [
            f"{split}_recall_at_1" for split in scored
        ]
        for split in scored:
            other = pairs.get(split)
            gallery = None if other is None else (z[other], run.labels(other))
            expected = share_right(z[split], run.labels(split), gallery)
            assert row[f"{split}_recall_at_1"] == expected
            assert recall_at_k(z[split], run.labels(split), (1,), gallery=gallery)[1] == expected
    if data != "fashion-mnist":
        assert run.log[1][f"{tested[0]}_recall_at_1"] < 1
    last = {split: run.log[1][f"{split}_recall_at_1"] for split in scored}
    found = cli("evaluate", "--metrics", "R@1", "--json").json["summary"][run.name]
    assert {split: one["1"]["recall_at_1"] for split, one in found.items()} == {tested[0]: last[tested[0]]}
    told = cli("info", "--json").json["summary"][run.name]
    assert {split: told["splits"][split]["recall_at_1"] for split in scored} == last
    assert {split: part["items"] for split, part in told["splits"].items()} == {
        split: len(own) for split, own in labels.items()
    }


@pytest.mark.parametrize("data", ["inshop", "lfw"])
def test_figures_of_such_a_run(cli, folder, data):
    train(cli, "--data", data, "--root", layouts.BUILDERS[data](folder / "data"))
    drawn = cli("scatter", "--format", "png", "--json").json
    splits = {"inshop": ["train", "query", "gallery"], "lfw": ["train", "test"]}[data]
    assert list(drawn["summary"][f"{data}-epshn"]) == splits
    assert all((folder / path).stat().st_size > 1000 for path in drawn["figures"])
    run = embedlens.open_run(f"runs/{data}-epshn")
    curves = cli("curves", "--format", "png", "--json").json
    told = curves["summary"][run.name]
    assert list(told) == ["loss", *(f"{split}_recall_at_1" for split in splits if split != "gallery")]
    for name, column in told.items():
        assert column["values"] == [row[name] for row in run.log if row.get(name) is not None]
    assert all((folder / path).stat().st_size > 1000 for path in curves["figures"])


def test_queries_of_in_shop_search_the_gallery(cli, folder):
    root = layouts.inshop(folder / "clothes")
    shirts = root / "Img/img/WOMEN/Blouses_Shirts"
    for view in ("02_2_side", "02_7_additional"):  # the gallery has two items the wrong way round
        exchange(shirts / f"id_00000007/{view}.jpg", shirts / f"id_00000008/{view}.jpg")
    train(cli, "--data", "inshop", "--root", root, "--lr", "1e-7")
    run = embedlens.open_run("runs/inshop-epshn")
    z = {split: run.snapshot(split).embeddings for split in run.splits}
    gallery = z["gallery"], run.labels("gallery")
    across, within = (share_right(z["query"], run.labels("query"), other) for other in (gallery, None))
    assert across < 0.5 < within
    assert run.log[1]["query_recall_at_1"] == across
    ask = ["evaluate", "--metrics", "R@1", "--json"]
    query = cli(*ask).json["summary"][run.name]["query"]["1"]
    assert query["recall_at_1"] == across
    alone = cli(*ask, "--gallery", "none").json["summary"][run.name]["query"]["1"]
    assert alone["recall_at_1"] == within
    assert cli("info", "--json").json["summary"][run.name]["splits"]["query"]["recall_at_1"] == across


def test_pairs_of_faces_are_verified(cli, folder):
    root = layouts.lfw(folder / "faces")
    faces = root / "lfw"
    exchange(faces / "Bo_de_Vries/Bo_de_Vries_0003.jpg", faces / "Di_Ng/Di_Ng_0004.jpg")
    train(cli, "--data", "lfw", "--root", root)
    answer = cli("verify", "lfw-epshn", "--pairs", root / "pairs.txt", "--json").json
    told = answer["summary"]["lfw-epshn"]["test"]["1"]
    run = embedlens.open_run("runs/lfw-epshn")
    rows = {item["path"]: row for row, item in enumerate(items_of(run, "test"))}
    z = run.snapshot("test").embeddings
    found = {True: [], False: []}
    for line in layouts.PAIRS[1:]:
        words = line.split("\t")
        same = len(words) == 3
        names = [(words[0], words[1]), (words[0 if same else 2], words[-1])]
        a, b = (z[rows[f"lfw/{name}/{name}_{int(number):04}.jpg"]] for name, number in names)
        found[same].append(cosine(a, b))
    wins = [(a > b) + 0.5 * (a == b) for a in found[True] for b in found[False]]
    assert (told["n_pairs"], told["folds"]) == (8, 2)
    assert told["auc"] == pytest.approx(np.mean(wins)) != 1


@pytest.mark.slow
def test_workers_change_nothing_and_json_stands_alone(program, cli, folder):
    root = layouts.inshop(folder / "clothes")
    words = ["--data", "inshop", "--root", "clothes", *SMALL, "--epochs", "1"]
    done = program("train", *words, "--workers", "2", "--out", "runs/two", "--json")
    assert done.code == 0, done.err
    assert done.err.splitlines() == LAYOUTS["inshop"][3]
    summary = done.json["summary"]
    assert set(done.json) == {"figures", "data", "summary"}
    assert set(summary) == {"name", "path", "log", "stopped"}
    assert (summary["path"], summary["stopped"]) == ("runs/two", None)
    assert summary["log"] == embedlens.open_run("runs/two").log
    train(cli, "--data", "inshop", "--root", root, "--out", "runs/none")
    one, two = (tree(folder / f"runs/{name}/splits") for name in ("none", "two"))
    assert one == two


def test_roots_in_their_forms(cli, folder):
    layouts.cub200(folder / "birds")
    layouts.csv_list(folder / "list")
    layouts.lfw(folder / "faces", folder="lfw-deepfunneled")
    forms = {
        "cub200": [folder / "birds", "./list/../birds/CUB_200_2011/"],
        "csv": ["list", folder / "list/birds.csv"],
        "lfw": ["faces", "faces/lfw-deepfunneled"],
    }
    for data, roots in forms.items():
        for number, root in enumerate(roots):
            train(cli, "--data", data, "--root", root, "--out", f"runs/{data}{number}")
            method = embedlens.open_run(f"runs/{data}{number}").method
            assert method["root"] == str((folder / root).resolve())
        snapshots = [
            {
                name: raw for name, raw in tree(folder / f"runs/{data}{number}/splits").items()
                if "items" not in name  # whose paths begin at the root
            } for number in range(len(roots))
        ]  # fmt: skip
        assert all(snapshot == snapshots[0] for snapshot in snapshots)


def test_split_by_classes_or_by_items(cli, folder, birds):
    train(cli, "--data", "cub200", "--root", birds, "--split-by", "classes", "--out", "runs/classes")
    train(cli, "--data", "cub200", "--root", birds, "--out", "runs/published")
    one, other = (tree(folder / f"runs/{name}/splits") for name in ("classes", "published"))
    assert one == other
    done = train(cli, "--data", "cub200", "--root", birds, "--split-by", "items", "--out", "runs/items")
    assert done.err.splitlines() == unlike("cub200", ("the whole", 24, 6, "11,788", 200))
    run = embedlens.open_run("runs/items")
    half = each(1, 2, 3, 101, 102, 103, times=2)  # train_test_split.txt has two of each for training
    assert {split: run.labels(split).tolist() for split in run.splits} == {"train": half, "test": half}
    assert run.method["split_by"] == "items"


def test_nearest_neighbours_vote_across_items(cli, folder):
    root = layouts.sop(folder / "products")
    images = load_dataset("sop", root).splits["train"].images.paths
    exchange(images[0], images[-1])
    train(cli, "--data", "sop", "--root", root, "--split-by", "items")
    run = embedlens.open_run("runs/sop-epshn")
    train_z, test_z = (run.snapshot(split).embeddings for split in ("train", "test"))
    labels = run.labels("train").tolist()
    right = []
    for a, label in zip(test_z, run.labels("test").tolist(), strict=True):
        order = sorted(range(len(labels)), key=lambda row: -cosine(a, train_z[row]))
        near = [labels[row] for row in order[:3]]
        right.append(max(near, key=near.count) == label)  # of equals the nearer
    ask = ["evaluate", run.name, "--gallery", "train", "--metrics", "knn_accuracy", "--knn", "3", "--json"]
    told = cli(*ask).json["summary"][run.name]["test"]["1"]
    assert told["knn_accuracy"] == pytest.approx(np.mean(right))
    assert 0 < np.mean(right) < 1


def test_boxes(cli, folder, birds):
    words = ["--data", "cub200", "--root", birds]
    train(cli, *words, "--out", "runs/whole")
    train(cli, *words, "--boxes", "--out", "runs/cut")
    whole, cut = (embedlens.open_run(f"runs/{name}") for name in ("whole", "cut"))
    assert (whole.method["boxes"], cut.method["boxes"]) == (False, True)
    # What surrounds the block is grey: its corner in a thumbnail says whether it was cut away.
    corner = {run.name: run.thumbnails("train")[4:8, :3, :3].astype(float) for run in (whole, cut)}
    colourful = {name: np.ptp(part.mean(axis=(1, 2)), axis=1) for name, part in corner.items()}
    assert np.sort(colourful["whole"])[-1] < 40 < np.sort(colourful["cut"])[1]
    before = tree(folder)
    root = layouts.sop(folder / "products")
    refused = cli("train", *QUICK, "--data", "sop", "--root", root, "--boxes", "--out", "runs/sop")
    assert_refused(refused, "data set 'sop' has no boxes to cut images to here; leave out --boxes")
    assert not (folder / "runs/sop").exists()
    assert before.items() <= tree(folder).items()


def test_a_run_goes_on_and_ends_with_the_same_bytes(cli, folder):
    root = layouts.inshop(folder / "clothes")
    words = ["--data", "inshop", "--root", root]
    train(cli, *words, "--epochs", "3", "--out", "runs/whole")
    train(cli, *words, "--out", "runs/parts")
    for epochs in ("2", "3"):
        done = cli("train", "--resume", "parts", "--epochs", epochs, "--workers", "0")
        assert done.code == 0, done.err
        assert done.err.splitlines() == LAYOUTS["inshop"][3]
    whole, parts = (tree(folder / f"runs/{name}/splits") for name in ("whole", "parts"))
    assert whole == parts
    assert len([name for name in whole if name.startswith("query/epoch-")]) == 4


def test_images_that_change_before_a_run_goes_on(cli, folder, birds):
    train(cli, "--data", "cub200", "--root", birds)
    recorded = tree(folder / "runs")
    image = birds / "CUB_200_2011/images/101.Bird_101/Bird_101_0008.jpg"
    kept = image.read_bytes()
    resume = ["train", "--resume", "cub200-epshn", "--epochs", "2", "--workers", "0"]
    image.unlink()
    assert_refused(cli(*resume), "'cub200', split 'test': 1 of 12 images are missing, the first:", image.name)
    image.write_bytes(kept[: len(kept) // 2])
    assert_refused(cli(*resume), f"{image} cannot be read as an image", "fix or remove it")
    lists = birds / "CUB_200_2011/image_class_labels.txt"
    labels = lists.read_text()
    lists.write_text(labels.replace("24 103\n", "24 102\n"))
    image.write_bytes(kept)
    assert_refused(cli(*resume), "runs/cub200-epshn was recorded for other items or labels")
    lists.write_text(labels)
    assert tree(folder / "runs") == recorded
    assert cli(*resume).code == 0
    assert embedlens.open_run("runs/cub200-epshn").epochs() == [0, 1, 2]


def test_items_that_are_fewer_when_a_run_goes_on(cli, folder):
    root = photographs(folder / "photographs")
    train(cli, "--data", "folder", "--root", root)
    recorded = tree(folder / "runs")
    (root / "test/d/3.jpg").unlink()
    gone = cli("train", "--resume", "folder-epshn", "--epochs", "2", "--workers", "0")
    assert_refused(gone, "runs/folder-epshn was recorded for other items or labels")
    shutil.rmtree(root)
    gone = cli("train", "--resume", "folder-epshn", "--epochs", "2", "--workers", "0")
    assert_refused(gone, f"no such folder: {root}")
    assert tree(folder / "runs") == recorded


def spoil(root, change):
    """Make something of a tree of CUB wrong."""
    home = root / "CUB_200_2011"
    image = home / "images/101.Bird_101/Bird_101_0008.jpg"
    if change == "an image is gone":
        image.unlink()
    elif change == "an image is cut short":
        layouts.truncate(image)
    elif change == "an image is text":
        image.write_text("not found")
    elif change == "a list is gone":
        (home / "classes.txt").unlink()
    elif change == "a list is cut short":
        labels = home / "image_class_labels.txt"
        labels.write_bytes(labels.read_bytes()[:-14])
    elif change == "a line is cut short":
        labels = home / "image_class_labels.txt"
        labels.write_bytes(labels.read_bytes()[:-5])
    elif change == "a box is outside":
        boxes = home / "bounding_boxes.txt"
        boxes.write_text(boxes.read_text().replace("20 4.0 2.0 16.0", "20 40.0 2.0 16.0"))


@pytest.mark.parametrize(
    ("change", "words", "parts"),
    [
        ("an image is gone", [], ["'cub200', split 'test': 1 of 12 images are missing", "Bird_101_0008.jpg"]),
        ("an image is cut short", [], ["Bird_101_0008.jpg cannot be read as an image", "fix or remove it"]),
        ("an image is cut short", ["--workers", "2"], ["Bird_101_0008.jpg cannot be read as an image"]),
        ("an image is text", [], ["Bird_101_0008.jpg cannot be read as an image", "fix or remove it"]),
        ("a list is gone", [], ["has no classes.txt; expected: CUB_200_2011 (or its parent)"]),
        ("a list is cut short", [], ["images.txt:23: image_id '23' is not in image_class_labels.txt"]),
        ("a line is cut short", [], ["image_class_labels.txt:24: got '24', expected 'image_id class_id'"]),
        ("a box is outside", ["--boxes"], ["lies outside the image, 24 x 20 pixels"]),
        ("", ["--root", "nowhere"], ["no such folder", "nowhere"]),
        ("", ["--data", "sop"], ["has no Ebay_train.txt; expected: Stanford_Online_Products"]),
        ("", ["--data", "inshop"], ["has no list_eval_partition.txt (nor Eval/list_eval_partition.txt"]),
        ("", ["--data", "cars196"], ["cars_annos.mat"]),
        ("", ["--data", "lfw"], ["has no pairs.txt", "use the data set 'folder'"]),
        ("", ["--data", "csv"], ["must hold one .csv file, but it holds none"]),
        ("", ["--data", "fashion-mnist"], ["has no file train-images-idx3-ubyte"]),
        ("", ["--data", "cub"], ["unknown data set 'cub'", "csv, cub200, digits"]),
        ("", ["--root", "birds/CUB_200_2011/images"], ["images has no images.txt; expected: CUB_200_2011"]),
        ("", ["--root", "birds/CUB_200_2011/images.txt"], ["images.txt is a file, not a folder"]),
        ("", ["--data", "folder", "--root", "birds"], ["images in one folder alone, CUB_200_2011/"]),
        ("", ["--split-by", "class"], ["unknown way to split 'class'", "choose one of: classes, items"]),
        ("", ["--backbone", "resnet18"], ["unknown backbone 'resnet18'", "small, timm:NAME, features:"]),
        ("", ["--backbone", "timm:"], ["unknown backbone 'timm:'"]),
        ("", ["--weights", "file.pt"], ["--weights is for timm backbones; 'small' has no use for it"]),
        ("", ["--freeze-bn"], ["--freeze-bn is for timm backbones"]),
        ("", ["--no-pretrained"], ["--no-pretrained is for timm backbones"]),
        ("", ["--precision", "half"], ["unknown precision 'half'", "float32, bfloat16, float16"]),
        ("", ["--precision", "float16"], ["--precision float16 needs --device cuda"]),
        ("", ["--schedule", "linear"], ["unknown schedule 'linear'; choose one of: step, cosine"]),
        ("", ["--schedule", "cosine", "--lr-step", "2"], ["lr_step is 2, but the schedule is cosine"]),
        ("", ["--stop-metric", "nonsense"], ["'nonsense' to stop by", "test_recall_at_1"]),
        ("", ["--warmup", "-1"], ["warmup is -1.0; 0 is the least"]),
        ("", ["--clip", "0"], ["clip is 0.0; a number above 0 is needed"]),
        ("", ["--clip", "nan"], ["clip is nan"]),
        ("", ["--embedding-l2", "-0.1"], ["embedding_l2 is -0.1; 0 is the least"]),
        ("", ["--patience", "0"], ["patience is 0; 1 is the least"]),
        ("", ["--image-size", "4"], ["image_size is 4; 8 is the least"]),
        ("", ["--workers", "-1"], ["--workers", "greater than or equal to 0"]),
        ("", ["--threads", "0"], ["threads is 0; 1 is the least"]),
        ("", ["--bakbone", "small"], ["No such option: --bakbone", "--backbone"]),
        ("", ["--boxes", "yes"], ["yes"]),
    ],
)  # fmt: skip
def test_what_is_refused_before_anything_is_written(cli, folder, birds, change, words, parts):
    spoil(birds, change)
    before = tree(folder)
    refused = cli("train", *once("--data", "cub200", "--root", "birds", *QUICK, *words))
    assert_refused(refused, *parts)
    assert tree(folder) == before
    assert not (folder / "runs").exists()


def test_a_metric_of_a_split_that_is_not_there(cli, folder, birds):
    done = cli("train", *QUICK, "--data", "cub200", "--root", birds, "--stop-metric", "tset_recall_at_1")
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert line.startswith(
        "embedlens: unknown column of the log to stop by 'tset_recall_at_1'; did you mean 'te"
    )
    assert "test_recall_at_1" in line


def test_windows_line_ends_and_a_mark_at_the_start(cli, folder, birds):
    train(cli, "--data", "cub200", "--root", birds, "--out", "runs/plain")
    for file in (birds / "CUB_200_2011").glob("*.txt"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    train(cli, "--data", "cub200", "--root", birds, "--out", "runs/windows")
    one, other = (tree(folder / f"runs/{name}/splits") for name in ("plain", "windows"))
    assert one == other


def test_no_augmentation_and_another_size(cli, folder, birds):
    words = ["--data", "cub200", "--root", birds]
    for name, more in {
        "usual": [], "plain": ["--no-augment"], "large": ["--image-size", "24"], "none": ["--epochs", "0"],
    }.items():  # fmt: skip
        train(cli, *words, *more, "--out", f"runs/{name}")
    runs = {name: embedlens.open_run(f"runs/{name}") for name in ("usual", "plain", "large", "none")}
    first = {name: run.snapshot("test", 0).embeddings for name, run in runs.items()}
    np.testing.assert_array_equal(first["usual"], first["plain"])
    np.testing.assert_array_equal(first["usual"], first["none"])
    assert not np.array_equal(first["usual"], first["large"])
    last = {name: runs[name].snapshot("test", 1).embeddings for name in ("usual", "plain")}
    assert not np.array_equal(last["usual"], last["plain"])
    assert json.loads((folder / "runs/none/run.json").read_text())["method"]["epochs"] == 0
    assert runs["none"].epochs() == [0]
