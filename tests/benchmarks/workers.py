"""Two workers against one process, with one thread each, for the epochs of a run.

    python tests/benchmarks/workers.py [--n 20000] [--dim 128] [--epochs 8] [--repeats 3] [--no-history]

Whole commands are timed, from the start of the program to its end, in turn: `evaluate --epoch all`, and
`scatter --epoch all`, whose snapshots take so little time that starting workers counts. Beside the wall time
stands the processor time of all processes together, which tells on a busy machine what workers cost. The
tables are compared in the same run. On a machine with fewer than two idle cores the ratio says nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import HISTORY, measure

import embedlens

_PR_SET_CHILD_SUBREAPER = 36  # of prctl: processes whose parent has ended become children of this one
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "EMBEDLENS_RUNS": "runs"}


def record(folder, *, n, dim, epochs):
    """Record a run whose classes draw together from epoch to epoch."""
    random, labels = np.random.default_rng(0), np.arange(n) % (n // 20)
    centres = random.normal(size=(n // 20, dim))
    with embedlens.Recorder(folder / "runs/mine", labels={"test": labels}) as recorder:
        for epoch in range(epochs):
            noise = random.normal(size=(n, dim))
            recorder.record(epoch, {"test": (centres[labels] * epoch / epochs + noise).astype(np.float32)})


def run(folder, words, workers):
    """Run a command."""
    program = [str(Path(sys.executable).parent / "embedlens"), *words, "--workers", str(workers)]
    subprocess.run(
        [*program, "--out", f"out{workers}"],
        cwd=folder, env=ONE_THREAD, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def busy(folder, words, workers):
    """Run a command; return the processor seconds of all its processes."""
    reap()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(folder, words, workers)
    reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def reap():
    """Wait for the servers of workers, which end after their program."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def tables(folder):
    """The bytes of the tables that a command wrote."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        record(folder, n=options.n, dim=options.dim, epochs=options.epochs)
        for words in (["evaluate", "mine", "--epoch", "all"], ["scatter", "mine", "--epoch", "all"]):
            run(folder, [words[0], "mine", "--epoch", "0"], 3)  # compiles loops where they are not kept yet
            measure(
                f"workers, {words[0]}",
                f"{options.epochs} epochs of {options.n:,} x {options.dim}",
                peer=("one process, one thread", lambda words=words: run(folder, words, 0)),
                ours=lambda words=words: run(folder, words, 2),
                path="two workers of one thread",
                repeats=options.repeats,
                history=None if options.no_history else HISTORY,
            )
            alone, two_workers = (busy(folder, words, workers) for workers in (0, 2))
            print(f"  processor time {alone:.2f} s alone, {two_workers:.2f} s with two workers")
            one, two = tables(folder / "out0"), tables(folder / "out2")
            assert one == two
            print(f"  the same bytes in {len(one)} table(s)")


if __name__ == "__main__":
    main()
