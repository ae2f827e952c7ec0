r"""
Samplers
========

Which items stand in a batch, and what differs when they are drawn otherwise? The four samplers, the first
batch of each, and a training with each.

.. code-block:: sh

   embedlens train --data digits --sampler n-pair --loss triplet --mining all \
       --epochs 1 --dim 8

for each ``--sampler``. The same from Python:
"""

from pathlib import Path

import numpy as np

from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.analysis.retrieval import recall_at_k
from embedlens.experiments import Trainer
from embedlens.figures.experiments.sweep import figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig
from embedlens.training.samplers import SAMPLERS

labels, features = np.arange(120) // 4, np.eye(120, dtype=np.float32)
for name in SAMPLERS.names():
    config = TrainConfig(loss="ep", sampler=name, classes_per_batch=4)
    sampler = config.build_sampler(labels)
    batch = next(sampler.batches(1, embed=lambda rows: features[rows]))
    print(name, sampler.steps, "batches of", batch.size, labels[batch][:8])

records = []
for name in SAMPLERS.names():
    config = TrainConfig(
        data="digits", loss="triplet", mining="all", sampler=name,
        epochs=1, dim=8,
    )  # fmt: skip
    run = Trainer(config, Path("runs/samplers") / name).run()
    first, last = run.snapshot("test", 0), run.snapshot("test", 1)
    start = recall_at_k(first.embeddings, first.labels, (1,))[1]
    end = recall_at_k(last.embeddings, last.labels, (1,))[1]
    records.append(Record(name, config.lr, 8, 0, end, initial=start))
    print(f"{name}: R@1 {start:.3f} -> {end:.3f}")

with paper("cvpr"):
    texts = {"label": "test R@1", "end": "epoch 1", "title": "triplet loss"}
    drawn = figure(summarise(records), **texts)
    drawn.savefig("samplers.pdf")

# %%
# What to look at
# ---------------
#
# - ``pk`` has K items of each of P classes: many positive pairs. ``n-pair`` has two items of each of many
#   classes, ``hard-class`` the same of classes that the network confuses, ``tuplet`` an item of every
#   other class for each pair.
# - The digits have five training classes, so ``n-pair`` and ``hard-class`` have batches of ten items, and
#   more steps an epoch than ``pk``. On data with many classes batches have the same size.
#
# Options
# -------
#
# ``--classes-per-batch``, ``--items-per-class``. Definitions and sources stand in :doc:`/guides/mining`;
# what mining selects from a batch is drawn by :doc:`embedlens sampling </reference/commands/sampling>`.
