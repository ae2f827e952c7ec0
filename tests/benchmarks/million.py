"""Commands on a run of a million rows: wall and processor seconds, and peak resident memory of each.

    python tests/benchmarks/million.py FOLDER [--rows 1000000] [--only NAME,...] [--repeats 1]
    [--queries 2000]

Makes FOLDER/rows-N once: a run of N x 128 float16 with N / 10 classes, written block by block. Each row of
the table is a process of its own, which compiles nothing anew where the command ran before. `k-means` is the
clustering of `evaluate` alone, with as many clusters as classes. `faiss` is IndexFlatIP, k = 16, searched
for some queries and multiplied to all of them (who looks for a positive and a negative needs some
neighbours); `floor` is half of a product N x N in the type that the engine screens in, a few bands of rows
of it, multiplied likewise. The times of the last two are of the search and of the product alone, their
memory that of the process. Compressing, drawing and reading are in the times of the commands.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

DIM, SIZE, BLOCK = 128, 10, 1 << 15  # dimensions, mean items of a class, rows written at once
COMMANDS = {
    "info": ("info",),
    "spectrum": ("spectrum",),
    "scatter": ("scatter",),
    "distances": ("distances",),
    "pca-prune": ("pca-prune", "--dims", "64,32,16"),
    "evaluate": ("evaluate",),
}
PARTS = ("k-means", "faiss", "floor")
GIB = 1 << 30


def write_run(path, rows):
    """Record a run of one epoch: class centres plus noise of the same length, both of falling variance."""
    import numpy as np

    from embedlens import Recorder

    random = np.random.default_rng(0)
    labels = random.integers(0, max(2, rows // SIZE), rows)
    scale = (1 / np.sqrt(1 + np.arange(DIM) / 8)).astype(np.float32)
    scale /= np.linalg.norm(scale)
    centres = random.standard_normal((labels.max() + 1, DIM), dtype=np.float32) * scale
    with Recorder(path, labels={"test": labels}, method={"loss": "none"}, dtype="float16") as recorder:
        with recorder.epoch(0) as epoch:
            for start in range(0, rows, BLOCK):
                own = np.arange(start, min(start + BLOCK, rows))
                noise = random.standard_normal((own.size, DIM), dtype=np.float32) * scale
                epoch.add("test", own, (centres[labels[own]] + noise).astype(np.float16))


def kmeans(path, _):
    """Cluster the snapshot as `evaluate` does; return what is said of it."""
    import numpy as np

    import embedlens
    from embedlens.similarity.kmeans import kmeans as cluster

    snapshot = embedlens.open_run(path).snapshot("test")
    found = cluster(snapshot.embeddings, np.unique(snapshot.labels).size)
    return None, f"{len(found.centroids):,} clusters, inertia {found.inertia:.1f}"


def faiss(path, queries):
    """Search some rows in all of them; return the seconds that all rows would take."""
    import faiss
    import numpy as np

    import embedlens

    z = embedlens.open_run(path).snapshot("test").embeddings
    unit = np.asarray(z, np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(DIM)
    index.add(unit)
    some = np.random.default_rng(0).choice(len(unit), min(queries, len(unit)), replace=False)
    started = time.perf_counter()
    index.search(unit[some], 16)
    seconds = time.perf_counter() - started
    return seconds * len(unit) / some.size, f"{some.size:,} queries in {seconds:.1f} s"


def floor(path, queries):
    """Multiply bands of rows with all rows in tiles of 1024; return the seconds of half the product."""
    import numpy as np
    import torch

    import embedlens
    from embedlens.similarity.hardware import screen_type
    from embedlens.similarity.threads import in_parallel

    z = embedlens.open_run(path).snapshot("test").embeddings
    rows = torch.from_numpy(np.array(z)).to(getattr(torch, screen_type("cpu")))
    band = min(-(-queries // 1024) * 1024, len(rows))
    tiles = [(i, j) for i in range(0, band, 1024) for j in range(0, len(rows), 1024)]

    def multiply(tile):
        i, j = tile
        torch.mm(rows[i : i + 1024], rows[j : j + 1024].T)

    multiply(tiles[0])
    started = time.perf_counter()
    in_parallel(multiply, tiles)
    seconds = time.perf_counter() - started
    return seconds * len(rows) / band / 2, f"{screen_type('cpu')}, {band:,} rows in {seconds:.1f} s"


def measured(words):
    """Run a process; return its wall and processor seconds, its peak resident bytes, and what it printed.

    The peak is that of the largest of its processes. This process loads nothing large: a child's peak begins
    with what its parent held.
    """
    started = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, text


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join((*COMMANDS, *PARTS)))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--part", choices=("write", *PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = options.folder / f"rows-{options.rows}"
    if options.part == "write":
        write_run(path, options.rows)
        return
    if options.part:
        part = {"k-means": kmeans, "faiss": faiss, "floor": floor}[options.part]
        print(*part(path, options.queries), sep="\t")
        return
    own = [
        sys.executable,
        __file__,
        str(options.folder),
        f"--rows={options.rows}",
        f"--queries={options.queries}",
    ]
    if not path.exists():
        wall, _, peak, _ = measured([*own, "--part=write"])
        print(f"recorded in {wall:.1f} s, {peak / GIB:.2f} GiB", flush=True)
    print("| | wall, s | processor, s | peak, GiB | |\n|---|---|---|---|---|", flush=True)
    for name in options.only.split(","):
        words = COMMANDS.get(name)
        out = [] if name == "info" else ["--out", str(options.folder / "figures")]
        command = ["embedlens", words[0], str(path), *words[1:], *out] if words else [*own, f"--part={name}"]
        runs = [measured(command) for _ in range(options.repeats)]
        wall, busy, peak = (statistics.median(column) for column in list(zip(*runs, strict=True))[:3])
        note = ""
        if not words:
            scaled, note = runs[-1][3].strip().split("\t")
            wall, busy = (wall, f"{busy:.1f}") if scaled == "None" else (float(scaled), "")
        else:
            busy = f"{busy:.1f}"
        title = f"`{' '.join(words)}`" if words else name
        print(f"| {title} | {wall:.1f} | {busy} | {peak / GIB:.2f} | {note} |", flush=True)


if __name__ == "__main__":
    main()
