from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, tree, write_run

import embedlens
from embedlens import InputError, Recorder
from embedlens.store.concat import concatenate


def cosines(z):
    unit = z.astype(np.float64) / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
    return unit @ unit.T


def parts(folder, dims=(8, 5, 3), **options):
    """Runs of other dims on the same items."""
    _, y = blobs()
    runs = []
    for number, dim in enumerate(dims):
        random = np.random.default_rng(number)
        recorder = Recorder(folder / f"part{number}", labels={"test": y}, **options)
        for epoch in range(2):
            recorder.record(epoch, {"test": random.normal(size=(60, dim)) * 10.0**number})
        runs.append(recorder.run)
    return runs


@pytest.mark.parametrize("weights", [None, [1, 1, 1], [1, 2, 5], [0.3, 1e-3, 0.1]])
def test_the_cosine_is_the_weighted_mean_of_the_parts(tmp_path, weights):
    runs = parts(tmp_path)
    joined = concatenate(runs, tmp_path / "joined", weights=weights)
    share = np.array(weights or [1, 1, 1]) / sum(weights or [1, 1, 1])
    assert joined.epochs() == [0, 1]
    for epoch in (0, 1):
        z = joined.snapshot("test", epoch).embeddings
        assert z.shape == (60, 16)
        assert z.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-6)
        mean = sum(
            w * cosines(run.snapshot("test", epoch).embeddings) for w, run in zip(share, runs, strict=True)
        )
        np.testing.assert_allclose(cosines(z), mean, atol=1e-6)
    assert joined.info.slices == [[0, 8], [8, 13], [13, 16]]
    for run, (start, stop), w in zip(runs, joined.info.slices, share, strict=True):
        piece = joined.snapshot("test").embeddings[:, start:stop]
        np.testing.assert_allclose(cosines(piece), cosines(run.snapshot("test").embeddings), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(piece, axis=1), np.sqrt(w), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_lengths_rotations_and_the_scale_of_the_weights_change_nothing(tmp_path_factory, scale, seed):
    folder = tmp_path_factory.mktemp("runs")
    runs = parts(folder, dims=(4, 3))
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(4, 4)))[0]
    z = runs[0].snapshot("test").embeddings @ turn * random.uniform(0.1, 9, size=(60, 1))
    recorder = Recorder(folder / "turned", labels={"test": runs[0].labels("test")})
    recorder.record(1, {"test": z})
    one = concatenate(runs, folder / "one", weights=[1, 3], epochs={1: [1, 1]})
    other = concatenate(
        [recorder.run, runs[1]], folder / "other", weights=[scale, 3 * scale], epochs={1: [1, 1]}
    )
    np.testing.assert_allclose(
        cosines(one.snapshot("test").embeddings), cosines(other.snapshot("test").embeddings), atol=1e-6
    )


def test_recall_of_two_equal_runs_is_that_of_one(tmp_path):
    runs = [write_run(tmp_path / name) for name in ("a", "b")]
    joined = concatenate(runs, tmp_path / "joined")
    recall = embedlens.analysis.retrieval.recall_at_k
    z, y = joined.snapshot("test").embeddings, joined.labels("test")
    assert recall(z, y, [1, 2]) == recall(runs[0].snapshot("test").embeddings, y, [1, 2])


def test_large_splits_are_joined_by_blocks(tmp_path, monkeypatch):
    runs = parts(tmp_path)
    whole = concatenate(runs, tmp_path / "whole")
    monkeypatch.setattr(embedlens.store.concat, "_BLOCK_VALUES", 100)
    pieces = concatenate(runs, tmp_path / "pieces")
    for epoch in (0, 1):
        np.testing.assert_array_equal(
            whole.snapshot("test", epoch).embeddings, pieces.snapshot("test", epoch).embeddings
        )


