"""
All losses
==========

Which loss learns most in one epoch? Every loss of the trainer, each with its default learning rate,
batches and mining, beside its own epoch 0.

.. code-block:: sh

   embedlens sweep --data digits --loss all --epochs 1 --dim 8

The same from Python:
"""

from pathlib import Path

import embedlens
from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.analysis.scores import score
from embedlens.experiments import Trainer
from embedlens.figures.experiments.sweep import figure
from embedlens.figures.style import paper
from embedlens.objectives import LOSSES
from embedlens.objectives.losses import default_rate
from embedlens.training.config import TrainConfig

records = []
for loss in LOSSES.names():
    rate = default_rate(loss, "adam")
    config = TrainConfig(data="digits", loss=loss, lr=rate, epochs=1, dim=8)
    run = Trainer(config, Path("runs/losses") / loss).run()
    before, after = run.snapshot("test", 0), run.snapshot("test", 1)
    start = score(before.embeddings, before.labels, ["recall_at_1"])
    wanted = ["recall_at_1", "effective_rank"]
    end = score(after.embeddings, after.labels, wanted)
    initial, recall = start["recall_at_1"], end["recall_at_1"]
    rank, sampler = end["effective_rank"], run.method["sampler"]
    numbers = f"R@1 {initial:.3f} -> {recall:.3f}, rank {rank:.1f}"
    print(f"{loss}: {numbers}, sampler {sampler}")
    known = {"initial": initial, "effective_rank": rank}
    records.append(Record(loss, rate, 8, 0, recall, **known))

with paper("cvpr"):
    texts = {"label": "test R@1", "end": "epoch 1", "title": "digits, 8 dims"}
    drawn = figure(summarise(records), **texts)
    drawn.savefig("losses.pdf")

# %%
# What a loss logs besides its value, here of ``margin`` in the last epoch:

run = embedlens.open_run("runs/losses/margin")
for name, value in run.log[-1].items():
    print(f"{name} {value:.4g}")

# %%
# What to look at
# ---------------
#
# - **The line** goes from R@1 before training to R@1 after it. The networks are the same before training.
# - **The effective rank** (printed above, at most 8) shows a collapse: few dimensions left, and a low
#   R@1.
# - One seed and one epoch rank nothing. What five epochs on larger data show stands under
#   :doc:`/results/losses`.
#
# Options
# -------
#
# ``--loss triplet,margin --lr default`` compares some, ``--seed 0,1,2`` adds deviations, ``--lr`` and
# ``--dim`` more axes; ``--loss pml:CLASS`` takes any loss of pytorch-metric-learning. Formulas and
# sources of all losses stand in :doc:`/guides/losses`. See the
# :doc:`command line reference </reference/commands/sweep>`.
