"""What tests share: small runs, a plain-loop reference, and how a refusal looks."""

from __future__ import annotations

import csv
import importlib
import itertools
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

import embedlens

DEVICE = os.environ.get("EMBEDLENS_TEST_DEVICE", "cpu")
"""Where tests of the engine compute; `EMBEDLENS_TEST_DEVICE=cuda pytest tests/similarity` uses a GPU."""


def blobs(n=60, dim=8, classes=6, spread=0.5, seed=0):
    """Embeddings of a few noisy classes, float32 [n, dim], and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = random.normal(size=(classes, dim))
    return (centres[labels] + spread * random.normal(size=(n, dim))).astype(np.float32), labels


def brute_force(z, y):
    """S_ap, S_an, positive and negative of every anchor, by plain loops over all pairs in float64."""
    z = [[float(value) for value in row] for row in np.asarray(z, dtype=np.float64)]
    norms = [sum(value * value for value in row) ** 0.5 for row in z]
    rows = []
    for i, a in enumerate(z):
        best = {True: (-2.0, -1), False: (-2.0, -1)}
        for j, b in enumerate(z):
            if i != j:
                s = sum(p * q for p, q in zip(a, b, strict=True)) / (norms[i] * norms[j])
                same = bool(y[i] == y[j])
                if s > best[same][0]:
                    best[same] = (s, j)
        if best[True][1] >= 0:
            rows.append((i, best[True], best[False]))
    return rows


def unit(z):
    """Rows [n, D] scaled to length 1, float64."""
    z = np.asarray(z, dtype=np.float64)
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def cosine(z, a, b):
    """Cosine similarity of two rows, in float64."""
    z = np.asarray(z, dtype=np.float64)
    return z[a] @ z[b] / np.sqrt((z[a] @ z[a]) * (z[b] @ z[b]))


def distances_of_pairs(z, y):
    """Distances of genuine and of impostor pairs of normalised rows, by a plain loop."""
    rows, found = unit(z), {True: [], False: []}
    for i, j in itertools.combinations(range(len(rows)), 2):
        found[bool(y[i] == y[j])].append(float(np.linalg.norm(rows[i] - rows[j])))
    return np.array(found[True]), np.array(found[False])


def write_run(path, *, epochs=3, splits=("train", "test"), n=60, seed=0, **options):
    """Record a run whose classes draw together from epoch to epoch."""
    data = {split: blobs(n=n, seed=seed + number) for number, split in enumerate(splits)}
    labels = {split: y for split, (_, y) in data.items()}
    with embedlens.Recorder(
        path, labels=labels, method={"loss": "none", "seed": seed}, **options
    ) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {split: _drawn(z, y, epoch) for split, (z, y) in data.items()})
    return recorder.run


def _drawn(z, y, epoch):
    centres = np.stack([z[y == label].mean(axis=0) for label in np.unique(y)])
    fraction = epoch / (epoch + 1)
    return fraction * centres[y] + (1 - fraction) * z


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def entry_point():
    """Path of the installed `embedlens` program."""
    return str(Path(sys.executable).parent / "embedlens")


def assert_refused(result, *parts):
    """Bad input: exit 2, one line on standard error that says what is wrong, nothing on standard output."""
    assert result.code == 2, result
    assert result.out == ""
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("embedlens: ")
    for part in parts:
        assert part in lines[0]


def once(*line):
    """A command line in which an option that is given again replaces the one before."""
    groups = [[]]
    for word in line:
        if str(word).startswith("--"):
            groups.append([])
        groups[-1].append(word)
    return [word for group in {str(group[:1]): group for group in groups}.values() for word in group]


def tree(folder):
    """All files below a folder: relative path -> bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def rows_of(path):
    """The rows of a CSV file, each a dict by column."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sidecar_of(path):
    """What the JSON file beside a figure or table says."""
    return json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))


def read_mp4(path, size):
    """All frames of an MP4 of that exact size (w, h), uint8 [n, h, w, 3]."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "info", "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    assert f"{size[0]}x{size[1]}" in done.stderr.decode()
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], 3)


def optional(library):
    """A library that only some uses need; without it the tests of a module are skipped.

    Where EMBEDLENS_TEST_OPTIONAL says that every library is there, they fail.
    """
    if os.environ.get("EMBEDLENS_TEST_OPTIONAL"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as pytest.importorskip
            return importlib.import_module(library)
    return pytest.importorskip(library)
