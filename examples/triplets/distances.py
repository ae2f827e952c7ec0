"""
Distances to the ideal
======================

Which run brings the triplets nearer to (1, 0)? Histograms of the distance show all triplets of several
runs, and a paired comparison tests the difference.

.. code-block:: sh

   embedlens distances demo-order1 demo-order2 --split test

The same from Python:
"""

from embedlens.analysis.triplets import follow_triplets, nearest_triplets
from embedlens.analysis.triplets.distances import distances, histograms
from embedlens.analysis.triplets.paired import compare
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.triplets.distances import StateDistribution, figure

first, second = demo_runs()
states = {
    "initial state (epoch 0)": first.snapshot("test", 0),
    first.name: first.snapshot("test", -1),
    second.name: second.snapshot("test", -1),
}
triplets = {name: nearest_triplets(state.embeddings, state.labels) for name, state in states.items()}
counted = histograms({name: distances(one) for name, one in triplets.items()})

paired = []
for reference in (first.name, second.name):
    sides = [
        distances(follow_triplets(states[run.name].embeddings, triplets[reference]))
        for run in (first, second)
    ]
    names = (first.name, second.name)
    paired.append(compare(*sides, names=names, reference=reference))
    print(paired[-1].summary())

shown = [StateDistribution(name, result, name.startswith("initial")) for name, result in counted.items()]
with paper("cvpr"):
    drawn = figure(shown, paired, n_text=f"n = {paired[0].n:,}")
    drawn.savefig("distances.pdf")

# %%
# How to read it
# --------------
#
# - Each histogram is of the state's own nearest triplets. Left is better: 0 is the ideal.
# - A narrow histogram, as a rule that of the initial state, is cut at the top; the arrow with a number says
#   how high it goes. *Beyond the axis* counts triplets farther than the axis shows.
# - The comparison follows the *same* triplets in both runs. It gives the median difference, its bootstrap
#   interval and the p-value of Wilcoxon's signed-rank test.
# - It is made twice, with the triplets that are nearest in each run. Triplets chosen in one run favour
#   the other one. If the two comparisons disagree in sign, the result is called undecided.
#
# When it misleads
# ----------------
#
# - Anchors of one class share neighbours, so they are not independent. Interval and p-value are somewhat
#   optimistic.
# - The distance weighs positive and negative alike. Retrieval depends on their order only: a run can be
#   nearer to (1, 0) and have a lower R@1, as here.
#
# Options
# -------
#
# ``--ecdf`` draws cumulative curves, ``--bins`` sets the bins. See the
# :doc:`command line reference </reference/commands/distances>`.
#
# Formula
# -------
#
# .. math::
#
#    d_a = \sqrt{(1 - s_{ap})^2 + s_{an}^2}.
#
# The interval is the percentile bootstrap of the median over anchors. The signed-rank test is that of F.
# Wilcoxon, *Individual comparisons by ranking methods*, Biometrics Bulletin 1 (1945).
