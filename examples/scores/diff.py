"""
Differences between two runs
============================

Which items did one run win and another lose? R@1 says how many more; ``diff`` says which, of which classes,
and with which class they are confused now.

.. code-block:: sh

   embedlens diff demo-order1 demo-order2

The same from Python:
"""

from embedlens.analysis.differences import (
    class_changes,
    compare,
    confusions_of,
    retrieval_outcomes,
    worst_losses,
)
from embedlens.experiments import demo_runs
from embedlens.figures.differences import anchors, classes, confusions, losses
from embedlens.figures.style import paper

runs = demo_runs()
snapshots = [run.snapshot("test", -1) for run in runs]
sides = [retrieval_outcomes(one.embeddings, one.labels) for one in snapshots]
found = compare(sides[:1], sides[1:], names=tuple(run.name for run in runs))
print(
    f"R@1 {found.interval.value:+.4f} [{found.interval.low:+.4f}, {found.interval.high:+.4f}], "
    f"won {found.won.sum()}, lost {found.lost.sum()}, McNemar p {found.test.p_value:.1g}"
)

names = runs[0].class_names
with paper("cvpr"):
    ranks = anchors.figure(found, title="test, epoch 4")
    ranks.savefig("diff.pdf")

# %%
# The classes that gained and lost most, and the confusions that became more and less frequent:

with paper("cvpr"):
    by_class = classes.figure(class_changes(found), class_names=names, title="test, epoch 4")
    by_pair = confusions.figure(confusions_of(found), class_names=names, title="test, epoch 4")

# %%
# The worst losses: beside each anchor its nearest positive (green) and negative (orange) in both runs, the
# nearer of the two first.

with paper("cvpr"):
    sheet = losses.figure(
        worst_losses(found, 8), runs[0].thumbnails("test"), class_names=names, title="test, epoch 4"
    )

# %%
# How to read it
# --------------
#
# - **Ranks**: each cell counts anchors by the rank of their nearest positive in both runs. The outlined
#   column has the anchors that only the first run retrieves, the outlined row those that only the second
#   does. Above the diagonal the positive is farther in the second.
# - **The interval** draws classes with replacement, since items of one class share neighbours. With fewer
#   than about 20 classes it is too narrow.
# - **Classes and confusions**: a hollow dot is the first run, a filled one the second; n is the number of
#   anchors of the class.
#
# When it misleads
# ----------------
#
# - One run per method says little about the methods. Name several seeds of both; the interval then draws
#   seeds, too.
# - McNemar's test takes anchors as independent, so its p is too small.
# - The classes that changed most were selected for their change. Most would change less in a repetition.
#
# Options
# -------
#
# ``--from-epoch`` and ``--to-epoch`` compare two epochs of one run, ``--top`` and ``--losses`` set what is
# drawn. See the :doc:`guide </guides/diff>` and the :doc:`command line reference
# </reference/commands/diff>`.
#
# Formula
# -------
#
# The rank of the nearest positive of an anchor :math:`a`, and R@1 of :math:`N` anchors:
#
# .. math::
#
#    r_a = 1 + \bigl|\{n: y_n \ne y_a,\ s_{an} \ge \max_{p: y_p = y_a} s_{ap}\}\bigr|, \qquad
#    \mathrm{R@1} = \frac{1}{N} \sum_a [r_a = 1].
#
# With :math:`b` anchors won and :math:`c` lost, McNemar's exact p is
#
# .. math::
#
#    p = \min\Bigl(1,\ 2 \sum_{i \le \min(b, c)} \binom{b + c}{i} 2^{-(b + c)}\Bigr).
#
# Q. McNemar, *Note on the sampling error of the difference between correlated proportions or percentages*,
# Psychometrika 12, 1947.
