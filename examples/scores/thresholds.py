"""
One threshold for all classes
=============================

Does a threshold that is right for most pairs treat all classes alike? Classes differ in how wide they are and
how near their neighbours; ``verify`` says how much that matters.

.. code-block:: sh

   embedlens verify demo-order1 demo-order2 --far 0.01

The same from Python:"""

import numpy as np

from embedlens.analysis.verification import threshold_consistency
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.verification.consistency import figure

results = {}
for run in demo_runs():
    snapshot = run.snapshot("test", -1)
    found = threshold_consistency(snapshot.embeddings, snapshot.labels, [0.01])
    results[run.name] = found
    worst = found.classes[np.argsort(found.deviation)[::-1][:3]]
    print(
        f"{run.name}: OPIS {found.opis:.4f}, FAR of classes 0.01 ± {found.spread(found.far)[0]:.4f}, "
        f"TAR ± {found.spread(found.tar)[0]:.3f}, least consistent: {worst.tolist()}"
    )

with paper("cvpr"):
    drawn = figure(results, title="test, epoch 4")
    drawn.savefig("thresholds.pdf")

# %%
# How to read it
# --------------
#
# - **First panel.** Each threshold of the distance has a *utility* in every class: the harmonic mean of
#   the fraction of its genuine pairs that are accepted and of its impostor pairs that are rejected. The
#   line is the mean over classes, the band holds 90 % of them. A narrow band says that one threshold
#   suits all.
# - **OPIS** is the mean squared distance of the classes from that line.
# - **Second panel.** The threshold that each class would need for a false accept rate (FAR) of 0.01. The
#   steeper, the more alike classes are; the vertical line is the threshold that all pairs together have.
#   Classes on its left accept more impostors than 0.01, those on its right fewer.
# - The CSV beside the figure has a row per class. Sorted by ``deviation``, the first are those to look at.
#
# When it misleads
# ----------------
#
# - OPIS is 0 also where every class does equally badly. Compare it at similar Recall@1.
# - TAR of a class of few items takes few values: part of its spread is chance.
#
# Options
# -------
#
# ``--far`` sets the rates of the operating points; the second panel has the smallest. ``embedlens evaluate
# --metrics threshold_consistency`` has the numbers alone, ``curves --metrics opis`` their course. See the
# :doc:`guide </guides/collapse>`.
#
# Formula
# -------
#
# With the utility :math:`U_c(d)` of class :math:`c` at the threshold :math:`d`,
#
# .. math::
#
#    \mathrm{OPIS} = \operatorname{mean}_{c, d}
#    \left( U_c(d) - \operatorname{mean}_{c'} U_{c'}(d) \right)^2,
#
# over thresholds between those at which all pairs have FAR 0.01 and 0.1. Source: Q. Zhang, L. Xu, Q. Tang,
# J. Fang, Y. N. Wu, J. Tighe and Y. Xing, *Threshold-consistent margin loss for open-world deep metric
# learning*, ICLR 2024.