def test_what_describes_the_items_is_carried_over(tmp_path):
    z, y = blobs()
    names = {
        "query": {"name": [f"q{i}" for i in range(60)]},
        "gallery": {"name": [f"g{i}" for i in range(60)]},
    }
    pictures = np.random.default_rng(0).integers(0, 255, (60, 4, 4)).astype(np.uint8)
    options = {
        "labels": {"query": y, "gallery": y}, "items": names, "query_gallery": {"query": "gallery"},
        "dtype": "float16",
    }  # fmt: skip
    first = Recorder(
        tmp_path / "a", **options, class_names={0: "zero"}, pretrained={"query": z, "gallery": z}
    )
    second = Recorder(
        tmp_path / "b", **options, class_names={0: "nought", 1: "one"}, thumbnails={"query": pictures},
        pretrained={"query": z, "gallery": z[:, :3]},
    )  # fmt: skip
    for recorder in (first, second):
        recorder.record(4, {"query": z, "gallery": z + 1})
    joined = concatenate([first.run, second.run], tmp_path / "joined", weights=[1, 3])
    assert joined.name == "joined"
    assert joined.info.dtype == "float16"
    assert joined.splits == ("query", "gallery")
    assert joined.items("query") == names["query"]
    assert joined.info.class_names == {"0": "zero", "1": "one"}
    assert joined.info.query_gallery == [["query", "gallery"]]
    np.testing.assert_array_equal(joined.thumbnails("query"), pictures)
    assert joined.thumbnails("gallery") is None
    np.testing.assert_array_equal(joined.pretrained("query"), z)  # equal in both: once
    assert joined.pretrained("gallery").shape == (60, 11)
    mean = (cosines(z) + 3 * cosines(z[:, :3])) / 4
    np.testing.assert_allclose(cosines(joined.pretrained("gallery")), mean, atol=1e-6)
    assert joined.method == {
        "method": "concat", "parts": ["a", "b"], "weights": [1.0, 3.0],
        "paths": [(tmp_path / "a").as_posix(), (tmp_path / "b").as_posix()],
    }  # fmt: skip
    only = concatenate([first.run, second.run], tmp_path / "only", splits=["query"])
    assert only.splits == ("query",)
    assert only.info.query_gallery == []


def test_pretrained_features_that_one_part_lacks_are_left_out(tmp_path):
    z, y = blobs()
    runs = []
    for name, features in (("a", {"test": z}), ("b", {})):
        recorder = Recorder(tmp_path / name, labels={"test": y}, pretrained=features)
        recorder.record(0, {"test": z})
        runs.append(recorder.run)
    assert concatenate(runs, tmp_path / "joined").pretrained("test") is None


def test_epochs_that_all_have_or_one_of_each(tmp_path):
    runs = [write_run(tmp_path / "a", epochs=4), write_run(tmp_path / "b", epochs=2)]
    assert concatenate(runs, tmp_path / "shared").epochs() == [0, 1]
    last = concatenate(runs, tmp_path / "last", epochs={3: [3, 1]})
    assert last.epochs() == [3]
    assert last.method["part_epochs"] == {"3": [3, 1]}
    mean = (
        sum(cosines(run.snapshot("test", epoch).embeddings) for run, epoch in zip(runs, (3, 1), strict=True))
        / 2
    )
    np.testing.assert_allclose(cosines(last.snapshot("test").embeddings), mean, atol=1e-6)


def test_splits_of_other_items_are_left_out(tmp_path):
    z, y = blobs()
    runs = []
    for name, order in (("a", y), ("b", y[::-1])):
        recorder = Recorder(tmp_path / name, labels={"train": order, "test": y})
        recorder.record(0, {"train": z, "test": z})
        runs.append(recorder.run)
    assert concatenate(runs, tmp_path / "joined").splits == ("test",)
    with pytest.raises(InputError, match="unknown split with the same items in all runs 'train'"):
        concatenate(runs, tmp_path / "other", splits=["train"])


