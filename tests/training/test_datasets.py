from __future__ import annotations

import gzip
import unicodedata

import numpy as np
import pytest
from PIL import Image

from embedlens import InputError
from embedlens.training.datasets import DATASETS, load_dataset


@pytest.fixture(scope="module")
def glyphs():
    return load_dataset("glyphs")


def test_glyphs_are_what_they_say(glyphs):
    data = glyphs
    train, test = data.splits["train"], data.splits["test"]
    labels = np.concatenate([train.labels, test.labels])
    classes, counts = np.unique(labels, return_counts=True)
    assert 1_400 < classes.size < 1_500
    assert 19_000 < labels.size < 20_500
    assert counts.min() >= 12
    assert counts.max() == 16
    assert not set(train.labels) & set(test.labels)
    assert abs(np.unique(train.labels).size - np.unique(test.labels).size) <= 1
    assert {unicodedata.category(name)[0] for name in data.class_names.values()} == {"L", "N"}
    assert "A" in data.class_names.values()
    for split in (train, test):
        assert split.images.pixels.shape == (len(split.images), 32, 32) == (split.labels.size, 32, 32)
        assert split.images.pixels.dtype == np.uint8
        assert split.images.pixels.any(axis=(1, 2)).all()
        assert [data.class_names[label] for label in split.labels] == split.items["class"]
    again = load_dataset("glyphs")
    np.testing.assert_array_equal(again.splits["train"].images.pixels, train.images.pixels)


def test_glyphs_are_centred(glyphs):
    images = glyphs.splits["test"].images.pixels > 0
    for axis in (1, 2):
        filled = images.any(axis=axis)
        first = filled.argmax(axis=1)
        last = 31 - filled[:, ::-1].argmax(axis=1)
        assert np.abs((first + last) / 2 - 15.5).mean() < 0.75


def test_digits():
    data = load_dataset("digits")
    assert set(data.splits["train"].labels) == set(range(5))
    assert set(data.splits["test"].labels) == set(range(5, 10))
    assert sum(part.labels.size for part in data.splits.values()) == 1797
    assert data.splits["train"].images.pixels.shape[1:] == (16, 16)
    assert data.splits["train"].images.pixels.max() == 255


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@pytest.fixture
def mnist(tmp_path):
    random = np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 20)):
        images = random.integers(0, 255, (n, 28, 28)).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        labels = (np.arange(n) % 10).astype(np.uint8)
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_fashion_mnist_plain_and_compressed(mnist):
    data = load_dataset("fashion-mnist", mnist)
    assert data.splits["train"].labels.tolist() == [*range(5)] * 6
    assert data.splits["test"].images.pixels.shape == (30, 28, 28)
    assert data.splits["test"].items["class"][0] == "Sandal"
    raw = (mnist / "train-images-idx3-ubyte").read_bytes()
    first = np.frombuffer(raw[16 : 16 + 784], np.uint8).reshape(28, 28)
    np.testing.assert_array_equal(data.splits["train"].images.pixels[0], first)
    by_items = load_dataset("fashion-mnist", mnist, split_by="items")
    assert {split: part.labels.size for split, part in by_items.splits.items()} == {"train": 40, "test": 20}


def test_fashion_mnist_that_is_broken(mnist):
    file = mnist / "train-images-idx3-ubyte"
    raw = file.read_bytes()
    for content in (raw[:-1], b"", raw[:10], b"\0\0\x0d\x03" + raw[4:]):
        file.write_bytes(content)
        with pytest.raises(InputError, match="is not an idx file of 3 dimensions, or it is truncated"):
            load_dataset("fashion-mnist", mnist)
    file.unlink()
    with pytest.raises(InputError, match="has no file train-images-idx3-ubyte"):
        load_dataset("fashion-mnist", mnist)
    (mnist / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError, match="cannot be decompressed"):
        load_dataset("fashion-mnist", mnist)


def picture(path, colour, size=(80, 70)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_folder_of_classes_is_split_in_half(tmp_path):
    for number, name in enumerate("abcd"):
        for item in range(3):
            picture(tmp_path / name / f"{item}.jpg", (60 * number, 10, 200))
    (tmp_path / "a" / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    data = load_dataset("folder", tmp_path)
    assert data.class_names == {0: "a", 1: "b", 2: "c", 3: "d"}
    assert data.splits["train"].labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.splits["test"].items["path"] == [f"{name}/{item}.jpg" for name in "cd" for item in range(3)]
    images = data.splits["test"].images
    images.check_files()
    assert (images.open(0).size, images.open(0).mode) == ((80, 70), "RGB")
    assert abs(images.open(0).getpixel((30, 30))[0] - 120) < 4


def test_folder_with_train_and_test_as_given(tmp_path):
    for split, names in (("train", "ab"), ("test", "bc")):
        for name in names:
            for item in range(2):
                picture(tmp_path / split / name / f"{item}.png", (1, 2, 3), size=(5, 9))
    data = load_dataset("folder", tmp_path)
    assert data.splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert data.splits["test"].labels.tolist() == [1, 1, 2, 2]
    assert data.splits["test"].items["path"][0] == "test/b/0.png"


def test_folder_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="holds no images in class folders"):
        load_dataset("folder", tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(InputError, match="has train/ but not the other"):
        load_dataset("folder", tmp_path)
    (tmp_path / "train").rmdir()
    for name in "ab":
        picture(tmp_path / name / "1.png", (0, 0, 0))
    with pytest.raises(InputError, match="two classes and a class of two items are needed"):
        load_dataset("folder", tmp_path)


def test_folder_with_an_image_that_is_broken_and_one_that_goes(tmp_path):
    for name in "abcd":
        for item in range(3):
            picture(tmp_path / name / f"{item}.png", (0, 0, 0))
    (tmp_path / "a" / "2.png").write_bytes(b"\x89PNG broken")
    images = load_dataset("folder", tmp_path).splits["train"].images
    images.check_files()
    with pytest.raises(InputError, match=r"a/2.png cannot be read as an image"):
        images.open(2)
    (tmp_path / "b" / "1.png").unlink()
    with pytest.raises(InputError, match=r"1 of 6 images are missing, the first: .*b/1.png"):
        images.check_files()
    with pytest.raises(InputError, match=r"b/1.png is missing"):
        images.open(4)


def test_splits_by_items(tmp_path):
    for name in "abcd":
        for item in range(5):
            picture(tmp_path / name / f"{item}.png", (0, 0, 0))
    data = load_dataset("folder", tmp_path, split_by="items")
    assert np.bincount(data.splits["train"].labels).tolist() == [3] * 4
    assert np.bincount(data.splits["test"].labels).tolist() == [2] * 4
    again = load_dataset("folder", tmp_path, split_by="items")
    assert again.splits["train"].items == data.splits["train"].items
    with pytest.raises(InputError, match="unknown way to split 'rows'; choose one of: classes, items"):
        load_dataset("folder", tmp_path, split_by="rows")
    with pytest.raises(InputError, match="'folder' has no boxes"):
        load_dataset("folder", tmp_path, boxes=True)


def test_names_and_roots(tmp_path):
    assert DATASETS.names() == [
        "cars196", "csv", "cub200", "digits", "fashion-mnist", "folder", "glyphs", "inshop", "lfw", "sop",
    ]  # fmt: skip
    with pytest.raises(InputError, match="unknown data set 'glyph'.*choose one of: cars196, csv"):
        load_dataset("glyph")
    with pytest.raises(InputError, match="say where with --root"):
        load_dataset("folder")
    with pytest.raises(InputError, match="no such folder"):
        load_dataset("folder", tmp_path / "missing")
