"""Shards, row numbers, steps, arrays of many epochs in one file, and labels of every form."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from support import blobs, rows_of, tree

from embedlens import InputError, open_run
from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run
from embedlens.importing.patterns import matching_names, natural
from embedlens.importing.sources import find_sources
from embedlens.moments import counts_steps

Z, Y = blobs()
CUTS = (0, 6, 20, 60)


def shards(form, epochs=2, names=(0, 2, 10)):
    """Write each epoch in three files, whose names sort otherwise than their numbers."""
    for epoch in range(epochs):
        for name, start, stop in zip(names, CUTS, CUTS[1:], strict=False):
            np.save(form.format(epoch=epoch, shard=name), (epoch + 1) * Z[start:stop])
    np.save("y.npy", Y)


def assert_epochs(run, count=2, split="test"):
    assert run.epochs() == list(range(count))
    np.testing.assert_array_equal(run.labels(split), Y)
    for epoch in range(count):
        np.testing.assert_array_equal(run.snapshot(split, epoch).embeddings, (epoch + 1) * Z)


@pytest.mark.parametrize("pattern", ["e{epoch}-{shard}.npy", "e{epoch}-*.npy", "e{epoch}-?*.npy"])
def test_shards_are_joined_in_natural_order(folder, pattern):
    shards("e{epoch}-{shard}.npy")
    run = import_run(ImportSource(pattern, "y.npy"), folder / "run")
    assert_epochs(run)
    np.save("e0.npy", Z)
    np.save("e1.npy", 2 * Z)
    whole = import_run(ImportSource("e{epoch}.npy", "y.npy"), folder / "whole")
    assert tree(run.path / "splits") == tree(whole.path / "splits")
    assert import_run(ImportSource(pattern, "y.npy"), folder / "run").epochs() == [0, 1]


def test_labels_in_shards_beside_embeddings(folder):
    for epoch in range(2):
        for shard, start, stop in ((0, 0, 6), (1, 6, 20), (10, 20, 60)):
            np.savez(f"e{epoch}_{shard}.npz", z=(epoch + 1) * Z[start:stop], label=Y[start:stop])
    assert_epochs(import_run(ImportSource("e{epoch}_{shard}.npz", key="z"), folder / "run"))


@pytest.mark.parametrize(
    ("change", "pattern", "message"),
    [
        (
            lambda: np.save("e1-3.npy", Z[:1]),
            "e{epoch}-*.npy",
            r"4 files for epoch 1 \(.*\), but 3 for epoch 0",
        ),
        (
            lambda: np.save("e0-10.npy", Z[:39]),
            "e{epoch}-{shard}.npy",
            "3 files have 59 rows, but .* 60 labels",
        ),
        (
            lambda: np.save("e0-10.npy", Z[:41]),
            "e{epoch}-{shard}.npy",
            "e0-10.npy: .* 41 rows, but 40 labels are left",
        ),
        (
            lambda: np.save("e0-010.npy", Z),
            "e{epoch}-{shard}.npy",
            "two files for epoch 0 of split 'test': e0-0?10",
        ),
        (lambda: np.save("e0-2.npy", Z[6:20, :3]), "e{epoch}-{shard}.npy", "e0-2.npy: .*3 dims; 8"),
        (
            lambda: np.save("e0-2.npy", np.full((14, 8), np.nan)),
            "e{epoch}-*.npy",
            "e0-2.npy: .*NaN .* 14 rows",
        ),
    ],
)
def test_shards_that_do_not_fit_are_named(folder, change, pattern, message):
    shards("e{epoch}-{shard}.npy")
    change()
    with pytest.raises(InputError, match=message) as caught:
        import_run(ImportSource(pattern, "y.npy"), folder / "run")
    assert "\n" not in str(caught.value)
    assert not (folder / "run").exists()


def permuted(repeat=0, lose=0, spoil=0):
    """Write two processes' shuffled rows with their numbers; some again, some not at all."""
    order = np.random.default_rng(0).permutation(60)
    order = np.append(order[lose:], order[lose : lose + repeat])
    for epoch in range(2):
        z = (epoch + 1) * Z[order]
        z[len(z) - spoil :] *= -1
        for rank in range(2):
            rows = slice(30 * rank, 30 * rank + 30 if rank == 0 else None)
            np.savez(f"e{epoch}_rank{rank}.npz", z=z[rows], y=Y[order[rows]], idx=order[rows])


def test_rows_by_their_numbers(folder):
    permuted()
    source = ImportSource("e{epoch}_rank{shard}.npz", key="z", labels_key="y", rows_key="idx")
    assert_epochs(import_run(source, folder / "run"))
    np.save("y.npy", Y)  # in the order of the rows
    source = ImportSource("e{epoch}_rank*.npz", "y.npy", key="z", rows_key="idx")
    assert_epochs(import_run(source, folder / "other"))
    with pytest.raises(InputError, match="put in order cannot be linked"):
        import_run(source, folder / "linked", link=True)