def test_what_is_refused_leaves_nothing(tmp_path):
    runs = parts(tmp_path)
    other = write_run(tmp_path / "other", n=66)
    empty = Recorder(tmp_path / "empty", labels={"test": runs[0].labels("test")}).run
    late = Recorder(tmp_path / "late", labels={"test": runs[0].labels("test")})
    late.record(9, {"test": blobs()[0]})
    before = tree(tmp_path)
    for given_runs, options, message in (
        (runs[:1], {}, "two different runs or more are joined; got 1"),
        ([*runs[:2], other], {}, "share no split with the same items; runs on the same data"),
        (runs, {"weights": [1, 2]}, "3 runs need 3 weights, in their order; got 2"),
        (runs, {"weights": [1, 0, 2]}, "weight 0; a number above 0"),
        (runs, {"weights": [1, -1, 2]}, "weight -1; a number above 0"),
        (runs, {"weights": [1, float("nan"), 2]}, "weight nan"),
        (runs, {"weights": [1, float("inf"), 2]}, "weight inf"),
        ([runs[0], empty], {}, r"share no epoch \('part0' has 2 from 0 to 1; 'empty' has none\)"),
        ([runs[0], late.run], {}, r"'late' has 9\); --epoch last"),
    ):
        with pytest.raises(InputError, match=message):
            concatenate(given_runs, tmp_path / "joined", **options)
    with pytest.raises(InputError, match=r"part0 already exists; choose another --out"):
        concatenate(runs, tmp_path / "part0")
    assert tree(tmp_path) == before
    assert not (tmp_path / "joined").exists()


def test_a_snapshot_that_cannot_be_read_leaves_nothing(tmp_path):
    runs = parts(tmp_path)
    file = tmp_path / "part2/splits/test/epoch-0001.npy"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="truncated"):
        concatenate(runs, tmp_path / "joined")
    assert not [path for path in tmp_path.iterdir() if "joined" in path.name]


def test_slices_stand_in_run_json_and_end_at_dim(tmp_path):
    z, y = blobs()
    recorder = Recorder(tmp_path / "run", labels={"test": y}, slices=[(0, 3), (3, 8)])
    recorder.record(0, {"test": z})
    assert embedlens.open_run(tmp_path / "run").info.slices == [[0, 3], [3, 8]]
    short = Recorder(tmp_path / "short", labels={"test": y}, slices=[(0, 3), (3, 7)])
    with pytest.raises(InputError, match="slices end at 7, but the embeddings have 8 dims"):
        short.record(0, {"test": z})
    assert short.run.epochs() == []


@pytest.mark.parametrize(
    "slices", [[(1, 3)], [(0, 3), (4, 8)], [(0, 0)], [(0, 3), (3, 2)], [(0, 1.5)], [3, 5], [(0, 1, 2)]]
)
def test_slices_that_are_none(tmp_path, slices):
    with pytest.raises(InputError, match=r"slices are .* that follow one another from 0 are needed"):
        Recorder(tmp_path / "run", labels={"test": blobs()[1]}, slices=slices)


def test_what_a_recorder_killed_before_run_json_left_is_begun_anew(tmp_path):
    z, y = blobs()
    pictures = {"test": np.zeros((60, 4, 4), np.uint8)}
    Recorder(tmp_path / "run", labels={"test": y}, thumbnails=pictures)
    (tmp_path / "run/run.json").unlink()
    (tmp_path / "run/splits/test/.items.csv.1.partial").touch()
    (tmp_path / "run/.run.json.1.partial").touch()
    recorder = Recorder(tmp_path / "run", labels={"test": y})
    recorder.record(0, {"test": z})
    assert recorder.run.thumbnails("test") is None
    assert not list((tmp_path / "run").rglob("*.partial"))
    for kept in ("notes.txt", "splits/test/mine.npy", "splits/test/epoch-0000.npy", "other/labels.npy"):
        place = tmp_path / "theirs" / kept
        place.parent.mkdir(parents=True)
        place.touch()
        with pytest.raises(InputError, match="already exists"):
            Recorder(tmp_path / "theirs", labels={"test": y})
        assert place.exists()
        place.unlink()
        for folder in sorted((tmp_path / "theirs").rglob("*"), reverse=True):
            folder.rmdir()
        (tmp_path / "theirs").rmdir()
