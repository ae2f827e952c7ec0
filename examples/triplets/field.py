"""
Gradient field of a loss
========================

Where would one gradient step of a loss move a triplet, at any place of the diagram? The field answers
without any training: it depends on the loss alone.

.. code-block:: sh

   embedlens scatter demo-order2 --split test --field epshn --order 2

The same from Python, for both orders of EPSHN:
"""

from embedlens.analysis.triplets import nearest_triplets
from embedlens.analysis.triplets.field import field
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.triplets.field import figure
from embedlens.figures.triplets.panels import ScatterPanel

drawn = []
for order, run in enumerate(demo_runs(), start=1):
    snapshot = run.snapshot("test", -1)
    triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
    panel = ScatterPanel(run.name, "test", snapshot.epoch, triplets)
    with paper("cvpr"):  # also while a figure is saved
        drawn.append(figure([panel], field("epshn", order=order), width="column"))
        drawn[-1].savefig(f"field-order{order}.pdf")
    corner = field("epshn", ([0.95], [0.95]), order=order)
    ratio = corner.d_an[0] / corner.d_ap[0]
    print(f"order {order}: at (0.95, 0.95) a dot moves along (1, {ratio:.0f})")

# %%
# How to read it
# --------------
#
# - Arrows have one length and say the direction only. Their grey is the speed, on a logarithmic scale.
# - The dots are those of the run, so one sees which arrows act on them.
#
# In the top right corner the first order moves a dot along (1, -1): as much towards its positive as away
# from its negative. There the positive is almost identical already, so half of the step is spent where
# nothing is to be won. The second order moves the same dot along (1, -19), almost straight down. That is
# why order 2 ends nearer to (1, 0).
#
# When it misleads
# ----------------
#
# - The field moves three free vectors. A network moves all items at once, so dots also move with their
#   neighbours.
# - It assumes perpendicular planes (anchor, positive) and (anchor, negative). ``--angle`` sets another
#   angle in degrees.
# - It is the limit of a small step: no learning rate, no momentum.
#
# Options
# -------
#
# ``--field`` takes contrastive, ep, ephn, epshn, n-pair-mc or triplet. See the
# :doc:`command line reference </reference/commands/scatter>`.
#
# Formula
# -------
#
# With :math:`P` and :math:`N` the similarities to positive and negative, :math:`L(P, N)` the loss,
# :math:`L_P, L_N` its derivatives, and :math:`\varphi` the angle between the planes, the change per unit of
# learning rate is
#
# .. math::
#
#    \dot P = -2 L_P (1 - P^2) - L_N c, \qquad \dot N = -2 L_N (1 - N^2) - L_P c,
#    \qquad c = \cos\varphi \sqrt{(1 - P^2)(1 - N^2)}.
#
# It follows the gradient simulation that H. Xuan published with *Hard Negative Examples are Hard, but
# Useful*, ECCV 2020.