def test_rows_given_again_are_left_out_if_they_are_equal(folder):
    permuted(repeat=4)
    source = ImportSource("e{epoch}_rank{shard}.npz", key="z", labels_key="y", rows_key="idx")
    with pytest.warns(InputWarning, match="epoch 0: 4 rows given again with the same values"):
        assert_epochs(import_run(source, folder / "run"))
    permuted(repeat=4, spoil=3)
    with pytest.raises(
        InputError, match=r"e0_rank1.npz: .* 3 rows \(\d+, \d+, \d+\) given twice with different"
    ):
        import_run(source, folder / "other")


def test_rows_that_are_missing_or_out_of_range_are_named(folder):
    permuted(lose=2)
    source = ImportSource("e{epoch}_rank{shard}.npz", key="z", labels_key="y", rows_key="idx")
    with pytest.raises(InputError, match=r"e0_rank0.npz and 1 more: no label of [12] rows? \(.*\) of"):
        import_run(source, folder / "run")
    np.save("y.npy", Y)
    with pytest.raises(InputError, match=r"split 'test', epoch 0: no embedding of 2 rows \(\d+, \d+\) of 60"):
        import_run(ImportSource(source.pattern, "y.npy", key="z", rows_key="idx"), folder / "run")
    np.save("y.npy", Y[:40])
    with pytest.raises(InputError, match=r"row 5\d in 'idx', but there are 40 labels"):
        import_run(ImportSource(source.pattern, "y.npy", key="z", rows_key="idx"), folder / "run")
    np.savez("e0_rank0.npz", z=Z[:30], y=Y[:30], idx=np.arange(30) / 2)
    with pytest.raises(InputError, match=r"e0_rank0.npz: 'idx' is no list of row numbers"):
        import_run(source, folder / "run")
    assert not (folder / "run").exists()


def test_steps_are_numbered_in_order(folder):
    np.save("y.npy", Y)
    for number, step in enumerate((50, 100, 1000)):
        np.save(f"s{step}.npy", (number + 1) * Z)
        np.save(f"e1_s{step}.npy", (number + 1) * Z)
    run = import_run(ImportSource("s{step}.npy", "y.npy"), folder / "run")
    assert_epochs(run, 3)
    assert [row["step"] for row in rows_of("run/log.csv")] == ["50", "100", "1000"]
    linked = import_run(ImportSource("s{step}.npy", "y.npy"), folder / "linked", link=True)
    for one in (run, linked):
        assert counts_steps(one.pinned().epochs())
    assert tree(linked.path / "splits") == tree(run.path / "splits")
    assert rows_of("linked/log.csv") == rows_of("run/log.csv")
    run = import_run(ImportSource("e{epoch}_s{step}.npy", "y.npy"), folder / "both")
    assert [row["trained_epochs"] for row in rows_of("both/log.csv")] == ["1.0", "1.0", "1.0"]
    assert_epochs(run, 3)


def test_epochs_with_their_steps(folder):
    np.save("y.npy", Y)
    for epoch in range(2):
        np.save(f"epoch={epoch}-step={10 * epoch}.npy", (epoch + 1) * Z)
    run = import_run(ImportSource("epoch={epoch}-step={step}.npy", "y.npy"), folder / "run")
    assert_epochs(run)
    assert [row["step"] for row in rows_of("run/log.csv")] == ["0", "10"]


def test_many_epochs_in_one_archive(folder):
    arrays = {f"epoch_{epoch}": (epoch + 1) * Z for epoch in range(2)}
    np.savez("all.npz", **arrays, labels=Y)
    torch.save({name: torch.from_numpy(z) for name, z in arrays.items()} | {"labels": Y.tolist()}, "all.pt")
    for name in ("all.npz", "all.pt"):
        run = import_run(ImportSource(name, key="epoch_{epoch}"), folder / f"run-{name}")
        assert_epochs(run)
    with pytest.raises(
        InputError, match=r"choose one by its key: .*or of one array per epoch 'epoch_{epoch}'"
    ):
        import_run(ImportSource("all.npz"), folder / "run")
    with pytest.raises(
        InputError, match=r"all.npz has no array 'e_{epoch}'; it holds: epoch_0, epoch_1, labels"
    ):
        import_run(ImportSource("all.npz", key="e_{epoch}"), folder / "run")


def test_splits_in_one_archive(folder):
    np.savez("all.npz", **{f"{split}_{what}": a for split in ("a", "b") for what, a in (("z", Z), ("y", Y))})
    run = import_run(ImportSource("all.npz", key="{split}_z", labels_key="{split}_y"), folder / "run")
    assert run.splits == ("a", "b")


