"""How long each command takes on a run of the demonstration, beside the import of torch and matplotlib.

    python tests/benchmarks/startup.py [RUN] [--repeats 3]

RUN is a run of `embedlens demo` (9,814 items in test), by default the newest of ./runs. The first call of
each command, which compiles loops on a new machine, does not count. Beside the wall time stands the time of
the processor, which other work on the machine changes less. The table is in docs/results/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = (
    "info", "scatter", "trajectory", "distances", "spectrum", "components", "pca-prune --dims 64,32,16",
    "curves", "verify", "sampling", "evaluate",
)  # fmt: skip
BARE = [sys.executable, "-c", "import torch, matplotlib.pyplot"]


def seconds(command):
    """Wall time and processor time of a command."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    runs = [options.run] if options.run else []
    with tempfile.TemporaryDirectory() as out:
        commands = {
            words: ["embedlens", words.split()[0], *runs, *words.split()[1:], *_to(words, out)]
            for words in COMMANDS
        }
        every = {"import torch, matplotlib.pyplot": BARE, **commands}
        for command in every.values():
            seconds(command)
        times = {name: [] for name in every}
        for _ in range(options.repeats):
            for name, command in every.items():
                times[name].append(seconds(command))
    medians = {
        name: [statistics.median(column) for column in zip(*found, strict=True)]
        for name, found in times.items()
    }
    bare = medians["import torch, matplotlib.pyplot"]
    print("| command | wall, s | processor, s | times the import |\n|---|---|---|---|")
    for name, (wall, busy) in medians.items():
        print(f"| `{name}` | {wall:.2f} | {busy:.2f} | {wall / bare[0]:.2f} ({busy / bare[1]:.2f}) |")


def _to(words, out):
    return [] if words == "info" else ["--out", out]


if __name__ == "__main__":
    main()
