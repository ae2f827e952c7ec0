"""
Trajectories of single triplets
===============================

What happened to one item? A trajectory follows the same anchor, positive and negative through the epochs.

.. code-block:: sh

   embedlens trajectory demo-order1 demo-order2 --moved 2

``--moved 2`` takes the two triplets whose distance to (1, 0) changed most. The same from Python:
"""

from embedlens.analysis.triplets import follow_triplets, nearest_triplets
from embedlens.analysis.triplets.trajectory import follow, moved_anchors, take
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.triplets.trajectory import (
    Thumbnail,
    TrajectoryPanel,
    figure,
)

runs = demo_runs()
first, last = runs[0].snapshot("test", 0), runs[0].snapshot("test", -1)
every = nearest_triplets(last.embeddings, last.labels)
before = follow_triplets(first.embeddings, every)
chosen = take(every, moved_anchors(before, every, count=2))

followed = []
for run in runs:
    states = ((epoch, run.snapshot("test", epoch).embeddings) for epoch in run.epochs())
    followed.append(follow(states, chosen, run=run.name))

images, names = runs[0].thumbnails("test"), runs[0].class_names
panels = []
for paths in zip(*followed, strict=True):
    items = paths[0].anchor, paths[0].positive, paths[0].negative
    classes = [names[last.labels[item]] for item in items]
    pictures = map(Thumbnail, (images[item] for item in items), classes)
    panels.append(TrajectoryPanel(paths, f"anchor {paths[0].anchor}", tuple(pictures)))
    for path in paths:
        print(f"{path.run}, anchor {path.anchor}, {' '.join(classes)}:", path.distance)

with paper("cvpr"):
    drawn = figure(panels, venue="cvpr", width="full")
    drawn.savefig("trajectory.pdf")

# %%
# How to read it
# --------------
#
# - Down and right is good, towards the star at (1, 0): the negative becomes less similar, the positive more.
#   Up along the right boundary is the way to a collapse.
# - The blue point is the initial state. Each marker is an epoch, the last one is the largest; small numbers
#   are epochs. An inset enlarges the path where most of the panel is empty.
# - A zigzag means that the similarities of the item still change much from epoch to epoch, as at a high
#   learning rate.
# - The pictures are anchor, positive and negative, with their classes. They are the same items at every
#   epoch and in every run.
# - A path below the diagonal keeps the positive nearer than the negative.
#
# When it misleads
# ----------------
#
# - Triplets are chosen in one run (``--reference-run``) at one epoch. The triplets that moved most there
#   need not have moved in another run.
# - ``--moved`` shows the extremes. ``--random 4`` shows what is typical.
# - The negative was the nearest one when the triplet was chosen. At other epochs another item is nearer,
#   so R@1 cannot be read from a path.
#
# Options
# -------
#
# ``--moved N``, ``--worst N``, ``--random N`` and ``--anchor ROW`` choose the triplets. See the
# :doc:`command line reference </reference/commands/trajectory>`.
#
# Formula
# -------
#
# The path of a triplet :math:`(a, p, n)` is :math:`(z_a^\top z_p, z_a^\top z_n)` at every epoch, with unit
# embeddings. Its distance to the ideal is :math:`\sqrt{(1 - z_a^\top z_p)^2 + (z_a^\top z_n)^2}`.
