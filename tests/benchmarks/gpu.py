"""Everything that a GPU computes, in one run of at most eight minutes.

    python tests/benchmarks/gpu.py [--minutes 8] [--out FOLDER] [--device cuda] [--small]

1. The tests of the engine, with tiles on the GPU (`EMBEDLENS_TEST_DEVICE`).
2. `embedlens train` on glyphs: two epochs in bfloat16; one of a timm ResNet-50 without pretrained weights.
3. Nearest positive and negative at 60,502 x 512 and at 1,000,000 x 512, exact, beside torch's products of
   blocks and `topk` on the same GPU (k = 16, in bfloat16 and float32), and half the product alone. The shares
   of equal nearest items are printed.
4. k-means and pruned Recall@1 at 60,502 x 512, on the GPU and on the processor.

Each part has its share of the time; what does not fit is skipped and said. Output and seconds of each part
stand in FOLDER (gpu.json, *.log). `--small` makes everything tiny, so that `--device cpu` tries the script
itself. Goal: 1,000,000 x 512 in under 10 s on one H200.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from engine import products

from embedlens.analysis import pruning
from embedlens.similarity import nearest
from embedlens.similarity.kmeans import kmeans

TOP = Path(__file__).resolve().parents[2]
BLOCK = 4096


class Clock:
    """What is left of the time, and what each part took."""

    def __init__(self, seconds, folder):
        self.until, self.folder, self.facts = time.monotonic() + seconds, folder, {}

    def note(self, name, **facts):
        """Print facts of a part, and keep them."""
        self.facts[name] = facts
        print(name, json.dumps(facts), flush=True)
        (self.folder / "gpu.json").write_text(json.dumps(self.facts, indent=1) + "\n")

    def has(self, name, seconds):
        """Return whether a part that may take some seconds still fits."""
        if time.monotonic() + seconds <= self.until:
            return True
        self.note(name, skipped=f"less than {seconds} s are left")
        return False

    def program(self, name, words, *, limit, **environment):
        """Run a program with a limit of seconds; its output goes to a file."""
        limit = min(limit, self.until - time.monotonic())
        if limit < 10:
            self.note(name, skipped="no time is left")
            return
        start = time.monotonic()
        with (self.folder / f"{name}.log").open("w") as log:
            try:
                code = subprocess.run(
                    words, cwd=TOP, env={**os.environ, **environment}, timeout=limit, check=False,
                    stdout=log, stderr=subprocess.STDOUT,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                code = f"stopped after {limit:.0f} s"
        tail = (self.folder / f"{name}.log").read_text().splitlines()[-1:]
        self.note(name, code=code, seconds=round(time.monotonic() - start, 2), last=tail)


def wait(device):
    """Wait for the GPU."""
    if device != "cpu":
        torch.cuda.synchronize()


def timed(function, device):
    """Return an answer and its seconds."""
    wait(device)
    start = time.monotonic()
    answer = function()
    wait(device)
    return answer, time.monotonic() - start


def topk(unit, device, dtype, *, k=16):
    """The plain way: blocks of rows times all rows, and the k largest of each; the nearest other item."""
    rows = torch.from_numpy(unit).to(device, dtype)
    best = []
    for start in range(0, len(rows), BLOCK):
        value, index = (rows[start : start + BLOCK] @ rows.T).topk(k)
        own = torch.arange(start, start + len(index), device=device)[:, None]
        value[index == own] = -2
        best.append(index.gather(1, value.argmax(1, keepdim=True))[:, 0])
    return torch.cat(best).cpu().numpy()


def product_seconds(unit, device):
    """Seconds of half the matrix of products in bfloat16, with nothing done to it."""
    rows = torch.from_numpy(unit).to(device, torch.bfloat16)

    def multiply():
        for start in range(0, len(rows), BLOCK):
            _ = rows[start : start + BLOCK] @ rows[start:].T

    multiply()
    return timed(multiply, device)[1]


def search(clock, n, device, *, repeats):
    """Nearest positives and negatives of n x 512, beside torch's own product and topk."""
    z, labels = products(n, 512, 2.5)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    runs = [timed(lambda: nearest(z, labels, device=device), device) for _ in range(repeats)]
    positive, negative = runs[0][0]
    facts = {"ours": [round(seconds, 3) for _, seconds in runs], "product": product_seconds(unit, device)}
    clock.note(f"nearest {n} x 512", **facts)
    for dtype in (torch.bfloat16, torch.float32):
        name = str(dtype).removeprefix("torch.")
        if not clock.has(f"topk {n} {name}", 90 if n > 200_000 else 10):
            continue
        facts[f"topk {name}"] = []
        for _ in range(repeats):
            theirs, seconds = timed(lambda dtype=dtype: topk(unit, device, dtype), device)
            facts[f"topk {name}"].append(round(seconds, 3))
        ours = np.where(
            np.nan_to_num(positive.similarity, nan=-2) > negative.similarity, positive.index, negative.index
        )
        facts[f"same nearest item as topk {name}"] = float(np.mean(ours == theirs))
        clock.note(f"nearest {n} x 512", **facts)


def others(clock, n, device):
    """k-means and pruned recalls on the GPU and on the processor."""
    z, labels = products(n, 512, 2.5)
    for where in dict.fromkeys((device, "cpu")):
        if clock.has(f"k-means {where}", 60):
            _, seconds = timed(lambda w=where: kmeans(z, int(labels.max()) + 1, seed=0, device=w), device)
            clock.note(f"k-means {n} x 512, {labels.max() + 1} clusters, {where}", seconds=seconds)
        if clock.has(f"pruning {where}", 60):
            _, seconds = timed(
                lambda w=where: pruning.pruned_recall(z, labels, [256, 64, 16], device=w), device
            )
            clock.note(f"pruned recall {n} x 512, {where}", seconds=seconds)


def train(clock, name, words, device, *, limit):
    """Train by the program."""
    program = [str(Path(sys.executable).parent / "embedlens"), "train", *words.split(), "--device", device]
    clock.program(name, [*program, "--out", str(clock.folder / "runs" / name)], limit=limit)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--out", type=Path, default=Path("gpu"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device, small = options.device, options.small
    options.out.mkdir(parents=True, exist_ok=True)
    clock = Clock(60 * options.minutes, options.out.resolve())
    if device != "cpu":
        clock.note("machine", gpu=torch.cuda.get_device_name(), torch=torch.__version__, cores=os.cpu_count())
    nearest(*products(3000, 512, 2.5), device=device)  # compiles loops
    search(clock, 2000 if small else 60_502, device, repeats=3)
    if clock.has("nearest 1,000,000 x 512", 90):
        search(clock, 5000 if small else 1_000_000, device, repeats=1 if small else 2)
    tests = "tests/similarity/test_hardware.py" if small else "tests/similarity"
    clock.program("tests", [sys.executable, "-m", "pytest", "-q", "-n", "4", tests], limit=150,
                  EMBEDLENS_TEST_DEVICE=device)  # fmt: skip
    few = "--data digits --epochs 1 --dim 16" if small else "--data glyphs --epochs 2 --precision bfloat16"
    train(clock, "train-small", few, device, limit=90)
    if not small:
        deep = "--data glyphs --epochs 1 --backbone timm:resnet50 --no-pretrained --precision bfloat16"
        train(clock, "train-resnet50", deep, device, limit=120)
    others(clock, 2000 if small else 60_502, device)


if __name__ == "__main__":
    main()
