"""
Flow of the triplets
====================

Where did training move the dots of the scatter, on average? The flow cuts the diagram into squares; the
arrow of a square is the mean displacement of the dots that start in it.

.. code-block:: sh

   embedlens scatter demo-order1 demo-order2 --split test --flow

The same from Python:
"""

from embedlens.analysis.triplets import nearest_triplets
from embedlens.analysis.triplets.flow import flow, occupied
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.triplets.flow import figure
from embedlens.figures.triplets.panels import ScatterPanel

states = []
for epoch in (0, -1):
    panels = []
    for run in demo_runs():
        snapshot = run.snapshot("test", epoch)
        triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
        panels.append(ScatterPanel(run.name, "test", snapshot.epoch, triplets))
    states.append(panels)
starts, ends = states

limits = occupied(panel.triplets for panel in starts)
flows = [flow(start.triplets, end.triplets, limits=limits) for start, end in zip(starts, ends, strict=True)]
for run, moved in zip(demo_runs(), flows, strict=True):
    print(f"{run.name}: mean ({moved.mean_d_ap:+.3f}, {moved.mean_d_an:+.3f})")

with paper("cvpr"):
    drawn = figure(starts, ends, flows, venue="cvpr", width="full")
    drawn.savefig("flow.pdf")

# %%
# How to read it
# --------------
#
# - An arrow begins in the middle of its square. Down is good: the nearest negative became less similar.
#   Left is bad: the nearest positive became less similar, too.
# - Arrows are drawn to scale where they fit; otherwise the key says how long an arrow of a given
#   displacement is.
# - Blue dots are the initial state. The mean displacement of all dots stands in the panel.
#
# Both orders move the dots down, and left, the second order farther in both directions: positives
# become less similar than they were at random initialisation, where everything is similar.
#
# When it misleads
# ----------------
#
# - Squares of fewer than 5 dots have no arrow. The panel counts the dots that are left out.
# - A short arrow can hide two groups that move in opposite directions. The scatter of the last epoch
#   shows them.
# - It compares two epochs only. ``--flow-from`` and ``--flow-to`` choose others.
#
# Options
# -------
#
# ``--flow-from`` and ``--flow-to`` choose the epochs, ``--triplets fixed`` follows the same three items.
# See the :doc:`command line reference </reference/commands/scatter>`.
#
# Formula
# -------
#
# With :math:`B` the dots whose start lies in a square, and :math:`s_i` the dot of item :math:`i`,
#
# .. math::
#
#    \frac{1}{|B|} \sum_{i \in B} \bigl(s_i^{\text{end}} - s_i^{\text{start}}\bigr).
