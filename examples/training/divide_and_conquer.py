r"""
Divide and conquer
==================

What does each learner know of the items that it has not learnt? ``divide-conquer`` clusters the items,
and lets a slice of the embedding learn each cluster.

.. code-block:: sh

   embedlens train --data digits --split-by items --method divide-conquer \
       --clusters 4 --dim 16 --epochs 4 --items-per-class 8 --out runs/divided
   embedlens spectrum runs/divided --slices recorded
   embedlens info runs/divided

The same from Python:
"""

from pathlib import Path

from embedlens.analysis.retrieval.learners import describe_clusters
from embedlens.analysis.spectrum import slice_recalls, spectrum
from embedlens.experiments import Trainer
from embedlens.figures.spectrum.slices import figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

config = TrainConfig(
    data="digits", split_by="items", dim=16, epochs=4, items_per_class=8,
    method="divide-conquer", method_options={"clusters": 4},
)  # fmt: skip
run = Trainer(config, Path("runs/divided")).run()

rows = {}
for epoch in (0, 4):
    test = run.snapshot("test", epoch)
    parts = [test.embeddings[:, first:stop] for first, stop in run.info.slices]
    recalls = slice_recalls(test.embeddings, test.labels, len(parts))
    rows[f"epoch {epoch}"] = ([spectrum(part) for part in parts], recalls)
    print("epoch", epoch, "R@1 of each slice:", recalls.alone.round(3))
    print("epoch", epoch, "R@1 joined:", recalls.joined.round(3))

clusters = run.extra("train", "cluster", 4).astype(int)
facts = describe_clusters(clusters, run.labels("train"), n_clusters=4)
print(f"items of each cluster {facts.sizes}, purity {facts.mean_purity:.3f}")

with paper("cvpr"):
    drawn = figure(rows, title="digits, test")
    drawn.savefig("divided.pdf")

# %%
# What to look at
# ---------------
#
# - **Bars** are R@1 of a slice alone, of all test items, also of those from other clusters. **The line**
#   joins the first slices: what the slices know together.
# - A slice that adds nothing to the line has learnt what the others know already.
# - **Purity** is the fraction of the items that are of the largest class of their cluster. Four clusters
#   of ten whole classes have at most 0.40, so 0.39 says that most classes lie mostly in one cluster. A
#   learner then hardly sees the others, which makes the slices different, and each of them weak.
# - The map by cluster stands in :doc:`/gallery/maps/tsne_forms`.
#
# Options
# -------
#
# ``--clusters`` K, ``--recluster`` epochs between clusterings, ``--finish`` epochs at the end for the
# whole embedding, ``--cluster-on embedding``. The guide is :doc:`/guides/methods`.
#
# Source
# ------
#
# A. Sanakoyeu, V. Tschernezki, U. Büchler and B. Ommer, *Divide and Conquer the Embedding Space for
# Metric Learning*, CVPR 2019.
