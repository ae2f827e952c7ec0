"""Time and memory of `drift`, all scores, and how far they are from float64 formulas.

    python tests/benchmarks/drift.py [--epochs 40] [--n 60502] [--dim 512] [--check 2] [--folder DIR]
    [--no-history]

Data: items of N / 5.35 classes whose centres move from one random place to another over the epochs, plus
noise. The run is written once (`--folder`, 5 GB at the full size) and read by the installed program, whose
time and peak memory are those of a process of its own. `--check P` compares P pairs of epochs with the
formulas on whole float64 matrices: CKA, Procrustes residual and angle. By four epochs of the full size, a
search takes 12.5 s of processor time and a pair 0.9 s, so 40 epochs about 1,250 s.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from harness import COLUMNS, HISTORY, commit, machine

import embedlens


def record(folder, epochs, n, dim, seed=0):
    """Write the run, one epoch after the other, where it is not there yet."""
    if (folder / "run.json").is_file() and len(embedlens.open_run(folder).epochs()) == epochs:
        return embedlens.open_run(folder)
    random = np.random.default_rng(seed)
    classes = max(2, int(n / 5.35))
    labels = np.sort(np.arange(n) % classes)
    start, end = random.standard_normal((2, classes, dim), dtype=np.float32)
    with embedlens.Recorder(folder, labels={"test": labels}, method={"loss": "none"}) as recorder:
        for epoch in range(epochs):
            part = np.float32(1 - 0.9**epoch)
            z = ((1 - part) * start + part * end)[labels]
            z += 0.7 * random.standard_normal((n, dim), dtype=np.float32)
            recorder.record(epoch, {"test": z})
    return recorder.run


def plain(a, b):
    """CKA, Procrustes residual and mean angle in radians, on whole float64 matrices."""
    x, y = (z.astype(np.float64) for z in (a, b))
    for z in (x, y):
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        z -= z.mean(axis=0)
    product = x.T @ y
    cka = np.linalg.norm(product) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    left, sigma, right = np.linalg.svd(product)
    residual = 2 - 2 * sigma.sum() / np.linalg.norm(x) / np.linalg.norm(y)
    x = x @ (left @ right)
    for z in (x, y):
        z /= np.linalg.norm(z, axis=1, keepdims=True)
    angle = 2 * np.arctan2(np.linalg.norm(x - y, axis=1), np.linalg.norm(x + y, axis=1))
    return {"cka": cka, "procrustes": residual, "angle": angle.mean()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--n", type=int, default=60_502)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--check", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        run = record(folder / "run", options.epochs, options.n, options.dim)
        report(run, folder, options)


def report(run, folder, options):
    """Time the program, check some pairs, and print both."""
    program = Path(sys.executable).parent / "embedlens"
    command = [str(program), "drift", str(run.path), "--out", str(folder / "figures"), "--format", "png"]
    start, before = time.perf_counter(), os.times()
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, os.times()
    spent = sum(after[2:4]) - sum(before[2:4])
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    size = f"{options.epochs} x {options.n:,} x {options.dim}"
    print(f"drift, {size}: {seconds:.0f} s, {spent:.0f} s of processor time, {memory:.2f} GiB")
    with (folder / "figures" / Path(json.loads(done.stdout)["data"][0]).name).open(newline="") as file:
        rows = {(int(row["epoch"]), int(row["other_epoch"])): row for row in csv.DictReader(file)}
    for a in range(min(options.check, options.epochs - 1)):
        b = options.epochs - 1
        wanted = plain(*(run.snapshot("test", epoch).embeddings for epoch in (a, b)))
        found = {name: float(rows[a, b][name]) for name in wanted}
        found["angle"] = np.radians(found["angle"])
        apart = {name: f"{abs(found[name] - value):.1e}" for name, value in wanted.items()}
        print(f"  epochs {a} and {b}: difference to float64 formulas {apart}")
    if not options.no_history:
        row = (datetime.now(UTC).date().isoformat(), "drift", size, "", "", f"{seconds:.1f}", "", machine())
        with HISTORY.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([*row, f"{memory:.2f} GiB", commit()])
            assert len(COLUMNS) == len(row) + 2


if __name__ == "__main__":
    main()
