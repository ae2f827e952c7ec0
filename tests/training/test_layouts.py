"""Data sets read from trees in the layouts that people have on disk."""

from __future__ import annotations

import os

import hypothesis.strategies as st
import layouts
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from layouts import each
from scipy.io import loadmat, savemat

from embedlens import InputError
from embedlens.pairs import ItemNames, read_pairs
from embedlens.training.datasets import load_dataset
from embedlens.training.datasets.base import halve_items

BUILDERS = [*layouts.BUILDERS.items(), ("cars196", layouts.cars_devkit)]
IDS = [builder.__name__ for _, builder in BUILDERS]
BIRDS = "CUB_200_2011"
IMAGES, LABELS, CLASSES, PARTS, BOXES = (
    f"{BIRDS}/{name}.txt"
    for name in ("images", "image_class_labels", "classes", "train_test_split", "bounding_boxes")
)
PRODUCTS = "Stanford_Online_Products"
TRAIN, TEST = f"{PRODUCTS}/Ebay_train.txt", f"{PRODUCTS}/Ebay_test.txt"
BICYCLE = "bicycle_final/111200000002_0.JPG"
PARTITION, CLOTHES = "Eval/list_eval_partition.txt", "Anno/list_bbox_inshop.txt"


def labels_of(data):
    return {split: part.labels.tolist() for split, part in data.splits.items()}


def edit(file, number, line):
    """Replace one line of a text file, counted from 1; None removes it."""
    lines = file.read_text().split("\n")[:-1]
    lines[number - 1 : number] = [] if line is None else [line]
    layouts.write(file, *lines)


