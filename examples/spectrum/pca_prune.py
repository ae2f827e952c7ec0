"""
Recall@1 of the leading components
==================================

How many components does retrieval need? The embeddings are rotated onto their principal components, the
small ones are left out, and Recall@1 is computed of what remains.

.. code-block:: sh

   embedlens pca-prune demo-order1 demo-order2

The same from Python:
"""

from pathlib import Path

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum import slices_of, spectrum, take
from embedlens.experiments import demo_runs
from embedlens.figures.pruning import figure, figure_of_slices
from embedlens.figures.style import paper
from embedlens.store.concat import concatenate

curves = {}
for run in demo_runs():
    test, train = run.snapshot("test"), run.snapshot("train")
    curve = pruned_recall(test.embeddings, test.labels, fit=train.embeddings)
    curves[run.name] = curve
    best, most = curve.recall.argmax(), curve.recall.max()
    print(f"{run.name}: {curve.recall[-1]:.4f} with all components,", end=" ")
    print(f"at most {most:.4f}, with {curve.dims[best]}")

with paper("cvpr"):
    drawn = figure(curves, title=f"test, epoch {test.epoch}", fit="train")
    drawn.savefig("pca_prune.pdf")

# %%
# An embedding that is made of slices, such as an ensemble, is taken apart by ``--slices``: on the left
# the spectrum of each slice, on the right the same curve for each slice and for the whole. Here the two
# runs are concatenated first; ``--slices recorded`` knows the slices of a run that has its own.
#
# .. code-block:: sh
#
#    embedlens concat demo-order1 demo-order2 --out runs/both
#    embedlens pca-prune runs/both --slices 2

both = concatenate(demo_runs(), Path("runs/both"))
test, train = both.snapshot("test"), both.snapshot("train")
whole = pruned_recall(test.embeddings, test.labels, fit=train.embeddings)
parts = []
for one in slices_of(both.info.dim, 2)[0]:
    z, fit = take(test.embeddings, one), take(train.embeddings, one)
    parts.append((spectrum(z), pruned_recall(z, test.labels, fit=fit)))

with paper("cvpr"):
    slices = figure_of_slices({"both": (whole, parts)}, fit="train")

# %%
# How to read it
# --------------
#
# - **The right end** is Recall@1 of the embedding as it is, exactly: a rotation changes no similarity.
# - **Where the curve becomes flat**, the other components add nothing to the nearest neighbour. For both
#   runs that is at about 16 of 64.
# - **A curve that falls again to the right** says that the small components hurt: they carry more noise
#   than class. Both do, a little: the first order has 90.2 % with 16 components and 89.9 % with all, the
#   second order 87.0 % and 86.1 %.
# - **Slices**: the concatenation of the two runs stands between them at every number of components that
#   all have, and ends below the first run. An ensemble is worth its size only if the black curve ends
#   above every slice.
#
# When it misleads
# ----------------
#
# - The components are fitted on the training split (``--fit``), whose classes are others. Where the curve
#   is flat there may be directions that matter for unseen classes and vary little among the seen ones.
# - The end of a long plateau is not sharp. Report Recall@1 at fixed numbers (``--dims 64,32,16``) rather
#   than the number of components that is needed.
# - With one component all cosines are 1 or -1, so that nearly everything ties. Ties count against the
#   item, so the curve begins near 0.
#
# Options
# -------
#
# ``--dims 64,32,16`` keeps these numbers of components instead of all; ``--fit`` names the split that the
# components are fitted on; ``--svd`` takes the components of the uncentred embeddings; ``--center``
# subtracts the mean before the rotation; ``--similarity inner`` compares by the inner product of what is
# left. See the :doc:`command line reference </reference/commands/pca-prune>`.
#
# Formula
# -------
#
# With :math:`V_d` the d leading eigenvectors of the covariance of the normalised embeddings of the fit,
# items are compared by
#
# .. math::
#
#    \cos\bigl(V_d^\top z_i,\ V_d^\top z_j\bigr), \qquad d = 1, \dots, D.
#
# :math:`z` is rotated and not centred, so that for :math:`d = D` every similarity is that of the
# embedding.
