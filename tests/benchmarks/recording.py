"""Embedding and recording every item of glyphs, against the bare forward passes; the disk is not waited for.

    python tests/benchmarks/recording.py [--repeats 9] [--threads 2] [--no-history]

The peer runs the network of the trainer over the same images in batches of the same size, in inference mode,
and keeps the embeddings; nothing is checked or written. Ours is what the trainer does after an epoch but for
the metrics: it embeds every split, checks the embeddings, and records them as an epoch. `os.fsync` is left
out, since its time is the disk's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch
from harness import HISTORY, measure

from embedlens.training.config import TrainConfig
from embedlens.training.embedding import Embedder
from embedlens.training.inputs import ArrayInputs, View
from embedlens.training.loop import TrainingLoop

BATCH = 128


def bare(network, images):
    """Return the embeddings of grey images, batch by batch."""
    with torch.inference_mode():
        return torch.cat(
            [network(images[at : at + BATCH, None].float() / 255) for at in range(0, len(images), BATCH)]
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    os.fsync = lambda descriptor: None
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        trainer = TrainingLoop(TrainConfig(epochs=0, threads=options.threads), Path(folder) / "run")
        parts = trainer.data.splits
        inputs = {
            name: ArrayInputs(part.images.pixels, View(1), mirrored=False) for name, part in parts.items()
        }
        images = {name: torch.from_numpy(part.images.pixels) for name, part in parts.items()}
        embedder = Embedder(inputs, trainer.team, workers=0)
        network = trainer.method.eval()

        def theirs():
            return [bare(network, part) for part in images.values()]

        def ours():
            trainer.recorder.record(0, embedder.splits(network), overwrite=True)

        theirs()
        ours()
        items = sum(len(part) for part in images.values())
        ratio = measure(
            "recording a snapshot",
            f"glyphs, {items:,} items, 64 dims",
            peer=("bare forward passes", theirs),
            ours=ours,
            path="float32",
            repeats=options.repeats,
            history=None if options.no_history else HISTORY,
        )
        print(f"  recording costs {100 * (1 / ratio - 1):.1f} % over the bare forward passes")


if __name__ == "__main__":
    main()
