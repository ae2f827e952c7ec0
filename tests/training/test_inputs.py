from __future__ import annotations

from dataclasses import replace

import layouts
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from training_support import snapshots, train

import embedlens
from embedlens import InputError
from embedlens.training import thumbnails as module
from embedlens.training.augmentation import random_crop
from embedlens.training.backbones.base import BACKBONES, Backbone
from embedlens.training.config import TrainConfig
from embedlens.training.datasets import load_dataset
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.inputs import ArrayInputs, FeatureInputs, FileInputs, View
from embedlens.training.loading import Request, blocks, read_batches, read_raw
from embedlens.training.loop import TrainingLoop
from embedlens.training.streams import Draw, stream
from embedlens.training.thumbnails import read_all, the_images, thumbnails

CPU = torch.device("cpu")
SIZE = 16
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
RGB = View(3, SIZE, mean=MEAN, std=STD)
DRAW = Draw(seed=3, epoch=2, step=5, size=12)


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """A data set of 12 JPEGs to train on and 12 to test on."""
    root = layouts.csv_list(tmp_path_factory.mktemp("birds"))
    return load_dataset("csv", root)


@pytest.fixture(scope="module")
def files(birds):
    return birds.splits["train"].images


def rows(n):
    return np.arange(n, dtype=np.int64)


# Images in memory


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_images_become_as_many_channels_as_are_wanted(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 6), dtype=np.uint8)
    inputs = ArrayInputs(pixels, View(channels), mirrored=False)
    assert len(inputs) == 5
    raw = inputs.read(np.array([4, 1]), None)
    assert raw.dtype == torch.uint8
    images = inputs.prepare(raw, None)
    assert images.shape == (2, channels, 8, 6)
    assert images.dtype == torch.float32
    for channel in range(channels):
        np.testing.assert_allclose(images[:, channel], pixels[[4, 1]] / 255, rtol=1e-6)


def test_colour_images_are_shifted_and_scaled_channel_by_channel():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    inputs = ArrayInputs(pixels, replace(RGB, size=None), mirrored=False)
    images = inputs.prepare(inputs.read(rows(3), None), None)
    for item in range(3):
        for channel in range(3):
            expected = (pixels[item, :, :, channel] / 255 - MEAN[channel]) / STD[channel]
            np.testing.assert_allclose(images[item, channel], expected, rtol=1e-5, atol=1e-6)


def test_one_mean_for_each_channel_of_a_grey_image():
    pixels = np.full((1, 8, 8), 255, dtype=np.uint8)
    inputs = ArrayInputs(pixels, replace(RGB, size=None), mirrored=False)
    images = inputs.prepare(inputs.read(rows(1), None), None)
    expected = [(1 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    assert images[0, :, 0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("size", [12, 40])
def test_images_in_memory_are_scaled_as_pillow_scales(size):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 24), dtype=np.uint8)
    inputs = ArrayInputs(pixels, View(1, size), mirrored=False)
    images = inputs.prepare(inputs.read(rows(2), None), None)
    for item in range(2):
        image = Image.fromarray(pixels[item].astype(np.float32))
        expected = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) / 255
        np.testing.assert_allclose(images[item, 0], expected, atol=1e-3)


def test_images_in_memory_change_with_a_draw_alone_and_shares_equal_the_whole():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16), dtype=np.uint8)
    inputs = ArrayInputs(pixels, View(1), mirrored=True)
    still = inputs.prepare(inputs.read(rows(12), None), None)
    whole = inputs.prepare(inputs.read(rows(12), DRAW), DRAW)
    assert all(not torch.equal(a, b) for a, b in zip(still, whole, strict=True))
    share = replace(DRAW, start=5)
    part = inputs.prepare(inputs.read(rows(12)[5:9], share), share)
    assert torch.equal(part, whole[5:9])


