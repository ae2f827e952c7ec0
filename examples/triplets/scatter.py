"""
Triplet scatter
===============

Does each item have its nearest neighbour in its own class, and by how much? The scatter draws each
triplet as a dot: the similarity to the nearest positive across, the similarity to the nearest negative
up.

.. code-block:: sh

   embedlens scatter demo-order1 demo-order2

The same from Python:
"""

from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure

panels = []
for run in demo_runs():
    for split in run.splits:
        snapshot = run.snapshot(split, -1)
        triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
        panels.append(ScatterPanel(run.name, split, snapshot.epoch, triplets))
        print(run.name, split, summarise(triplets).summary())

with paper("cvpr"):
    drawn = figure(panels, venue="cvpr", width="full")
    drawn.savefig("scatter.pdf")

# %%
# How to read it
# --------------
#
# - **The star at (1, 0)** is the ideal: every positive identical, every negative orthogonal. Training moves
#   the dots towards it.
# - **Below the diagonal** the nearest item is a positive. The fraction of dots there is Recall@1.
# - **Top right** (both similarities above 0.8): the classes lie together in one direction. A training that
#   collapses fills this corner.
# - **Right boundary** (similarity to the positive above 0.95): some positive is nearly identical. Here it
#   is a character in two faces of one family; in other data it is often a near-duplicate image.
# - **Contours** enclose 30, 60 and 90 % of the dots, where there are more than 5,000. Above 100,000 dots
#   the panel is a histogram with logarithmic colours.
#
# The second order leaves fewer dots in the top right corner than the first, and brings them nearer to the
# star.
#
# When it misleads
# ----------------
#
# - The negative is the nearest of *all* other items, so its similarity rises with the number of items.
#   Compare runs on the same data only.
# - The nearest items are chosen at every epoch. A dot may jump because another item has become
#   the nearest one. ``--triplets fixed`` follows the same three items.
# - An item whose class has no other item has no positive. It has no dot; the panel counts it.
# - Items that are equal to their nearest negative lie on the diagonal, and count as wrong.
#
# Options
# -------
#
# ``--split`` and ``--epoch`` choose the panels, ``--triplets fixed`` keeps the triplets of one epoch,
# ``--limits`` sets the axes, ``--venue`` and ``--width`` the size. See the
# :doc:`command line reference </reference/commands/scatter>`.
#
# Formula
# -------
#
# For unit embeddings :math:`z_i` with labels :math:`y_i`, item :math:`a` has the dot
#
# .. math::
#
#    \bigl(\max_{p \ne a,\ y_p = y_a} z_a^\top z_p,\ \max_{n:\ y_n \ne y_a} z_a^\top z_n\bigr).
#
# The diagram is the *triplet diagram* of H. Xuan, A. Stylianou, X. Liu and R. Pless, *Hard Negative
# Examples are Hard, but Useful*, ECCV 2020 (arXiv 2007.12749).
