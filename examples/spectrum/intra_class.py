"""
Variance within the classes
===========================

Do all classes vary in the same way? The figure draws the variances of each class along its own principal
directions, and compares the covariances of the classes with what they would be if all were the same.

.. code-block:: sh

   embedlens spectrum demo-order1 demo-order2 --intra-class

The same from Python:
"""

import numpy as np

from embedlens.analysis.spectrum import class_spectra
from embedlens.experiments import demo_runs
from embedlens.figures.spectrum.intra_class import figure
from embedlens.figures.style import paper

results = {}
for run in demo_runs():
    snapshot = run.snapshot("test", -1)
    results[run.name] = class_spectra(snapshot.embeddings, snapshot.labels)
    for name, value in results[run.name].summary().items():
        print(run.name, name, f"{value:.4g}")

with paper("cvpr"):
    drawn = figure(results, width="full", title="test, epoch 4")
    drawn.savefig("intra_class.pdf")

# %%
# Up to ten classes have colours and names. Six digits, with the variances of each:

few = np.isin(snapshot.labels, np.unique(snapshot.labels)[:6])
digits = class_spectra(snapshot.embeddings[few], snapshot.labels[few])
with paper("cvpr"):
    named = figure({run.name: digits}, names=run.class_names, title=run.name)

# %%
# How to read it
# --------------
#
# - **A thin line** is one class: its variance along its first, second, ... principal direction, falling.
#   It ends with the directions that its items span, one fewer than there are items. **The black line** is
#   the mean of the classes, drawn to where half of them end.
# - **Variation** is the coefficient of variation of the total variance over the classes: 0 if all classes
#   are equally wide. The second order has wider classes (mean total variance 0.208 against 0.126), and
#   more equal ones (0.30 against 0.48).
# - **Similarity** is the mean cosine between the covariances of two classes: 1 if they vary in the same
#   directions and proportions.
# - **Null** is what both would be if all classes had one covariance. Compare with that: here the
#   variation is above it and the similarity below, for both runs, so the classes do differ in how they
#   vary. A method that assumes one distribution within all classes (as deep variational metric learning
#   does) assumes the contrary.
#
# When it misleads
# ----------------
#
# - Classes of few items differ by chance, and a covariance of 12 items has at most 11 directions of 64.
#   So not 0 and 1 are the values to compare with, but the null.
# - The mean of the leading variances is biased upwards with few items: each class is measured along the
#   directions in which its own items happen to vary most.
# - Similarity knows shape and directions, not size. Two classes of which one is ten times wider have 1.
#   That is what variation is for.
#
# Options
# -------
#
# ``--no-normalize`` takes rows as they are stored; ``--split`` and ``--epoch`` choose the snapshot, one
# epoch at a time. See the :doc:`command line reference </reference/commands/spectrum>`.
#
# Formula
# -------
#
# With :math:`A_c` the covariance of class :math:`c`, :math:`\mathrm{std}` over the classes with C - 1,
# and Frobenius norms:
#
# .. math::
#
#    \text{variation} = \frac{\mathrm{std}_c\, \mathrm{tr} A_c}{\mathrm{mean}_c\, \mathrm{tr} A_c}, \qquad
#    \text{similarity} = \mathrm{mean}_{c \ne c'}\,
#    \frac{\mathrm{tr}(A_c A_{c'})}{\lVert A_c \rVert \lVert A_{c'} \rVert}.
#
# The cosine is 1 minus the correlation matrix distance of M. Herdin, N. Czink, H. Ozcelik and E. Bonek,
# *Correlation Matrix Distance, a Meaningful Measure for Evaluation of Non-Stationary MIMO Channels*, VTC
# Spring 2005. The null: items' deviations from their class means, times :math:`\sqrt{n_c / (n_c - 1)}`,
# are permuted at random among the classes 20 times, as in M. J. Anderson, *Distance-Based Tests for
# Homogeneity of Multivariate Dispersions*, Biometrics 62, 2006.
