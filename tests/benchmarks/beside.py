"""An epoch of training beside other work: one process that never rests on each core, against a quiet machine.

    python tests/benchmarks/beside.py [--epochs 6] [--repeats 3] [--no-history]

`embedlens train --data digits --loss epshn --dim 16`, with as many threads as there are cores: its steps are
so short that threads which spin while they wait show. It runs quiet and beside the other processes in turn,
with the command line's own setting (`GOMP_SPINCOUNT`), with libgomp's default (threads spin for a while), and
with `OMP_WAIT_POLICY=PASSIVE` (threads sleep). An epoch's seconds are the median of those in log.csv.

The goal: with the command line's own setting at most three times the quiet epoch; where it is missed, the
script ends with status 1. The numbers mean something on an otherwise quiet machine alone.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness import HISTORY, record

GOAL = 3.0
SETTINGS = {
    "the command line's own": {},
    "libgomp's default": {"GOMP_SPINCOUNT": "300000"},
    "sleep (PASSIVE)": {"OMP_WAIT_POLICY": "PASSIVE"},
}


def never_rest():
    """Count for ever."""
    count = 0
    while True:
        count += 1


@contextmanager
def other_work(processes):
    """Keep some cores busy."""
    started = [multiprocessing.Process(target=never_rest, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.join()


def epoch_seconds(setting, *, epochs, threads):
    """Train once; return the seconds of each epoch."""
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    program = Path(sys.executable).parent / "embedlens"
    words = f"train --data digits --loss epshn --dim 16 --epochs {epochs} --threads {threads} --out run"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [program, *words.split()],
            cwd=folder, env=environment | setting, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with (Path(folder) / "run/log.csv").open(newline="") as file:
            return [float(row["seconds"]) for row in csv.DictReader(file) if row["epoch"] != "0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    seconds = {(name, busy): [] for name in SETTINGS for busy in (0, cores)}
    for _ in range(options.repeats):
        for name, busy in seconds:
            with other_work(busy):
                seconds[name, busy] += epoch_seconds(SETTINGS[name], epochs=options.epochs, threads=cores)
    print(
        f"an epoch of digits, {cores} threads, beside {cores} busy processes (load {os.getloadavg()[0]:.1f})"
    )
    for name in SETTINGS:
        quiet, beside = (statistics.median(seconds[name, busy]) for busy in (0, cores))
        print(f"  {name:<24} quiet {quiet:.3f} s, beside {beside:.3f} s, {beside / quiet:.2f} times")
        if not options.no_history:
            record("train beside other work", f"digits, {name}", peer=("quiet", quiet), ours=beside,
                   path=f"{cores} threads", history=HISTORY)  # fmt: skip
    own = [statistics.median(seconds["the command line's own", busy]) for busy in (0, cores)]
    if own[1] > GOAL * own[0]:
        sys.exit(f"missed: at most {GOAL:g} times was the goal")


if __name__ == "__main__":
    main()
