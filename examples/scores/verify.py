"""
Verification of pairs
=====================

Are two items of one class? Faces, signatures and re-identified people are verified pair by pair, with a
threshold on the similarity.

.. code-block:: sh

   embedlens verify demo-order1 demo-order2

The same from Python, with pairs drawn by seed (``--pairs pairs.txt`` reads those of Labeled Faces in the
Wild):"""

from embedlens.analysis.verification import closed_set, open_set, roc, verify_pairs
from embedlens.experiments import demo_runs
from embedlens.figures.style import paper
from embedlens.figures.verification.pairs import figure as roc_figure
from embedlens.figures.verification.rank_1 import figure as rank_figure
from embedlens.pairs import draw_pairs

curves, ranks = {}, {}
for run in demo_runs():
    snapshot = run.snapshot("test", -1)
    z, y = snapshot.embeddings, snapshot.labels
    found = verify_pairs(z, draw_pairs(y))
    curves[run.name] = roc(found.similarity, found.same)
    ranks[run.name] = open_set(z, y)
    print(
        f"{run.name}: accuracy {found.accuracy:.4f} ± {found.accuracy_se:.4f}, "
        f"AUC {curves[run.name].auc:.4f}, EER {curves[run.name].eer:.4f}, "
        f"TAR at FAR 0.001 {curves[run.name].tar_at(0.001):.3f}, "
        f"rank-1 {closed_set(z, y).rank_1:.4f}"
    )

with paper("cvpr"):
    drawn = roc_figure(curves, title="test, epoch 4")
    identified = rank_figure(ranks, title="test, epoch 4")
    drawn.savefig("roc.pdf")

# %%
# How to read it
# --------------
#
# - **The ROC** has the false accept rate (FAR) on a logarithmic axis: the fraction of impostor pairs that
#   pass the threshold. Up is better; what counts is the left end, where few impostors pass.
# - **Accuracy in ten folds**: the threshold is chosen on nine folds and judged on the tenth.
# - **EER** is the rate at which the fraction of impostor pairs that pass equals that of genuine pairs
#   that fail.
# - **DIR at FAR** (second figure) is open-set identification: the fraction of probes of known classes
#   that are found at rank 1 *and* pass a threshold that lets only a fraction FAR of unknown probes
#   through.
#
# When it misleads
# ----------------
#
# - Drawn pairs are mostly easy: two random items of two classes are rarely similar. Accuracy near 1 on
#   drawn pairs says little; compare at a small FAR.
# - The smallest FAR that can be measured is one impostor pair of all. Below it no value is given.
# - Pairs that share a class are not independent. Folds have classes of their own where the data allow it;
#   ``--json`` says whether.
#
# Options
# -------
#
# ``--pairs`` reads lists of pairs, ``--folds`` and ``--seed`` draw others, ``--far`` sets the rates. See
# the :doc:`command line reference </reference/commands/verify>`.
#
# Formula
# -------
#
# With the similarities :math:`s` of genuine pairs :math:`G` and impostor pairs :math:`I`, and a threshold
# :math:`t`,
#
# .. math::
#
#    \mathrm{TAR}(t) = \frac{|\{g \in G: s_g \ge t\}|}{|G|}, \qquad
#    \mathrm{FAR}(t) = \frac{|\{i \in I: s_i \ge t\}|}{|I|}.
#
# The protocol in ten folds is that of G. B. Huang, M. Ramesh, T. Berg and E. Learned-Miller, *Labeled
# Faces in the Wild*, technical report 07-49, University of Massachusetts, 2007.
