"""Measures ours against a peer: interleaved runs, medians, one line in history.csv."""

from __future__ import annotations

import csv
import os
import platform
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

HISTORY = Path(__file__).parent / "history.csv"
COLUMNS = (
    "date", "benchmark", "size", "peer", "peer_seconds", "our_seconds", "ratio", "machine", "path", "commit",
)  # fmt: skip


def measure(name, size, *, peer, ours, path, repeats=3, history=HISTORY):
    """Time a peer and ours in turn, print the medians and their ratio, and append them to the history.

    Parameters
    ----------
    name, size
        What is measured, and how large it is, e.g. "kmeans" and "20,000 x 512, K = 3,741".
    peer
        The peer's name and a function without arguments that runs it.
    ours
        A function without arguments. Both should have run once before on little data, so that nothing is
        compiled or loaded while the clock runs.
    path
        Floating type that ours screens in.
    repeats
        Runs of each.
    history
        CSV to append to; None: none.

    Returns
    -------
    float
        Median seconds of the peer over median seconds of ours.
    """
    label, theirs = peer
    runs = [(_seconds(theirs), _seconds(ours)) for _ in range(repeats)]
    medians = [statistics.median(column) for column in zip(*runs, strict=True)]
    ratio = medians[0] / medians[1]
    listed = ["  ".join(f"{seconds:.2f}" for seconds in column) for column in zip(*runs, strict=True)]
    print(f"{name}, {size}, {path}")
    print(f"  {label:<28} {medians[0]:8.2f} s   ({listed[0]})")
    print(f"  {'embedlens':<28} {medians[1]:8.2f} s   ({listed[1]})")
    print(f"  {'ratio':<28} {ratio:8.2f}")
    if history is not None:
        record(name, size, peer=(label, medians[0]), ours=medians[1], path=path, history=history)
    return ratio


def record(name, size, *, peer, ours, path, history=HISTORY):
    """Append a line to the history: a peer's name and seconds, our seconds, their ratio."""
    label, theirs = peer
    seconds = [f"{value:.3f}" for value in (theirs, ours)]
    today = datetime.now(UTC).date().isoformat()
    row = (today, name, size, label, *seconds, f"{theirs / ours:.2f}", machine(), path, commit())
    is_new = not history.exists()
    with history.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, row] if is_new else [row])


def _seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def machine():
    """Return the processor's name and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1] for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = " ".join(names[0].split()) if names else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def commit():
    """Return the short name of the commit that is checked out, with a plus where the tree differs from it."""
    folder = Path(__file__).parent
    answers = [
        subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", "../../embedlens"))
    ]
    return answers[0] + ("+" if answers[1] else "")