def test_images_in_memory_are_mirrored_only_where_they_may_be():
    """The left half is white: mirrored, the right one is."""
    pixels = np.zeros((64, 16, 16), dtype=np.uint8)
    pixels[:, :, :8] = 255
    draw = replace(DRAW, size=64)
    left = {}
    for mirrored in (False, True):
        inputs = ArrayInputs(pixels, View(1), mirrored=mirrored)
        images = inputs.prepare(inputs.read(rows(64), draw), draw)
        left[mirrored] = images[..., :8].mean(dim=(1, 2, 3)) > images[..., 8:].mean(dim=(1, 2, 3))
    assert left[False].all()
    assert 16 < left[True].sum() < 48


# Images in files


def test_files_are_read_at_one_size_from_their_middle(files):
    inputs = FileInputs(files, View(3, SIZE), mirrored=False)
    assert len(inputs) == 12
    raw = inputs.read(rows(12), None)
    assert raw.shape == (12, SIZE, SIZE, 3)
    assert raw.dtype == torch.uint8
    for row in range(12):
        image = files.open(row)
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        middle = image.resize(
            (SIZE, SIZE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
        )
        np.testing.assert_array_equal(raw[row], np.asarray(middle))
    images = inputs.prepare(raw, None)
    assert images.shape == (12, 3, SIZE, SIZE)
    np.testing.assert_allclose(images, raw.numpy().transpose(0, 3, 1, 2) / 255, rtol=1e-6)


def test_grey_and_cmyk_and_turned_files_are_rgb_and_upright(birds):
    for part in birds.splits.values():
        inputs = FileInputs(part.images, View(3, 20), mirrored=False)
        raw = inputs.read(rows(12), None).numpy().astype(int)
        for row, label in enumerate(part.labels):
            if len(set(np.unique(raw[row].std(axis=2)))) > 1:  # the grey one has no colour
                middle = raw[row, 8:12, 8:12].mean(axis=(0, 1))
                name = birds.class_names[int(label)][0]
                np.testing.assert_allclose(middle, layouts.colour("aebdcf".index(name)), atol=40)


def test_mean_and_deviation_of_files(files):
    inputs, bare = (FileInputs(files, view, mirrored=False) for view in (RGB, View(3, SIZE)))
    images = inputs.prepare(inputs.read(rows(3), None), None)
    expected = bare.prepare(bare.read(rows(3), None), None).numpy()
    for channel in range(3):
        scaled = (expected[:, channel] - MEAN[channel]) / STD[channel]
        np.testing.assert_allclose(images[:, channel], scaled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("width", "height"), [(200, 100), (90, 160)])
def test_the_share_of_the_middle_that_a_view_names(tmp_path, width, height):
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "ramp.png")
    inputs = FileInputs(ImageFiles([tmp_path / "ramp.png"]), View(3, 10, crop=0.8), mirrored=False)
    raw = inputs.read(rows(1), None)[0].numpy().astype(float)
    side = 0.8 * min(width, height)
    centres = (np.arange(10) + 0.5) * side / 10 - 0.5
    np.testing.assert_allclose(raw[5, :, 0], centres + (width - side) / 2, atol=1)
    np.testing.assert_allclose(raw[:, 5, 1], centres + (height - side) / 2, atol=1)


def test_training_crops_depend_on_seed_epoch_step_and_place_alone(files):
    inputs = FileInputs(files, View(3, SIZE), mirrored=True)
    whole = inputs.read(rows(12), DRAW)
    assert torch.equal(inputs.read(rows(12), replace(DRAW)), whole)
    for other in ({"seed": 4}, {"epoch": 3}, {"step": 6}, {"start": 1}):
        changed = inputs.read(rows(12), replace(DRAW, **other))
        assert all(not torch.equal(a, b) for a, b in zip(changed, whole, strict=True)), other
    twice = inputs.read(np.array([2, 2, 2]), DRAW)
    assert not torch.equal(twice[0], twice[1])
    assert torch.equal(twice[2], whole[2])
    still = inputs.read(rows(12), None)
    assert all(not torch.equal(a, b) for a, b in zip(still, whole, strict=True))