def test_names_of_arrays_by_a_pattern():
    names = ["train/epoch_0/z", "train/epoch_10/z", "test/epoch_0/z", "labels"]
    options = {"place": "file", "option": "--key"}
    found = matching_names("train/epoch_{epoch}", names, **options)
    assert [(name, fields["epoch"]) for name, fields in found] == [(names[0], "0"), (names[1], "10")]
    assert len(matching_names("{split}/epoch_{epoch}/z", names, **options)) == 3
    with pytest.raises(
        InputError, match="file: --key 'epoch_{epoch}/z' stands for several arrays of one epoch"
    ):
        matching_names("epoch_{epoch}/z", names, **options)


def test_natural_order():
    names = ["s10", "s2", "s1b", "s1a", "s", "t1", "02", "10"]
    assert sorted(names, key=natural) == ["02", "10", "s", "s1a", "s1b", "s2", "s10", "t1"]


def test_files_that_only_look_alike_are_not_joined(folder):
    shards("e{epoch}.npy", epochs=1)
    np.save("e00.npy", Z)
    with pytest.raises(InputError, match=r"two files for epoch 0 of split 'test': e0.npy and e00.npy"):
        find_sources("e{epoch}.npy", None, split="test")


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_one_hot_labels(folder, dtype):
    np.save("z.npy", Z)
    one_hot = np.eye(6, dtype=dtype)[Y]
    np.save("y.npy", one_hot)
    run = import_run(ImportSource("z.npy", "y.npy"), folder / "run")
    np.testing.assert_array_equal(run.labels("test"), Y)
    torch.save([torch.from_numpy(one_hot[:7]), torch.from_numpy(one_hot[7:])], "y.pt")
    run = import_run(ImportSource("z.npy", "y.pt"), folder / "batches")
    np.testing.assert_array_equal(run.labels("test"), Y)
    np.save("y.npy", Y[:, None])
    run = import_run(ImportSource("z.npy", "y.npy"), folder / "column")
    np.testing.assert_array_equal(run.labels("test"), Y)


@pytest.mark.parametrize(
    ("row", "shown"),
    [([0, 0, 0], "0.0, 0.0, 0.0"), ([0.2, 0.3, 0.5], "0.2, 0.3, 0.5")],
)
def test_labels_that_are_not_one_hot_name_the_row(folder, row, shown):
    np.save("z.npy", Z)
    one_hot = np.eye(3)[Y % 3]
    one_hot[[7, 9]] = row
    np.save("y.npy", one_hot)
    message = rf"y.npy: labels have shape \(60, 3\) and are not one-hot: row 7 is {shown}.*\(2 such rows\)"
    with pytest.raises(InputError, match=message):
        import_run(ImportSource("z.npy", "y.npy"), folder / "run")


def test_text_labels_keep_their_names_in_every_reader(folder):
    names = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])[Y]
    np.save("z.npy", Z)
    np.save("text.npy", names)
    np.save("bytes.npy", names.astype("S"))
    np.savez("text.npz", label=names, other=Y)
    torch.save(names.tolist(), "text.pt")
    np.savetxt("text.txt", names, fmt="%s")
    for file in ("text.npy", "bytes.npy", "text.npz", "text.pt", "text.txt"):
        run = import_run(ImportSource("z.npy", file), folder / f"run-{file}")
        assert list(run.info.class_names.values()) == ["ant", "bee", "cat", "dog", "eel", "fox"]
        np.testing.assert_array_equal(run.labels("test"), Y)


def test_labels_that_are_nowhere(cli, folder):
    np.save("z.npy", Z)
    done = cli("import", "z.npy", "--out", "run")
    assert done.code == 2
    assert ".npy files hold one array; give the file of labels by --labels" in done.err
    np.savez("z.npz", z=Z)
    assert "z.npz has no labels beside" in cli("import", "z.npz", "--key", "z", "--out", "run").err


def test_missing_labels_of_shards_name_their_file_and_are_dropped(folder):
    for shard, start, stop in ((0, 0, 6), (1, 6, 60)):
        names = Y[start:stop].astype(str).astype(object)
        names[2] = ""
        np.savez(f"e_{shard}.npz", z=Z[start:stop], label=names.astype(str))
    source = ImportSource("e_{shard}.npz", key="z")
    with pytest.raises(InputError, match=r"e_0.npz, row 3: the label is empty \(2 such rows\)"):
        import_run(source, folder / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = import_run(ImportSource("e_{shard}.npz", key="z", missing_label="drop"), folder / "run")
    kept = np.delete(np.arange(60), [2, 8])
    np.testing.assert_array_equal(run.snapshot("test", 0).embeddings, Z[kept])
    np.testing.assert_array_equal(run.labels("test"), Y[kept])


def test_shards_through_the_program(program, folder):
    shards("e{epoch}-{shard}.npy")
    done = program("import", "e{epoch}-{shard}.npy", "--labels", "y.npy", "--out", "run", "--json")
    assert done.code == 0, done.err
    assert done.json["summary"]["epochs"] == [0, 1]
    assert_epochs(open_run("run"))
