"""What commands say of the data that they score or draw triplets of."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens.searches import Side, search_in
from embedlens_cli.data_warnings import COLLAPSED, collapse

COMMANDS = {
    "scatter": ["--format", "png"],
    "evaluate": [],
    "info": [],
    "pca-prune": ["--format", "png"],
    "verify": ["--format", "png"],
    "distances": ["--format", "png"],
    "trajectory": ["--format", "png", "--no-thumbnails"],
    "curves": ["--format", "png", "--metrics", "map_at_r"],
}


def narrow(z, spread=1e-4):
    """The same items, drawn together around one direction far away."""
    return (np.ones(z.shape[1]) + spread * z).astype(np.float32)


def collapsed_run(path, splits=("train", "test"), epochs=2):
    data = {split: blobs(seed=number) for number, split in enumerate(splits)}
    with embedlens.Recorder(
        path, labels={split: y for split, (_, y) in data.items()}, method={"loss": "none"}
    ) as recorder:
        for epoch in range(epochs):
            last = epoch == epochs - 1
            recorder.record(epoch, {split: narrow(z) if last else z for split, (z, _) in data.items()})
    return recorder.run


def told(result):
    return [line for line in result.err.splitlines() if "collapsed" in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_collapsed_run_is_warned_of_once_a_split_and_an_ordinary_one_is_not(cli, folder, command):
    collapsed_run(folder / "runs/close")
    done = cli(command, "close", *COMMANDS[command])
    assert done.code == 0, done.err
    lines = told(done)
    assert lines
    assert len({line.split(": the space")[0] for line in lines}) == len(lines)
    assert all(line.startswith("warning: run 'close', split 't") and "epoch 1: " in line for line in lines)
    assert all("(mean similarity of all pairs 1.000000; 0.999 or more)" in line for line in lines)
    assert any("split 'test'" in line for line in lines)
    write_run(folder / "runs/plain")
    done = cli(command, "plain", *COMMANDS[command])
    assert done.code == 0, done.err
    assert told(done) == []


def test_a_field_behind_a_collapsed_space_ends_at_the_largest_similarity(cli, folder):
    collapsed_run(folder / "runs/close", splits=("test",))
    done = cli("scatter", "close", "--field", "epshn", "--format", "png")
    assert done.code == 0, done.err
    assert len(told(done)) == 1


def test_the_program_warns_on_standard_error_and_json_stays_whole(program, folder):
    collapsed_run(folder / "runs/close")
    done = program("evaluate", "close", "--json")
    assert done.code == 0
    assert len(told(done)) == len(done.err.splitlines())
    assert "close" in done.json["summary"]


def search(z, gallery=None):
    y = np.arange(len(z)) % 3
    sides = {"query": Side.of("query", z, y)}
    if gallery is not None:
        sides["gallery"] = Side.of("gallery", gallery, np.arange(len(gallery)) % 3)
    return search_in(sides.__getitem__, ("query", None if gallery is None else "gallery"), place="here")


@pytest.mark.parametrize("spread", [1e-4, 0.02, 0.05, 0.5])
def test_the_number_is_that_of_plain_loops(spread):
    z = narrow(blobs(n=12)[0], spread)
    unit = z.astype(float) / np.linalg.norm(z.astype(float), axis=1, keepdims=True)
    mean = np.mean([unit[i] @ unit[j] for i in range(12) for j in range(i)])
    text = collapse(search(z))
    assert (text is not None) == (mean >= COLLAPSED)
    if text:
        assert f"all pairs {mean:.6f};" in text


def test_a_collapsed_gallery_is_named():
    z, _ = blobs(n=12)
    assert collapse(search(z, z[:6])) is None
    assert "all pairs of gallery 'gallery' 1.000000;" in collapse(search(z, narrow(z[:6])))


def test_what_has_no_similarity_is_told_elsewhere():
    z, _ = blobs(n=4)
    assert collapse(search(z[:1], z)) is None
    z[0] = 0
    assert collapse(search(z)) is None
