"""
Curves over the epochs
======================

Did the training converge, and do loss and scores agree? ``curves`` draws what stands in the log, and
computes from the snapshots what does not.

.. code-block:: sh

   embedlens curves demo-order1 demo-order2 --metrics test_recall_at_1 --monitor triplet --batches 16

The same from Python. Runs trained with different losses cannot be compared by their own loss; a *monitor*
computes one loss on the same batches of all snapshots (``--monitor triplet``):"""

from embedlens.analysis.experiments.curves import Curve
from embedlens.analysis.experiments.monitoring import check_monitors, fixed_batches, monitor
from embedlens.experiments import demo_runs
from embedlens.figures.experiments.curves import CurvePanel, figure
from embedlens.figures.style import paper

loss = check_monitors(["triplet"])["triplet"]
curves = {"test R@1": [], "triplet loss, test": []}
for run in demo_runs():
    epochs = run.epochs()
    batches = fixed_batches(run.labels("test"), count=16)
    recalls = [row["test_recall_at_1"] for row in run.log]
    values = []
    for epoch in epochs:
        snapshot = run.snapshot("test", epoch)
        each = monitor(snapshot.embeddings, snapshot.labels, loss, batches=batches)
        values.append(each.mean())
    print(run.name, [round(float(value), 4) for value in values])
    for curve, numbers in zip(curves.values(), (recalls, values), strict=True):
        curve.append(Curve.of(run.name, "value", epoch=epochs, x=epochs, value=numbers))

with paper("cvpr"):
    drawn = figure([CurvePanel(label, tuple(lines)) for label, lines in curves.items()])
    drawn.savefig("curves.pdf")

# %%
# How to read it
# --------------
#
# - A score that still rises at the last epoch says that the training was stopped early. Do not compare it
#   with one that has converged.
# - A training loss that falls while test R@1 falls, too, is overfitting, or a collapse: look at
#   ``mean_similarity``.
# - The same monitor makes runs of different losses comparable.
#
# When it misleads
# ----------------
#
# - Losses of different kinds have different scales. They stand in panels of their own.
# - The logged loss of an epoch is a mean over the epoch, while scores are of its end.
# - With ``--x seconds`` the machine is compared, too.
#
# Options
# -------
#
# ``--metrics`` chooses columns of the log or scores, ``--monitor`` losses, ``--x`` epoch, step or
# seconds, ``--seeds lines`` draws runs of a group one by one. See the :doc:`command line reference
# </reference/commands/curves>`.
#
# Formula
# -------
#
# Groups of seeds have mean and sample standard deviation. The monitors are the losses of the trainer, see
# :doc:`losses </guides/losses>`.