def refused(name, root, *parts, **options):
    """Loading fails with one line that holds all parts."""
    with pytest.raises(InputError) as caught:
        load_dataset(name, root, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize(("name", "build"), BUILDERS, ids=IDS)
def test_every_layout(tmp_path, name, build):
    data = load_dataset(name, build(tmp_path))
    assert next(iter(data.splits)) == "train"
    assert data.mirrored
    assert data.size == 24
    positions = np.concatenate([part.positions for part in data.splits.values()])
    assert sorted(positions.tolist()) == list(range(24))
    for part in data.splits.values():
        assert part.labels.dtype == np.int64
        assert part.items["class"] == [data.class_names[label] for label in part.labels.tolist()]
        part.images.check_files()
        for row, (label, path) in enumerate(zip(part.labels.tolist(), part.items["path"], strict=True)):
            assert part.images.paths[row].as_posix().endswith(f"/{path}")
            image = part.images.open(row)
            assert (image.size, image.mode) == (layouts.SIZE, "RGB")
            assert label in data.class_names
    train, others = data.splits["train"].labels, [data.splits[s].labels for s in data.splits if s != "train"]
    assert not set(train.tolist()) & set(np.concatenate(others).tolist())


@pytest.mark.parametrize(("name", "build"), BUILDERS, ids=IDS)
def test_splits_by_classes_and_by_items(tmp_path, name, build):
    root = build(tmp_path)
    assert labels_of(load_dataset(name, root, split_by="classes")) == labels_of(load_dataset(name, root))
    data = load_dataset(name, root, split_by="items")
    train, test = data.splits["train"].labels, data.splits["test"].labels
    np.testing.assert_array_equal(*(np.unique(labels, return_counts=True) for labels in (train, test)))
    assert np.unique(train).size == 2 * layouts.SIDE
    assert data.query_gallery == {}
    assert len(data.messages) == (name != "csv")
    assert all(
        "the whole has 24 items of 6 classes here, as published" in message for message in data.messages
    )


@pytest.mark.parametrize(("name", "build"), BUILDERS, ids=IDS)
def test_images_that_are_missing_or_broken(tmp_path, name, build):
    root = build(tmp_path)
    images = load_dataset(name, root).splits["train"].images
    paths = images.paths
    layouts.truncate(paths[3])
    paths[5].unlink()
    with pytest.raises(InputError, match=f"1 of 12 images are missing, the first: .*{paths[5].name}"):
        images.check_files()
    with pytest.raises(InputError, match=f"{paths[3].name} cannot be read as an image"):
        images.open(3)
    with pytest.raises(InputError, match=f"{paths[5].name} is missing"):
        images.open(5)


@pytest.mark.parametrize(
    ("name", "build"), [pair for pair in BUILDERS if pair[0] not in ("sop", "lfw", "csv")]
)
def test_boxes_cut_out_the_block(tmp_path, name, build):
    data = load_dataset(name, build(tmp_path), boxes=True)
    left, top, right, bottom = layouts.BOX
    checked = 0
    for part in data.splits.values():
        for row, label in enumerate(part.labels.tolist()):
            image = part.images.open(row)
            assert image.size == (right - left, bottom - top)
            pixels = np.asarray(image, dtype=float)
            if np.ptp(pixels, axis=2).mean() > 30:  # not the grey one
                for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
                    assert np.abs(edge.mean(axis=0) - layouts.colour(label)).max() < 25
                checked += 1
    assert checked >= 20


@pytest.mark.parametrize("name", ["sop", "lfw", "csv"])
def test_boxes_that_are_not_there(tmp_path, name):
    refused(name, layouts.BUILDERS[name](tmp_path), f"data set {name!r} has no boxes", "--boxes", boxes=True)


@pytest.mark.parametrize("name", ["cub200", "cars196", "sop", "inshop", "lfw"])
def test_roots_that_hold_nothing(tmp_path, name):
    refused(name, None, "say where with --root")
    refused(name, tmp_path / "nowhere", "no such folder")
    refused(name, tmp_path, str(tmp_path))


@pytest.mark.parametrize(
    ("name", "file", "whole"),
    [
        ("cub200", IMAGES, ["images.txt, image_class_labels.txt, classes.txt and images/"]),
        ("cub200", CLASSES, ["has no classes.txt; expected: CUB_200_2011 (or its parent)"]),
        ("cub200", LABELS, ["has no image_class_labels.txt"]),
        ("cars196", "cars_annos.mat", ["either cars_annos.mat and car_ims/, or cars_train/"]),
        (
            "sop",
            f"{PRODUCTS}/Ebay_train.txt",
            ["has no Ebay_train.txt; expected: Stanford_Online_Products"],
        ),
        ("sop", TEST, ["has no Ebay_test.txt"]),
        ("inshop", PARTITION, ["list_eval_partition.txt (nor Eval/", "Img/img/"]),
        ("lfw", "pairs.txt", ["has no pairs.txt", "the people for testing", "'folder'"]),
    ],
)
def test_lists_that_are_missing(tmp_path, name, file, whole):
    root = layouts.BUILDERS[name](tmp_path / "data")
    (root / file).unlink()
    refused(name, root, *whole)


# One line of a list changed: data set, file, number of the line, what stands there, what the error says of
# that line; or, where it is found elsewhere, where and what.
TABLE = [
    ("cub200", IMAGES, 2, "2", "got '2', expected 'image_id path'"),
    ("cub200", IMAGES, 3, "", "got '', expected 'image_id path'"),
    ("cub200", IMAGES, 4, "2 a.jpg", "image_id '2' stands in line 2 already"),
    ("cub200", IMAGES, 9, "9 002.Bird_2/Bird_2_0007.jpg", "stands in line 5 already"),
    ("cub200", IMAGES, 9, "99 a.jpg", "image_id '99' is not in image_class_labels.txt"),
    ("cub200", LABELS, 2, "2 one", "class_id 'one' is not in classes.txt"),
    ("cub200", LABELS, 2, "2 7", "class_id '7' is not in classes.txt"),
    ("cub200", LABELS, 2, "3 1", (f"{LABELS}:3", "image_id '3' stands in line 2 already")),
    ("cub200", CLASSES, 6, "1.5 Emu", (f"{LABELS}:21", "class_id '103' is not in classes.txt")),
    ("cub200", CLASSES, 6, "101 Emu", "class_id '101' stands in line 4 already"),
    ("cub200", PARTS, 5, "5 2", "is_training_image is '2'; it must be one of: 1, 0"),
    ("cub200", PARTS, 5, "50 1", (f"{IMAGES}:5", "image_id '5' is not in train_test_split.txt")),
    ("cub200", PARTS, 24, "24 1\n25 1", (f"{PARTS}:25", "image_id '25' is not in images.txt")),
    ("cub200", BOXES, 5, "5 1 1 4", "expected 'image_id x y width height'"),
    ("cub200", BOXES, 5, "5 1 1 4 4 4", "'1 1 4 4 4' is not a box"),
    ("cub200", BOXES, 5, "5 1 1 nan 4", "'1 1 nan 4' is not a box"),
    ("cub200", BOXES, 5, "5 1 1 0 4", "'x y width height' is expected"),
    ("sop", TRAIN, 1, "1 1 1 a/b.JPG", "the header 'image_id class_id super_class_id path'"),
    ("sop", TRAIN, 3, "2 1 a/b.JPG", "got '2 1 a/b.JPG', expected 'image_id class_id"),
    ("sop", TRAIN, 3, "2 -1 1 a/b.JPG", "class_id is '-1'; a whole number is expected"),
    ("sop", TRAIN, 3, "1 1 1 a/b.JPG", "image_id '1' stands in line 2 already"),
    ("sop", TEST, 3, "1 11 1 a/b.JPG", "image_id '1' is in Ebay_train.txt already"),
    ("sop", TEST, 3, f"14 11 1 {BICYCLE}", f"path '{BICYCLE}' is in Ebay_train.txt already"),
    ("inshop", PARTITION, 1, "25", "'25' stands where the number of rows is expected, 24"),
    ("inshop", PARTITION, 2, "name id", "'image_name item_id evaluation_status' is expected"),
    ("inshop", PARTITION, 3, "img/a.jpg id_7", "expected 'image_name item_id"),
    ("inshop", PARTITION, 3, "img/a.jpg 7 train", "item_id is '7'"),
    ("inshop", PARTITION, 4, "img/a.jpg id_2 train", "item_id is 'id_2'"),
    ("inshop", PARTITION, 3, "img/a.jpg id_1 val", "is 'val'; it must be one of: train, query"),
    ("inshop", CLOTHES, 3, "img/a.jpg 1 1 1 1 5 5", (f"{PARTITION}:26", "is not in list_bbox_inshop.txt")),
    ("inshop", CLOTHES, 4, "img/a.jpg 1 1 1 1 5 b", "'1 1 5 b' is not a box"),
    ("lfw", "pairs.txt", 3, "Bo_de_Vries\t2", "'name i j'"),
    ("lfw", "pairs.txt", 4, "Bo_de_Vries\t1\tDu_Oh\t4", "no item is of class 'Du_Oh'; the classes are"),
    ("lfw", "pairs.txt", 4, "Bo_de_Vries\t1\tDi_Ng\t9", "class 'Di_Ng' has no item 9"),
    ("csv", "birds.csv", 1, "path,name,split,who", "the first line is 'path,name,split,who'"),
    ("csv", "birds.csv", 1, "path,label,split,split", "it must name columns path, label"),
    ("csv", "birds.csv", 1, "path;label;split;who", "between commas"),
    ("csv", "birds.csv", 3, "a.jpg,a", "got 2 fields, expected 4: path, label, split, photographer"),
    ("csv", "birds.csv", 3, "a.jpg, ,train,x", "the label is empty"),
    ("csv", "birds.csv", 3, "a.jpg,a,,x", "the split is empty"),
    ("csv", "birds.csv", 3, ",a,train,x", "the path is empty"),
    ("csv", "birds.csv", 3, "photos/0-0.jpg,a,train,x", "'photos/0-0.jpg' stands in line 2 already"),
    ("csv", "birds.csv", 3, "a.jpg,a,../train,x", "split name '../train' cannot be a folder"),
]


@pytest.mark.parametrize(("name", "file", "number", "line", "said"), TABLE)
def test_lists_that_are_malformed(tmp_path, name, file, number, line, said):
    root = layouts.BUILDERS[name](tmp_path)
    edit(root / file, number, line)
    place, message = said if isinstance(said, tuple) else (f"{file}:{number}", said)
    refused(name, root, f"{root}/{place}: ", message)


def test_pairs_whose_first_line_is_no_header(tmp_path):
    root = layouts.BUILDERS["lfw"](tmp_path)
    edit(root / "pairs.txt", 1, "ten")
    with pytest.raises(InputError, match="one set of 4 and 4 pairs; it can be cut into 2 to 4"):
        load_dataset("lfw", root)


@pytest.mark.parametrize(("name", "file"), list(dict.fromkeys(entry[:2] for entry in TABLE)))
def test_lists_of_windows_and_lists_that_are_none(tmp_path, name, file):
    root = layouts.BUILDERS[name](tmp_path)
    before = load_dataset(name, root)
    lines = (root / file).read_text().splitlines()
    layouts.write(root / file, *lines, "", "  ", end="\r\n")
    if name != "lfw":  # whose file is read where pairs are read
        (root / file).write_bytes(b"\xef\xbb\xbf" + (root / file).read_bytes())
    after = load_dataset(name, root)
    assert labels_of(after) == labels_of(before)
    assert after.splits["train"].items == before.splits["train"].items
    for content in (b"", b"\n\n", b"\xff\xfe\x00\x01", lines[0].encode()):
        (root / file).write_bytes(content)
        refused(name, root, file.rpartition("/")[2])


def test_cub_as_found(tmp_path):
    parent = layouts.cub200(tmp_path)
    home = parent / BIRDS
    whole = load_dataset("cub200", home)
    assert labels_of(whole) == {"train": each(1, 2, 3), "test": each(101, 102, 103)}
    assert labels_of(load_dataset("cub200", parent)) == labels_of(whole)
    assert whole.splits["test"].items["path"][0] == "images/101.Bird_101/Bird_101_0007.jpg"
    assert whole.class_names[2] == "002.Bird_2"
    assert whole.messages == (
        "cub200: split train has 12 items of 3 classes here, as published 5,864 of 100",
        "cub200: split test has 12 items of 3 classes here, as published 5,924 of 100",
    )
    by_items = load_dataset("cub200", home, split_by="items")
    assert by_items.splits["train"].positions.tolist() == [i for i in range(24) if i % 4 < 2]
    for optional in ("train_test_split.txt", "bounding_boxes.txt"):
        (home / optional).unlink()
    assert load_dataset("cub200", home, split_by="items").splits["train"].labels.size == 12
    refused("cub200", home, "has no boxes", boxes=True)


def test_cub_lists_in_any_order(tmp_path):
    home = layouts.cub200(tmp_path) / BIRDS
    before = load_dataset("cub200", home, boxes=True)
    edit(home / "bounding_boxes.txt", 3, "3 1 2 5 6")
    for name in ("image_class_labels.txt", "bounding_boxes.txt", "classes.txt"):
        layouts.write(home / name, *(home / name).read_text().splitlines()[::-1])
    after = load_dataset("cub200", home, boxes=True)
    assert labels_of(after) == labels_of(before)
    assert [after.splits["train"].images.open(row).size for row in (1, 2, 3)] == [(16, 16), (5, 6), (16, 16)]


def test_cub_of_the_published_size(tmp_path):
    lines = {"images": [], "image_class_labels": [], "classes": [], "train_test_split": []}
    counts = [5_864 // 100 + (label <= 64) for label in range(1, 101)]
    counts += [5_924 // 100 + (label <= 24) for label in range(1, 101)]
    for label, count in enumerate(counts, start=1):
        lines["classes"].append(f"{label} {label:03}.Bird")
        for _ in range(count):
            number = len(lines["images"]) + 1
            lines["images"].append(f"{number} {label:03}.Bird/Bird_{number:04}_{number}.jpg")
            lines["image_class_labels"].append(f"{number} {label}")
            lines["train_test_split"].append(f"{number} {number % 2}")
    for name, rows in lines.items():
        layouts.write(tmp_path / f"{name}.txt", *rows)
    data = load_dataset("cub200", tmp_path)
    assert data.size == 11_788
    assert data.messages == ()
    with pytest.raises(InputError, match="5,864 of 5,864 images are missing"):
        data.splits["train"].images.check_files()
    edit(tmp_path / "images.txt", 11_788, None)
    edit(tmp_path / "image_class_labels.txt", 11_788, None)
    edit(tmp_path / "train_test_split.txt", 11_788, None)
    assert load_dataset("cub200", tmp_path).messages == (
        "cub200: split test has 5,923 items of 100 classes here, as published 5,924 of 100",
    )


def test_cars_of_either_form(tmp_path):
    whole = load_dataset("cars196", layouts.cars196(tmp_path))
    assert labels_of(whole) == {"train": each(1, 2, 3), "test": each(99, 100, 101)}
    assert whole.splits["test"].items["path"][0] == "car_ims/000013.jpg"
    assert whole.class_names[101] == "Car 101 2012"
    assert len(whole.messages) == 2
    layouts.cars_devkit(tmp_path)  # both forms: the one whose images are there
    assert load_dataset("cars196", tmp_path).splits["train"].items["path"][0] == "car_ims/000001.jpg"
    (tmp_path / "car_ims").rename(tmp_path / "elsewhere")
    parts = load_dataset("cars196", tmp_path)
    assert labels_of(parts) == {
        "train": each(1, 2, 3, times=2) * 2,
        "test": each(99, 100, 101, times=2) * 2,
    }
    assert parts.splits["test"].items["path"][:1] == ["cars_train/00007.jpg"]
    by_items = load_dataset("cars196", tmp_path, split_by="items")
    assert {path.split("/")[0] for path in by_items.splits["test"].items["path"]} == {"cars_test"}
    (tmp_path / "cars_test").rename(tmp_path / "inner")
    (tmp_path / "cars_test").mkdir()
    (tmp_path / "inner").rename(tmp_path / "cars_test" / "cars_test")
    again = load_dataset("cars196", tmp_path, split_by="items")
    assert again.splits["test"].items["path"][0] == "cars_test/cars_test/00001.jpg"
    again.splits["test"].images.check_files()


def test_cars_read_as_the_real_files_do(tmp_path):
    """As the data set's README has it: a struct array with these fields, and a cell array of names."""
    content = loadmat(layouts.cars196(tmp_path) / "cars_annos.mat", squeeze_me=True)
    assert content["annotations"].shape == (24,)
    assert content["annotations"].dtype.names == ("relative_im_path", *layouts.CAR_FIELDS, "test")
    assert content["class_names"].shape == (101,)


def test_cars_without_labels_for_testing(tmp_path):
    root = layouts.cars_devkit(tmp_path)
    labelled = root / "cars_test_annos_withlabels.mat"
    labelled.rename(root / "devkit" / labelled.name)
    assert load_dataset("cars196", root).size == 24
    (root / "devkit" / labelled.name).unlink()
    refused(
        "cars196", root,
        "has no cars_test_annos_withlabels.mat (nor devkit/", "devkit/cars_test_annos.mat has no classes",
    )  # fmt: skip


def car(**changed):
    values = {"relative_im_path": "car_ims/000001.jpg", "class": 1, "test": 0}
    values |= dict(zip(layouts.CAR_FIELDS[:4], (5, 3, 20, 18), strict=True))
    return values | changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"class": 3}, "annotation 2: class is 3; 1 to 2 is expected"),
        ({"class": 1.5}, "annotation 2: class is 1.5"),
        ({"class": "one"}, "annotation 2: class is 'one'"),
        ({"class": np.array([1, 2])}, "annotation 2: class is array([1, 2]"),
        ({"test": 2}, "annotation 2: test is 2; 0 to 1 is expected"),
        ({"bbox_x1": 21}, "annotation 2: (21, 3, 20, 18) is not a box"),
        ({"bbox_y1": 0}, "is not a box; bbox_x1, bbox_y1, bbox_x2, bbox_y2 from 1 are expected"),
        ({"bbox_y2": "low"}, "is not a box"),
        ({"relative_im_path": "car_ims/000001.jpg"}, "'car_ims/000001.jpg' is that of annotation 1 already"),
    ],
)
def test_cars_with_an_annotation_that_is_wrong(tmp_path, changed, said):
    rows = [car(), car(**{"relative_im_path": "car_ims/000002.jpg"} | changed)]
    annotations = layouts.structs(car(), [tuple(row.values()) for row in rows])
    names = layouts.cells_of(["Car", "Van"])
    savemat(tmp_path / "cars_annos.mat", {"annotations": annotations, "class_names": names})
    refused("cars196", tmp_path, "cars_annos.mat: ", said)


