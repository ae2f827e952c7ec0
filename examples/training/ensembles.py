r"""
Ensembles in one run: DREML and HDC
===================================

What does each learner or head know, and is it something else than the others know? ``dreml`` trains
learners on random groups of the classes, ``hdc`` heads at several depths of one network.

.. code-block:: sh

   embedlens train --data digits --split-by items --method dreml --learners 3 \
       --meta-classes 5 --epochs 1 --out runs/dreml
   embedlens train --data digits --split-by items --method hdc --heads 2 \
       --dim 16 --epochs 1 --out runs/hdc
   embedlens pca-prune runs/dreml --slices recorded

The same from Python:
"""

from pathlib import Path

import embedlens
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum import spectrum
from embedlens.analysis.spectrum.slices import slice_recalls, slices_of, take
from embedlens.experiments import Trainer
from embedlens.figures.pruning import figure_of_slices
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

dreml = TrainConfig(
    data="digits", split_by="items", epochs=1, items_per_class=8,
    loss="softmax", dim=15,
    method="dreml", method_options={"learners": 3, "meta_classes": 5},
)  # fmt: skip
hdc = TrainConfig(
    data="digits", split_by="items", epochs=1, items_per_class=8,
    loss="contrastive", dim=16,
    method="hdc", method_options={"heads": 2},
)  # fmt: skip

rows = {}
for config in (dreml, hdc):
    run = Trainer(config, Path("runs") / config.method).run()
    train, test = run.snapshot("train"), run.snapshot("test")
    count = len(run.info.slices)
    recalls = slice_recalls(test.embeddings, test.labels, count)
    print(run.name, "R@1 of each slice:", recalls.alone.round(3))
    print(run.name, "R@1 of the first ones joined:", recalls.joined.round(3))
    whole = pruned_recall(test.embeddings, test.labels, fit=train.embeddings)
    parts = []
    for one in slices_of(run.info.dim, count)[0]:
        z, fit = take(test.embeddings, one), take(train.embeddings, one)
        parts.append((spectrum(z), pruned_recall(z, test.labels, fit=fit)))
    rows[run.name] = (whole, parts)

with paper("cvpr"):
    drawn = figure_of_slices(rows, title="digits, test, epoch 1", fit="train")
    drawn.savefig("ensembles.pdf")

# %%
# The groups of ``dreml``: a row for each learner, the group of each digit.

print(embedlens.open_run("runs/dreml").run_extra("meta_classes"))

# %%
# What to look at
# ---------------
#
# - **On the left** the spectrum of each slice, **on the right** R@1 by the number of its leading
#   components, black for the whole embedding. A black curve above all others says that the slices
#   complement each other.
# - A learner of ``dreml`` cannot distinguish the classes of one of its groups; the others can.
# - The last head of ``hdc`` learns from the hardest pairs only, on the deepest features.
#
# Options
# -------
#
# ``--learners``, ``--meta-classes``, ``--trunk shared`` of ``dreml``; ``--heads``, ``--hard-shares``,
# ``--cascade`` of ``hdc``. The guide is :doc:`/guides/methods`.
#
# Source
# ------
#
# H. Xuan, R. Souvenir and R. Pless, *Deep Randomized Ensembles for Metric Learning*, ECCV 2018. Y. Yuan,
# K. Yang and C. Zhang, *Hard-Aware Deeply Cascaded Embedding*, ICCV 2017.
