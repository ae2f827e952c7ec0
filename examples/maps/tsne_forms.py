"""
t-SNE: epochs, thumbnails, methods
==================================

How does the map change with training, what do the items look like, and what has a method made of them?
These are the other forms of ``embedlens tsne``. First all epochs:

.. code-block:: sh

   embedlens tsne demo-order1 --sample 800 --animate

Each map starts from the one before and is aligned to it, so that a dot moves only where neighbours
change. The same from Python:
"""

from pathlib import Path

from embedlens.analysis.projection import (
    draw_sample,
    synthesised,
    synthesised_map,
    tsne,
    tsne_series,
)
from embedlens.experiments import Trainer, demo_runs
from embedlens.figures.export.animation import render, write_gif
from embedlens.figures.projection import Map, figure, limits_of
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

run = demo_runs()[0]
labels, names = run.labels("test"), run.class_names
rows = draw_sample(labels, 800).rows
states = [run.snapshot("test", epoch).embeddings for epoch in run.epochs()]
steps = list(tsne_series(states, rows=rows))
limits = limits_of(step.projection for step in steps)
frames = []
with paper("cvpr"):
    for epoch, step in zip(run.epochs(), steps, strict=True):
        print(f"epoch {epoch}: {step.start}, neighbours kept {step.kept:.0%}")
        one = Map(f"epoch {epoch}", step.projection, labels)
        frames.append(render(figure([one], limits=limits, names=names)))
    write_gif(Path("series.gif"), frames, fps=1)

# %%
# ``--thumbnails`` draws the items' pictures over the dots, as many as there is room for, with a border in
# a colour of their class. A few classes, drawn loosely by ``--dof 2``, show the items inside them:
#
# .. code-block:: sh
#
#    embedlens tsne demo-order1 --sample 200 --dof 2 --thumbnails \
#        --thumbnail-size 0.15

projection = tsne(states[-1], rows=draw_sample(labels, 200).rows, dof=2)
pictured = Map("", projection, labels, run.thumbnails("test"), 0.15)
with paper("cvpr"):
    thumbnails = figure([pictured], width="full")
    thumbnails.savefig("thumbnails.pdf")

# %%
# ``--color cluster`` colours the training items of a run of ``divide-conquer`` by the learner that has
# them:
#
# .. code-block:: sh
#
#    embedlens train --data digits --split-by items --method divide-conquer \
#        --clusters 2 --dim 16 --epochs 2 --out runs/divided
#    embedlens tsne runs/divided --split train --color cluster

config = TrainConfig(
    data="digits", split_by="items", dim=16, epochs=2, items_per_class=8,
    method="divide-conquer", method_options={"clusters": 2},
)  # fmt: skip
divided = Trainer(config, Path("runs/divided")).run()
train = divided.snapshot("train")
clusters = divided.extra("train", "cluster", train.epoch).astype(int)
projection = tsne(train.embeddings)
with paper("cvpr"):
    by_class = figure([Map("by class", projection, train.labels)])
    by_cluster = figure([Map("by cluster", projection, clusters)])

# %%
# Of a run of ``dvml``, ``--central`` subtracts the mean of its class from every item, and
# ``--synthesised 20`` draws 20 points of each class from what the method has learnt:
#
# .. code-block:: sh
#
#    embedlens train --data digits --split-by items --method dvml \
#        --loss n-pair-mc --classes-per-batch 10 --dim 16 --epochs 3 \
#        --record-latent --out runs/dvml
#    embedlens tsne runs/dvml --central
#    embedlens tsne runs/dvml --synthesised 20

config = TrainConfig(
    data="digits", split_by="items", loss="n-pair-mc", dim=16, epochs=3,
    classes_per_batch=10, items_per_class=2,
    method="dvml", method_options={"record_latent": True},
)  # fmt: skip
latent = Trainer(config, Path("runs/dvml")).run()
test = latent.snapshot("test")
z, y = test.embeddings, test.labels
mu = latent.extra("test", "mu", test.epoch)
sigma = latent.extra("test", "sigma", test.epoch)
points = synthesised(z, y, mu=mu, sigma=sigma, per_class=20)
joint = synthesised_map(z, points)
projection = tsne(z, y, central=True)
with paper("cvpr"):
    central = figure([Map("class means subtracted", projection, y)])
    drawn = figure([Map("synthesised", joint.items, y, synthesised=joint)])

# %%
# How to read it
# --------------
#
# - **Epochs**: before training, classes lie beside and among each other; ï and j lie scattered over an
#   island of their own. After one epoch classes are clumps.
# - **Start** says how a map follows from the one before: *continued* as it stood, where at least 85 % of
#   the nearest neighbours were neighbours before; else *contracted* and re-optimised. An epoch that
#   changes nothing has the same map, to the last digit.
# - **By cluster**: each cluster of ``divide-conquer`` is learnt by a slice of the embedding of its own.
#   Clusters of whole classes look like the map by class in fewer colours; a class in two colours is split
#   among learners.
# - **Class means subtracted** (the central latent space): what varies within classes, with all classes
#   laid over each other. If classes vary alike, their colours mix. Islands of one colour show a class
#   that varies in a way of its own.
# - **Synthesised**: rings are points drawn from what the method has learnt of the variance within a
#   class, paler dots are the items, crosses the class means. Rings that cover the dots of their class say
#   that the learnt variance is the real one; rings in a heap at the cross, that it is too small.
#
# When it misleads
# ----------------
#
# - Everything said of a single map holds here, too (:doc:`/gallery/maps/tsne`).
# - Maps of epochs are aligned to each other, not compared by their divergence. A dot that moves need not
#   have changed: its neighbours may have. Look at the fraction of neighbours kept.
# - Pictures cover dots: ``n`` in the corner says how many of the items are pictured.
# - A map of synthesised points is one map of items and points together; without the points the items lie
#   otherwise.
#
# Options
# -------
#
# ``--fps``, ``--settle-iter`` and ``--warm-iter`` for ``--animate``, ``--thumbnail-size`` in inches. See
# the :doc:`command line reference </reference/commands/tsne>`.
#
# Formula
# -------
#
# Central latent space: :math:`z_i` minus the mean of its class, after normalising, mapped by Euclidean
# distance. Synthesised: :math:`\bar z_c + v` with :math:`v \sim N(\mu_i, \mathrm{diag}\, \sigma_i^2)`,
# :math:`i` an item of class :math:`c` at random. Both from X. Lin, Y. Duan, Q. Dong, J. Lu and J. Zhou,
# *Deep Variational Metric Learning*, ECCV 2018.
