"""Files from which an import would take something else than what was meant, and what it says instead."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import blobs

from embedlens import InputError, open_run
from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run

Z, Y = blobs(n=60, classes=6)


def test_labels_are_taken_from_no_array_of_another_name(cli, folder):
    np.savez("0.npz", feat=Z, idx=np.arange(60))
    done = cli("import", "0.npz", "--key", "feat", "--out", "run")
    assert done.code == 2
    assert (
        "0.npz: no name of its arrays says labels (label, labels, y, target, targets, ...): idx" in done.err
    )
    assert not (folder / "run").exists()
    np.savez("0.npz", feat=Z, idx=np.arange(60), target=Y)
    done = cli("import", "0.npz", "--key", "feat", "--out", "run")
    assert "60 in test (6 classes, labels of 0.npz: target), 8 dims" in done.out
    rows = [",".join(map(str, [*z, *z[:2]])) for z in Z]
    header = ",".join([*(f"z_{at}" for at in range(8)), "x", "y"])
    (folder / "c.csv").write_text("\n".join([header, *rows]))  # coordinates
    with pytest.raises(InputError, match="no name of its columns says labels .*: x, y; name them by"):
        import_run(ImportSource("c.csv"), folder / "other")


def test_a_label_for_each_item_is_warned_of_for_integers_too(folder):
    np.save("z.npy", Z)
    np.save("ids.npy", np.random.default_rng(0).permutation(60))
    with pytest.warns(InputWarning, match=r"every item has a label of its own, the first '\d+' \(ids.npy\)"):
        import_run(ImportSource("z.npy", "ids.npy"), folder / "run")


def test_labels_that_are_nan_are_refused_by_row_dropped_or_kept(folder):
    for epoch in range(2):
        np.save(f"z{epoch}.npy", Z)
        labels = Y.astype(np.float32)
        labels[[3, 8]] = np.nan
        np.save("y.npy", labels)
        np.savez(f"b{epoch}.npz", z=Z, y=labels)
    for pattern, file in (("z{epoch}.npy", "y.npy"), ("b{epoch}.npz", None)):
        key = None if file else "z"
        with pytest.raises(
            InputError, match=r", row 4: the label is empty \(2 such rows\); --missing-label drop"
        ):
            import_run(ImportSource(pattern, file, key), folder / "run")
        with pytest.warns(InputWarning, match="2 of 60 items have no label"):
            run = import_run(ImportSource(pattern, file, key, missing_label="drop"), folder / f"d-{file}")
        np.testing.assert_array_equal(run.labels("test"), np.delete(Y, [3, 8]))
        with pytest.warns(InputWarning):
            run = import_run(ImportSource(pattern, file, key, missing_label="keep"), folder / f"k-{file}")
        assert run.labels("test").size == 60
        assert np.unique(run.labels("test")).size == 7


def test_no_run_is_written_to_memory_that_ends_with_the_program(cli, folder):
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    done = cli("import", "z.npy", "--labels", "y.npy", "--out", "memory://runs/mine")
    assert done.code == 2
    assert "is in the memory of this process, and gone when it ends" in " ".join(done.err.split())
    with pytest.raises(InputError):
        open_run("memory://runs/mine")


def test_row_numbers_that_are_not_in_order_are_proposed(folder):
    rng = np.random.default_rng(0)
    for epoch in range(2):
        order = rng.permutation(60)
        for rank in range(2):
            rows = order[rank::2]
            np.savez(f"{epoch}-{rank}.npz", z=Z[rows], y=Y[rows], idx=rows, id=np.arange(30))
    source = ImportSource("{epoch}-*.npz", key="z")
    with pytest.raises(InputError, match="shuffled ones are put in order by --rows-key idx"):
        import_run(source, folder / "run")
    np.save("y.npy", Y)
    with pytest.warns(InputWarning, match="row numbers 'idx' that are not in order; --rows-key idx puts"):
        import_run(ImportSource("{epoch}-*.npz", "y.npy", key="z"), folder / "run")
    import_run(ImportSource("{epoch}-*.npz", key="z", rows_key="idx"), folder / "ordered")
    np.savez("one.npz", z=Z, y=Y, idx=np.arange(60))
    import_run(ImportSource("one.npz", key="z"), folder / "in-order")


@pytest.mark.filterwarnings("ignore:pattern:embedlens.errors.InputWarning")
def test_labels_of_another_length_are_named_with_the_sums(folder):
    np.save("short.npy", Y[:57])
    np.save("z.npy", Z)
    for shard in range(3):
        np.save(f"0-{shard}.npy", Z[20 * shard : 20 * shard + 20])
    np.save("step500-0.npy", Z[:30])
    np.save("step500-1.npy", Z[30:])
    for pattern, message in (
        ("z.npy", r"60 rows, but there are 57 labels \(short.npy\)"),
        (
            "{epoch}-*.npy",
            r"0-2.npy: .*; 3 files of epoch 0 have 60 rows, but there are 57 labels \(short.npy\)$",
        ),
        ("step500-*.npy", "write {step} where the number"),
    ):
        with pytest.raises(InputError, match=message):
            import_run(ImportSource(pattern, "short.npy"), folder / "run")


def test_paths_that_are_not_there_say_what_is(folder):
    np.save("z.npy", Z)
    np.save("labels.npy", Y)
    for name in ("shards", "logs/first", "all.zarr/epoch_1"):
        (folder / name).mkdir(parents=True)
    np.save("shards/0.npy", Z)
    np.savez("all.npz", z=Z)
    (folder / "logs/first/projector_config.pbtxt").write_text("")
    for pattern, labels, message in (
        ("z.npy", "lables.npy", r"no such file: lables.npy \(--labels\); did you mean labels.npy\?"),
        (
            "shard/{epoch}.npy",
            "labels.npy",
            r"the folder shard of 'shard/{epoch}.npy' does not exist; did you mean shards\?",
        ),
        ("shards", "labels.npy", r"shards is a folder, .*write 'shards/\*.npy' for files that are joined"),
        ("all.zarr/epoch_1", "labels.npy", "in the store of arrays all.zarr; write all.zarr --key 'epoch_1'"),
        ("all.npz/z", "labels.npy", "all.npz is one store of arrays; write all.npz --key 'z'"),
        (
            "logs",
            "labels.npy",
            "logs has no projector_config.pbtxt, but folders in it do; name one: logs/first",
        ),
    ):
        with pytest.raises(InputError, match=message):
            import_run(ImportSource(pattern, labels), folder / "run")


def test_columns_of_embeddings_do_not_describe_items(folder):
    lines = [",".join(["path", *(f"dim_{at}" for at in range(8)), "camera_0", "camera_1", "label"])]
    lines += [f"a{row}.png,{','.join(map(str, z))},{row},{row + 1},{Y[row]}" for row, z in enumerate(Z)]
    (folder / "t.csv").write_text("\n".join(lines))
    run = import_run(ImportSource("t.csv", key="dim", items="t.csv"), folder / "run")
    assert list(run.items("test")) == ["path", "camera_0", "camera_1"]


def test_a_picture_that_is_missing_is_named(folder):
    np.save("z.npy", Z[:4])
    np.save("y.npy", Y[:4] * 0)
    (folder / "t.csv").write_text("path,n\n" + "".join(f"img/{row}.png,{row % 2}\n" for row in range(4)))
    (folder / "img").mkdir()
    for row in (0, 1, 3):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(f"img/{row}.png")
    with pytest.raises(
        InputError, match=r"img has no picture 'img/2.png', which row 3 of column 'path' names"
    ):
        import_run(ImportSource("z.npy", "y.npy", items="t.csv", thumbnails="img"), folder / "run")


def test_a_shard_that_one_epoch_lacks_is_named(folder):
    np.save("y.npy", Y)
    for epoch in (7, 8):
        for shard in range(3):
            np.save(f"{epoch}-{shard}.npy", Z[20 * shard : 20 * shard + 20])
    (folder / "8-1.npy").unlink()
    with pytest.raises(InputError, match=r"3 files for epoch 7 .*epoch 8 has none like 7-1.npy$"):
        import_run(ImportSource("{epoch}-*.npy", "y.npy"), folder / "run")


def test_text_as_objects_says_how_to_write_it(folder):
    np.save("z.npy", Z)
    np.save("y.npy", Y.astype(str).astype(object))
    with pytest.raises(
        InputError, match=r"y.npy: an array of Python objects; .* np.save\(FILE, y.astype\(str\)\)"
    ):
        import_run(ImportSource("z.npy", "y.npy"), folder / "run")


def test_arrays_of_one_file_without_a_number_are_named(folder):
    np.savez("all.npz", epoch_0=Z, epoch_1=Z, epoch_final=Z, label=Y)
    with pytest.warns(InputWarning, match="left out, since no number stands where .*: epoch_final$"):
        import_run(ImportSource("all.npz", key="epoch_{epoch}"), folder / "run")
    with pytest.raises(InputError, match=r"for one array per epoch write --key 'epoch_{epoch}'"):
        import_run(ImportSource("all.npz", key="epoch_*"), folder / "other")
