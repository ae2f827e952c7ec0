"""What --no-title and --no-text leave out is left out of animations too."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import read_mp4, write_run

from embedlens.figures.layout.canvas import Figure

QUICK = ["--perplexity", "5", "--n-iter", "20", "--early-exaggeration-iter", "10"]
COMMANDS = {"scatter": [], "tsne": QUICK}


@pytest.fixture
def run(folder):
    write_run(folder / "runs/a", epochs=3)


def _texts(figure):
    """What a figure shows of titles and statistics."""
    corners = [text for axes in figure.axes for text in axes.texts if text.get_gid() in ("numbers", "n")]
    titles = [title for axes in figure.axes for title in (axes.title, axes._left_title, axes._right_title)]
    shown = [text for text in (*figure.texts, *titles, *corners) if text.get_visible() and text.get_text()]
    return [text.get_text() for text in shown if text.get_window_extent().width]


def _frames(path):
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            yield np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_frame_has_a_title_or_statistics(cli, run, monkeypatch, command):
    told = []
    original = Figure.draw

    def draw(figure, renderer):
        original(figure, renderer)
        told.append(_texts(figure))

    monkeypatch.setattr(Figure, "draw", draw)
    words = [command, "a", "--split", "test", "--animate", "--format", "png", *COMMANDS[command], "--json"]
    usual = cli(*words, "--out", "o")
    assert usual.code == 0, usual.err
    assert any(any("n = 60" in text for text in texts) for texts in told)
    assert any(any("epoch 2" in text for text in texts) for texts in told)
    told.clear()
    bare = cli(*words, "--out", "o2", "--no-title", "--no-text")
    assert bare.code == 0, bare.err
    assert told
    # the strip keeps the epochs, which tell its panels apart
    assert {text for texts in told for text in texts} <= {f"epoch {number}" for number in range(3)}
    gifs, films = (
        [next(path for path in done.json["figures"] if path.endswith(ending)) for done in (usual, bare)]
        for ending in (".gif", ".mp4")
    )
    usual_frames, bare_frames = ([*_frames(path)] for path in gifs)
    assert len(bare_frames) == len(usual_frames) == 3
    # without its heading a frame is lower by it
    assert all(
        before.shape[0] > after.shape[0] and before.shape[1] == after.shape[1]
        for before, after in zip(usual_frames, bare_frames, strict=True)
    )
    shown = read_mp4(films[1], bare_frames[0].shape[1::-1])
    assert np.abs(shown.astype(int) - np.stack(bare_frames)).mean() < 3


def test_a_title_that_tells_runs_apart_stays(cli, folder, run, monkeypatch):
    write_run(folder / "runs/b", epochs=2, seed=1)
    told = []
    original = Figure.draw

    def draw(figure, renderer):
        original(figure, renderer)
        told.append(_texts(figure))

    monkeypatch.setattr(Figure, "draw", draw)
    words = ["--split", "test", "--animate", "--format", "png", "--no-title", "--no-text"]
    assert cli("scatter", "a", "b", *words, "--out", "o").code == 0
    film = [texts for texts in told if any(text.startswith("a, test") for text in texts)]
    assert film
    assert all(len(texts) == 2 and texts[1].startswith("b, test") for texts in film)