def test_cars_in_files_that_are_no_annotations(tmp_path):
    file = tmp_path / "cars_annos.mat"
    layouts.cars196(tmp_path)
    raw = file.read_bytes()
    for content in (b"", b"nothing of MATLAB" * 20, raw[: len(raw) // 2], raw[:130]):
        file.write_bytes(content)
        refused("cars196", tmp_path, "cars_annos.mat")
    savemat(file, {"annotations": np.arange(3), "class_names": layouts.cells_of(["a", "b"])})
    refused("cars196", tmp_path, "has annotations without 'relative_im_path'")
    nameless = layouts.structs(car(), [tuple(car().values())])
    savemat(file, {"annotations": nameless, "class_names": np.empty((1, 0), dtype=object)})
    refused("cars196", tmp_path, "annotation 1: class is 1; 1 to 0 is expected")
    savemat(file, {"annotations": np.arange(3)})
    refused("cars196", tmp_path, "has no variable 'class_names'")


def test_products_as_found(tmp_path):
    parent = layouts.sop(tmp_path)
    data = load_dataset("sop", parent)
    assert labels_of(data) == {"train": each(1, 2, 3), "test": each(11, 12, 13)}
    assert labels_of(load_dataset("sop", parent / PRODUCTS)) == labels_of(data)
    assert data.splits["train"].items["super_class"] == each("coffee_maker", "bicycle", "coffee_maker")
    assert data.splits["test"].items["path"][4] == "bicycle_final/111200000012_0.JPG"
    assert data.class_names[12] == "12"
    assert data.messages[1] == "sop: split test has 12 items of 3 classes here, as published 60,502 of 11,316"


@pytest.mark.parametrize(
    "partition", ["list_eval_partition.txt", "Eval/list_eval_partition.txt", "Anno/list_eval_partition.txt"]
)
@pytest.mark.parametrize("images", ["", "Img", "img"])
def test_inshop_as_found(tmp_path, partition, images):
    root = layouts.inshop(tmp_path, partition=partition, images=images)
    data = load_dataset("inshop", root)
    pairs = each(7, 8, 9, times=2)
    assert labels_of(data) == {"train": each(2, 4, 5), "query": pairs, "gallery": pairs}
    assert data.query_gallery == {"query": "gallery"}
    assert data.class_names[2] == "id_00000002"
    for part in data.splits.values():
        part.images.check_files()
    folder = f"{images}/" if images else ""
    assert data.splits["query"].items["path"][0] == (
        f"{folder}img/WOMEN/Blouses_Shirts/id_00000007/02_1_front.jpg"
    )
    assert (
        data.messages[1] == "inshop: split query has 6 items of 3 classes here, as published 14,218 of 3,985"
    )
    (root / "Anno" / "list_bbox_inshop.txt").rename(root / "list_bbox_inshop.txt")
    assert load_dataset("inshop", root, boxes=True).splits["gallery"].images.open(1).size == (16, 16)
    (root / "list_bbox_inshop.txt").unlink()
    refused("inshop", root, "has no boxes", boxes=True)


@pytest.mark.parametrize(
    "folder", ["lfw", "lfw_funneled", "lfw-deepfunneled", "lfw-deepfunneled/lfw-deepfunneled", ""]
)
def test_faces_as_found(tmp_path, folder):
    root = layouts.lfw(tmp_path / "data", folder=folder)
    data = load_dataset("lfw", root)
    assert labels_of(data) == {"train": each(0, 2, 4), "test": each(1, 3, 5)}
    test = data.splits["test"]
    assert test.items["path"][0].endswith("Bo_de_Vries/Bo_de_Vries_0001.jpg")
    names = ItemNames(test.labels, test.items["class"], test.items["path"])
    pairs = read_pairs(root / "pairs.txt", names)
    assert pairs.same.sum() == 4
    assert [test.items["path"][row][-8:-4] for row in pairs.a[:4]] == ["0001", "0002", "0001", "0002"]
    if folder and "/" not in folder:  # the folder itself; pairs.txt is beside it, or in it
        assert labels_of(load_dataset("lfw", root / folder)) == labels_of(data)
        (root / "pairs.txt").rename(root / folder / "pairs.txt")
        assert labels_of(load_dataset("lfw", root)) == labels_of(data)


def test_faces_that_cannot_be_told(tmp_path):
    root = layouts.lfw(tmp_path)
    (root / "lfw" / ".DS_Store").touch()
    (root / "lfw" / "empty").mkdir()
    (root / "lfw" / "Ann_Lee" / "Thumbs.db").touch()
    assert load_dataset("lfw", root).size == 24
    second = root / "lfw" / "Ann_Lee" / "Ann_Lee_1.jpg"
    second.touch()
    refused("lfw", root, str(second), "second of its number")
    second.rename(second.with_name("holiday.jpg"))
    refused("lfw", root, "holiday.jpg is not named Ann_Lee_NUMBER.jpg")
    (root / "lfw_funneled").mkdir()
    refused("lfw", root, "holds lfw, lfw_funneled; say which is meant with --root")
    refused("lfw", root / "lfw_funneled", "holds no folders of people")


def test_csv_as_found(tmp_path):
    root = layouts.csv_list(tmp_path)
    data = load_dataset("csv", root)
    assert labels_of(data) == {"train": each(0, 4, 1), "test": each(3, 2, 5)}
    assert data.class_names == {number: f"{letter}-bird" for number, letter in enumerate("abcdef")}
    assert list(data.splits["train"].items) == ["class", "path", "photographer"]
    assert data.splits["test"].items["photographer"][:2] == ["Ms 0", "Ms 1"]
    assert labels_of(load_dataset("csv", root / "birds.csv")) == labels_of(data)
    (root / ".birds.csv").touch()
    assert load_dataset("csv", root).size == 24
    (root / "more.csv").touch()
    refused("csv", root, "must hold one .csv file, but it holds birds.csv, more.csv")
    refused("csv", tmp_path / "photos", "must hold one .csv file, but it holds none")
    refused("csv", tmp_path / "nothing.csv", "no such file or folder")
    refused("csv", None, "say where with --root")


def test_csv_of_numbers_of_names_and_of_absolute_paths(tmp_path):
    layouts.picture(tmp_path / "far" / "one.jpg", 1)
    rows = [
        f"{label},{tmp_path}/far/one.jpg#{label}{i}" for label in (7, -2, 30, 2**53 + 1) for i in range(2)
    ]
    rows[0] = f"7,{tmp_path}/far/one.jpg"
    layouts.write(tmp_path / "a.csv", "label,path", *rows)
    data = load_dataset("csv", tmp_path / "a.csv")
    assert labels_of(data) == {"train": [7, 7, -2, -2], "test": [30, 30, 2**53 + 1, 2**53 + 1]}
    assert data.class_names[2**53 + 1] == str(2**53 + 1)
    assert data.splits["train"].images.open(0).size == layouts.SIZE
    layouts.write(tmp_path / "b.csv", "label,class", *(f"{n // 2},kind {n // 2}" for n in range(8)))
    data = load_dataset("csv", tmp_path / "b.csv")
    assert data.splits["train"].images is None
    assert data.splits["test"].items == {"class": ["kind 2", "kind 2", "kind 3", "kind 3"]}
    edit(tmp_path / "b.csv", 3, "0,kind 9")
    refused("csv", tmp_path / "b.csv", "b.csv:3: class 'kind 9' has label 0, as has class 'kind 0'")
    layouts.write(tmp_path / "c.csv", "label", *(f"{n // 2 / 2}" for n in range(8)))
    assert load_dataset("csv", tmp_path / "c.csv").class_names == {0: "0.0", 1: "0.5", 2: "1.0", 3: "1.5"}


def test_csv_with_queries_and_with_a_split_by_items(tmp_path):
    file = tmp_path / "a.csv"
    parts = {"train": (1, 2), "query": (3, 4), "gallery": (3, 4)}
    lines = [f"{label},{part}" for part, labels in parts.items() for label in labels * 2]
    layouts.write(file, "label,split", *lines)
    data = load_dataset("csv", file)
    assert data.query_gallery == {"query": "gallery"}
    assert labels_of(data) == {part: list(labels * 2) for part, labels in parts.items()}
    layouts.write(file, "label,split", *(line for line in lines if "gallery" not in line))
    refused("csv", file, "has one of the splits query and gallery")
    lines = [f"{label},{part}" for part in ("train", "test") * 2 for label in (1, 2, 3, 4)]
    layouts.write(file, "label,split", *lines)
    for split_by in (None, "items"):
        by_items = load_dataset("csv", file, split_by=split_by)
        assert labels_of(by_items) == {"train": [1, 2, 3, 4] * 2, "test": [1, 2, 3, 4] * 2}
    assert set(load_dataset("csv", file, split_by="classes").splits["test"].labels.tolist()) == {3, 4}


@settings(deadline=None)
@given(arrays(np.int64, st.integers(1, 60), elements=st.integers(-3, 3)))
def test_items_of_each_class_are_halved(labels):
    mask = halve_items(labels)
    np.testing.assert_array_equal(mask, halve_items(labels.copy()))
    for label in np.unique(labels):
        inside = mask[labels == label]
        assert inside.sum() == (inside.size + 1) // 2


def test_a_csv_between_semicolons_in_utf_16_is_the_same(tmp_path):
    root = layouts.csv_list(tmp_path)
    before = load_dataset("csv", root)
    text = (root / "birds.csv").read_text()
    (root / "birds.csv").write_bytes(text.replace(",", ";").encode("utf-16"))
    after = load_dataset("csv", root)
    assert labels_of(after) == labels_of(before)
    assert after.splits["train"].items == before.splits["train"].items


def test_csv_labels_that_are_missing_or_numbers_with_a_point(tmp_path):
    layouts.write(tmp_path / "a.csv", "label", *(f"{n // 2}.0" for n in range(24)))
    data = load_dataset("csv", tmp_path / "a.csv")
    assert data.class_names == {n: f"{n}.0" for n in range(12)}
    edit(tmp_path / "a.csv", 3, "nan")
    refused("csv", tmp_path / "a.csv", "a.csv:3: the label is 'nan', a missing value")


@pytest.mark.parametrize("kind", ["dangling", "loop", "pipe"])
def test_images_of_a_folder_that_cannot_be_read_are_refused(tmp_path, kind):
    for name in ("a", "b", "c", "d"):
        for number in range(2):
            layouts.picture(tmp_path / name / f"{number}.png", 0, number)
    assert load_dataset("folder", tmp_path).size == 8
    file = tmp_path / "b" / "2.png"
    if kind == "dangling":
        file.symlink_to(tmp_path / "nothing.png")
    elif kind == "loop":
        file.symlink_to(file)
    else:
        os.mkfifo(file)
    refused("folder", tmp_path, "1 of 9 images", f"{file}; fix or remove them")
