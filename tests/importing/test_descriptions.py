"""Items and thumbnails of an import, and logs of TensorBoard's projector that have both."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import assert_refused, blobs

from embedlens import InputError, open_run
from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run

Z, Y = blobs(n=12, classes=3)
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
SPRITE = np.zeros((4, 4, 5, 4, 3), np.uint8)  # 12 of 16 places of a square


@pytest.fixture
def dump(folder):
    """Embeddings, labels, a table of the items, their images, a sprite and an array."""
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    names = [f"img{row}.png" for row in range(12)]
    lines = [f"{row % 2},{name},{name}" for row, name in enumerate(names)]
    (folder / "items.csv").write_text("\n".join(["camera,file,path", *lines]))
    (folder / "images").mkdir()
    for name, picture in zip(names, PIXELS, strict=True):
        Image.fromarray(picture).save(folder / "images" / name)
    sprite = SPRITE.copy().reshape(16, 5, 4, 3)
    sprite[:12] = PIXELS
    Image.fromarray(sprite.reshape(4, 4, 5, 4, 3).swapaxes(1, 2).reshape(20, 16, 3)).save("sprite.png")
    np.save("pictures.npy", PIXELS)
    np.savez("pictures.npz", pixels=PIXELS, other=PIXELS[..., 0])
    return folder


def imported(folder, **options):
    return import_run(ImportSource("z.npy", "y.npy", **options), folder / "run")


def test_items_of_a_table(dump):
    run = imported(dump, items="items.csv")
    assert run.items("test")["camera"] == ["0", "1"] * 6
    assert run.items("test")["path"][11] == "img11.png"


def test_items_and_pictures_of_kept_rows(dump):
    labels = Y.astype(str)
    labels[3] = ""
    np.save("y.npy", labels)
    with pytest.warns(InputWarning, match="1 of 12 items have no label"):
        run = imported(dump, items="items.csv", thumbnails="images", missing_label="drop")
    kept = np.delete(np.arange(12), 3)
    assert run.items("test")["path"] == [f"img{row}.png" for row in kept]
    np.testing.assert_array_equal(run.thumbnails("test"), PIXELS[kept])


def test_items_by_split(dump):
    np.save("a.npy", Z)
    np.save("b.npy", Z[:5])
    for split, rows in (("a", 12), ("b", 5)):
        (dump / f"{split}.csv").write_text(
            "\n".join(["n,label", *(f"{row},{row % 3}" for row in range(rows))])
        )
    source = ImportSource("{split}.npy", "{split}.csv", items="{split}.csv")
    with pytest.raises(InputError, match="no labels for split 'pictures': '{split}.csv' gives a, b, items"):
        import_run(source, dump / "run")
    (dump / "z.npy").unlink()
    (dump / "y.npy").unlink()
    (dump / "pictures.npy").unlink()
    run = import_run(source, dump / "run")
    assert [len(run.items(split)["n"]) for split in ("a", "b")] == [12, 5]


def test_columns_of_a_list_divide_rows_only_where_embeddings_have_them(dump):
    lines = [f"{label},{'val' if row % 2 else 'test'},{row / 2}" for row, label in enumerate(Y)]
    (dump / "list.csv").write_text("\n".join(["label,split,epoch", *lines]))
    run = import_run(ImportSource("z.npy", "list.csv", items="list.csv"), dump / "run")
    np.testing.assert_array_equal(run.labels("test"), Y)
    assert run.items("test")["split"][:2] == ["test", "val"]
    (dump / "parts").mkdir()
    for split, start in (("test", 0), ("val", 1)):
        np.save(f"parts/{split}.npy", Z[start::2])
    run = import_run(ImportSource("parts/{split}.npy", "list.csv"), dump / "divided")
    np.testing.assert_array_equal(run.labels("val"), Y[1::2])


def test_items_in_the_order_of_their_row_numbers(dump):
    order = np.random.default_rng(1).permutation(12)
    np.savez("z.npz", z=Z[order], y=Y[order], idx=order)
    (dump / "items.csv").write_text("\n".join(["idx,name", *(f"{row},item {row}" for row in order)]))
    run = import_run(
        ImportSource("z.npz", key="z", labels_key="y", rows_key="idx", items="items.csv"), dump / "run"
    )
    assert run.items("test")["name"] == [f"item {row}" for row in range(12)]
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, Z)


@pytest.mark.parametrize("place", ["images", "sprite.png", "pictures.npy", "pictures.npz:pixels"])
def test_pictures_of_every_kind(dump, place):
    np.testing.assert_array_equal(imported(dump, thumbnails=place).thumbnails("test"), PIXELS)


def test_a_column_says_which_image_is_whose(dump):
    order = np.random.default_rng(1).permutation(12)
    lines = [f"{row % 2},some/where/img{row}.png" for row in order]
    (dump / "items.csv").write_text("\n".join(["camera,path", *lines]))
    Image.fromarray(PIXELS[0]).save("images/another.png")
    run = imported(dump, items="items.csv", thumbnails="images")
    np.testing.assert_array_equal(run.thumbnails("test"), PIXELS[order])


def test_images_of_other_forms_become_thumbnails(dump):
    large = np.kron(PIXELS, np.ones((1, 40, 40, 1), np.uint8))
    for row in range(12):
        Image.fromarray(large[row]).save(dump / f"images/img{row}.png")
    assert imported(dump, thumbnails="images").thumbnails("test").shape == (12, 64, 64, 3)
    np.save("pictures.npy", PIXELS.transpose(0, 3, 1, 2) / 255)
    run = import_run(ImportSource("z.npy", "y.npy", thumbnails="pictures.npy"), dump / "floats")
    np.testing.assert_array_equal(run.thumbnails("test"), PIXELS)
    np.save("pictures.npy", PIXELS[..., :1])
    run = import_run(ImportSource("z.npy", "y.npy", thumbnails="pictures.npy"), dump / "grey")
    np.testing.assert_array_equal(run.thumbnails("test"), PIXELS[..., 0])


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--items", "none.csv"], ["no such file: none.csv (--items)"]),
        (["--items", "y.npy"], ["y.npy is no table"]),
        (["--items", "short.csv"], ["short.csv: 1 rows describe the items of split 'test'", "12 labels"]),
        (["--thumbnails", "few"], ["few has 2 images, but there are 12 items", "--items"]),
        (["--thumbnails", "odd.png"], ["odd.png has 17 x 20 pixels, which are not 12 pictures"]),
        (["--thumbnails", "text.png"], ["text.png is not a readable image"]),
        (["--thumbnails", "pictures.npz"], ["holds several arrays", "pixels, other (--thumbnails NAME"]),
        (["--thumbnails", "z.npy"], ["split 'test': thumbnails are float32 of shape (12, 8)"]),
        (["--thumbnails", "few.npy"], ["few.npy has 2 pictures, but there are 12 items"]),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(cli, dump, options, parts):
    (dump / "short.csv").write_text("a,b\n1,2\n")
    (dump / "few").mkdir()
    for row in range(2):
        Image.fromarray(PIXELS[row]).save(dump / f"few/{row}.png")
    Image.fromarray(np.zeros((20, 17, 3), np.uint8)).save("odd.png")
    (dump / "text.png").write_text("no image")
    np.save("few.npy", PIXELS[:2])
    assert_refused(cli("import", "z.npy", "--labels", "y.npy", "--out", "run", *options), *parts)
    assert not (dump / "run").exists()


def write_log(dump, *, names=("z:00010", "z:00002")):
    blocks = []
    for number, name in enumerate(names):
        (dump / f"{number}.bytes").write_bytes(((number + 1) * Z).astype("<f4").tobytes())
        blocks.append(
            f'embeddings {{\n tensor_name: "{name}" tensor_path: "{number}.bytes"\n tensor_shape: [12, 8]\n'
            f" metadata_path: 'meta.tsv' # of all\n"
            ' sprite { image_path: "sprite.png", single_image_dim: 4 single_image_dim: 5 }\n}'
        )
    (dump / "projector_config.pbtxt").write_text("\n".join(['model_checkpoint_path: "/x"', *blocks]))
    lines = [f"class {label}\t{row}" for row, label in enumerate(Y)]
    (dump / "meta.tsv").write_text("\n".join(["kind\tn", *lines]) + "\n")


def test_a_log_of_the_projector(cli, dump):
    write_log(dump)
    done = cli("import", ".", "--labels-column", "kind", "--out", "run")
    assert (done.code, done.err) == (0, "")
    run = open_run("run")
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, 2 * Z)
    np.testing.assert_array_equal(run.snapshot("test", 1).embeddings, Z)
    assert run.info.class_names == {"0": "class 0", "1": "class 1", "2": "class 2"}
    assert run.items("test")["n"] == [str(row) for row in range(12)]
    np.testing.assert_array_equal(run.thumbnails("test"), PIXELS)
    assert (dump / "run/log.csv").read_text().split() == ["epoch,step,trained_epochs", "0,2,", "1,10,"]


def test_tensors_of_several_names(cli, dump):
    write_log(dump, names=("train_epoch-0", "test_epoch-0"))
    refused = cli("import", "projector_config.pbtxt", "--labels-key", "kind", "--out", "run")
    assert_refused(refused, "holds several arrays; choose one by its key: train_epoch-0, test_epoch-0")
    done = cli("import", ".", "--key", "{split}_epoch-{epoch}", "--labels-key", "kind", "--out", "run")
    assert done.code == 0, done.err
    assert sorted(open_run("run").splits) == ["test", "train"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0.bytes", "../0.bytes"), "which is outside its folder"),
        (("[12, 8]", "[12, 9]"), r"1.bytes has 384 bytes, but the configuration says \[12, 9\] of float32"),
        (("[12, 8]", "[12, x]"), "says tensor_shape x; a whole number is needed"),
        (("}", ""), r"line \d+: not readable as a configuration"),
        (("z:00002", "z:00010"), "has two tensors 'z:00010'"),
        ((' tensor_path: "0.bytes"', ""), "stands in a checkpoint of TensorFlow"),
        ((" metadata_path: 'meta.tsv' # of all\n", ""), "has no metadata; give its labels by --labels"),
        (("embeddings", "other"), "names no tensor"),
        (("single_image_dim: 4", "single_image_dim: 3"), "sprite.png has 16 x 20 pixels, which are not 12"),
    ],
)
def test_logs_that_are_damaged_or_reach_elsewhere(dump, change, message):
    write_log(dump)
    file = dump / "projector_config.pbtxt"
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        import_run(ImportSource("projector_config.pbtxt", labels_key="kind"), dump / "run")


def test_a_configuration_of_comments_takes_no_time(dump):
    (dump / "projector_config.pbtxt").write_text("# " * 50_000 + "\n#" * 1000)
    with pytest.raises(InputError, match="names no tensor"):
        import_run(ImportSource("projector_config.pbtxt", "y.npy"), dump / "run")
