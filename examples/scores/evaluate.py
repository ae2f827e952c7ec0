"""
Scores of retrieval and clustering
==================================

How good are the embeddings? ``evaluate`` computes the scores that the field reports, as a table for the
terminal, for a spreadsheet (``--csv``) or for a paper (``--latex``).

.. code-block:: sh

   embedlens evaluate demo-order1 demo-order2

It prints a table. From Python, for every epoch, drawn as curves:
"""

from embedlens.analysis.experiments.curves import Curve
from embedlens.analysis.scores import score
from embedlens.experiments import demo_runs
from embedlens.figures.experiments.curves import CurvePanel, figure, metric_label
from embedlens.figures.style import paper

wanted = ["recall_at_1", "map_at_r", "nmi", "effective_rank"]
curves = {name: [] for name in wanted}
for run in demo_runs():
    snapshots = [run.snapshot("test", epoch) for epoch in run.epochs()]
    scores = [score(one.embeddings, one.labels, wanted) for one in snapshots]
    print(run.name, {name: round(value, 4) for name, value in scores[-1].items()})
    for name in wanted:
        values = [one[name] for one in scores]
        curves[name].append(Curve.of(run.name, name, epoch=run.epochs(), x=run.epochs(), value=values))

panels = [CurvePanel(metric_label(name), tuple(several)) for name, several in curves.items()]
with paper("cvpr"):
    drawn = figure(panels)
    drawn.savefig("scores.pdf")

# %%
# How to read it
# --------------
#
# - **R@1** is the fraction of items whose nearest neighbour is of their class. **MAP@R** also looks at
#   the R nearest, R being the number of other items of the class, and falls much earlier when a class has
#   several clusters.
# - **NMI** compares k-means clusters with the classes. It is high for many small classes even where
#   clusters are poor, so compare it between runs, not with 1.
# - **Effective rank** says how many dimensions are used. A collapse shows in it and in
#   ``mean_similarity`` (near 1) before R@1 falls.
#
# When it misleads
# ----------------
#
# - Scores of different test splits cannot be compared: R@1 falls as the number of classes grows.
# - The last epoch is not the best one, and the best test epoch is chosen on the test data. Say which one
#   you report.
# - One seed says little. Runs that differ in their seed alone get a row with mean and standard deviation.
# - Duplicates in the test split make R@1 easy; ``evaluate`` warns of them, and ``--exclude-duplicates``
#   leaves them out.
#
# Options
# -------
#
# ``--metrics`` chooses the scores, ``--epoch all`` the epochs, ``--gallery`` another split to search,
# ``--slices`` the slices of an ensemble, ``--log`` writes the scores into the log. See the :doc:`command
# line reference </reference/commands/evaluate>`.
#
# Formula
# -------
#
# :doc:`All scores </reference/metrics>` with formulas and sources. Recall@1 and MAP@R:
#
# .. math::
#
#    \mathrm{R@1} = \frac{1}{N} \sum_a \bigl[\max_{n: y_n \ne y_a} s_{an} < \max_{p: y_p = y_a} s_{ap}\bigr],
#    \qquad \mathrm{MAP@R} = \frac{1}{N} \sum_a \frac{1}{R_a} \sum_{i=1}^{R_a} \mathrm{rel}_a(i)\, P_a(i).
#
# MAP@R: K. Musgrave, S. Belongie and S.-N. Lim, *A Metric Learning Reality Check*, ECCV 2020.
