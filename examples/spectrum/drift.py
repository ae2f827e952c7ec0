"""
How a space changes
===================

When did the space stop changing, and do two runs end in the same one? Every pair of epochs is compared by
the neighbours that items keep, and by how well one space can be rotated onto the other.

.. code-block:: sh

   embedlens drift demo-order1 demo-order2 --k 1,10

The same from Python:
"""

from embedlens.analysis.drift import drift
from embedlens.experiments import demo_runs
from embedlens.figures.drift import figure, figure_of_lines
from embedlens.figures.style import paper

runs = demo_runs()
changes = {}
for run in runs:
    epochs = run.epochs()
    snapshots = [run.snapshot("test", epoch).embeddings for epoch in epochs]
    changes[run.name] = drift(snapshots, ks=(1, 10)), epochs
    print(run.name, {name: f"{value:.3f}" for name, value in changes[run.name][0].summary().items()})

first, epochs = changes[runs[0].name]
with paper("cvpr"):
    heat_maps = figure(first, names=[str(epoch) for epoch in epochs], title=runs[0].name)
    heat_maps.savefig("drift.pdf")

# %%
# Each epoch against the last one, both runs in one figure:

with paper("cvpr"):
    lines = figure_of_lines(changes, title="test: against the last epoch")

# %%
# Two runs at their last epochs are compared in the same way; their dims may differ.

ends = drift([run.snapshot("test").embeddings for run in runs], ks=(1, 10))
with paper("cvpr"):
    between = figure(ends, names=[run.name for run in runs], label="", title="test, last epoch")

# %%
# How to read it
# --------------
#
# - **The first row** is the initial state against every epoch. It is dark: the first epoch of training
#   changes the space more than all later ones together.
# - **Beside the diagonal** stand neighbouring epochs. Where these cells become brighter towards the lower
#   right, each epoch changes less than the one before: the space comes to rest.
# - **A bright block** that ends at an epoch says that something changed there, such as the learning rate.
# - **Between runs**: two orders of one loss, trained on the same data, agree about as much as epoch 1 and
#   the last epoch of one run.
#
# When it misleads
# ----------------
#
# - CKA follows the directions of large variance. It may be near 1 while many nearest neighbours change.
# - The overlap of one neighbour is low where several neighbours are nearly equally near. Read it beside
#   that of ten.
# - Unrelated spaces do not score 0 in CKA, least of all with few items. Compare with other runs.
#
# Options
# -------
#
# ``--epoch`` chooses the epochs, ``--k`` the numbers of neighbours, ``--metrics`` the scores; ``--sample N``
# compares N items. See the :doc:`guide </guides/drift>` and the
# :doc:`command line reference </reference/commands/drift>`.
#
# Formula
# -------
#
# With the centred rows :math:`X, Y` of Frobenius norm 1,
#
# .. math::
#
#    \mathrm{CKA} = \frac{\lVert X^\top Y \rVert_F^2}{\lVert X^\top X \rVert_F \lVert Y^\top Y \rVert_F},
#    \qquad \min_R \lVert X R - Y \rVert_F^2 = 2 - 2 \lVert X^\top Y \rVert_*,
#
# and the angle of an item is that between its rows of :math:`X R` and :math:`Y`.
