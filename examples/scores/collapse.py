"""
Collapse and dimension over the epochs
======================================

In which ways does the space collapse while it is trained? Classes become points (*NC1*), class means approach
the corners of a simplex (*NC2*), and dimensions come into use or fall out of it.

.. code-block:: sh

   embedlens curves demo-order1 demo-order2 --metrics nc1,nc2_max_angles,lidar,intrinsic_dim_twonn

The same from Python:"""

from embedlens.analysis.experiments.curves import Curve
from embedlens.analysis.scores import score
from embedlens.experiments import demo_runs
from embedlens.figures.experiments.curves import CurvePanel, figure, metric_label
from embedlens.figures.style import paper

names = ["nc1", "nc2_max_angles", "lidar", "intrinsic_dim_twonn"]
curves = {name: [] for name in names}
for run in demo_runs():
    epochs = run.epochs()
    snapshots = [run.snapshot("test", epoch) for epoch in epochs]
    found = [score(snapshot.embeddings, snapshot.labels, names) for snapshot in snapshots]
    print(run.name, {name: round(value, 3) for name, value in found[-1].items()})
    for name in names:
        values = [scores[name] for scores in found]
        curves[name].append(Curve.of(run.name, name, epoch=epochs, x=epochs, value=values))

with paper("cvpr"):
    panels = [CurvePanel(metric_label(name), tuple(lines)) for name, lines in curves.items()]
    drawn = figure(panels, width="full")
    drawn.savefig("collapse.pdf")

# %%
# How to read it
# --------------
#
# - **NC1** is the scatter within classes, measured by that of the class means. It falls as classes
#   contract; near 0 they are points, and nothing is left that distinguishes their items.
# - **NC2 max angles** is the mean distance of the cosines between class means from those of a simplex,
#   which is the most that all classes can be apart at once.
# - **LiDAR** counts the directions in which classes differ, measured by the scatter within them.
# - **The dimension by TwoNN** is that of the curved surface that items lie on. It falls where items of a
#   class line up, and is far below the number of dimensions as a rule.
#
# When it misleads
# ----------------
#
# - Neural collapse describes the *training* classes of a classifier. On unseen classes small numbers say
#   that they are separated, too; compare ``train_nc1`` and ``test_nc1``.
# - With more classes than dimensions no simplex fits, and NC2 has a floor above 0.
# - TwoNN looks at two neighbours: copies of images, or noise, decide it. Equal rows are measured once.
#
# Options
# -------
#
# ``--metrics neural_collapse`` and ``dimension`` stand for all of their scores; ``evaluate`` has
# ``--id-k`` and ``--alpha-range``, ``train`` has ``--log-metrics``. See the :doc:`guide
# </guides/collapse>`.
#
# Formula
# -------
#
# With the scatter within classes :math:`\Sigma_W`, that of the class means :math:`\Sigma_B`, and
# :math:`C` classes,
#
# .. math::
#
#    \mathrm{NC1} = \operatorname{tr}(\Sigma_W \Sigma_B^{+}) / C .
#
# All formulas and sources are in :doc:`metrics </reference/metrics>`: V. Papyan, X. Y. Han and D. L.
# Donoho, PNAS 2020; V. Thilak et al., ICLR 2024; E. Facco et al., Scientific Reports 2017.
