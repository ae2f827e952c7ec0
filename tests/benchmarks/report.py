"""Size of a report, seconds until it is ready, and milliseconds until an epoch is drawn, in Chromium.

    python tests/benchmarks/report.py [small] [large] [million] [building] [--epochs 41] [--n 60502]

small: 20,000 triplets x 50 epochs, at most 12 MB and ready in under 3 s. large: 60,502 triplets x 41 epochs
of two runs, at most 60 MB; a change of the epoch is drawn by both panels in at most 150 ms, without a
graphics processor, and the bare time of reading an empty frame is measured in the same run. million:
1,000,000 triplets x 6 epochs. building: `embedlens report` against `embedlens scatter --animate` of the same
two runs of 64 dims, each in a process of its own; at most 1.3 times.

Similarities wander as those of a training do, and from epoch to epoch three items in ten change their nearest
positive, and five in ten their nearest negative.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import HISTORY, measure
from playwright.sync_api import sync_playwright

import embedlens
from embedlens.report import Dataset, Items, ReportData, RunFacts, TripletSeries, build_page

ARGUMENTS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
# Seconds of drawing, ended by reading a pixel, so that the graphics thread has done its work.
DRAWN = """async epochs => {
  const panels = embedlens.page.panels;
  const read = panel => {
    const gl = panel.canvas.getContext("webgl2");
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  };
  const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const times = { empty: [], epoch: [] };
  for (const epoch of epochs) {
    for (const [name, draw] of [["empty", () => panels.forEach(panel => {
      const gl = panel.canvas.getContext("webgl2");
      gl.clear(gl.COLOR_BUFFER_BIT);
    })], ["epoch", () => embedlens.set({ epoch })]]) {
      await new Promise(done => requestAnimationFrame(done));
      panels.forEach(read);
      const start = performance.now();
      draw();
      panels.forEach(read);
      times[name].push(performance.now() - start);
    }
    await new Promise(done => setTimeout(done, 300));
  }
  return { empty: median(times.empty), epoch: median(times.epoch) };
}"""


def series(run, n, epochs, random):
    """Triplets that wander towards (1, 0)."""
    pace = random.uniform(0.3, 1.0, n)
    part = np.linspace(0, 1, epochs)[:, None]
    s_ap = np.clip(0.45 + 0.4 * part * pace + 0.03 * random.standard_normal((epochs, n)), -1, 1)
    s_an = np.clip(0.6 - 0.15 * part * pace + 0.03 * random.standard_normal((epochs, n)), -1, 1)
    partners = []
    for fraction in (0.3, 0.5):
        rows = random.integers(n, size=(epochs, n), dtype=np.int32)
        for epoch in range(1, epochs):
            kept = random.random(n) > fraction
            rows[epoch, kept] = rows[epoch - 1, kept]
        partners.append(rows)
    numbers = {"n": n, "n_singletons": 0, "recall_at_1": 0.5, "above_diagonal": 0.5, "top_right": 0.0,
               "right_boundary": 0.0, "mean_ideal_distance": 0.5}  # fmt: skip
    return TripletSeries(run, list(range(epochs)), s_ap, s_an, *partners, [numbers] * epochs)


def report(n, epochs, runs=1):
    """A report of runs of n items in classes of five."""
    random = np.random.default_rng(0)
    items = Items("test", np.arange(n) // 5)
    facts = [
        RunFacts(f"run {run}", color) for run, color in zip(range(runs), ("#009e73", "#d55e00"), strict=False)
    ]
    several = [series(run, n, epochs, random) for run in range(runs)]
    return ReportData("benchmark", facts, [Dataset(items, None, np.arange(n), several)])


def show(name, n, epochs, runs=1):
    """Build a page, and print its size, when it is ready, and how long an epoch takes."""
    data = report(n, epochs, runs)
    started = time.perf_counter()
    text = build_page(data)
    built = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(300_000)
        page.goto(path.as_uri())
        ready = page.evaluate("embedlens.ready.then(() => performance.now())")
        epochs_drawn = np.random.default_rng(0).permutation(max(2, epochs))[:9] + 0.5
        drawn = page.evaluate(DRAWN, [float(epoch) for epoch in epochs_drawn])
        browser.close()
    print(
        f"{name}: {n:,} triplets x {epochs} epochs x {runs} run(s): {len(text) / 1e6:.1f} MB, encoded in "
        f"{built:.1f} s, ready after {ready / 1000:.2f} s, epoch drawn in {drawn['epoch']:.0f} ms "
        f"(an empty frame {drawn['empty']:.0f} ms)",
        flush=True,
    )


def building(n, epochs):
    """Compare the commands on two runs that are recorded for it."""
    random = np.random.default_rng(0)
    labels = np.arange(n) // 5
    centres = random.normal(size=(labels.max() + 1, 64)).astype(np.float32)
    noise = random.normal(size=(n, 64)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / name for name in ("one", "two")]
        for number, run in enumerate(runs):
            with embedlens.Recorder(run, labels={"test": labels}) as recorder:
                for epoch in range(epochs):
                    near = 0.3 + (0.4 + 0.1 * number) * epoch / epochs
                    recorder.record(epoch, {"test": near * centres[labels] + (1 - near) * noise})
        program = (
            [sys.executable, "-m", "embedlens_cli.main"] if not shutil.which("embedlens") else ["embedlens"]
        )

        def call(*words):
            words = [*program, *words, *map(str, runs)]
            subprocess.run(
                words, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

        call("scatter", "--epoch", "0")  # compiles the loops
        measure(
            "report of two runs", f"{epochs} epochs x {n:,} triplets x 2 runs",
            peer=("embedlens scatter --animate", lambda: call("scatter", "--animate", "--out", "figures")),
            ours=lambda: call("report", "--out", "report.html"),
            path="whole command", repeats=1, history=HISTORY,
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", default=["small", "large", "million"])
    parser.add_argument("--epochs", type=int, default=41)
    parser.add_argument("--n", type=int, default=60_502)
    options = parser.parse_args()
    if "small" in options.which:
        show("small", 20_000, 50)
    if "large" in options.which:
        show("large", options.n, options.epochs, 2)
    if "million" in options.which:
        show("million", 1_000_000, 6)
    if "building" in options.which:
        building(options.n, options.epochs)


if __name__ == "__main__":
    main()
