"""An animated triplet scatter as GIF, against FuncAnimation with PillowWriter drawing the same figure.

    python tests/benchmarks/animation.py [--epochs 40] [--n 60502] [--repeats 3] [--no-history]

Data: two panels of n dots each whose clouds wander towards (1, 0) over the epochs. The peer is written as a
user who knows matplotlib would write it: the figure is made and laid out once (it is that of our film, with
the statistics where no frame has dots), and each frame updates the artists (offsets of the dots, paths of the
contours, text). Ours is
what `embedlens scatter --animate` calls. Both get the triplets, and both end with a file. What is drawn is
compared in the same run: our picture of a frame, before it becomes a GIF, is matplotlib's own; and how far
each file is from it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np
from harness import HISTORY, measure
from matplotlib.animation import FuncAnimation, PillowWriter
from PIL import Image

from embedlens.analysis.triplets.nearest import Triplets
from embedlens.figures.export.animation import DPI, render, write_gif
from embedlens.figures.export.film import Film
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, frames_of, update_figure

FPS = 2.0


def cloud(n, share, seed):
    """Return n dots that have gone a share of their way."""
    random = np.random.default_rng(seed)
    noise, pace = random.standard_normal((2, n)), random.uniform(0.3, 1.0, n)
    s_ap = np.clip(0.45 + 0.35 * share * pace + (0.15 - 0.05 * share) * noise[0], -1, 1)
    s_an = np.clip(0.55 - 0.15 * share * pace + 0.12 * noise[1], -1, 1)
    rows = np.arange(n)
    return Triplets(rows, rows, rows, s_ap, s_an, 0)


def theirs(frames, path):
    """Write the GIF by FuncAnimation."""
    film = Film(frames)
    figure = film._figure

    def update(epoch):
        update_figure(figure, frames[epoch], scale=film.scale)

    animation = FuncAnimation(figure, update, frames=list(frames), init_func=lambda: None, blit=False)
    animation.save(path, writer=PillowWriter(fps=FPS), dpi=DPI)


def compare(frames, paths):
    """Print how far each file is from what matplotlib draws, over three frames, in levels of 0 to 255."""
    film, other = Film(frames), Film(frames)
    for name, path in paths.items():
        off = []
        with Image.open(path) as image:
            assert image.n_frames == len(frames)
            for number in (0, len(frames) // 2, len(frames) - 1):
                update_figure(other._figure, frames[number], scale=film.scale)
                drawn = render(other._figure).astype(int)
                assert (film[number] == drawn).all(), "the film is matplotlib's drawing, pixel for pixel"
                image.seek(number)
                off.append(np.abs(np.asarray(image.convert("RGB")).astype(int) - drawn))
        off = np.stack(off)
        print(
            f"  {name:<12} {path.stat().st_size / 2**20:6.2f} MiB; off by {off.mean():.3f} in the mean, "
            f"{np.sqrt((off**2).mean()):.2f} rms, {off.max()} at most"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--n", type=int, default=60_502)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    frames = frames_of(
        [
            ScatterPanel("mine", split, epoch, cloud(options.n, epoch / max(1, options.epochs - 1), seed))
            for epoch in range(options.epochs)
            for seed, split in enumerate(("train", "test"))
        ]
    )
    with tempfile.TemporaryDirectory() as folder, paper():
        paths = {name: Path(folder) / f"{name}.gif" for name in ("FuncAnimation", "embedlens")}

        def ours():
            write_gif(paths["embedlens"], Film(frames), FPS)

        few = {epoch: frames[epoch] for epoch in list(frames)[:2]}
        write_gif(paths["embedlens"], Film(few), FPS)
        theirs(few, paths["FuncAnimation"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"peak memory of ours beyond the data and warm-up: {peak / 2**10:.0f} MiB")
        ratio = measure(
            "animation to GIF",
            f"{options.epochs} epochs x {options.n:,} dots x 2 panels",
            peer=("FuncAnimation, PillowWriter", lambda: theirs(frames, paths["FuncAnimation"])),
            ours=ours,
            path="uint8",
            repeats=options.repeats,
            history=None if options.no_history else HISTORY,
        )
        print(f"  seconds above / {2 * options.epochs} = seconds a frame and panel; ratio {ratio:.2f}")
        compare(frames, paths)


if __name__ == "__main__":
    main()
