"""
Spectrum over the epochs
========================

When does training change the space: at once, or slowly, and does it give up directions? One spectrum per
epoch, as curves or as a heat map.

.. code-block:: sh

   embedlens spectrum demo-order1 demo-order2 --epoch all
   embedlens spectrum demo-order1 demo-order2 --epoch all --heatmap

The same from Python:
"""

from embedlens.analysis.spectrum import over_epochs, spectrum
from embedlens.experiments import demo_runs
from embedlens.figures.spectrum.epochs import figure
from embedlens.figures.style import paper

series = {}
for run in demo_runs():
    snapshots = [run.snapshot("test", epoch) for epoch in run.epochs()]
    spectra = {one.epoch: spectrum(one.embeddings) for one in snapshots}
    series[run.name] = over_epochs(spectra)
    for epoch, one in spectra.items():
        numbers = one.summary()
        rank, dims = numbers["effective_rank"], numbers["dims_90"]
        print(run.name, epoch, f"rank {rank:.1f}, 90 % in {dims} dims")

with paper("cvpr"):
    curves = figure(series, title="test")
    curves.savefig("epochs.pdf")

# %%
# Epochs from left to right, components downwards, on a logarithmic scale of colours:

with paper("cvpr"):
    heatmap = figure(series, heatmap=True, log=True, title="test")

# %%
# How to read it
# --------------
#
# - **Curves**: one per epoch, dark the first, light the last. Epoch 0 is before training: all values are
#   small, because the embeddings of the untrained network point nearly the same way (mean similarity
#   0.90).
# - **The first epoch does most of it.** The first order raises the leading components and leaves the last
#   twenty nearly where they were; the second order raises all of them. The later epochs move variance
#   from the first components to those in the middle.
# - **Heat map**: a column that does not differ from its left neighbour is an epoch that changed nothing.
#   Grey cells are dead dimensions (there are none here); a grey region that grows upwards shows that
#   training gives up directions.
#
# When it misleads
# ----------------
#
# - Two numbers may disagree. From epoch 0 to 1 the first order's effective rank rises from 27.8 to 39.3,
#   while the components that hold 90 % of the variance become fewer, 15 instead of 37. The rank is of
#   uncentred embeddings, and at epoch 0 their mean is nearly all there is; the variance is of centred
#   ones, and at epoch 0 much of it lies in a long, even tail of small values. Say which one a claim rests
#   on.
# - Component k of one epoch is not component k of the next: the directions turn. The figure compares
#   sizes only; see :doc:`/gallery/spectrum/components` for what the items do along a component.
# - Curves on a linear axis hide the small components, among which dead dimensions are. Add ``--log``.
#
# Options
# -------
#
# ``--heatmap`` draws the heat map, ``--log`` or ``--linear`` its colours or the axis of the curves,
# ``--cumulative`` the fraction of the variance. Runs stand side by side with the same limits. See the
# :doc:`command line reference </reference/commands/spectrum>`.
#
# Formula
# -------
#
# That of :doc:`/gallery/spectrum/spectrum`, for each epoch by itself.
