"""The four kinds of batches, and what of training with them differs.

The same as `embedlens train --data digits --loss triplet --sampler NAME` for each, from Python.
"""

from pathlib import Path

import numpy as np

import embedlens
from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.analysis.triplets import nearest_triplets
from embedlens.analysis.triplets import summarise as regions
from embedlens.experiments import Trainer
from embedlens.figures.experiments.sweep import figure as sweep_figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig
from embedlens.training.samplers import SAMPLERS


def main() -> None:
    labels = np.arange(120) // 4
    for name in SAMPLERS.names():
        sampler = TrainConfig(loss="ep", sampler=name, classes_per_batch=4).build_sampler(labels)
        batch = next(sampler.batches(1, embed=lambda rows: np.eye(120, dtype=np.float32)[rows]))
        print(f"{name}: {sampler.steps} batches of {batch.size}; the first: {labels[batch][:12]}")

    records = []
    for name in SAMPLERS.names():
        config = TrainConfig(data="digits", loss="triplet", mining="all", sampler=name, epochs=1, dim=8)
        trainer = Trainer(config, Path("runs") / name)
        trainer.run()
        run = embedlens.open_run(Path("runs") / name)
        start, end = (
            regions(nearest_triplets(one.embeddings, one.labels)).below_diagonal
            for one in (run.snapshot("test", 0), run.snapshot("test", -1))
        )
        records.append(Record(name, config.lr, config.dim, config.seed, end, initial=start))
    with paper("cvpr"):
        figure = sweep_figure(summarise(records), label="test R@1", title="digits, triplet loss, epoch 1")
        figure.savefig("samplers.pdf")


if __name__ == "__main__":
    main()
