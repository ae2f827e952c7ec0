"""
Animated triplet scatter
========================

How did the dots get there? The animation shows the scatter of every epoch.

.. code-block:: sh

   embedlens scatter demo-order1 demo-order2 --split test --animate

writes a GIF, an MP4, a strip of key epochs for a paper, and the last epoch as a figure. The GIF and the
strip from Python:"""

# sphinx_gallery_thumbnail_number = 2

from pathlib import Path

from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.experiments import demo_runs
from embedlens.figures.export.animation import key_epochs, write_gif
from embedlens.figures.export.film import Film
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import (
    ScatterPanel,
    figure_of_epochs,
    frames_of,
)

panels = []
for run in demo_runs():
    for epoch in run.epochs():
        snapshot = run.snapshot("test", epoch)
        triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
        panels.append(ScatterPanel(run.name, "test", epoch, triplets))
        recall = summarise(triplets).summary()["recall_at_1"]
        print(f"{run.name}, epoch {epoch}: R@1 {recall:.3f}")

frames = frames_of(panels)
with paper("cvpr"):
    write_gif(Path("scatter.gif"), Film(frames), fps=2)

# %%
# The strip of key epochs shows the same on paper:

with paper("cvpr"):
    keys = key_epochs(frames, count=5)
    strip = figure_of_epochs({epoch: frames[epoch] for epoch in keys})
    strip.savefig("strip.pdf")

# %%
# How to read it
# --------------
#
# - All frames have the same axes, so a dot moves only where a similarity changes.
# - Before training (epoch 0) the dots of a random network lie in the top right corner: all similarities are
#   high, and R@1 is what the untrained features give.
# - A good training first moves the dots down, away from their negatives, and keeps them at the right.
# - Dots that slide up along the right boundary are on the way to a collapse.
#
# The text in the corner of each panel follows the epoch.
#
# When it misleads
# ----------------
#
# - Dots of one item are those of its nearest items *at that epoch*. ``--triplets fixed`` follows the same
#   three items instead.
# - Epochs are evenly spaced in time, whatever the learning rate does.
# - Runs of different lengths: a run that has ended stands still at its last epoch.
#
# Options
# -------
#
# ``--fps`` sets the speed, ``--epoch 0:20:5`` the frames. See the
# :doc:`command line reference </reference/commands/scatter>`.
#
# Formula
# -------
#
# As for the :doc:`triplet scatter </gallery/triplets/scatter>`.
