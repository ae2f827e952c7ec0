"""
Report: explore the triplets
============================

Which items got better, and why did the others not? The report is one HTML file in which every triplet of
every epoch can be found: hover a dot to see its three items, drag the slider through the epochs, and select
items to save them as CSV. It needs no server and no network.

.. code-block:: sh

   embedlens report demo-order1 demo-order2

.. figure:: /pictures/report.png
   :alt: Two panels of dots, with a card of thumbnails beside one of them, a histogram and a table of classes
   :width: 100%

   The report of both runs. An item is pinned: its path through the epochs, and its cards below.

The same from Python; in a notebook, ``embedlens.report.show(runs)`` shows the page in the cell.
"""

# sphinx_gallery_thumbnail_path = 'pictures/report.png'

from pathlib import Path

from embedlens.analysis.triplets import nearest_triplets
from embedlens.experiments import demo_runs
from embedlens.figures.triplets.panels import ScatterPanel, figure
from embedlens.report import Extent, build

runs = demo_runs()
page = build(runs, splits=["test"], extent=Extent(figures=False))
Path("report.html").write_text(page, encoding="utf-8")
print(f"report.html: {len(page) / 1e6:.1f} MB")

# %%
# What stands out in the page becomes a figure for print by the other commands, here the last epoch:

panels = []
for run in runs:
    snapshot = run.snapshot("test", -1)
    triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
    panels.append(ScatterPanel(run.name, "test", snapshot.epoch, triplets))
drawn = figure(panels)
drawn.savefig("report_scatter.pdf")

# %%
# How to read it
# --------------
#
# - **Panels**: one for each run. Each dot is an item; its similarity to the nearest positive is drawn
#   across, to the nearest negative up. The same row is ringed in all panels, maps and tables.
# - **Slider**: between two epochs each dot stands between its two places. The numbers above a panel are
#   those of the nearest epoch.
# - **Card**: anchor, nearest positive and nearest negative *of that epoch*. A click pins the item and draws
#   its path through all epochs in every run.
# - **Select items**: by lasso, rectangle, region, class, text, by how far items moved, or by how much the
#   runs disagree. A new selection replaces the old one, or is added, subtracted or intersected.
# - **Distance to (1, 0)**: drag over the histogram to select a range.
# - **Classes**: sort them by Recall@1 of a run to find the worst ones; a click selects a class.
# - **Won and lost at R@1**: items that are right at one run and epoch and wrong at another, by class and by
#   the class of their nearest item. Each number selects its items. Of a sample only the items shown count.
# - **Address**: it keeps epoch, split, zoom, selection and the pinned item, so that a finding can be sent
#   as a link beside the file.
#
# When it misleads
# ----------------
#
# - Dots that glide between two epochs are drawn on a straight line. What happened between the snapshots is
#   not known.
# - Where there are too many triplets the page shows key epochs or a sample by class, and says so at its
#   end. Fractions and Recall@1 above the panels are always those of all triplets.
# - Similarities are stored in steps of 0.00003. Which of two is larger, and the regions, are kept exactly.
# - Runs of different data stand side by side and are not linked: the same row is another item there.
#
# Options
# -------
#
# ``--epoch``, ``--split`` and ``--sample`` choose what the page holds, ``--tsne`` adds maps of all epochs,
# ``--thumbnails`` and ``--thumbnail-size`` set its size, ``--no-figures`` leaves out the figures at its end.
# See the :doc:`command line reference </reference/commands/report>`.
#
# Formula
# -------
#
# Each dot is that of the :doc:`triplet scatter </gallery/triplets/scatter>`. The items that moved most are
# the :math:`i` with the largest
#
# .. math::
#
#    \max_r \left| d_r(i, \text{last}) - d_r(i, \text{first}) \right|, \qquad
#    d_r(i, e) = \lVert (S_{ap}, S_{an}) - (1, 0) \rVert
#
# over the runs :math:`r`; the runs disagree most on the items with the largest range of :math:`d_r(i, e)` at
# the epoch shown.
