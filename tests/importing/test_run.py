from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from support import blobs, tree

from embedlens import InputError
from embedlens.importing import ImportSource, import_run
from embedlens.importing.sources import find_sources

Z, Y = blobs()
NPY = ImportSource("dump/{split}_{epoch}.npy", "dump/{split}_labels.npy")


@pytest.fixture
def dump(folder):
    (folder / "dump").mkdir()
    for split, sign in (("train", 1), ("test", -1)):
        np.save(f"dump/{split}_labels.npy", Y)
        for epoch in range(3):
            np.save(f"dump/{split}_{epoch:02d}.npy", sign * (epoch + 1) * Z)
    return folder


def test_npy_by_split_and_epoch(dump):
    run = import_run(NPY, dump / "mine", method={"loss": "theirs"})
    assert run.name == "mine"
    assert run.splits == ("test", "train")
    assert run.epochs() == [0, 1, 2]
    assert run.method == {"loss": "theirs"}
    np.testing.assert_array_equal(run.snapshot("test", 1).embeddings, -2 * Z)
    np.testing.assert_array_equal(run.snapshot("train", 2).labels, Y)
    assert sorted(os.listdir(dump)) == ["dump", "mine"]


def test_one_file_is_epoch_0_of_split_test(folder):
    np.save("z.npy", Z.astype(np.float64))
    np.save("y.npy", Y)
    run = import_run(ImportSource("z.npy", "y.npy"), folder / "run", dtype="float16")
    assert (run.splits, run.epochs(), run.info.dtype) == (("test",), [0], "float16")
    np.testing.assert_array_equal(run.snapshot("test").embeddings, Z.astype(np.float16))


def test_npz_and_torch_by_key(folder):
    for epoch in (1, 10):
        np.savez(f"e{epoch}.npz", z=epoch * Z, y=Y)
        torch.save({"emb": torch.from_numpy(epoch * Z).double(), "lab": torch.from_numpy(Y)}, f"e{epoch}.pt")
        torch.save(torch.from_numpy(epoch * Z).half(), f"e{epoch}.pth")
    torch.save(torch.from_numpy(Y), "y.pt")
    sources = [
        ImportSource("e{epoch}.npz", "e{epoch}.npz", key="z", labels_key="y"),
        ImportSource("e{epoch}.pt", "e{epoch}.pt", key="emb", labels_key="lab"),
        ImportSource("e{epoch}.pth", "y.pt", split="gallery"),
    ]
    for number, source in enumerate(sources):
        run = import_run(source, folder / f"run{number}")
        assert run.epochs() == [1, 10]
        snapshot = run.snapshot(run.splits[0], 10)
        np.testing.assert_allclose(snapshot.embeddings, 10 * Z, rtol=2**-9)
        np.testing.assert_array_equal(snapshot.labels, Y)
    assert run.splits == ("gallery",)


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("y.txt", "\n".join(map(str, Y)) + "\n\n", None),
        ("y.csv", "label\n" + "\n".join(map(str, Y)), None),
        ("y.csv", "path,label\n" + "\n".join(f"p,{y}" for y in Y), None),
        ("y.csv", "path,species\n" + "\n".join(f"p,{y}" for y in Y), "species"),
    ],
)
def test_labels_as_text(folder, name, text, key):
    np.save("z.npy", Z)
    (folder / name).write_text(text)
    run = import_run(ImportSource("z.npy", name, labels_key=key), folder / "run")
    np.testing.assert_array_equal(run.labels("test"), Y)
    assert run.info.class_names == {}


def test_labels_that_are_names_are_numbered_alike_in_all_splits(folder):
    words = {"train": ["owl", "ant", "owl", "ant"], "test": ["bee", "owl", "bee", "owl"]}
    for split, names in words.items():
        np.save(f"{split}.npy", Z[:4])
        (folder / f"{split}.txt").write_text("\n".join(names))
    run = import_run(ImportSource("{split}.npy", "{split}.txt"), folder / "run")
    assert run.info.class_names == {"0": "ant", "1": "bee", "2": "owl"}
    assert run.labels("train").tolist() == [2, 0, 2, 0]
    assert run.labels("test").tolist() == [1, 2, 1, 2]


def test_linking_shares_the_file_and_copying_does_not(dump):
    linked = import_run(NPY, dump / "linked", link=True)
    copied = import_run(NPY, dump / "copied")
    assert tree(dump / "linked/splits") == tree(dump / "copied/splits")
    assert os.path.samefile("linked/splits/test/epoch-0001.npy", "dump/test_01.npy")
    assert not os.path.samefile("copied/splits/test/epoch-0001.npy", "dump/test_01.npy")
    assert linked.epochs() == copied.epochs()


def test_linking_refuses_what_needs_converting(dump):
    np.save("dump/test_01.npy", Z.astype(np.float64))
    with pytest.raises(InputError, match=r"test_01.npy is not a C-ordered float32 array"):
        import_run(NPY, dump / "mine", link=True)
    np.save("dump/test_01.npy", np.asfortranarray(Z))
    with pytest.raises(InputError, match="C-ordered"):
        import_run(NPY, dump / "mine", link=True)


def test_wildcards_and_braces(folder):
    (folder / "a[1]").mkdir()
    for name in ("x_e3_final.npy", "x_e12_final.npy", "y_e1.npy"):
        np.save(folder / "a[1]" / name, Z)
    found = find_sources("a[1]/*_e{epoch}_f?nal.npy", None, split="test")
    assert list(found) == ["test"]
    assert [moment.epoch for moment in found["test"]] == [3, 12]
    with pytest.raises(InputError, match="only {epoch}, {step}, {split} and {shard} are known"):
        find_sources("{rank}.npy", None, split="test")