@given(cuts=st.lists(st.integers(0, 12), max_size=3).map(sorted))
def test_shares_of_a_batch_equal_the_whole(files, cuts):
    inputs = FileInputs(files, View(3, 8), mirrored=True)
    order = np.random.default_rng(1).permutation(12)
    whole = inputs.read(order, DRAW)
    edges = [0, *cuts, 12]
    for start, stop in zip(edges, edges[1:], strict=False):
        if start < stop:
            share = inputs.read(order[start:stop], replace(DRAW, start=start))
            assert torch.equal(share, whole[start:stop])


# Crops


def ramp(width, height):
    """An image whose red tells the column and whose green the row."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x, y, 0 * x], axis=2).astype(np.uint8))


def box_of(crop, size):
    """Left, top, width and height of a crop of a ramp; a negative width is a mirrored one."""
    pixels = np.asarray(crop).astype(float)
    inner = slice(2, -2)  # at the edge of the image the filter has one side only
    at = np.arange(size)[inner] + 0.5
    right, left = np.polyfit(at, pixels[:, inner, 0].mean(axis=0), 1)
    down, top = np.polyfit(at, pixels[inner, :, 1].mean(axis=1), 1)
    return left + 0.5, top + 0.5, right * size, down * size


@pytest.mark.parametrize(("width", "height"), [(240, 160), (100, 220)])
def test_a_crop_lies_in_the_image_and_keeps_its_share_and_shape(width, height):
    size, image, areas, places = 40, ramp(width, height), [], []
    for step in range(60):
        left, top, w, h = box_of(random_crop(image, size, stream(0, 2, step=step), mirrored=False), size)
        assert w > 0
        assert left > -1
        assert top > -1
        assert left + w < width + 1
        assert top + h < height + 1
        assert 0.19 < w * h / (width * height) < 1.01
        assert 0.73 < w / h < 1.37
        areas.append(w * h / (width * height))
        places.append(left / max(width - w, 1))
    assert max(areas) - min(areas) > 0.3
    assert max(places) - min(places) > 0.5


def test_half_of_the_crops_are_mirrored_where_they_may_be():
    image = ramp(120, 120)
    crops = [random_crop(image, 24, stream(0, 2, step=step), mirrored=True) for step in range(60)]
    mirrored = [box_of(crop, 24)[2] < 0 for crop in crops]
    assert 15 < sum(mirrored) < 45


def test_the_middle_of_an_image_that_no_crop_fits():
    left, top, w, h = box_of(random_crop(ramp(20, 250), 20, stream(0, 2), mirrored=False), 20)
    assert (left, top) == pytest.approx((0, 115), abs=0.2)
    assert (w, h) == pytest.approx((20, 20), abs=0.2)


# Features


def test_features_are_taken_by_row_from_any_float_type():
    features = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float16)
    inputs = FeatureInputs(features, np.array([8, 0, 3, 5]))
    assert len(inputs) == 4
    raw = inputs.read(np.array([2, 0]), DRAW)
    assert raw.dtype == torch.float32
    assert torch.equal(inputs.prepare(raw, DRAW), torch.from_numpy(features[[3, 8]]).float())


# Reading


def requests_of(count):
    random = np.random.default_rng(5)
    for step in range(count):
        chosen = random.integers(0, 12, 6)
        yield Request(chosen[:4], replace(DRAW, step=step, size=6), chosen)


def test_who_reads_changes_nothing(files):
    inputs = FileInputs(files, RGB, mirrored=True)
    answers = [list(read_batches(inputs, requests_of(5), CPU, workers=workers)) for workers in (0, 1, 2)]
    expected = list(requests_of(5))
    for answer in answers:
        assert len(answer) == 5
        for (request, batch), wanted, (_, reference) in zip(answer, expected, answers[0], strict=True):
            np.testing.assert_array_equal(request.rows, wanted.rows)
            np.testing.assert_array_equal(request.batch, wanted.batch)
            assert request.draw == wanted.draw
            assert torch.equal(batch, reference)
    for (request, batch), _ in zip(answers[0], expected, strict=True):
        assert torch.equal(batch, inputs.prepare(inputs.read(request.rows, request.draw), request.draw))


def test_reading_draws_no_number_of_torch_s_own(files):
    before = torch.get_rng_state()
    list(read_batches(FileInputs(files, RGB, mirrored=True), requests_of(2), CPU, workers=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_images_in_memory_have_no_workers(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("no worker is needed")

    monkeypatch.setattr("embedlens.training.loading.DataLoader", refuse)
    inputs = ArrayInputs(np.zeros((3, 8, 8), np.uint8), View(1), mirrored=False)
    assert len(list(read_batches(inputs, blocks(rows(3), 2), CPU, workers=2))) == 2


def test_blocks_are_the_rows_in_order():
    chosen = np.array([5, 3, 8, 1, 9])
    parts = list(blocks(chosen, 2))
    assert [part.rows.tolist() for part in parts] == [[5, 3], [8, 1], [9]]
    assert all(part.draw is None and part.batch is None for part in parts)
    assert list(blocks(chosen[:0], 2)) == []


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_broken_image_is_named_whoever_reads_it(tmp_path, workers):
    root = layouts.csv_list(tmp_path)
    images = load_dataset("csv", root).splits["train"].images
    layouts.truncate(images.paths[7])
    with pytest.raises(InputError) as refused:
        list(read_raw(FileInputs(images, RGB, mirrored=False), blocks(rows(12), 3), workers=workers))
    message = str(refused.value)
    assert message.startswith(f"{images.paths[7]} cannot be read as an image (")
    assert message.endswith("; fix or remove it")
    assert "\n" not in message


@pytest.mark.parametrize("workers", [0, 2])
def test_a_missing_image_is_named_whoever_reads_it(tmp_path, workers):
    images = ImageFiles([tmp_path / "none.jpg"])
    with pytest.raises(InputError) as refused:
        read_all(images, 8, workers=workers)
    assert str(refused.value) == f"image {tmp_path / 'none.jpg'} is missing"


# All images at once


def test_all_images_of_a_split_at_one_size(files):
    pixels = read_all(files, 10, workers=0)
    assert pixels.shape == (12, 10, 10, 3)
    assert pixels.dtype == np.uint8
    inputs = FileInputs(files, View(3, 10), mirrored=False)
    for row in range(12):
        np.testing.assert_array_equal(pixels[row], inputs.read(np.array([row]), None)[0])
    np.testing.assert_array_equal(read_all(files, 10, workers=2), pixels)


def test_all_images_are_read_in_blocks(files, monkeypatch):
    whole = read_all(files, 8, workers=0)
    monkeypatch.setattr(module, "_READ_AT_ONCE", 5)
    np.testing.assert_array_equal(read_all(files, 8, workers=0), whole)


def test_thumbnails_of_files(birds, monkeypatch):
    found = thumbnails(birds, workers=0)
    assert {split: array.shape for split, array in found.items()} == {
        "train": (12, 64, 64, 3), "test": (12, 64, 64, 3),
    }  # fmt: skip
    # The files are smaller than this, so that none is read at a reduced size.
    np.testing.assert_array_equal(found["test"], read_all(birds.splits["test"].images, 64, workers=0))
    monkeypatch.setattr(module, "_MANY", 11)
    assert thumbnails(birds, workers=0)["train"].shape == (12, 32, 32, 3)


def test_thumbnails_of_large_jpegs_are_the_same_picture(tmp_path):
    y, x = np.mgrid[:600, :800]
    pixels = np.stack([x / 800, y / 600, 0.5 + 0 * x], axis=2) * 255
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "large.jpg", quality=95)
    images = ImageFiles([tmp_path / "large.jpg"])
    exact = read_all(images, 64, workers=0).astype(int)
    reduced = read_all(images, 64, workers=0, reduced=True).astype(int)
    assert np.abs(exact - reduced).max() <= 6


def test_images_in_memory_are_their_own_thumbnails():
    data = load_dataset("digits")
    found = thumbnails(data, workers=0)
    assert found["train"] is data.splits["train"].images.pixels


def test_where_files_are_missing_there_are_no_thumbnails(tmp_path):
    data = load_dataset("csv", layouts.csv_list(tmp_path))
    data.splits["train"].images.paths[3].unlink()
    assert list(thumbnails(data, workers=0)) == ["test"]
    with pytest.raises(InputError) as refused:
        the_images("csv", data)
    place = tmp_path / "photos" / "0-3.jpg"
    assert str(refused.value) == (
        f"data set 'csv', split 'train': 1 of 12 images are missing, the first: {place}"
    )


def test_a_data_set_without_images_is_told_what_it_can_train_on(tmp_path):
    lines = [
        "label,split",
        *(f"{label},{'train' if label < 2 else 'test'}" for label in (0, 0, 1, 1, 2, 2, 3)),
    ]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    data = load_dataset("csv", tmp_path)
    assert thumbnails(data, workers=0) == {}
    with pytest.raises(InputError, match=r"^data set 'csv' has no images; .*--backbone features:FILE.npy$"):
        the_images("csv", data)


# Whole runs


@pytest.fixture
def from_files():
    """A network that reads its images from files, batch by batch."""

    @BACKBONES.register("from-files")
    def build(choice, data, workers):
        module = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
        inputs = {
            split: FileInputs(part.images, RGB, mirrored=data.mirrored) for split, part in data.splits.items()
        }
        return Backbone(module, 4 * 7 * 7, inputs, pretrained=True)

    yield "from-files"
    del BACKBONES._entries["from-files"]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["from-files", "small"])
def test_a_run_has_the_same_bytes_with_any_number_of_workers(tmp_path, from_files, backbone):
    root = layouts.csv_list(tmp_path / "data")
    config = TrainConfig(
        data="csv", root=str(root), backbone=backbone, epochs=2, dim=4, classes_per_batch=3, items_per_class=2
    )
    found = []
    for workers in (0, 2):
        path = tmp_path / str(workers)
        run = train(path, config, workers=workers)
        found.append(snapshots(path))
        assert run.epochs() == [0, 1, 2]
    assert found[0] == found[1]
    names = {"splits/test/epoch-0002.npy", "splits/train/epoch-0001.npy", "splits/test/thumbnails.npy"}
    assert names <= found[0].keys()
    assert ("splits/test/pretrained.npy" in found[0]) == (backbone == "from-files")


def test_a_broken_image_ends_a_run_before_anything_is_recorded(tmp_path):
    root = layouts.csv_list(tmp_path / "data")
    broken = root / "photos" / "1-2.jpg"
    layouts.truncate(broken)
    config = TrainConfig(data="csv", root=str(root), epochs=1, dim=4)
    with pytest.raises(InputError, match=f"^{broken} cannot be read as an image"):
        TrainingLoop(config, tmp_path / "run", workers=2)
    assert not (tmp_path / "run").exists()


def test_an_image_that_breaks_while_a_run_is_trained_ends_it_with_its_name(tmp_path, from_files):
    root = layouts.csv_list(tmp_path / "data")
    config = TrainConfig(
        data="csv",
        root=str(root),
        backbone=from_files,
        epochs=3,
        dim=4,
        classes_per_batch=3,
        items_per_class=2,
    )
    broken = root / "photos" / "1-2.jpg"

    def report(progress):
        if progress.epoch == 1 and progress.row:
            layouts.truncate(broken)

    with pytest.raises(InputError, match=f"^{broken} cannot be read as an image"):
        train(tmp_path / "run", config, report, workers=1)
    assert embedlens.open_run(tmp_path / "run").epochs() == [0, 1]
