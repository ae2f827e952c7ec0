"""
Items with sets of labels
=========================

Is the nearest neighbour of an item one that shares a label with it, where items have several labels? In
multi-label data (attributes, tags, objects in a picture) two items are positives of each other if their
sets have a common label. A run records the sets as they are:

.. code-block:: sh

   embedlens import 'dump/{epoch}.npy' --labels attributes.npy --out runs/tags
   embedlens evaluate tags --epoch all
   embedlens scatter tags

The same from Python, with colours and shapes as labels of synthetic items:
"""

import numpy as np

import embedlens
from embedlens.analysis.scores import score
from embedlens.analysis.triplets import nearest_triplets
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure

names = ["red", "green", "blue", "round", "square", "long"]
random = np.random.default_rng(0)
table = random.random((1500, 6)) < 0.2  # [N, C]: which items have which label
start, goal = random.normal(size=(1500, 32)), table @ random.normal(size=(6, 32))

with embedlens.Recorder("tags", labels={"test": table}, class_names=names) as recorder:
    for epoch in range(3):  # in the place of a training: items move towards the sum of their labels
        z = 2 * start + 0.4 * epoch * goal
        recorder.record(epoch, {"test": z})

run, panels = embedlens.open_run("tags"), []
for epoch in run.epochs():
    z, sets = run.snapshot("test", epoch).embeddings, run.label_sets("test")
    panels.append(ScatterPanel(run.name, "test", epoch, nearest_triplets(z, sets)))
    print(epoch, score(z, sets, ["recall", "r_precision", "map_at_r"]))

with paper("cvpr"):
    drawn = figure(panels, venue="cvpr", width="full")
    drawn.savefig("multi_label.pdf")

# %%
# How to read it
# --------------
#
# - **A dot** is an item that shares a label with another one: the similarity to the nearest item with a
#   common label across, to the nearest item without one up.
# - **Below the diagonal** the nearest item shares a label. The fraction of dots there is Recall@1.
# - **Items without a label, or with labels that no other item has,** have no positive. They have no dot,
#   stay in the gallery as negatives, and are counted.
#
# When it misleads
# ----------------
#
# - A frequent label makes most pairs positives: Recall@1 is high by chance. Compare with epoch 0.
# - One common label is as good as five: the scores do not grade how much two sets have in common.
#
# What works with sets
# --------------------
#
# Recall@K, R-precision, MAP@R, hubness and the scores of the space; ``scatter``, ``trajectory``,
# ``distances``, ``curves``, ``spectrum``, ``report``, ``watch``, ``info`` and ``export``. What needs one
# label per item (clustering, ``components``, ``tsne``, ``verify``, ``identify``, ...) refuses the run in one
# line; ``--labels COLUMN`` gives it a column of ``items.csv`` as labels. See
# :doc:`the guide </guides/recording>`.
