"""
Components by class
===================

Which classes does a component separate? Each item is a dot: its class across, its coordinate in the
component up. A component that separates classes shows them at different heights; one that separates
nothing shows a band.

.. code-block:: sh

   embedlens components demo-order1 demo-order2

The same from Python:
"""

import numpy as np

from embedlens.analysis.spectrum import align_signs, class_scatter
from embedlens.experiments import demo_runs
from embedlens.figures.spectrum.components import figure
from embedlens.figures.style import paper

results = {}
for run in demo_runs():
    snapshot = run.snapshot("test", -1)
    result = class_scatter(snapshot.embeddings, snapshot.labels)
    results[run.name] = result
    of_class = [result.values[result.rank == one] for one in np.unique(result.rank)]
    means = np.concatenate([np.full_like(z, z.mean(0)) for z in of_class])
    between = means.var(0) / result.values.var(0)
    print(run.name, "variance between classes:", between.round(2))

with paper("cvpr"):
    drawn = figure(results, title=f"test, epoch {snapshot.epoch}")
    drawn.savefig("components.pdf")

# %%
# Over the epochs (``--component 1,2 --epoch 0,1,4``) each component keeps its sign, although a
# decomposition gives either:

epochs = (0, 1, 4)
found = []
for epoch in epochs:
    snapshot = run.snapshot("test", epoch)
    found.append(class_scatter(snapshot.embeddings, snapshot.labels, [1, 2]))
names = [f"epoch {epoch}" for epoch in epochs]
with paper("cvpr"):
    rows = dict(zip(names, align_signs(found), strict=True))
    over_time = figure(rows, title=f"{run.name}, test")

# %%
# How to read it
# --------------
#
# - **Classes** stand in the order of their labels, neighbours in two colours; the items of a class stand
#   side by side within its column. Up to twelve classes have their names at the axis.
# - **The largest component** (left) moves whole classes up and down: it is a direction between classes.
#   Nine tenths of its variance lie between the class means.
# - **The smallest component** (right, on an axis of its own) is a band around 0. A third of its variance
#   lies between the class means; the rest varies within the classes, or is noise.
# - **Before training** (epoch 0 above) component 1 has two levels. The 82 classes of the lower one are
#   superscripts, subscripts and other small letters: what the untrained network sees first is how much
#   ink a picture holds (correlation 0.82 with its mean brightness). From epoch 1 on every class has a
#   height of its own.
#
# When it misleads
# ----------------
#
# - One component never separates all classes, and need not: a space of 64 dimensions separates them
#   together. A component in which everything overlaps may still matter.
#   :doc:`/gallery/spectrum/pca_prune` measures that.
# - Components of nearly equal size have no directions of their own: they mix freely, and differ between
#   runs and epochs.
# - The smallest component has its own scale. Compare the numbers in the corner before comparing heights.
#
# Options
# -------
#
# ``--component 1,2,-1`` chooses components, from 1 (the largest) or from the end; ``--svd`` takes those
# of the uncentred embeddings; ``--epoch`` several epochs. See the
# :doc:`command line reference </reference/commands/components>`.
#
# Formula
# -------
#
# The dot of item :math:`i` in component :math:`k` has the height :math:`(z_i - \bar z)^\top v_k`, with
# :math:`v_k` the k-th eigenvector of the covariance of the normalised embeddings. Its sign is that with
# which the scores of the same items correlate positively with those of the epoch before.