class _Harm:
    def __reduce__(self):
        return (os.mkdir, ("harmed",))


def _spoil(dump, kind):
    """Break the dump in one way; return the source to import it with."""
    source = NPY
    if kind == "nothing":
        source = ImportSource("dump/{split}-{epoch}.npy", "dump/{split}_labels.npy")
    elif kind == "two files":
        np.save("dump/test_2.npy", Z)
    elif kind == "missing epoch":
        (dump / "dump/test_01.npy").unlink()
    elif kind == "nan":
        np.save("dump/test_02.npy", np.where(np.arange(60)[:, None] == 9, np.nan, Z))
    elif kind == "zero":
        np.save("dump/test_02.npy", np.where(np.arange(60)[:, None] == 9, 0, Z).astype(np.float32))
    elif kind == "integer":
        np.save("dump/test_02.npy", Y[:, None])
    elif kind == "object":
        np.save("dump/test_02.npy", Z.astype(object), allow_pickle=True)
    elif kind == "truncated":
        raw = (dump / "dump/test_02.npy").read_bytes()
        (dump / "dump/test_02.npy").write_bytes(raw[:-1])
    elif kind == "labels length":
        np.save("dump/test_labels.npy", Y[:-1])
    elif kind == "labels missing":
        (dump / "dump/test_labels.npy").unlink()
    elif kind == "no labels":
        source = ImportSource(NPY.pattern, "dump/{split}_classes.npy")
    elif kind == "float labels":
        np.save("dump/test_labels.npy", Y.astype(np.float32))
    elif kind == "key":
        np.savez("dump/a.npz", a=Z, b=Z)
        source = ImportSource("dump/a.npz", "dump/test_labels.npy")
    elif kind == "wrong key":
        np.savez("dump/a.npz", a=Z, b=Z)
        source = ImportSource("dump/a.npz", "dump/test_labels.npy", key="c")
    elif kind == "broken npz":
        (dump / "dump/a.npz").write_bytes(b"PK\x03\x04 no zip")
        source = ImportSource("dump/a.npz", "dump/test_labels.npy")
    elif kind == "object npz":
        np.savez("dump/a.npz", a=Z.astype(object))
        source = ImportSource("dump/a.npz", "dump/test_labels.npy")
    elif kind == "pickled torch":
        torch.save({"a": _Harm()}, "dump/a.pt")
        source = ImportSource("dump/a.pt", "dump/test_labels.npy")
    elif kind == "pickle":
        (dump / "dump/a.pt").write_bytes(pickle.dumps(_Harm()))
        source = ImportSource("dump/a.pt", "dump/test_labels.npy")
    elif kind == "text torch":
        torch.save("text", "dump/a.pt")
        source = ImportSource("dump/a.pt", "dump/test_labels.npy")
    elif kind == "ending":
        source = ImportSource("dump/*_labels.txt", "dump/test_labels.npy")
        (dump / "dump/a_labels.txt").write_text("1")
    elif kind == "column":
        (dump / "y.csv").write_text("a,b\n1,2\n")
        source = ImportSource("dump/test_01.npy", "y.csv")
    elif kind == "short row":
        (dump / "y.csv").write_text("a,label\n1,2\n1\n")
        source = ImportSource("dump/test_01.npy", "y.csv")
    elif kind == "binary text":
        (dump / "y.txt").write_bytes(b"\xff\xfe\x00")
        source = ImportSource("dump/test_01.npy", "y.txt")
    elif kind == "differing labels":
        np.save("dump/l_0.npy", Y)
        np.save("dump/l_1.npy", Y[::-1])
        source = ImportSource("dump/test_{epoch}.npy", "dump/l_{epoch}.npy")
    return source


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing", "matches no file"),
        ("two files", "two files for epoch 2 of split 'test': dump/test_02.npy and dump/test_2.npy"),
        ("missing epoch", "split 'test' has no file for epoch 1"),
        ("nan", "test_02.npy.*split 'test', epoch 2: row 9 holds NaN"),
        ("zero", "row 9 is a zero vector"),
        ("integer", "embeddings are int64"),
        ("object", "test_02.npy: an array of Python objects"),
        ("truncated", "test_02.npy: truncated"),
        ("labels length", "60 rows, but there are 59 labels"),
        ("labels missing", "no labels for split 'test'"),
        ("no labels", "matches no file"),
        ("float labels", "split 'test': labels are float32"),
        ("key", "holds several arrays; choose one by its key: a, b"),
        ("wrong key", "has no array 'c'; it holds: a, b"),
        ("broken npz", "is not a readable .npz"),
        ("object npz", "is not a readable .npz"),
        ("pickled torch", "is not a readable file of tensors only"),
        ("pickle", "is not a readable file of tensors only"),
        ("text torch", "holds a str; a tensor"),
        ("ending", "ends in '.txt'; arrays are read from"),
        ("column", "choose one by its key: a, b"),
        ("short row", "y.csv:3: got 1 fields, expected 2: a, label"),
        ("binary text", "is not UTF-8 text"),
        ("differing labels", "l_1.npy differ from those in dump/l_0.npy"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(dump, kind, message):
    source = _spoil(dump, kind)
    before = tree(dump)
    with pytest.raises(InputError, match=message) as caught:
        import_run(source, dump / "mine")
    assert "\n" not in str(caught.value)
    assert tree(dump) == before
    assert not (dump / "mine").exists()
    assert not (dump / "harmed").exists()


def test_an_existing_place_is_refused(dump):
    with pytest.raises(InputError, match="already exists"):
        import_run(NPY, dump / "dump")
